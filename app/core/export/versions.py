"""What each Kubernetes release can do, by its version."""

import re
from dataclasses import dataclass
from typing import Final

_FORM: Final = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.\d+)?(?:[-+.][0-9A-Za-z.+-]+)?", re.ASCII)


class ExportError(ValueError):
    """The manifests asked for cannot be made; the text says why, and what to do instead."""


@dataclass(frozen=True, slots=True, order=True)
class KubeVersion:
    """A release, by major and minor version; patches and what distributions append change no feature."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


MATCH_CONDITIONS: Final = KubeVersion(1, 28)
"""Webhook matchConditions: feature gate AdmissionWebhookMatchConditions, beta and on; alpha and off in 1.27."""
VALIDATING_POLICIES: Final = KubeVersion(1, 30)
"""ValidatingAdmissionPolicy in admissionregistration.k8s.io/v1 (KEP-3488); beta and off before."""
MUTATING_POLICIES: Final = KubeVersion(1, 36)
"""MutatingAdmissionPolicy in admissionregistration.k8s.io/v1 (KEP-3962); beta and off in 1.34 and 1.35."""


def parse(text: str) -> KubeVersion:
    """Read a version as people and servers write it: ``1.29``, ``v1.29.9``, ``v1.29.9+rke2r1``.

    Raises:
        ExportError: for anything else.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ExportError(
            f"{text[:40]!r} is no Kubernetes version; write one like 1.29 or v1.29.9+rke2r1, as `kubectl version` does"
        )
    return KubeVersion(int(found[1]), int(found[2]))
