"""Keeping certificates, over a cluster in memory: runs that meet, runs that are cut off, and time that passes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates import issue_leaf, new_authority
from app.cluster import stored as certificates
from app.cluster.ensure import SETTLE, Wanted, ensure, service_names
from app.cluster.port import ClusterError, ConflictError, Kind, Registration, Secret

START = datetime(2026, 11, 22, tzinfo=UTC)
NAMES = service_names("ns", "guard")
OURS = Registration(Kind.MUTATING, "ours", "1", (b"", b""), ours=True)


class CutError(Exception):
    """The process that runs this is gone."""


@dataclass
class World:
    """What is stored and published, who saw it when, and the clock."""

    secret: dict[str, bytes] = field(default_factory=dict)
    secret_is_ours: bool = True
    registrations: dict[str, Registration] = field(default_factory=lambda: {"ours": OURS})
    now: datetime = START
    served: list[x509.Certificate] = field(default_factory=list)
    seen: dict[str, list[tuple[datetime, bytes]]] = field(default_factory=dict)
    versions: count = field(default_factory=lambda: count(2))  # type: ignore[type-arg]
    version: str = "1"

    def check(self) -> None:
        """Every leaf that a pod may serve is trusted by every bundle that an API server may still know."""
        for name, history in self.seen.items():
            current = [bundle for at, bundle in history if self.now - at < SETTLE]
            older = [bundle for at, bundle in history if self.now - at >= SETTLE][-1:]
            for bundle in (*older, *current):
                trusted = certificates.certificates_in(bundle)
                for leaf in self.served:
                    living = leaf.not_valid_after_utc > self.now
                    assert not living or any(ca.subject == leaf.issuer and _signs(ca, leaf) for ca in trusted), name

    def serve(self, data: Mapping[str, bytes]) -> None:
        """Some pod takes up what is stored, and may go on serving it until it expires."""
        self.served += certificates.certificates_in(data.get("tls.crt", b""))


def _signs(ca: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except Exception:  # noqa: BLE001 - whatever is wrong, it does not
        return False
    return True


class Memory:
    """One process's view of the world; before each call others may have their turn, and a call may be its last."""

    def __init__(self, world: World, turns: Callable[[], int], calls: int = 10_000) -> None:
        self._world, self._turns, self._left = world, turns, calls

    async def _turn(self) -> None:
        for _ in range(self._turns()):
            await asyncio.sleep(0)
        self._left -= 1
        if self._left < 0:
            raise CutError

    async def registrations(self) -> tuple[Registration, ...]:
        """The configurations."""
        await self._turn()
        return tuple(self._world.registrations.values())

    async def secret(self) -> Secret:
        """The Secret."""
        await self._turn()
        world = self._world
        return Secret(world.version, dict(world.secret), world.secret_is_ours, world.now)

    async def store(self, before: Secret, data: Mapping[str, bytes]) -> None:
        """Write the Secret, unless it changed."""
        await self._turn()
        world = self._world
        if before.version != world.version:
            raise ConflictError("changed")
        world.secret, world.version = dict(data), str(next(world.versions))
        world.serve(data)
        world.check()

    async def publish(self, before: Registration, bundle: bytes) -> None:
        """Write a configuration, unless it changed."""
        await self._turn()
        world = self._world
        if before.version != world.registrations[before.name].version:
            raise ConflictError("changed")
        changed = replace(before, version=str(next(world.versions)), bundles=tuple(bundle for _ in before.bundles))
        world.registrations[before.name] = changed
        world.seen.setdefault(before.name, []).append((world.now, bundle))
        world.check()

    async def sleep(self, seconds: float) -> None:
        """Let time pass for everybody."""
        await self._turn()
        self._world.now += timedelta(seconds=seconds)


def run(world: World, **asked: bool) -> list[str]:
    """One undisturbed run; what it said."""
    said: list[str] = []
    memory = Memory(world, lambda: 0)
    asyncio.run(ensure(memory, Wanted(NAMES, **asked), said.append, memory.sleep))
    return said


def test_a_first_run_makes_and_publishes_what_the_second_keeps() -> None:
    """After one run all is good and trusted, every webhook included; the next changes nothing and says so."""
    world = World()
    run(world)
    before = dict(world.secret), world.registrations
    assert world.registrations["ours"].bundles == (world.secret["ca.crt"],) * 2
    said = run(world)
    assert (dict(world.secret), world.registrations) == before
    assert len(said) == 1
    assert "All is well" in said[0]


def test_a_leaf_is_renewed_at_two_thirds_of_its_life_and_the_ca_stays() -> None:
    """Months before it ends, a leaf is replaced; no configuration has to change for that."""
    world = World()
    run(world)
    first = dict(world.secret)
    world.now += timedelta(days=242)
    run(world)
    assert world.secret == first
    world.now += timedelta(days=3)
    run(world)
    assert world.secret["tls.crt"] != first["tls.crt"]
    assert world.secret["ca.crt"] == first["ca.crt"]


def test_an_old_ca_is_trusted_until_its_last_leaf_has_expired_and_no_longer() -> None:
    """A rotation ends with both CAs published; when the leaf before it is past its date, the old one goes."""
    world = World()
    run(world)
    first = world.secret["ca.crt"]
    run(world, rotate=True)
    assert first in world.registrations["ours"].bundles[0]
    assert len(certificates.certificates_in(world.secret["ca.crt"])) == 2
    world.now = START + timedelta(days=366)
    run(world)
    assert first not in world.registrations["ours"].bundles[0]
    assert first not in world.secret["ca.crt"]
    assert "retired.crt" not in world.secret


def test_a_retired_ca_can_be_forgotten_at_once() -> None:
    """For a key that leaked: after the pods were restarted, the old CA is trusted no more."""
    world = World()
    run(world)
    first = world.secret["ca.crt"]
    run(world, rotate=True)
    world.served = list(certificates.certificates_in(world.secret["tls.crt"]))  # the pods were restarted
    world.seen.clear()
    run(world, forget=True)
    assert first not in world.registrations["ours"].bundles[0]
    assert len(certificates.certificates_in(world.secret["ca.crt"])) == 1


@pytest.mark.parametrize("lost", [{"authority.key"}, {"authority.crt", "authority.key"}, {"all"}])
def test_a_lost_ca_is_replaced_without_breaking_what_is_served(lost: set[str]) -> None:
    """Where the CA's key is gone, its certificate stays trusted, even when nothing but the configurations knows it."""
    world = World()
    run(world)
    kept = {} if "all" in lost else {key: value for key, value in world.secret.items() if key not in lost}
    world.secret = dict.fromkeys(lost, b"damaged") | kept
    run(world)
    assert len(certificates.certificates_in(world.registrations["ours"].bundles[0])) == 2


def test_somebody_elses_objects_are_left_alone() -> None:
    """Without our label neither a configuration nor a Secret is written, and it is said which and why."""
    foreign = replace(OURS, name="foreign", ours=False)
    world = World(registrations={"ours": OURS, "foreign": foreign})
    assert sum("foreign" in line for line in run(world)) == 1
    assert world.registrations["foreign"] == foreign
    world = World(secret={"tls.crt": b"theirs"}, secret_is_ours=False)
    with pytest.raises(ClusterError, match="somebody else's"):
        run(world)
    assert world.secret == {"tls.crt": b"theirs"}


def test_a_bundle_nobody_can_read_is_written_anew() -> None:
    """Damage in a configuration is not taken for trust."""
    world = World()
    run(world)
    broken = replace(world.registrations["ours"], bundles=(b"damaged", world.secret["ca.crt"]))
    world.registrations["ours"] = broken
    run(world)
    assert world.registrations["ours"].bundles == (world.secret["ca.crt"],) * 2


def test_a_fight_over_a_configuration_ends_with_a_word() -> None:
    """Somebody who undoes every step is met with an error that says so, not with a run that never ends."""
    world = World()

    async def undo(_: float) -> None:
        raise AssertionError

    class Undone(Memory):
        async def publish(self, before: Registration, bundle: bytes) -> None:
            del before, bundle

    memory = Undone(world, lambda: 0)
    with pytest.raises(ClusterError, match="not settled after"):
        asyncio.run(ensure(memory, Wanted(NAMES), lambda _: None, undo))


def test_a_longer_lived_leaf_keeps_its_ca_trusted() -> None:
    """A leaf that outlives the one that replaced it counts: a paused pod may serve it to its end."""
    authority = new_authority("long", START)
    leaf = issue_leaf(authority, NAMES, START - timedelta(days=600), timedelta(days=1000))
    kept = certificates.with_leaf(certificates.Stored(authority, leaf), sorted(NAMES), START + timedelta(days=20))
    promoted = certificates.with_promoted(certificates.with_staged(kept, [], START), sorted(NAMES), START)
    until = promoted.holdings().retired[0].until
    assert until == certificates.certificates_in(leaf.certificate)[0].not_valid_after_utc


def test_steps_that_have_nothing_to_work_on_refuse() -> None:
    """Promoting without a staged CA and issuing without a CA are errors of the caller, said as such."""
    with pytest.raises(ValueError, match="stage one first"):
        certificates.with_promoted(certificates.Stored(), NAMES, START)
    with pytest.raises(ValueError, match="make one first"):
        certificates.with_leaf(certificates.Stored(), NAMES, START)


@settings(deadline=None, max_examples=150)
@given(
    turns=st.lists(st.sampled_from([0, 1, 2, 5, 30]), min_size=1, max_size=60),
    rotating=st.lists(st.booleans(), min_size=2, max_size=3),
    cut=st.integers(0, 40),
    days=st.sampled_from([0, 200, 300, 3000]),
)
def test_runs_that_meet_never_serve_what_nobody_trusts(
    turns: list[int], rotating: list[bool], cut: int, days: int
) -> None:
    """However runs interleave, and wherever one is cut off: at every moment what may be served is trusted."""
    second = replace(OURS, kind=Kind.VALIDATING, name="second", bundles=(b"",))
    world = World(registrations={"ours": OURS, "second": second})
    run(world)
    world.now += timedelta(days=days)
    order = count()

    def next_turn() -> int:
        return turns[next(order) % len(turns)]

    async def meet() -> None:
        memories = [Memory(world, next_turn, cut if at == 0 else 10_000) for at in range(len(rotating))]
        runs = [
            ensure(memory, Wanted(NAMES, rotate=rotate), lambda _: None, memory.sleep)
            for memory, rotate in zip(memories, rotating, strict=True)
        ]
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert [result for result in results if result is not None and not isinstance(result, CutError)] == []

    asyncio.run(meet())
    run(world)
    bundle = world.secret["ca.crt"]
    published = {one for registration in world.registrations.values() for one in registration.bundles}
    assert set(map(certificates.trusted_by, published)) == {certificates.trusted_by(bundle)}
    (leaf,) = certificates.certificates_in(world.secret["tls.crt"])
    assert any(_signs(ca, leaf) for ca in certificates.certificates_in(bundle))


def test_a_run_that_slept_through_a_rotation_undoes_nothing() -> None:
    """One run looks and is paused; another stages and publishes; the first wakes just before the new leaf is stored."""
    world = World()
    run(world)
    wake = asyncio.Event()

    class Paused(Memory):
        looked = False

        async def _turn(self) -> None:
            await super()._turn()
            if self.looked:
                await wake.wait()
            self.looked = True

        async def publish(self, before: Registration, bundle: bytes) -> None:
            await super().publish(before, bundle)
            raise CutError  # before it sees, and repairs, what it has done

    class Waking(Memory):
        async def store(self, before: Secret, data: Mapping[str, bytes]) -> None:
            if "staged.crt" in before.data:
                wake.set()
                for _ in range(20):
                    await asyncio.sleep(0)
            await super().store(before, data)

    async def meet() -> None:
        paused, waking = Paused(world, lambda: 0), Waking(world, lambda: 0)
        runs = (
            ensure(paused, Wanted(NAMES), lambda _: None, paused.sleep),
            ensure(waking, Wanted(NAMES, rotate=True), lambda _: None, waking.sleep),
        )
        assert await asyncio.gather(*runs, return_exceptions=True) == [None, None]

    asyncio.run(meet())
    assert len(certificates.certificates_in(world.registrations["ours"].bundles[0])) == 2
