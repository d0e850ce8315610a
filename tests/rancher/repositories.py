"""What a ClusterRepo's spec asks for, and what its status says."""

from typing import Any

from .clock import Clock
from .store import Object
from .upstreams import Kind

Status = dict[str, Any]

HOUR = 3600.0
DAY = 24 * HOUR


def kind_of(spec: dict[str, Any]) -> Kind | None:
    """The kind of a repository; none where it names neither a URL nor a git repository."""
    if spec.get("gitRepo"):
        return "git"
    url = spec.get("url", "")
    if url.startswith("oci://"):
        return "oci"
    return "http" if url else None


def source_of(spec: dict[str, Any]) -> str:
    """Where a repository is fetched from."""
    return str(spec.get("gitRepo") or spec.get("url", ""))


def interval_of(spec: dict[str, Any]) -> float | None:
    """Seconds between two refreshes; none where it is negative, which means never."""
    given = spec.get("refreshInterval") or 0
    if given < 0:
        return None
    return given or (DAY if kind_of(spec) == "oci" else HOUR)


def patience_of(spec: dict[str, Any], kind: Kind) -> tuple[float, float, int]:
    """The shortest and longest wait after a failure, and how many of them there are."""
    shortest, longest, tries = (1.0, 5.0, 5) if kind == "oci" else (300.0, 1200.0, 3)
    given = spec.get("exponentialBackOffValues") or {}
    return (
        given.get("minWait") or shortest,
        given.get("maxWait") or longest,
        given.get("maxRetries") or tries,
    )


def set_condition(status: Status, clock: Clock, sort: str, error: str = "") -> None:
    """Write a condition as wrangler does: True without words, or False with reason Error."""
    conditions = [one for one in status.get("conditions", []) if one["type"] != sort]
    written = {"type": sort, "status": "False" if error else "True", "lastUpdateTime": clock.stamp()}
    if error:
        written |= {"reason": "Error", "message": error}
    status["conditions"] = [*conditions, written]


def drop_condition(status: Status, sort: str) -> None:
    """Remove a condition."""
    if "conditions" in status:
        status["conditions"] = [one for one in status["conditions"] if one["type"] != sort]


def condition(repo: Object, sort: str) -> dict[str, Any] | None:
    """A condition of an object."""
    conditions = repo.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == sort), None)


def duration(seconds: float) -> str:
    """Whole seconds as Go writes a duration."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
