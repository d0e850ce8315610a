"""The configurations get from whatever they are to what the rules say, and lock no cluster out on the way."""

import copy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import registration
from app.core.export import webhook as form
from app.core.export.manifest import Body, Endpoint
from app.core.export.versions import KubeVersion
from app.core.guard import Guard, Mode, Target
from app.core.registration import Action, Move, Name, Standing

MUTATING: Final = ("MutatingWebhookConfiguration", "zz-status-guard")
VALIDATING: Final = ("ValidatingWebhookConfiguration", "status-guard")
SERVICE: Final = Endpoint(service=("status-guard", "status-guard"))
FILLED_IN: Final = {"namespaceSelector": {}, "objectSelector": {}}
MOST_MOVES: Final = 8


def guard(name: str, mode: Mode = Mode.RESTORE, resource: str = "upgrades") -> Guard:
    """One guard."""
    return Guard(name, Target("harvesterhci.io", frozenset({"*"}), resource, status_subresource=False), mode)


def rendered(*guards: Guard, version: str = "1.30", endpoint: Endpoint = SERVICE) -> list[Body]:
    """The configurations for some guards."""
    major, minor = map(int, version.split("."))
    return [one.body for one in form.export(guards, KubeVersion(major, minor), endpoint).manifests]


def trusting(live: dict[Name, Body], bundle: str = "Q0E=") -> dict[Name, Body]:
    """The same after ``certs ensure``."""
    live = copy.deepcopy(live)
    for body in live.values():
        for one in body["webhooks"]:
            one["clientConfig"]["caBundle"] = bundle
    return live


class Server:
    """The API server's part: it stores, fills in, and may drop matchConditions."""

    def __init__(self, live: dict[Name, Body] | None = None, *, drops: bool = False) -> None:
        self.live = copy.deepcopy(live or {})
        self.drops = drops
        self.dropped: frozenset[str] = frozenset()
        self.moves: list[Move] = []

    def store(self, move: Move) -> None:
        """Carry one move out."""
        self.moves.append(move)
        if move.action is Action.REMOVE:
            del self.live[move.target]
            return
        webhooks = [FILLED_IN | copy.deepcopy(one) for one in move.webhooks]
        for one in webhooks if self.drops else ():
            one.pop("matchConditions", None)
        kind, name = move.target
        labels = {"app.kubernetes.io/managed-by": "status-guard"}
        self.live[move.target] = {"kind": kind, "metadata": {"name": name, "labels": labels}, "webhooks": webhooks}
        self.dropped |= registration.not_kept(move.webhooks, self.live[move.target])

    def settle(self, wanted: list[Body]) -> Standing:
        """Make every move there is."""
        for _ in range(MOST_MOVES):
            found = registration.standing(wanted, self.live, self.dropped)
            if found.move is None:
                return found
            self.store(found.move)
        raise AssertionError(f"not settled after {[move.why for move in self.moves]}")

    def policies(self, target: Name) -> list[str]:
        """The failurePolicy of each webhook."""
        return [one["failurePolicy"] for one in self.live[target]["webhooks"]]


def in_step(*guards: Guard) -> Server:
    """A server on which these guards are registered and closed."""
    server = Server()
    server.settle(rendered(*guards))
    server.live = trusting(server.live)
    server.settle(rendered(*guards))
    server.moves.clear()
    return server


def test_a_new_registration_fails_open_until_somebody_is_trusted() -> None:
    """Both are made with Ignore, and stay so while there is no CA; a remark says what is missing."""
    server = Server()
    found = server.settle(rendered(guard("a")))
    assert [move.action for move in server.moves] == [Action.CREATE, Action.CREATE]
    assert server.policies(MUTATING) == server.policies(VALIDATING) == ["Ignore"]
    assert not found.in_step
    assert "no caBundle yet" in found.remarks[0]


def test_it_closes_when_conditions_and_trust_are_there() -> None:
    """With matchConditions read back and a caBundle published, the validating webhook gets its Fail."""
    server = in_step(guard("a"))
    assert server.policies(VALIDATING) == ["Fail"]
    assert server.policies(MUTATING) == ["Ignore"]
    assert registration.standing(rendered(guard("a")), server.live).in_step


def test_a_server_that_drops_match_conditions_is_never_closed() -> None:
    """Trust or not: without matchConditions Fail would stop healthy writes. It is said, and is no endless work."""
    server = Server(drops=True)
    server.settle(rendered(guard("a")))
    server.live = trusting(server.live)
    server.moves.clear()
    found = server.settle(rendered(guard("a")))
    assert server.moves == []
    assert server.policies(VALIDATING) == ["Ignore"]
    assert "drops matchConditions" in found.remarks[0]


def test_conditions_that_vanish_from_a_closed_webhook_open_it() -> None:
    """Where somebody removes the matchConditions of a webhook that fails closed, the next write opens it."""
    server = in_step(guard("a"))
    del server.live[VALIDATING]["webhooks"][0]["matchConditions"]
    server.drops = True
    server.settle(rendered(guard("a")))
    assert server.policies(VALIDATING) == ["Ignore"]
    closed = in_step(guard("a"))
    del closed.live[VALIDATING]["webhooks"][0]["matchConditions"]
    known = frozenset({"a.validate.statusguard.io"})
    move = registration.standing(rendered(guard("a")), closed.live, known).move
    assert move is not None
    assert move.webhooks[0]["failurePolicy"] == "Ignore"


def test_a_new_rule_opens_no_gap_for_the_others() -> None:
    """With a second guard the first one's webhook stays closed throughout, and the second is trusted at once."""
    server = in_step(guard("a"))
    wanted = rendered(guard("a"), guard("b", resource="keypairs"))
    server.settle(wanted)
    assert server.policies(VALIDATING) == ["Fail", "Fail"]
    replaced = [move for move in server.moves if move.target == VALIDATING]
    assert [move.action for move in replaced] == [Action.REPLACE, Action.CLOSE]
    assert [one["failurePolicy"] for one in replaced[0].webhooks] == ["Fail", "Ignore"]
    assert {one["clientConfig"]["caBundle"] for move in replaced for one in move.webhooks} == {"Q0E="}
    assert server.moves[0].why == "b.mutate.statusguard.io differs from the rules"


def test_what_no_rule_needs_is_removed() -> None:
    """A guard that goes takes its webhook along; a configuration without webhooks goes as a whole."""
    server = in_step(guard("a"), guard("b", resource="keypairs"))
    server.settle(rendered(guard("a")))
    assert [one["name"] for one in server.live[VALIDATING]["webhooks"]] == ["a.validate.statusguard.io"]
    server.moves.clear()
    server.settle(rendered(guard("a", Mode.AUDIT)))
    assert list(server.live) == [MUTATING]
    assert server.moves[-1].why == "no rule needs it any more"


@pytest.mark.parametrize("target", [MUTATING, VALIDATING])
def test_somebody_elses_is_left_alone(target: Name) -> None:
    """A configuration of our name without our label is neither changed nor removed, and the remark says what to do."""
    server = in_step(guard("a"))
    server.live[target]["metadata"]["labels"] = None
    server.live[target]["webhooks"] = []
    before = copy.deepcopy(server.live[target])
    found = server.settle(rendered(guard("b", resource="keypairs")))
    assert server.live[target] == before
    assert "somebody else's" in found.remarks[0]
    assert registration.standing(rendered(guard("b", Mode.DENY)), {MUTATING: server.live[MUTATING]}).move is not None
    foreign = {target: before}
    kept = registration.standing([], foreign)
    assert kept == Standing(None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("namespaceSelector", {"matchLabels": {"guard": "yes"}}),
        ("objectSelector", {"matchLabels": {"guard": "yes"}}),
        ("matchPolicy", "Exact"),
        ("timeoutSeconds", 30),
        ("rules", []),
        ("matchConditions", [{"name": "never", "expression": "false"}]),
    ],
)
def test_a_weakened_webhook_is_put_right(key: str, value: Any) -> None:
    """Whatever somebody changed by hand, so that writes pass unseen, is as the rules say again, and closed again."""
    server = in_step(guard("a"))
    whole = copy.deepcopy(server.live)
    server.live[VALIDATING]["webhooks"][0][key] = value
    assert server.settle(rendered(guard("a"))).in_step
    assert server.live == whole


def test_a_ca_and_what_later_servers_add_are_no_difference() -> None:
    """Rotating certificates, or a field this version does not know, starts no writing."""
    server = in_step(guard("a"))
    server.live = trusting(server.live, "TmV3")
    server.live[VALIDATING]["webhooks"][0]["addedIn"] = "1.40"
    assert registration.standing(rendered(guard("a")), server.live).in_step


def test_a_webhook_that_is_meant_to_fail_open_is_opened() -> None:
    """For a release without matchConditions nothing may fail closed, also where it did before."""
    server = in_step(guard("a"))
    found = server.settle(rendered(guard("a"), version="1.27"))
    assert found.in_step
    assert server.policies(VALIDATING) == ["Ignore"]


def test_another_order_is_put_right() -> None:
    """The order of webhooks is part of what the rules say: the same rules give the same configuration."""
    server = in_step(guard("a"), guard("b", resource="keypairs"))
    server.live[MUTATING]["webhooks"].reverse()
    server.settle(rendered(guard("a"), guard("b", resource="keypairs")))
    assert [move.why for move in server.moves] == ["its webhooks stand in another order"]


def test_many_names_are_a_few_and_a_number() -> None:
    """A sentence about twenty guards stays one that can be read."""
    server = in_step(guard("x"))
    several = [guard(f"g{at}", resource=f"r{at}") for at in range(5)]
    server.settle(rendered(*several))
    assert (
        "g0.mutate.statusguard.io, g1.mutate.statusguard.io, g2.mutate.statusguard.io and 2 more" in server.moves[0].why
    )


_GUARDS: Final = st.lists(
    st.builds(lambda at, mode: guard(f"g{at}", mode, f"r{at}"), st.integers(0, 4), st.sampled_from([*Mode])),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.name,
)
_HARM: Final = st.sampled_from(["matchConditions", "rules", "namespaceSelector", "failurePolicy", "clientConfig"])


@given(before=_GUARDS, after=_GUARDS, harm=st.lists(_HARM, max_size=3), drops=st.booleans(), closed=st.booleans())
def test_every_way_ends_and_none_locks_out(
    before: list[Guard], after: list[Guard], harm: list[str], *, drops: bool, closed: bool
) -> None:
    """From any state, with any server: the moves end, and no webhook ever fails closed without conditions."""
    server = in_step(*before)
    server.drops = drops
    for body in server.live.values():
        for key in harm:
            one = body["webhooks"][0]
            if key == "clientConfig":
                one[key] = {"url": "https://elsewhere.example/"}
            elif key == "failurePolicy":
                one[key] = "Fail" if closed else "Ignore"
            else:
                one.pop(key, None)
    server.settle(rendered(*after))
    for move in server.moves:
        assert all(one.get("matchConditions") for one in move.webhooks if one["failurePolicy"] == "Fail")
    for body in rendered(*after):
        live = server.live[body["kind"], body["metadata"]["name"]]
        assert [one["name"] for one in live["webhooks"]] == [one["name"] for one in body["webhooks"]]
    server.live = trusting(server.live)
    found = server.settle(rendered(*after))
    if not drops:
        assert found.in_step
        for body in rendered(*after):
            policies = server.policies((body["kind"], body["metadata"]["name"]))
            assert policies == [one["failurePolicy"] for one in body["webhooks"]]
