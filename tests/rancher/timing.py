"""How long things take, in seconds of the stand-in's clock."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The durations of one Rancher; `dataclasses.replace` makes another."""

    follower_lag: float = 5.0
    """From the leader's write of status.commit to a follower's finished checkout; 5 s were seen in dashboard#17543."""

    cache_lag: float = 0.05
    """How far a replica's informers are behind: chart lookups read ClusterRepos and ConfigMaps through them."""

    list_lag: float = 0.5
    """How far Steve's cached lists are behind what the API server has."""

    watch: float = 0.1
    """From a change to the start of the controller that looks at it."""

    step: float = 0.02
    """Each call to the API server that an install makes."""

    token_poll: float = 2.0
    """The service account's token secret is looked for at this interval; the first look never finds it."""

    pod_start: float = 2.0
    helm: float = 5.0
    """What helm needs for one chart."""

    app_lag: float = 0.5
    """From the release secret to the App that mirrors it."""

    plugin: float = 2.0
    """What one replica needs to cache a UI plugin."""

    pod_kept: float = 1800.0
    """From the end of helm to the end of its pod; a failed Operation then turns active."""

    operation_kept: float = 3600.0
    """From its start until an Operation and all that belongs to it vanish."""

    election: float = 45.0
    """Without a leader: the lease of a replica that died has to run out."""

    restart: float = 20.0
    """From the end of a replica to its return."""
