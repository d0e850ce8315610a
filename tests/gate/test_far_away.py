"""What a long line to Rancher costs: questions that do not depend on each other are asked together."""

from typing import Any

import pytest
from virtual_gate import Scene
from virtual_repository import Course, Replica, Repository
from virtual_time import in_virtual_time, run, seconds

from app.core.gate.reading import Unread
from app.gate.limits import Limits
from app.gate.look import Seen
from app.gate.progress import Answered

LATENCY = 2.0


async def _took(limits: Limits | None = None, kind: str = "git") -> float:
    """Seconds from asking to the POST of a repository that is ready, each question taking its time."""
    scene = Scene(Repository(kind=kind, replicas=[Replica(), Replica(), Replica()]), limits=limits)
    await scene.lead(100)
    scene.rancher.latency = LATENCY
    began = seconds()
    install = await scene.submit(prefer="wait=300")
    assert isinstance((await install.ended()).outcome, Answered)
    [(posted, _)] = scene.rancher.posts
    return (posted - began) / LATENCY


@pytest.mark.parametrize(
    ("probes", "kind", "ways"),
    [
        (1, "git", 4),  # a look, a connection, a look at its replica, the probe beside what there is before
        (9, "git", 5),  # and another connection for each of the other probes, all at once
        (1, "http", 5),  # a probe that downloads the chart comes before what there is is read
    ],
)
def test_what_can_be_asked_together_is(probes: int, kind: str, ways: int) -> None:
    """From asking to the POST it takes so many ways there and back, and not one for each question."""
    assert run(_took(Limits(probes=probes), kind)) == pytest.approx(ways, abs=0.2)


@in_virtual_time
async def test_a_new_index_is_tried_soon() -> None:
    """Attempts that an index turned down have made pauses long; with one that none has met they begin short again."""
    scene = Scene(Repository(course=Course(clone=500)))
    install = await scene.submit(prefer="wait=300")
    job = scene.gate._registry._jobs[install.progress.id]
    met = []
    for found in (_index("1"), _index("1"), Unread.FAILED, _index("2"), _index("1")):
        job.misses = 9
        job.notices(Seen(found, 0.0))
        met.append(job.misses)
    assert met == [0, 9, 9, 0, 9]


def _index(version: str) -> dict[str, Any]:
    return {"metadata": {"uid": "u"}, "status": {"indexConfigMapResourceVersion": version}}
