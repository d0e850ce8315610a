"""The gate's engine: installs that wait until they can succeed, are sent once, and are followed to their end.

It decides nothing itself (app/core/gate does) and knows no HTTP: what it asks of Rancher is in ``port``.
"""
