"""What was seen of a cluster, as values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.export.manifest import DOMAIN, LABELS, Body
from app.core.export.versions import KubeVersion
from app.core.exposure.definition import Definition
from app.core.guard import Guard

_MANAGED_BY = "app.kubernetes.io/managed-by"


class Side(StrEnum):
    """The two kinds of webhook."""

    MUTATING = "MutatingWebhookConfiguration"
    VALIDATING = "ValidatingWebhookConfiguration"


_PATHS = {Side.MUTATING: "mutate", Side.VALIDATING: "validate"}


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at.

    Attributes:
        why: what stood in the way, a sentence without its full stop.
        right: how to see whether one has the right that is missing, where it is a right.
    """

    why: str
    right: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API server finds a webhook: a Service's host is the name that its certificate has to have."""

    host: str
    port: int
    service: tuple[str, str] | None = None
    """Namespace and name."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a live configuration.

    Attributes:
        side: which kind of configuration it is in.
        configuration: the name of that.
        labelled: whether the configuration has our label.
        body: as the API server has it.
        address: where it is called; ``None`` where the configuration says nothing that can be understood.
    """

    side: Side
    configuration: str
    labelled: bool
    body: Body = field(repr=False)
    address: Address | None = None

    @property
    def name(self) -> str:
        """The webhook's own name."""
        return str(self.body.get("name", ""))

    @property
    def ours(self) -> bool:
        """Whether status-guard made it: by the label, or by how ``export webhook`` names webhooks."""
        return self.labelled or bool(self.guard)

    @property
    def guard(self) -> str:
        """The guard that it stands for; empty where its name does not say."""
        end = f".{_PATHS[self.side]}.{DOMAIN}"
        return self.name.removesuffix(end) if self.name.endswith(end) else ""

    @property
    def bundle(self) -> str:
        """The CAs it is trusted by: base64 of PEM, empty where there are none."""
        return str((self.body.get("clientConfig") or {}).get("caBundle") or "")

    @property
    def fails_closed(self) -> bool:
        """Whether a write is refused when it cannot be called."""
        return bool(self.body.get("failurePolicy", "Fail") != "Ignore")

    @property
    def conditions(self) -> int:
        """How many matchConditions the API server has kept."""
        return len(self.body.get("matchConditions") or ())

    def sees(self, guard: Guard) -> bool:
        """Whether it is called for the updates that a guard looks after, by way of whichever version."""
        target = guard.target
        resources = {f"{target.resource}/status", "*/status", f"{target.resource}/*"}
        if not target.status_subresource:
            resources = {target.resource, "*"}
        return any(
            {target.group, "*"} & set(rule.get("apiGroups") or ())
            and {*resources, "*/*"} & set(rule.get("resources") or ())
            and {"UPDATE", "*"} & set(rule.get("operations") or ())
            for rule in self.body.get("rules") or ()
        )


def labelled(body: Body) -> bool:
    """Whether an object has our label."""
    found = body.get("metadata", {}).get("labels") or {}
    return bool(found.get(_MANAGED_BY) == LABELS[_MANAGED_BY])


class Reach(StrEnum):
    """What became of connecting to an address."""

    REACHED = "reached"
    UNRESOLVED = "unresolved"  # the name means nothing here, as a Service's does outside of the cluster
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Served:
    """What a TLS connection to a webhook showed.

    Attributes:
        reach: what became of connecting.
        by: the address that was really connected to.
        said: the error, in its own words; empty without one.
        refused: why a client with this bundle refuses the certificate; empty where it accepts it.
        begins: the certificate's notBefore.
        ends: its notAfter.
        trusted_until: when the last CA of the bundle ends; ``None`` where it holds none.
    """

    reach: Reach
    by: str
    said: str = ""
    refused: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    trusted_until: datetime | None = None


class Outcome(StrEnum):
    """What came of a dry-run loss."""

    RESTORED = "restored"
    LOST = "lost"
    WARNED = "warned"  # lost, and we warned
    DENIED = "denied"  # by us
    UNCALLED = "uncalled"  # the API server could not call a webhook of ours
    OTHERS = "others"  # somebody else refused the write
    NO_IMPERSONATION = "no-impersonation"
    NO_RIGHT = "no-right"  # the impersonated user may not write this kind
    EXEMPT = "exempt"  # the user is a listed writer
    NO_OBJECT = "no-object"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Trial:
    """A write that would lose status, tried in a dry run.

    Attributes:
        guard: whose kind.
        outcome: what came of it.
        object: namespace and name.
        user: who was impersonated; empty for nobody.
        said: what the API server said, where it refused.
    """

    guard: str
    outcome: Outcome
    object: str = ""
    user: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The keeper's Lease.

    Attributes:
        holder: who leads; empty for nobody.
        renewed: when it was renewed last, by the holder's own clock.
        seconds: how long it lasts after that.
        moved: whether it was renewed while it was looked at, which no clock can gainsay.
    """

    holder: str
    renewed: datetime | None
    seconds: int
    moved: bool = False

    def stale(self, now: datetime) -> bool:
        """Whether it has run out, as far as two clocks can tell."""
        if self.moved:
            return False
        return self.renewed is None or now - self.renewed > timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Commands:
    """How the commands that mend things begin, with the options that this one was given.

    Attributes:
        kubectl: with ``--context`` and ``--kubeconfig``, where given.
        export: ``status-guard export webhook`` with its rules.
        ensure: ``status-guard certs ensure``.
        doctor: this command.
        namespace: of status-guard.
    """

    kubectl: str = "kubectl"
    export: str = "status-guard export webhook --rules DIR"
    ensure: str = "status-guard certs ensure"
    doctor: str = "status-guard doctor"
    namespace: str = "status-guard"


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen.

    Attributes:
        now: the API server's clock.
        version: its release.
        guards: by the rules, or, without rules, as the live webhooks tell.
        ruled: whether they are by the rules.
        webhooks: of everybody's configurations.
        definitions: of guarded kinds, by ``plural.group``; ``None`` for one that is not there.
        served: what each address of ours shows to who trusts a bundle.
        trials: dry-run losses, one a guard.
        lease: the keeper's; ``None`` where there is none.
        native: resources of admissionregistration.k8s.io/v1 that are served.
        places: where each guard's document is, by name.
        commands: how commands begin.
    """

    now: datetime
    version: KubeVersion
    guards: tuple[Guard, ...]
    ruled: bool
    webhooks: tuple[Webhook, ...] | Unseen
    definitions: Mapping[str, Definition | Unseen | None] = field(default_factory=dict)
    served: Mapping[tuple[Address, str], Served] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    lease: Lease | Unseen | None = None
    native: frozenset[str] | Unseen = frozenset()
    places: Mapping[str, str] = field(default_factory=dict)
    commands: Commands = Commands()

    @property
    def ours(self) -> tuple[Webhook, ...]:
        """Our webhooks; none where the configurations could not be read."""
        return () if isinstance(self.webhooks, Unseen) else tuple(one for one in self.webhooks if one.ours)

    @property
    def register(self) -> str:
        """The command that registers every guard again."""
        address = next((one.address for one in self.ours if one.address), None)
        where = f"--service {self.commands.namespace}/status-guard"
        if address and address.service:
            where = f"--service {'/'.join(address.service)}"
        elif address:
            where = f"--url https://{address} --ca CA_FILE"
        apply = f"{self.commands.kubectl} apply --server-side --force-conflicts -f -"
        return f"{self.commands.export} --kube-version {self.version} {where} | {apply}"


def expected(guard: Guard, seen: Iterable[Webhook]) -> tuple[Webhook, ...]:
    """The webhooks of ours that stand for a guard."""
    return tuple(one for one in seen if one.guard == guard.name or (not one.guard and one.sees(guard)))
