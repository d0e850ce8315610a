"""What becomes of an install: Operation, then App, then the UIPlugin if the release makes one.

``advance`` folds observations into what is known, ``verdict`` says what that comes to. The Operation's first end is
latched: when its pod is gone Rancher calls a failed one active, and an hour later the object is gone as well. For the
same reason an Operation that succeeded is no proof by itself; the App is.
"""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from app.core.gate import app_release, operation, ui_plugin
from app.core.gate.operation import State
from app.core.gate.reading import Unread, same_version


class Course(StrEnum):
    """How it stands."""

    GOING_ON = "going on"
    INSTALLED = "installed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Goal(Struct, frozen=True, gc=False):
    """What has to come about. Of several charts, the last.

    Attributes:
        chart: its name.
        version: empty for the newest.
        revision: of the release before the install, 0 if there was none, None if that could not be read.
    """

    chart: str
    version: str = ""
    revision: int | None = None


class Step(Struct, frozen=True, gc=False):
    """One round of reading; None is what was not read in this round.

    Attributes:
        operation: the Operation, or why it was not read.
        app: the App, or why it was not read.
        plugins: the release's UIPlugins by namespace and name, or why one was not read.
    """

    operation: object = None
    app: object = None
    plugins: dict[tuple[str, str], object] = {}


class Progress(Struct, frozen=True, gc=False):
    """What is known so far.

    Attributes:
        ended: the Operation's first end.
        running: the latest that was seen of an Operation that has not ended; None before it was seen at all.
        words: what was said of it.
        hidden: why the Operation could not be read the last time it was asked for.
        app: the latest App, or why there is none; None before it was asked for.
        plugins: the latest of each UIPlugin.
    """

    ended: State | None = None
    running: State | None = None
    words: str = ""
    hidden: Unread | None = None
    app: object = None
    plugins: dict[tuple[str, str], object] = {}


class Verdict(Struct, frozen=True, gc=False):
    """How it stands, and why.

    Attributes:
        course: how it stands.
        sentence: for people: what it waits for, or what came about.
        words: of the controller or of Helm, untouched: redact before showing.
    """

    course: Course
    sentence: str
    words: str = ""


def advance(known: Progress, step: Step) -> Progress:
    """What is known after one more round. A read that went wrong says nothing, and changes nothing."""
    if isinstance(step.operation, Unread):
        if step.operation is not Unread.FAILED:
            known = replace(known, hidden=step.operation)
    elif step.operation is not None:
        known = _operation(known, step.operation)
    if step.app is not None and step.app is not Unread.FAILED:
        known = replace(known, app=step.app)
    read = {key: value for key, value in step.plugins.items() if value is not Unread.FAILED}
    return replace(known, plugins={**known.plugins, **read}) if read else known


def _operation(known: Progress, seen: object) -> Progress:
    if known.ended is not None:
        return known
    state, words = operation.state(seen), operation.words(seen)
    if state in {State.SUCCEEDED, State.FAILED}:
        return replace(known, hidden=None, ended=state, words=words)
    return replace(known, hidden=None, running=state, words=words)


def verdict(known: Progress, goal: Goal) -> Verdict:
    """What it comes to by now.

    The App is asked only when the Operation has ended or cannot be seen: before that, what it shows may be the work of
    somebody else, which ours is going to fail on.
    """
    if known.ended is State.FAILED:
        return Verdict(Course.FAILED, "The Operation failed; its log has Helm's words.", known.words)
    if known.ended is None and known.hidden is None:
        end = "begin" if known.running in {None, State.EMPTY} else "end"
        return Verdict(Course.GOING_ON, f"Waiting for the Operation to {end}.", known.words)
    if known.app is None or isinstance(known.app, Unread):
        return _without_app(known)
    revision = app_release.revision(known.app)
    if goal.revision is None and known.ended is None:
        sentence = "Neither the Operation nor what the release was before is to be seen."
        return Verdict(Course.UNKNOWN, f"{sentence} {_title(known.app)}")
    if goal.revision is not None and (revision is None or revision <= goal.revision):
        return _nothing_new(known)
    return _with_app(known, goal)


def _nothing_new(known: Progress) -> Verdict:
    """The release does not show the install, and the Operation has succeeded or cannot be seen."""
    if known.ended is not None:
        return Verdict(Course.GOING_ON, "The Operation has succeeded; waiting for the App to show it.")
    if known.hidden is Unread.ABSENT and known.running is not None and known.app is not None:
        return Verdict(Course.UNKNOWN, "The Operation is gone, its end was not seen, and the App shows nothing new.")
    return Verdict(Course.GOING_ON, "The Operation is not to be seen; waiting for the App.")


def _without_app(known: Progress) -> Verdict:
    if known.app in {None, Unread.ABSENT}:
        return _nothing_new(known)
    if known.ended is not None:
        sentence = "The Operation has succeeded, but the App, which would prove it, is not to be seen."
    else:
        sentence = "Neither the Operation nor the App is to be seen."
    return Verdict(Course.UNKNOWN, sentence)


def _with_app(known: Progress, goal: Goal) -> Verdict:
    """The release has a revision that was not there before."""
    status, words = app_release.status(known.app), app_release.words(known.app)
    if status in {"", "unknown"} or status.startswith("pending-"):
        return Verdict(Course.GOING_ON, f"Helm is at work: {_title(known.app)}", words)
    name, version = app_release.chart(known.app)
    if name != goal.chart or (goal.version and not same_version(version, goal.version)):
        return Verdict(Course.UNKNOWN, f"Somebody else has changed the release since. {_title(known.app)}", words)
    if status != "deployed":
        return Verdict(Course.FAILED, _title(known.app), words)
    return _plugins(known)


def _title(app: object) -> str:
    """What the App says, in a sentence."""
    name, version = app_release.chart(app)
    status = app_release.status(app) or "there"
    return f"The release is {status}: {name} {version}, revision {app_release.revision(app) or 'unknown'}."


def _plugins(known: Progress) -> Verdict:
    title = _title(known.app)
    for namespace, name in app_release.plugins(known.app):
        plugin = known.plugins.get((namespace, name))
        if plugin is Unread.FORBIDDEN or plugin is Unread.NOT_SERVED:
            sentence = f"{title} Whether its UI extension {name} is served is not to be seen."
            return Verdict(Course.INSTALLED, sentence)
        if not ui_plugin.ready(plugin):
            sentence = f"{title} Waiting for its UI extension {name} to be served."
            return Verdict(Course.GOING_ON, sentence, ui_plugin.words(plugin))
    return Verdict(Course.INSTALLED, title)
