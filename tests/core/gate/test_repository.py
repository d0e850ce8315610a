"""The predicate on a ClusterRepo: the samples, and every combination of kind, line, condition and generation."""

import copy
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate.cluster_repo import Kind, kind_of, read, spec_without_force_update
from app.core.gate.readiness import Check, CheckId, Outcome, Readiness, Standing
from app.core.gate.reading import Unread
from app.core.gate.repository import INDEX_SETTLES, NOTHING, Known, WantedChart, assess, versions

DATA = Path(__file__).parents[2] / "data" / "rancher"
SAMPLES = {path.stem.removeprefix("clusterrepo-"): json.loads(path.read_text()) for path in DATA.glob("clusterrepo-*")}
NOW = datetime(2026, 9, 15, 10, 3, tzinfo=UTC)
CHART = WantedChart("harvester", "1.8.1")
INDEX = Known(index={"harvester": frozenset({"1.8.0", "1.8.1"})})
UID = "6f0c2b1e-5a4d-4b0a-9d53-0a1d8b6b1c11"
OTHER_UID = "00000000-5a4d-4b0a-9d53-0a1d8b6b1c11"
PASSED, WAITING, FINAL, NOT_APPLICABLE = Outcome.PASSED, Outcome.WAITING, Outcome.FINAL, Outcome.NOT_APPLICABLE
NO_DOWNLOAD = {CheckId.INDEX, CheckId.URL, CheckId.BRANCH, CheckId.COMMIT}


def changed(sample: str, **parts: dict[str, Any]) -> Any:
    """A sample with parts of its metadata, spec or status replaced; None takes one out."""
    repository = copy.deepcopy(SAMPLES[sample])
    for part, values in parts.items():
        held = repository.setdefault(part, {})
        held.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del held[key]
    return repository


def check(readiness: Readiness, identity: CheckId) -> Check:
    """The one check with that id."""
    (found,) = [check for check in readiness.checks if check.id is identity]
    return found


def blocking(readiness: Readiness) -> dict[CheckId, Outcome]:
    """The checks that did not pass."""
    return {check.id: check.outcome for check in readiness.checks if check.outcome in {WAITING, FINAL}}


def raw(repository: Any) -> Any:
    """The same object as Kubernetes itself gives it."""
    bare = copy.deepcopy(repository)
    for key in ("id", "type", "links", "actions"):
        bare.pop(key, None)
    for key in ("fields", "relationships", "state"):
        bare["metadata"].pop(key, None)
    for condition in bare.get("status", {}).get("conditions", []):
        condition.pop("error", None)
        condition.pop("transitioning", None)
    return bare


STANDINGS: list[tuple[str, Standing, set[CheckId]]] = [
    ("ready-git", Standing.READY, set()),
    ("ready-http", Standing.READY, set()),
    ("ready-oci", Standing.READY, set()),
    ("refresh-failed-index-usable", Standing.READY, set()),
    ("stale-generation", Standing.READY, set()),
    ("not-ready", Standing.WAITING, NO_DOWNLOAD | {CheckId.DOWNLOADED, CheckId.GENERATION}),
    ("not-ready-v2.14", Standing.WAITING, NO_DOWNLOAD | {CheckId.DOWNLOADED, CheckId.GENERATION}),
    ("failed", Standing.WAITING, NO_DOWNLOAD | {CheckId.DOWNLOADED}),
    ("disabled-no-index", Standing.NEVER, NO_DOWNLOAD | {CheckId.ENABLED}),
]


@pytest.mark.parametrize(("sample", "standing", "open_checks"), STANDINGS, ids=[row[0] for row in STANDINGS])
def test_samples(sample: str, standing: Standing, open_checks: set[CheckId]) -> None:
    """Each sample stands as the facts say, and its Kubernetes form stands the same in every word."""
    found = assess(SAMPLES[sample], (CHART,), NOW)
    assert (found.standing, set(blocking(found))) == (standing, open_checks)
    assert assess(raw(SAMPLES[sample]), (CHART,), NOW) == found
    assert [check.id for check in found.checks] == list(CheckId)


def test_every_sample_is_tried() -> None:
    """No sample is left out."""
    assert {row[0] for row in STANDINGS} == set(SAMPLES)


@pytest.mark.parametrize("why", Unread)
def test_without_an_object_one_check_speaks(why: Unread) -> None:
    """Absent, not served and unread wait; forbidden is final; nothing else is judged and nothing is nudged."""
    found = assess(why, (CHART,), NOW, INDEX)
    assert blocking(found) == {CheckId.EXISTS: FINAL if why is Unread.FORBIDDEN else WAITING}
    assert [check.id for check in found.checks] == list(CheckId)
    assert not found.nudge_helps
    assert found.retry_in(NOW) is None


READY = {Kind.GIT: "ready-git", Kind.HTTP: "ready-http", Kind.OCI: "ready-oci"}
LINES = ("2.10", "2.14", "2.15")
FOLLOWER = {"type": "FollowerDownloaded", "status": "True", "lastUpdateTime": "2026-09-15T10:02:11Z"}


def combined(kind: Kind, line: str, download: str, generation: str) -> Any:
    """A repository of a kind, as a line of Rancher writes it, at one point of its life."""
    repository = changed(READY[kind], spec={"forceUpdate": None}, metadata={"generation": 2})
    status = repository["status"]
    status["observedGeneration"] = 2 if generation == "current" else 1
    if generation == "refresh asked":
        repository["spec"]["forceUpdate"] = "2026-09-15T23:00:00Z"
    condition = status["conditions"][0]
    if download.startswith("failed"):
        condition |= {"status": "False", "reason": "Error", "message": "no route to host"}
    if download == "never ended":
        status["conditions"] = []
    if download in {"never ended", "failed first"}:
        for key in ("indexConfigMapName", "url", "branch", "commit", "downloadTime"):
            status.pop(key, None)
    if line != "2.15":
        status["conditions"].append(FOLLOWER)
    return repository


@pytest.mark.parametrize(
    ("kind", "line", "download", "generation"),
    list(
        product(
            READY,
            LINES,
            ("done", "never ended", "failed first", "failed refresh"),
            ("current", "refresh asked", "other change"),
        )
    ),
)
def test_combinations(kind: Kind, line: str, download: str, generation: str) -> None:
    """An install can go where there is a usable index and no change but a wish for a refresh is open."""
    found = assess(combined(kind, line, download, generation), (CHART,), NOW)
    usable = download in {"done", "failed refresh"}
    ready = usable and generation != "other change"
    assert found.standing is (Standing.READY if ready else Standing.WAITING)
    assert (check(found, CheckId.DOWNLOADED).outcome is PASSED) == usable
    assert check(found, CheckId.DOWNLOADED).words == ("no route to host" if "failed" in download else "")
    expected = {"current": PASSED, "refresh asked": PASSED if usable else WAITING, "other change": WAITING}
    assert check(found, CheckId.GENERATION).outcome is expected[generation]
    for identity in (CheckId.BRANCH, CheckId.COMMIT):
        assert (check(found, identity).outcome is NOT_APPLICABLE) == (kind is not Kind.GIT)
    assert found.nudge_helps == (download == "failed first" and generation == "current")


@pytest.mark.parametrize("kind", READY)
@pytest.mark.parametrize("line", LINES)
def test_another_kinds_condition_does_not_count(kind: Kind, line: str) -> None:
    """Until 2.14 a disabled repository carries OCIDownloaded whatever its kind; only the kind's own one counts."""
    repository = combined(kind, line, "never ended", "current")
    wrong = "Downloaded" if kind is Kind.OCI else "OCIDownloaded"
    repository["status"]["conditions"].append({"type": wrong, "status": "True"})
    assert check(assess(repository, (), NOW), CheckId.DOWNLOADED).outcome is WAITING


Case = tuple[Any, Known, dict[CheckId, Outcome]]
CASES: dict[str, Case] = {
    "is being deleted": (
        changed("ready-git", metadata={"deletionTimestamp": "2026-09-15T10:02:59Z"}),
        NOTHING,
        {CheckId.NOT_DELETING: WAITING},
    ),
    "is disabled, with an index": (changed("ready-git", spec={"enabled": False}), NOTHING, {CheckId.ENABLED: FINAL}),
    "names no source": (
        changed("ready-http", spec={"url": None}, status={"url": None, "indexConfigMapName": None}),
        NOTHING,
        {CheckId.SOURCE: FINAL, CheckId.INDEX: WAITING},
    ),
    "is called downloaded without an index": (
        changed("ready-http", status={"indexConfigMapName": None}),
        NOTHING,
        {CheckId.INDEX: WAITING},
    ),
    "moved to another address": (
        changed("ready-http", spec={"url": "https://b"}, metadata={"generation": 2}),
        NOTHING,
        {CheckId.URL: WAITING, CheckId.GENERATION: WAITING},
    ),
    "moved from git to http": (
        changed("ready-git", spec={"gitRepo": None, "url": "https://b"}),
        NOTHING,
        {CheckId.URL: WAITING},
    ),
    "moved to another branch, and followers wrote the generation": (
        changed("ready-git", spec={"gitBranch": "main"}),
        NOTHING,
        {CheckId.BRANCH: WAITING},
    ),
    "has no commit": (changed("ready-git", status={"commit": None}), NOTHING, {CheckId.COMMIT: WAITING}),
    "was created anew, by its index's name": (
        changed("ready-git", metadata={"uid": OTHER_UID}),
        NOTHING,
        {CheckId.INDEX_OWNER: WAITING},
    ),
    "was created anew, by its index's owner": (
        SAMPLES["ready-git"],
        Known(index_owner=OTHER_UID),
        {CheckId.INDEX_OWNER: WAITING},
    ),
    "has its own index": (SAMPLES["ready-git"], Known(index_owner=UID), {}),
    "has an index with a short hash": (changed("ready-git", status={"indexConfigMapName": "a-f00ba"}), NOTHING, {}),
    "follows the remote's default branch": (
        changed("ready-git", spec={"gitBranch": None}, status={"branch": None}),
        NOTHING,
        {},
    ),
    "failed at a new address": (
        changed("refresh-failed-index-usable", spec={"gitRepo": "https://b"}),
        NOTHING,
        {CheckId.DOWNLOADED: WAITING, CheckId.URL: WAITING},
    ),
    "failed and never refreshes": (
        changed("failed", spec={"refreshInterval": -1}),
        NOTHING,
        dict.fromkeys(NO_DOWNLOAD, WAITING) | {CheckId.DOWNLOADED: FINAL},
    ),
    "failed, never refreshes, and was changed since": (
        changed("failed", spec={"refreshInterval": -1}, metadata={"generation": 2}),
        NOTHING,
        dict.fromkeys(NO_DOWNLOAD | {CheckId.DOWNLOADED, CheckId.GENERATION}, WAITING),
    ),
    "only ever downloaded once": (changed("ready-git", spec={"refreshInterval": -1}), NOTHING, {}),
    "changed by a refresh only, as remembered": (
        changed("stale-generation", spec={"forceUpdate": None}),
        Known(processed_spec=spec_without_force_update(SAMPLES["stale-generation"])),
        {},
    ),
    "asked for a refresh without an index, as remembered": (
        changed("stale-generation", status={"indexConfigMapName": None}),
        Known(processed_spec=spec_without_force_update(SAMPLES["stale-generation"])),
        {CheckId.INDEX: WAITING, CheckId.GENERATION: WAITING},
    ),
    "has an index and no condition": (changed("ready-git", status={"conditions": []}), NOTHING, {}),
    "has no uid": (changed("ready-git", metadata={"uid": None}), Known(index_owner=UID), {}),
    "changed otherwise, as remembered": (
        SAMPLES["stale-generation"],
        Known(processed_spec={"gitRepo": "https://b"}),
        {CheckId.GENERATION: WAITING},
    ),
    "changed, and the refresh is older than the download": (
        changed("stale-generation", spec={"forceUpdate": "2026-09-15T10:02:12Z"}),
        NOTHING,
        {CheckId.GENERATION: WAITING},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_repository_that(case: Case) -> None:
    """Each trap of the facts blocks by its own check, or does not block."""
    repository, known, expected = case
    found = assess(repository, (CHART,), NOW, known)
    assert blocking(found) == expected
    assert (found.final is None) == (FINAL not in expected.values())
    assert (found.told == 503) == (found.final is None)
    assert {check.id for check in found.waiting} == {key for key, value in expected.items() if value is WAITING}


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_registry_that_refuses_is_final(status: str) -> None:
    """Rancher never asks again after these, and asking again would not help."""
    words = f'GET "https://r/v2/_catalog": response status code {status}: denied'
    repository = combined(Kind.OCI, "2.15", "failed first", "current")
    repository["status"]["conditions"][0]["message"] = words
    found = assess(repository, (CHART,), NOW)
    assert found.final == check(found, CheckId.DOWNLOADED)
    assert found.final is not None
    assert found.final.words == words
    assert found.told == 502
    assert (found.nudge_helps, found.retry_at) == (False, None)
    repository["status"]["conditions"][0]["message"] = words.replace(status, "429")
    assert assess(repository, (CHART,), NOW).standing is Standing.WAITING
    repository["spec"]["url"] = repository["spec"]["url"].replace("oci", "https")
    assert assess(repository, (CHART,), NOW).final is None


OLD = datetime(2026, 9, 16, tzinfo=UTC)
JUST = datetime(2026, 9, 15, 10, 2, 43, tzinfo=UTC) + INDEX_SETTLES - timedelta(seconds=1)
MISSING: list[tuple[str, Any, WantedChart, datetime, Outcome]] = [
    ("there", SAMPLES["ready-git"], CHART, OLD, PASSED),
    ("there with a v", SAMPLES["ready-git"], WantedChart("harvester", "v1.8.1"), OLD, PASSED),
    ("there in some version", SAMPLES["ready-git"], WantedChart("harvester"), OLD, PASSED),
    ("another version", SAMPLES["ready-git"], WantedChart("harvester", "1.8"), OLD, FINAL),
    ("another chart", SAMPLES["ready-git"], WantedChart("other"), OLD, FINAL),
    ("just downloaded", SAMPLES["ready-git"], WantedChart("other"), JUST, WAITING),
    ("downloaded long enough ago", SAMPLES["ready-git"], WantedChart("other"), JUST + timedelta(seconds=1), FINAL),
    ("time unknown", changed("ready-git", status={"downloadTime": None}), WantedChart("other"), OLD, WAITING),
    ("refresh under way", SAMPLES["stale-generation"], WantedChart("other"), OLD, WAITING),
    ("refresh failed", SAMPLES["refresh-failed-index-usable"], WantedChart("other"), OLD, WAITING),
    ("runs again", changed("ready-git", status={"shouldNotSkip": True}), WantedChart("other"), OLD, WAITING),
    ("another source", changed("ready-git", spec={"gitRepo": "https://b"}), WantedChart("other"), OLD, WAITING),
]


@pytest.mark.parametrize(("why", "repository", "chart", "now", "outcome"), MISSING, ids=[row[0] for row in MISSING])
def test_a_chart_is_missing_for_good_only_from_a_settled_index(
    why: str, repository: Any, chart: WantedChart, now: datetime, outcome: Outcome
) -> None:
    """An index that may be older than the repository makes the chart wait."""
    found = check(assess(repository, (chart,), now, INDEX), CheckId.CHART)
    assert (found.outcome, found.subject) == (outcome, chart.name)


def test_each_chart_has_its_check() -> None:
    """Several charts are told apart, in their order."""
    charts = (CHART, WantedChart("other", "1"), CHART)
    found = [one for one in assess(SAMPLES["ready-git"], charts, OLD, INDEX).checks if one.id is CheckId.CHART]
    assert [(one.subject, one.outcome) for one in found] == [
        ("harvester", PASSED), ("other", FINAL), ("harvester", PASSED)
    ]  # fmt: skip


def minutes(count: float) -> datetime:
    """So many minutes after the failed first download's retry time."""
    return datetime(2026, 9, 15, 10, 7, 31, tzinfo=UTC) + timedelta(minutes=count)


def test_a_nudge_is_worth_it_when_the_next_try_comes_too_late() -> None:
    """It is where the controller's time lies beyond the deadline, or never comes."""
    found = assess(SAMPLES["failed"], (CHART,), NOW)
    assert found.retry_at == minutes(0)
    assert found.retry_in(NOW) == 271
    assert [found.worth_nudging(minutes(count)) for count in (-1, 0, 1)] == [True, False, False]
    never = assess(changed("failed", spec={"refreshInterval": -1}, status={"nextRetryAt": None}), (CHART,), NOW)
    assert never.standing is Standing.NEVER
    assert never.worth_nudging(minutes(10_000))
    assert never.retry_in(NOW) == inf


HOUR_LATER = datetime(2026, 9, 15, 11, 2, 31, tzinfo=UTC)
DAY_LATER = datetime(2026, 9, 16, 10, 21, 19, tzinfo=UTC)
NEXT: list[tuple[str, Any, datetime | None]] = [
    ("failed, no retry time", changed("failed", status={"nextRetryAt": None}), HOUR_LATER),
    ("failed over oci", combined(Kind.OCI, "2.15", "failed first", "current"), DAY_LATER),
    ("own interval", changed("ready-git", spec={"refreshInterval": 60}), datetime(2026, 9, 15, 10, 3, 43, tzinfo=UTC)),
    ("endless interval", changed("ready-git", spec={"refreshInterval": 10**12}), None),
    ("beyond the calendar", changed("ready-git", spec={"refreshInterval": 10**30}), None),
    ("never downloaded", SAMPLES["not-ready"], None),
]  # fmt: skip


@pytest.mark.parametrize(("why", "repository", "expected"), NEXT, ids=[row[0] for row in NEXT])
def test_the_next_look(why: str, repository: Any, expected: datetime | None) -> None:
    """Without a retry time the controller comes back after the interval: a day for oci, an hour otherwise."""
    assert read(repository).next_look == expected


NUDGES: list[tuple[str, Any, bool]] = [
    ("a chart is missing", SAMPLES["ready-git"], True),
    ("a refresh failed and a chart is missing", SAMPLES["refresh-failed-index-usable"], True),
    ("a refresh is under way", SAMPLES["stale-generation"], False),
    ("it is disabled", changed("ready-git", spec={"enabled": False}), False),
    ("it is being deleted", changed("failed", metadata={"deletionTimestamp": "2026-09-15T10:02:59Z"}), False),
    ("it runs again", changed("failed", status={"shouldNotSkip": True}), False),
    ("it was never downloaded", SAMPLES["not-ready"], False),
]


@pytest.mark.parametrize(("why", "repository", "helps"), NUDGES, ids=[row[0] for row in NUDGES])
def test_a_nudge_helps_only_what_stands_still(why: str, repository: Any, helps: bool) -> None:  # noqa: FBT001 - a table
    """Nothing that is under way is nudged, and nothing that a refresh would not change."""
    assert assess(repository, (WantedChart("other"),), OLD, INDEX).nudge_helps is helps


def test_what_is_ready_is_not_nudged() -> None:
    """A failed refresh alone is no reason."""
    assert not assess(SAMPLES["refresh-failed-index-usable"], (CHART,), OLD, INDEX).nudge_helps


def test_kinds() -> None:
    """A gitRepo counts before a url."""
    specs: list[Any] = [{"gitRepo": "a", "url": "b"}, {"url": "https://b"}, {"url": "oci://b"}, {}, {"url": 1}, None]
    kinds = [kind_of({"spec": spec}) for spec in specs]
    assert kinds == [Kind.GIT, Kind.HTTP, Kind.OCI, Kind.NONE, Kind.NONE, Kind.NONE]


def test_an_index_is_read_as_rancher_writes_it() -> None:
    """Versions by chart, from whatever is there."""
    index = {"entries": {"a": [{"version": "1"}, {"version": "2"}], "b": None, "c": [None]}}
    assert versions(index) == {"a": {"1", "2"}, "b": frozenset(), "c": {""}}
    assert versions({"entries": []}) == versions(None) == {}


ODD = st.sampled_from([UID, "True", "9999-12-31T23:59:59-23:59"])
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | ODD,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
PATHS = [
    (part, key)
    for sample in SAMPLES.values()
    for part in ("metadata", "spec", "status")
    for key in sample.get(part, {})
]


@settings(max_examples=500, deadline=None)
@given(sample=st.sampled_from(sorted(SAMPLES)), path=st.sampled_from(PATHS), value=JUNK, whole=st.booleans())
def test_any_object_is_judged(sample: str, path: tuple[str, str], value: Any, whole: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever stands in a field, in a part or in place of the object, there is a verdict with every check in order."""
    part, key = path
    repository = changed(sample) | ({part: value} if whole else {})
    if not whole:
        repository.setdefault(part, {})[key] = value
    for one in (repository, value):
        found = assess(one, (CHART,), NOW, INDEX)
        assert [check.id for check in found.checks] == list(CheckId)
        assert all(check.sentence.endswith(".") for check in found.checks)
        assert (found.standing is Standing.READY) == (not blocking(found))
        if found.standing is Standing.READY:
            assert read(one).usable


@settings(max_examples=300, deadline=None)
@given(sample=st.sampled_from(sorted(SAMPLES)), forced=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - made aware below
def test_a_wish_for_a_refresh_never_blocks_what_is_ready(sample: str, forced: datetime) -> None:
    """Moving forceUpdate and the generation leaves every verdict as it was, where the spec before is remembered."""
    before = assess(SAMPLES[sample], (CHART,), NOW)
    generation = SAMPLES[sample]["metadata"]["generation"] + 1
    moved = changed(sample, spec={"forceUpdate": f"{forced:%Y-%m-%dT%H:%M:%SZ}"}, metadata={"generation": generation})
    memory = Known(processed_spec=spec_without_force_update(SAMPLES[sample]))
    after = assess(moved, (CHART,), NOW, memory)
    assert (after.standing is Standing.READY) == (before.standing is Standing.READY)


USABLE: list[tuple[str, Any, bool]] = [
    ("git", SAMPLES["ready-git"], True),
    ("http", SAMPLES["ready-http"], True),
    ("oci", SAMPLES["ready-oci"], True),
    ("a failed refresh", SAMPLES["refresh-failed-index-usable"], True),
    ("nothing", SAMPLES["not-ready"], False),
    ("no index", changed("ready-http", status={"indexConfigMapName": None}), False),
    ("another address", changed("ready-http", spec={"url": "https://b"}), False),
    ("another branch", changed("ready-git", spec={"gitBranch": "main"}), False),
    ("no commit", changed("ready-git", status={"commit": None}), False),
    ("another's index", changed("ready-http", metadata={"uid": OTHER_UID}), False),
    ("no uid to compare", changed("ready-http", metadata={"uid": None}), True),
    ("no uid in the name", changed("ready-http", status={"indexConfigMapName": "a-f00ba"}), True),
]


@pytest.mark.parametrize(("why", "repository", "usable"), USABLE, ids=[row[0] for row in USABLE])
def test_an_index_is_usable_where_it_is_of_the_specs_source(why: str, repository: Any, usable: bool) -> None:  # noqa: FBT001 - a table
    """However old it is, it installs; of another source or another repository it does not."""
    assert read(repository).usable is usable


def test_only_a_registrys_refusal_ends_the_tries() -> None:
    """The same words over git, or in a condition that holds, end nothing."""
    words = 'GET "https://r/v2/": response status code 401: denied'
    for kind, download in ((Kind.GIT, "failed first"), (Kind.HTTP, "failed first"), (Kind.OCI, "done")):
        repository = combined(kind, "2.15", download, "current")
        repository["status"]["conditions"][0]["message"] = words
        assert not read(repository).refused


def test_a_retry_time_counts_only_after_a_failure() -> None:
    """One that was left behind by a download that succeeded since is not the next look."""
    left = changed("ready-http", status={"nextRetryAt": "2026-09-15T10:05:00Z"})
    assert read(left).next_look == datetime(2026, 9, 15, 11, 10, 4, tzinfo=UTC)


def test_defaults_of_the_refresh() -> None:
    """An hour for git and http, a day for oci, as Rancher has them; an interval of 0 is the default."""
    seconds = [read(changed(sample, spec={"refreshInterval": 0})).interval for sample in READY.values()]
    assert seconds == [3600, 3600, 86400]


def test_what_a_nudge_would_not_help_is_not_worth_one() -> None:
    """A ready repository is not nudged, however far its next refresh is."""
    ready = assess(SAMPLES["ready-git"], (CHART,), NOW)
    assert not ready.worth_nudging(NOW)
    assert ready.retry_at is not None
    assert ready.retry_at > NOW


BARE = {"type": "Downloaded", "status": "False"}


def test_a_download_says_how_it_stands() -> None:
    """A failed refresh is told from a good one, and a failed download says when it is tried again, if that is known."""
    found = {
        sample: check(assess(repository, (), NOW), CheckId.DOWNLOADED).sentence
        for sample, repository in (SAMPLES | {"no time": changed("failed", status={"conditions": [BARE]})}).items()
    }
    assert found["ready-git"] == "The repository was downloaded."
    assert found["refresh-failed-index-usable"] == "The last refresh failed; the index from before still serves."
    assert found["failed"] == "The download failed; Rancher tries again at 2026-09-15T10:07:31Z."
    assert found["no time"] == found["failed"]
    bare = changed("failed", status={"conditions": [BARE], "nextRetryAt": None})
    assert check(assess(bare, (), NOW), CheckId.DOWNLOADED).sentence == "The download failed; Rancher tries again."


def test_each_final_cause_is_told_as_a_status() -> None:
    """Forbidden, switched off and missing are told apart; what only waits is told as unavailable."""
    assert assess(Unread.FORBIDDEN, (), NOW).told == 403
    assert assess(SAMPLES["disabled-no-index"], (), NOW).told == 409
    assert assess(SAMPLES["ready-git"], (WantedChart("other"),), OLD, INDEX).told == 404
    assert assess(SAMPLES["failed"], (), NOW).told == 503
