"""The writes that are timed: of each form in turn, an honest PUT and one that leaves the status out."""

import http.client
import itertools
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import payloads
from forms import FORMS, Form

NAMESPACE = "default"
HEALTHY, LOSSY = "healthy", "lossy"
OURS = ("uid", "name", "namespace", "resourceVersion", "creationTimestamp", "generation")

Object = dict[str, Any]
Times = dict[tuple[str, str], list[float]]


class WrongError(Exception):
    """A write came out otherwise than it has to; no figure would mean anything."""


@dataclass
class Writer:
    """One client on one connection, with two objects of each form's kind: one a kind of write.

    Apart, because a write right after another one of the same object can find the API server's cache a version
    behind; it then starts over, admission included, and a form would be charged for its neighbour.
    """

    host: str
    port: int
    trust: ssl.SSLContext
    token: str
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    _labels: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Connect, and make the objects."""
        self._connection = http.client.HTTPSConnection(self.host, self.port, context=self.trust, timeout=60)
        review = json.loads(payloads.make()["8k-lost"].body)
        self._whole = review["request"]["oldObject"]
        for form, kind in itertools.product(FORMS, (HEALTHY, LOSSY)):
            metadata = {"name": kind, "namespace": NAMESPACE}
            body = {**self._whole, "apiVersion": f"{form.group}/v1beta1", "metadata": metadata}
            code, self.objects[form.name, kind] = self._send("POST", _path(form), body)
            if code != 201:
                raise WrongError(f"{form.name}: the object could not be made ({code})")

    def turn(self, first: int, times: Times) -> None:
        """One honest and one lossy write of each form, beginning with form number ``first``."""
        for form in (*FORMS[first % len(FORMS) :], *FORMS[: first % len(FORMS)]):
            for kind in (HEALTHY, LOSSY):
                times.setdefault((form.name, kind), []).append(self._write(form, kind, lossy=kind == LOSSY))
            if "status" not in self.objects[form.name, LOSSY]:
                self._write(form, LOSSY, lossy=False)  # not timed: the next one shall have something to lose again

    def healthy(self, name: str) -> None:
        """One honest write, not timed."""
        self._write(next(form for form in FORMS if form.name == name), HEALTHY, lossy=False)

    def _write(self, form: Form, kind: str, *, lossy: bool) -> float:
        """Put a new label on an object, with or without the status; seconds that it took."""
        stored = self.objects[form.name, kind]
        metadata = {key: stored["metadata"][key] for key in OURS} | {"labels": {"turn": str(next(self._labels))}}
        body = {**stored, "metadata": metadata, "status": self._whole["status"]}
        if lossy:
            del body["status"]
        began = time.perf_counter()
        code, answer = self._send("PUT", f"{_path(form)}/{kind}", body)
        took = time.perf_counter() - began
        self._require_right(form, code, answer, lossy=lossy)
        if code == 200:
            self.objects[form.name, kind] = answer
        return took

    def _require_right(self, form: Form, code: int, answer: Object, *, lossy: bool) -> None:
        kept = answer.get("status") == self._whole["status"]
        if lossy and form.refuses:
            right = code == 422
        elif lossy and not form.guards:
            right = code == 200 and "status" not in answer
        else:
            right = code == 200 and kept
        if not right:
            raise WrongError(f"{form.name}, {'lossy' if lossy else 'healthy'} write: {code} {str(answer)[:300]}")

    def _send(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self._connection.request(method, path, json.dumps(body), headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def _path(form: Form) -> str:
    return f"/apis/{form.group}/v1beta1/namespaces/{NAMESPACE}/upgrades"
