"""The gate's manifests on a real API server: all that is not of somebody else's kind applies."""

from collections.abc import Iterator

import pytest
import yaml
from manifest_objects import documents, rendered
from rbac_server import Server, rbac_server

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server without the kinds of Gateway API, Traefik and cert-manager."""
    with rbac_server(tmp_path_factory.mktemp("api"), ["nobody-token,nobody,1,system:authenticated"]) as started:
        yield started


def test_the_gate_applies(server: Server) -> None:
    """First as a trial and then for real, the API server takes every object, and strictly: no unknown field."""
    objects = rendered("gate")
    server.apply(*(one for one in objects if one["kind"] == "Namespace"))
    for trial in (["--dry-run=server"], []):
        words = ["apply", "--server-side", "--validate=strict", *trial, "--filename=-"]
        run = server.kubectl(*words, stdin=yaml.safe_dump_all(objects), check=False)
        assert run.returncode == 0, run.stderr
        assert run.stdout.count("serverside-applied") == len(objects)
        assert "Warning" not in run.stderr


@pytest.mark.parametrize("name", ["nginx", "traefik"])
def test_the_ingresses_apply(name: str, server: Server) -> None:
    """The examples for Ingresses are taken as they are, and strictly."""
    ingresses = [one for one in documents(f"gate/routes/ingress-{name}.yaml") if one["kind"] == "Ingress"]
    server.apply(*(one for one in rendered("gate") if one["kind"] == "Namespace"))
    words = ["apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename=-"]
    run = server.kubectl(*words, stdin=yaml.safe_dump_all(ingresses), check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("serverside-applied") == len(ingresses)
