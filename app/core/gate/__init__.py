"""The gate's decisions: pure functions over what was observed. No I/O, no clock; times and jitter are arguments.

What is known before an install:

- ``repository``: the predicate on a ClusterRepo (``assess`` gives a ``readiness.Readiness`` made of ``Check``).
- ``probe``: the verdict on one ``link=info`` answer (``judge``), and for how long it may be kept (``cache_key``).

What an answer means, and what happened if there was none:

- ``messages``: Rancher's answer to an install or a probe by status, code and anchored message (``classify``).
- ``reconcile``: bytes were sent and the answer was lost (``reconcile``).

What comes of it:

- ``following``: Operation, App and UIPlugin until the release is installed (``advance``, ``verdict``).
- ``schedule``: delays, the settle period, how many probes, when to nudge. All in seconds.

What a client asked for: ``installation_call``, ``body``, ``preferences``, ``origin``, ``forwarding``, ``redaction``.

Shared by these: ``readiness`` (checks), ``answer`` (causes), ``reading`` (total readers of parsed JSON), ``wire_error``
and ``matching`` (for the message table), ``cluster_repo``, ``operation``, ``app_release``, ``ui_plugin`` (an object).
"""
