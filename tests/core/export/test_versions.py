"""Kubernetes versions as people write them."""

import pytest

from app.core.export.versions import ExportError, KubeVersion, parse


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.29", KubeVersion(1, 29)),
        ("v1.29.9", KubeVersion(1, 29)),
        ("v1.29.9+rke2r1", KubeVersion(1, 29)),
        ("1.30.0-rc.1+k3s1", KubeVersion(1, 30)),
        ("v1.31.4-gke.1372000", KubeVersion(1, 31)),
    ],
)
def test_a_version_is_its_major_and_minor_number(text: str, version: KubeVersion) -> None:
    """What follows the minor version changes no feature."""
    assert parse(text) == version


@pytest.mark.parametrize("text", ["", "1", "latest", "1.x", "1.29 ", "1.29.", "\u0661.\u0662", "x" * 1000])
def test_anything_else_is_refused(text: str) -> None:
    """The message shows the forms that are read, and no more of the text than fits."""
    with pytest.raises(ExportError, match=r"write one like 1\.29") as caught:
        parse(text)
    assert len(str(caught.value)) < 200


def test_releases_are_in_order() -> None:
    """1.9 comes before 1.30."""
    assert parse("1.9") < parse("1.30") < parse("2.0")
