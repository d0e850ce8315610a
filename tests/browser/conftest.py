"""Debian's Chromium before the gate's real edge, whose engine does what a test tells it."""

import os
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from browsing import Seen, Site
from playwright.async_api import Browser, async_playwright
from scripted_gate import scene, served
from server_process import Pki

from app.api.gate.pages import HtmlPages

NAMES = ("chromium", "chromium-browser", "google-chrome")

Open = Callable[..., Awaitable[Seen]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests; each test has profiles of its own in it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "there is no Chromium here; on Debian: apt-get install -y chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def site(pki: Pki) -> AsyncIterator[Site]:
    """The edge, served, with the pages that are shipped."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki.certificate, pki.key)
    made, edge = scene({"token-ann": "u-ann", "token-bob": "u-bob"}, pages=HtmlPages())
    async with served(edge.application(), context) as made.port:
        yield Site(made)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser, site: Site) -> AsyncIterator[Open]:
    """Opens a page as Ann, in a profile of its own; a page that broke its own policy or raised fails the test."""
    async with AsyncExitStack() as stack:

        async def begin(path: str, *, token: str = "token-ann", **options: Any) -> Seen:
            given = {"ignore_https_errors": True, "locale": "en-US", "base_url": site.origin} | options
            profile = await chromium.new_context(**given)
            stack.push_async_callback(profile.close)
            if token:
                await profile.add_cookies([{"name": "R_SESS", "value": token, "url": site.origin}])
            seen = Seen(await profile.new_page())
            await seen.go(path)
            stack.callback(seen.assert_undisturbed)
            return seen

        yield begin
