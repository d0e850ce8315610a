"""Which kinds can lose their status, and which guards look after them."""

from typing import Any

import pytest
from definitions import ANYTHING, HARVESTER, TEXT, definition, read, version

from app.core.exposure import exposed
from app.core.exposure.exposed import Exposure, Kind
from app.core.guard import Guard, Target

STATUS = {"type": "object", "properties": {"phase": TEXT}}


def kind(*versions: dict[str, Any], **spec: Any) -> Kind:
    """A kind of these versions."""
    found = exposed.kind(read(definition("things", *versions, **spec)))
    assert found
    return found


def guard(*, subresource: bool = False, versions: tuple[str, ...] = ("*",), **target: str) -> Guard:
    """A guard of the kind."""
    named = {"group": "harvesterhci.io", "resource": "things"} | target
    return Guard("g", Target(versions=frozenset(versions), status_subresource=subresource, **named))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upgrades", Exposure.EXPOSED),
        ("settings", Exposure.EXPOSED),
        ("blockdevices", Exposure.EXPOSED),
        ("addons", Exposure.SAFE),
        ("preferences", None),
    ],
)
def test_harvesters_kinds_are_told_apart(name: str, expected: Exposure | None) -> None:
    """A status without a subresource is exposed, with one it is safe, and a kind without a status is no concern."""
    found = exposed.kind(read(HARVESTER[name]))
    assert (found.exposure if found else None) is expected


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (version(root={"x-kubernetes-preserve-unknown-fields": True}), Exposure.EXPOSED),
        (version(root={"x-kubernetes-preserve-unknown-fields": False}), Exposure.NONE),
        (version(root={"x-kubernetes-preserve-unknown-fields": True}, subresource=True), Exposure.SAFE),
        (version(ANYTHING), Exposure.EXPOSED),
        (version(subresources={"scale": {}}), Exposure.NONE),
        (version(STATUS, subresources={"scale": {}}), Exposure.EXPOSED),
        ({"name": "v1", "served": True, "storage": True}, Exposure.NONE),
        (version(root={"properties": None}), Exposure.NONE),
        (version("odd"), Exposure.EXPOSED),
    ],
)
def test_a_version_is_exposed_if_it_takes_a_status_with_the_object(made: dict[str, Any], expected: Exposure) -> None:
    """A status in the schema, or a schema that takes any field; another subresource does not help."""
    found = read(definition("things", made))
    assert exposed.exposure(found.spec.versions[0], found) is expected


def test_a_definition_that_never_drops_fields_is_exposed() -> None:
    """``preserveUnknownFields``, which definitions made before apiextensions.k8s.io/v1 may say, lets status in."""
    assert kind(version(), preserveUnknownFields=True).exposure is Exposure.EXPOSED


def test_a_kind_is_exposed_if_any_served_version_is() -> None:
    """A client chooses its version; objects are read in the exposed one, the stored one of several."""
    safe = version(STATUS, name="v1", subresource=True)
    older = version(STATUS, name="v1alpha1", storage=False)
    gone = version(STATUS, name="v0", served=False, storage=False)
    assert kind(safe, older).exposure is Exposure.EXPOSED
    assert kind(safe, older).version.name == "v1alpha1"
    assert kind(safe, gone).exposure is Exposure.SAFE
    assert kind(older, version(STATUS, name="v1")).version.name == "v1"


def test_whether_a_kind_has_namespaces_is_known() -> None:
    """By its scope; the name is the definition's own."""
    upgrades, settings = read(HARVESTER["upgrades"]), read(HARVESTER["settings"])
    assert (upgrades.namespaced, settings.namespaced) == (True, False)
    assert upgrades.name == "upgrades.harvesterhci.io"


def test_why_a_version_is_exposed_is_said() -> None:
    """The words tell a known status from a schema that takes anything."""
    assert "has a status and no" in exposed.why(kind(version(STATUS)).version)
    assert "takes any field" in exposed.why(kind(version(root=ANYTHING)).version)


def test_a_required_status_is_known() -> None:
    """There a write without status is refused by the schema."""
    assert exposed.required(read(HARVESTER["blockdevices"]).spec.versions[0])
    assert not exposed.required(read(HARVESTER["upgrades"]).spec.versions[0])


def test_a_guard_of_the_kind_looks_after_it() -> None:
    """By group, resource and subresource; one served version is enough, writes by way of others are converted."""
    both = kind(version(STATUS), version(STATUS, name="v1", storage=False))
    right = guard(versions=("v1",))
    others = [guard(group="example.io"), guard(resource="others")]
    assert exposed.guarding(both, [*others, right]).guards == (right,)
    assert exposed.guarding(both, others) == exposed.Guarding()
    on_status = guard(subresource=True)
    assert exposed.guarding(kind(version(STATUS, subresource=True)), [on_status]).guards == (on_status,)


@pytest.mark.parametrize(
    ("found", "wrong", "said"),
    [
        (kind(version(STATUS)), guard(versions=("v2", "v3")), "names versions v2, v3, of which none is served"),
        (kind(version(STATUS)), guard(subresource=True), "write statusSubresource: false"),
        (kind(version(STATUS, subresource=True)), guard(), "write statusSubresource: true"),
    ],
)
def test_a_guard_that_means_the_kind_and_sees_nothing_is_named(found: Kind, wrong: Guard, said: str) -> None:
    """It does not count as a guard, and the remark says what to write."""
    guarding = exposed.guarding(found, [wrong])
    assert guarding.guards == ()
    assert said in guarding.remarks[0]


def test_a_kind_with_both_sorts_of_version_may_have_a_guard_for_each() -> None:
    """The one for the object counts where the kind is exposed, and the one for /status is no mistake."""
    mixed = kind(version(STATUS, name="v1", subresource=True), version(STATUS, name="v2", storage=False))
    whole = guard()
    assert exposed.guarding(mixed, [guard(subresource=True), whole]) == exposed.Guarding((whole,))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ()),
        ({"type": "object", "default": {}}, ()),
        ({"default": {"phase": "New"}}, ({"phase": "New"},)),
        ({"properties": {"phase": {"default": "New"}, "rest": TEXT}}, ({"phase": "New"},)),
        ({"default": {}, "properties": {"phase": {"default": "New"}}}, ({"phase": "New"},)),
        (
            {"default": {"a": 1}, "properties": {"phase": {"default": "New"}}},
            ({"a": 1, "phase": "New"}, {"phase": "New"}),
        ),
        (
            {"properties": {"deep": {"default": {}, "properties": {"x": {"default": [1]}}}}},
            ({"deep": {"x": [1]}},),
        ),
        ({"default": None, "properties": None}, ()),
    ],
)
def test_what_defaults_make_of_no_status_is_worked_out(status: Any, expected: tuple[Any, ...]) -> None:
    """As the API server does it: a default where a field is absent, then the defaults below it; ``{}`` goes unsaid."""
    assert exposed.empty_statuses(status) == expected
