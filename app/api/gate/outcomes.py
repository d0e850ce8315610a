"""What became of an install, as the answer to the POST that asked for it.

Rancher's own answer goes back byte for byte. Everything else is a problem with each check, and says what may be done:
503 with Retry-After where nothing was installed, 504 ``outcome-unknown`` without it where sending again could install
twice.
"""

from datetime import datetime
from http import HTTPStatus
from math import ceil
from typing import Final

from msgspec import Struct, json

from app.api.gate.problems import NO_STORE, OWN, GateProblem, problem, written
from app.api.gate.writing import Written
from app.core.gate.forwarding import PSEUDONYM, Header, to_client
from app.core.gate.installation_call import LOCAL
from app.core.gate.preferences import JSON, VARY, Preferences
from app.gate.install import Install
from app.gate.limits import RETRY_AFTER, NotTaken
from app.gate.port import Reply
from app.gate.progress import (
    Answered,
    Cancelled,
    Deployed,
    InstallFailed,
    Interrupted,
    NotReady,
    Outcome,
    OutcomeUnknown,
    Progress,
    Refused,
)

LATEST_RETRY: Final = 300
"""Seconds: by then somebody may have looked at a repository whose next try is an hour away."""

JSON_TYPE: Final[Header] = (b"content-type", JSON.encode())
VIA: Final[Header] = (b"via", b"1.1 " + PSEUDONYM)


class FoundAgain(Struct, frozen=True, rename="camel"):
    """Rancher's answer to an install, written anew: its own was lost, and the Operation was found afterwards."""

    operation_name: str
    operation_namespace: str
    message: str
    type: str = "chartActionOutput"
    links: dict[str, str] = {}


def preferred(preferences: Preferences, *, asynchronous: bool = False) -> tuple[Header, ...]:
    """``Preference-Applied``, if there is anything to say."""
    applied = preferences.applied(answered_asynchronously=asynchronous)
    return ((b"preference-applied", applied.encode()),) if applied else ()


def location(progress: Progress) -> str:
    """Where an install is looked at: a path, so that it holds by whatever host the client called."""
    where = f"/installs/{progress.id}"
    return where if progress.cluster == LOCAL else f"{where}?cluster={progress.cluster}"


def as_it_came(reply: Reply, headers: tuple[Header, ...] = ()) -> Written:
    """Rancher's own answer: its bytes, and its headers but those of the connection it came on."""
    kept = tuple((name, value) for name, value in to_client(reply.headers) if name.lower() != b"content-length")
    store = () if any(name.lower() == b"cache-control" for name, _ in kept) else (NO_STORE,)
    return Written(reply.status, (*kept, VIA, (b"vary", VARY.encode()), *store, *headers), reply.body)


def accepted(progress: Progress, preferences: Preferences) -> Written:
    """202: it goes on, and this is where to look."""
    where: Header = (b"location", location(progress).encode())
    headers = (JSON_TYPE, where, *OWN, *preferred(preferences, asynchronous=True))
    return Written(HTTPStatus.ACCEPTED, headers, json.encode(progress))


def not_taken(why: NotTaken) -> Written:
    """The gate has no room for it; the request was read to its end."""
    return written(problem(why.status, why.slug, why.detail, retry_after=why.retry_after))


def concluded(install: Install, preferences: Preferences, now: datetime) -> Written:
    """The answer to a POST whose install has ended.

    Args:
        install: it.
        preferences: of this caller.
        now: to say when to ask again.
    """
    progress, reply = install.progress, install.reply
    applied = preferred(preferences)
    match progress.outcome:
        case Answered() | Deployed() if reply is not None:
            return as_it_came(reply, applied)
        case Answered(status, operation, sentence) | Deployed(status, operation, sentence):
            namespace, name = operation or ("", "")
            return Written(status, (JSON_TYPE, *OWN, *applied), json.encode(FoundAgain(name, namespace, sentence)))
        case Refused(told=told) if reply is not None and reply.status == told:
            return as_it_came(reply, applied)
        case NotReady(sentence, words, retry_at):
            return written(_not_ready(progress, sentence, words, _retry(retry_at, now)), applied)
        case outcome:
            return written(_said(progress, outcome), applied)


def not_ready(progress: Progress, preferences: Preferences) -> Written:
    """503 for a caller whose own time is over while others go on waiting for the same install."""
    return written(_not_ready(progress, progress.waits_for, "", RETRY_AFTER), preferred(preferences))


def _not_ready(progress: Progress, sentence: str, words: str, retry_after: int) -> GateProblem:
    nothing = _nothing(progress).capitalize()
    detail = f"{nothing}: the time is over before the install could succeed. {sentence}".rstrip()
    return problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-ready",
        detail,
        checks=progress.checks,
        words=words,
        retry_after=retry_after,
    )


def _nothing(progress: Progress) -> str:
    """What did not happen: a request that Rancher turned down was sent, and had no effect."""
    return "nothing was installed" if progress.attempts else "nothing was sent"


def _retry(retry_at: datetime | None, now: datetime) -> int:
    if retry_at is None:
        return RETRY_AFTER
    return min(max(ceil((retry_at - now).total_seconds()), 1), LATEST_RETRY)


def _said(progress: Progress, outcome: Outcome | None) -> GateProblem:
    """The problem that an outcome without an answer of Rancher's is told as."""
    checks = progress.checks
    match outcome:
        case Refused(cause, told, sentence, words):
            told = told if told != HTTPStatus.UNAUTHORIZED else HTTPStatus.BAD_GATEWAY
            return problem(told, "refused", sentence, cause=cause, words=words, checks=checks)
        case InstallFailed(sentence=sentence, words=words, log=log):
            return problem(HTTPStatus.BAD_GATEWAY, "install-failed", sentence, words=words, log=log)
        case Cancelled():
            return problem(HTTPStatus.CONFLICT, "cancelled", f"The install was cancelled; {_nothing(progress)}.")
        case Interrupted(sent=False):
            detail = f"The gate is shutting down, and {_nothing(progress)}; send the request again."
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "interrupted", detail, retry_after=RETRY_AFTER)
        case OutcomeUnknown(sentence, words):
            return _unknown(sentence, words)
        case Interrupted(sentence=sentence):
            return _unknown(sentence)
    return _unknown()


def _unknown(sentence: str = "", words: str = "") -> GateProblem:
    return problem(HTTPStatus.GATEWAY_TIMEOUT, "outcome-unknown", f"{_UNKNOWN} {sentence}".rstrip(), words=words)


_UNKNOWN: Final = (
    "The request may have reached Rancher, and nobody can say what became of it. Do not send it again before you have"
    " looked at the namespace's Operations and at the release."
)
