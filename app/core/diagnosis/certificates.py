"""Is each webhook's address reachable, does its caBundle verify the certificate that is served there, and until when?

From outside of a cluster a Service's name means nothing. Then a dry-run loss that came back is what proves the rest:
the API server itself has called the webhook, by that address and trusting that bundle.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Address, Observations, Outcome, Reach, Served, Webhook

SOON: Final = timedelta(days=30)
"""As long before the end it is said; `certs ensure` renews a year's certificate four months before."""

_DOWN: Final = "the API server cannot ask the webhook: it fails open or refuses lossy writes, as failurePolicy says"
_REFUSED: Final = "the API server refuses the connection, so the webhook is never asked: failurePolicy decides"


def reachable(seen: Observations) -> Iterator[Finding]:
    """A row for each address."""
    for address, served, hooks in _by_address(seen):
        yield _reachable(address, served, hooks, seen)
    for hook in seen.ours:
        if hook.address is None:
            what = f"webhook {hook.name} says neither a Service nor an https address"
            yield Finding(Check.REACHABLE, Level.ERROR, f"{hook.side} {hook.configuration}", what, _DOWN, seen.register)


def _reachable(address: Address, served: Served, hooks: list[Webhook], seen: Observations) -> Finding:
    subject = str(address)
    if served.reach is Reach.REACHED:
        by = "" if served.by == subject else f", by {served.by}"
        return Finding(Check.REACHABLE, Level.OK, subject, f"it answers{by}")
    if served.reach is Reach.FAILED:
        what = f"it does not answer by {served.by}: {served.said}"
        return Finding(Check.REACHABLE, Level.ERROR, subject, what, _DOWN, _look(address, seen))
    if _proven(hooks, seen):
        what = "the API server reaches it: a dry-run loss came back restored or denied (its name means nothing here)"
        return Finding(Check.REACHABLE, Level.OK, subject, what)
    why = "only whoever can reach it can look at its certificate"
    what = f"its name means nothing here ({served.said}), so it was not connected to"
    return Finding(Check.REACHABLE, Level.INFO, subject, what, why, _tunnel(address, seen))


def trust(seen: Observations) -> Iterator[Finding]:
    """A row for each address and bundle."""
    for (address, bundle), served in seen.served.items():
        hooks = [one for one in seen.ours if (one.address, one.bundle) == (address, bundle)]
        where = ", ".join(sorted({f"{one.side} {one.configuration}" for one in hooks}))
        if not bundle and address.service:
            what = f"{where}: there is no caBundle"
            why = "no public CA signs the name of a Service, so the API server refuses the connection"
            yield Finding(Check.TRUST, Level.ERROR, str(address), what, why, _ensure(address, seen))
        elif served.reach is Reach.REACHED and served.refused:
            what = f"{where}: the caBundle does not verify the certificate served at {served.by}: {served.refused}"
            yield Finding(Check.TRUST, Level.ERROR, str(address), what, _REFUSED, _ensure(address, seen))
        elif served.reach is Reach.REACHED:
            what = f"{where}: the caBundle verifies the certificate that is served"
            yield Finding(Check.TRUST, Level.OK, str(address), what)
        elif _proven(hooks, seen):
            what = f"{where}: the API server trusts what is served, as a dry-run loss shows"
            yield Finding(Check.TRUST, Level.OK, str(address), what)
        else:
            what = f"{where}: not looked at, because {address} was not reached from here"
            yield Finding(Check.TRUST, Level.INFO, str(address), what, _REFUSED, _tunnel(address, seen))


def expiry(seen: Observations) -> Iterator[Finding]:
    """A row for each address whose certificate was seen, and for each bundle whose last CA ends soon."""
    for address, served, _ in _by_address(seen):
        if served.begins is not None and served.ends is not None:
            yield _expiry(address, served.begins, served.ends, seen)
    for (address, _), served in seen.served.items():
        if served.trusted_until and served.trusted_until - seen.now < SOON:
            what = f"the last CA in the caBundle ends on {_said(served.trusted_until)}"
            level = Level.ERROR if seen.now >= served.trusted_until else Level.WARNING
            yield Finding(Check.EXPIRY, level, str(address), what, _REFUSED, _ensure(address, seen))


def _expiry(address: Address, begins: datetime, ends: datetime, seen: Observations) -> Finding:
    subject, mend = str(address), _ensure(address, seen)
    if seen.now >= ends:
        return Finding(Check.EXPIRY, Level.ERROR, subject, f"the certificate ended on {_said(ends)}", _REFUSED, mend)
    if seen.now < begins:
        what = f"the certificate is not valid before {_said(begins)}"
        return Finding(Check.EXPIRY, Level.ERROR, subject, what, _REFUSED, mend)
    if ends - seen.now < SOON:
        what = f"the certificate ends on {_said(ends)}, in {(ends - seen.now).days} days"
        why = "it should have been renewed long before: whatever renews it does not run, or fails"
        return Finding(Check.EXPIRY, Level.WARNING, subject, what, why, mend)
    return Finding(Check.EXPIRY, Level.OK, subject, f"the certificate ends on {_said(ends)}")


def _said(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _by_address(seen: Observations) -> Iterator[tuple[Address, Served, list[Webhook]]]:
    """Each address once, with the best that is known of it."""
    for address in dict.fromkeys(address for address, _ in seen.served):
        found = [served for (one, _), served in seen.served.items() if one == address]
        hooks = [one for one in seen.ours if one.address == address]
        yield address, found[0], hooks


def _proven(hooks: list[Webhook], seen: Observations) -> bool:
    """Whether the API server has called one of these in a dry run and got an answer."""
    answered = {one.guard for one in seen.trials if one.outcome in {Outcome.RESTORED, Outcome.DENIED, Outcome.WARNED}}
    return any(hook.guard in answered for hook in hooks)


def _tunnel(address: Address, seen: Observations) -> str:
    if not address.service:
        return f"{seen.commands.kubectl} run look --rm -i --image=curlimages/curl -- curl -kv https://{address}"
    namespace, name = address.service
    forward = f"{seen.commands.kubectl} -n {namespace} port-forward service/{name} 18443:{address.port}"
    return f"{forward} & {seen.commands.doctor} --endpoint 127.0.0.1:18443"


def _look(address: Address, seen: Observations) -> str:
    if not address.service:
        return f"curl -kv https://{address}"
    namespace, name = address.service
    return f"{seen.commands.kubectl} -n {namespace} get service/{name} endpointslices,pods"


def _ensure(address: Address, seen: Observations) -> str:
    if not address.service:
        return seen.register
    namespace, name = address.service
    return f"{seen.commands.ensure} --namespace {namespace} --service {name}"
