"""``link=info`` that passes: asked again, it comes to another replica, as it would without the gate."""

from app.rancher.passing import Passing
from app.rancher.upstream import Upstream
from tests.rancher import ADMIN, Clock, Rancher, Timing

PATH = b"/v1/catalog.cattle.io.clusterrepos/harvester"
INFO = PATH + b"?link=info&chartName=harvester&version=1.8.1"
HEADERS = ((b"Authorization", f"Bearer {ADMIN.token}".encode()), (b"Accept", b"application/json"))


async def _status(passing: Passing, target: bytes) -> int:
    async with passing.passed(b"GET", target, HEADERS, None) as answer:
        async for _ in answer.parts:
            pass
        return answer.status


async def test_asking_again_meets_another_replica() -> None:
    """While two of three replicas lag, one of three questions in a row is answered by the one that has the chart."""
    clock = Clock(200.0, wall_stamps=True)
    async with Rancher(clock=clock, replicas=3, timing=Timing(follower_lag=1e6)) as rancher:
        rancher.add_repo()
        await rancher.downloaded()
        passing = Passing(Upstream.at(rancher.url, rancher.ca_file), lambda *_: None)
        try:
            found = [await _status(passing, INFO) for _ in range(12)]
            assert 0 < found.count(200) < len(found)
            assert await _status(passing, PATH) == 200
        finally:
            passing.close()
