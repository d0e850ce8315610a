"""What the pages look like: pictures of the main states, for people to look at."""

import os
from pathlib import Path
from typing import Any

import pytest

from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.progress import (
    Answered,
    Cancelled,
    ChartProgress,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    OutcomeUnknown,
    Phase,
    Refused,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATION = ("cattle-ui-plugin-system", "helm-operation-x7k2p")
ENDS = {
    "answered": Answered(201, OPERATION),
    "deployed": Deployed(201, OPERATION, "The release is deployed: harvester 1.8.1, revision 1."),
    "install-failed": InstallFailed(
        OPERATION,
        "The Operation failed; its log has Helm's words.",
        "Error: INSTALLATION FAILED",
        'install.go:222: creating 3 resource(s)\nError: INSTALLATION FAILED: services "x" already exists\n' * 6,
    ),
    "not-ready": NotReady("There is no index of the repository yet.", "i/o timeout"),
    "refused": Refused("chart-in-index", 404, "The repository has no harvester 1.8.1; check name and version."),
    "outcome-unknown": OutcomeUnknown("No Operation of this request is to be seen.", "EOF"),
    "cancelled": Cancelled(),
    "interrupted": Interrupted(sent=False),
    "interrupted-sent": Interrupted(sent=True, sentence="Look at the release and its Operations in Rancher."),
}
LONG = "long" * 30
EXTREME_CHARTS = tuple(ChartProgress(f"{LONG}-{n}", "1.0.0+build." + "9" * 60, "x" * 53) for n in range(40))
EXTREME_CHECKS = tuple(
    Check(
        CheckId.CHART,
        Outcome.WAITING if n % 3 else Outcome.PASSED,
        f"The index does not have {n}.",
        "w" * 300,
        f"{LONG}-{n}",
    )
    for n in range(40)
)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}},
    "wide": {"viewport": {"width": 1920, "height": 1080}},
    "zh": {"locale": "zh-CN"},
    "zh-narrow-dark": {"locale": "zh-CN", "viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}
TAKEN = LOOKS if "PICTURES" in os.environ else ("narrow", "wide")
"""Without a folder to look at them in, only those whose width can go wrong."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures go: ``PICTURES``, or nowhere that stays."""
    where = Path(os.environ.get("PICTURES", tmp_path))
    where.mkdir(parents=True, exist_ok=True)
    return where


@pytest.mark.parametrize("look", TAKEN)
async def test_every_main_state_can_be_looked_at(look: str, folder: Path, site: Any, visit: Any) -> None:
    """The list and each state fit the window without scrolling sideways."""
    shown = [(key, site.install(phase=Phase.ENDED, outcome=end, operation=OPERATION)) for key, end in ENDS.items()]
    shown += [
        ("held", site.install()),
        ("sending", site.install(phase=Phase.SENDING, attempts=1, waits_for="")),
        (
            "following",
            site.install(phase=Phase.FOLLOWING, attempts=1, operation=OPERATION, waits_for="Helm is at work."),
        ),
        ("extreme", site.install(repo="r" * 253, charts=EXTREME_CHARTS, checks=EXTREME_CHECKS)),
    ]
    seen = await visit("/installs", **LOOKS[look])
    for key, install in [("list", None), *shown]:
        await seen.go(site.path(install) if install else "/installs")
        await seen.picture(folder, f"{key}-{look}")
        width, room = await seen.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= room, key
    seen = await visit("/installs", token="", **LOOKS[look])
    seen.expected = ("401",)
    await seen.picture(folder, f"login-{look}")
