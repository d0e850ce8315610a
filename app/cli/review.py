"""``status-guard review``: the verdict on recorded reviews, or on an old and a new object, without a server."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from msgspec import json

from app.api import wire
from app.api.faults import Fault
from app.cli.review_output import Output, as_json, as_text
from app.cli.serve import EXIT_BAD_INPUT
from app.core.guard import Guards
from app.core.judge import judge
from app.core.review import AdmissionRequest
from app.core.verdict import Endpoint, Verdict

EXIT_DENIED: Final = 1
STDIN: Final = "-"


@dataclass(frozen=True)
class Reviewed:
    """One judged review."""

    source: str
    request: AdmissionRequest
    body: dict[str, Any]
    verdict: Verdict


class BadInputError(Exception):
    """A file that cannot be judged; the text names it and says what to do."""


def review(  # noqa: PLR0917 - typer turns each parameter into an option
    rules: Annotated[list[Path], typer.Option(help="Folder or file of StatusGuard documents; may be repeated.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="AdmissionReviews as JSON; - reads standard input.")
    ] = None,
    old: Annotated[Path | None, typer.Option(help="The object before the write, JSON or YAML.")] = None,
    new: Annotated[Path | None, typer.Option(help="The object as the client writes it, JSON or YAML.")] = None,
    user: Annotated[str, typer.Option(help="With --old and --new: who writes.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="With --old and --new: a group of the user's.")] = None,
    resource: Annotated[
        str | None, typer.Option(help="With --old and --new: the plural name, if the kind does not tell it.")
    ] = None,
    subresource: Annotated[str, typer.Option(help="With --old and --new: 'status' for a write to /status.")] = "",
    endpoint: Annotated[Endpoint, typer.Option(help="Which webhook to stand for.")] = Endpoint.MUTATE,
    output: Annotated[Output, typer.Option("--output", "-o", help="text shows patch and difference.")] = Output.TEXT,
) -> None:
    """Say what the guard would answer. Exit code 0: all allowed, 1: one denied, 2: bad input.

    Example: status-guard review tests/data/reviews/upgrade-dismissed.json --rules manifests/rules

    Example: status-guard review --old before.yaml --new after.yaml --user u-4j7xk --rules manifests/rules
    """
    from app.rules import RulesError, load  # noqa: PLC0415 - pydantic and YAML are for the commands that read rules

    try:
        guards = load(rules).guards
        bodies = _bodies(files, old, new)
        if old and new:
            pair = Pair(user, group or [], resource, subresource, guards)
            bodies = [(f"{old} -> {new}", pair.review(_object(old), _object(new)))]
    except (RulesError, BadInputError) as error:
        sys.stderr.write(f"status-guard review: {error}\n")
        raise typer.Exit(EXIT_BAD_INPUT) from None
    judged, faults = [], []
    for source, body in bodies:
        try:
            judged.append(_judge(source, body, guards, endpoint))
        except Fault as fault:
            faults.append(f"status-guard review: {source}: {fault.detail}")
    sys.stdout.write(as_json(judged) if output is Output.JSON else as_text(judged))
    sys.stdout.flush()
    if faults:
        sys.stderr.write("\n".join(faults) + "\n")
        raise typer.Exit(EXIT_BAD_INPUT)
    if any(not reviewed.verdict.allowed for reviewed in judged):
        raise typer.Exit(EXIT_DENIED)


def _judge(source: str, body: bytes, guards: Guards, endpoint: Endpoint) -> Reviewed:
    request = wire.decode(body)
    now = datetime.now(UTC)  # noqa: TID251 - the command line is an edge; overrides end by the clock
    verdict = judge(request, guards, endpoint=endpoint, now=now)
    return Reviewed(source, request, json.decode(body), verdict)


def _bodies(files: list[str] | None, old: Path | None, new: Path | None) -> list[tuple[str, bytes]]:
    if bool(old) != bool(new):
        raise BadInputError("--old and --new go together: give both objects")
    if bool(files) == bool(old):
        raise BadInputError("give files with AdmissionReviews, or an object each with --old and --new")
    return [(name, sys.stdin.buffer.read() if name == STDIN else _read(Path(name))) for name in files or []]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}") from None


def _object(path: Path) -> dict[str, Any]:
    """An object as ``kubectl get -o json|yaml`` writes it."""
    from app.rules.yamltext import documents  # noqa: PLC0415 - as in review()

    found = list(documents(str(path), _read(path)))
    mistakes = [str(mistake) for document in found for mistake in document.mistakes]
    if mistakes:
        raise BadInputError("\n".join(mistakes))
    loaded = found[0].value if len(found) == 1 else None
    if not isinstance(loaded, dict) or not isinstance(loaded.get("apiVersion"), str) or "kind" not in loaded:
        raise BadInputError(f"{path}: not one Kubernetes object; it needs apiVersion and kind")
    return loaded


@dataclass(frozen=True)
class Pair:
    """What makes an AdmissionReview of an old and a new object."""

    user: str
    groups: list[str]
    resource: str | None
    subresource: str
    guards: Guards

    def review(self, old: dict[str, Any], new: dict[str, Any]) -> bytes:
        """The review's text, as the API server would send it."""
        group, _, version = str(new["apiVersion"]).rpartition("/")
        metadata = new.get("metadata") or {}
        resource = {"group": group, "version": version, "resource": self._resource(group, str(new["kind"]))}
        request = {
            "uid": "offline",
            "kind": {"group": group, "version": version, "kind": new["kind"]},
            "resource": resource,
            "subResource": self.subresource,
            "name": metadata.get("name"),
            "namespace": metadata.get("namespace"),
            "operation": "UPDATE",
            "userInfo": {"username": self.user, "groups": self.groups},
            "object": new,
            "oldObject": old,
        }
        return json.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})

    def _resource(self, group: str, kind: str) -> str:
        """The plural name: as given, or the guarded one that reads like the kind's plural."""
        if self.resource:
            return self.resource
        name = kind.lower()
        plurals = {f"{name}s", f"{name}es", f"{name[:-1]}ies", name}
        guarded = {guard.target.resource for guard in self.guards if guard.target.group == group}
        return min(plurals & guarded, default=f"{name}s")
