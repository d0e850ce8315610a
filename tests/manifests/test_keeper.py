"""The keeper's manifests: in step with the rules and the code, and with no right that nothing needs."""

import subprocess
import sys

import pytest
import yaml
from manifest_objects import KUBECTL, MANIFESTS, ROOT, Object, documents, pod_of, rendered, the

from app import __version__
from app.cluster.registering import OUR_NAMES
from app.core.export.rbac import NAME
from app.settings import Settings, flag

BASE = "keeper/base"
DEPLOYMENT = the("Deployment", f"{BASE}/deployment.yaml")
POD = pod_of(DEPLOYMENT)
(CONTAINER,) = POD["containers"]
ARGS = dict(arg.split("=", 1) for arg in CONTAINER["args"][1:])
VARIANTS = ("base", "cert-manager", "dev")
SECRET = "status-guard-certs"

needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="kubectl renders these; install it to run them")


def rights(kind: str, path: str, name: str = "") -> set[tuple[str, str, str]]:
    """Verb, resource and name of each right in a role; the name is empty for all."""
    return {
        (verb, resource, named)
        for rule in the(kind, path, name)["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
        for named in rule.get("resourceNames", [""])
    }


def test_its_rights_are_what_the_rules_render_to() -> None:
    """The file is the output of the Makefile's command, to the byte: `make manifests` brings it up to date."""
    recipe = (ROOT / "Makefile").read_text().partition("\nmanifests:")[2].partition("\n\n")[0].replace("\\\n", " ")
    (line,) = [line for line in recipe.splitlines() if " export rbac " in line]
    words = line.partition(" > ")[0].split()
    run = subprocess.run(
        [sys.executable, "-m", "app", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == (MANIFESTS / BASE / "watched.yaml").read_text(), "run `make manifests`"


def test_every_argument_is_a_setting() -> None:
    """It runs `serve` as a keeper with the rules that the webhook has, and with nothing that is no option."""
    assert CONTAINER["args"][0] == "serve"
    assert set(ARGS) <= {flag(name) for name in Settings.model_fields}
    assert (ARGS["--roles"], ARGS["--rules"]) == ("keeper", CONTAINER["volumeMounts"][0]["mountPath"])
    webhook = pod_of(the("Deployment", "base/webhook/deployment.yaml"))
    assert POD["volumes"] == [volume for volume in webhook["volumes"] if volume["name"] == "rules"]


def test_it_looks_after_the_service_and_the_secret_that_there_are() -> None:
    """The Service that is registered and the Secret that pods mount, and the right to that Secret and no other."""
    assert ARGS["--webhook-service"] == documents("base/webhook/service.yaml")[0]["metadata"]["name"]
    assert ARGS["--certs-secret"] == documents("base/certs/secret.yaml")[0]["metadata"]["name"] == SECRET
    assert rights("Role", f"{BASE}/certs.yaml") == {("get", "secrets", SECRET), ("patch", "secrets", SECRET)}


def test_it_may_register_under_its_two_names_alone() -> None:
    """Reading, changing and removing by name; `create`, which knows no names, is all that is given beyond them."""
    resources = {kind: f"{kind}s".lower() for kind, _ in OUR_NAMES}
    named = {(verb, resources[kind], name) for kind, name in OUR_NAMES for verb in ("get", "patch", "delete")}
    created = {("create", resource, "") for resource in resources.values()}
    assert rights("ClusterRole", f"{BASE}/rbac.yaml") == named | created


def test_it_may_lead_in_its_own_namespace() -> None:
    """One Lease, by name but for making it."""
    lease = "status-guard-keeper"
    assert rights("Role", f"{BASE}/rbac.yaml") == {("create", "leases", "")} | {
        (verb, "leases", lease) for verb in ("get", "update")
    }


def test_every_binding_is_for_its_account() -> None:
    """Roles are bound to the ServiceAccount that the pods have, which mounts no token anywhere else."""
    account = the("ServiceAccount", f"{BASE}/deployment.yaml")
    assert account["metadata"]["name"] == POD["serviceAccountName"] == NAME
    assert (account["automountServiceAccountToken"], POD["automountServiceAccountToken"]) == (False, True)
    bindings = [
        one
        for path in ("rbac.yaml", "certs.yaml", "watched.yaml")
        for one in documents(f"{BASE}/{path}")
        if one and one["kind"].endswith("Binding")
    ]
    assert len(bindings) == 4
    for binding in bindings:
        assert [subject["name"] for subject in binding["subjects"]] == [NAME]
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]


def test_its_pods_are_as_restricted_as_the_webhooks() -> None:
    """The same security context, no service links, and a disruption budget and a network policy that select them."""
    webhook = pod_of(the("Deployment", "base/webhook/deployment.yaml"))
    expected = {key: value for key, value in webhook["securityContext"].items() if key != "fsGroup"}
    assert POD["securityContext"] == expected
    assert CONTAINER["securityContext"] == webhook["containers"][0]["securityContext"]
    assert POD["enableServiceLinks"] is False
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert the("PodDisruptionBudget", f"{BASE}/deployment.yaml")["spec"]["selector"]["matchLabels"] == labels
    policy = the("NetworkPolicy", f"{BASE}/network.yaml")["spec"]
    assert policy["podSelector"]["matchLabels"] == labels
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [443, 6443]


@needs_kubectl
@pytest.mark.parametrize("variant", VARIANTS)
def test_everything_is_in_the_webhooks_namespace(variant: str) -> None:
    """Each object is cluster-wide or in the namespace status-guard, and carries the common label."""
    for one in rendered(f"keeper/{variant}"):
        cluster_wide = one["kind"] in {"ClusterRole", "ClusterRoleBinding"}
        assert cluster_wide != (one["metadata"].get("namespace") == "status-guard"), one["metadata"]
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "status-guard"
        assert all(subject["namespace"] == "status-guard" for subject in one.get("subjects", ()))


@needs_kubectl
@pytest.mark.parametrize(("variant", "tag"), [("base", __version__), ("cert-manager", __version__), ("dev", "dev")])
def test_images_have_a_version(variant: str, tag: str) -> None:
    """The keeper runs the image of the webhook beside it."""
    (deployment,) = [one for one in rendered(f"keeper/{variant}") if one["kind"] == "Deployment"]
    assert [container["image"] for container in pod_of(deployment)["containers"]] == [f"status-guard:{tag}"]


@needs_kubectl
def test_with_cert_manager_it_has_nothing_to_do_with_the_secret() -> None:
    """No right to a Secret and no argument that names one; all else is the same."""

    def without_certs(objects: list[Object]) -> list[Object]:
        text = yaml.safe_dump_all(objects).replace("        - --certs-secret=status-guard-certs\n", "")
        return [one for one in yaml.safe_load_all(text) if one["metadata"]["name"] != "status-guard-keeper-certs"]

    plain, managed = rendered("keeper/base"), rendered("keeper/cert-manager")
    assert SECRET not in yaml.safe_dump_all(managed)
    assert managed == without_certs(plain) != plain
