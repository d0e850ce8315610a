"""Which namespace is meant where none is named: the kubeconfig's context says, as for kubectl."""

from pathlib import Path
from typing import Final

from kubernetes.aio.config import ConfigException, list_kube_config_contexts

_IN_A_POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_UNSAID: Final = "default"


def default_namespace(kubeconfig: str | None, context: str | None) -> str:
    """The namespace of the context (the current one where none is named); in a pod without kubeconfig, the pod's own.

    What is wrong with a kubeconfig, :func:`app.cluster.kubeconfig.connected` says.
    """
    try:
        contexts, current = list_kube_config_contexts(kubeconfig)  # type: ignore[no-untyped-call]  # the package types its models only
    except (ConfigException, OSError):
        return pod_namespace() or _UNSAID
    named = next((one for one in contexts if one["name"] == context), None) if context else current
    return str(((named or {}).get("context") or {}).get("namespace") or _UNSAID)


def pod_namespace() -> str:
    """The namespace of the pod that this runs in, by its ServiceAccount; empty where it runs in none."""
    try:
        return _IN_A_POD.read_text().strip()
    except OSError:
        return ""
