"""What the composition root promises: its figures, and what it refuses to start with."""

import pytest
import uvicorn

from app import main
from app.api.admission import LONGEST_WAIT
from app.main import Process, create_app
from app.roles.webhook import CONNECTIONS
from app.settings import Settings, SettingsError

API_SERVER_IDLE = 90
"""Seconds the API server's HTTP client keeps an idle connection (Go's default transport)."""


def test_idle_connections_outlive_the_callers(idle: Process) -> None:
    """The server keeps an idle connection longer than the API server does, so that it never ends one that is used."""
    config = main._config(create_app(idle), "httptools", idle.endpoint.certificate)
    assert config.timeout_keep_alive == main.KEEP_ALIVE > API_SERVER_IDLE
    assert config.timeout_graceful_shutdown is not None
    assert config.timeout_graceful_shutdown >= LONGEST_WAIT
    assert config.limit_concurrency == CONNECTIONS
    assert (config.access_log, config.server_header, config.proxy_headers) == (False, False, False)


@pytest.mark.parametrize("missing", ["rules", "tls_cert", "tls_key"])
def test_a_webhook_needs_its_settings(missing: str, settings: Settings) -> None:
    """A webhook without rules or a pair is refused by the setting that is missing."""
    with pytest.raises(SettingsError, match=missing.replace("_", "-")):
        Process(settings.model_copy(update={missing: None}))


async def test_a_listener_that_ends_takes_the_process_along(idle: Process, settings: Settings) -> None:
    """If one of the listeners cannot run, the other does not go on alone: the error is raised."""
    idle.endpoint.socket.close()
    ops = main.listen("127.0.0.1", 0, 1, "--ops-port")
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            await main._run(idle, ops, 0)
    finally:
        ops.close()


def test_uvicorn_is_given_a_known_protocol() -> None:
    """The parsers named are ones that uvicorn documents."""
    assert {"httptools", "h11"} <= set(uvicorn.config.HTTP_PROTOCOLS)
