"""One kind in two versions: what a guard sees of a write by way of the other one, and what nobody can see."""

from typing import Any

import pytest
from guarded_cluster import NAMESPACE, Cluster

pytestmark = pytest.mark.cluster

OLDER = f"/apis/example.io/v1alpha1/namespaces/{NAMESPACE}/doubles"
NEWER = f"/apis/example.io/v1beta1/namespaces/{NAMESPACE}/doubles"
STATUS = {"phase": "Done", "detail": "only v1beta1 knows this"}


@pytest.fixture
def made(cluster: Cluster) -> str:
    """The name of an object that has a field which the older version lacks."""
    body = {"apiVersion": "example.io/v1beta1", "kind": "Double", "metadata": {}, "spec": {}, "status": STATUS}
    return str(cluster.create(body, NEWER)["metadata"]["name"])


def test_a_guard_for_one_version_sees_writes_through_the_other(cluster: Cluster, made: str) -> None:
    """The API server converts what an older client sends for a guard of the newer version, and its patch back."""
    older: dict[str, Any] = cluster.get(made, OLDER)
    answer = cluster.send("PUT", f"{OLDER}/{made}", {key: value for key, value in older.items() if key != "status"})
    assert (answer.code, answer.body["status"]) == (200, {"phase": "Done"})
    assert any("/status (SG003)" in warning for warning in answer.warnings)


def test_a_newer_field_dropped_by_an_older_version_is_invisible(cluster: Cluster, made: str) -> None:
    """An honest label by way of the older version takes the newer field along, without a word: no admission sees it.

    Both objects have been converted before anybody is asked, so that neither has the field.
    """
    older = cluster.get(made, OLDER)
    labelled = {**older, "metadata": {**older["metadata"], "labels": {"a": "b"}}}
    answer = cluster.send("PUT", f"{OLDER}/{made}", labelled)
    assert (answer.code, answer.warnings) == (200, [])
    assert cluster.get(made, NEWER)["status"] == {"phase": "Done"}


def test_the_newer_field_is_kept_for_who_writes_the_newer_version(cluster: Cluster, made: str) -> None:
    """The same field dropped by way of the newer version is put back."""
    newer = cluster.get(made, NEWER)
    answer = cluster.send("PUT", f"{NEWER}/{made}", {**newer, "status": {"phase": "Done"}})
    assert answer.body["status"] == STATUS
