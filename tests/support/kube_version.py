"""Which release the tests' API servers are: the newest, or the one that ``TEST_KUBE_VERSION`` has them emulate."""

import os

from app.core.export.versions import MUTATING_POLICIES, VALIDATING_POLICIES, KubeVersion, parse

NEWEST = "1.36"
EMULATED = os.environ.get("TEST_KUBE_VERSION", "")
VERSION: KubeVersion = parse(EMULATED or NEWEST)


def emulating(version: str) -> list[str]:
    """The flags that make a server behave as a release; none for its own."""
    return [f"--emulated-version=kube={version}"] if version else []


def exported_forms() -> list[str]:
    """What ``status-guard export`` can make for this release."""
    since = {"webhook": None, "vap": VALIDATING_POLICIES, "map": MUTATING_POLICIES}
    return [form for form, first in since.items() if first is None or first <= VERSION]
