"""The only code that talks to Rancher: the gate's port (``app.gate.port``) over HTTP/1.1.

``upstream`` is where Rancher is and what vouches for it; ``stream`` is one connection's bytes, ``http1`` the protocol
on them, ``kept`` the connections that are kept; ``connection`` is one of an install's own; ``readings`` is what is
asked and what an answer says; ``client`` is the port; ``passing`` streams every other call through. All of it goes to
the one configured origin, follows no redirect and uses no proxy.
"""
