"""Operation, App and UIPlugin until the release is installed."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.gate import app_release, ui_plugin
from app.core.gate.following import Course, Goal, Progress, Step, Verdict, advance, verdict
from app.core.gate.reading import Unread

DATA = Path(__file__).parents[2] / "data" / "rancher"


def sample(name: str) -> Any:
    """A sample by its file's name."""
    return json.loads((DATA / f"{name}.json").read_text())


CREATED, RUNNING, DONE, FAILED = (sample(f"operation-{name}") for name in ("just-created", "running", "done", "failed"))
APP, PLUGIN = sample("app-deployed"), sample("uiplugin-cached")
KEY = ("cattle-ui-plugin-system", "harvester")
GOAL = Goal("harvester", "1.8.1", 0)
GONE = Unread.ABSENT


def app(status: str = "deployed", revision: Any = 1, **chart: str) -> Any:
    """The App with another status, revision or chart."""
    found = copy.deepcopy(APP)
    found["spec"]["info"]["status"] = status
    found["status"]["summary"]["state"] = status
    found["spec"]["version"] = revision
    found["spec"]["chart"]["metadata"] |= chart
    return found


def plugin(generation: int = 1, **status: Any) -> Any:
    """The UIPlugin with another status; None takes a part out."""
    found = copy.deepcopy(PLUGIN)
    found["metadata"]["generation"] = generation
    found["status"] |= status
    found["status"] = {key: value for key, value in found["status"].items() if value is not None}
    return found


def follow(*steps: Step, goal: Goal = GOAL) -> Verdict:
    """The verdict after these rounds."""
    known = Progress()
    for step in steps:
        known = advance(known, step)
    return verdict(known, goal)


DEPLOYED = Step(app=APP, plugins={KEY: PLUGIN})
BLIND = Goal("harvester", "1.8.1", None)
COURSES: list[tuple[str, tuple[Step, ...], Goal, Course]] = [
    ("nothing read", (), GOAL, Course.GOING_ON),
    ("just created", (Step(CREATED),), GOAL, Course.GOING_ON),
    ("running", (Step(RUNNING),), GOAL, Course.GOING_ON),
    ("failed", (Step(RUNNING), Step(FAILED)), GOAL, Course.FAILED),
    ("failed, then active when its pod is gone", (Step(FAILED), Step(DONE), DEPLOYED), GOAL, Course.FAILED),
    ("failed, then gone", (Step(FAILED), Step(GONE)), GOAL, Course.FAILED),
    ("done, then called failed", (Step(DONE), Step(FAILED), DEPLOYED), GOAL, Course.INSTALLED),
    ("done, no App asked for", (Step(DONE),), GOAL, Course.GOING_ON),
    ("done, no App yet", (Step(DONE, GONE),), GOAL, Course.GOING_ON),
    ("done, App may not be read", (Step(DONE, Unread.FORBIDDEN),), GOAL, Course.UNKNOWN),
    ("done, App as before", (Step(DONE, app(revision=3)),), Goal("harvester", "1.8.1", 3), Course.GOING_ON),
    ("done, App without a revision", (Step(DONE, app(revision=None)),), GOAL, Course.GOING_ON),
    ("done and deployed", (Step(DONE), DEPLOYED), GOAL, Course.INSTALLED),
    ("done and deployed, of the newest version", (Step(DONE), DEPLOYED), Goal("harvester", "", 0), Course.INSTALLED),
    ("done and deployed, nothing known before", (Step(DONE), DEPLOYED), BLIND, Course.INSTALLED),
    ("deployed while the Operation runs", (Step(RUNNING), DEPLOYED), GOAL, Course.GOING_ON),
    ("failed while the Operation runs", (Step(RUNNING, app("failed")),), GOAL, Course.GOING_ON),
    ("done, App failed", (Step(DONE, app("failed")),), GOAL, Course.FAILED),
    ("done, App uninstalling", (Step(DONE, app("uninstalling")),), GOAL, Course.FAILED),
    ("done, App pending", (Step(DONE, app("pending-install")),), GOAL, Course.GOING_ON),
    ("done, App without a word", (Step(DONE, app("")),), GOAL, Course.GOING_ON),
    ("done, App unknown", (Step(DONE, app("unknown")),), GOAL, Course.GOING_ON),
    ("done, another version since", (Step(DONE, app(revision=2, version="1.9.0")),), GOAL, Course.UNKNOWN),
    ("done, another chart since", (Step(DONE, app(revision=2, name="other")),), GOAL, Course.UNKNOWN),
    ("gone before its end, deployed", (Step(RUNNING), Step(GONE), DEPLOYED), GOAL, Course.INSTALLED),
    ("gone before its end, no App", (Step(RUNNING), Step(GONE, GONE)), GOAL, Course.UNKNOWN),
    ("gone before its end, App not asked for", (Step(RUNNING), Step(GONE)), GOAL, Course.GOING_ON),
    ("gone before its end, App as before", (Step(RUNNING), Step(GONE, app(revision=0))), GOAL, Course.UNKNOWN),
    ("gone before its end, nothing known before", (Step(RUNNING), Step(GONE)), BLIND, Course.GOING_ON),
    (
        "no longer to be read, App as before",
        (Step(RUNNING), Step(Unread.FORBIDDEN, app(revision=0))),
        GOAL,
        Course.GOING_ON,
    ),
    ("gone and back", (Step(RUNNING), Step(GONE), Step(RUNNING, app())), GOAL, Course.GOING_ON),
    ("not seen yet", (Step(GONE, GONE),), GOAL, Course.GOING_ON),
    ("may not be read, no App yet", (Step(Unread.FORBIDDEN, GONE),), GOAL, Course.GOING_ON),
    ("may not be read, deployed", (Step(Unread.FORBIDDEN), DEPLOYED), GOAL, Course.INSTALLED),
    ("may not be read, nothing known before", (Step(Unread.FORBIDDEN), DEPLOYED), BLIND, Course.UNKNOWN),
    ("neither may be read", (Step(Unread.FORBIDDEN, Unread.FORBIDDEN),), GOAL, Course.UNKNOWN),
    ("reads that failed", (Step(RUNNING), Step(Unread.FAILED, Unread.FAILED)), GOAL, Course.GOING_ON),
    ("App read, then a failed read", (Step(DONE), DEPLOYED, Step(app=Unread.FAILED)), GOAL, Course.INSTALLED),
]


@pytest.mark.parametrize(("why", "steps", "goal", "course"), COURSES, ids=[row[0] for row in COURSES])
def test_courses(why: str, steps: tuple[Step, ...], goal: Goal, course: Course) -> None:
    """The Operation's first end counts, and only the App proves an install."""
    found = follow(*steps, goal=goal)
    assert found.course is course
    assert found.sentence.endswith(".")


PLUGINS: list[tuple[str, Any, Course]] = [
    ("not asked for", None, Course.GOING_ON),
    ("not there yet", GONE, Course.GOING_ON),
    ("a read that failed", Unread.FAILED, Course.GOING_ON),
    ("cached", PLUGIN, Course.INSTALLED),
    ("cached, as older lines say it", plugin(ready=None), Course.INSTALLED),
    ("without a cache", plugin(ready=None, cacheState="disabled"), Course.INSTALLED),
    ("pending", plugin(ready=None, cacheState="pending"), Course.GOING_ON),
    ("not ready", plugin(ready=False), Course.GOING_ON),
    ("an older spec is cached", plugin(generation=2), Course.GOING_ON),
    ("not observed", plugin(observedGeneration=None), Course.GOING_ON),
    ("an error", plugin(error="no such host"), Course.GOING_ON),
    ("may not be read", Unread.FORBIDDEN, Course.INSTALLED),
    ("not served", Unread.NOT_SERVED, Course.INSTALLED),
]


@pytest.mark.parametrize(("why", "seen", "course"), PLUGINS, ids=[row[0] for row in PLUGINS])
def test_a_ui_extension_has_to_be_served(why: str, seen: Any, course: Course) -> None:
    """A release that makes a UIPlugin is installed when its latest spec is served, or when that cannot be seen."""
    found = follow(Step(DONE, APP), Step(plugins={} if seen is None else {KEY: seen}))
    assert found.course is course
    assert found.words == ("no such host" if why == "an error" else "")
    named = course is Course.GOING_ON or isinstance(seen, Unread)
    assert ("UI extension harvester" in found.sentence) == named


def test_a_plugin_that_was_seen_stays_seen() -> None:
    """A read that goes wrong takes nothing back, and an unserved one does."""
    assert follow(Step(DONE), DEPLOYED, Step(plugins={KEY: Unread.FAILED})).course is Course.INSTALLED
    assert follow(Step(DONE), DEPLOYED, Step(plugins={KEY: plugin(ready=False)})).course is Course.GOING_ON


def test_a_release_without_a_ui_extension_is_done_when_deployed() -> None:
    """Nothing is waited for that the release does not make."""
    other = app()
    other["spec"]["resources"] = [{"kind": "ConfigMap", "name": "a"}]
    assert follow(Step(DONE, other)).course is Course.INSTALLED


def test_the_words_are_the_controllers() -> None:
    """A failure carries what was said of it, a wait what it waits for."""
    assert follow(Step(RUNNING)).words == "running operation"
    assert follow(Step(RUNNING)).sentence == "Waiting for the Operation to end."
    assert follow(Step(CREATED)).sentence == "Waiting for the Operation to end."
    assert follow(Step({"metadata": {"uid": "a"}})).sentence == "Waiting for the Operation to begin."
    assert follow(Step(DONE, GONE)).sentence == "The Operation has succeeded; waiting for the App to show it."
    assert follow(Step(DONE, Unread.FORBIDDEN)).sentence.startswith("The Operation has succeeded, but the App")
    assert follow(Step(*[Unread.FORBIDDEN] * 2)).sentence == "Neither the Operation nor the App is to be seen."
    assert follow(Step(FAILED)).words == "exit code: 123"
    assert follow(Step(DONE, app("failed"))).words == "harvester"
    assert follow(Step(DONE), DEPLOYED).sentence == "The release is deployed: harvester 1.8.1, revision 1."


def test_plugins_of_a_release() -> None:
    """Each UIPlugin is known by namespace and name; the release's namespace stands in where none is written."""
    other = app()
    other["spec"]["resources"] += [{"kind": "UIPlugin", "name": "b"}, {"kind": "Secret", "name": "c"}]
    other["metadata"]["namespace"] = "elsewhere"
    assert app_release.plugins(other) == (KEY, ("elsewhere", "b"))


def test_the_revision_of_no_release_is_zero() -> None:
    """No release is 0, one that cannot be seen is not known; Helm's own word on the status counts before a summary."""
    seen = (GONE, Unread.FORBIDDEN, Unread.FAILED, {}, APP)
    assert [app_release.revision(one) for one in seen] == [0, None, None, None, 1]
    assert app_release.status({"status": {"summary": {"state": "failed"}}}) == "failed"
    helms = {"spec": {"info": {"status": "deployed"}}, "status": {"summary": {"state": "failed"}}}
    assert app_release.status(helms) == "deployed"
    assert not ui_plugin.ready(None)


OPERATIONS = st.sampled_from([None, CREATED, RUNNING, DONE, FAILED, {}, *Unread])
STATUSES = st.sampled_from(["deployed", "failed", "pending-install", "superseded", ""])
APPS = st.sampled_from([None, {}, "a", *Unread]) | st.builds(
    app, STATUSES, st.integers(0, 3), version=st.sampled_from(["1.8.1", "1.8.0"])
)
PLUGIN_MAPS = st.dictionaries(st.just(KEY), st.sampled_from([PLUGIN, plugin(ready=False), {}, *Unread]))
STEPS = st.lists(st.builds(Step, OPERATIONS, APPS, PLUGIN_MAPS), max_size=6)


@settings(max_examples=1000, deadline=None)
@given(steps=STEPS, revision=st.none() | st.integers(0, 2))
def test_no_order_of_events_leads_to_a_wrong_word(steps: list[Step], revision: int | None) -> None:
    """Installed needs a deployed App of the goal that is newer than before; the first end of the Operation stays."""
    goal = Goal("harvester", "1.8.1", revision)
    found = follow(*steps, goal=goal)
    ends = [step.operation for step in steps if step.operation is DONE or step.operation is FAILED]
    if ends and ends[0] is FAILED:
        assert found.course is Course.FAILED
    if found.course is Course.INSTALLED:
        shown = [step.app for step in steps if step.app is not None and step.app is not Unread.FAILED][-1]
        assert app_release.status(shown) == "deployed"
        assert app_release.chart(shown) == ("harvester", "1.8.1")
        assert revision is None or (app_release.revision(shown) or 0) > revision
        assert revision is not None or ends[:1] == [DONE]
