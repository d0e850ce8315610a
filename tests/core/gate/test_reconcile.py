"""What became of an install whose answer was lost."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate import app_release, operation
from app.core.gate.operation import Command, State
from app.core.gate.reading import Unread
from app.core.gate.reconcile import Baseline, Observation, Reconciled, Sent, Settlement, baseline, reconcile

DATA = Path(__file__).parents[2] / "data" / "rancher"
NAMES = ("just-created", "running", "done", "failed")
OPERATIONS = {name: json.loads((DATA / f"operation-{name}.json").read_text()) for name in NAMES}
APP = json.loads((DATA / "app-deployed.json").read_text())
NAMESPACE = "cattle-ui-plugin-system"
OURS = Command("install", NAMESPACE, "harvester", "harvester", "1.8.1")
EMPTY_BEFORE = Baseline(frozenset(), busy=False, revision=0)
ABSENT = Unread.ABSENT


def made(name: str = "running", uid: str = "new", **status: Any) -> Any:
    """An Operation of another uid, with parts of its status replaced; None takes one out."""
    found = copy.deepcopy(OPERATIONS[name])
    found["metadata"] |= {"uid": uid, "name": f"helm-operation-{uid}"}
    found["status"] |= status
    found["status"] = {key: value for key, value in found["status"].items() if value is not None}
    return found


def runs(file: str) -> Any:
    """An Operation that installs the chart in this file."""
    return made(command=["helm", "install", "harvester", f"/home/shell/helm/{file}"])


def empty(uid: str = "empty") -> Any:
    """An Operation whose status is not written yet."""
    return {"metadata": {"uid": uid, "name": uid, "namespace": NAMESPACE}}


def app(**parts: Any) -> Any:
    """The App with another revision, version, chart or repository; None takes the repository's label out."""
    found = copy.deepcopy(APP)
    found["spec"]["version"] = parts.get("revision", 1)
    found["spec"]["chart"]["metadata"] |= {key: parts[key] for key in ("name", "version") if key in parts}
    if "repository" in parts:
        del found["metadata"]["labels"][app_release.REPOSITORY_LABEL]
    return found


def look(operations: Any, release: Any = ABSENT, before: Baseline = EMPTY_BEFORE, wanted: Command = OURS) -> Any:
    """The settlement during the settle period and after it."""
    seen = Observation(operations, release)
    verdicts = [reconcile(before, seen, wanted, Sent.WHOLE, settled=settled) for settled in (False, True)]
    assert all(verdict.sentence.endswith(".") for verdict in verdicts)
    return tuple(verdict.settlement for verdict in verdicts)


SETTLED = (Settlement.OURS, Settlement.OURS)
OPEN = (Settlement.KEEP_LOOKING, Settlement.UNKNOWN)
ONLY_AT_THE_END = (Settlement.KEEP_LOOKING, Settlement.OURS)
KNEW = Baseline(frozenset({"new"}), busy=False, revision=0)
BLIND = Baseline()
BUSY = Baseline(frozenset({"rival"}), busy=True, revision=0)
AT_ONE = Baseline(frozenset(), busy=False, revision=1)
NO_REVISION = Baseline(frozenset())
UPGRADE = Command("upgrade", NAMESPACE, "harvester", "harvester", "1.8.1")
MANY = Command("install", NAMESPACE, "harvester", "harvester", "1.8.1", charts=2)
NEWEST = Command("install", NAMESPACE, "harvester", "harvester")
GENERATED = Command("install", NAMESPACE, "", "harvester", "1.8.1")
OTHER = made("running", "other", releaseName="other")
RIVAL = made("running", "rival", action="upgrade")
SEEN: list[tuple[str, Any, Any, Baseline, Command, Any]] = [
    *((f"ours, {name}", [made(name)], ABSENT, EMPTY_BEFORE, OURS, SETTLED) for name in NAMES),
    ("ours without its namespace", [made(namespace=None)], ABSENT, EMPTY_BEFORE, OURS, SETTLED),
    ("ours among others'", [OTHER, made(), RIVAL], ABSENT, EMPTY_BEFORE, OURS, SETTLED),
    ("ours without a command", [made(command=None, action=None)], ABSENT, EMPTY_BEFORE, OURS, SETTLED),
    ("ours of the newest version", [made()], ABSENT, EMPTY_BEFORE, NEWEST, SETTLED),
    ("ours of several", [made()], ABSENT, EMPTY_BEFORE, MANY, SETTLED),
    ("ours of several, as an upgrade", [made(action="upgrade")], ABSENT, EMPTY_BEFORE, MANY, SETTLED),
    ("nothing", [], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("only what was there before", [made()], ABSENT, KNEW, OURS, OPEN),
    ("another release", [OTHER], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("another namespace", [made(namespace="x")], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("another action", [made()], ABSENT, EMPTY_BEFORE, UPGRADE, OPEN),
    ("another version", [runs("harvester-1.8.2.tgz")], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("another chart", [runs("rancher-1.8.1.tgz")], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("a longer chart", [runs("harvester-csi-1.tgz")], ABSENT, EMPTY_BEFORE, NEWEST, OPEN),
    ("a still empty one", [empty()], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("a still empty one and the next revision", [empty()], app(), EMPTY_BEFORE, OURS, OPEN),
    ("ours and a still empty one", [made(), empty()], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("two alike", [made(), made(uid="twin")], ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("a generated name", [made(releaseName="")], ABSENT, EMPTY_BEFORE, GENERATED, OPEN),
    ("no right to list before", [made()], app(), BLIND, OURS, OPEN),
    ("no right to list after", Unread.FORBIDDEN, app(), EMPTY_BEFORE, OURS, OPEN),
    ("a list that failed", Unread.FAILED, ABSENT, EMPTY_BEFORE, OURS, OPEN),
    ("the next revision", [], app(), EMPTY_BEFORE, OURS, ONLY_AT_THE_END),
    ("the next revision of any version", [], app(), EMPTY_BEFORE, NEWEST, ONLY_AT_THE_END),
    ("the next revision beside another release", [OTHER], app(), EMPTY_BEFORE, OURS, ONLY_AT_THE_END),
    ("a revision further on", [], app(revision=2), EMPTY_BEFORE, OURS, OPEN),
    ("the revision from before", [], app(), AT_ONE, OURS, OPEN),
    ("the next revision of another version", [], app(version="1.8.0"), EMPTY_BEFORE, OURS, OPEN),
    ("the next revision of another chart", [], app(name="other"), EMPTY_BEFORE, OURS, OPEN),
    ("the next revision, made by Helm alone", [], app(repository=None), EMPTY_BEFORE, OURS, OPEN),
    ("the next revision while somebody was at it", [RIVAL], app(), BUSY, OURS, OPEN),
    ("the next revision beside a rival's Operation", [RIVAL], app(), EMPTY_BEFORE, OURS, OPEN),
    ("a revision where the one before is not known", [], app(), NO_REVISION, OURS, OPEN),
    ("an App that may not be read", [], Unread.FORBIDDEN, EMPTY_BEFORE, OURS, OPEN),
]  # fmt: skip


@pytest.mark.parametrize("row", SEEN, ids=[row[0] for row in SEEN])
def test_what_is_seen_afterwards(row: Any) -> None:
    """Ours is what is new and runs our command; everything short of that stays open, then unknown."""
    _, operations, release, before, wanted, expected = row
    assert look(operations, release, before, wanted) == expected


@pytest.mark.parametrize("sent", [Sent.NOTHING, Sent.PART])
@pytest.mark.parametrize("settled", [False, True])
def test_nothing_happened_only_if_the_request_cannot_have_been_whole(sent: Sent, settled: bool) -> None:  # noqa: FBT001 - a table
    """A request without its last byte is no JSON value, whatever else is seen; and nothing else proves an absence."""
    seen = Observation([made()], app())
    found = reconcile(EMPTY_BEFORE, seen, OURS, sent, settled=settled)
    assert found.settlement is Settlement.NOTHING_HAPPENED
    why = "before Rancher was reached" if sent is Sent.NOTHING else "before the request was complete"
    assert found.sentence == f"The connection broke {why}, so nothing was begun."


def test_ours_is_named() -> None:
    """The Operation is named by namespace and name; where the App tells, none is."""
    seen = Observation([made()], ABSENT)
    assert reconcile(EMPTY_BEFORE, seen, OURS, Sent.WHOLE, settled=False) == Reconciled(
        Settlement.OURS,
        f"Operation {NAMESPACE}/helm-operation-new is new and runs what was asked for.",
        f"{NAMESPACE}/helm-operation-new",
    )
    found = reconcile(EMPTY_BEFORE, Observation([], app()), OURS, Sent.WHOLE, settled=True)
    assert found.operation == ""
    assert "deployed at revision 1, harvester 1.8.1" in found.sentence


def test_what_stays_open_says_what_is_known() -> None:
    """A reader learns what is missing, what is suspected, and what the release shows."""

    def sentence(operations: Any, release: Any = ABSENT) -> str:
        return reconcile(EMPTY_BEFORE, Observation(operations, release), OURS, Sent.WHOLE, settled=True).sentence

    shown = "The release is deployed at revision 2, harvester 1.8.1."
    assert sentence(Unread.FORBIDDEN, app(revision=2)) == f"This user may not list Operations in {NAMESPACE}. {shown}"
    assert sentence([], app(revision=2)) == f"No Operation of this request is to be seen. {shown}"
    assert sentence([], {"spec": {"version": 7}}).startswith(
        "No Operation of this request is to be seen. The release is "
    )
    suspected = (
        f"New since the request, and possibly its own: {NAMESPACE}/helm-operation-a, {NAMESPACE}/helm-operation-b."
    )
    assert sentence([made(uid="a"), made(uid="b")]) == suspected


def test_a_version_with_a_plus_names_its_file_with_a_dash() -> None:
    """Rancher replaces what a file's name should not have; both spellings are known."""
    wanted = Command("install", NAMESPACE, "harvester", "harvester", "1.8.1+up2")
    for file in ("harvester-1.8.1-up2.tgz", "harvester-1.8.1+up2.tgz"):
        assert operation.carries(runs(file), wanted)
    assert not operation.carries(runs("harvester-1.8.1.tgz"), wanted)


BASELINES: list[tuple[str, Any, Any, Baseline]] = [
    ("nothing there", [], ABSENT, EMPTY_BEFORE),
    ("one that ended", [made("done")], APP, Baseline(frozenset({"new"}), busy=False, revision=1)),
    ("one that failed", [made("failed")], ABSENT, Baseline(frozenset({"new"}), busy=False, revision=0)),
    ("one that runs", [made()], ABSENT, Baseline(frozenset({"new"}), busy=True, revision=0)),
    ("one for another release", [OTHER], ABSENT, Baseline(frozenset({"other"}), busy=False, revision=0)),
    ("an empty one", [empty()], ABSENT, Baseline(frozenset({"empty"}), busy=True, revision=0)),
    ("no right to list", Unread.FORBIDDEN, APP, Baseline(None, busy=False, revision=1)),
    ("no right to read", [], Unread.FORBIDDEN, Baseline(frozenset(), busy=False, revision=None)),
    ("an App that says nothing", [], {}, Baseline(frozenset(), busy=False, revision=None)),
]


@pytest.mark.parametrize(("why", "operations", "release", "expected"), BASELINES, ids=[row[0] for row in BASELINES])
def test_baselines(why: str, operations: Any, release: Any, expected: Baseline) -> None:
    """What is remembered before: the uids, whether anybody is at the release, and its revision."""
    found = baseline(operations, release, OURS)
    assert found == expected
    assert found.complete == (operations is not Unread.FORBIDDEN)


UNCERTAIN = [{"type": "Reconciling", "status": "False"}, {"type": "Stalled", "status": "Unknown"}]
STATES: list[tuple[str, Any, State, str]] = [
    ("just created", OPERATIONS["just-created"], State.RUNNING, ""),
    ("running", OPERATIONS["running"], State.RUNNING, "running operation"),
    ("done", OPERATIONS["done"], State.SUCCEEDED, ""),
    ("failed", OPERATIONS["failed"], State.FAILED, "exit code: 123"),
    ("empty", empty(), State.EMPTY, ""),
    ("observed, but not written", made(command=None, releaseName=None, conditions=[]), State.EMPTY, ""),
    ("of a generated name", made("done", releaseName=None), State.SUCCEEDED, ""),
    ("half of its conditions", made(conditions=[{"type": "Stalled", "status": "False"}]), State.RUNNING, ""),
    ("only not reconciling", made(conditions=[{"type": "Reconciling", "status": "False"}]), State.RUNNING, ""),
    ("not known to be stalled", made(conditions=UNCERTAIN), State.RUNNING, ""),
    ("not an object", None, State.EMPTY, ""),
]


@pytest.mark.parametrize(("why", "one", "state", "words"), STATES, ids=[row[0] for row in STATES])
def test_states(why: str, one: Any, state: State, words: str) -> None:
    """An Operation has ended only when both of its conditions say so."""
    assert (operation.state(one), operation.words(one)) == (state, words)


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["harvester", NAMESPACE, "new"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["metadata", "uid", "status", "command", "releaseName", "spec"]), inner)
    ),
    max_leaves=6,
)
KNOWN = st.sampled_from([made(), made("done", "done"), made(uid="twin"), OTHER, RIVAL, empty()])


@settings(max_examples=500, deadline=None)
@given(
    operations=st.lists(KNOWN | JUNK, max_size=4) | st.sampled_from(Unread),
    release=st.sampled_from([APP, app(revision=2), *Unread]) | JUNK,
    before=st.builds(
        Baseline,
        st.none() | st.frozensets(st.sampled_from(["new", "done", "twin"])),
        st.booleans(),
        st.none() | st.integers(0, 2),
    ),
    settled=st.booleans(),
)
def test_no_observation_leads_to_a_wrong_word(operations: Any, release: Any, before: Baseline, settled: bool) -> None:  # noqa: FBT001 - drawn
    """A whole request is never called void, ours needs a whole baseline, and the end leaves nothing open."""
    found = reconcile(before, Observation(operations, release), OURS, Sent.WHOLE, settled=settled)
    assert found.settlement is not Settlement.NOTHING_HAPPENED
    assert (found.settlement is not Settlement.KEEP_LOOKING) or not settled
    assert (found.settlement is not Settlement.UNKNOWN) or settled
    if found.settlement is Settlement.OURS:
        assert before.operations is not None
        assert isinstance(operations, list)
        if found.operation:
            (one,) = [one for one in operations if operation.title(one) == found.operation and operation.uid(one)]
            assert operation.uid(one) not in before.operations
