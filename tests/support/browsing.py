"""The gate's pages in a browser: a site with installs as a test wants them, and what is seen of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from playwright.async_api import ConsoleMessage, Page, Response
from scripted_gate import Scene, now

from app.core.gate.installation_call import Action
from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.install import Install
from app.gate.progress import ChartProgress, Phase, Progress

CHECKS = (
    Check(CheckId.EXISTS, Outcome.PASSED, "The repository exists."),
    Check(
        CheckId.DOWNLOADED,
        Outcome.WAITING,
        "The download failed; Rancher tries again at 2026-01-02T03:04:05Z.",
        "Get https://charts.test/index.yaml: dial tcp 192.0.2.1:443: i/o timeout",
    ),
    Check(CheckId.INDEX, Outcome.WAITING, "There is no index of the repository yet."),
    Check(CheckId.BRANCH, Outcome.NOT_APPLICABLE, "Only a Git repository has branches."),
    Check(
        CheckId.CHART,
        Outcome.FINAL,
        "The repository has no harvester 1.8.1; check name and version.",
        subject="harvester",
    ),
)


class Site:
    """The edge, and installs of Ann's in its engine."""

    def __init__(self, made: Scene) -> None:
        self.scene = made
        self.rancher = made.rancher
        self.origin = f"https://localhost:{made.port}"

    def install(self, **changes: Any) -> Install:
        """An install of Ann's, held for half a minute already."""
        engine = self.scene.engine
        begun = now() - timedelta(seconds=30)
        progress = Progress(
            id=f"{len(engine.installs):032x}",
            version=1,
            phase=Phase.HELD,
            cluster="local",
            repo="harvester",
            action=Action.INSTALL,
            namespace="cattle-ui-plugin-system",
            charts=(ChartProgress("harvester", "1.8.1", "harvester"),),
            user="u-ann",
            asynchronous=True,
            created=begun,
            deadline=begun + timedelta(minutes=30),
            checks=CHECKS,
            waits_for=CHECKS[1].sentence,
        )
        made = Install(replace(progress, **changes))
        engine.installs.append(made)
        return made

    @staticmethod
    def path(install: Install, query: str = "") -> str:
        """Where an install is looked at."""
        return f"/installs/{install.progress.id}{query}"


class Seen:
    """A page in a browser, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.response: Response | None = None
        self.loads = 0
        self.expected: tuple[str, ...] = ()
        """Parts of complaints that a test brings about."""
        self._complaints: list[str] = []
        self._asked: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("request", lambda request: self._asked.append(request.url))
        page.on("load", lambda _: self._loaded())

    async def go(self, path: str) -> None:
        """Load a path."""
        self.response = await self.page.goto(path)

    async def text(self, selector: str) -> str:
        """What is written in an element, on one line."""
        return " ".join((await self.page.locator(selector).inner_text()).split())

    async def until(self, selector: str, words: str) -> None:
        """Wait until an element says these words."""
        await self.page.locator(selector).filter(has_text=words).first.wait_for()

    async def picture(self, folder: Path, name: str) -> None:
        """Keep what it looks like, whole."""
        await self.page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")

    def assert_undisturbed(self) -> None:
        """No script failed, nothing broke the page's own policy, and nothing was asked of another origin."""
        unexpected = [said for said in self._complaints if not any(part in said for part in self.expected)]
        assert unexpected == []
        origin = self.page.url.split("/installs")[0]
        assert [url for url in self._asked if not url.startswith(f"{origin}/installs")] == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complaints.append(message.text)

    def _loaded(self) -> None:
        self.loads += 1
