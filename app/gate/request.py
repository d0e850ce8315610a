"""What the gate is asked to do: one install or upgrade, read and verified by the edge."""

from dataclasses import dataclass, field

from app.core.gate.body import InstallBody
from app.core.gate.origin import Caller
from app.core.gate.preferences import Preferences
from app.gate.port import Credential, Post


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """An install as it came, with what is known of it.

    Attributes:
        post: what goes to Rancher, byte for byte.
        body: what the body asks for.
        credential: by which Rancher knows the caller; every read is done with it.
        caller: the same without the secret; installs are counted by its fingerprint.
        preferences: how the caller wants to wait.
        user: the Rancher user's id, as Rancher itself said it (``Rancher.user``).
    """

    post: Post
    body: InstallBody
    credential: Credential = field(repr=False)
    caller: Caller
    preferences: Preferences
    user: str
