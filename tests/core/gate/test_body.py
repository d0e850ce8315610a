"""What a body asks for, and what is refused because Rancher could read it otherwise."""

import hashlib
import json
from http import HTTPStatus
from pathlib import Path

import pytest

from app.core.gate import body
from app.core.gate.body import DEEPEST, MOST_CHARTS, Chart, InstallBody
from app.core.gate.refusal import Refusal, Slug

SAMPLE = Path(__file__).parents[2] / "data" / "rancher" / "install-request.json"
CHART = '{"chartName":"a"}'
LONG_S, KELVIN = "\N{LATIN SMALL LETTER LONG S}", "\N{KELVIN SIGN}"


def text(**members: object) -> bytes:
    """A body with one chart and these members."""
    return json.dumps({"charts": [{"chartName": "a"}], **members}).encode()


def chart(**members: object) -> bytes:
    """A body whose only chart has these members."""
    return json.dumps({"charts": [{"chartName": "a", **members}]}).encode()


def accepted(raw: bytes) -> InstallBody:
    """The reading of a body that has one."""
    found = body.read(raw)
    assert isinstance(found, InstallBody), found
    return found


def refused(raw: bytes) -> Refusal:
    """The refusal of a body that gets one; it quotes none of the body's values."""
    found = body.read(raw)
    assert isinstance(found, Refusal), found
    assert found.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
    assert found.detail.endswith(".")
    return found


def test_the_dashboards_request() -> None:
    """What Rancher's dashboard sends is read, with its field that Rancher does not know."""
    raw = SAMPLE.read_bytes()
    assert b"skipCRDs" in raw
    found = accepted(raw)
    assert found.namespace == "cattle-ui-plugin-system"
    assert found.charts == (Chart("harvester", "1.8.1", "harvester", has_values=False),)
    assert (found.project, found.timeout, found.wait) == ("", 1000.0, True)
    assert found.digest == hashlib.sha256(raw).digest()


def test_defaults() -> None:
    """Of what is not said, or is null, Rancher's default counts."""
    nothing: dict[str, object] = dict.fromkeys(("namespace", "projectId", "timeout", "wait", "operationTolerations"))
    for raw in (text(), text(**nothing), text(namespace="", timeout="")):
        found = accepted(raw)
        assert (found.namespace, found.project, found.timeout, found.wait) == ("default", "", None, False)
        assert found.decisive == Chart("a", "", "", has_values=False)
    assert accepted(chart(version=None, releaseName=None, values=None)).charts == accepted(text()).charts


def test_values_are_not_kept() -> None:
    """That values were set is known, what they are is not, not even to somebody who prints the reading."""
    found = accepted(chart(values={"adminPassword": "correct-horse"}, annotations={"a": "correct-horse"}))
    assert found.charts[0].has_values
    assert not accepted(chart(values={})).charts[0].has_values
    assert "correct-horse" not in repr(found)
    assert repr(found.digest) not in repr(found)


def test_generated_and_unpinned_names_are_known() -> None:
    """A request with a release that helm names, or a version that Rancher chooses, says so; the last chart decides."""
    raw = text(charts=[{"chartName": "a", "version": "1", "releaseName": "a"}, {"chartName": "b"}])
    found = accepted(raw)
    assert found.decisive.name == "b"
    assert not found.names_are_given
    assert not found.versions_are_given
    named = accepted(chart(version="1.0.0+up1", releaseName="a.b-1"))
    assert named.names_are_given
    assert named.versions_are_given


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"charts":[{CHART}],"charts":[{CHART}]}}',
        f'{{"charts":[{CHART}],"namespace":"a","namespace":"a"}}',
        f'{{"charts":[{CHART}],"n\\u0061mespace":"a","namespace":"b"}}',
        f'{{"charts":[{CHART}],"unknown":1,"unknown":2}}',
        '{"charts":[{"chartName":"a","chartName":"b"}]}',
        '{"charts":[{"chartName":"a","values":{"deep":[{"x":1,"x":2}]}}]}',
        f'{{"charts":[{CHART}],"Charts":[{CHART}]}}',
        f'{{"Charts":[{CHART}]}}',
        f'{{"CHARTS":[{CHART}],"charts":[]}}',
        f'{{"charts":[{CHART}],"Namespace":"kube-system"}}',
        f'{{"charts":[{CHART}],"name\u017fpace":"kube-system"}}',
        f'{{"charts":[{CHART}],"name\\u017fpace":"kube-system"}}',
        f'{{"charts":[{CHART}],"{KELVIN}ind":1,"kind":2}}',
        f'{{"charts":[{CHART}],"projectID":"p"}}',
        f'{{"charts":[{CHART}],"nohooks":true}}',
        f'{{"charts":[{CHART}],"skipcrds":true}}',
        f'{{"charts":[{CHART}],"Unknown":1,"unknown":2}}',
        '{"charts":[{"chartname":"a"}]}',
        '{"charts":[{"chartName":"a","VERSION":"1"}]}',
        f'{{"charts":[{{"chartName":"a","ver{LONG_S}ion":"1"}}]}}',
        f'{{"charts":[{{"chartName":"a","relea{LONG_S}eName":"1"}}]}}',
        '{"charts":[{"chartName":"a","Values":{}}]}',
        f'{{"charts":[{CHART}],"operationTolerations":[{{"Key":"a"}}]}}',
        f'{{"charts":[{CHART}],"operationTolerations":[{{"{KELVIN}ey":"a","key":"b"}}]}}',
    ],
)
def test_ambiguous_keys(raw: str) -> None:
    """A key that is there twice, or that Go takes for a field by its case folding, is refused."""
    assert refused(raw.encode()).slug is Slug.AMBIGUOUS_BODY


@pytest.mark.parametrize(
    "field",
    [
        *("timeout", "wait", "noHooks", "disableOpenAPIValidation", "skipSchemaValidation", "serverSide", "namespace"),
        *(
            "projectId",
            "operationTolerations",
            "automaticCPTolerations",
            "charts",
            "force",
            "takeOwnership",
            "historyMax",
        ),
        *("install", "cleanupOnFail", "skipCRDs"),
    ],
)
def test_every_field_of_a_request_has_one_spelling(field: str) -> None:
    """None of the fields that Rancher knows, in any of its versions, passes in other letters; the refusal names it."""
    found = refused(f'{{"charts":[{CHART}],"{field.swapcase()}":null}}'.encode())
    assert found.slug is Slug.AMBIGUOUS_BODY
    assert f"{field} in another spelling" in found.detail


@pytest.mark.parametrize(
    "field",
    [
        *("chartName", "version", "releaseName", "description", "values", "annotations", "force", "resetValues"),
        *("namespace", "generateName", "nameTemplate"),
    ],
)
def test_every_field_of_a_chart_has_one_spelling(field: str) -> None:
    """The same holds for each chart, which is named by its place."""
    found = refused(chart(**{field.swapcase(): None}))
    assert found.slug is Slug.AMBIGUOUS_BODY
    assert f"charts[0] has {field} in another spelling" in found.detail


def test_two_spellings_of_what_rancher_does_not_know_yet() -> None:
    """A later Rancher may know the field: then one of the two would count, and nobody knows which."""
    assert "differ in case only" in refused(text(Unknown=1, unknown=2)).detail


@pytest.mark.parametrize(
    "raw",
    [
        '{"charts":[{"chartName":"a","values":{"a":1,"A":2,"namespace":"x","Namespace":"y","\u017f":1,"s":2}}]}',
        '{"charts":[{"chartName":"a","annotations":{"x":"1","X":"2"}}]}',
        f'{{"charts":[{CHART}],"somethingNew":{{"a":1,"A":2}}}}',
        f'{{"charts":[{CHART}],"":1,"namespaces":"b","name-space":"c","ﬁ":1,"\u0131":1,"\u0130":2}}',
        ' \t\r\n{"charts" : [ {"chartName":"\\u0061"} ] } \n',
        '{"charts":[{"chartName":"a","values":{"n":' + "9" * 5000 + ',"f":1e400,"m":-0.0}}]}',
        '{"charts":[{"chartName":"a","values":{"s":"\\ud83d\\ude00 \\u0000 \\\\ud800"}}]}',
    ],
)
def test_what_is_nobodys_business_passes(raw: str) -> None:
    """In maps case makes another key, unknown fields are dropped by Rancher alone, and numbers may be long."""
    assert accepted(raw.encode()).charts[0].name == "a"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        text() + b"x",
        text() + b"{}",
        text() + b"\0",
        b"\xef\xbb\xbf" + text(),
        text().decode().encode("utf-16"),
        text()[:-1] + b',"a":NaN}',
        text()[:-1] + b',"a":Infinity}',
        text()[:-1] + b',"a":-Infinity}',
        text()[:-1] + b',"a":01}',
        text()[:-1] + b',"a":.5}',
        text()[:-1] + b',"a":+1}',
        text()[:-1] + b',"a":0x1}',
        text()[:-1] + b",}",
        text()[:-1] + b",'a':1}",
        text()[:-1] + b',"a":"\n"}',
        text()[:-1] + b',"a":"\\x"}',
        text()[:-1] + b',"a":"\xff"}',
        text()[:-1] + b',"a":"\xed\xa0\x80"}',
        text()[:-1] + b',"a":"\xc0\xaf"}',
        text()[:-1] + b',"a":"\\ud800"}',
        text()[:-1] + b',"a":"\\ud800\\u0041"}',
        text()[:-1] + b',"a":"\\udc00"}',
        text()[:-1] + b',"\\udfff":1}',
        text()[:-1] + b"/**/}",
        b"# yaml\ncharts: []\n",
        b"\x1f\x8b\x08\x00",
    ],
)
def test_not_json(raw: bytes) -> None:
    """What is not one JSON value in UTF-8, whole to its last character, is refused."""
    assert refused(raw).slug is Slug.BODY_NOT_JSON


@pytest.mark.parametrize(
    "raw",
    [
        *(b"null", b"[]", b'"a"', b"1", b"true", b"{}"),
        *(text(charts=None), text(charts=[]), text(charts={}), text(charts="a"), text(charts=[None]), text(charts=[1])),
        *(text(charts=[[]]), text(charts=[{}]), chart(chartName=""), chart(chartName=None), chart(chartName=1)),
        *(chart(version=1), chart(version=["1"]), chart(releaseName=True), chart(values=[]), chart(values="a: 1")),
        *(text(namespace=1), text(namespace={}), text(wait="true"), text(wait=1), text(timeout=600), text(projectId=1)),
        *(text(timeout="600"), text(timeout="1 h"), text(timeout="1d"), text(timeout="9999999h"), text(timeout="PT1S")),
        *(text(operationTolerations={}), text(operationTolerations=[1]), chart(chartName="a" * 254)),
        *(chart(chartName="a\nb"), chart(version="1\u202e2"), chart(version="1\u0000")),
        text(charts=[{"chartName": "a"}] * (MOST_CHARTS + 1)),
    ],
)
def test_bad_bodies(raw: bytes) -> None:
    """A body that Rancher would fail on, or that names no chart, is refused before anybody waits for it."""
    assert refused(raw).slug is Slug.BAD_BODY


@pytest.mark.parametrize(
    "raw",
    [
        *(text(namespace=name) for name in ("a/b", "A", "..", "a" * 64, "-a", "a.b", "a%2f", "é")),
        *(chart(releaseName=name) for name in ("a/b", "A", "..", "a" * 54, "--post-renderer=x", "a b", "a_b")),
    ],
)
def test_bad_names(raw: bytes) -> None:
    """Namespace and release enter URLs and helm's command line: they have to be names."""
    assert refused(raw).slug is Slug.BAD_NAME


def test_tolerations_pass() -> None:
    """Tolerations as Kubernetes writes them are read through."""
    assert accepted(text(operationTolerations=[{"key": "a", "operator": "Exists", "tolerationSeconds": 5}]))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting(opening: str, closing: str) -> None:
    """Values may be nested as deep as any chart's are, and no bomb is followed to its bottom."""
    frame = 4  # the body, charts, the chart, values
    for levels in (1, DEEPEST - frame):
        inner = opening * levels + "1" + closing * levels
        accepted(f'{{"charts":[{{"chartName":"a","values":{{"v":{inner}}}}}]}}'.encode())
    for levels in (DEEPEST - frame + 1, 990, 5_000, 100_000, 500_000 // len(opening)):
        inner = opening * levels + "1" + closing * levels
        bomb = f'{{"charts":[{{"chartName":"a","values":{{"v":{inner}}}}}]}}'.encode()
        assert refused(bomb).slug is Slug.BAD_BODY


def test_brackets_within_strings_are_no_nesting() -> None:
    """A value that is a template with many braces is no bomb."""
    assert accepted(chart(values={"template": "{[" * 10_000}))


def test_size() -> None:
    """A body beyond the limit is refused unread, one at the limit is not."""
    raw = text()
    assert isinstance(body.read(raw, largest=len(raw)), InstallBody)
    found = body.read(raw, largest=len(raw) - 1)
    assert isinstance(found, Refusal)
    assert (found.status, found.slug) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Slug.BODY_TOO_LARGE)
    assert refused(b"\xff" * (body.LARGEST_BODY + 1)).slug is Slug.BODY_TOO_LARGE
