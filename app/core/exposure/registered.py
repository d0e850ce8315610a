"""Whether the webhook configurations of a cluster are what the rules say, one guard at a time.

``app.core.registration`` decides what to write; this says what is different, for people who may only look.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.core.export import webhook
from app.core.export.manifest import DOMAIN, Body, Endpoint
from app.core.export.versions import ExportError, KubeVersion
from app.core.guard import Guard

_SOMEWHERE: Final = Endpoint(url="https://status-guard.invalid")
"""Where the webhook is, the rules do not say, so it is not compared."""

_DEFAULTS: Final[Mapping[str, Any]] = {
    "namespaceSelector": {},
    "objectSelector": {},
    "matchPolicy": "Equivalent",
    "failurePolicy": "Fail",
    "matchConditions": [],
    "reinvocationPolicy": "Never",
    "timeoutSeconds": 10,
}
"""What the API server fills in where a webhook says nothing (k8s.io/kubernetes, admissionregistration defaults)."""

_CONSEQUENCES: Final[Mapping[str, str]] = {
    "rules": "it is called for other kinds or operations",
    "matchConditions": "it is called for other writes",
    "failurePolicy": "it fails the other way while the webhook is down",
    "matchPolicy": "writes by way of other versions may pass it by",
    "namespaceSelector": "writes in some namespaces pass it by",
    "objectSelector": "writes to some objects pass it by",
    "reinvocationPolicy": "what other webhooks remove after it is not put back",
    "timeoutSeconds": "a write waits another time for a webhook that hangs",
}
"""What is compared, and what it means where it differs."""

_PATHS: Final = {"MutatingWebhookConfiguration": "mutate", "ValidatingWebhookConfiguration": "validate"}


class Live(StrEnum):
    """How a guard stands in the cluster."""

    IN_STEP = "in-step"
    DIFFERS = "differs"
    MISSING = "missing"
    """None of its webhooks is there, nor a policy."""
    PRESENT = "present"
    """It is there; no rules were given to compare it with."""
    UNKNOWN = "unknown"
    """The configurations could not be read."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One guard's registration; the differences, a sentence each."""

    live: Live
    differences: tuple[str, ...] = ()

    def beside(self, policies: "Registered | None") -> "Registered":
        """This of webhooks, and the same of policies: either form is enough, and neither may differ."""
        if policies is None:
            return self
        if self.live is Live.MISSING:
            return policies
        differences = self.differences + policies.differences
        return Registered(Live.DIFFERS if differences else self.live, differences)


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a live configuration.

    Attributes:
        configuration: kind of the configuration it is in.
        body: as the API server has it.
    """

    configuration: str
    body: Body

    @property
    def name(self) -> str:
        """The webhook's name."""
        return str(self.body.get("name", ""))

    @property
    def guard(self) -> str:
        """The name of the guard that it was rendered from, empty where it is none of ours."""
        end = f".{_PATHS.get(self.configuration, '')}.{DOMAIN}"
        return self.name.removesuffix(end) if self.name.endswith(end) else ""

    def sees(self, group: str, resource: str, versions: Iterable[str]) -> bool:
        """Whether it is called for updates of a resource (or subresource, as ``upgrades/status``)."""
        return is_called(self.body.get("rules") or (), group, resource, versions)


def is_called(rules: Iterable[Body], group: str, resource: str, versions: Iterable[str]) -> bool:
    """Whether what has these rules, a webhook or a policy, is asked about updates of a resource or subresource."""
    served = {*versions, "*"}
    plural, _, subresource = resource.partition("/")
    names = {resource, "*/*", *([f"{plural}/*", f"*/{subresource}"] if subresource else ["*"])}
    return any(
        {group, "*"} & set(rule.get("apiGroups", ()))
        and served & set(rule.get("apiVersions", ()))
        and names & set(rule.get("resources", ()))
        and {"UPDATE", "*"} & set(rule.get("operations", ()))
        for rule in rules
    )


def hooks(configurations: Iterable[Body]) -> tuple[Hook, ...]:
    """Every webhook of these configurations."""
    return tuple(Hook(body["kind"], one) for body in configurations for one in body.get("webhooks") or ())


def compare(
    guards: Iterable[Guard], live: Sequence[Hook], version: KubeVersion
) -> tuple[dict[str, Registered], tuple[str, ...]]:
    """How each guard stands, by its name; and the webhooks that no rule asks for."""
    has = {(hook.configuration, hook.name): hook.body for hook in live}
    found, wanted = {}, set()
    for guard in guards:
        try:
            manifests = webhook.export([guard], version, _SOMEWHERE).manifests
        except ExportError as error:
            found[guard.name] = Registered(Live.MISSING, (str(error),))
            continue
        rendered = hooks(one.body for one in manifests)
        wanted |= {(hook.configuration, hook.name) for hook in rendered}
        found[guard.name] = _compare(rendered, has)
    return found, tuple(f"{kind} webhook {name}" for kind, name in has if (kind, name) not in wanted)


def _compare(rendered: Sequence[Hook], has: Mapping[tuple[str, str], Body]) -> Registered:
    differences, missing = [], 0
    for hook in rendered:
        present = has.get((hook.configuration, hook.name))
        if present is None:
            missing += 1
            differences.append(f"{hook.configuration} has no webhook {hook.name}: apply what `export webhook` prints")
        else:
            said = _differences(hook.body, present)
            differences += [f"{hook.configuration} webhook {hook.name}: {one}" for one in said]
    if missing == len(rendered):
        return Registered(Live.MISSING)
    return Registered(Live.DIFFERS if differences else Live.IN_STEP, tuple(differences))


def _differences(wanted: Body, present: Body) -> list[str]:
    return [
        f"{key} differ{'' if key.endswith('s') else 's'} from the rules ({_shown(wanted, present, key)}), so {meaning}"
        for key, meaning in _CONSEQUENCES.items()
        if _value(wanted, key) != _value(present, key)
    ]


def _value(body: Body, key: str) -> Any:  # noqa: ANN401 - a JSON value
    found = body.get(key) or _DEFAULTS.get(key)
    if key == "rules":
        return [{"scope": "*"} | one for one in found or ()]
    return found


def _shown(wanted: Body, present: Body, key: str) -> str:
    """A word of each where words will do; conditions are too long to be read in a line."""
    here, there = _value(present, key), _value(wanted, key)
    if key == "matchConditions":
        return "there are none" if not here else "rendered from other rules, for another release, or edited"
    return f"{_words(here)} instead of {_words(there)}"


def _words(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "none"
    if isinstance(value, dict):
        return " ".join(f"{key}={_words(one)}" for key, one in value.items()) or "{}"
    return str(value)
