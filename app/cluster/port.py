"""What is asked of a cluster, and the values that cross.

Everything is read with its version and written only to that version, so two who write at once cannot undo each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

OURS: Final = ("app.kubernetes.io/managed-by", "status-guard")
"""The label and its value on what may be changed here. An object without it belongs to somebody else."""


class ClusterError(Exception):
    """The cluster did not do what it was asked; the text says what, to which object, and what to do now."""


class ConflictError(ClusterError):
    """The object was changed since it was read: read it again."""


class Kind(StrEnum):
    """The two kinds of webhook configuration."""

    MUTATING = "MutatingWebhookConfiguration"
    VALIDATING = "ValidatingWebhookConfiguration"


def configuration(text: str) -> tuple[Kind, str]:
    """Read a kind and a name, as in ``mutating/zz-status-guard``.

    Raises:
        ClusterError: the text says no kind, or no name.
    """
    kind, _, name = text.partition("/")
    if kind.upper() not in Kind.__members__ or not name:
        raise ClusterError(
            f"{text!r} names no webhook configuration; write mutating/NAME or validating/NAME, as in"
            " mutating/zz-status-guard"
        )
    return Kind[kind.upper()], name


@dataclass(frozen=True, slots=True)
class Registration:
    """One webhook configuration.

    Attributes:
        kind: which of the two.
        name: its name.
        version: its resourceVersion.
        bundles: for each of its webhooks the ``caBundle``, PEM; empty where there is none.
        ours: whether it carries our label.
    """

    kind: Kind
    name: str
    version: str
    bundles: tuple[bytes, ...]
    ours: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Secret:
    """The Secret that holds the certificates.

    Attributes:
        version: its resourceVersion.
        data: its content, decoded.
        ours: whether it carries our label.
        read_at: the API server's clock when it answered.
    """

    version: str
    data: Mapping[str, bytes]
    ours: bool
    read_at: datetime


class Cluster(Protocol):
    """The four questions that certificates put to a cluster."""

    async def registrations(self) -> tuple[Registration, ...]:
        """The webhook configurations that may be ours; those that do not exist are left out.

        Raises:
            ClusterError: they cannot be read.
        """
        ...

    async def secret(self) -> Secret:
        """The Secret with the certificates.

        Raises:
            ClusterError: it is not there, or cannot be read.
        """
        ...

    async def store(self, before: Secret, data: Mapping[str, bytes]) -> None:
        """Replace the Secret's content.

        Raises:
            ConflictError: it is no longer as it was before.
            ClusterError: it cannot be written.
        """
        ...

    async def publish(self, before: Registration, bundle: bytes) -> None:
        """Make every webhook of a configuration trust the bundle; nothing else in it changes.

        Raises:
            ConflictError: it is no longer as it was before.
            ClusterError: it cannot be written.
        """
        ...
