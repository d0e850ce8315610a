"""One UIPlugin of Rancher's: whether the dashboard can load the extension."""

from app.core.gate.reading import integer, member, text


def ready(plugin: object) -> bool:
    """Whether its latest spec is served. A line without ``status.ready`` says so by ``cacheState`` alone.

    The status is shared by every replica, the last writer wins: a user's replica can still be behind.
    """
    generation = integer(plugin, "metadata", "generation") or 0
    if (integer(plugin, "status", "observedGeneration") or 0) < generation or words(plugin):
        return False
    said = member(plugin, "status", "ready")
    if said is None:
        return text(plugin, "status", "cacheState") in {"cached", "disabled"}
    return said is True


def words(plugin: object) -> str:
    """What the controller says went wrong."""
    return text(plugin, "status", "error")
