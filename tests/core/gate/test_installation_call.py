"""Which request lines are installs, and which are refused because a reader could take them for one."""

import re
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.gate import installation_call
from app.core.gate.installation_call import Action, IndexRead, InstallCall, PassThrough, is_label, is_subdomain
from app.core.gate.refusal import Refusal, Slug

REPOS = b"/v1/catalog.cattle.io.clusterrepos"
ONE = REPOS + b"/harvester"
CLUSTER = b"/k8s/clusters/c-m-abc12"
INSTALL = b"action=install"


@pytest.mark.parametrize(
    ("path", "query", "call"),
    [
        (ONE, INSTALL, InstallCall("local", "harvester", Action.INSTALL, "")),
        (ONE, b"action=upgrade", InstallCall("local", "harvester", Action.UPGRADE, "")),
        (
            b"/k8s/clusters/local" + ONE,
            INSTALL,
            InstallCall("local", "harvester", Action.INSTALL, "/k8s/clusters/local"),
        ),
        (CLUSTER + ONE, INSTALL, InstallCall("c-m-abc12", "harvester", Action.INSTALL, CLUSTER.decode())),
        (REPOS + b"/a.b-c.1", b"x=%20&action=install&y", InstallCall("local", "a.b-c.1", Action.INSTALL, "")),
        (REPOS + b"/" + b"a" * 63, INSTALL, InstallCall("local", "a" * 63, Action.INSTALL, "")),
    ],
)
def test_installs(path: bytes, query: bytes, call: InstallCall) -> None:
    """The path and query that Rancher's own links have are an install, on this cluster or another."""
    assert installation_call.read(b"POST", path, query) == call


@pytest.mark.parametrize("path", [ONE, CLUSTER + ONE])
def test_index_reads(path: bytes) -> None:
    """What the dashboard reads before it installs is known for what it is."""
    found = installation_call.read(b"GET", path, b"link=index")
    assert isinstance(found, IndexRead)
    assert found.repo == "harvester"
    assert found.prefix.encode() + ONE == path


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        (b"GET", ONE, b""),
        (b"GET", ONE, b"link=info&chartName=a&version=1"),
        (b"GET", ONE, b"link=index&link=info"),
        (b"GET", ONE, b'filter={a|b}^`"[c];d=%zz'),
        (b"GET", REPOS, b"link=index"),
        (b"GET", REPOS + b"/NoName", b"link=index"),
        (b"GET", ONE, INSTALL),
        (b"HEAD", ONE, b"link=index&x={"),
        (b"OPTIONS", ONE, b"x={"),
        (b"PUT", ONE, b""),
        (b"PUT", ONE, INSTALL),
        (b"DELETE", ONE, b""),
        (b"POST", REPOS, b""),
        (b"POST", ONE, b"action="),
        (b"POST", ONE, b"action"),
        (b"POST", ONE, b"action=refresh"),
        (b"POST", ONE, b"action=uninstall"),
        (b"POST", ONE, b"reaction=install"),
    ],
)
def test_other_calls_on_the_path_pass(method: bytes, path: bytes, query: bytes) -> None:
    """Whatever else is asked of a repository is for Rancher alone."""
    assert installation_call.read(method, path, query) == PassThrough(on_collection=True)


@pytest.mark.parametrize(
    "path",
    [
        *(b"/", b"", b"*", b"/v1", b"/v1/secrets/a%2Fb", b"/v1/catalog.cattle.io.apps/ns/app", b"/v1/x/../y"),
        *(b"/installs/1", b"/v1/catalog.cattle.io.clusterreposx/a", b"/v3/catalog.cattle.io.clusterrepos/a"),
        *(b"/k8s/clusters/v1/catalog.cattle.io.clusterrepos/a", b"http://h/v1/secrets", b"\xff\x00"),
    ],
)
def test_other_paths_pass(path: bytes) -> None:
    """A path that nobody can take for the collection is none of the gate's business, however it is spelt."""
    assert installation_call.read(b"POST", path, INSTALL) == PassThrough(on_collection=False)


@pytest.mark.parametrize("method", [b"POST", b"GET"])
@pytest.mark.parametrize(
    "path",
    [
        b"/v1//catalog.cattle.io.clusterrepos/harvester",
        b"//v1/catalog.cattle.io.clusterrepos/harvester",
        REPOS + b"//harvester",
        REPOS + b"/./harvester",
        REPOS + b"/x/../harvester",
        REPOS + b"/..",
        REPOS + b"/../secrets",
        b"/v1/x/../catalog.cattle.io.clusterrepos/harvester",
        b"/k8s/clusters/../v1/catalog.cattle.io.clusterrepos/harvester",
        REPOS + b"/%2e%2e/catalog.cattle.io.clusterrepos/harvester",
        REPOS + b"/%252e%252e/x",
        REPOS + b"%2Fharvester",
        REPOS + b"/%68arvester",
        b"/v1/catalog%2Ecattle.io.clusterrepos/harvester",
        b"/%76%31/catalog.cattle.io.clusterrepos/harvester",
        b"/%2576%2531/catalog.cattle.io.clusterrepos/harvester",
        REPOS + b"/harvester;v=1",
        b"/v1;x/catalog.cattle.io.clusterrepos/harvester",
        b"/v1/catalog%2Ecattle.io.clusterrepos/a/%252e%252e/%252e%252e/b",
        b"/v1/x/%25252e%25252e/catalog.cattle.io.clusterrepos/a",
        b"/v1\\catalog.cattle.io.clusterrepos\\harvester",
        REPOS + b"\\harvester",
        REPOS + b"/harvester\0",
        REPOS + b"/harvester%00",
        REPOS + b"%00/harvester",
        b"/v1%20/catalog.cattle.io.clusterrepos/harvester",
        REPOS + b"/harvester%0d%0aX:y",
        REPOS + b"/harvester ",
        REPOS + b"/harvester#",
        REPOS + b"/harvester%23",
        REPOS + b"/harvester?action=install",
        REPOS + b"/harvester%3Faction=install",
        REPOS + b"/harv\xc3\xa9ster",
        REPOS + b"/harvester\xff",
        b"https://rancher.example" + ONE,
        b"v1/catalog.cattle.io.clusterrepos/harvester",
        b"/v1/Catalog.Cattle.Io.ClusterRepos/harvester",
        b"/v1/catalog.cattle.io.clusterrepo/harvester",
        b"/V1/catalog.cattle.io.clusterrepos/harvester",
        b"/K8S/clusters/local/v1/catalog.cattle.io.clusterrepos/harvester",
    ],
)
def test_ambiguous_paths(method: bytes, path: bytes) -> None:
    """A path that is the collection for one reader and not quite for another is refused, whatever is asked of it."""
    found = installation_call.read(method, path, INSTALL)
    assert isinstance(found, Refusal), found
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.AMBIGUOUS_PATH)


@pytest.mark.parametrize("path", [b"https://rancher.example" + ONE, b"v1/catalog.cattle.io.clusterrepos/harvester"])
def test_whole_urls(path: bytes) -> None:
    """A request to a proxy is told what it looks like."""
    found = installation_call.read(b"POST", path, INSTALL)
    assert isinstance(found, Refusal)
    assert "whole URL" in found.detail


@pytest.mark.parametrize(
    "query",
    [
        b"action=install&action=install",
        b"action=install&action=upgrade",
        b"action=refresh&action=install",
        b"action=install&Action=upgrade",
        b"action=install&%61ction=upgrade",
        b"action=install;action=upgrade",
        b"action=install;",
        b"x;action=install",
        b"Action=install",
        b"ACTION=install",
        b"%61ction=install",
        b"%2561ction=install",
        b"+action=install",
        b"action%00=install",
        b"action=Install",
        b"action=INSTALL",
        b"action=%69nstall",
        b"action=%2569nstall",
        b"action=install%20",
        b"action=install+",
        b"action=install%00",
        b"action=install\0",
        b"action=install#",
        b"action=install&x=%zz",
        b"action=install&x=%",
        b"action=install&x=\xff",
        b"action=install&x=a b",
        b'action=install&x="',
        b"action=install&link=index",
        b"action=install&LINK=logs",
        b"_method=POST&action=install",
        b"action=install&_method=GET",
        b"action=install&_METHOD=GET",
        b"action=install&%5Fmethod=GET",
        b"action=install&_method",
    ],
)
def test_ambiguous_queries(query: bytes) -> None:
    """A query whose action depends on who reads it is refused."""
    found = installation_call.read(b"POST", ONE, query)
    assert isinstance(found, Refusal), found
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.AMBIGUOUS_QUERY)


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"HEAD", b"OPTIONS"])
@pytest.mark.parametrize("query", [b"_method=POST&action=install", b"a;_method=POST;action=install", b"%5fmethod=POST"])
def test_a_method_in_the_query_is_refused_with_every_method(method: bytes, query: bytes) -> None:
    """Rancher takes the method from the query, so that a GET could install."""
    found = installation_call.read(method, ONE, query)
    assert isinstance(found, Refusal)
    assert found.slug is Slug.AMBIGUOUS_QUERY


@pytest.mark.parametrize("method", [b"post", b"Post", b"pOST"])
def test_methods_are_case_sensitive(method: bytes) -> None:
    """A POST in other letters is none, and is not left to Rancher to decide."""
    found = installation_call.read(method, ONE, INSTALL)
    assert isinstance(found, Refusal)
    assert found.slug is Slug.BAD_METHOD


@pytest.mark.parametrize(
    "path",
    [
        REPOS,
        REPOS + b"/",
        ONE + b"/",
        REPOS + b"/ns/harvester",
        REPOS + b"/Harvester",
        REPOS + b"/-a",
        REPOS + b"/a-",
        REPOS + b"/a..b",
        REPOS + b"/a_b",
        REPOS + b"/a:b",
        REPOS + b"/" + b"a" * 64,
        REPOS + b"/" + b".".join([b"a" * 62] * 5),
        b"/k8s/clusters/C-1" + ONE,
        b"/k8s/clusters/a_b" + ONE,
    ],
)
def test_bad_names(path: bytes) -> None:
    """An install names one repository, and a cluster, as Kubernetes names things."""
    found = installation_call.read(b"POST", path, INSTALL)
    assert isinstance(found, Refusal), found
    assert (found.status, found.slug) == (HTTPStatus.BAD_REQUEST, Slug.BAD_NAME)


@pytest.mark.parametrize(
    "path",
    [
        *(b"/v1/subscribe", b"/v1/subscribe/", CLUSTER + b"/v1/subscribe", b"/v1//subscribe", b"/v1/%73ubscribe"),
        b"/V1/Subscribe",
    ],
)
def test_websockets_are_answered_with_words(path: bytes) -> None:
    """A subscription is told that the gate forwards none, and where to route it."""
    found = installation_call.read(b"GET", path, b"")
    assert isinstance(found, Refusal)
    assert (found.status, found.slug) == (HTTPStatus.NOT_IMPLEMENTED, Slug.NO_WEBSOCKETS)
    assert "routed to Rancher" in found.detail


def test_long_targets() -> None:
    """A request line beyond what any proxy takes is refused unread."""
    for path, query in ((ONE, b"a" * 8192), (b"/" * 8193, b"")):
        found = installation_call.read(b"POST", path, query)
        assert isinstance(found, Refusal)
        assert found.status is HTTPStatus.REQUEST_URI_TOO_LONG


def test_names() -> None:
    """A label has no dots and at most 63 characters, a subdomain is made of labels and has at most 253."""
    assert is_label("a1-b")
    assert not any(map(is_label, ("", "a.b", "A", "a\n", "é", "a" * 64, "-a")))
    assert is_subdomain("a.b-c.1")
    assert is_subdomain(".".join(["a" * 63] * 3 + ["a" * 61]))
    assert not is_subdomain(".".join(["a" * 63] * 3 + ["a" * 62]))
    assert not any(map(is_subdomain, ("", ".", "a.", "a..b", "a\n", "a/b", "\u017f", ".".join(["a" * 62] * 5))))


PIECES = st.sampled_from([
    *(b"/", b"//", b"v1", b"k8s", b"clusters", b"local", b"catalog.cattle.io.clusterrepos", b"harvester", b".."),
    *(b".", b"%2e", b"%2F", b"%25", b"2f", b";", b"\\", b"\0", b"%00", b"#", b"?", b"CATALOG", b"%63", b"subscribe"),
    b"/v1/catalog.cattle.io.clusterrepos/harvester",
])  # fmt: skip
PATHS = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=9).map(b"".join))
KEYS = st.sampled_from([
    *(b"action", b"Action", b"%61ction", b"_method", b"link", b"x", b"=", b"&", b";", b"install", b"Install", b"POST"),
    *(b"upgrade", b"+", b"%", b"%00", b"action=install"),
])  # fmt: skip
QUERIES = st.one_of(st.binary(max_size=40), st.lists(KEYS, max_size=9).map(b"".join))


def gos_query(query: bytes) -> dict[bytes, list[bytes]]:
    """The query as Go's url.ParseQuery has it, pairs with an error left out."""
    found: dict[bytes, list[bytes]] = {}
    for pair in query.split(b"&"):
        if not pair or b";" in pair or re.search(rb"%(?![0-9A-Fa-f]{2})", pair):
            continue
        key, _, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
        found.setdefault(key, []).append(value)
    return found


@settings(max_examples=1500, deadline=None)
@example(b"GET", ONE, b"_method=POST&action=install")
@example(b"POST", b"/v1/%63atalog.cattle.io.clusterrepos/a", INSTALL)
@given(st.sampled_from([b"POST", b"GET", b"post", b"PUT", b""]), PATHS, QUERIES)
def test_nothing_that_rancher_would_install_passes(method: bytes, path: bytes, query: bytes) -> None:
    """Whatever bytes come: what Rancher would read as an install is held or refused, and what is held is just that."""
    found = installation_call.read(method, path, query)
    values = gos_query(query)
    asked = values.get(b"_method", [b""])[0] or method
    type_and_name = re.fullmatch(
        rb"(?:/k8s/clusters/([^/]+))?/v1/([^/]+)/([^/]+)", path, re.DOTALL
    )  # the router sees the encoded path, and decodes its parts
    installs = (
        type_and_name is not None
        and unquote_to_bytes(type_and_name[2]).lower() in {REPOS[4:], REPOS[4:-1]}
        and asked == b"POST"
        and b"link" not in values
        and values.get(b"action", [b""])[0] in {b"install", b"upgrade"}
    )
    if installs:
        assert isinstance(found, InstallCall | Refusal)
    if isinstance(found, InstallCall):
        assert installs
        assert type_and_name is not None
        assert values[b"action"] == [found.action.value.encode()]
        assert type_and_name[3] == found.repo.encode()
        assert (type_and_name[1] or b"local") == found.cluster.encode()
        assert path == found.prefix.encode() + REPOS + b"/" + found.repo.encode()
    if isinstance(found, Refusal):
        assert found.status is not HTTPStatus.UNAUTHORIZED
        assert found.detail.endswith(".")
