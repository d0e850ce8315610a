"""The ways to guard a kind that are compared, each registered for a kind of its own in one API server.

Twice none: what these two differ by is the bench's own error.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
STATUS_GUARD = ROOT / ".venv" / "bin" / "status-guard"
SHIPPED = ROOT / "manifests" / "rules" / "upgrades.harvesterhci.io.yaml"
KUBE_VERSION = "1.36"
"""The first release that has all of them."""

NONE, NONE_AGAIN = "no guard", "no guard, another kind"
POLICY, VALIDATING, WEBHOOK = "MutatingAdmissionPolicy", "ValidatingAdmissionPolicy", "status-guard"


@dataclass(frozen=True)
class Form:
    """One way to guard.

    Attributes:
        name: for the table.
        group: the API group of its kind.
        guards: whether a status survives.
        refuses: whether it denies a lossy write, because it cannot put anything back.
    """

    name: str
    group: str
    guards: bool = True
    refuses: bool = False


FORMS = (
    Form(NONE, "none.bench.statusguard.io", guards=False),
    Form(NONE_AGAIN, "again.bench.statusguard.io", guards=False),
    Form(POLICY, "map.bench.statusguard.io"),
    Form(VALIDATING, "vap.bench.statusguard.io", refuses=True),
    Form(WEBHOOK, "webhook.bench.statusguard.io"),
)


def definitions() -> str:
    """The kinds: a status without a subresource, and no schema to speak of, as Harvester's Upgrade."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "upgrades", "singular": "upgrade", "kind": "Upgrade", "listKind": "UpgradeList"}
    return yaml.safe_dump_all(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"upgrades.{form.group}"},
            "spec": {"group": form.group, "names": names, "scope": "Namespaced", "versions": [version]},
        }
        for form in FORMS
    )


def rules(folder: Path, form: Form) -> Path:
    """The guard for Upgrades as shipped, moved to the form's group."""
    document = yaml.safe_load(SHIPPED.read_text())
    document["metadata"]["name"] = f"bench-{form.group.partition('.')[0]}"
    document["spec"]["target"]["group"] = form.group
    path = folder / form.group
    path.mkdir()
    (path / "guard.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def register(folder: Path, url: str, authority: Path, apply: Callable[[str], None]) -> None:
    """Export and apply what each form needs; the webhook's process serves ``rules`` at ``url``."""
    for form in FORMS:
        match form.name:
            case "MutatingAdmissionPolicy":
                apply(_export("map", folder / form.group))
            case "ValidatingAdmissionPolicy":
                apply(_export("vap", folder / form.group))
            case "status-guard":
                apply(_export("webhook", folder / form.group, "--url", url, "--ca", str(authority)))


def _export(form: str, folder: Path, *more: str) -> str:
    command = [str(STATUS_GUARD), "export", form, "--rules", str(folder), "--kube-version", KUBE_VERSION, *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
