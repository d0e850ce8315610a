"""The StatusGuard document: every key it may have, with its default. Messages take the known keys from here."""

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.core.guard import Mode, OnLoss, WhenSpecAlsoChanges
from app.rules import forms
from app.rules.forms import form

T = TypeVar("T")

Entries: TypeAlias = Annotated[tuple[T, ...], Field(strict=False)]
"""A YAML list; strict pydantic would insist on a Python tuple."""
Choice: TypeAlias = Annotated[T, Field(strict=False)]
"""An enumeration by its value; strict pydantic would insist on the Python member."""

Text: TypeAlias = Annotated[str, form(forms.text)]
LabelKey: TypeAlias = Annotated[str, form(forms.label_key)]
LabelValue: TypeAlias = Annotated[str, form(forms.label_value)]
StatusPath: TypeAlias = Annotated[str, form(forms.path)]
Period: TypeAlias = Annotated[str, form(forms.period)]
Writer: TypeAlias = Annotated[str, form(forms.writer)]
ConditionStatus: TypeAlias = Literal["True", "False", "Unknown"]


class DocumentPart(BaseModel):
    """A mapping of the document: unknown keys and values of another type are mistakes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Metadata(DocumentPart):
    """``metadata``: the guard's name, as messages and metrics use it."""

    name: Annotated[str, form(forms.name)]


class TargetPart(DocumentPart):
    """``spec.target``: the kind that is guarded."""

    group: Annotated[str, form(forms.group)]
    versions: Annotated[Entries[Annotated[str, form(forms.version)]], form(forms.versions)] = ("*",)
    resource: Annotated[str, form(forms.resource)]
    status_subresource: bool
    """No default: with the wrong value a guard would look at requests that never lose anything."""


class WritersPart(DocumentPart):
    """``spec.writers``: who may shrink status."""

    service_accounts: Entries[Annotated[str, form(forms.service_account)]] = ()
    users: Entries[Writer] = ()
    groups: Entries[Writer] = ()


class ListPart(DocumentPart):
    """One entry of ``spec.protect.lists``."""

    path: StatusPath
    key: Text


class ProtectPart(DocumentPart):
    """``spec.protect``: what is protected beside the whole status."""

    fields: Entries[StatusPath] = ()
    maps: Entries[StatusPath] = ()
    lists: Entries[ListPart] = ()
    labels: Entries[LabelKey] = ()
    finalizers: Entries[LabelKey] = ()
    owner_references: bool = False


class WhenPart(DocumentPart):
    """``when`` of a ``spec.final`` entry: the labels, each with the values, that make an object a finished one."""

    labels: Annotated[
        dict[LabelKey, Annotated[Entries[LabelValue], form(forms.something)]],
        form(forms.something),
    ]


class KeepPart(DocumentPart):
    """``keep`` of a ``spec.final`` entry."""

    labels: Entries[LabelKey] = ()
    conditions: dict[Text, ConditionStatus] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _keeps_something(self) -> "KeepPart":
        if not self.labels and not self.conditions:
            raise PydanticCustomError("form", "{why}", {"why": "keeps nothing; name labels or conditions"})
        return self


class FinalPart(DocumentPart):
    """One entry of ``spec.final``."""

    when: WhenPart
    keep: KeepPart


class OverridePart(DocumentPart):
    """``spec.override``: the break-glass annotation; without this part there is none."""

    max_duration: Period


class KeeperPart(DocumentPart):
    """``spec.keeper``: how the keeper treats this kind."""

    revisions: Annotated[int, Field(ge=1, le=100)] = 10
    """Each is an object in etcd; a hundred of 64 KB for one resource are 6.4 MB."""
    ignore: Entries[Annotated[str, form(forms.ignored)]] = ()
    min_interval: Period = "30s"
    never_removed: Entries[Annotated[str, form(forms.pattern)]] = ()
    on_loss: Choice[OnLoss] = OnLoss.REPORT

    @model_validator(mode="after")
    def _can_repair(self) -> "KeeperPart":
        if self.on_loss is OnLoss.REPAIR and not self.never_removed:
            why = "has onLoss: Repair, but only what neverRemoved names may be repaired, and it names nothing"
            raise PydanticCustomError("form", "{why}", {"why": why})
        return self


class Spec(DocumentPart):
    """``spec``."""

    target: TargetPart
    mode: Choice[Mode] = Mode.RESTORE
    writers: WritersPart = WritersPart()
    protect: ProtectPart = ProtectPart()
    empty_status: Entries[dict[str, Any]] = ()
    final: Entries[FinalPart] = ()
    when_spec_also_changes: Choice[WhenSpecAlsoChanges] = WhenSpecAlsoChanges.RESTORE
    override: OverridePart | None = None
    keeper: KeeperPart = KeeperPart()


class StatusGuard(DocumentPart):
    """The whole document."""

    api_version: Literal["statusguard.io/v1alpha1"]
    kind: Literal["StatusGuard"]
    metadata: Metadata
    spec: Spec
