"""What comes as a body: every verdict is a 200 that names the review, everything else a fault that echoes nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from raw_client import STATUS, Reply, make_review

Post = Callable[..., Reply]

DEEP = 10_000
"""Levels of nesting: ten times what Python's stack takes."""


def replaced(part: bytes, **changes: Any) -> bytes:
    """A review in which the string ``PART`` of ``changes`` is replaced by bytes that may be no JSON."""
    return json.dumps(make_review(**changes)).encode().replace(b'"PART"', part)


def thing(**parts: Any) -> dict[str, Any]:
    """The object of a review, with these parts beside the usual ones."""
    return make_review()["request"]["object"] | parts


NO_REVIEWS = {
    "empty": b"",
    "white space": b" \r\n",
    "truncated": json.dumps(make_review("MARKER")).encode()[:-20],
    "two documents": json.dumps(make_review("MARKER")).encode() * 2,
    "a list": b'["MARKER"]',
    "a string": b'"MARKER"',
    "null": b"null",
    "a form": b"MARKER=1&b=2",
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(make_review("MARKER")).encode(),
    "UTF-16": json.dumps(make_review("MARKER")).encode("utf-16"),
    "NaN where skipped": replaced(b"[NaN]", extra=["MARKER", "PART"]),
    "NaN in the status": replaced(b"NaN", oldObject=thing(status={"imageID": "PART", "x": "MARKER"})),
    "Infinity in the status": replaced(b"-Infinity", oldObject=thing(status={"x": "PART", "y": "MARKER"})),
    "a comma too many": replaced(b'{"MARKER":1,}', oldObject=thing(status="PART")),
    "a comment": replaced(b"1 /* MARKER */", oldObject=thing(status="PART")),
    "leading zero": replaced(b"007", oldObject=thing(status={"imageID": "PART", "x": "MARKER"})),
    "control character in a string": replaced(b'"MARKER\x01"', oldObject=thing(status="PART")),
    "no UTF-8 where skipped": replaced(b'"MARKER\xff"', extra="PART"),
    "no UTF-8 in the status": replaced(b'{"imageID":"MARKER\xff"}', oldObject=thing(status="PART")),
    "no UTF-8 in a key": replaced(b'{"nodeStatuses":{"MARKER\xc3":1}}', oldObject=thing(status="PART")),
    "a surrogate in bytes": replaced(b'{"imageID":"MARKER\xed\xa0\x80"}', oldObject=thing(status="PART")),
    "a lone surrogate as uid": replaced(b'"MARKER\\ud800"', uid="PART"),
    "deep where skipped": replaced(b"[" * DEEP + b"]" * DEEP, extra="PART", name="MARKER"),
    "deep in the status": replaced(b'{"a":' * DEEP + b"1" + b"}" * DEEP, oldObject=thing(status={"x": "PART"})),
    "deep in a list's key": replaced(
        b"[" * DEEP + b"]" * DEEP, oldObject=thing(status={"conditions": [{"type": "PART"}]})
    ),
    "deep without an end": b'{"apiVersion":' + b"[" * DEEP,
    "no request": json.dumps({**make_review(), "request": None, "x": "MARKER"}).encode(),
    "request missing": b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","MARKER":1}',
    "request a list": json.dumps({**make_review(), "request": ["MARKER"]}).encode(),
    "v1beta1": json.dumps({**make_review(), "apiVersion": "admission.k8s.io/v1beta1", "x": "MARKER"}).encode(),
    "another version": json.dumps({**make_review(), "apiVersion": "MARKER - at `$.x`"}).encode(),
    "another kind": json.dumps({**make_review(), "kind": "MARKER"}).encode(),
    "no uid": json.dumps(make_review(uid=None, name="MARKER")).encode(),
    "uid a number": json.dumps(make_review(uid=1, name="MARKER")).encode(),
    "dryRun a string": json.dumps(make_review(dryRun="MARKER")).encode(),
    "object missing": json.dumps(make_review(object=None, name="MARKER")).encode(),
    "oldObject missing": json.dumps(make_review(oldObject=None, name="MARKER")).encode(),
    "object a string": json.dumps(make_review(object="MARKER")).encode(),
    "metadata a list": json.dumps(make_review(object=thing(metadata=["MARKER"]))).encode(),
    "object of another group": json.dumps(make_review(object=thing(apiVersion="MARKER/v1"))).encode(),
    "object of another version": json.dumps(make_review(object=thing(apiVersion="example.io/MARKER"))).encode(),
    "object of another kind": json.dumps(make_review(object=thing(kind="MARKER"))).encode(),
    "oldObject of another group": json.dumps(make_review(oldObject=thing(apiVersion="MARKER/v1"))).encode(),
    "oldObject of another kind": json.dumps(make_review(oldObject=thing(kind="MARKER"))).encode(),
    "kind of another group": json.dumps(
        make_review(kind={"group": "MARKER", "version": "v1", "kind": "Thing"})
    ).encode(),
}


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
@pytest.mark.parametrize("name", NO_REVIEWS)
def test_no_review_is_a_fault(name: str, path: str, post: Post, assert_serves: Callable[[], None]) -> None:
    """What is no v1 review, or contradicts itself, gets a 400 without an echo, and the next request its answer."""
    post(NO_REVIEWS[name], path).assert_fault(400)
    assert_serves()


@pytest.mark.parametrize("status", ["text", [1], 1, 1.5, True, False, None, {}, []])
def test_a_status_that_is_no_object_is_no_status(status: Any, post: Post) -> None:
    """A new status of any other type, null and {} among them, counts as lost and is put back whole."""
    reply = post(make_review("u", object=thing(status=status)))
    assert (reply.status, reply.json["response"]["uid"]) == (200, "u")
    assert reply.patch == [{"op": "add", "path": "/status", "value": STATUS}]


@pytest.mark.parametrize("status", ["text", [1], 1, 1.5, True, None, {}, []])
def test_an_old_status_of_any_type_gets_a_verdict(status: Any, post: Post) -> None:
    """Whatever type the old status is of, the review gets a verdict with its uid."""
    reply = post(make_review("u", oldObject=thing(status=status)))
    assert (reply.status, reply.json["response"]["uid"], reply.json["response"]["allowed"]) == (200, "u", True)


@pytest.mark.parametrize("path", ["/mutate", "/validate"])
def test_a_denial_is_a_verdict(path: str, post: Post) -> None:
    """A denied write is an HTTP 200 with code 422 inside, not a fault."""
    reply = post(make_review("u", "gadgets"), path)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    response = reply.json["response"]
    assert (response["uid"], response["allowed"], response["status"]["code"]) == ("u", False, 422)
    assert "patch" not in response


def test_a_denial_names_a_hundred_causes(post: Post) -> None:
    """Of a wiped map the first hundred keys are causes, then comes how many there are, and last what to do."""
    nodes = {f"node{number}": {} for number in range(150)}
    lost = make_review("u", "gadgets", oldObject=thing(status={"nodeStatuses": nodes}))
    lost["request"]["object"] |= {"status": {"nodeStatuses": {}}}
    causes = post(lost).json["response"]["status"]["details"]["causes"]
    assert len(causes) == 102
    assert causes[0]["field"] == "/status/nodeStatuses/node0"
    assert causes[100]["message"] == "and 50 more"
    assert causes[101]["message"].startswith("send the object with its status")


def test_an_intact_write_gets_an_empty_answer(post: Post) -> None:
    """A write that loses nothing is allowed with uid and allowed alone, in an envelope of v1."""
    reply = post(make_review("u", object=thing(status=STATUS)))
    response = {"uid": "u", "allowed": True}
    assert reply.json == {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def test_of_duplicate_keys_the_last_one_counts(post: Post) -> None:
    """Of the same key twice the last one counts, as in Go, so that we judge what the API server stores."""
    lost = replaced(b"null", object=thing(status={**STATUS, "x": 1})).replace(b'"x": 1}', b'"x": 1}, "status": null')
    kept = replaced(b"0", object=thing(status=None)).replace(
        b'"status": null', b'"status": null, "status": {"imageID": 1}'
    )
    assert [item["path"] for item in post(lost).patch] == ["/status"]
    assert "/status" not in [item["path"] for item in post(kept).patch]


@pytest.mark.parametrize(
    "text", ["1.0", "1e3", "-0", "12345678901234567890123", "1" * 5000, '"\\u00e9\\/\\ud83d\\ude00"']
)
def test_what_is_put_back_is_what_was_there(text: str, post: Post) -> None:
    """The patch holds the old value byte for byte: numbers beyond 2^53, exponents, escapes and key order."""
    status = f'{{"z": {text}, "a":  [ {text} ]}}'
    reply = post(replaced(status.encode(), oldObject=thing(status="PART")))
    assert reply.patch_text == f'[{{"op":"add","path":"/status","value":{status}}}]'


@pytest.mark.parametrize("key", ['"\\ud800"', "1" * 5000, "1e" + "9" * 30, "[" * 900 + "]" * 900, '{"b":1,"a":[1.0]}'])
def test_an_odd_key_of_a_list_is_no_crash(key: str, post: Post) -> None:
    """A list item whose key is no string, or a number beyond Python's means, ends in a verdict or a 400."""
    lists = {"conditions": [{"type": "PART"}], "imageID": "x"}
    reply = post(replaced(key.encode(), oldObject=thing(status=lists), object=thing(status={"imageID": "x"})))
    if reply.status == 200:
        assert reply.json["response"]["allowed"] is True
    else:
        reply.assert_fault(400)


def test_a_surrogate_in_what_is_put_back_is_carried_through(post: Post) -> None:
    """A lone surrogate inside a status comes back as the escape it was, or is a 400: UTF-8 cannot write it."""
    reply = post(replaced(b'{"imageID":"\\ud800"}', oldObject=thing(status="PART")))
    if reply.status == 200:
        assert "\\ud800" in reply.patch_text
    else:
        reply.assert_fault(400)


@pytest.mark.parametrize("operation", ["CREATE", "DELETE", "CONNECT", "MARKER", ""])
def test_other_operations_are_none_of_ours(operation: str, post: Post) -> None:
    """Anything but an UPDATE is allowed with an empty answer, whatever it holds."""
    reply = post(make_review("u", operation=operation, oldObject=None))
    assert reply.json["response"] == {"uid": "u", "allowed": True}
