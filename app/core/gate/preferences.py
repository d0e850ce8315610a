"""How a client wants to wait: ``Prefer`` (RFC 7240) and ``Accept`` (RFC 9110, 12.5.1).

All of the gate's options are preferences, none is a query parameter: the query goes to Rancher as it came. ``wait=N``,
``respond-async`` (with ``deadline=N`` as its parameter), ``until=deployed`` and ``nudge``. Preferences are wishes: what
is unknown, malformed or out of bounds is ignored or brought within bounds, never refused; of several of one name the
first counts. ``Preference-Applied`` says what became of them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

DEFAULT_WAIT: Final = 50
"""Seconds. nginx and most proxies cut an answer that does not begin within 60; ten are for the POST itself."""
LONGEST_WAIT: Final = 1800
"""Seconds: the read timeout of Rancher's own Ingress, which the gate's way to the client usually shares."""
DEFAULT_ASYNC_DEADLINE: Final = 1800
"""Seconds: a first clone that failed is tried again after 5 to 20 minutes, and then has to clone."""
LONGEST_ASYNC_DEADLINE: Final = 7200
"""Seconds: after three failures Rancher tries hourly, so one more try is covered. Credentials are held as long."""

VARY: Final = "Prefer, Accept"
EVENT_STREAM: Final = "text/event-stream"
JSON: Final = "application/json"

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110's word for a name
_QUOTED: Final = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t !-~\x80-\xff])*"'
_WORD: Final = rf"(?:{_TOKEN}|{_QUOTED})"
_PAIR: Final = re.compile(rf"[ \t]*({_TOKEN})(?:[ \t]*=[ \t]*({_WORD})?)?[ \t]*")
_PIECES: Final = re.compile(r'[,;]|"(?:[^"\\]|\\.)*"?|[^,;"]+', re.DOTALL)
_SECONDS: Final = re.compile(r"[0-9]+", re.ASCII)
_QUALITY: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_MOST_DIGITS: Final = 9


class Preferences(Struct, frozen=True, gc=False):
    """What a client asked for, within bounds.

    Attributes:
        wait: seconds to hold this response; 0 asks for one try and an answer.
        wait_named: whether the client said so.
        asynchronous: answer 202 when the wait is over (at once if none was named), and go on.
        deadline: seconds for the installation as a whole when it goes on asynchronously.
        until_deployed: follow the installation to its end instead of answering with Rancher's 201.
        nudge: have Rancher look at the repository again where it would do so too late.
    """

    wait: int = DEFAULT_WAIT
    wait_named: bool = False
    asynchronous: bool = False
    deadline: int = DEFAULT_ASYNC_DEADLINE
    until_deployed: bool = False
    nudge: bool = False

    @property
    def hold(self) -> int:
        """Seconds until this response has to begin."""
        return 0 if self.asynchronous and not self.wait_named else self.wait

    def applied(self, *, answered_asynchronously: bool = False) -> str:
        """The value of ``Preference-Applied``; empty where nothing was asked for, and the header is to be left out."""
        named = [
            "respond-async" if answered_asynchronously and self.asynchronous else "",
            f"wait={self.wait}" if self.wait_named else "",
            "until=deployed" if self.until_deployed else "",
            "nudge" if self.nudge else "",
        ]
        return ", ".join(filter(None, named))


class Wish(Struct, frozen=True, gc=False):
    """One preference; names are in lower case."""

    name: str
    value: str
    parameters: dict[str, str]


def read(lines: Iterable[bytes], longest_wait: int = LONGEST_WAIT) -> Preferences:
    """What the ``Prefer`` lines ask for; total over any bytes.

    Args:
        lines: the values of all ``Prefer`` headers, in order.
        longest_wait: seconds that this gate holds a response at most.
    """
    asked: dict[str, Wish] = {}
    for wish in wishes(lines):
        asked.setdefault(wish.name, wish)
    wait = _seconds(asked["wait"].value, longest_wait) if "wait" in asked else None
    asynchronous = asked.get("respond-async")
    deadline = _seconds(asynchronous.parameters.get("deadline", ""), LONGEST_ASYNC_DEADLINE) if asynchronous else None
    return Preferences(
        wait=min(DEFAULT_WAIT, longest_wait) if wait is None else wait,
        wait_named=wait is not None,
        asynchronous=asynchronous is not None,
        deadline=DEFAULT_ASYNC_DEADLINE if deadline is None else deadline,
        until_deployed="until" in asked and asked["until"].value.lower() == "deployed",
        nudge="nudge" in asked,
    )


def wishes(lines: Iterable[bytes]) -> Iterator[Wish]:
    """All well-formed preferences in order; a malformed one is left out, its neighbours are not."""
    for line in lines:
        for parts in _elements(line.decode("latin-1")):
            pairs = [_PAIR.fullmatch(part) for part in parts if part.strip(" \t")]
            if pairs and parts[0].strip(" \t") and all(pairs):
                (name, value), *parameters = [(pair[1].lower(), _unquoted(pair[2] or "")) for pair in pairs if pair]
                first = dict(reversed(parameters))
                yield Wish(name, value, first)


def _elements(line: str) -> Iterator[list[str]]:
    """The comma-separated elements, each split at its semicolons; quoted strings are kept whole."""
    parts = [""]
    for piece in _PIECES.findall(line):
        if piece == ",":
            yield parts
            parts = [""]
        elif piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    yield parts


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


def _seconds(text: str, longest: int) -> int | None:
    if not _SECONDS.fullmatch(text):
        return None
    digits = text.lstrip("0") or "0"
    return min(int(digits), longest) if len(digits) <= _MOST_DIGITS else longest


def accepted(lines: Iterable[bytes], offers: tuple[str, ...]) -> str | None:
    """The offer a client likes best; ``None`` if it takes none of them.

    ``text/event-stream`` is offered only to those who name it: ``*/*`` comes from clients that would wait for an end.
    Between equals the more exactly named one wins, so that ``Accept: text/event-stream, */*`` streams, and then the
    earlier offer.

    Args:
        lines: the values of all ``Accept`` headers; none at all accept everything.
        offers: media types in the server's order of preference.
    """
    ranges = [found for line in lines for parts in _elements(line.decode("latin-1")) if (found := _range(parts))]
    if not ranges:
        ranges = [("*/*", 1.0)]
    best: tuple[float, int, int] = (0.0, 0, 0)
    chosen = None
    for place, offer in enumerate(offers):
        quality, exactness = _quality(offer, ranges)
        rank = (quality, exactness, -place)
        if quality > 0 and (chosen is None or rank > best):
            best, chosen = rank, offer
    return chosen


def wants_events(lines: Iterable[bytes]) -> bool:
    """Whether to stream progress on the response to the POST."""
    return accepted(lines, (EVENT_STREAM, JSON)) == EVENT_STREAM


def _range(parts: list[str]) -> tuple[str, float] | None:
    """One media range and its quality; parameters other than ``q`` narrow it to what is not offered here."""
    kind = parts[0].strip(" \t").lower()
    quality = 1.0
    for part in parts[1:]:
        name, _, value = part.partition("=")
        if name.strip(" \t").lower() == "q":
            if not _QUALITY.fullmatch(value.strip(" \t")):
                return None
            quality = float(value)
    return (kind, quality) if "/" in kind else None


def _quality(offer: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    family = offer.partition("/")[0]
    readings = ((offer, 2), *(() if offer == EVENT_STREAM else ((f"{family}/*", 1), ("*/*", 0))))
    for kind, exactness in readings:
        for named, quality in ranges:
            if named == kind:
                return quality, exactness
    return 0.0, 0
