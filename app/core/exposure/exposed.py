"""Whether a kind's status can be lost by a write to something else, and who looks after it.

With a status subresource, the API server ignores what a write to the object says of status. Without one, a client that
writes the object back without its status has removed it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.core.exposure.definition import PRESERVES, Definition, Schema, Version
from app.core.guard import Guard

STATUS: Final = "status"


class Exposure(StrEnum):
    """What one served version lets clients do."""

    EXPOSED = "exposed"
    SAFE = "safe"
    NONE = "no-status"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that has a status.

    Attributes:
        definition: where it comes from.
        versions: of each served version, by name, its exposure.
    """

    definition: Definition
    versions: Mapping[str, Exposure]

    @property
    def exposure(self) -> Exposure:
        """Exposed if any served version is: a client chooses which it uses."""
        found = set(self.versions.values())
        return Exposure.EXPOSED if Exposure.EXPOSED in found else Exposure.SAFE

    @property
    def version(self) -> Version:
        """The version to read objects in: of those with this exposure the one that is stored, else the first."""
        fitting = [one for one in self.definition.served if self.versions[one.name] is self.exposure]
        return next((one for one in fitting if one.storage), fitting[0])


@dataclass(frozen=True, slots=True)
class Guarding:
    """Which guards look after a kind.

    Attributes:
        guards: those that see the writes which can lose its status.
        remarks: what is wrong with guards that mean the kind but do not see them, a sentence each.
    """

    guards: tuple[Guard, ...] = ()
    remarks: tuple[str, ...] = ()


def kind(definition: Definition) -> Kind | None:
    """The kind, or nothing where no served version has a status."""
    versions = {one.name: exposure(one, definition) for one in definition.served}
    return Kind(definition, versions) if set(versions.values()) - {Exposure.NONE} else None


def exposure(version: Version, definition: Definition) -> Exposure:
    """What a version lets clients do."""
    if version.subresources is not None and version.subresources.status is not None:
        return Exposure.SAFE
    anything = definition.spec.preserve_unknown_fields or version.root.get(PRESERVES) is True
    known = STATUS in (version.root.get("properties") or {})
    return Exposure.EXPOSED if known or anything else Exposure.NONE


def why(version: Version) -> str:
    """Why an exposed version is one, in words that follow its name."""
    if STATUS in (version.root.get("properties") or {}):
        return "has a status and no status subresource"
    return "takes any field, status too, and has no status subresource"


def required(version: Version) -> bool:
    """Whether a write without status is refused by the schema, so that it cannot be lost as a whole but to ``{}``."""
    return STATUS in (version.root.get("required") or ())


def guarding(found: Kind, guards: Iterable[Guard]) -> Guarding:
    """Which of the guards look after a kind.

    A guard of any served version sees writes by way of every other: the webhooks match equivalent requests.
    """
    spec, seeing, remarks = found.definition.spec, [], []
    served = [one.name for one in found.definition.served]
    for guard in guards:
        target = guard.target
        if (target.group, target.resource) != (spec.group, spec.names.plural):
            continue
        if not any(map(target.covers, served)):
            remarks.append(
                f"guard {guard.name} names versions {', '.join(sorted(target.versions))}, of which none is served"
                f" (served: {', '.join(served)}); write versions: ['*']"
            )
        elif target.status_subresource is (found.exposure is Exposure.SAFE):
            seeing.append(guard)
        elif Exposure.SAFE not in found.versions.values() or found.exposure is Exposure.SAFE:
            remarks.append(_wrong_side(guard))
    return Guarding(tuple(seeing), tuple(remarks))


def _wrong_side(guard: Guard) -> str:
    if guard.target.status_subresource:
        return (
            f"guard {guard.name} says statusSubresource: true, but there is none to write to, so it never sees a write;"
            " write statusSubresource: false"
        )
    return (
        f"guard {guard.name} says statusSubresource: false, but every served version has one: writes to the object"
        " cannot lose its status, and those to /status the guard does not see; write statusSubresource: true"
    )


def empty_statuses(status: Schema) -> tuple[dict[str, Any], ...]:
    """What the schema's defaults make of a status that a client left out, or sent as ``{}``; ``{}`` itself left out.

    The API server fills in a default where a field is absent, then the defaults below it
    (k8s.io/apiextensions-apiserver, schema/defaulting).
    """
    found = [_filled({}, status)]
    if isinstance(status.get("default"), dict):
        found.insert(0, _filled(status["default"], status))
    return tuple(one for at, one in enumerate(found) if one and one not in found[:at])


def _filled(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - a JSON value
    if not isinstance(value, dict):
        return value
    below: Mapping[str, Schema] = schema.get("properties") or {}
    whole = {key: one["default"] for key, one in below.items() if "default" in one} | value
    return {key: _filled(one, below.get(key, {})) for key, one in whole.items()}
