"""What goes wrong, where and how often: a plan that tests write and requests run into."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .record import Record


class Step(StrEnum):
    """The points of a request at which a fault can strike; those of an install stand in Rancher's order."""

    CONNECT = "connect"
    """The balancer has accepted a connection."""

    RECEIVED = "received"
    """The head of a request is there, its body is not read."""

    BODY = "body"
    """Part of the body is read."""

    LOOKUP = "lookup"
    """The caller is known, CSRF is passed and the object was read: what was asked for begins."""

    CHART = "chart"
    """Before the chart is looked up; of an install the body is decoded."""

    USER = "user"
    """The charts are there. What follows is the first side effect."""

    NAMESPACE = "namespace"
    SERVICE_ACCOUNT = "service-account"
    CLUSTER_ROLE = "cluster-role"
    ROLE_BINDING = "cluster-role-binding"
    TOKEN_SECRET = "token-secret"
    SECRETS = "secrets"
    POD = "pod"
    """Before the pod is made. From then on helm runs, whatever becomes of the request."""

    OPERATION = "operation"
    STATUS = "status"
    """The Operation is there, and its status is still empty."""

    ROLE = "role"
    BINDING = "role-binding"
    ANSWER = "answer"
    """The answer is made and not a byte of it sent."""

    MID_ANSWER = "mid-answer"
    """Half of the answer's body is sent."""

    HELM = "helm"
    """Helm has begun: the release is pending."""


class Act(StrEnum):
    """What a fault does."""

    REFUSE = "refuse"
    """Answer with an error of the catalogue; what was made so far stays."""

    RESET = "reset"
    """Reset the connection; the handler ends here."""

    HANG_UP = "hang-up"
    """Close the connection in order, without an answer; the handler ends here."""

    LOSE = "lose"
    """Reset the connection; the handler goes on to its end."""

    SLOW = "slow"
    """Take some seconds longer."""

    STALL = "stall"
    """Never go on."""

    RESTART = "restart"
    """This replica restarts: its connections are reset, its handlers end, its checkouts are lost."""

    DEPOSE = "depose"
    """Another replica becomes the leader."""

    RIVAL = "rival"
    """Somebody else installs the same release now."""

    KILL = "kill"
    """Of helm: its pod is killed, and the release stays pending."""

    FAIL = "fail"
    """Of helm: it fails, with ``error`` as its words."""


@dataclass
class Fault:
    """Strike requests at a step.

    Args:
        at: where.
        do: what.
        on: which requests: install, upgrade, uninstall, info, index, chart, logs, get, list, create, put, users, raw,
            other, or * for all.
        error: for ``REFUSE`` an id of ``errors.catalogue``, for ``FAIL`` helm's words.
        seconds: for ``SLOW``.
        replica: the name of the only replica that it strikes.
        skip: so many requests come through before it strikes.
        times: how many requests it strikes; None strikes for ever.
    """

    at: Step
    do: Act
    on: str = "*"
    error: str = ""
    seconds: float = 0.0
    replica: str | None = None
    skip: int = 0
    times: int | None = 1

    def fits(self, step: Step, on: str, replica: str) -> bool:
        """Whether it strikes there."""
        here = self.at == step and self.on in ("*", on) and self.replica in (None, replica)
        return here and (self.times is None or self.times > 0)


@dataclass(eq=False)
class Faults:
    """The faults that are still to strike."""

    record: Record
    plan: list[Fault] = field(default_factory=list)

    def add(self, at: Step | str, do: Act | str, **details: Any) -> Fault:
        """Plan a fault; the details are those of ``Fault``."""
        fault = Fault(Step(at), Act(do), **details)
        self.plan.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything go well from now on."""
        self.plan.clear()

    def strike(self, step: Step, on: str, replica: str) -> Fault | None:
        """The fault that strikes here, if one does; it is used up by it."""
        for fault in self.plan:
            if fault.fits(step, on, replica):
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                self.record.add("fault", step=str(step), act=str(fault.do), on=on, replica=replica)
                return fault
        return None
