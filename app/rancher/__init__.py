"""The only code that talks to Rancher: the gate's port (``app.gate.port``) over HTTP/1.1.

``upstream`` is where Rancher is and what vouches for it; ``stream`` is one connection's bytes; ``exchange`` is one
request and its answer; ``connection`` is a connection of an install's own; ``client`` is the port; ``passing`` streams
every other call through. All of it goes to the one configured origin, follows no redirect and uses no proxy.

It stands on httpcore, which is what httpx itself sends with, and not on httpx: its client adds headers, keeps cookies,
rewrites URLs and opens another connection where it sees fit, and each of these the gate promises not to do.
"""
