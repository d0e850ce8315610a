"""The manifests as objects: single files as they are written, and folders as kubectl renders them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
MANIFESTS = ROOT / "manifests"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())
KUBECTL = shutil.which("kubectl")

Object = dict[str, Any]


def documents(path: str) -> list[Object]:
    """The objects in a file, relative to manifests/."""
    return list(yaml.safe_load_all((MANIFESTS / path).read_text()))


def the(kind: str, path: str, name: str = "") -> Object:
    """The one object of a kind in a file, or the one of a name."""
    (found,) = [one for one in documents(path) if one["kind"] == kind and name in {"", one["metadata"]["name"]}]
    return found


def rendered(folder: str) -> list[Object]:
    """The objects of a kustomization, relative to manifests/."""
    assert KUBECTL is not None
    run = subprocess.run([KUBECTL, "kustomize", MANIFESTS / folder], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(run.stdout))


def pod_of(workload: Object) -> Object:
    """The pod's spec of a Deployment or CronJob."""
    spec = workload["spec"]
    found: Object = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"]
    return found
