"""The rendered registration: in step with the rules, and with everything that it names."""

import subprocess
import sys

from manifest_objects import MANIFESTS, ROOT, documents, the

from app.api.admission import LONGEST_WAIT
from app.cluster.port import OURS, configuration

FILE = "registration/webhooks.yaml"
REGISTERED = documents(FILE)
WEBHOOKS = [webhook for one in REGISTERED for webhook in one["webhooks"]]
MAKEFILE = (ROOT / "Makefile").read_text()


def test_it_is_what_the_rules_render_to() -> None:
    """The file is the output of the command in the Makefile, to the byte: `make manifests` brings it up to date."""
    recipe = MAKEFILE.partition("\nmanifests:")[2].partition("\n\n")[0].replace("\\\n", " ")
    words = recipe.splitlines()[1].partition(" > ")[0].split()
    assert words[0] == "$(BIN)/status-guard"
    run = subprocess.run(
        [sys.executable, "-m", "app", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == (MANIFESTS / FILE).read_text(), "run `make manifests`"


def test_it_is_found_by_label_and_by_name() -> None:
    """The certificate's keeper, the deploy script and its Role look for these names and this label."""
    label, value = OURS
    assert all(one["metadata"]["labels"][label] == value for one in REGISTERED)
    args = the("CronJob", "base/certs/cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    named = [configuration(arg.partition("=")[2]) for arg in args["args"] if arg.startswith("--configuration=")]
    assert named == [(one["kind"], one["metadata"]["name"]) for one in REGISTERED]


def test_it_calls_the_service_that_there_is() -> None:
    """Namespace, name and port are the Service's, and the paths are answered."""
    service = documents("base/webhook/service.yaml")[0]
    namespace = the("Namespace", "base/webhook/namespace.yaml")["metadata"]["name"]
    for webhook in WEBHOOKS:
        called = webhook["clientConfig"]["service"]
        assert (called["namespace"], called["name"]) == (namespace, service["metadata"]["name"])
        assert called["port"] == service["spec"]["ports"][0]["port"]
        assert called["path"] in {"/mutate", "/validate"}


def test_no_bundle_is_checked_in() -> None:
    """Without a caBundle in the file, applying it again does not undo what fills it."""
    assert not [webhook["name"] for webhook in WEBHOOKS if "caBundle" in webhook["clientConfig"]]


def test_a_hanging_webhook_costs_seconds() -> None:
    """Timeouts are short for the writer, and within what the server waits for a review."""
    assert {webhook["timeoutSeconds"] for webhook in WEBHOOKS} <= set(range(1, 6))
    assert LONGEST_WAIT > 5


def test_the_script_can_turn_fail_into_ignore() -> None:
    """Every `failurePolicy: Fail` stands on a line of its own as the script expects, and needs matchConditions."""
    failing = [webhook for webhook in WEBHOOKS if webhook["failurePolicy"] == "Fail"]
    text = (MANIFESTS / FILE).read_text().splitlines()
    assert [line.strip() for line in text].count("failurePolicy: Fail") == len(failing) > 0
    assert all(webhook["matchConditions"] for webhook in failing)
    assert "s/failurePolicy: Fail$/failurePolicy: Ignore/" in (MANIFESTS / "deploy.sh").read_text()


def test_nothing_is_registered_for_kubernetes_itself() -> None:
    """No wildcard, no built-in group, no namespace's own objects: only guarded kinds, and only updates."""
    for webhook in WEBHOOKS:
        for rule in webhook["rules"]:
            assert rule["operations"] == ["UPDATE"]
            assert all("." in group for group in rule["apiGroups"])
            assert "*" not in rule["apiGroups"] + rule["resources"]
            assert not any(group.endswith("k8s.io") for group in rule["apiGroups"])
