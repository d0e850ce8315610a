"""Whether the admission policies of a cluster are what the rules say: the forms of a guard that need no webhook.

A form that is not there at all is not missed: a guard is registered in the forms that its operator has chosen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from app.core.export import map as mutating
from app.core.export import vap
from app.core.export.manifest import DOMAIN, Body
from app.core.export.versions import ExportError, KubeVersion
from app.core.exposure.registered import Live, Registered, is_called
from app.core.guard import Guard

KINDS: Final[Mapping[str, str]] = {
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
"""Each with the resource that it is listed as."""
_BINDING: Final = "Binding"
_ENDS: Final = (f".mutate.{DOMAIN}", f".validate.{DOMAIN}")

_SELECTS: Final[Body] = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
"""What the API server fills in where a policy says nothing (k8s.io/kubernetes, admissionregistration defaults)."""

_CONSEQUENCES: Final[Mapping[str, str]] = {
    "matchConstraints": "it is asked about other writes",
    "matchConditions": "it is asked about other writes",
    "failurePolicy": "writes fare the other way where it cannot decide",
    "reinvocationPolicy": "what others remove after it is not put back",
    "validationActions": "what it finds is refused, told or recorded otherwise",
    "policyName": "another policy is in force",
}
_OTHERWISE: Final = "it decides otherwise"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy or binding.

    Attributes:
        kind: one of ``KINDS``.
        body: as the API server has it.
    """

    kind: str
    body: Body

    @property
    def name(self) -> str:
        """Its name; a policy's binding has the same."""
        return str(self.body["metadata"]["name"])

    @property
    def guard(self) -> str:
        """The name of the guard that it was rendered from."""
        return self.name.removesuffix(next((end for end in _ENDS if self.name.endswith(end)), ""))

    @property
    def spec(self) -> Body:
        """What it does, with what the API server fills in."""
        spec = dict(self.body.get("spec") or {})
        if constraints := spec.get("matchConstraints"):
            rules = [{"scope": "*"} | rule for rule in constraints.get("resourceRules") or ()]
            spec["matchConstraints"] = _SELECTS | constraints | {"resourceRules": rules}
        return {key: value for key, value in spec.items() if value not in (None, [], {})}


def guarding(live: Sequence[Policy], group: str, resource: str, versions: Iterable[str]) -> tuple[str, ...]:
    """The guards whose policies are asked about updates of a resource (or subresource, as ``upgrades/status``)."""
    served = tuple(versions)
    bound = {(one.kind, one.spec.get("policyName")) for one in live if one.kind.endswith(_BINDING)}
    asked = (
        one
        for one in live
        if (one.kind + _BINDING, one.name) in bound
        and is_called(one.spec.get("matchConstraints", {}).get("resourceRules", ()), group, resource, served)
    )
    return tuple(dict.fromkeys(one.guard for one in asked))


def compare(
    guards: Iterable[Guard], live: Sequence[Policy], version: KubeVersion
) -> tuple[dict[str, Registered], tuple[str, ...]]:
    """How each guard stands that has a policy, by its name; and policies and bindings that no rule asks for."""
    has = {(one.kind, one.name): one for one in live}
    found: dict[str, Registered] = {}
    wanted: set[tuple[str, str]] = set()
    for guard in guards:
        forms = list(_forms(guard, version))
        wanted |= {(one.kind, one.name) for one in chain(*forms)}
        chosen = [form for form in forms if any((one.kind, one.name) in has for one in form)]
        if chosen:
            rendered = chain(*chosen)
            differences = tuple(said for one in rendered for said in _compared(one, has.get((one.kind, one.name))))
            found[guard.name] = Registered(Live.DIFFERS if differences else Live.IN_STEP, differences)
    return found, tuple(f"{kind} {name}" for kind, name in has if (kind, name) not in wanted)


def _forms(guard: Guard, version: KubeVersion) -> Iterator[list[Policy]]:
    for form in (mutating, vap):
        try:
            manifests = form.export([guard], version).manifests
        except ExportError:
            continue  # this guard has no such form: what there is of it nobody asks for
        yield [Policy(one.body["kind"], one.body) for one in manifests]


def _compared(wanted: Policy, present: Policy | None) -> list[str]:
    if present is None:
        which = "map" if wanted.kind.startswith("Mutating") else "vap"
        return [f"there is no {wanted.kind} {wanted.name}, so it does nothing: apply what `export {which}` prints"]
    there, here = wanted.spec, present.spec
    return [
        f"{wanted.kind} {wanted.name}: {key} {'differ' if key.endswith('s') else 'differs'} from the rules"
        f"{_shown(here.get(key), there.get(key))}, so {_CONSEQUENCES.get(key, _OTHERWISE)}"
        for key in sorted(there.keys() | here.keys())
        if there.get(key) != here.get(key)
    ]


def _shown(here: Any, there: Any) -> str:  # noqa: ANN401 - JSON values
    """A word of each where words will do; expressions are too long to be read in a line."""
    return f" ({here} instead of {there})" if isinstance(here, str) and isinstance(there, str) else ""
