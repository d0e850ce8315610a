"""What certificates need next: by table, and by walking through many worlds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.rotation import Action, Authority, Holdings, Leaf, Published, Retired, next_step

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = frozenset({"guard", "guard.ns.svc"})

A = Authority("a", NOW + 1000 * DAY, NOW + 2000 * DAY)
B = Authority("b", NOW + 1000 * DAY, NOW + 2000 * DAY)
OLD = Authority("old", NOW - DAY, NOW + 100 * DAY)
DEAD = Authority("dead", NOW - 100 * DAY, NOW - DAY)
LEAF = Leaf("a", NAMES, NOW - DAY, NOW + DAY)
RETIRED = Retired("r", NOW + DAY)
OVER = Retired("r", NOW)


def trusts(*webhooks: str, settled: bool = False) -> Published:
    """Configurations, one word of fingerprints a webhook: ``"a+b"``."""
    return Published(tuple(frozenset(filter(None, one.split("+"))) for one in webhooks), settled)


@pytest.mark.parametrize(
    ("held", "published", "expected", "why"),
    [
        (Holdings(), trusts(), Action.CREATE, "no usable CA"),
        (Holdings(), trusts("", ""), Action.CREATE, "no usable CA"),
        (Holdings(), trusts("", "x"), Action.STAGE, "no usable CA"),
        (Holdings(leaf=LEAF), trusts(), Action.STAGE, "no usable CA"),
        (Holdings(retired=(RETIRED,)), trusts(), Action.STAGE, "no usable CA"),
        (Holdings(A, LEAF), trusts(), Action.NOTHING, ""),
        (Holdings(A, LEAF), trusts("a", "a"), Action.NOTHING, ""),
        (Holdings(A, LEAF), trusts("a", ""), Action.PUBLISH, "did not trust every CA"),
        (Holdings(A, LEAF), trusts("a", "a+x"), Action.PUBLISH, "not in use"),
        (Holdings(A), trusts("a"), Action.RENEW, "no usable certificate"),
        (Holdings(A), trusts("x"), Action.PUBLISH, "did not trust"),
        (Holdings(B, LEAF), trusts("b"), Action.RENEW, "not the CA's own"),
        (Holdings(A, Leaf("a", frozenset({"guard"}), NOW, NOW + DAY)), trusts("a"), Action.RENEW, "guard.ns.svc"),
        (Holdings(A, Leaf("a", NAMES, NOW + DAY, NOW + DAY)), trusts("a"), Action.RENEW, "not valid yet"),
        (Holdings(A, Leaf("a", NAMES, NOW - DAY, NOW)), trusts("a"), Action.RENEW, "certificate's life"),
        (Holdings(OLD, LEAF), trusts("old"), Action.STAGE, "the CA's life"),
        (Holdings(DEAD, LEAF), trusts("dead"), Action.STAGE, "the CA has expired"),
        (Holdings(OLD, LEAF, B), trusts("old", "old+b"), Action.PUBLISH, "did not trust every CA"),
        (Holdings(OLD, LEAF, B), trusts("old+b"), Action.SETTLE, "notice"),
        (Holdings(OLD, LEAF, B), trusts("old+b", settled=True), Action.PROMOTE, "published"),
        (Holdings(OLD, LEAF, B), trusts("old", settled=True), Action.PUBLISH, "did not trust every CA"),
        (Holdings(OLD, LEAF, B), trusts(), Action.PROMOTE, "published"),
        (Holdings(None, None, B), trusts("b", settled=True), Action.PROMOTE, "published"),
        (Holdings(OLD, LEAF, DEAD), trusts("old"), Action.STAGE, "the CA's life"),
        (Holdings(A, LEAF, DEAD), trusts("a"), Action.NOTHING, ""),
        (Holdings(A, LEAF, None, (RETIRED,)), trusts("a+r"), Action.NOTHING, ""),
        (Holdings(A, LEAF, None, (RETIRED,)), trusts("a"), Action.PUBLISH, "did not trust every CA"),
        (Holdings(A, LEAF, None, (OVER,)), trusts("a+r"), Action.PUBLISH, "not in use"),
        (Holdings(A, LEAF, None, (OVER,)), trusts("a"), Action.FORGET, "expired"),
    ],
)
def test_each_situation_has_its_next_step(held: Holdings, published: Published, expected: Action, why: str) -> None:
    """What is stored, what is published and the time decide on one step, and the step says why."""
    step = next_step(held, published, NAMES, NOW)
    assert step.action is expected
    assert why in step.why
    assert bool(step.why) == (expected is not Action.NOTHING)


def test_a_good_authority_is_replaced_only_when_that_is_asked_for() -> None:
    """Asking stages a new CA; once one is staged, it goes the way every new CA goes."""
    assert next_step(Holdings(A, LEAF), trusts("a"), NAMES, NOW, rotate=True).action is Action.STAGE
    assert next_step(Holdings(A, LEAF, B), trusts("a+b"), NAMES, NOW, rotate=True).action is Action.SETTLE


moments = st.integers(-5, 5).map(lambda days: NOW + days * DAY)
authorities = st.builds(Authority, st.sampled_from("abc"), moments, moments)
leaves = st.builds(
    Leaf, st.sampled_from(["", *"abc"]), st.sets(st.sampled_from(sorted(NAMES))).map(frozenset), moments, moments
)
holdings = st.builds(
    Holdings,
    st.none() | authorities,
    st.none() | leaves,
    st.none() | authorities,
    st.lists(st.builds(Retired, st.sampled_from("abcr"), moments), max_size=3).map(tuple),
)
trusted = st.lists(st.sets(st.sampled_from("abcrx")).map(frozenset), max_size=3).map(tuple)


@given(held=holdings, published=trusted, settled=st.booleans(), rotate=st.booleans())
def test_nothing_is_served_that_is_not_trusted(
    *, held: Holdings, published: tuple[frozenset[str], ...], settled: bool, rotate: bool
) -> None:
    """Whatever there is: a leaf is issued only under a CA that is valid and that every webhook trusts already."""
    step = next_step(held, Published(published, settled), NAMES, NOW, rotate=rotate)
    signing = {Action.PROMOTE: held.staged, Action.RENEW: held.authority}.get(step.action)
    if step.action in {Action.PROMOTE, Action.RENEW}:
        assert signing is not None
        assert signing.ends > NOW
        assert all(signing.fingerprint in one for one in published)
    if step.action is Action.CREATE:
        assert not any(published)
    if step.action is Action.PROMOTE:
        assert settled or not published


@given(held=holdings, published=trusted, rotate=st.booleans())
def test_a_retired_authority_stays_published_while_its_leaves_live(
    *, held: Holdings, published: tuple[frozenset[str], ...], rotate: bool
) -> None:
    """No step but forgetting takes a CA from the bundle, and only what can no longer be served is forgotten."""
    living = {ca.fingerprint for ca in held.retired if ca.until > NOW}
    assert living <= held.bundle(NOW)
    if next_step(held, Published(published), NAMES, NOW, rotate=rotate).action is Action.FORGET:
        assert any(ca.until <= NOW for ca in held.retired)


def after(held: Holdings, action: Action, now: datetime, name: str) -> Holdings:
    """What an action makes of what is held, in this small world."""
    fresh = Authority(name, now + 20 * DAY, now + 30 * DAY)
    signing = held.staged if action is Action.PROMOTE else fresh if action is Action.CREATE else held.authority
    issued = Leaf(signing.fingerprint, NAMES, now, now + 2 * DAY) if signing else None
    match action:
        case Action.CREATE:
            return Holdings(fresh, issued, None, held.retired)
        case Action.STAGE:
            return Holdings(held.authority, held.leaf, fresh, held.retired)
        case Action.PROMOTE:
            gone = (Retired(held.authority.fingerprint, now + 3 * DAY),) if held.authority else ()
            return Holdings(signing, issued, None, held.retired + gone)
        case Action.RENEW:
            return Holdings(held.authority, issued, None, held.retired)
        case _:
            return Holdings(held.authority, held.leaf, held.staged, tuple(ca for ca in held.retired if ca.until > now))


@settings(deadline=None)
@given(holdings, trusted, st.lists(st.integers(0, 40), max_size=8))
def test_every_situation_comes_to_rest(held: Holdings, published: tuple[frozenset[str], ...], days: list[int]) -> None:
    """From any beginning, and again after any time, a handful of steps leads to a good leaf that everybody trusts."""
    now, made = NOW, 0
    for pause in [0, *days]:
        now += pause * DAY
        for _ in range(12):
            step = next_step(held, Published(published, settled=True), NAMES, now)
            if step.action is Action.NOTHING:
                break
            if step.action is Action.PUBLISH:
                published = tuple(held.bundle(now) for _ in published)
            else:
                made += 1
                held = after(held, step.action, now, f"new-{made}")
        else:
            pytest.fail(f"still {step} after twelve steps")
        assert held.leaf is not None
        assert held.leaf.renew_at > now
        assert all(held.leaf.issuer in one for one in published)
