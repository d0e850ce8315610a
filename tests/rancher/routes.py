"""Which part of Rancher answers a path, after authentication and CSRF."""

from typing import TYPE_CHECKING
from urllib.parse import unquote

from .errors import Answer, Refusal, api_error, go_json, no_schema
from .faults import Step
from .kube import serve_kube
from .request import Request
from .uiplugins import index_of
from .users import ADMIN, authenticate, check_csrf, cookies, is_browser

if TYPE_CHECKING:
    from .replica import Replica

TEXT = ((b"content-type", b"text/plain; charset=utf-8"),)
HTML = ((b"content-type", b"text/html"),)
TOO_EARLY = 425
SESSION = (b"set-cookie", f"R_SESS={ADMIN.token}; Path=/; Secure; HttpOnly".encode())
FIRST_COOKIE = (b"set-cookie", b"CSRF=3f1c7b9a5d2e4c6f; Path=/; Secure")


async def answer(replica: "Replica", request: Request) -> Answer:
    """The answer to a request.

    Raises:
        Ended: there is none.
    """
    try:
        found = await _route(replica, request)
    except Refusal as refusal:
        found = refusal.answer
    return _for_browsers(request, found)


async def _route(replica: "Replica", request: Request) -> Answer:
    parts = [unquote(part) for part in request.scope["raw_path"].decode("latin-1").strip("/").split("/")]
    if (plain := _public(replica, parts)) is not None:
        return plain
    await request.reach(Step.RECEIVED)
    request.user = authenticate(replica.rancher.users, request.headers)
    _refuse_impersonation(replica, request)
    check_csrf(request.method, request.headers, request.query)
    cluster_id = "local"
    if parts[:2] == ["k8s", "clusters"] and len(parts) > 3:
        cluster_id, parts = parts[2], parts[3:]
    cluster = replica.rancher.clusters.get(cluster_id)
    if cluster is None:
        raise api_error(404, "NotFound", f'clusters.management.cattle.io "{cluster_id}" not found')
    request.cluster = cluster
    request.member = replica.member_for(cluster, request)
    if parts[:2] == ["v1", "subscribe"]:
        words = b"the stand-in has no websockets\n"
        return Answer(501, words, TEXT)
    if parts[:2] == ["v1", "uiplugins"] and cluster_id == "local":
        return _plugins(request, parts[2:])
    if parts[0] == "v1" and len(parts) > 1:
        return await replica.rancher.steves[cluster_id].serve(request, parts[1:])
    if parts[0] in ("api", "apis") and len(parts) > 1:
        return await serve_kube(request, cluster, parts)
    if parts[:1] == ["v3"]:
        return _norman(replica, request, parts[1:])
    raise no_schema()


def _public(replica: "Replica", parts: list[str]) -> Answer | None:
    """What everybody may ask; it says something of this replica only."""
    version = ".".join(map(str, replica.world.line))
    match parts:
        case ["ping"]:
            return Answer(200, b"pong", TEXT)
        case ["healthz"]:
            return Answer(200, b"ok", TEXT)
        case ["rancherversion"]:
            return Answer(200, go_json({"Version": f"v{version}.0", "GitCommit": "59bd052e"}).encode())
        case ["login"] if replica.rancher.landing:
            return Answer(303, b"", (SESSION, (b"location", replica.rancher.landing.encode())))
    return None


def _refuse_impersonation(replica: "Replica", request: Request) -> None:
    asked = request.headers.get("impersonate-user")
    if asked is None:
        return
    replica.world.record.add("impersonation", user=request.caller.id, asked=asked)
    if not request.caller.may("impersonate", "local"):
        raise api_error(403, "Forbidden", f"user {request.caller.id} may not impersonate {asked}")
    request.user = next((one for one in replica.rancher.users.values() if one.id == asked), request.user)


def _plugins(request: Request, parts: list[str]) -> Answer:
    assert request.cluster is not None
    assert request.member is not None
    listed = index_of(request.cluster, request.member)
    if not parts:
        return Answer(200, go_json(listed).encode())
    if len(parts) < 2 or parts[0] not in listed["entries"]:
        known = any(one["spec"]["plugin"]["name"] == parts[0] for one in request.cluster.store.list("uiplugins"))
        return Answer(TOO_EARLY if known else 404, b"", ())
    if listed["entries"][parts[0]]["version"] != parts[1]:
        return Answer(404, b"", ())
    return Answer(200, b"/* a UI plugin */\n", ((b"content-type", b"application/javascript"),))


def _norman(replica: "Replica", request: Request, parts: list[str]) -> Answer:
    if parts == ["users"]:
        request.sort = "users"
        user = request.caller
        me = {"id": user.id, "type": "user", "me": True, "username": user.name, "enabled": True}
        return Answer(200, go_json({"type": "collection", "resourceType": "user", "data": [me]}).encode())
    if parts == ["settings", "server-version"]:
        version = ".".join(map(str, replica.world.line))
        return Answer(200, go_json({"id": "server-version", "type": "setting", "value": f"v{version}.0"}).encode())
    raise no_schema()


def _for_browsers(request: Request, found: Answer) -> Answer:
    """A browser that accepts anything gets a page; one without the CSRF cookie gets it."""
    if not is_browser(request.headers) or request.user is None:
        return found
    headers = found.headers
    if "CSRF" not in cookies(request.headers):
        headers = (*headers, FIRST_COOKIE)
    if "*/*" in request.headers.get("accept", "*/*") and (b"content-type", b"application/json") in headers:
        body = b"<!DOCTYPE html>\n<script>var data =\n" + found.body + b";</script>\n"
        return Answer(found.status, body, (*HTML, *headers[1:]))
    return Answer(found.status, found.body, headers)
