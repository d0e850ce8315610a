"""What a page says, to whom: languages, screen readers, colours, and nothing that came from outside as markup."""

import re
from typing import Any

import pytest

from app.api.gate.pages.language import LANGUAGES, chosen, words
from app.api.gate.pages.standing import TONES
from app.core.gate.readiness import Check, CheckId, Outcome
from app.gate.progress import ChartProgress, InstallFailed, Phase, Refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = "</title></script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
BIDI = "\u202egnp.exe\u2066"
CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parsed(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.classList.contains("skip")) continue;
    const [a, b] = [light(parsed(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return found;
}"""


async def test_a_screen_reader_finds_its_way(site: Any, visit: Any) -> None:
    """Landmarks, one first heading, sections by headings, a table with headers, a status: all by their roles."""
    install = site.install()
    page = (await visit(site.path(install))).page
    for role in ("banner", "main", "navigation", "table"):
        assert await page.get_by_role(role).count() == 1, role
    assert await page.get_by_role("heading", level=1).all_inner_texts() == ["harvester 1.8.1"]
    headings = await page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Status", "What to do next", "Checks of the repository", "About this install"]
    assert await page.get_by_role("columnheader").all_inner_texts() == ["Check", "Result", "What it says"]
    assert await page.get_by_role("rowheader").count() == len(install.progress.checks)
    assert "The download failed" in await page.get_by_role("status").first.inner_text()
    button = page.get_by_role("button", name="Cancel this install")
    note = page.locator(f"#{await button.get_attribute('aria-describedby')}")
    assert "cancelling leaves no trace" in await note.inner_text()


@pytest.mark.parametrize("width", [360, 1400])
async def test_a_table_stays_a_table_when_it_is_narrow(width: int, site: Any, visit: Any) -> None:
    """As cards or as rows, a screen reader is told of rows and their headers."""
    page = (await visit(site.path(site.install()), viewport={"width": width, "height": 800})).page
    row = page.get_by_role("row").filter(has_text="repository-index")
    assert await row.get_by_role("rowheader").count() == 1
    assert await row.get_by_role("cell").count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_can_be_read(scheme: str, site: Any, visit: Any) -> None:
    """Each text has a contrast of 4.5 or more (WCAG 2.2 AA) in both schemes; a state is a word, not only a colour."""
    install = site.install()
    failed = site.install(phase=Phase.ENDED, outcome=InstallFailed(("n", "o"), "It failed.", "Error", "a log"))
    for path in (site.path(install), site.path(failed), "/installs"):
        seen = await visit(path, color_scheme=scheme)
        assert await seen.page.evaluate(CONTRAST) == [], path
    for badge in await seen.page.locator(".badge").all_inner_texts():
        assert re.search(r"\w{4,}", badge)


async def test_nothing_moves_for_those_who_do_not_want_it(site: Any, visit: Any) -> None:
    """With reduced motion there is no animation."""
    seen = await visit(site.path(site.install()), reduced_motion="reduce")
    assert await seen.page.evaluate("document.getAnimations().length") == 0


async def test_the_browsers_language_is_spoken_and_another_can_be_chosen(site: Any, visit: Any) -> None:
    """Chinese for who asks for it, English for all others; what is chosen goes along with every link."""
    install = site.install()
    seen = await visit(site.path(install), locale="zh-CN")
    assert await seen.page.locator("html").get_attribute("lang") == "zh-Hans"
    assert seen.response.headers["content-language"] == "zh-Hans"
    assert "等待" in await seen.text("#status")
    for english in ("There is no index of the repository yet.", "Only a Git repository has branches."):
        assert await seen.page.locator('#checks [lang="en"]', has_text=english).count() == 1
    await seen.page.get_by_role("link", name="English").click()
    await seen.until("#status", "Waiting")
    await seen.page.get_by_role("link", name="All installs").click()
    await seen.until("#title", "Installs")
    assert await seen.page.locator("html").get_attribute("lang") == "en"
    install.update(waits_for="Something new is waited for.")
    await seen.page.get_by_role("link", name="harvester 1.8.1").click()
    await seen.until("#status", "Something new is waited for.")
    assert await (await visit("/installs", locale="fr-FR")).page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", [], "en"),
        ("zh", [b"en"], "zh"),
        ("xx", [b"zh-TW"], "zh"),
        ("", [b"fr, zh;q=0.5, en;q=0.4"], "zh"),
        ("", [b"zh;q=0, en"], "en"),
        ("", [b"*"], "en"),
        ("", [b"zh;q=9", b"\xff\xfe;;;,"], "en"),
        ("", [b"de", b"zh-Hans-CN"], "zh"),
    ],
)
async def test_a_language_is_chosen_by_what_is_asked_and_accepted(
    asked: str, accepted: list[bytes], language: str
) -> None:
    """What was chosen on a page first, then the best accepted one, else English; nonsense is nothing."""
    assert chosen(asked, accepted) == language


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_language_has_every_word(language: str) -> None:
    """No text of a page, no state, no check and no result is left out; translations say at least what blocks."""
    known, english = words(language), words("en")
    assert known.label.keys() == english.label.keys()
    assert set(known.state) == set(TONES)
    assert set(known.check) == set(CheckId)
    assert set(known.result) == set(Outcome)
    assert known.trouble.keys() == english.trouble.keys()
    assert all(text.strip() for text in (*known.label.values(), *known.check.values(), *known.result.values()))


async def test_what_came_from_outside_is_text(site: Any, visit: Any) -> None:
    """Markup, quotes and characters that turn text around stay what they are, in names, words, logs and titles."""
    said = f"{MARKUP}{BIDI}"
    install = site.install(
        repo=said,
        namespace=said,
        charts=(ChartProgress(said, said, said),),
        checks=(Check(CheckId.INDEX, Outcome.WAITING, said, said, said),),
        waits_for=said,
    )
    failed = site.install(phase=Phase.ENDED, outcome=InstallFailed((said, said), said, said, said), user="u-ann")
    refused = site.install(phase=Phase.ENDED, outcome=Refused(said, 404, said, said))
    for one in (install, failed, refused):
        seen = await visit(site.path(one))
        assert MARKUP in await seen.page.locator("body").inner_text()
        assert await seen.page.locator("img, body script").count() == 0
        assert "broken" not in (await seen.page.title()).split("<")[0]
    install.update(waits_for=f"{said} again")
    seen = await visit(site.path(install))
    install.update(waits_for=f"{said} and again")
    await seen.until("#status", "and again")
    assert await seen.page.locator("img").count() == 0
    assert await seen.page.locator("bdi").count() > 5


async def test_the_policy_lets_nothing_in(site: Any, visit: Any) -> None:
    """No inline script or style, nothing from elsewhere, no frame, no referrer, nothing kept by caches."""
    headers = (await visit(site.path(site.install()))).response.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    seen = await visit("/installs")
    seen.expected = ("Content Security Policy",)
    blocked = "() => { const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
    blocked += " document.body.append(made) }"
    await seen.page.evaluate(blocked)
    assert await seen.page.evaluate("window.ran") is None


async def test_an_install_is_its_owners_alone(site: Any, visit: Any) -> None:
    """Another user is told of none, who is not logged in of that, and neither learns that it is there."""
    install = site.install()
    for token, status, word in (("token-bob", 404, "install"), ("", 401, "Rancher"), ("token-eve", 401, "Rancher")):
        seen = await visit(site.path(install), token=token)
        seen.expected = ("404", "401")
        assert seen.response.status == status
        body = await seen.page.locator("body").inner_text()
        assert word in body
        assert "harvester" not in body


async def test_another_site_cannot_cancel(site: Any, visit: Any, chromium: Any) -> None:
    """A form on a page from elsewhere, posted with the viewer's cookie, changes nothing."""
    install = site.install()
    context = await chromium.new_context(ignore_https_errors=True)
    cookie = {"name": "R_SESS", "value": "token-ann", "url": site.origin, "sameSite": "None", "secure": True}
    await context.add_cookies([cookie])
    page = await context.new_page()
    form = f'<form method="post" action="{site.origin}{site.path(install)}/cancel"><button>go</button></form>'
    await page.route("https://elsewhere.test/", lambda route: route.fulfill(body=form, content_type="text/html"))
    await page.goto("https://elsewhere.test/")
    async with page.expect_navigation() as navigation:
        await page.get_by_role("button").click()
    response = await navigation.value
    assert response is not None
    assert response.status == 403
    assert install.progress.phase is Phase.HELD
    await context.close()
