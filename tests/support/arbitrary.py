"""Hypothesis strategies for guards and for writes that lose things often.

JSON is kept as a tree whose leaves are JSON texts, so that a value can be written in any of the ways JSON allows and
what comes back can be compared with what was written, byte for byte.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec import Raw

from app.core.guard import Final, Guard, Mode, Protect, ProtectedList, Target, WhenSpecAlsoChanges, Writers

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
WRITER = "system:serviceaccount:a:writer"
KEYS = ("a", "b", "type", "conditions", "é", "a/b", "~", "")
LABELS = ("done", "team", "x/y")
FINALIZERS = ("f/1", "f/2")
LEAVES = (
    *("1", "1.0", "1e3", "1E+3", "-0", "-0.0", "0.10", "1e400", "9007199254740993", "9" * 5000, "1e" + "9" * 30),
    *('"A"', '"\\u0041"', '"\\/"', '"/"', '"\\ud83d\\ude00"', '"é"', '""', '"1"', '"True"', '"\\n\\u0000"'),
    *("true", "false", "null"),
)
KINDS = ("A", "B", "Completed")
SPACES = ("", " ", "\n  ", "\t")


@dataclass(frozen=True)
class Text:
    """A JSON scalar as it is written."""

    json: str


Tree = dict[str, Any] | list[Any] | Text
"""A JSON value: its members or items are trees."""


def render(tree: Any, space: str = "") -> str:
    """The text of a tree, with ``space`` wherever JSON allows it inside of containers."""
    if isinstance(tree, Text):
        return tree.json
    if isinstance(tree, dict):
        members = (f"{space}{json.dumps(key)}{space}:{space}{render(value, space)}" for key, value in tree.items())
        return f"{{{','.join(members)}{space}}}"
    return f"[{','.join(space + render(item, space) for item in tree)}{space}]"


def texts() -> st.SearchStrategy[Text]:
    """Scalars, null included."""
    written = st.text(st.characters(exclude_categories=["Cs"]), max_size=4).map(json.dumps)
    return st.one_of(st.sampled_from(LEAVES), written, st.integers().map(str)).map(Text)


def _conditions() -> st.SearchStrategy[list[Any]]:
    kinds = st.one_of(st.sampled_from(KINDS).map(lambda kind: Text(json.dumps(kind))), texts())
    item = st.fixed_dictionaries({"type": kinds}, optional={"status": texts(), "a": texts()})
    return st.lists(st.one_of(item, item, texts()), max_size=5)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    return st.one_of(members, members, st.lists(inner, max_size=3), _conditions())


def trees() -> st.SearchStrategy[Tree]:
    """Any JSON value; its members come from few keys, so that guards meet them."""
    return st.recursive(texts(), _containers, max_leaves=12)


def statuses() -> st.SearchStrategy[Tree]:
    """Mostly objects, with conditions more often than not."""
    members = {key: trees() for key in KEYS} | {"conditions": st.one_of(_conditions(), trees())}
    return st.one_of(st.fixed_dictionaries({}, optional=members), st.fixed_dictionaries({}, optional=members), trees())


def paths() -> st.SearchStrategy[tuple[str, ...]]:
    """Paths below the status."""
    return st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(tuple)


def protects() -> st.SearchStrategy[Protect]:
    """Every kind of protection."""
    lists = st.builds(ProtectedList, st.one_of(st.just(("conditions",)), paths()), st.sampled_from(("type", "a")))
    return st.builds(
        Protect,
        fields=st.lists(paths(), max_size=4, unique=True).map(tuple),
        maps=st.lists(paths(), max_size=3, unique=True).map(tuple),
        lists=st.lists(lists, max_size=3, unique=True).map(tuple),
        labels=st.lists(st.sampled_from(LABELS), unique=True).map(tuple),
        finalizers=st.lists(st.sampled_from(FINALIZERS), unique=True).map(tuple),
        owner_references=st.booleans(),
    )


def finals() -> st.SearchStrategy[Final]:
    """Finished objects have the label ``done``."""
    return st.builds(
        Final,
        st.just({"done": frozenset({"true", "yes"})}),
        st.lists(st.sampled_from(LABELS), unique=True).map(tuple),
        st.dictionaries(st.sampled_from(KINDS), st.sampled_from(("True", "False"))),
    )


def guards(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Guard]:
    """A guard for the one resource that the writes are about."""
    parts: dict[str, st.SearchStrategy[Any]] = {
        "name": st.just("guard"),
        "target": st.booleans().map(lambda sub: Target("example.com", frozenset({"*"}), "things", sub)),
        "mode": st.sampled_from(Mode),
        "writers": st.just(Writers(frozenset({WRITER}))),
        "protect": protects(),
        "empty_status": st.lists(statuses().map(lambda tree: Raw(render(tree).encode())), max_size=2).map(tuple),
        "final": st.lists(finals(), max_size=2).map(tuple),
        "when_spec_also_changes": st.sampled_from(WhenSpecAlsoChanges),
        "override_max_duration": st.sampled_from((None, timedelta(hours=1))),
    }
    return st.builds(Guard, **(parts | fixed))


@dataclass(frozen=True)
class Write:
    """One update: both objects as trees, and how they are written."""

    old: dict[str, Any]
    new: dict[str, Any]
    space: str = ""
    user: str = "jane"
    manager: str = "kubectl"
    subresource: str = ""
    dry_run: bool = False

    def review(self, new: str | None = None) -> bytes:
        """The AdmissionReview; ``new`` takes the place of the new object."""
        fixed: dict[str, Any] = {
            "uid": "uid-1",
            "resource": {"group": "example.com", "version": "v1", "resource": "things"},
            "operation": "UPDATE",
            "userInfo": {"username": self.user, "groups": ["system:authenticated"]},
            "dryRun": self.dry_run,
            "options": {"fieldManager": self.manager},
        }
        if self.subresource:
            fixed["subResource"] = self.subresource
        objects = f'"oldObject":{render(self.old, self.space)},"object":{new or render(self.new, self.space)}'
        request = f"{json.dumps(fixed)[:-1]},{objects}}}"
        return f'{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{request}}}'.encode()

    def for_guard(self, guard: Guard) -> "Write":
        """The same write to the resource or subresource that the guard looks after."""
        return replace(self, subresource="status" if guard.target.status_subresource else "")


def _string(text: str) -> Text:
    return Text(json.dumps(text))


def _metadata() -> st.SearchStrategy[dict[str, Any]]:
    labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(("true", "yes", "")).map(_string))
    owner = st.fixed_dictionaries({"uid": st.sampled_from(("1", "2", "3")).map(_string)}, optional={"a": texts()})
    parts: dict[str, st.SearchStrategy[Any]] = {
        "labels": labels,
        "finalizers": st.lists(st.sampled_from((*FINALIZERS, "other")).map(_string), max_size=4),
        "ownerReferences": st.lists(owner, max_size=3),
        "annotations": st.dictionaries(st.just("statusguard.io/allow-status-loss"), overrides()),
        "managedFields": trees(),
        "deletionTimestamp": st.just(Text("null")),
    }
    return st.fixed_dictionaries({}, optional=parts)


def overrides() -> st.SearchStrategy[Text]:
    """Values of the override annotation, usable and not."""
    ends = st.sampled_from(("2026-01-31T12:30:00Z", "2026-01-31T14:29:59.5+02:00", "2026-01-31T12:00:00Z", "soon"))
    wanted = st.sampled_from(("*", "/status", "a, b /conditions/type=A", "//", "/metadata/labels", ""))
    return st.builds(
        lambda end, paths, why: _string(f"{end}; {paths}; {why}"), ends, wanted, st.sampled_from(("why", ""))
    )


def objects() -> st.SearchStrategy[dict[str, Any]]:
    """Custom resources."""
    parts = {"spec": trees(), "status": statuses()}
    return st.fixed_dictionaries({"metadata": _metadata()}, optional=parts)


def cases(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Write, Guard]]:
    """A guard, and an update that concerns it: mostly the old object with things dropped, changed and moved."""
    return st.builds(
        _case,
        guard=guards(**fixed),
        old=objects(),
        other=objects(),
        random=st.randoms(use_true_random=False),
        space=st.sampled_from(SPACES),
        user=st.sampled_from(("jane", "jane", "jane", WRITER)),
    )


def _case(*, guard: Guard, old: Any, other: Any, random: Random, space: str, user: str) -> tuple[Write, Guard]:
    if random.random() < 0.9:
        _populate(old, guard, random)
        other = mutated(old, random)
    return Write(old, other, space, user), guard


def _populate(old: dict[str, Any], guard: Guard, random: Random) -> None:
    """Give an object most of what the guard protects."""
    protect, metadata = guard.protect, old["metadata"]
    status = old["status"] if isinstance(old.get("status"), dict) else {}
    old["status"] = status
    for path in protect.fields:
        _put(status, path, random.choice((Text("1.0"), Text('"\\u0041"'), {"a": Text("1")}, [Text("1")])), random)
    for path in protect.maps:
        _put(status, path, {key: Text(random.choice(LEAVES)) for key in random.sample(KEYS, 3)}, random)
    for rule in protect.lists:
        _put(status, rule.path, [_item(rule.key, random) for _ in range(random.randint(1, 5))], random)
    for name in protect.labels:
        metadata.setdefault("labels", {})[name] = _string(random.choice(("true", "yes")))
    if guard.final and random.random() < 0.7:
        metadata.setdefault("labels", {})["done"] = _string("true")
        _put(status, ("conditions",), [_item("type", random) for _ in KINDS], random)
    metadata.setdefault("finalizers", []).extend(map(_string, protect.finalizers))


def _put(status: dict[str, Any], path: tuple[str, ...], value: Any, random: Random) -> None:
    if random.random() < 0.2:
        return
    for token in path[:-1]:
        inner = status.get(token)
        status[token] = status = inner if isinstance(inner, dict) else {}
    if not isinstance(status.get(path[-1]), dict | list):
        status[path[-1]] = value


def _item(key: str, random: Random) -> Any:
    if random.random() < 0.1:
        return Text(random.choice(LEAVES))
    values = (*map(json.dumps, KINDS), "1", "1.0", "true", "null", '"1"', '{"b":1,"a":2}')
    return {key: Text(random.choice(values)), "status": Text('"False"')}


def mutated(tree: Any, random: Random, dropping: float = 0.15) -> Any:
    """The tree with some of its parts gone, null, changed, added or elsewhere."""
    if isinstance(tree, Text):
        return Text(random.choice(LEAVES)) if random.random() < dropping else tree
    if isinstance(tree, dict):
        kept = {key: mutated(value, random, dropping) for key, value in tree.items() if random.random() > dropping}
        if random.random() < dropping:
            kept[random.choice(KEYS)] = random.choice((Text("null"), Text("1"), {}, []))
        kept = dict(sorted(kept.items(), key=lambda _: random.random()))
        return kept if "metadata" not in tree else {"metadata": {}} | kept
    kept_items = [mutated(item, random, dropping) for item in tree if random.random() > dropping]
    random.shuffle(kept_items)
    return kept_items


def changed(tree: Any, random: Random, keys: frozenset[str]) -> Any:
    """The tree with scalars changed, order changed and members added, but nothing gone; ``keys`` know list items."""
    if isinstance(tree, Text):
        values = [leaf for leaf in LEAVES if leaf != "null"]
        return Text(random.choice(values)) if random.random() < 0.3 else tree
    if isinstance(tree, list):
        items = [changed(item, random, keys) for item in tree] + [Text("7")]
        random.shuffle(items)
        return items
    # a changed key makes another item, and the first of several items counts
    new = {key: value if key in keys else changed(value, random, keys) for key, value in tree.items()}
    new.setdefault("added", Text("1"))
    return dict(sorted(new.items(), key=lambda _: random.random()))
