"""The gate's manifests and the code say the same."""

import pytest
from manifest_objects import KUBECTL, MANIFESTS, Object, documents, pod_of, rendered, the

from app import __version__
from app.api.gate.receiving import MOST_KEPT, MOST_READING
from app.api.health import Ops
from app.main import LINGER
from app.roles.gate import Gate
from app.settings import Balancing, Settings, flag, read
from app.telemetry import Telemetry

DEPLOYMENT = the("Deployment", "gate/deployment.yaml")
POD = pod_of(DEPLOYMENT)
(CONTAINER,) = POD["containers"]
ARGS = dict(arg.split("=", 1) for arg in CONTAINER["args"][1:])
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
NAMESPACE = the("Namespace", "gate/namespace.yaml")["metadata"]["name"]
SERVICE, METRICS = documents("gate/service.yaml")
POLICY = the("NetworkPolicy", "gate/network.yaml")["spec"]
MEBI = 1024 * 1024
KIBI_A_CALLER = 51
"""With TLS, as measured (bench/gate/README.md)."""


def settings() -> Settings:
    """What the Deployment's arguments come to."""
    names = {flag(name): name for name in Settings.model_fields}
    return read({names[option]: value for option, value in ARGS.items()}, {})


def test_every_argument_is_a_setting_and_none_is_missing() -> None:
    """The container runs the gate with options that exist, with values that are accepted, and with all it needs."""
    assert CONTAINER["args"][0] == "serve"
    assert settings().roles == ("gate",)
    assert settings().incomplete() == ""
    assert settings().host == "0.0.0.0"
    assert "env" not in CONTAINER


def test_it_asks_ranchers_service_by_connection() -> None:
    """The upstream is Rancher's own Service, where the probe speaks for the replica that takes the POST."""
    assert settings().rancher_url == "https://rancher.cattle-system"
    assert settings().rancher_balancing is Balancing.L4


def test_ports_are_those_that_are_listened_on() -> None:
    """Container, Services, network policy and scraping annotation name the ports of the settings."""
    assert {"https": settings().port, "ops": settings().ops_port} == PORTS
    assert [(port["port"], port["targetPort"]) for port in SERVICE["spec"]["ports"]] == [(443, "https")]
    assert [(port["port"], port["targetPort"]) for port in METRICS["spec"]["ports"]] == [(settings().ops_port, "ops")]
    assert [port["port"] for rule in POLICY["ingress"] for port in rule["ports"]] == ["https", "ops"]
    assert DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(settings().ops_port)


def test_probes_ask_routes_that_exist() -> None:
    """Readiness and liveness are asked where they are answered, on the plain HTTP listener."""
    routes = Ops({}, Telemetry())._routes
    asked = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
    assert asked == {
        "readiness": {"path": "/readyz", "port": "ops"},
        "liveness": {"path": "/livez", "port": "ops"},
    }
    assert {probe["path"] for probe in asked.values()} <= set(routes)


def test_there_is_one_and_never_two() -> None:
    """One replica, and no second one while it is replaced: what is sent once is known to one process."""
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate"}
    assert not [one for one in documents("gate/deployment.yaml") if one["kind"] == "PodDisruptionBudget"]


def test_what_is_being_sent_gets_the_time_to_end() -> None:
    """The grace period covers the drain, an install that is being sent, one listener after the other, and goodbyes."""
    needed = settings().drain.total_seconds() + 2 * Gate.patience + LINGER
    assert needed < POD["terminationGracePeriodSeconds"] <= needed + 30


def test_memory_covers_who_may_be_held() -> None:
    """The limit is above rest, all held callers and all bodies together: bounds turn callers away, not the kernel."""
    bounds = 70 * MEBI + settings().most_held * KIBI_A_CALLER * 1024 + MOST_KEPT + MOST_READING
    limit = int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Mi")) * MEBI
    assert 1.3 * bounds < limit < 2 * bounds
    assert "cpu" not in CONTAINER["resources"]["limits"]
    text = (MANIFESTS / "gate/deployment.yaml").read_text()
    assert f"{settings().most_held} callers who are held (--most-held) of {KIBI_A_CALLER} KiB each" in text
    assert f"{(MOST_KEPT + MOST_READING) // MEBI} MiB" in text


def test_mounted_files_are_those_that_are_named() -> None:
    """Certificate, Rancher's CA and journal lie where the arguments say, whole and, but for the journal, read-only."""
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert {ARGS["--tls-cert"], ARGS["--tls-key"]} == {
        f"{mounts['certs']['mountPath']}/{item['path']}" for item in volumes["certs"]["secret"]["items"]
    }
    assert ARGS["--rancher-ca"] == f"{mounts['rancher-ca']['mountPath']}/ca.crt"
    assert ARGS["--journal"].rpartition("/")[0] == mounts["journal"]["mountPath"]
    assert [name for name, mount in mounts.items() if not mount.get("readOnly")] == ["journal"]
    assert not [mount for mount in mounts.values() if "subPath" in mount]


def test_it_has_no_credentials_of_its_own() -> None:
    """No token, no variables of Services, no rights for its ServiceAccount."""
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False
    account = the("ServiceAccount", "gate/deployment.yaml")
    assert account["automountServiceAccountToken"] is False
    assert POD["serviceAccountName"] == account["metadata"]["name"]
    bindings = [
        one
        for path in (MANIFESTS / "gate").rglob("*.yaml")
        for one in documents(str(path))
        if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}
    ]
    assert POD["serviceAccountName"] not in {subject["name"] for one in bindings for subject in one["subjects"]}


def test_what_it_holds_can_leave_for_rancher_only() -> None:
    """The way out of the pod leads to Rancher's pods in Rancher's namespace, and to names."""
    host = (settings().rancher_url or "").removeprefix("https://")
    service, namespace = host.split(".")
    to_rancher, to_names = POLICY["egress"]
    (peer,) = to_rancher["to"]
    assert peer["podSelector"] == {"matchLabels": {"app": service}}
    assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    assert {port["port"] for port in to_names["ports"]} == {53}
    assert set(POLICY["policyTypes"]) == {"Ingress", "Egress"}


def test_the_pod_meets_the_restricted_profile() -> None:
    """What the namespace enforces, and a read-only root beyond it, as the webhook's."""
    webhook = pod_of(the("Deployment", "base/webhook/deployment.yaml"))
    labels = the("Namespace", "gate/namespace.yaml")["metadata"]["labels"]
    assert labels == the("Namespace", "base/webhook/namespace.yaml")["metadata"]["labels"]
    assert POD["securityContext"] == webhook["securityContext"]
    assert CONTAINER["securityContext"] == webhook["containers"][0]["securityContext"]
    assert {next(iter(volume.keys() - {"name"})) for volume in POD["volumes"]} == {"configMap", "secret", "emptyDir"}


def test_selectors_meet_the_pods() -> None:
    """Services, policy and Deployment select by the labels that the pods carry, which are not the webhook's."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    selectors = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        POLICY["podSelector"]["matchLabels"],
        *(one["spec"]["selector"] for one in (SERVICE, METRICS)),
    ]
    assert all(selector == labels for selector in selectors)
    webhook = the("Deployment", "base/webhook/deployment.yaml")
    assert labels != webhook["spec"]["template"]["metadata"]["labels"]


@pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")
def test_everything_is_in_one_namespace_of_its_own() -> None:
    """Each object is in the gate's namespace, carries the common label, and the image has this version."""
    objects: list[Object] = rendered("gate")
    for one in objects:
        assert (one["kind"] == "Namespace") != (one["metadata"].get("namespace") == NAMESPACE), one["metadata"]
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "status-guard"
    workloads = [one for one in objects if one["kind"] in {"Deployment", "CronJob"}]
    assert [pod_of(one)["containers"][0]["image"] for one in workloads] == [f"status-guard:{__version__}"] * 2
