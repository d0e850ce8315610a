"""The shared HTTPS endpoint: what it refuses to start with, and what readiness finds on its port."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from server_process import Pki

from app.certificates import issue_leaf
from app.main import Process
from app.settings import Settings, SettingsError


async def test_it_is_not_ready_before_it_serves(idle: Process) -> None:
    """Until both listeners run, the check named serving says that it is starting."""
    health = await idle.endpoint._check_serving()
    assert (health.ok, health.detail) == (False, "starting")


async def test_another_certificate_on_its_port_is_not_ready(idle: Process, pki: Pki, tmp_path: Path) -> None:
    """Where a handshake shows another certificate than the current one, the check named tls fails and says so."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    pair = issue_leaf(pki.authority, ["localhost"], now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=idle.endpoint.socket, ssl=context):
        health = await idle.endpoint._check_tls()
    assert (health.ok, health.detail) == (False, "another certificate is served than the current one")


async def test_its_own_certificate_on_its_port_is_ready(idle: Process) -> None:
    """Where a handshake shows the current certificate, the check named tls is fine."""
    context = idle.endpoint.certificate.listener_context
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=idle.endpoint.socket, ssl=context):
        assert (await idle.endpoint._check_tls()).ok


async def test_a_port_without_tls_is_not_ready(idle: Process) -> None:
    """Where no handshake comes about, the check named tls says that the port does not answer."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=idle.endpoint.socket):
        health = await idle.endpoint._check_tls()
    assert not health.ok
    assert health.detail.startswith("own TLS port does not answer: ")


def test_client_names_without_a_ca_are_refused(settings: Settings) -> None:
    """Names that could not be checked do not start."""
    with pytest.raises(SettingsError, match="--client-name needs --client-ca"):
        Process(settings.model_copy(update={"client_name": ("a",)}))
