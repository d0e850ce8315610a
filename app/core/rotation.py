"""When to make, publish, serve and forget certificates, so that no certificate is ever served that nobody trusts.

A CA is replaced in this order, each step kept before the next begins:

1. *stage*: the new CA is stored, and signs nothing yet;
2. *publish*: old and new CA stand in every configuration;
3. *settle*: every API server has had the time to notice;
4. *promote*: the new CA signs the leaf that is served from now on, the old one is *retired*;
5. *forget*: a retired CA leaves the configurations when the last leaf it signed has expired, and not before: a server
   that was paused, or cut off, may serve that leaf until then.

A leaf is renewed under the same CA without any of this. Certificates are known here by the SHA-256 of their DER form.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA whose key is at hand.

    Attributes:
        fingerprint: its certificate's.
        renew_at: when it should be replaced.
        ends: when it is no longer valid.
    """

    fingerprint: str
    renew_at: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Leaf:
    """A serving certificate whose key is at hand.

    Attributes:
        issuer: fingerprint of the stored CA that signed it; empty if none of them did.
        names: what it may be called by.
        begins: when it becomes valid.
        renew_at: when it should be renewed.
    """

    issuer: str
    names: frozenset[str]
    begins: datetime
    renew_at: datetime


@dataclass(frozen=True, slots=True)
class Retired:
    """A CA that signs no more.

    Attributes:
        fingerprint: its certificate's.
        until: when the last leaf it signed ends.
    """

    fingerprint: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is stored; a part that is missing or damaged is None."""

    authority: Authority | None = None
    leaf: Leaf | None = None
    staged: Authority | None = None
    retired: tuple[Retired, ...] = ()

    def bundle(self, now: datetime) -> frozenset[str]:
        """The CAs that configurations have to trust."""
        signing = {ca.fingerprint for ca in (self.authority, self.staged) if ca and now < ca.ends}
        return frozenset(signing | {ca.fingerprint for ca in self.retired if now < ca.until})


class Published(NamedTuple):
    """What the configurations say.

    Attributes:
        trusted: the CAs each of their webhooks trusts.
        settled: all of them have trusted the staged CA for so long that every API server knows.
    """

    trusted: tuple[frozenset[str], ...] = ()
    settled: bool = False


class Action(StrEnum):
    """One step; after each the world is looked at anew."""

    CREATE = "create"
    STAGE = "stage"
    PUBLISH = "publish"
    SETTLE = "settle"
    PROMOTE = "promote"
    RENEW = "renew"
    FORGET = "forget"
    NOTHING = "nothing"


class Step(NamedTuple):
    """What to do next, and why, in words that follow "because"."""

    action: Action
    why: str = ""


def next_step(
    held: Holdings,
    published: Published,
    names: AbstractSet[str],
    now: datetime,
    *,
    rotate: bool = False,
) -> Step:
    """The one step that the certificates need next.

    Args:
        held: what is stored. It must have been read after ``published``: then whoever publishes an older bundle than
            the stored one loses the race for the configuration instead of undoing a newer one.
        published: what the configurations say.
        names: what the leaf has to be called by.
        now: the API server's clock, since the API server judges the dates.
        rotate: replace the CA though nothing is wrong with it.
    """
    staged = held.staged if held.staged and now < held.staged.ends else None
    why = _why_replace(held.authority, now, rotate=rotate)
    if why and staged is None:
        trusted_by_nobody = not held.leaf and not held.retired and not any(published.trusted)
        # Where nobody trusts anything yet there is nobody to wait for.
        return Step(Action.CREATE if trusted_by_nobody and not held.authority else Action.STAGE, why)
    wanted = held.bundle(now)
    if any(trusted != wanted for trusted in published.trusted):
        return Step(Action.PUBLISH, _why_publish(wanted, published.trusted))
    if staged:
        if published.trusted and not published.settled:
            return Step(Action.SETTLE, "every API server has to notice the new CA before a leaf of it is served")
        return Step(Action.PROMOTE, "the new CA is published")
    why = _why_renew(held, names, now)
    if why:
        return Step(Action.RENEW, why)
    if any(now >= ca.until for ca in held.retired):
        return Step(Action.FORGET, "the last certificate of a retired CA has expired")
    return Step(Action.NOTHING)


def _why_replace(authority: Authority | None, now: datetime, *, rotate: bool) -> str:
    if authority is None:
        return "there is no usable CA"
    if now >= authority.ends:
        return "the CA has expired"
    if now >= authority.renew_at:
        return "two thirds of the CA's life are over"
    return "it was asked for" if rotate else ""


def _why_publish(wanted: AbstractSet[str], published: tuple[frozenset[str], ...]) -> str:
    if any(wanted - trusted for trusted in published):
        return "a configuration did not trust every CA in use"
    return "a configuration trusted a CA that is not in use"


def _why_renew(held: Holdings, names: AbstractSet[str], now: datetime) -> str:
    leaf, authority = held.leaf, held.authority
    if leaf is None:
        return "there is no usable certificate"
    if authority is None or leaf.issuer != authority.fingerprint:
        return "the certificate is not the CA's own"
    missing = sorted(names - leaf.names)
    if missing:
        return f"the certificate does not cover {', '.join(missing)}"
    if now < leaf.begins:
        return "the certificate is not valid yet by the API server's clock"
    return "two thirds of the certificate's life are over" if now >= leaf.renew_at else ""
