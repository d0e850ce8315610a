"""The webhook's manifests and the code say the same."""

import re

import pytest
from manifest_objects import MANIFESTS, Object, documents, pod_of, the

from app.api.admission import LONGEST_WAIT, MOST_BUFFERED
from app.api.health import Ops
from app.roles.webhook import CONNECTIONS
from app.settings import Settings, flag, read
from app.telemetry import Telemetry

WEBHOOK = "base/webhook"
DEPLOYMENT = the("Deployment", f"{WEBHOOK}/deployment.yaml")
POD = pod_of(DEPLOYMENT)
(CONTAINER,) = POD["containers"]
ARGS = dict(arg.split("=", 1) for arg in CONTAINER["args"][1:])
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
MEBI = 1024 * 1024


def settings() -> Settings:
    """What the Deployment's arguments come to."""
    names = {flag(name): name for name in Settings.model_fields}
    return read({names[option]: value for option, value in ARGS.items()}, {})


def mebibytes(quantity: str) -> int:
    """A memory quantity in bytes."""
    return int(quantity.removesuffix("Mi")) * MEBI


def test_every_argument_is_a_setting_and_none_is_missing() -> None:
    """The container runs `serve` with options that exist, with values that are accepted, and with all it needs."""
    assert CONTAINER["args"][0] == "serve"
    assert settings().incomplete() == ""
    assert settings().host == "0.0.0.0"
    assert "env" not in CONTAINER


def test_ports_are_those_that_are_listened_on() -> None:
    """Container, Services, network policy and scraping annotation name the ports of the settings."""
    assert {"https": settings().port, "ops": settings().ops_port} == PORTS
    services = {one["metadata"]["name"]: one["spec"]["ports"] for one in documents(f"{WEBHOOK}/service.yaml")}
    assert [(port["port"], port["targetPort"]) for port in services["status-guard"]] == [(443, "https")]
    assert [(port["port"], port["targetPort"]) for port in services["status-guard-metrics"]] == [
        (settings().ops_port, "ops")
    ]
    policy = the("NetworkPolicy", f"{WEBHOOK}/network.yaml")["spec"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["https", "ops"]
    annotations = DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(settings().ops_port)


def test_probes_ask_routes_that_exist() -> None:
    """Readiness and liveness are asked where they are answered, on the plain HTTP listener."""
    routes = Ops({}, Telemetry())._routes
    asked = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
    assert asked["readiness"] == {"path": "/readyz", "port": "ops"}
    assert asked["liveness"] == {"path": "/livez", "port": "ops"}
    assert {probe["path"] for probe in asked.values()} <= set(routes)
    assert DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"] in routes


def test_a_pod_gets_the_time_it_needs_to_end() -> None:
    """The grace period covers the drain, and the longest request on one listener after the other."""
    needed = settings().drain.total_seconds() + 2 * LONGEST_WAIT
    assert needed < POD["terminationGracePeriodSeconds"] <= needed + 30


def test_memory_covers_what_the_process_may_hold() -> None:
    """The limit is above rest, buffers and connections together: the bounds stop a flood, not the kernel."""
    bounds = 60 * MEBI + MOST_BUFFERED + CONNECTIONS * 50 * 1024
    assert mebibytes(CONTAINER["resources"]["limits"]["memory"]) > 1.3 * bounds
    assert "cpu" not in CONTAINER["resources"]["limits"]


def test_the_pod_gets_the_serving_pair_and_nothing_else_of_the_secret() -> None:
    """Arguments name files that are mounted whole, and the CA's key is not among them."""
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    keys = [item["path"] for item in volumes["certs"]["secret"]["items"]]
    folder = mounts["certs"]["mountPath"]
    assert {ARGS["--tls-cert"], ARGS["--tls-key"]} == {f"{folder}/{key}" for key in keys}
    assert volumes["certs"]["secret"]["items"] == [{"key": key, "path": key} for key in keys]
    assert ARGS["--rules"] == mounts["rules"]["mountPath"]
    assert all(mount["readOnly"] and "subPath" not in mount for mount in mounts.values())


def test_it_asks_the_cluster_nothing() -> None:
    """No token, no variables of Services, no way out of the pod, no rights for its ServiceAccount."""
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False
    account = the("ServiceAccount", f"{WEBHOOK}/deployment.yaml")
    assert account["automountServiceAccountToken"] is False
    assert POD["serviceAccountName"] == account["metadata"]["name"]
    policy = the("NetworkPolicy", f"{WEBHOOK}/network.yaml")["spec"]
    assert policy["egress"] == []
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}


@pytest.mark.parametrize("pod", [POD, pod_of(the("CronJob", "base/certs/cronjob.yaml"))], ids=["webhook", "certs"])
def test_pods_meet_the_restricted_profile(pod: Object) -> None:
    """What the namespace enforces, and a read-only root beyond it."""
    namespace = the("Namespace", f"{WEBHOOK}/namespace.yaml")["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == container["resources"].keys()
    assert {next(iter(volume.keys() - {"name"})) for volume in pod.get("volumes", ())} <= {"configMap", "secret"}


def test_selectors_meet_the_pods() -> None:
    """Service, budget, policy, spread and Deployment select by the labels that the pods carry."""
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    selectors = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        the("PodDisruptionBudget", f"{WEBHOOK}/deployment.yaml")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", f"{WEBHOOK}/network.yaml")["spec"]["podSelector"]["matchLabels"],
        *(one["spec"]["selector"] for one in documents(f"{WEBHOOK}/service.yaml")),
        *(one["labelSelector"]["matchLabels"] for one in POD["topologySpreadConstraints"]),
    ]
    assert all(selector == labels for selector in selectors)
    certs = the("CronJob", "base/certs/cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert certs != labels
    assert the("NetworkPolicy", "base/certs/network.yaml")["spec"]["podSelector"]["matchLabels"] == certs


def test_a_rollout_and_a_drain_leave_somebody_to_answer() -> None:
    """Two replicas, none taken before its successor is ready, one at a time when nodes are drained."""
    assert DEPLOYMENT["spec"]["replicas"] == 2
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert the("PodDisruptionBudget", f"{WEBHOOK}/deployment.yaml")["spec"]["maxUnavailable"] == 1


def test_comments_keep_up_with_the_figures_they_name() -> None:
    """The bounds in the Deployment's comments are those of the code."""
    text = (MANIFESTS / WEBHOOK / "deployment.yaml").read_text()
    assert re.findall(r"bounded at (\d+) MiB, connections at (\d+)", text) == [
        (str(MOST_BUFFERED // MEBI), str(CONNECTIONS))
    ]
    assert f"--drain ({settings().drain.total_seconds():g} s)" in text
    assert f"at most {LONGEST_WAIT:g} s" in text
