"""Every mistake in a rule document is named, all in one report, each with file, line, path and what to do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.rules import Mistake, RulesError, load

BAD = Path(__file__).parents[1] / "data" / "rules" / "bad"


def report_of(path: Path) -> list[str]:
    """The lines of the report, with the path left out."""
    with pytest.raises(RulesError) as caught:
        load([path])
    return str(caught.value).replace(str(path), "FILE").splitlines()


@pytest.mark.parametrize("path", sorted(BAD.iterdir()), ids=lambda path: path.stem)
def test_report_is_the_one_the_file_expects(path: Path) -> None:
    """The report of a bad file is, word for word, what the comments at its end say."""
    expected = re.findall(r"^# (\d+: .*)", path.read_text(), re.MULTILINE)
    assert expected
    assert [f"FILE:{line}" for line in expected] == report_of(path)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("  mode:\n", "6: spec.mode: has no value; give it one or leave the key out"),
        ("  mode: [Deny]\n", "6: spec.mode: has to be 'Audit', 'Warn', 'Restore' or 'Deny', not a list"),
        ("  unheardOf: 1\n", "6: spec.unheardOf: is no key of a StatusGuard; known here: target, mode, writers, "),
        ("  writers: {users: a}\n", "6: spec.writers.users: has to be a list, not 'a'"),
        ("  writers:\n    users:\n    - a\n    -\n", "9: spec.writers.users[1]: has no value"),
        ("  writers: {serviceAccounts: [system:serviceaccount:a:b]}\n", "is no service account; write namespace/name"),
        ("  writers: {serviceAccounts: [a/B]}\n", "6: spec.writers.serviceAccounts[0]: 'a/B' is no service account"),
        ("  writers: []\n", "6: spec.writers: has to be a mapping (key: value), not a list"),
        ("  protect: {fields: ['']}\n", "6: spec.protect.fields[0]: is empty"),
        ("  protect: {fields: [a/b]}\n", "'a/b' has to start with '/' (a plain name has no '/' or '~')"),
        ("  protect: {maps: [/a//b]}\n", "6: spec.protect.maps[0]: '/a//b' has an empty part"),
        ("  protect: {maps: ['/a/*']}\n", "6: spec.protect.maps[0]: '/a/*' is a pattern; only the keeper's paths"),
        ("  protect: {fields: [/conditions/type=Ready]}\n", "for list items use protect.lists"),
        ("  protect: {lists: [{path: /, key: type}]}\n", "6: spec.protect.lists[0].path: '/' is the whole status"),
        ("  protect: {lists: [{path: a, key: ''}]}\n", "6: spec.protect.lists[0].key: is empty"),
        ("  protect: {labels: [a/b/c]}\n", "6: spec.protect.labels[0]: 'a/b/c' is no name as Kubernetes writes"),
        ("  protect: {finalizers: ['']}\n", "6: spec.protect.finalizers[0]: '' is no name as Kubernetes writes"),
        ("  protect: {ownerReferences: 1}\n", "has to be true or false, without quotes, not 1"),
        ("  keeper: {revisions: '5'}\n", "has to be a whole number, without quotes, not '5'"),
        ("  keeper: {revisions: true}\n", "has to be a whole number, without quotes, not true"),
        ("  keeper: {revisions: 101}\n", "6: spec.keeper.revisions: has to be at most 100, not 101"),
        ("  keeper: {ignore: [/]}\n", "6: spec.keeper.ignore[0]: '/' would ignore every change"),
        ("  keeper: {neverRemoved: [/a, a]}\n", "6: spec.keeper.neverRemoved[1]: is in the list already, as entry [0]"),
        ("  keeper: {onLoss: Repair}\n", "6: spec.keeper: has onLoss: Repair, but only what neverRemoved names"),
        ("  keeper: {minInterval: 0s}\n", "6: spec.keeper.minInterval: '0s' is outside what a duration may be"),
        (f"  emptyStatus: [{{a: {'9' * 5000}}}]\n", "999...' is larger than any number JSON readers agree on"),
        (f"  {'k' * 70}: 1\n", f"6: spec.{'k' * 70}: is no key of a StatusGuard"),
    ],
)
def test_one_mistake_is_named(
    write: Callable[..., Path], minimal: Callable[..., str], spec: str, expected: str
) -> None:
    """A document with one thing wrong gives a report of one line, which names it."""
    report = report_of(write("a.yaml", minimal(spec=spec)))
    assert len(report) == 1
    assert expected in report[0]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("group: '', resource: pods", "spec.target.group: '' is no group of custom resources"),
        ("group: a.io, resource: things/status", "leave '/status' out and set statusSubresource: true"),
        ("group: a.io, resource: Things", "spec.target.resource: 'Things' is no resource"),
        ("group: a.io, resource: a, versions: [V1]", "spec.target.versions[0]: 'V1' is no version"),
        ("group: a.io, resource: a, versions: ['*', v1]", "spec.target.versions: has '*' beside other versions"),
    ],
)
def test_a_target_that_could_never_match_is_refused(write: Callable[..., Path], target: str, expected: str) -> None:
    """A target that no custom resource can have is a mistake, not a guard that sleeps."""
    text = (
        "apiVersion: statusguard.io/v1alpha1\nkind: StatusGuard\nmetadata: {name: a}\n"
        f"spec: {{target: {{{target}, statusSubresource: false}}}}\n"
    )
    report = report_of(write("a.yaml", text))
    assert len(report) == 1
    assert f"FILE:4: {expected}" in report[0] or expected in report[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: b\nc: \xff\n", "FILE:2: is not UTF-8 text; save the file as UTF-8"),
        (b"a: b\nc: \x00\n", "FILE:2: has the character U+0000, which YAML does not allow"),
        (b"a:\n\t- b\n", "FILE:2: is not valid YAML: found character that cannot start any token"),
        (b"a: " + b"[" * 100 + b"]" * 100, "FILE:1: is nested deeper than 64 levels"),
        (b"a: " + b"[" * 100_000, "FILE:1: is nested deeper than 64 levels"),
        (b'a: "\\ud800"', "FILE:1: is not valid YAML: found invalid Unicode character escape code"),
        (b"", "FILE:1: there is no StatusGuard document in this file or any other given"),
        (b"---\n---\n# nothing\n", "FILE:1: there is no StatusGuard document in this file or any other given"),
        (b"#" * (1024 * 1024 + 1), "FILE:1: is larger than 1048576 bytes; split it into several files"),
    ],
    ids=["utf-8", "nul", "tab", "deep", "bomb", "surrogate", "empty", "documents without content", "large"],
)
def test_a_file_that_is_no_document_is_named(write: Callable[..., Path], content: bytes, expected: str) -> None:
    """What cannot be read as documents at all is one mistake, on the line where reading stopped."""
    assert [expected] == report_of(write("a.yaml", content))


def test_mistakes_of_all_files_come_in_one_report(
    tmp_path: Path, write: Callable[..., Path], minimal: Callable[..., str]
) -> None:
    """One report holds the mistakes of every file, those between files too, in the order of files and lines."""
    write("1.yaml", minimal("one", "  mode: x\n"))
    write("2.json", "{")
    write("3.yml", minimal("one", "  final: x\n", resource="others"))
    with pytest.raises(RulesError) as caught:
        load([tmp_path, tmp_path / "absent"])
    assert [(Path(mistake.file).name, mistake.line, mistake.path) for mistake in caught.value.mistakes] == [
        ("1.yaml", 6, "spec.mode"),
        ("2.json", 2, ""),
        ("3.yml", 3, "metadata.name"),
        ("3.yml", 6, "spec.final"),
        ("absent", 1, ""),
    ]


def test_a_mistake_reads_as_editors_expect() -> None:
    """A mistake reads FILE:LINE: PATH: MESSAGE, and without a path FILE:LINE: MESSAGE."""
    assert str(Mistake("a.yaml", 3, "spec.mode", "is odd")) == "a.yaml:3: spec.mode: is odd"
    assert str(Mistake("a.yaml", 1, "", "is odd")) == "a.yaml:1: is odd"
