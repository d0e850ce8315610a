"""A rule source takes a new set whole or not at all, and says once what is wrong with a bad one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.rules import Outcome, RulesError, RuleSource


@pytest.fixture
def source(tmp_path: Path, write: Callable[..., Path], minimal: Callable[..., str]) -> RuleSource:
    """A source with two good files."""
    write("a.yaml", minimal("a"))
    write("b.yaml", minimal("b"))
    return RuleSource([tmp_path])


def names(source: RuleSource) -> list[str]:
    """The guards in force."""
    return sorted(guard.name for guard in source.current.guards)


def test_it_begins_with_the_first_generation(source: RuleSource) -> None:
    """A new source has a set, generation 1 and no complaint."""
    assert (names(source), source.generation, source.failures, source.last_error) == (["a", "b"], 1, 0, None)


def test_it_does_not_begin_without_a_good_set(tmp_path: Path, write: Callable[..., Path]) -> None:
    """There is nothing to fall back to at the start, so a bad set raises."""
    write("a.yaml", "kind: x")
    with pytest.raises(RulesError):
        RuleSource([tmp_path])


def test_the_same_contents_are_no_change(
    source: RuleSource, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """Files written anew with the same bytes change nothing."""
    before = source.current
    write("a.yaml", minimal("a"))
    assert source.reload_if_changed().outcome is Outcome.UNCHANGED
    assert source.current is before
    assert source.generation == 1


def test_new_contents_are_taken(source: RuleSource, write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """A good new set is in force after one look."""
    write("c.yaml", minimal("c"))
    assert source.reload_if_changed().outcome is Outcome.ACCEPTED
    assert (names(source), source.generation) == (["a", "b", "c"], 2)


def test_a_bad_file_keeps_the_whole_old_set(
    source: RuleSource, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """One bad file refuses the good changes beside it too, and the old set stays."""
    write("a.yaml", minimal("renamed", resource="a"))
    write("b.yaml", "kind: [")
    reload = source.reload_if_changed()
    assert reload.outcome is Outcome.REFUSED
    assert reload.error is source.last_error
    assert "b.yaml" in str(reload.error)
    assert (names(source), source.generation, source.failures) == (["a", "b"], 1, 1)


def test_the_same_bad_set_is_reported_once(source: RuleSource, write: Callable[..., Path]) -> None:
    """A second look at the same bad set is no news, but the complaint stays; other bad contents are news."""
    write("b.yaml", "kind: [")
    source.reload_if_changed()
    assert source.reload_if_changed().outcome is Outcome.UNCHANGED
    assert source.failures == 1
    assert source.last_error is not None
    write("b.yaml", "kind: {")
    assert source.reload_if_changed().outcome is Outcome.REFUSED
    assert source.failures == 2


def test_going_back_to_the_good_set_clears_the_complaint(
    source: RuleSource, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """When the files are again what is in force, there is no complaint and no new generation; bad again is news."""
    write("b.yaml", "kind: [")
    source.reload_if_changed()
    write("b.yaml", minimal("b"))
    assert source.reload_if_changed().outcome is Outcome.UNCHANGED
    assert (source.last_error, source.generation) == (None, 1)
    write("b.yaml", "kind: [")
    assert source.reload_if_changed().outcome is Outcome.REFUSED


def test_a_repaired_set_clears_the_complaint(
    source: RuleSource, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """A good set after a bad one is taken and clears the complaint; the count of failures stays."""
    write("b.yaml", "kind: [")
    source.reload_if_changed()
    write("b.yaml", minimal("b2"))
    assert source.reload_if_changed().outcome is Outcome.ACCEPTED
    assert (source.last_error, source.generation, source.failures) == (None, 2, 1)


def test_files_that_go_away_leave_the_rules_in_force(source: RuleSource, tmp_path: Path) -> None:
    """An unmounted or emptied directory disarms nothing."""
    for file in tmp_path.iterdir():
        file.unlink()
    assert source.reload_if_changed().outcome is Outcome.REFUSED
    assert names(source) == ["a", "b"]
