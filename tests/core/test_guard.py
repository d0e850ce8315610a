"""Guards and how they are found."""

import pytest

from app.core.guard import Guard, Guards, Protect, ProtectedList, Target


def target(group: str = "g.io", *versions: str, resource: str = "things", subresource: bool = False) -> Target:
    """A target; without versions, one for all."""
    return Target(group, frozenset(versions or ("*",)), resource, subresource)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (target("g.io", "v1"), True),
        (target("g.io", "v2", "v1"), True),
        (target("g.io"), True),
        (target("g.io", "v2"), False),
        (target("h.io", "v1"), False),
        (target("g.io", "v1", resource="others"), False),
        (target("g.io", "v1", subresource=True), False),
    ],
)
def test_overlap(other: Target, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Two targets overlap where one request could match both."""
    one = target("g.io", "v1")
    assert one.overlaps(other) is expected
    assert other.overlaps(one) is expected


def test_find() -> None:
    """A guard is found by group, version, resource and subresource, and by nothing less."""
    first, second = Guard("first", target("g.io", "v1")), Guard("second", target("g.io", "v2"))
    status = Guard("status", target(subresource=True))
    guards = Guards([first, second, status])
    assert guards.find("g.io", "v1", "things", "") is first
    assert guards.find("g.io", "v2", "things", "") is second
    assert guards.find("g.io", "v9", "things", "status") is status
    assert guards.find("g.io", "v3", "things", "") is None
    assert guards.find("g.io", "v1", "others", "") is None
    assert guards.find("h.io", "v1", "things", "") is None
    assert guards.find("g.io", "v1", "things", "scale") is None


def test_all_of_them() -> None:
    """The guards of a set can be counted and gone through."""
    guards = Guards([Guard("first", target("g.io", "v1")), Guard("second", target("g.io", "v2"))])
    assert len(guards) == 2
    assert [guard.name for guard in guards] == ["first", "second"]
    assert len(Guards()) == 0


def test_parts_of_status() -> None:
    """Fields, maps and lists are parts of the status; labels, finalizers and owners are not."""
    assert Protect(fields=(("a",),)).parts_of_status
    assert Protect(maps=(("a",),)).parts_of_status
    assert Protect(lists=(ProtectedList(("a",), "k"),)).parts_of_status
    assert not Protect(labels=("a",), finalizers=("b",), owner_references=True).parts_of_status
