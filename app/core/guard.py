"""What a StatusGuard document says, as values; app/rules.py makes them, the decision reads them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from msgspec import Raw

from app.core.pointer import Tokens

ALL_VERSIONS = "*"


class Mode(StrEnum):
    """What happens to a write that loses something."""

    AUDIT = "Audit"
    WARN = "Warn"
    RESTORE = "Restore"
    DENY = "Deny"


class WhenSpecAlsoChanges(StrEnum):
    """What happens, in mode Restore, to a lossy write that changes ``spec`` as well."""

    RESTORE = "Restore"
    DENY = "Deny"


class OnLoss(StrEnum):
    """What the keeper does about a loss that slipped past admission."""

    REPORT = "Report"
    REPAIR = "Repair"


@dataclass(frozen=True, slots=True)
class Target:
    """The kind a guard looks after: ``<resource>``, or ``<resource>/status`` where the CRD has that subresource."""

    group: str
    versions: frozenset[str]
    resource: str
    status_subresource: bool

    def covers(self, version: str) -> bool:
        """Whether this API version is guarded."""
        return ALL_VERSIONS in self.versions or version in self.versions

    def overlaps(self, other: "Target") -> bool:
        """Whether one request could match both."""
        same = (self.group, self.resource, self.status_subresource) == (
            other.group,
            other.resource,
            other.status_subresource,
        )
        either_all = ALL_VERSIONS in self.versions or ALL_VERSIONS in other.versions
        return same and (either_all or bool(self.versions & other.versions))


@dataclass(frozen=True, slots=True)
class Writers:
    """Who may shrink status: the controllers that own it. Rights in the cluster exempt nobody."""

    usernames: frozenset[str] = frozenset()
    """Service accounts stand here by their user name, ``system:serviceaccount:NAMESPACE:NAME``."""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProtectedList:
    """A list whose items are known by the value of one key."""

    path: Tokens
    key: str


@dataclass(frozen=True, slots=True)
class Protect:
    """What is protected beside the status as a whole."""

    fields: tuple[Tokens, ...] = ()
    maps: tuple[Tokens, ...] = ()
    lists: tuple[ProtectedList, ...] = ()
    labels: tuple[str, ...] = ()
    finalizers: tuple[str, ...] = ()
    owner_references: bool = False

    @property
    def parts_of_status(self) -> bool:
        """Whether anything below ``/status`` is named; if not, only a whole-status loss counts there."""
        return bool(self.fields or self.maps or self.lists)


@dataclass(frozen=True, slots=True)
class Final:
    """When an object counts as finished, and what then has to stay as it is."""

    when_labels: Mapping[str, frozenset[str]]
    keep_labels: tuple[str, ...] = ()
    keep_conditions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class KeeperRules:
    """How the keeper treats this kind. Paths here are patterns: ``*`` for any token, ``key=value`` for a list item."""

    revisions: int = 10
    ignore: tuple[Tokens, ...] = ()
    min_interval: timedelta = timedelta(seconds=30)
    never_removed: tuple[Tokens, ...] = ()
    on_loss: OnLoss = OnLoss.REPORT


@dataclass(frozen=True, slots=True)
class Guard:
    """One StatusGuard document."""

    name: str
    target: Target
    mode: Mode = Mode.RESTORE
    writers: Writers = Writers()
    protect: Protect = Protect()
    empty_status: tuple[Raw, ...] = ()
    final: tuple[Final, ...] = ()
    when_spec_also_changes: WhenSpecAlsoChanges = WhenSpecAlsoChanges.RESTORE
    override_max_duration: timedelta | None = None
    keeper: KeeperRules = KeeperRules()


class Guards:
    """All guards of one rule set, found by target in constant time however many there are."""

    def __init__(self, guards: Iterable[Guard] = ()) -> None:
        self._by_target: dict[tuple[str, str, bool], tuple[Guard, ...]] = {}
        for guard in guards:
            key = (guard.target.group, guard.target.resource, guard.target.status_subresource)
            self._by_target[key] = (*self._by_target.get(key, ()), guard)

    def __iter__(self) -> Iterator[Guard]:
        return (guard for guards in self._by_target.values() for guard in guards)

    def __len__(self) -> int:
        return sum(map(len, self._by_target.values()))

    def find(self, group: str, version: str, resource: str, subresource: str) -> Guard | None:
        """The guard for a request's group, version, resource and subresource, if there is one."""
        if subresource not in {"", "status"}:
            return None
        for guard in self._by_target.get((group, resource, subresource == "status"), ()):
            if guard.target.covers(version):
                return guard
        return None
