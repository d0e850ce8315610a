"""The gate's pages: what a person sees of installs in a browser, with JavaScript and without it.

Jinja is loaded when the first page is asked for: a gate that only ever talks to programs does without it.
"""

from app.api.gate.pages.assets import Assets
from app.api.gate.view import Page, View


class HtmlPages:
    """Makes pages and gives their assets (``app.api.gate.view.Pages``)."""

    def __init__(self) -> None:
        self._assets = Assets()

    def page(self, view: View) -> Page:
        """A page about installs, in the viewer's language."""
        from app.api.gate.pages.rendering import render  # noqa: PLC0415 - see the module

        return render(view, self._assets)

    def asset(self, name: str) -> Page | None:
        """What a page links to, by the name that it links it by."""
        return self._assets.page(name)
