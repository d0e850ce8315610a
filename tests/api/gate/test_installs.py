"""/installs: for the owner, as Rancher itself names them, and for nobody else."""

from typing import Any

import pytest
from gate_wire import BODY, Wire

from app.api.gate.view import Page, View
from app.core.gate.reading import Unread
from app.gate.progress import Cancelled, InstallFailed, Phase

BOB = "Bearer token-bob:MARKER-bob-secret"
COOKIE = "R_SESS=token-ann:MARKER-ann-secret"
DOWNSTREAM = "/k8s/clusters/c-m-1/v1/catalog.cattle.io.clusterrepos/harvester?action=install"


class Plain:
    """Pages that show what they are given."""

    def __init__(self) -> None:
        self.views: list[View] = []

    def page(self, view: View) -> Page:
        """A page."""
        self.views.append(view)
        return Page(((b"content-type", b"text/html"), (b"content-security-policy", b"default-src 'self'")), b"<p>")

    def asset(self, name: str) -> Page | None:
        """A style sheet."""
        return Page(((b"content-type", b"text/css"),), b"p{}") if name == "style.css" else None


async def make(gate: Any, path: str = "", **headers: Any) -> Any:
    """An asynchronous install of Ann's."""
    asked = {"body": BODY, "prefer": "respond-async"} | headers
    answer = await (gate.ask(path, **asked) if path else gate.ask(**asked))
    assert answer.status == 202
    return gate.engine.installs[-1]


async def test_the_owner_sees_the_install(gate: Any) -> None:
    """The location of a 202 shows the install to whoever asked for it, with the time to compute with."""
    install = await make(gate)
    answer = await gate.ask(f"/installs/{install.progress.id}", method="GET")
    assert (answer.status, answer.header("cache-control")) == (200, "no-store")
    assert (answer.json["id"], answer.json["phase"], answer.json["user"]) == (install.progress.id, "held", "u-ann")
    assert answer.json["now"] >= answer.json["created"]
    [listed] = (await gate.ask("/installs", method="GET")).json["installs"]
    assert listed["id"] == install.progress.id


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_anybody_else_learns_nothing(gate: Any, method: str) -> None:
    """Another user's id, another cluster and an id that never was give the same 404, byte for byte."""
    install = await make(gate)
    mine = f"/installs/{install.progress.id}"
    answers = [
        await gate.ask(mine, method=method, authorization=BOB),
        await gate.ask(f"/installs/{'f' * 32}", method=method),
        await gate.ask(f"{mine}?cluster=c-m-1", method=method),
        await gate.ask(f"{mine}?cluster=../x", method=method),
        await gate.ask("/installs/..%2f..%2fv3", method=method),
    ]
    answers[0].assert_problem(404, "no-such-install")
    assert len({(answer.status, answer.body, *answer.headers) for answer in answers}) == 1
    assert (await gate.ask("/installs", method="GET", authorization=BOB)).json["installs"] == []
    assert install.progress.phase is Phase.HELD


async def test_an_install_downstream_is_found_in_its_cluster(gate: Any) -> None:
    """The location of a downstream install names its cluster."""
    answer = await gate.ask(DOWNSTREAM, BODY, prefer="respond-async")
    where = answer.header("location")
    assert where.endswith("?cluster=c-m-1")
    assert (await gate.ask(where, method="GET")).json["cluster"] == "c-m-1"
    assert (await gate.ask("/installs", method="GET")).json["installs"] == []


@pytest.mark.parametrize("path", ["/installs", f"/installs/{'0' * 32}"])
async def test_without_a_login_ranchers_refusal_is_passed_on(gate: Any, path: str) -> None:
    """401 is Rancher's own, as it came."""
    answer = await gate.ask(path, method="GET", authorization=None)
    assert (answer.status, answer.json["message"]) == (401, "must authenticate")


async def test_an_install_is_cancelled_while_nothing_was_sent(gate: Any) -> None:
    """DELETE ends a held install and says how it stands; once it is being sent it is too late."""
    install = await make(gate)
    answer = await gate.ask(f"/installs/{install.progress.id}", method="DELETE")
    assert (answer.status, answer.json["outcome"]) == (200, {"kind": "cancelled"})
    sending = await make(gate)
    sending.update(phase=Phase.SENDING)
    (await gate.ask(f"/installs/{sending.progress.id}", method="DELETE")).assert_problem(409, "too-late")
    assert sending.progress.phase is Phase.SENDING


@pytest.mark.parametrize("headers", [{}, {"sec_fetch_site": "cross-site"}, {"origin": "https://evil.test"}])
async def test_another_sites_page_cannot_cancel_or_stream(gate: Any, headers: dict[str, str]) -> None:
    """With a cookie, what changes or holds something needs a page of the same origin; reading does not."""
    install = await make(gate)
    path = f"/installs/{install.progress.id}"
    cookie = {"authorization": None, "cookie": COOKIE} | headers
    (await gate.ask(path, method="DELETE", **cookie)).assert_problem(403, "cross-site")
    (await gate.ask(f"{path}/cancel", **cookie)).assert_problem(403, "cross-site")
    (await gate.ask(path, method="GET", accept="text/event-stream", **cookie)).assert_problem(403, "cross-site")
    assert (await gate.ask(path, method="GET", **cookie)).status == 200
    assert install.progress.phase is Phase.HELD


async def test_other_methods_are_named(gate: Any) -> None:
    """405 says which methods there are."""
    for path, allowed in (("/installs", "GET, HEAD"), (f"/installs/{'0' * 32}", "DELETE, GET, HEAD")):
        answer = await gate.ask(path, method="PUT")
        answer.assert_problem(405, "bad-method")
        assert answer.header("allow") == allowed


async def test_helms_log_is_read_with_the_viewers_credential(gate: Any) -> None:
    """The log of a failed install is asked for as whoever looks, and what is secret in it is taken out."""
    install = await make(gate)
    install.end(InstallFailed(("ns", "helm-operation-abcde"), "helm failed"))
    gate.rancher.log = "Error: https://admin:hunter2@registry.test/x refused\ntoken-ann:MARKER-ann-secret"
    answer = await gate.ask(f"/installs/{install.progress.id}", method="GET")
    assert "registry.test/x refused" in answer.json["log"]
    assert "hunter2" not in answer.json["log"]
    assert "MARKER" not in answer.body.decode()
    [reader] = gate.rancher.log_readers
    assert reader.headers[0] == (b"authorization", b"Bearer token-ann:MARKER-ann-secret")
    gate.rancher.log = Unread.FORBIDDEN
    assert "log" not in (await gate.ask(f"/installs/{install.progress.id}", method="GET")).json


async def test_browsers_get_pages(begin: Any) -> None:
    """Who prefers HTML gets the page that the seam makes, with its own policy; assets are for everybody."""
    pages = Plain()
    gate = await begin(pages=pages)
    install = await make(gate)
    browser = {"method": "GET", "accept": "text/html,*/*;q=0.8", "accept_language": "zh-CN"}
    answer = await gate.ask(f"/installs/{install.progress.id}", **browser)
    assert (answer.status, answer.body, answer.header("content-type")) == (200, b"<p>", "text/html")
    assert answer.header("cache-control") == "no-store"
    assert (await gate.ask("/installs", **browser)).status == 200
    assert [(view.single, len(view.installs), view.languages) for view in pages.views] == [
        (True, 1, (b"zh-CN",)),
        (False, 1, (b"zh-CN",)),
    ]
    style = await gate.ask("/installs/-/style.css", method="GET", authorization=None)
    assert (style.status, style.body) == (200, b"p{}")
    (await gate.ask("/installs/-/none.css", method="GET")).assert_problem(404, "no-such-install")


async def test_a_button_cancels_and_leads_back(begin: Any) -> None:
    """A page's form, which knows no DELETE, cancels by POST and is sent back to the install."""
    gate = await begin(pages=Plain())
    install = await make(gate)
    cookie = {"authorization": None, "cookie": COOKIE, "origin": "https://gate.test"}
    answer = await gate.ask(f"/installs/{install.progress.id}/cancel", **cookie)
    assert (answer.status, answer.header("location")) == (303, f"/installs/{install.progress.id}")
    assert isinstance(install.progress.outcome, Cancelled)


async def test_callers_of_one_credential_are_verified_once(gate: Any) -> None:
    """Rancher is asked who a credential belongs to once for all who come together, and not again for a while."""
    wires: list[Wire] = [await gate.begin("/installs", method="GET") for _ in range(20)]
    assert [(await wire.answer("GET")).status for wire in wires] == [200] * 20
    assert gate.rancher.asked == 1
    await gate.ask("/installs", method="GET", authorization=BOB)
    assert gate.rancher.asked == 2


async def test_the_document_describes_what_is_here(gate: Any) -> None:
    """The OpenAPI document has the install call and /installs; a path that is neither gets 404 with words."""
    document = (await gate.ask("/openapi.json", method="GET")).json
    assert {"/installs", "/installs/{id}", "/v1/catalog.cattle.io.clusterrepos/{name}"} <= set(document["paths"])
    assert {"Progress", "GateProblem"} <= set(document["components"]["schemas"])
    for path in ("/", "/v3/users", "/dashboard/", "/v1/management.cattle.io.settings"):
        (await gate.ask(path, method="GET")).assert_problem(404, "not-here")
