'''A Rancher to test against: real sockets, real TLS, and a catalog as stubborn as the real one.

In a test::

    from tests.rancher import ADMIN, Clock, Rancher, Release

    async def test_something() -> None:
        """..."""
        async with Rancher(replicas=3, line=(2, 15), clock=Clock(100)) as rancher:  # 100 times as fast as the wall
            rancher.add_repo("harvester")               # git, with chart harvester 1.8.1; the leader starts to clone
            ...                                         # the client under test talks to rancher.url
            assert rancher.record.begun(Release("local", "cattle-ui-plugin-system", "harvester")) == 1

``rancher.url`` is the balancer, ``rancher.ca_pem``, ``rancher.ca_file`` and ``rancher.client_context()`` say whom to
trust, ``ADMIN.bearer`` are a user's headers (``ADMIN.token`` is also a Basic user:password and the cookie R_SESS).
``rancher.replicas[n].port`` is one replica without the balancer.

Time. Everything is in seconds of ``rancher.clock``; ``Timing`` has all durations, ``Clock(factor)`` runs them faster,
``Clock(factor, wall_stamps=True)`` stamps moments with the real time at which they come, for clients that live in real
time. ``await rancher.clock.sleep(s)`` waits in it. One millisecond of Python is ``factor`` milliseconds of this clock:
beyond a factor of some 1000 the order of what is less than a second apart is no longer Rancher's.

World. ``rancher.upstream(url, *charts, kind=...)`` offers charts and returns an ``Upstream``, whose ``index_outage``
and ``chart_outage`` make fetches fail and whose ``publish`` adds charts. ``rancher.add_repo(name, **spec)`` creates a
ClusterRepo. ``rancher.repo(name)`` reads it, ``await rancher.downloaded(name, everywhere=True)`` waits for it,
``await rancher.until(lambda: ...)`` waits for anything stored, ``await rancher.settled()`` until no handler and no helm
runs any more: count side effects after it. ``rancher.clusters[id].store`` has all objects,
``.releases`` what helm has, ``.members[n]`` a replica's ``lag``, ``stale`` informers, ``corrupt`` disk,
``.depose()`` changes the leader. ``rancher.rival_installs(namespace, release)`` is another user at work.
``await rancher.replicas[n].restart()`` is a crash and a return without checkouts. ``await rancher.balancer.refuse()``
and ``.start()`` close and open the address.

Faults. ``rancher.faults.add(Step.ANSWER, Act.LOSE, on="install")``; see ``Step`` for where, ``Act`` for what, and
``Fault`` for how often and for whom. ``errors.catalogue()`` names all errors for ``Act.REFUSE``.

Proof. ``rancher.record.begun(release, user=...)`` counts POSTs that made at least one object for a release, ``.pods``
those that started helm, ``.counts()`` all of them, ``.of("request", sort="info")`` filters events; ``Event`` lists
their sorts. Leaving the stand-in raises what went wrong in it.

Not asynchronous: ``with in_thread(replicas=3) as rancher:`` gives ``rancher.rancher``, ``rancher.call(function, ...)``
and ``rancher.run(coroutine)``.
'''

from .clock import Clock
from .cluster import Cluster, Member
from .errors import catalogue
from .faults import Act, Fault, Faults, Step
from .record import Event, Record, Release
from .standin import HARVESTER, HARVESTER_URL, Rancher
from .thread import Threaded, in_thread
from .timing import Timing
from .upstreams import DIAL, DNS, EOF, TIMEOUT, X509, Chart, Outage, Trouble, Upstream
from .users import ADMIN, EVERYTHING, HAPLESS, JANE, LUKE, READER, RIVAL, User

__all__ = [
    "ADMIN",
    "DIAL",
    "DNS",
    "EOF",
    "EVERYTHING",
    "HAPLESS",
    "HARVESTER",
    "HARVESTER_URL",
    "JANE",
    "LUKE",
    "READER",
    "RIVAL",
    "TIMEOUT",
    "X509",
    "Act",
    "Chart",
    "Clock",
    "Cluster",
    "Event",
    "Fault",
    "Faults",
    "Member",
    "Outage",
    "Rancher",
    "Record",
    "Release",
    "Step",
    "Threaded",
    "Timing",
    "Trouble",
    "Upstream",
    "User",
    "catalogue",
    "in_thread",
]
