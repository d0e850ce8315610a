"""What becomes of an install: Operation, then App, then the UIPlugin if the release makes one.

``advance`` folds observations into what is known, ``verdict`` says what that comes to. The Operation's first end is
latched: when its pod is gone Rancher calls a failed one active, and an hour later the object is gone as well. For the
same reason an Operation that succeeded is no proof by itself; the App is.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

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
        running: the latest that was seen of an Operation that has not ended.
        words: what was said of its end.
        gone: the Operation was there no more, or is not to be seen.
        app: the latest App, or why there is none.
        plugins: the latest of each UIPlugin.
    """

    ended: State | None = None
    running: State = State.EMPTY
    words: str = ""
    gone: Unread | None = None
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
    """What is known after one more round."""
    if isinstance(step.operation, Unread):
        if step.operation is not Unread.FAILED:
            known = msgspec.structs.replace(known, gone=step.operation)
    elif step.operation is not None:
        known = _operation(known, step.operation)
    if step.app is not None and step.app is not Unread.FAILED:
        known = msgspec.structs.replace(known, app=step.app)
    read = {key: value for key, value in step.plugins.items() if value is not Unread.FAILED}
    return msgspec.structs.replace(known, plugins={**known.plugins, **read}) if read else known


def _operation(known: Progress, seen: object) -> Progress:
    state = operation.state(seen)
    known = msgspec.structs.replace(known, gone=None)
    if known.ended is not None:
        return known
    if state in {State.SUCCEEDED, State.FAILED}:
        return msgspec.structs.replace(known, ended=state, words=operation.words(seen))
    return msgspec.structs.replace(known, running=state, words=operation.words(seen))


def verdict(known: Progress, goal: Goal) -> Verdict:
    """What it comes to by now."""
    if known.ended is State.FAILED:
        return Verdict(Course.FAILED, "The Operation failed; its log has Helm's words.", known.words)
    if known.app is None or isinstance(known.app, Unread):
        return _without_app(known)
    revision = app_release.revision(known.app)
    if goal.revision is not None and (revision is None or revision <= goal.revision):
        return _before_app(known)
    return _with_app(known, goal)


def _before_app(known: Progress) -> Verdict:
    """The release shows nothing new yet."""
    if known.ended is State.SUCCEEDED:
        return Verdict(Course.GOING_ON, "The Operation succeeded; waiting for the App to show it.")
    if known.gone is not None:
        return Verdict(Course.UNKNOWN, "The Operation is not to be seen, and the App shows nothing new.")
    if known.running is State.EMPTY:
        return Verdict(Course.GOING_ON, "Waiting for the Operation to begin.")
    return Verdict(Course.GOING_ON, "Waiting for the Operation to end.", known.words)


def _without_app(known: Progress) -> Verdict:
    if known.ended is State.SUCCEEDED and known.app in {Unread.FORBIDDEN, Unread.NOT_SERVED}:
        sentence = "The Operation reports success, but the App, which would prove it, is not to be seen."
        return Verdict(Course.UNKNOWN, sentence)
    return _before_app(known)


def _with_app(known: Progress, goal: Goal) -> Verdict:
    """The release has a revision that was not there before, or that is not known."""
    status = app_release.status(known.app)
    words = app_release.words(known.app)
    name, version = app_release.chart(known.app)
    if not status or status == "unknown" or status.startswith("pending-"):
        return Verdict(Course.GOING_ON, f"Helm is at work on the release: {status or 'no word yet'}.", words)
    same = name == goal.chart and (not goal.version or same_version(version, goal.version))
    if not same:
        if goal.revision is None and known.ended is None:
            return _before_app(known)
        return Verdict(Course.UNKNOWN, f"The release is {status} from another chart, {name} {version}.", words)
    if status != "deployed":
        return Verdict(Course.FAILED, f"The release is {status}.", words)
    if goal.revision is None and known.ended is None:
        # The same version may have been there before; only the Operation's end tells.
        return _before_app(known)
    return _plugins(known, f"{name} {version}")


def _plugins(known: Progress, title: str) -> Verdict:
    for namespace, name in app_release.plugins(known.app):
        plugin = known.plugins.get((namespace, name))
        if isinstance(plugin, Unread) and plugin is not Unread.ABSENT:
            sentence = f"{title} is deployed; whether its UI extension {name} is served is not to be seen."
            return Verdict(Course.INSTALLED, sentence)
        if not ui_plugin.ready(plugin):
            sentence = f"{title} is deployed; waiting for its UI extension {name} to be served."
            return Verdict(Course.GOING_ON, sentence, ui_plugin.words(plugin))
    return Verdict(Course.INSTALLED, f"{title} is deployed.")
