"""Which kinds of a cluster can lose their status, which of them are guarded, and what a guard for the rest may say.

``definition`` reads a CustomResourceDefinition, ``exposed`` decides what it lets clients do and which guards look after
it, ``registered`` compares the rules with the webhook configurations of a cluster, ``seen`` sums up live objects,
``guessing`` makes a guess of a guard from schema and objects, and ``draft`` writes it down with its reasons.
"""
