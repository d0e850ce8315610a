"""Counting what connections have unanswered, over TLS in memory."""

import ssl

import pytest
from server_process import Pki

from app.api.allowance import LONGEST_HEAD, Allowance

HEAD = b"POST / HTTP/1.1\r\n\r\n"
PIECE = 10_000
"""Bytes; two of them are longer than a request's head may be, one is not."""


class Ends:
    """Both ends of a connection in memory."""

    def __init__(self, allowance: Allowance, pki: Pki) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.certificate, pki.key)
        context.sslobject_class = allowance.applied_to(context.sslobject_class)
        upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.near = pki.client_context().wrap_bio(downward, upward, server_hostname="localhost")
        self.far = context.wrap_bio(upward, downward, server_side=True)
        for end in (self.near, self.far, self.near, self.far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue

    def send(self, data: bytes, *, into_buffer: bool = False) -> None:
        """Send from one end and read all of it at the other."""
        self.near.write(data)
        left = len(data)
        while left:
            left -= self.far.read(left, bytearray(left)) if into_buffer else len(self.far.read(left))


@pytest.mark.parametrize("into_buffer", [False, True])
def test_connections_are_counted_together(into_buffer: bool, pki: Pki) -> None:  # noqa: FBT001 - a parameter
    """Beyond the sum for all, whoever goes on sending is cut off; an answer or an end takes a count away."""
    allowance = Allowance(each=10**9, together=5 * PIECE)
    first, second = Ends(allowance, pki), Ends(allowance, pki)
    for connection in (first, second):
        for data in (HEAD + b"a" * (PIECE - len(HEAD)), b"b" * PIECE):
            connection.send(data, into_buffer=into_buffer)
    assert allowance.held == 4 * PIECE
    second.far.write(b"HTTP/1.1 200 OK")
    assert allowance.held == 2 * PIECE
    first.send(b"c" * 3 * PIECE, into_buffer=into_buffer)
    with pytest.raises(ConnectionAbortedError, match="more than is held"):
        first.send(b"d", into_buffer=into_buffer)
    second.send(HEAD, into_buffer=into_buffer)
    del first.far
    assert allowance.held == len(HEAD)


def test_one_connection_has_a_bound_of_its_own(pki: Pki) -> None:
    """A connection that sends more than any request has is cut off."""
    connection = Ends(Allowance(each=3 * PIECE, together=10**9), pki)
    connection.send(HEAD + b"a" * (3 * PIECE - len(HEAD)))
    with pytest.raises(ConnectionAbortedError, match="more than is held"):
        connection.send(b"b")


def test_an_interim_answer_is_no_answer(pki: Pki) -> None:
    """After "100 Continue" the same request goes on: its body needs no head, and is counted with it."""
    allowance = Allowance(each=10**9, together=10**9)
    connection = Ends(allowance, pki)
    connection.send(HEAD)
    connection.far.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    connection.send(b"b" * (LONGEST_HEAD + 1))
    assert allowance.held == len(HEAD) + LONGEST_HEAD + 1


def test_each_request_needs_a_head(pki: Pki) -> None:
    """After an answer the next head has to end within its bound again."""
    connection = Ends(Allowance(each=10**9, together=10**9), pki)
    connection.send(HEAD + b"a" * PIECE)
    connection.far.write(b"HTTP/1.1 200 OK")
    connection.send(b"b" * LONGEST_HEAD)
    with pytest.raises(ConnectionAbortedError, match="header lines do not end"):
        connection.send(b"b")
