"""One rule document, three forms: guards in, Kubernetes manifests out, as plain values.

``webhook``, ``vap`` and ``map`` each make one form; ``matching`` has the match conditions and ``loss`` the questions
that all forms ask, in the CEL of ``cel``; ``restoring`` makes the patches of ``map``; ``manifest`` and ``versions``
hold what they share, and ``limits`` says in words what CEL cannot do.
"""
