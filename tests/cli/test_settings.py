"""``status-guard settings`` shows what serve would run with, and where each setting comes from."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.settings import Settings, variable

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command with these words and variables."""

    def run(*words: str, **variables: str) -> Result:
        return CliRunner().invoke(app, ["settings", *words], env=variables)

    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    return run


def test_each_setting_is_a_line(invoke: Invoke) -> None:
    """Each setting is shown in its order with its value, or a dash, and its origin."""
    result = invoke("--ops-port", "9", "--client-name", "a", "--client-name", "b", STATUS_GUARD_DRAIN="1m")
    assert result.exit_code == 0
    assert [line.split(maxsplit=2) for line in result.stdout.splitlines()] == [
        ["roles", "webhook", "default"],
        ["rules", "-", "default"],
        ["host", "127.0.0.1", "default"],
        ["port", "8443", "default"],
        ["ops_port", "9", "option --ops-port"],
        ["tls_cert", "-", "default"],
        ["tls_key", "-", "default"],
        ["client_ca", "-", "default"],
        ["client_name", "a,b", "option --client-name"],
        ["drain", "60s", "variable STATUS_GUARD_DRAIN"],
        ["rancher_url", "-", "default"],
        ["rancher_ca", "-", "default"],
        ["rancher_balancing", "l4", "default"],
        ["rancher_replicas", "3", "default"],
        ["journal", "-", "default"],
        ["hold_index", "0s", "default"],
        ["most_held", "10000", "default"],
        ["most_held_per_caller", "100", "default"],
        ["most_posts", "8", "default"],
        ["most_records", "1000", "default"],
        ["kubeconfig", "-", "default"],
        ["context", "-", "default"],
        ["namespace", "-", "default"],
        ["history_namespace", "-", "default"],
        ["webhook_service", "-", "default"],
        ["certs_secret", "-", "default"],
    ]


def test_json_holds_the_same(invoke: Invoke) -> None:
    """As JSON, each setting is an entry with its value and its origin."""
    result = invoke("--output", "json", "--port", "9443")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert list(document) == list(Settings.model_fields)
    assert document["port"] == {"value": "9443", "from": "option --port"}
    assert document["rules"] == {"value": "", "from": "default"}


def test_what_serve_lacks_is_said_beside_it(invoke: Invoke) -> None:
    """Settings that are not enough to serve are shown all the same; standard error says what is missing."""
    result = invoke()
    assert result.exit_code == 0
    assert "status-guard serve would not start: the webhook role needs --rules" in result.stderr
    complete = invoke("--rules", "r", "--tls-cert", "c", "--tls-key", "k")
    assert (complete.exit_code, complete.stderr) == (0, "")


def test_mistakes_are_those_of_serve(invoke: Invoke) -> None:
    """Wrong values and unknown variables are refused with exit code 2."""
    result = invoke("--port", "x", STATUS_GUARD_DRIAN="1s")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0].startswith("status-guard settings: STATUS_GUARD_DRIAN is no setting")
    assert result.stderr.splitlines()[1].startswith("--port: ")


def test_an_unknown_option_is_refused(invoke: Invoke) -> None:
    """An option that serve does not have is refused by name."""
    result = invoke("--prot", "1")
    assert result.exit_code == 2
    assert "--prot" in result.stderr
