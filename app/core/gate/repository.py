"""The predicate on a ClusterRepo: can an install from it succeed, as far as its object tells?

Necessary, not sufficient: no field speaks for a replica that has not caught up, which is what ``probe`` is for. What a
field is worth differs by kind and by Rancher's version (2.10 to 2.15), and these rules hold for all of them:

- ``FollowerDownloaded`` (until 2.14) proves nothing: the last replica wins, and it is True before there is a commit. It
  is not looked at. Neither is ``metadata.state``: an object without status is "active" there.
- A failed refresh leaves the old index and checkout in place, and they install. So ``Downloaded=False`` blocks only
  where there is no usable index, and ``Downloaded=True`` without an index (disabled, no source) does not help.
- ``observedGeneration`` can lag because ``forceUpdate`` moved, which the dashboard does on every visit and which
  changes nothing that an install reads: see ``_generation``. In old lines followers write this field too, so a current
  one proves little; source, branch and index are compared on their own.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from app.core.gate.cluster_repo import ClusterRepo, Kind, read, spec_without_force_update
from app.core.gate.readiness import Check, CheckId, Outcome, Readiness
from app.core.gate.reading import Unread, items, member, same_version, text

INDEX_SETTLES: Final = timedelta(seconds=10)
"""How old an index has to be before a chart that is not in it is called missing for good: a replica may still answer
with the index before. The longest lag on record is a checkout's, 5 seconds (dashboard#17543), and an index needs no
checkout; twice that also bears clocks that differ a little."""

_NOTHING_TO_READ: Final = {
    Unread.ABSENT: (Outcome.WAITING, "There is no such repository; create it, or check its name."),
    Unread.FORBIDDEN: (Outcome.FINAL, "This user may not read the repository; ask for the right to."),
    Unread.NOT_SERVED: (Outcome.WAITING, "Rancher does not serve repositories here yet, or not to this user."),
    Unread.FAILED: (Outcome.WAITING, "The repository could not be read just now."),
}


class WantedChart(Struct, frozen=True, gc=False):
    """A chart to install. Without a version Rancher takes the newest."""

    name: str
    version: str = ""


class Known(Struct, frozen=True, gc=False):
    """What the gate knows beside the object.

    Attributes:
        index: versions by chart, None if the index was not read. Read it with ``skipFilter``, as the install does.
        index_owner: uid in the index ConfigMap's owner reference; empty if not known.
        processed_spec: ``spec_without_force_update`` of the same object (by uid) at a time when its generation was
            observed; None if the gate has not seen that.
    """

    index: Mapping[str, AbstractSet[str]] | None = None
    index_owner: str = ""
    processed_spec: Mapping[str, object] | None = None


NOTHING: Final = Known()


def versions(index: object) -> dict[str, frozenset[str]]:
    """Versions by chart, from the parsed answer to ``link=index``."""
    entries = member(index, "entries")
    if not isinstance(entries, dict):
        return {}
    return {name: frozenset(text(entry, "version") for entry in items(entries, name)) for name in entries}


def assess(repository: object, charts: tuple[WantedChart, ...], now: datetime, known: Known = NOTHING) -> Readiness:
    """Check a ClusterRepo.

    Args:
        repository: the parsed object, in Rancher's form or Kubernetes' own, or why it was not read (``Unread``).
        charts: what is to be installed from it.
        now: the time.
        known: what else was observed.
    """
    if isinstance(repository, Unread):
        return _unread(repository, charts)
    seen = read(repository)
    generation = _generation(seen, spec_without_force_update(repository), known)
    current = seen.observed >= seen.generation
    checks = (
        Check(CheckId.EXISTS, Outcome.PASSED, "The repository exists."),
        _stays(seen),
        _enabled(seen),
        _source(seen),
        _downloaded(seen, current=current),
        _index(seen),
        _index_owner(seen, known),
        _url(seen),
        _branch(seen),
        _commit(seen),
        generation,
        *(_chart(seen, chart, known, now, current=current) for chart in charts),
    )
    return Readiness(checks, seen.next_look, _nudge_helps(seen, checks, current=current))


def _unread(why: Unread, charts: tuple[WantedChart, ...]) -> Readiness:
    """The checks where there is no object: one speaks, the others have nothing to look at."""
    outcome, sentence = _NOTHING_TO_READ[why]
    others = [identity for identity in CheckId if identity not in {CheckId.EXISTS, CheckId.CHART}]
    return Readiness(
        (
            Check(CheckId.EXISTS, outcome, sentence),
            *(_not_applicable(identity, "There is no object to look at.") for identity in others),
            *(_not_applicable(CheckId.CHART, "There is no object to look at.", chart.name) for chart in charts),
        )
    )


def _not_applicable(identity: CheckId, why: str, subject: str = "") -> Check:
    return Check(identity, Outcome.NOT_APPLICABLE, why, subject=subject)


def _either(identity: CheckId, holds: tuple[bool, str], otherwise: tuple[Outcome, str]) -> Check:
    passed, sentence = holds
    return Check(identity, Outcome.PASSED, sentence) if passed else Check(identity, *otherwise)


def _stays(seen: ClusterRepo) -> Check:
    waits = "The repository is being deleted; create it again when it is gone."
    return _either(CheckId.NOT_DELETING, (not seen.deleting, "The repository stays."), (Outcome.WAITING, waits))


def _enabled(seen: ClusterRepo) -> Check:
    final = "The repository is disabled, so Rancher does not download it; set spec.enabled to true."
    return _either(CheckId.ENABLED, (seen.enabled, "The repository is enabled."), (Outcome.FINAL, final))


def _source(seen: ClusterRepo) -> Check:
    final = "The repository names no source; set spec.url or spec.gitRepo."
    holds = (seen.kind is not Kind.NONE, f"The repository's charts come over {seen.kind}.")
    return _either(CheckId.SOURCE, holds, (Outcome.FINAL, final))


def _downloaded(seen: ClusterRepo, *, current: bool) -> Check:
    """The condition of the kind. A failure does not block where what there was before it still installs."""
    if seen.usable and seen.failed:
        sentence = "The last refresh failed; the index from before still serves."
        return Check(CheckId.DOWNLOADED, Outcome.PASSED, sentence, seen.words)
    if seen.usable or (seen.downloaded and seen.downloaded.true):
        return Check(CheckId.DOWNLOADED, Outcome.PASSED, "The repository was downloaded.")
    if not seen.failed:
        return Check(CheckId.DOWNLOADED, Outcome.WAITING, "The first download has not ended yet.", seen.words)
    if not current:
        sentence = "The download failed, and the repository was changed since; Rancher tries again."
        return Check(CheckId.DOWNLOADED, Outcome.WAITING, sentence, seen.words)
    if seen.refused:
        sentence = "The registry refused, and Rancher does not ask again; correct address or credentials, then refresh."
        return Check(CheckId.DOWNLOADED, Outcome.FINAL, sentence, seen.words)
    if seen.interval < 0:
        sentence = "The download failed, and with a negative refreshInterval Rancher does not try again by itself."
        return Check(CheckId.DOWNLOADED, Outcome.FINAL, sentence, seen.words)
    when = f" at {seen.next_look:%Y-%m-%dT%H:%M:%SZ}" if seen.next_look else ""
    return Check(CheckId.DOWNLOADED, Outcome.WAITING, f"The download failed; Rancher tries again{when}.", seen.words)


def _index(seen: ClusterRepo) -> Check:
    waits = (Outcome.WAITING, "There is no index of the repository yet.")
    return _either(CheckId.INDEX, (bool(seen.index_name), "There is an index of the repository."), waits)


def _index_owner(seen: ClusterRepo, known: Known) -> Check:
    """An index made for a repository of the same name that was deleted is refused by Rancher with a 401."""
    owner = known.index_owner or seen.index_uid
    if not owner or not seen.uid:
        return _not_applicable(CheckId.INDEX_OWNER, "It is not known which repository the index was made for.")
    waits = "The repository was created anew, and the index is still that of the one before."
    holds = (owner == seen.uid, "The index was made for this repository.")
    return _either(CheckId.INDEX_OWNER, holds, (Outcome.WAITING, waits))


def _url(seen: ClusterRepo) -> Check:
    waits = "The repository's address is not the one that was downloaded; Rancher has to download it anew."
    holds = (seen.url == seen.wanted_url, "The index came from the repository's address.")
    return _either(CheckId.URL, holds, (Outcome.WAITING, waits))


def _branch(seen: ClusterRepo) -> Check:
    if seen.kind is not Kind.GIT:
        return _not_applicable(CheckId.BRANCH, "Only a Git repository has branches.")
    waits = "The repository's branch is not the one that was downloaded; Rancher has to download it anew."
    holds = (seen.branch == seen.wanted_branch, "The index came from the repository's branch.")
    return _either(CheckId.BRANCH, holds, (Outcome.WAITING, waits))


def _commit(seen: ClusterRepo) -> Check:
    if seen.kind is not Kind.GIT:
        return _not_applicable(CheckId.COMMIT, "Only a Git repository has commits.")
    waits = (Outcome.WAITING, "There is no commit yet that the replicas of Rancher could check out.")
    return _either(CheckId.COMMIT, (bool(seen.commit), "The index was built from a commit."), waits)


def _generation(seen: ClusterRepo, spec: Mapping[str, object], known: Known) -> Check:
    """Whether the controller has seen the spec, ``forceUpdate`` apart.

    Told apart by memory where there is one: the rest of the spec is as it was when it was last processed. Without a
    memory, by ``forceUpdate`` itself: it is younger than the last download, so it is what waits. Should another field
    have changed in the same write, then source and branch are compared by their own checks, and what is left (such as
    a tag filter) cannot take a chart out of the index that is in use. managedFields would not tell more: a PUT claims
    every field for its manager; ``shouldNotSkip`` speaks of the controller's next run, not of the last change.
    """
    if seen.observed >= seen.generation:
        return Check(CheckId.GENERATION, Outcome.PASSED, "Rancher has seen the repository's latest change.")
    if known.processed_spec is not None:
        only_asked = known.processed_spec == spec
    else:
        force, last = seen.force_update, seen.download_time
        only_asked = force is not None and last is not None and force > last
    if only_asked and seen.usable:
        sentence = "A refresh was asked for and is under way; what was downloaded before serves meanwhile."
        return Check(CheckId.GENERATION, Outcome.PASSED, sentence)
    return Check(CheckId.GENERATION, Outcome.WAITING, "Rancher has not yet seen the repository's latest change.")


def _chart(seen: ClusterRepo, chart: WantedChart, known: Known, now: datetime, *, current: bool) -> Check:
    """Whether the index has the chart. It is missing for good only from an index that is up to date and settled."""
    title = f"{chart.name} {chart.version}".rstrip()
    if known.index is None:
        return _not_applicable(CheckId.CHART, f"The index was not read; the probe tells about {title}.", chart.name)
    held = known.index.get(chart.name, frozenset())
    if held and (not chart.version or any(same_version(chart.version, version) for version in held)):
        return Check(CheckId.CHART, Outcome.PASSED, f"The index has {title}.", subject=chart.name)
    settled = seen.download_time is not None and now - seen.download_time >= INDEX_SETTLES
    if settled and current and seen.usable and not seen.failed and not seen.again:
        sentence = f"The repository has no {title}; check name and version."
        return Check(CheckId.CHART, Outcome.FINAL, sentence, subject=chart.name)
    return Check(CheckId.CHART, Outcome.WAITING, f"The index does not have {title} yet.", subject=chart.name)


def _nudge_helps(seen: ClusterRepo, checks: tuple[Check, ...], *, current: bool) -> bool:
    """Whether moving ``forceUpdate`` could change the verdict: something failed or is missing, nothing is under way.

    Rancher resets its retries when the generation moves. A registry that refused would refuse again.
    """
    final = {check.id for check in checks if check.outcome is Outcome.FINAL}
    if not current or seen.again or seen.deleting or seen.refused or final - {CheckId.DOWNLOADED, CheckId.CHART}:
        return False
    blocked = any(check.outcome in {Outcome.WAITING, Outcome.FINAL} for check in checks)
    return blocked and (seen.failed or CheckId.CHART in final)
