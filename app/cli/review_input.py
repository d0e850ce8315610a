"""What ``status-guard review`` is given: files with AdmissionReviews, or an old and a new object."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw

from app.core.guard import Guards

STDIN: Final = "-"


class BadInputError(Exception):
    """Something that cannot be judged; the text names the file or option and says what to do."""


def read(name: str) -> bytes:
    """The content of a file, or of standard input for ``-``.

    Raises:
        BadInputError: it cannot be read.
    """
    if name == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BadInputError(f"{name}: {error.strerror}") from None


@dataclass(frozen=True)
class Pair:
    """An old and a new object, and what an AdmissionReview says beside them; empty means "not given"."""

    old: Path | None
    new: Path | None
    user: str
    groups: list[str]
    resource: str
    subresource: str

    def require_whole(self) -> None:
        """Both objects, or nothing that belongs to them.

        Raises:
            BadInputError: one object is missing.
        """
        if bool(self.old) != bool(self.new):
            raise BadInputError("--old and --new go together: give both objects")
        details = {"user": self.user, "group": self.groups, "resource": self.resource, "subresource": self.subresource}
        given = [f"--{name}" for name, value in details.items() if value]
        if given and not self.old:
            raise BadInputError(f"{', '.join(given)} goes with --old and --new; a review says this itself")

    def review(self, guards: Guards) -> bytes:
        """The review's text, as the API server would send it. The objects stay as they were written.

        Raises:
            BadInputError: a file cannot be read, is no Kubernetes object, or is of another kind than the other.
        """
        (old, old_text), (new, new_text) = _object(str(self.old)), _object(str(self.new))
        if (old["apiVersion"], old["kind"]) != (new["apiVersion"], new["kind"]):
            kinds = " and ".join(f"{thing['kind']} of {thing['apiVersion']}" for thing in (old, new))
            raise BadInputError(f"{self.old} and {self.new} hold different kinds: {kinds}")
        group, _, version = new["apiVersion"].rpartition("/")
        resource = self.resource or _plural(group, new["kind"], guards)
        metadata = new["metadata"] if isinstance(new.get("metadata"), dict) else {}
        request = {
            "uid": "offline",
            "kind": {"group": group, "version": version, "kind": new["kind"]},
            "resource": {"group": group, "version": version, "resource": resource},
            "subResource": self.subresource,
            "name": metadata.get("name"),
            "namespace": metadata.get("namespace"),
            "operation": "UPDATE",
            "userInfo": {"username": self.user, "groups": self.groups},
            "object": new_text,
            "oldObject": old_text,
        }
        return msgspec.json.encode({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})


def _plural(group: str, kind: str, guards: Guards) -> str:
    """The guarded resource whose name reads like the kind's plural, or the usual plural if none does."""
    name = kind.lower()
    plurals = {f"{name}s", f"{name}es", f"{name[:-1]}ies", name}
    guarded = {guard.target.resource for guard in guards if guard.target.group == group}
    return min(plurals & guarded, default=f"{name}s")


def _object(name: str) -> tuple[dict[str, Any], Raw]:
    """An object as ``kubectl get -o json|yaml`` writes it, and its JSON text."""
    content = read(name)
    try:
        loaded, text = json.loads(content), Raw(content)
    except (ValueError, RecursionError):  # what is wrong with JSON is told by the YAML reader too, with its line
        loaded = _yaml(name, content)
        text = Raw(msgspec.json.encode(loaded))
    texts = [loaded.get(key) for key in ("apiVersion", "kind")] if isinstance(loaded, dict) else [None]
    if not all(isinstance(text, str) for text in texts) or "items" in loaded:
        raise BadInputError(f"{name}: not one Kubernetes object; it needs apiVersion and kind, and no list has them")
    return loaded, text


def _yaml(name: str, content: bytes) -> Any:  # noqa: ANN401 - a YAML value
    from app.rules.yamltext import documents  # noqa: PLC0415 - most reviews need no YAML reader

    found = list(documents(name, content))
    mistakes = [str(mistake) for document in found for mistake in document.mistakes]
    if mistakes:
        raise BadInputError("\n".join(mistakes))
    return found[0].value if len(found) == 1 else None
