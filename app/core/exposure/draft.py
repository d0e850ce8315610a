"""A StatusGuard document for an exposed kind, with the reason for each guess beside it."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from app.core.exposure import exposed
from app.core.exposure.exposed import Exposure, Kind
from app.core.exposure.guessing import Guess, Part, Sureness, guesses
from app.core.exposure.seen import Seen
from app.core.pointer import Tokens, render
from app.core.printing import printable

_WIDTH: Final = 118
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|/[A-Za-z0-9_./-]+")
"""What YAML takes for text without quotes; words like ``yes`` excepted."""
_NO_TEXT: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})

_AUDIT: Final = (
    "Audit reports losses and changes nothing. Read what it reports for a few days, list the writers below that shrink"
    " this status honestly, then write Restore (or Deny)."
)
_WRITERS: Final = (
    "The service accounts of the controllers that own this status, as namespace/name. The cluster does not tell who"
    " they are; the audit does."
)


def document(kind: Kind, seen: Seen) -> str:
    """The document; :mod:`app.rules` can load it as it is."""
    return "\n".join(_lines(kind, seen)) + "\n"


def _lines(kind: Kind, seen: Seen) -> Iterator[str]:
    spec, version = kind.definition.spec, kind.version
    yield from _heading(kind, seen)
    yield from ["apiVersion: statusguard.io/v1alpha1", "kind: StatusGuard", "metadata:"]
    yield f"  name: {_text(kind.definition.name)}"
    yield from ["spec:", "  target:", f"    group: {_text(spec.group)}", "    versions: ['*']"]
    yield f"    resource: {_text(spec.names.plural)}"
    yield from _comment(4, f"Sure: {', '.join(_exposed(kind))} {exposed.why(version)}.")
    yield "    statusSubresource: false"
    yield from _comment(2, _AUDIT)
    yield "  mode: Audit"
    yield "  writers:"
    yield from _comment(4, _WRITERS)
    yield from _managers(seen)
    yield "    serviceAccounts: []"
    yield from _protect(guesses(version.status, seen.samples), seen)
    yield from _empty(exposed.empty_statuses(version.status))


def _heading(kind: Kind, seen: Seen) -> Iterator[str]:
    name = f"{kind.definition.spec.names.kind} ({kind.definition.name})"
    looked = (
        f"{len(seen.samples)} of the {seen.at_risk} objects that have a status" if seen.at_risk else "no live object"
    )
    yield from _comment(
        0,
        f"{name}: made by `status-guard scan --write-rules` from the CustomResourceDefinition and {looked}. The whole"
        " status is protected without being named. What is named beside it is guessed, each with its reason: 'sure' is"
        " what the API server itself holds to, 'likely' what live objects show, and 'unsure' is left out, as a comment"
        " to be taken in or deleted.",
    )
    if exposed.required(kind.version):
        yield from _comment(
            0,
            "The schema requires a status, so a write without one is refused (422) before anything is lost, unless it"
            " sends an empty one; in mode Restore such a write succeeds with the status it left out.",
        )


def _exposed(kind: Kind) -> list[str]:
    return [name for name, found in kind.versions.items() if found is Exposure.EXPOSED]


def _managers(seen: Seen) -> Iterator[str]:
    if seen.managers:
        named = [
            f"{manager or '(no name)'} by {how} on {times}" for (manager, how), times in seen.managers.most_common(5)
        ]
        yield from _comment(
            4, f"Field managers seen on it, which are programs and not users: {'; '.join(map(printable, named))}."
        )


def _protect(found: Iterable[Guess], seen: Seen) -> Iterator[str]:
    by_part: dict[Part, list[Guess]] = {part: [] for part in Part}
    for guess in found:
        by_part[guess.part].append(guess)
    yield "  protect:"
    for part, guessed in by_part.items():
        taken = any(guess.sureness is not Sureness.UNSURE for guess in guessed)
        yield f"    {part.value}:" if taken else f"    {part.value}: []"
        for guess in guessed:
            yield from _entry(guess)
    if seen.owned:
        yield from _comment(
            4,
            f"Likely: {seen.owned} of {len(seen.samples)} objects looked at have owner references, which some clients"
            " drop together with the status.",
        )
        yield "    ownerReferences: true"


def _entry(guess: Guess) -> Iterator[str]:
    left_out = " Left out." if guess.sureness is Sureness.UNSURE else ""
    yield from _comment(6, f"{guess.sureness.value.capitalize()}: {guess.why}.{left_out}")
    lines = [f"- {_text(_short(guess.path))}"]
    if guess.part is Part.LIST:
        lines = [f"- path: {_text(_short(guess.path))}", f"  key: {_text(guess.key)}"]
    mark = "# " if left_out else ""
    yield from (f"      {mark}{line}" for line in lines)


def _empty(statuses: Iterable[dict[str, Any]]) -> Iterator[str]:
    found = list(statuses)
    if found:
        yield from _comment(
            2, "Sure: what the schema's defaults make of a status that was dropped; equal to this means lost."
        )
        yield "  emptyStatus:"
        yield from (f"    - {json.dumps(one)}" for one in found)


def _short(path: Tokens) -> str:
    """A plain name where one will do."""
    return path[0] if len(path) == 1 and not set("/~") & set(path[0]) else render(path)


def _text(value: str) -> str:
    """A YAML scalar; JSON's strings are YAML's."""
    plain = _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXT
    return value if plain else json.dumps(value, ensure_ascii=False)


def _comment(indent: int, text: str) -> list[str]:
    before = " " * indent + "# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=before, subsequent_indent=before, break_long_words=False, break_on_hyphens=False
    )
