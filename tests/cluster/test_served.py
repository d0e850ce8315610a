"""What a client that trusts a caBundle sees of a listener, over real TLS."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_server import free_port

from app.certificates import KeyPair, issue_leaf, new_authority
from app.cluster.served import look
from app.core.diagnosis.observation import Address, Reach

NAME = "guard.ns.svc"
NOW = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
DAY = timedelta(days=1)
AUTHORITY = new_authority("test CA", NOW - 9 * DAY)
OTHER = new_authority("another CA", NOW)


def bundle(*authorities: KeyPair) -> str:
    """A caBundle that trusts these."""
    return base64.b64encode(b"".join(one.certificate for one in authorities)).decode()


@asynccontextmanager
async def serving(pair: KeyPair, folder: Path) -> AsyncIterator[tuple[str, int]]:
    """A listener with this pair, which sees that it is asked by name."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            await reader.read()
        writer.transport.abort()

    async with await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context) as server:
        host, port = server.sockets[0].getsockname()
        yield host, port


@pytest.mark.parametrize(
    ("made", "trusted", "refused"),
    [
        (lambda: issue_leaf(AUTHORITY, [NAME], NOW), [AUTHORITY], ""),
        (lambda: issue_leaf(AUTHORITY, [NAME], NOW), [OTHER, AUTHORITY], ""),
        (lambda: issue_leaf(AUTHORITY, [NAME], NOW), [OTHER], "unable to get local issuer certificate"),
        (lambda: issue_leaf(AUTHORITY, ["other.ns.svc"], NOW), [AUTHORITY], "Hostname mismatch"),
        (lambda: issue_leaf(AUTHORITY, [NAME], NOW - 5 * DAY, 2 * DAY), [AUTHORITY], "expired"),
        (lambda: issue_leaf(AUTHORITY, [NAME], NOW + 5 * DAY), [AUTHORITY], "not yet valid"),
        (lambda: AUTHORITY, [AUTHORITY], "unsuitable certificate purpose"),
    ],
    ids=["good", "two CAs", "another CA", "another name", "over", "not begun", "no leaf"],
)
async def test_a_certificate_is_judged_as_the_api_server_would(
    tmp_path: Path, made: Callable[[], KeyPair], trusted: list[KeyPair], refused: str
) -> None:
    """By issuer, name and dates; whatever is wrong, its dates are seen."""
    pair = made()
    async with serving(pair, tmp_path) as by:
        seen = await look(Address(NAME, 443, ("ns", "guard")), bundle(*trusted), by)
    assert seen.reach is Reach.REACHED
    assert seen.by == f"127.0.0.1:{by[1]}"
    assert refused in seen.refused
    assert bool(refused) is bool(seen.refused)
    assert seen.begins is not None
    assert seen.ends is not None
    assert seen.begins < seen.ends


async def test_a_leaf_that_is_trusted_itself_will_do(tmp_path: Path) -> None:
    """Go takes whatever the bundle holds for a root, so a bundle of the leaf alone verifies it."""
    leaf = issue_leaf(AUTHORITY, [NAME], NOW)
    async with serving(leaf, tmp_path) as by:
        assert (await look(Address(NAME, 443, ("ns", "guard")), bundle(leaf), by)).refused == ""


@pytest.mark.parametrize("text", ["", base64.b64encode(b"no PEM").decode(), "%%%"])
async def test_a_bundle_without_a_certificate_verifies_nothing(tmp_path: Path, text: str) -> None:
    """Empty means the system's CAs, of which none signed this."""
    async with serving(issue_leaf(AUTHORITY, [NAME], NOW), tmp_path) as by:
        assert (await look(Address(NAME, 443, ("ns", "guard")), text, by)).refused


async def test_the_end_of_the_last_ca_is_seen_without_connecting() -> None:
    """It is read off the bundle; of several CAs the one that lasts longest counts."""
    lasting = new_authority("lasting CA", NOW, 20 * DAY)
    ending = new_authority("ending CA", NOW, 2 * DAY)
    seen = await look(Address("guard.ns.invalid", 443, ("ns", "guard")), bundle(ending, lasting))
    assert seen.trusted_until is not None
    assert abs(seen.trusted_until - (NOW + 20 * DAY)) < timedelta(seconds=2)
    assert (await look(Address("guard.ns.invalid", 443), "")).trusted_until is None


async def test_a_name_that_means_nothing_is_told_from_a_listener_that_is_not_there() -> None:
    """The one is where we are, the other what is wrong."""
    seen = await look(Address("guard.ns.invalid", 443, ("ns", "guard")), "")
    assert (seen.reach, bool(seen.said)) == (Reach.UNRESOLVED, True)
    seen = await look(Address(NAME, 443, ("ns", "guard")), "", ("127.0.0.1", free_port()))
    assert (seen.reach, bool(seen.said)) == (Reach.FAILED, True)


async def test_a_listener_that_speaks_no_tls_is_not_reached() -> None:
    """Plain HTTP on that port is a failure, in OpenSSL's words."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        by = server.sockets[0].getsockname()
        seen = await look(Address(NAME, 443, ("ns", "guard")), bundle(AUTHORITY), by)
    assert (seen.reach, bool(seen.said)) == (Reach.FAILED, True)
