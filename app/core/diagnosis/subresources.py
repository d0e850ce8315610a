"""Are there guards whose CRD has a status subresource, or the reverse?"""

from collections.abc import Iterator

from app.core.diagnosis.finding import Check, Finding, Level
from app.core.diagnosis.observation import Observations, Unseen
from app.core.diagnosis.registration import named
from app.core.exposure.definition import Definition
from app.core.guard import Guard


def fitting(seen: Observations) -> Iterator[Finding]:
    """A row for each guard."""
    for guard in seen.guards:
        name = f"{guard.target.resource}.{guard.target.group}"
        definition = seen.definitions.get(name)
        if isinstance(definition, Unseen):
            why = "a guard on the wrong side of the subresource sees no loss"
            what = f"{named(guard)}: not looked at: {definition.why}"
            yield Finding(Check.SUBRESOURCE, Level.WARNING, guard.name, what, why, definition.right)
        elif definition is None:
            what = f"there is no CustomResourceDefinition {name}"
            why = "the guard waits for it; if it is misspelt, it waits for ever"
            mend = f"{seen.commands.kubectl} get crds | grep {guard.target.resource}"
            yield Finding(Check.SUBRESOURCE, Level.INFO, guard.name, what, why, mend)
        else:
            yield _of(guard, definition, seen)


def _of(guard: Guard, definition: Definition, seen: Observations) -> Finding:
    covered = [one for one in definition.served if guard.target.covers(one.name)]
    if not covered:
        served = ", ".join(one.name for one in definition.served)
        what = f"none of its versions is served; {definition.name} has {served}"
        why = "no write is of a version that the guard looks after"
        return Finding(Check.SUBRESOURCE, Level.ERROR, guard.name, what, why, _edit(guard, "versions: ['*']", seen))
    has = {one.name: one.subresources is not None and one.subresources.status is not None for one in covered}
    wrong = [version for version, there in has.items() if there is not guard.target.status_subresource]
    if not wrong:
        side = (
            "has the status subresource it guards" if guard.target.status_subresource else "has no status subresource"
        )
        return Finding(Check.SUBRESOURCE, Level.OK, guard.name, f"{definition.name} {side}, as the guard says")
    versions = ", ".join(wrong)
    if guard.target.status_subresource:
        what = f"{definition.name} has no status subresource in {versions}, and the guard looks after it"
        why = "the guard is never asked, and a write to the object can remove the status"
        mend = _edit(guard, "statusSubresource: false", seen)
    else:
        what = f"{definition.name} has a status subresource in {versions}, and the guard does not look after it"
        why = "a write to the object cannot lose status there; one to /status can, and the guard does not see it"
        mend = _edit(guard, "statusSubresource: true", seen)
    return Finding(Check.SUBRESOURCE, Level.ERROR, guard.name, what, why, mend)


def _edit(guard: Guard, line: str, seen: Observations) -> str:
    """What to write into the rule, and how it gets into force."""
    place = seen.places.get(guard.name, f"the document of guard {guard.name}")
    return f"write '{line}' in {place}, then: {seen.register}"
