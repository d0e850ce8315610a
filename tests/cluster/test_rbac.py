"""Each ServiceAccount of the manifests can do its job, and no more, by a real RBAC authorizer."""

from collections.abc import Iterator

import pytest
from manifest_objects import pod_of, rendered, the
from rbac_server import Server, rbac_server

from app.cluster.port import configuration

pytestmark = pytest.mark.cluster

CERTS = "system:serviceaccount:status-guard:status-guard-certs"
WEBHOOK = "system:serviceaccount:status-guard:status-guard-webhook"
ROLES = {"Namespace", "Secret", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
ARGS = pod_of(the("CronJob", "base/certs/cronjob.yaml"))["containers"][0]["args"]
NAMED = [configuration(arg.partition("=")[2]) for arg in ARGS if arg.startswith("--configuration=")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which base is installed, its workloads excepted, with configurations for the job to fill."""
    groups = '"system:serviceaccounts,system:serviceaccounts:status-guard,system:authenticated"'
    tokens = [f"certs-token,{CERTS},1,{groups}", f"webhook-token,{WEBHOOK},2,{groups}"]
    with rbac_server(tmp_path_factory.mktemp("api"), tokens) as started:
        started.apply(*(one for one in rendered("base") if one["kind"] in ROLES))
        for kind, name in NAMED:
            meta = {"name": name, "labels": {"app.kubernetes.io/managed-by": "status-guard"}}
            webhook = {
                "name": "guard.example.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "clientConfig": {"service": {"namespace": "status-guard", "name": "status-guard"}},
            }
            version = "admissionregistration.k8s.io/v1"
            started.apply({"apiVersion": version, "kind": str(kind), "metadata": meta, "webhooks": [webhook]})
        yield started


def may(server: Server, token: str, verb: str, what: str, namespace: str = "status-guard") -> bool:
    """Whether the authorizer lets the token's owner do it."""
    answer = server.kubectl("auth", "can-i", verb, what, f"--namespace={namespace}", token=token, check=False)
    return answer.stdout.strip() == "yes"


def test_the_job_runs_with_its_role_and_uses_all_of_it(server: Server) -> None:
    """The CronJob's own arguments, as its ServiceAccount: it succeeds, and the calls it makes are the Role's rules."""
    kubeconfig = server.kubeconfig_for("certs-token")
    run = server.status_guard(*ARGS, kubeconfig=kubeconfig)
    assert (run.returncode, run.stderr) == (0, "")
    assert "All is well" in run.stdout
    role, cluster_role = (the(kind, "base/certs/rbac.yaml")["rules"] for kind in ("Role", "ClusterRole"))
    granted = {
        (verb, resource, name)
        for rule in (*role, *cluster_role)
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for name in rule["resourceNames"]
    }
    assert server.calls_of(CERTS) == granted


@pytest.mark.parametrize("verb", VERBS)
def test_the_job_may_do_nothing_else(server: Server, verb: str) -> None:
    """Beyond get and patch of three objects every verb is refused: other names, other namespaces, other kinds."""
    allowed = verb in {"get", "patch"}
    assert may(server, "certs-token", verb, "secrets/status-guard-certs") == allowed
    for kind, name in NAMED:
        resource = f"{kind}s.admissionregistration.k8s.io".lower()
        assert may(server, "certs-token", verb, f"{resource}/{name}") == allowed
        assert not may(server, "certs-token", verb, f"{resource}/somebody-elses")
    assert not may(server, "certs-token", verb, "secrets")
    assert not may(server, "certs-token", verb, "secrets/other")
    assert not may(server, "certs-token", verb, "secrets/status-guard-certs", "kube-system")
    assert not may(server, "certs-token", verb, "configmaps/status-guard-rules")
    assert not may(server, "certs-token", verb, "pods")


@pytest.mark.parametrize("verb", ["get", "list", "create", "patch", "delete"])
def test_the_webhook_may_do_nothing(server: Server, verb: str) -> None:
    """Its ServiceAccount has no rights, should a token for it ever come up."""
    for what in ("secrets/status-guard-certs", "configmaps/status-guard-rules", "pods", "secrets"):
        assert not may(server, "webhook-token", verb, what)


def test_a_refused_call_is_really_refused(server: Server) -> None:
    """Not by the authorizer's word alone: reading all Secrets and writing another one fail with Forbidden."""
    for words in (
        ["get", "secrets"],
        ["create", "secret", "generic", "other"],
        ["delete", "secret", "status-guard-certs"],
    ):
        answer = server.kubectl(*words, "--namespace=status-guard", token="certs-token", check=False)
        assert answer.returncode == 1
        assert "forbidden" in answer.stderr.lower()
