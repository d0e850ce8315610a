"""What the tests of one guard's keeper rules share."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Raw

from app.core import pointer
from app.core.guard import Guard, KeeperRules, Mode, OnLoss, Protect, ProtectedList, Target
from app.core.review import KubernetesObject, ObjectMeta

Make = Callable[..., Guard]


@pytest.fixture(scope="session")
def make() -> Make:
    """A guard by what its keeper part says."""

    def guard(*never_removed: str, **more: Any) -> Guard:
        keeper = KeeperRules(never_removed=tuple(map(pointer.parse, never_removed)), on_loss=OnLoss.REPAIR)
        protect = Protect(
            fields=tuple(map(pointer.parse, more.pop("fields", ()))),
            lists=tuple(ProtectedList(pointer.parse(path), key) for path, key in more.pop("lists", ())),
        )
        target = Target("example.io", frozenset({"*"}), "things", status_subresource=more.pop("subresource", False))
        return Guard("things", target, Mode.RESTORE, protect=protect, keeper=keeper, **more)

    return guard


@pytest.fixture(scope="session")
def stored() -> Callable[..., KubernetesObject]:
    """An object by the text of its status."""

    def thing(status: str = "", **metadata: str) -> KubernetesObject:
        parts = {name: Raw(text.encode()) for name, text in metadata.items()}
        return KubernetesObject(metadata=ObjectMeta(**parts), status=Raw(status.encode()))

    return thing
