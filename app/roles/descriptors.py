"""Open files: each connection is one, and the limit that a shell or a container gives is often lower than needed."""

import resource

from app.telemetry import log


def require(wanted: int) -> None:
    """Raise this process's limit of open files as far as it may be raised; log a warning if that is not enough.

    Args:
        wanted: files, connections among them, that may be open at once.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        within = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (within, hard))
        soft = within
    if soft != resource.RLIM_INFINITY and soft < wanted:
        log.warning(
            "too few open files are allowed; callers beyond that will get no connection",
            allowed=soft,
            wanted=wanted,
            remedy="raise the limit (ulimit -Hn, LimitNOFILE=, the container runtime's default) or lower --most-held",
        )
