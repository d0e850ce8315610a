"""How ``status-guard audit`` shows its report: for people, and as plain values for programs."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from app.core.audit.report import Loss, Report, Unknown
from app.core.audit.weighing import NOT_ASKED
from app.core.wording import listed

_WOULD: Final = {
    "restored": "put it back",
    "denied": "denied the write",
    "warned": "warned, and let it pass (mode Warn)",
    "audited": "noted it, and let it pass (mode Audit)",
    "exempted": "let it pass",
    NOT_ASKED: "not been asked: an object made anew is no update; see docs/audit.md",
}
_UNKNOWN: Final = {
    Unknown.FIRST_SEEN: "nothing before them shows the object",
    Unknown.OTHER_VERSION: "the object was seen last in another API version",
    Unknown.OUT_OF_ORDER: "the log shows something later before them",
    Unknown.NO_OBJECT: "the log holds no object for them, though it is of the right level",
}
_MOST_CLIENTS: Final = 10
_MIB: Final = 1024 * 1024


def values(report: Report) -> dict[str, Any]:
    """The report as dictionaries, lists, text and numbers; names like those of Kubernetes."""
    return {
        "lines": report.lines,
        "malformed": report.malformed,
        "malformedLines": [{"place": one.place, "why": one.why} for one in report.mistakes],
        "judged": report.judged,
        "intact": report.intact,
        "lost": report.lost,
        "guardWouldHave": dict(report.losses_by_action),
        "recreated": report.recreated,
        "unknown": {reason.value: count for reason, count in report.unknown.items()},
        "notEnoughDetail": report.too_little,
        "dryRuns": report.dry_runs,
        "failed": report.failed,
        "outsideOfTime": report.outside,
        "restoredByTheGuardThen": report.restored_then,
        "objectsLetGo": report.objects_let_go,
        "mostBytesOfObjects": report.most_bytes,
        "clients": [
            {"user": client.user, "client": client.client, "writes": count}
            for client, count in report.by_client.most_common()
        ],
        "losses": [_values(loss) for loss in report.losses],
        "lossesNotListed": _not_listed(report),
    }


def _values(loss: Loss) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(loss)
    names = {"audit_id": "auditID", "would_have": "guardWouldHave", "impersonated_by": "impersonatedBy"}
    return {names.get(name, name): value for name, value in found.items()}


def _not_listed(report: Report) -> int:
    return sum(report.losses_by_action.values()) + report.recreated - len(report.losses)


def as_table(report: Report) -> str:
    """A few lines for each loss, then the sums."""
    return "\n".join([*_losses(report), *_clients(report), *_sums(report)]) + "\n"


def _losses(report: Report) -> Iterator[str]:
    for loss in report.losses:
        yield f"{loss.time or 'at an unknown time'}  {loss.resource} {loss.object}  ({loss.place})"
        made_anew = "made anew without it: " if loss.would_have == NOT_ASKED else ""
        more = f" and {loss.more} more" if loss.more else ""
        yield f"  lost       {made_anew}{listed(loss.findings)}{more}"
        by = f", impersonated by {loss.impersonated_by}" if loss.impersonated_by else ""
        yield f"  by         {loss.user or '(nobody)'}{by}, by {loss.verb}"
        yield f"  with       {loss.client or '(no user agent)'}"
        yield f"  from       {', '.join(loss.source) or '(no address)'}"
        because = f" ({', '.join(loss.rules)})" if loss.would_have == "exempted" else ""
        yield f"  the guard  {loss.guard} would have {_WOULD[loss.would_have]}{because}"
        if loss.doubt:
            yield f"  in doubt   {loss.doubt}, and may have done this"
        yield ""
    if left := _not_listed(report):
        yield f"and {left} more; the sums have them all"
        yield ""


def _clients(report: Report) -> Iterator[str]:
    if not report.by_client:
        return
    yield "Who lost status, with what:"
    for client, count in report.by_client.most_common(_MOST_CLIENTS):
        yield f"  {count:>8,}  {client.user or '(nobody)'}  {client.client or '(no user agent)'}"
    if (more := len(report.by_client) - _MOST_CLIENTS) > 0:
        yield f"            and {more} more; -o json has them all"
    yield ""


def _sums(report: Report) -> Iterator[str]:
    rows = [
        (report.lines, "lines read"),
        (report.malformed, "of them are no audit event"),
        (report.judged, "writes to guarded kinds compared with what was there before"),
        (report.intact, "of them lost nothing"),
        *((count, f"lost something, and the guard would have {_WOULD[action]}") for action, count in _actions(report)),
        (report.recreated, "objects were made anew without the status that they had"),
        *((count, f"writes unknown: {_UNKNOWN[reason]}") for reason, count in report.unknown.items()),
        (report.too_little, "writes without enough detail: log guarded kinds at the level RequestResponse"),
        (report.dry_runs, "dry runs left out"),
        (report.failed, "failed writes left out"),
        (report.outside, "writes outside --since and --until"),
        (report.restored_then, "writes that the guard had put something back into, by its annotations in the log"),
        (report.objects_let_go, "objects forgotten to stay within memory; later writes to them are unknown"),
    ]
    always = {"lines read", "writes to guarded kinds compared with what was there before"}
    for count, words in rows:
        if count or words in always:
            yield f"{count:>10,}  {words}"
    yield f"{report.most_bytes / _MIB:>10,.1f}  MiB of objects were held at most"


def _actions(report: Report) -> Iterable[tuple[str, int]]:
    return sorted(report.losses_by_action.items(), key=lambda item: -item[1])
