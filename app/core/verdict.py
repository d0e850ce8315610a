"""What the decision comes to: one frozen value, for the webhook, the command line, the keeper and the tests."""

from enum import StrEnum

from msgspec import Struct

from app.core.rule_ids import RuleId


class Endpoint(StrEnum):
    """Which of the two webhooks asks; only the mutating one may put something back."""

    MUTATE = "mutate"
    VALIDATE = "validate"


class Action(StrEnum):
    """What becomes of the write."""

    ALLOWED = "allowed"
    EXEMPTED = "exempted"  # something was lost, and that is forgiven
    AUDITED = "audited"
    WARNED = "warned"
    RESTORED = "restored"
    DENIED = "denied"


class Finding(Struct, frozen=True, gc=False):
    """One thing a rule found; ``path`` is a JSON Pointer into the object, a list item's last part is ``key=value``."""

    rule: RuleId
    path: str
    message: str


class Verdict(Struct, frozen=True, gc=False):
    """The answer to one review.

    Attributes:
        action: what becomes of the write.
        rules: the rules that made it so, the deciding one first; never empty.
        guard: the name of the guard that applied, empty if none did.
        findings: what would be lost or undone, whether or not anything is done about it.
        patch: the text of a JSON Patch, empty when there is nothing to put back.
        warnings: for the caller, each of at most 200 characters.
        audit_annotations: for the API server's audit log.
        message: why the write is denied; empty otherwise.
        hints: what a denied caller can do, as findings without a loss.
    """

    action: Action
    rules: tuple[RuleId, ...]
    guard: str = ""
    findings: tuple[Finding, ...] = ()
    patch: bytes = b""
    warnings: tuple[str, ...] = ()
    audit_annotations: dict[str, str] = {}
    message: str = ""
    hints: tuple[Finding, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the write goes on."""
        return self.action is not Action.DENIED
