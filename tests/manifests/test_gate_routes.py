"""The examples of routes to the gate: they lead there what the gate holds, and cut nothing short."""

import re
from typing import Any

import pytest
from manifest_objects import MANIFESTS, documents, the

from app.core.gate import installation_call
from app.core.gate.body import LARGEST_BODY
from app.core.gate.installation_call import IndexRead, InstallCall, PassThrough
from app.core.gate.preferences import LONGEST_WAIT

SERVICE = documents("gate/service.yaml")[0]
NAMESPACE = the("Namespace", "gate/namespace.yaml")["metadata"]["name"]
HTTPROUTES = [one for one in documents("gate/routes/httproute.yaml") if one["kind"] == "HTTPRoute"]
INGRESSES = [
    (name, one)
    for name in ("nginx", "traefik")
    for one in documents(f"gate/routes/ingress-{name}.yaml")
    if one["kind"] == "Ingress"
]
RANCHERS_HOST = "rancher.example.com"


def paths(ingress: dict[str, Any], host: str) -> list[str]:
    """The path prefixes of a host in an Ingress."""
    rules = [rule for rule in ingress["spec"]["rules"] if rule["host"] == host]
    return [path["path"] for rule in rules for path in rule["http"]["paths"]]


def test_every_example_is_in_the_gates_namespace() -> None:
    """Routes stand beside the Service that they lead to."""
    for path in (MANIFESTS / "gate/routes").iterdir():
        for one in documents(str(path)):
            assert one["metadata"]["namespace"] == NAMESPACE, path.name


@pytest.mark.parametrize(("name", "ingress"), INGRESSES)
def test_ingresses_lead_to_the_service(name: str, ingress: dict[str, Any]) -> None:
    """Each path of each Ingress names the Service and its port; none is a regular expression, which would spread."""
    port = SERVICE["spec"]["ports"][0]["name"]
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert path["pathType"] == "Prefix"
            assert path["backend"]["service"] == {"name": SERVICE["metadata"]["name"], "port": {"name": port}}
    assert ingress["spec"]["ingressClassName"] == name


@pytest.mark.parametrize("proxy", ["nginx", "traefik"])
def test_on_ranchers_host_ingresses_take_what_the_gate_stands_for(proxy: str) -> None:
    """The collection, in this cluster and downstream, and the installs; nothing with WebSockets, nothing else."""
    found = [path for name, one in INGRESSES if name == proxy for path in paths(one, RANCHERS_HOST)]
    collections = [path for path in found if path != "/installs"]
    assert len(found) == len(collections) + 1
    for path in collections:
        call = installation_call.read(b"POST", f"{path}/harvester".encode(), b"action=install")
        assert isinstance(call, InstallCall), path
    assert {bool(path.startswith("/k8s/")) for path in collections} == {True, False}


def test_nginx_waits_as_long_as_the_gate_holds() -> None:
    """Timeouts, the size of bodies and the ban on second tries fit the gate, on both Ingresses alike."""
    annotations = [one["metadata"]["annotations"] for name, one in INGRESSES if name == "nginx"]
    assert annotations[0] == annotations[1]
    said = {key.rpartition("/")[2]: value for key, value in annotations[0].items()}
    assert int(said["proxy-read-timeout"]) >= LONGEST_WAIT
    assert said["proxy-body-size"] == f"{LARGEST_BODY // 1024 // 1024}m"
    assert said["proxy-next-upstream"] == "off"
    assert said["backend-protocol"] == "HTTPS"


def test_a_gateways_matches_are_calls_that_the_gate_answers() -> None:
    """Each match of the route on Rancher's host is an install, an upgrade, a held index or what became of them."""
    (shared,) = [one for one in HTTPROUTES if one["spec"]["hostnames"] == [RANCHERS_HOST]]
    kinds = []
    for match in shared["spec"]["rules"][0]["matches"]:
        path = match["path"]
        if path["value"] == "/installs":
            continue
        assert path["type"] in {"PathPrefix", "RegularExpression"}
        plain = path["value"].replace("[^/]+", "c-m-abcdefgh").replace("\\", "").removesuffix("/.*")
        if path["type"] == "RegularExpression":
            assert re.fullmatch(path["value"], f"{plain}/harvester")
        query = "&".join(f"{one['name']}={one['value']}" for one in match["queryParams"])
        call = installation_call.read(match["method"].encode(), f"{plain}/harvester".encode(), query.encode())
        assert not isinstance(call, PassThrough)
        kinds.append(type(call))
    assert (kinds.count(InstallCall), kinds.count(IndexRead)) == (4, 1)


def test_a_gateway_sets_no_end() -> None:
    """Each rule switches the Gateway's own timeouts off, and leads to the Service."""
    for route in HTTPROUTES:
        for rule in route["spec"]["rules"]:
            assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}
            (backend,) = rule["backendRefs"]
            assert (backend["name"], backend["port"]) == (
                SERVICE["metadata"]["name"],
                SERVICE["spec"]["ports"][0]["port"],
            )


def test_proxies_check_the_certificate_that_the_gate_has() -> None:
    """What stands before the gate expects a name of its certificate, and takes the CA from the Secret it is kept in."""
    leaf = the("Certificate", "gate/cert-manager/certificate.yaml", "status-guard-gate")["spec"]
    nginx = [one["metadata"]["annotations"] for name, one in INGRESSES if name == "nginx"]
    said = {key.rpartition("/")[2]: value for key, value in nginx[0].items()}
    traefik = the("ServersTransport", "gate/routes/ingress-traefik.yaml")["spec"]
    gateway = the("BackendTLSPolicy", "gate/routes/httproute.yaml")["spec"]["validation"]
    assert {said["proxy-ssl-name"], traefik["serverName"], gateway["hostname"]} <= set(leaf["dnsNames"])
    assert (said["proxy-ssl-verify"], said["proxy-ssl-server-name"]) == ("on", "on")
    assert said["proxy-ssl-secret"] == f"{NAMESPACE}/{leaf['secretName']}"
    assert traefik["rootCAs"] == [{"secret": leaf["secretName"]}]
    guide = (MANIFESTS.parent / "docs/gate.md").read_text()
    assert f"create configmap {gateway['caCertificateRefs'][0]['name']} --from-file=ca.crt=" in guide
    assert f"get secret {leaf['secretName']} --output" in guide
