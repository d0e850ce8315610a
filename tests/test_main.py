"""What the composition root promises: its figures, what it refuses to start with, and what readiness finds."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from server_process import Pki

from app import main
from app.api.admission import LONGEST_WAIT
from app.certificates import issue_leaf
from app.main import Webhook, create_app
from app.settings import Settings, SettingsError

API_SERVER_IDLE = 90
"""Seconds the API server's HTTP client keeps an idle connection (Go's default transport)."""


@pytest.fixture
def settings(pki: Pki, rules: Path) -> Settings:
    """Settings of a webhook on any free port."""
    return Settings(rules=rules, port=0, ops_port=0, tls_cert=pki.certificate, tls_key=pki.key)


@pytest.fixture
def webhook(settings: Settings) -> Iterator[Webhook]:
    """A webhook that is made but not run."""
    made = Webhook(settings)
    yield made
    made.socket.close()


def test_idle_connections_outlive_the_callers(webhook: Webhook) -> None:
    """The server keeps an idle connection longer than the API server does, so that it never ends one that is used."""
    config = main._config(create_app(webhook), "httptools", webhook.certificate)
    assert config.timeout_keep_alive == main.KEEP_ALIVE > API_SERVER_IDLE
    assert config.timeout_graceful_shutdown is not None
    assert config.timeout_graceful_shutdown >= LONGEST_WAIT
    assert config.limit_concurrency == main.MOST_CONNECTIONS
    assert (config.access_log, config.server_header, config.proxy_headers) == (False, False, False)


@pytest.mark.parametrize("missing", ["rules", "tls_cert", "tls_key"])
def test_a_webhook_needs_its_settings(missing: str, settings: Settings) -> None:
    """A webhook without rules or a pair is refused by the setting that is missing."""
    with pytest.raises(SettingsError, match=missing.replace("_", "-")):
        Webhook(settings.model_copy(update={missing: None}))


def test_client_names_without_a_ca_are_refused(settings: Settings) -> None:
    """Names that could not be checked do not start."""
    with pytest.raises(SettingsError, match="--client-name needs --client-ca"):
        Webhook(settings.model_copy(update={"client_name": ("a",)}))


async def test_it_is_not_ready_before_it_serves(webhook: Webhook) -> None:
    """Until both listeners run, the check named serving says that it is starting."""
    health = await webhook._check_serving()
    assert (health.ok, health.detail) == (False, "starting")


async def test_another_certificate_on_its_port_is_not_ready(webhook: Webhook, pki: Pki, tmp_path: Path) -> None:
    """Where a handshake shows another certificate than the current one, the check named tls fails and says so."""
    now = datetime.now(UTC)  # noqa: TID251 - a certificate is valid now, or it is none
    pair = issue_leaf(pki.authority, ["localhost"], now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=webhook.socket, ssl=context):
        health = await webhook._check_tls()
    assert (health.ok, health.detail) == (False, "another certificate is served than the current one")


async def test_its_own_certificate_on_its_port_is_ready(webhook: Webhook) -> None:
    """Where a handshake shows the current certificate, the check named tls is fine."""
    context = webhook.certificate.listener_context
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=webhook.socket, ssl=context):
        assert (await webhook._check_tls()).ok


async def test_a_port_without_tls_is_not_ready(webhook: Webhook) -> None:
    """Where no handshake comes about, the check named tls says that the port does not answer."""
    async with await asyncio.start_server(lambda _, writer: writer.close(), sock=webhook.socket):
        health = await webhook._check_tls()
    assert not health.ok
    assert health.detail.startswith("own TLS port does not answer: ")


async def test_a_listener_that_ends_takes_the_process_along(webhook: Webhook, settings: Settings) -> None:
    """If one of the listeners cannot run, the other does not go on alone: the error is raised."""
    webhook.socket.close()
    ops = main.listen("127.0.0.1", 0, 1, "--ops-port")
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            await main._run(webhook, ops, 0)
    finally:
        ops.close()


def test_uvicorn_is_given_a_known_protocol() -> None:
    """The parsers named are ones that uvicorn documents."""
    assert {"httptools", "h11"} <= set(uvicorn.config.HTTP_PROTOCOLS)
