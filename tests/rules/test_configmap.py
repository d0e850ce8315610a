"""A set mounted from a ConfigMap: links into ``..data``, which the kubelet swaps under the reader."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.rules import Outcome, RulesError, RuleSource, files, load

GENERATIONS = ("red", "blue")


class Mount:
    """A directory laid out as the kubelet lays out a ConfigMap."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0

    def publish(self, contents: dict[str, str]) -> None:
        """Write a new set beside the old one, then swap it in by one rename."""
        self._count += 1
        data = self.path / f"..{self._count}"
        for name, text in contents.items():
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_text(text)
        link = self.path / "..data_tmp"
        link.symlink_to(data.name)
        link.rename(self.path / "..data")
        for top in {Path(name).parts[0] for name in contents}:
            visible = self.path / top
            if not visible.is_symlink():
                visible.symlink_to(Path("..data") / top)


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """An empty mount."""
    return Mount(tmp_path)


def test_the_links_are_followed_and_the_machinery_is_not(mount: Mount, minimal: Callable[..., str]) -> None:
    """Files and folders linked into ..data are read, each once."""
    mount.publish({"a.yaml": minimal("a"), "folder/b.yaml": minimal("b")})
    assert load([mount.path]).count == 2


def test_a_swap_is_one_accepted_set(mount: Mount, minimal: Callable[..., str]) -> None:
    """After a swap the next look takes the new set."""
    mount.publish({"a.yaml": minimal("a")})
    source = RuleSource([mount.path])
    mount.publish({"a.yaml": minimal("b")})
    assert source.reload_if_changed().outcome is Outcome.ACCEPTED
    assert [guard.name for guard in source.current.guards] == ["b"]


def test_no_mix_of_two_sets_is_ever_accepted(mount: Mount, minimal: Callable[..., str]) -> None:
    """While sets of twenty files are swapped as fast as they can be, every set in force is of one colour."""
    sets = {
        colour: {f"{n:02}.yaml": minimal(f"{colour}-{n}", resource=f"r{n}") for n in range(20)}
        for colour in GENERATIONS
    }
    mount.publish(sets["red"])
    source = RuleSource([mount.path])
    done = threading.Event()

    def swap() -> None:
        for turn in range(150):
            mount.publish(sets[GENERATIONS[turn % 2]])
        done.set()

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        while not done.is_set():
            source.reload_if_changed()
            colours = {guard.name.partition("-")[0] for guard in source.current.guards}
            assert len(colours) == 1
            assert source.current.count == 20
    finally:
        swapper.join()
    source.reload_if_changed()
    assert source.last_error is None
    assert all(guard.name.startswith("blue") for guard in source.current.guards)


def test_the_same_mix_twice_is_no_set(mount: Mount, minimal: Callable[..., str]) -> None:
    """Two sets that take turns just so give two readings with the same mixed bytes; neither counts."""
    red, blue = ({name: minimal(f"{colour}-{name[0]}") for name in ("a.yaml", "b.yaml")} for colour in GENERATIONS)
    mount.publish(red)
    contents = files.read_settled(SwappingPaths(mount, ["a.yaml", "b.yaml"], [blue, red, blue]))
    assert [file.content.decode() for file in contents.files] == list(blue.values())


def test_a_set_that_never_settles_is_refused(mount: Mount, minimal: Callable[..., str]) -> None:
    """Files that are others at every reading are refused with the advice to rename a finished set into place."""
    mount.publish({"a.yaml": minimal("a")})
    endless = SwappingPaths(mount, ["a.yaml"], [{"a.yaml": minimal("a")}] * 20)
    with pytest.raises(RulesError, match="the files changed during each of 6 readings"):
        load(endless)


class SwappingPaths(list[Path]):
    """Paths into a mount that is swapped each time one of them has been read, as long as there are sets left."""

    def __init__(self, mount: Mount, names: list[str], sets: list[dict[str, str]]) -> None:
        super().__init__(mount.path / name for name in names)
        self._mount = mount
        self._sets = sets

    def __iter__(self) -> Iterator[Path]:
        """Each path, and then a swap."""
        for path in super().__iter__():
            yield path
            if self._sets:
                self._mount.publish(self._sets.pop(0))
