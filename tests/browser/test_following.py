"""Looking at an install in a browser while things happen to it, with a script and without, by mouse and by keyboard."""

from typing import Any

import pytest

from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.progress import Answered, Cancelled, InstallFailed, Phase

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATION = ("cattle-ui-plugin-system", "helm-operation-x7k2p")
NO_SCRIPT = {"java_script_enabled": False}


async def test_a_page_follows_its_install_without_loading_again(site: Any, visit: Any) -> None:
    """State, checks, attempts and outcome appear as they come, in one load, announced politely, and times tick."""
    install = site.install()
    seen = await visit(site.path(install))
    assert "The download failed" in await seen.text("#status")
    assert await seen.page.get_by_role("status").first.get_attribute("aria-live") in {None, "polite"}
    passed = Check(CheckId.INDEX, Outcome.PASSED, "There is an index.")
    install.update(checks=(passed,), waits_for="The chart is not in the index yet.")
    await seen.until("#status", "The chart is not in the index yet.")
    await seen.until("#checks", "There is an index.")
    install.update(phase=Phase.SENDING, attempts=2, waits_for="")
    await seen.until("#facts div:has-text('Times sent') dd", "2")
    assert await seen.page.locator("#cancel").count() == 0
    install.update(operation=OPERATION)
    install.end(Answered(201, OPERATION))
    await seen.until("#status", "Accepted")
    await seen.until("#facts", "/".join(OPERATION))
    await seen.until("#checks", "As they were at the last look")
    assert await seen.page.title() == "Accepted: harvester 1.8.1 · status-guard"
    assert seen.loads == 1


async def test_without_a_script_a_page_loads_itself_again_until_the_end(site: Any, visit: Any) -> None:
    """A living page asks to be loaded again and then shows the new state; one that has ended does not."""
    install = site.install()
    seen = await visit(site.path(install), **NO_SCRIPT)
    assert "The download failed" in await seen.text("#status")
    install.end(Answered(201, OPERATION))
    await seen.until("#status", "Accepted")
    assert seen.loads > 1
    assert await seen.page.locator('meta[http-equiv="refresh"]').count() == 0


@pytest.mark.parametrize("options", [{}, NO_SCRIPT], ids=["script", "no script"])
async def test_the_button_cancels(options: dict[str, Any], site: Any, visit: Any) -> None:
    """With and without a script: one press, the install is cancelled, and the page says so."""
    install = site.install()
    seen = await visit(site.path(install), **options)
    await seen.page.get_by_role("button", name="Cancel this install").click()
    await seen.until("#status", "Cancelled")
    assert isinstance(install.progress.outcome, Cancelled)
    assert seen.page.url.endswith(site.path(install))


async def test_a_keyboard_is_enough(site: Any, visit: Any) -> None:
    """From the list to an install to its cancelling by Tab and Enter, each stop visible; the focus is never lost."""
    install = site.install()
    seen = await visit("/installs")
    await seen.page.keyboard.press("Tab")
    assert await focused(seen) == "Skip to the content"
    while await focused(seen) != "harvester 1.8.1":
        await seen.page.keyboard.press("Tab")
    await seen.page.keyboard.press("Enter")
    await seen.page.wait_for_url(f"**{site.path(install)}")
    while await focused(seen) != "Cancel this install":
        await seen.page.keyboard.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await seen.page.evaluate(outline) != "none"
    install.update(waits_for="Something else is waited for.")
    await seen.until("#status", "Something else is waited for.")
    assert await focused(seen) == "Cancel this install"
    await seen.page.keyboard.press("Enter")
    await seen.until("#status", "Cancelled")
    assert await focused(seen) == "harvester 1.8.1"


async def focused(seen: Any) -> str:
    """What has the focus, in its own words."""
    return str(await seen.page.evaluate("document.activeElement.textContent.trim()"))


async def test_the_list_shows_what_there_is_and_stays_current(site: Any, visit: Any) -> None:
    """Ann's installs with their states, each a link; a new one appears by itself, and an empty list says what it is."""
    seen = await visit("/installs")
    assert "There are none." in await seen.text("#list")
    site.install()
    await seen.until("#list", "harvester 1.8.1")
    assert seen.loads == 1
    await seen.page.get_by_role("link", name="harvester 1.8.1").click()
    await seen.until("#title", "harvester 1.8.1")


async def test_a_failed_install_shows_helms_log_read_as_the_viewer(site: Any, visit: Any) -> None:
    """The log is read with the viewer's own cookie; where that is no longer possible, the kept end of it is shown."""
    install = site.install(
        phase=Phase.ENDED, operation=OPERATION, outcome=InstallFailed(OPERATION, "It failed.", "Error", "kept words")
    )
    site.rancher.log = "install.go:222: creating 3 resources\nError: INSTALLATION FAILED: no"
    seen = await visit(site.path(install))
    log = seen.page.get_by_role("region", name="The end of helm's log")
    assert "INSTALLATION FAILED: no" in await log.inner_text()
    [reader, *_] = site.rancher.log_readers
    assert b"token-ann" in dict(reader.headers)[b"cookie"]
    site.rancher.log = ""
    await seen.go(site.path(install))
    assert "kept words" in await log.inner_text()


async def test_a_broken_line_is_said_and_made_good(site: Any, visit: Any) -> None:
    """While the gate is away the page says that it may be out of date; when it is back, it shows what is so by then."""
    install = site.install()
    seen = await visit("/installs")
    seen.expected = ("ERR_INTERNET_DISCONNECTED",)
    await seen.page.context.set_offline(True)
    await seen.until("#lost", "The connection to the gate is interrupted")
    install.end(Cancelled())
    await seen.page.context.set_offline(False)
    await seen.until("#list", "Cancelled")
    assert await seen.text("#lost") == ""
