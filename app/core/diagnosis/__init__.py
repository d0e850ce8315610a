"""What is wrong with a guarded cluster: observations in, findings out.

``observation`` holds what was seen, ``finding`` what is said about it. Each check is a function of its own:
``registration``, ``conditions``, ``certificates``, ``trials``, ``keeper``, ``subresources``, ``order`` and ``native``;
``checkup`` runs them all.
"""
