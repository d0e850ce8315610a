"""Which files make a set, and what is known of the set."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.rules import RulesError, load


def names(guards: object) -> list[str]:
    """The names of a set's guards, in order."""
    return sorted(guard.name for guard in guards)  # type: ignore[attr-defined]


def test_a_directory_stands_for_every_rule_file_below_it(
    tmp_path: Path, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """Files are found at any depth by their ending; hidden names, kustomizations and other files are left alone."""
    for name in ("a.yaml", "b.yml", "c.json", "sub/d.yaml"):
        write(name, minimal(Path(name).stem))
    for name in (".hidden.yaml", ".git/x.yaml", "kustomization.yaml", "sub/kustomization.yml", "README.md"):
        write(name, "not: [a rule")
    rules = load([tmp_path])
    assert names(rules.guards) == ["a", "b", "c", "d"]
    assert [file.name for file in rules.files] == ["a.yaml", "b.yml", "c.json", "d.yaml"]
    assert rules.count == 4


def test_a_file_named_outright_is_read_whatever_its_ending(
    write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """The ending only matters in directories."""
    assert load([write("rules.txt", minimal())]).count == 1


def test_a_file_given_twice_is_read_once(
    tmp_path: Path, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """A file within a directory that is given too makes no second guard."""
    file = write("sub/a.yaml", minimal())
    assert load([file, tmp_path, tmp_path / "sub" / ".." / "sub" / "a.yaml"]).count == 1


def test_documents_of_one_file_are_separate_guards(write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """A file may hold several documents, empty ones between them, and each guard knows its line."""
    rules = load([write("a.yaml", f"# first\n{minimal('a')}---\n---\n# second\n---\n{minimal('b')}")])
    assert [rules.places[name].line for name in ("a", "b")] == [2, 11]


def test_versions_apart_may_have_a_guard_each(write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """Two guards of one resource are no mistake as long as no request can match both."""
    v1, v2 = (minimal(name).replace("resource: " + name, f"resource: a, versions: [{name}]") for name in ("v1", "v2"))
    assert load([write("a.yaml", f"{v1}---\n{v2}")]).count == 2


def test_the_digest_is_that_of_the_contents(write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """The digest changes with the contents and with nothing else."""
    file = write("a.yaml", minimal())
    first = load([file]).digest
    os.utime(file, (1, 1))
    assert load([file]).digest == first
    write("a.yaml", minimal() + "# more\n")
    assert load([file]).digest != first


@pytest.mark.parametrize("paths", [[], ["."]])
def test_no_rule_file_at_all_is_a_mistake(tmp_path: Path, paths: list[str]) -> None:
    """A guard without rules guards nothing, so an empty set is refused and not served."""
    with pytest.raises(RulesError, match="there is no rule file"):
        load([tmp_path / path for path in paths])


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """A path that does not exist is named with the system's reason."""
    with pytest.raises(RulesError, match=r"absent:1: cannot be read: no such file or directory"):
        load([tmp_path / "absent"])


def test_a_pipe_is_a_mistake_and_does_not_block(tmp_path: Path) -> None:
    """A pipe nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(RulesError, match="is no regular file"):
        load([tmp_path])


def test_a_link_to_nowhere_is_a_mistake(tmp_path: Path) -> None:
    """A dangling link among the rules is named, not passed over."""
    (tmp_path / "a.yaml").symlink_to("gone")
    with pytest.raises(RulesError, match=r"a\.yaml:1: cannot be read"):
        load([tmp_path])


def test_a_circle_of_links_ends(tmp_path: Path, write: Callable[..., Path], minimal: Callable[..., str]) -> None:
    """A directory that links back to one above it is walked once."""
    write("sub/a.yaml", minimal())
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    assert load([tmp_path]).count == 1


@pytest.fixture
def closed() -> Iterator[Path]:
    """A directory to close things in, and a process that is not root for as long as the test lasts."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        (path / "folder" / "below").mkdir(parents=True)
        (path / "folder" / "a.yaml").touch()
        (path / "folder" / "a.yaml").chmod(0)
        if user == 0:
            os.seteuid(65534)
        yield path
        os.seteuid(user)


def test_a_file_without_permission_is_a_mistake(closed: Path) -> None:
    """A file that may not be read is named with the system's reason."""
    with pytest.raises(RulesError, match=r"a\.yaml:1: cannot be read: permission denied"):
        load([closed])


@pytest.mark.parametrize(
    ("mode", "path", "expected"),
    [
        (0o300, "folder", r"folder:1: cannot be listed: permission denied"),
        (0o600, "folder/below", r"below:1: cannot be read: permission denied"),
    ],
)
def test_a_folder_without_permission_is_a_mistake(closed: Path, mode: int, path: str, expected: str) -> None:
    """A folder that may not be listed, or that lies in one that may not be searched, is named with the reason."""
    me = os.geteuid()
    os.seteuid(os.getuid())
    os.chown(closed / "folder", me, -1)
    (closed / "folder").chmod(mode)
    os.seteuid(me)
    with pytest.raises(RulesError, match=expected):
        load([closed / path])
