"""Settings: where they come from, what is promised of them, and what is said about wrong ones."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.settings import Balancing, Role, Settings, SettingsError, default, flag, origins, read, shown, variable

DEFAULTS: dict[str, Any] = {
    "roles": (Role.WEBHOOK,),
    "rules": None,
    "host": "127.0.0.1",
    "port": 8443,
    "ops_port": 8080,
    "tls_cert": None,
    "tls_key": None,
    "client_ca": None,
    "client_name": (),
    "drain": timedelta(seconds=2),
    "rancher_url": None,
    "rancher_ca": None,
    "rancher_balancing": Balancing.L4,
    "rancher_replicas": 3,
    "journal": None,
    "hold_index": timedelta(),
    "most_held": 10_000,
    "most_held_per_caller": 100,
    "most_posts": 8,
    "most_records": 1000,
    "kubeconfig": None,
    "context": None,
    "namespace": None,
    "history_namespace": None,
    "webhook_service": None,
    "certs_secret": None,
}

URL = "https://rancher.cattle-system"

LINKS = {
    "SERVICE_HOST": "10.96.0.7",
    "SERVICE_PORT": "443",
    "SERVICE_PORT_HTTPS": "443",
    "PORT_443_TCP": "tcp://10.96.0.7:443",
    "PORT_443_TCP_PROTO": "tcp",
    "PORT_443_TCP_PORT": "443",
    "PORT_443_TCP_ADDR": "10.96.0.7",
}
"""What Kubernetes sets in every pod beside a Service named status-guard, apart from STATUS_GUARD_PORT."""


def mistakes(options: dict[str, Any] | None = None, **environment: str) -> list[str]:
    """What is wrong with these settings, line by line; variables are named without their prefix."""
    with pytest.raises(SettingsError) as caught:
        read(options or {}, {f"STATUS_GUARD_{name}": value for name, value in environment.items()})
    return str(caught.value).splitlines()


def test_defaults_are_a_promise() -> None:
    """Without options and variables everything is as promised; a change here is a change for every operator."""
    assert read({}, {}).model_dump() == DEFAULTS


def test_options_win_over_variables_and_variables_over_defaults() -> None:
    """An option wins, then the variable, then the default; each setting says which it was."""
    environment = {"STATUS_GUARD_PORT": "1", "STATUS_GUARD_HOST": "0.0.0.0", "PATH": "/bin"}
    options = {"port": "2", "host": None, "client_name": []}
    settings = read(options, environment)
    assert (settings.port, settings.host, settings.ops_port) == (2, "0.0.0.0", 8080)
    where = origins(options, environment)
    assert {name: where[name] for name in ("port", "host", "ops_port")} == {
        "port": "option --port",
        "host": "variable STATUS_GUARD_HOST",
        "ops_port": "default",
    }
    assert list(where) == list(DEFAULTS)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("roles", " webhook , ", (Role.WEBHOOK,)),
        ("rules", "manifests/rules", Path("manifests/rules")),
        ("host", "::1", "::1"),
        ("port", "0", 0),
        ("ops_port", "65535", 65535),
        ("client_name", "a,b", ("a", "b")),
        ("drain", "1m30s", timedelta(seconds=90)),
        ("drain", "0s", timedelta(0)),
        ("roles", "webhook,gate", (Role.WEBHOOK, Role.GATE)),
        ("rancher_url", URL, URL),
        ("rancher_url", "https://[::1]:8443/", "https://[::1]:8443"),
        ("rancher_url", "http://rancher.cattle-system", "http://rancher.cattle-system"),
        ("rancher_balancing", "l7", Balancing.L7),
        ("hold_index", "25s", timedelta(seconds=25)),
        ("most_held", "20000", 20_000),
        ("kubeconfig", "config", Path("config")),
        ("history_namespace", "histories", "histories"),
        ("webhook_service", "status-guard", "status-guard"),
        ("certs_secret", "", None),
    ],
)
def test_variables_are_written_as_options_are(name: str, text: str, value: object) -> None:
    """The same text means the same in a variable and in an option."""
    assert getattr(read({}, {variable(name): text}), name) == value
    assert getattr(read({name: text}, {}), name) == value


def test_an_option_may_be_repeated() -> None:
    """A list that was given piece by piece is that list."""
    assert read({"client_name": ["a", "b"]}, {}).client_name == ("a", "b")


@pytest.mark.parametrize("name", ["OPS_PROT", "OPSPORT", "DRAINS", "X", "", "port"])
def test_an_unknown_variable_is_an_error(name: str) -> None:
    """A variable that is no setting is named, because it would do nothing; lower case is another variable."""
    assert mistakes(**{name: "1"}) == [f"STATUS_GUARD_{name} is no setting; 'status-guard settings' lists them all."]


@pytest.mark.parametrize("name", LINKS)
def test_service_links_are_explained(name: str) -> None:
    """The variables of a Service of our name are errors with the line that ends them."""
    (line,) = mistakes(**{name: LINKS[name]})
    assert line.startswith(f"STATUS_GUARD_{name} is no setting. Kubernetes sets such variables")
    assert "enableServiceLinks: false" in line


def test_the_service_link_that_looks_like_a_setting_is_explained() -> None:
    """STATUS_GUARD_PORT as Kubernetes sets it is no port, and the text says who set it."""
    (line,) = mistakes(PORT="tcp://10.96.0.7:443")
    assert line.startswith("STATUS_GUARD_PORT: ")
    assert "enableServiceLinks: false" in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("roles", "keeper-of-nothing"),
        ("roles", ","),
        ("host", ""),
        ("port", "x"),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "1.5"),
        ("ops_port", ""),
        ("drain", "2"),
        ("drain", "-1s"),
        ("drain", ""),
        ("rancher_url", "ftp://rancher"),
        ("rancher_url", "rancher:443"),
        ("rancher_url", "https://"),
        ("rancher_url", "https://admin:secret@rancher"),
        ("rancher_url", "https://rancher/dashboard"),
        ("rancher_url", "https://rancher?a=b"),
        ("rancher_url", "https://rancher:x"),
        ("rancher_balancing", "l5"),
        ("rancher_replicas", "0"),
        ("hold_index", "61s"),
        ("most_held", "0"),
        ("most_posts", "many"),
        ("webhook_service", "status-guard/status-guard"),
        ("certs_secret", "Certs"),
        ("namespace", "a/b"),
    ],
)
def test_a_wrong_value_is_named_by_where_it_came_from(name: str, text: str) -> None:
    """A value that makes no sense is one line, which begins with the variable or the option that gave it."""
    (by_variable,) = mistakes(**{name.upper(): text})
    assert by_variable.startswith(f"{variable(name)}: ")
    (by_option,) = mistakes({name: text})
    assert by_option.startswith(f"{flag(name)}: ")


def test_all_mistakes_are_said_at_once() -> None:
    """Several mistakes are several lines: unknown variables first, then settings in their order."""
    lines = mistakes({"port": "x", "drain": "soon"}, ROLES="gate-keeper", DRIAN="1s", PORT="1")
    assert [line.partition(":")[0].partition(" ")[0] for line in lines] == [
        "STATUS_GUARD_DRIAN",
        "STATUS_GUARD_ROLES",
        "--port",
        "--drain",
    ]


def test_what_the_webhook_needs_is_named() -> None:
    """Settings that are fine but not enough say what is missing, each as option and variable."""
    missing = read({"tls_key": "k"}, {}).incomplete()
    assert missing.startswith("the webhook role needs --rules (or STATUS_GUARD_RULES) and --tls-cert (or ")
    assert read({"rules": "r", "tls_cert": "c", "tls_key": "k"}, {}).incomplete() == ""


def test_what_the_gate_needs_is_named() -> None:
    """The gate needs an upstream and a certificate, and no rules; both roles need what each of them does."""
    missing = read({"roles": "gate", "tls_key": "k"}, {}).incomplete()
    assert missing == (
        "the gate role needs --rancher-url (or STATUS_GUARD_RANCHER_URL) and --tls-cert (or STATUS_GUARD_TLS_CERT)"
    )
    pair = {"tls_cert": "c", "tls_key": "k", "rancher_url": URL}
    assert read({"roles": "gate"} | pair, {}).incomplete() == ""
    assert "the webhook role needs --rules" in read({"roles": "webhook,gate"} | pair, {}).incomplete()


def test_what_the_keeper_needs_is_named() -> None:
    """The keeper needs rules, and neither a certificate nor an upstream."""
    assert read({"roles": "keeper"}, {}).incomplete() == "the keeper role needs --rules (or STATUS_GUARD_RULES)"
    assert read({"roles": "keeper", "rules": "r"}, {}).incomplete() == ""


def test_no_password_of_an_address_is_shown() -> None:
    """An address with a password is refused, and the refusal does not repeat it."""
    [line] = mistakes({"rancher_url": "https://admin:hunter2@rancher"})
    assert "without user" in line
    assert "hunter2" not in line


def test_a_client_ca_does_not_go_with_the_gate() -> None:
    """Callers of the gate have no certificates, so asking for them is refused, with what to do instead."""
    given = {"roles": "webhook,gate", "rules": "r", "tls_cert": "c", "tls_key": "k", "rancher_url": URL}
    assert "run the webhook role in a process of its own" in read(given | {"client_ca": "ca"}, {}).incomplete()


def test_client_names_need_a_client_ca() -> None:
    """Names that could not be checked are an error rather than no check."""
    given = {"rules": "r", "tls_cert": "c", "tls_key": "k", "client_name": ["a"]}
    assert "--client-name needs --client-ca" in read(given, {}).incomplete()
    assert read(given | {"client_ca": "ca"}, {}).incomplete() == ""


@pytest.mark.parametrize("name", Settings.model_fields)
def test_what_is_shown_can_be_given(name: str) -> None:
    """A setting's value as shown, given as an option, is that value again."""
    settings = read({"client_name": ["a", "b"], "rules": "r", "drain": "1500ms"}, {})
    text = shown(settings, name)
    assert getattr(read({name: text} if text else {}, {}), name) == getattr(settings, name)
    assert Settings.model_fields[name].description


def test_defaults_are_shown_as_they_are_written() -> None:
    """Defaults read as one would write them; none is empty."""
    assert [default(name) for name in ("roles", "port", "drain", "rules", "client_name")] == [
        "webhook",
        "8443",
        "2s",
        "",
        "",
    ]


def test_certificates_need_a_service_to_be_made_for() -> None:
    """A Secret without the Service whose names stand in the certificate is refused rather than left unused."""
    given = {"rules": "r", "tls_cert": "c", "tls_key": "k", "certs_secret": "s"}
    assert "--certs-secret needs --webhook-service" in read(given, {}).incomplete()
    assert read(given | {"webhook_service": "s"}, {}).incomplete() == ""
