"""The keeper: watches guarded objects, keeps last-known-good status, sees what slipped past admission and repairs it.

``port`` says what it asks of a cluster; ``app/cluster`` answers. What is good, what is lost and what may be put back is
decided in ``app/core/history``.
"""
