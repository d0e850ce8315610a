"""Sockets to listen on."""

import socket


class ListenError(OSError):
    """The address cannot be listened on; the message says which, why, and what to do."""


def listen(host: str, port: int, backlog: int, option: str) -> socket.socket:
    """Bind a socket, before anything else is started, so that a taken port is an error at once.

    Args:
        host: a name or address.
        port: 0 for any free one.
        backlog: connections that may wait to be accepted.
        option: what to name another port with, for the error's text.

    Raises:
        ListenError: it is taken, not allowed, or none of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ListenError(f"cannot listen on {host}: {error.strerror}; give an address with --host") from None
    family, _, _, _, where = found[0]
    # uvloop and asyncio switch off Nagle's delay only for sockets that name their protocol
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(where)
    except OSError as error:
        listener.close()
        why = (error.strerror or type(error).__name__).lower()
        raise ListenError(
            f"cannot listen on {host} port {port}: {why}; name another with {option} or --host,"
            f" or end what listens there (ss -ltnp 'sport = :{port}')"
        ) from None
    listener.listen(backlog)
    return listener


def address(listener: socket.socket) -> str:
    """Where it listens, as it is written in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
