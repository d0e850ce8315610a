"""What a Kubernetes audit log says about lost status: lines in, a report out.

``event`` reads a line, ``known`` keeps what objects last looked like within bounds, ``weighing`` judges one write by
the guards as the webhook would have, ``replay`` takes line after line, and ``report`` is what comes of it.
"""
