"""Who may ask: tokens, cookies, CSRF, and how the two APIs say no."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.rancher import ADMIN, JANE, User, catalogue
from tests.rancher.users import READER, SEE

Start = Callable[..., Awaitable[Any]]
ME = "/v3/users?me=true"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64)"
BASIC = "Basic " + b64encode(ADMIN.token.encode()).decode()
RAW = "/k8s/clusters/local/apis/catalog.cattle.io/v1"


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({"authorization": f"Bearer {ADMIN.token}"}, "u-abc12"),
        ({"authorization": f"bearer {ADMIN.token}"}, "u-abc12"),
        ({"authorization": BASIC}, "u-abc12"),
        ({"cookie": f"R_SESS={ADMIN.token}"}, "u-abc12"),
        ({"authorization": f"Bearer {JANE.token}", "cookie": f"R_SESS={ADMIN.token}"}, "u-jane5"),
        ({"authorization": "Bearer wrong", "cookie": f"R_SESS={ADMIN.token}"}, None),
        ({"authorization": "Digest x", "cookie": f"R_SESS={ADMIN.token}"}, None),
        ({"authorization": "Basic %%%"}, None),
        ({}, None),
    ],
)
async def test_the_header_wins_over_the_cookie(start: Start, headers: dict[str, str], user: str | None) -> None:
    """Bearer, Basic and the cookie are the same token; whoever sends a header is judged by it alone."""
    scene = await start(ready=False)
    reply = await (await scene.client(None)).get(ME, headers=headers)
    if user is None:
        assert (reply.status_code, reply.content) == (401, catalogue()["unauthenticated"].answer.body)
    else:
        assert reply.json()["data"][0]["id"] == user


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"user-agent": BROWSER, "cookie": "CSRF=a"}, "", 422),
        ({"user-agent": BROWSER, "cookie": "CSRF=a", "x-api-csrf": "b"}, "", 422),
        ({"user-agent": BROWSER, "cookie": "CSRF=a", "x-api-csrf": "a"}, "", 404),
        ({"user-agent": BROWSER, "cookie": "CSRF=a"}, "&CSRF=a", 404),
        ({"user-agent": BROWSER, "cookie": "a=b"}, "", 404),
        ({"user-agent": "curl/8", "cookie": "CSRF=a"}, "", 404),
    ],
)
async def test_csrf_is_asked_only_of_browsers_that_have_the_cookie(
    start: Start, headers: dict[str, str], query: str, status: int
) -> None:
    """A browser without the cookie passes, and so does whoever does not call itself Mozilla."""
    scene = await start(ready=False)
    sent = headers | {"accept": "application/json", "cookie": f"R_SESS={ADMIN.token}; {headers['cookie']}"}
    path = f"/v1/catalog.cattle.io.clusterrepos/harvester?action=install{query}"
    reply = await (await scene.client(None)).post(path, headers=sent, json={})
    assert reply.status_code == status
    if status == 422:
        assert reply.content == catalogue()["csrf"].answer.body


async def test_a_browser_that_takes_anything_gets_a_page_and_the_cookie(start: Start) -> None:
    """Mozilla and */* make HTML of the answer; with application/json it is JSON."""
    scene = await start(ready=False)
    shown = await scene.http.get(ME, headers={"user-agent": BROWSER, "accept": "*/*"})
    assert shown.headers["content-type"] == "text/html"
    assert shown.headers["set-cookie"].startswith("CSRF=")
    shown = await scene.http.get(ME, headers={"user-agent": BROWSER, "accept": "application/json"})
    assert shown.headers["content-type"] == "application/json"


async def test_no_right_is_an_empty_list_in_steve_and_403_in_kubernetes(start: Start) -> None:
    """The same question, asked without the right, has two answers."""
    scene = await start()
    await scene.install()
    await scene.rancher.settled()
    await scene.rancher.clock.sleep(1)
    jane = await scene.client(JANE)
    for http, count in ((scene.http, 1), (jane, 0)):
        shown = (await http.get("/v1/catalog.cattle.io.operations")).json()
        assert (shown["count"], len(shown["data"])) == (count, count)
    refused = await jane.get(f"{RAW}/namespaces/cattle-ui-plugin-system/operations")
    assert refused.status_code == 403
    assert refused.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'operations.catalog.cattle.io is forbidden: User "u-jane5" cannot list resource "operations" in API '
        'group "catalog.cattle.io" in the namespace "cattle-ui-plugin-system"',
        "reason": "Forbidden",
        "details": {"group": "catalog.cattle.io", "kind": "operations"},
        "code": 403,
    }
    allowed = await scene.http.get(f"{RAW}/namespaces/cattle-ui-plugin-system/operations")
    assert [one["kind"] for one in allowed.json()["items"]] == ["Operation"]


@pytest.mark.parametrize(
    ("rights", "status", "code"),
    [
        (frozenset(), 404, None),
        (frozenset({SEE}), 403, "Forbidden"),
        (READER, 200, None),
    ],
)
async def test_a_repository_may_be_hidden_forbidden_or_readable(
    start: Start, rights: frozenset[str], status: int, code: str | None
) -> None:
    """Without the type there is 404 with an empty body; with the type and without the right, 403."""
    user = User("u-test1", "test", "token-test1:x", rights)
    scene = await start(ready=False, users=[ADMIN, user])
    scene.rancher.add_repo()
    reply = await (await scene.client(user)).get("/v1/catalog.cattle.io.clusterrepos/harvester")
    assert reply.status_code == status
    if status == 404:
        assert reply.content == b""
    if code:
        assert reply.json()["code"] == code


async def test_what_is_missing_is_404_with_words(start: Start) -> None:
    """A repository that does not exist is told as the catalogue has it."""
    scene = await start(ready=False)
    for reply in (await scene.http.get("/v1/catalog.cattle.io.clusterrepos/harvester"), await scene.install()):
        assert (reply.status_code, reply.content) == (404, catalogue()["repo-missing"].answer.body)


async def test_an_unknown_action_is_refused_by_name(start: Start) -> None:
    """Actions are looked up before the body is looked at."""
    scene = await start()
    reply = await scene.install(action="instal")
    assert (reply.status_code, reply.content) == (403, catalogue()["no-such-action"].answer.body)


async def test_links_update_and_the_review_say_what_a_user_may(start: Start) -> None:
    """Who may update a repository has the link, and a SelfSubjectAccessReview answers for helm."""
    scene = await start()
    jane = await scene.client(JANE)
    path = "/k8s/clusters/local/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    wanted = {"group": "catalog.cattle.io", "resource": "uiplugins", "verb": "create", "namespace": "x"}
    for http, may in ((scene.http, True), (jane, False)):
        shown = (await http.get("/v1/catalog.cattle.io.clusterrepos/harvester")).json()
        assert ("update" in shown["links"]) is may
        review = (await http.post(path, json={"spec": {"resourceAttributes": wanted}})).json()
        assert review["status"] == {"allowed": may}


async def test_impersonation_is_noted_and_refused(start: Start) -> None:
    """Whoever sends Impersonate-User without the right is refused, and the record keeps it."""
    scene = await start(ready=False)
    reply = await scene.http.get(ME, headers={"impersonate-user": "u-root"})
    assert reply.status_code == 403
    assert [event.asked for event in scene.rancher.record.of("impersonation")] == ["u-root"]


async def test_websockets_are_refused_with_words(start: Start) -> None:
    """A stand-in has no subscriptions, and says so."""
    scene = await start(ready=False)
    headers = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    reply = await scene.http.get("/v1/subscribe", headers=headers)
    assert (reply.status_code, reply.text) == (501, "the stand-in has no websockets\n")
