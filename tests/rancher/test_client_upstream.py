"""Where the client connects to, and whom it trusts there."""

from pathlib import Path

import pytest
from raw_upstream import Peer, RawUpstream, authority, serving_context

from app.core.gate.reading import Unread
from app.gate.port import Credential, NotSentError, Place
from app.rancher.client import RancherClient
from app.rancher.connection import opened
from app.rancher.upstream import Upstream, UpstreamError

PLACE = Place("local", "harvester")
NOBODY = Credential(())


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("https://rancher.example", "rancher.example", 443, b"rancher.example"),
        ("https://Rancher.Example:443/", "rancher.example", 443, b"rancher.example"),
        ("https://rancher.cattle-system:8443", "rancher.cattle-system", 8443, b"rancher.cattle-system:8443"),
        ("http://rancher.cattle-system", "rancher.cattle-system", 80, b"rancher.cattle-system"),
        ("https://[fd00::1]:444", "fd00::1", 444, b"[fd00::1]:444"),
    ],
)
def test_an_address_is_an_origin(url: str, host: str, port: int, authority: bytes) -> None:
    """Host, port and what the Host header says come from the URL."""
    upstream = Upstream.at(url)
    assert (upstream.host, upstream.port, upstream.authority) == (host, port, authority)
    assert (upstream.context is not None) == url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        *("", "rancher.example", "ftp://rancher.example", "https://", "https://:443", "https://rancher.example:x"),
        *("https://admin:hush@rancher.example", "https://rancher.example/v1", "https://rancher.example?x=1"),
        *("https://rancher.example#x", "https://ränch.example", "https://[::1", "https://rancher.example:99999"),
    ],
)
def test_what_is_no_origin_is_refused(url: str) -> None:
    """A URL that is more, less or something else than an origin is refused in words, without its password."""
    with pytest.raises(UpstreamError, match=r"^Rancher's URL .+\.$") as caught:
        Upstream.at(url)
    assert "hush" not in str(caught.value)


def test_a_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    """A CA file that is missing, empty or something else is named, with what is wrong."""
    missing, empty = tmp_path / "missing.crt", tmp_path / "empty.crt"
    empty.touch()
    with pytest.raises(UpstreamError, match=r"missing\.crt cannot be read: No such file or directory\."):
        Upstream.at("https://rancher.example", missing)
    with pytest.raises(UpstreamError, match=r"empty\.crt holds no certificate in PEM form\."):
        Upstream.at("https://rancher.example", empty)


async def test_the_configured_ca_alone_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is trusted by the CA in the file, and by no CA of the environment's; proxies there are not used."""
    ca, other = tmp_path / "ca.crt", tmp_path / "other.crt"
    authority().cert_pem.write_to_path(str(ca))
    type(authority())().cert_pem.write_to_path(str(other))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"kind":"ClusterRepo"}')

    async with RawUpstream(script, serving_context()) as server:
        url = f"https://localhost:{server.port}"
        for file, expected in ((ca, {"kind": "ClusterRepo"}), (other, Unread.FAILED)):
            client = RancherClient(Upstream.at(url, file), lambda *_: None)
            assert await client.repository(PLACE, NOBODY) == expected
            client.close()
        with pytest.raises(NotSentError, match="a certificate that is not trusted"):
            async with opened(Upstream.at(url, other), lambda *_: None):
                pass


async def test_a_redirect_is_not_followed() -> None:
    """No answer sends a credential anywhere else."""

    async def elsewhere(peer: Peer) -> None:
        raise AssertionError(peer)

    async with RawUpstream(elsewhere) as other:

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"", "307 Temporary Redirect", f"Location: http://127.0.0.1:{other.port}/")

        async with RawUpstream(script) as server:
            client = RancherClient(server.upstream, lambda *_: None)
            assert await client.repository(PLACE, NOBODY) is Unread.FAILED
            assert await client.user(NOBODY) is Unread.FAILED
            client.close()
        assert other.peers == []
