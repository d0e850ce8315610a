"""A CustomResourceDefinition (apiextensions.k8s.io/v1), as far as exposure reads it."""

from typing import Any, TypeAlias

from msgspec import Struct, field

Schema: TypeAlias = dict[str, Any]
"""A node of an OpenAPI v3 schema, as the definition spells it."""

PRESERVES = "x-kubernetes-preserve-unknown-fields"


class Subresources(Struct, frozen=True):
    """``versions[].subresources``; ``status: {}`` is there or not, it says nothing more."""

    status: dict[str, Any] | None = None


class Validation(Struct, frozen=True, rename={"schema": "openAPIV3Schema"}):
    """``versions[].schema``."""

    schema: Schema = field(default_factory=dict)


class Version(Struct, frozen=True):
    """One of ``versions``."""

    name: str
    served: bool = False
    storage: bool = False
    schema: Validation = field(default_factory=Validation)
    subresources: Subresources | None = None

    @property
    def root(self) -> Schema:
        """The schema of a whole object."""
        return self.schema.schema

    @property
    def status(self) -> Schema:
        """The schema of its status; empty where it says nothing of one."""
        found = (self.root.get("properties") or {}).get("status")
        return found if isinstance(found, dict) else {}


class Names(Struct, frozen=True):
    """``spec.names``."""

    plural: str
    kind: str


class Spec(Struct, frozen=True, rename="camel"):
    """``spec``."""

    group: str
    names: Names
    scope: str
    versions: list[Version]
    preserve_unknown_fields: bool = False
    """As definitions made before apiextensions.k8s.io/v1 may still say: no field is dropped, whatever the schema."""


class Definition(Struct, frozen=True):
    """A definition."""

    spec: Spec

    @property
    def name(self) -> str:
        """``plural.group``, which is the definition's name as well."""
        return f"{self.spec.names.plural}.{self.spec.group}"

    @property
    def namespaced(self) -> bool:
        """Whether its objects live in namespaces."""
        return self.spec.scope == "Namespaced"

    @property
    def served(self) -> tuple[Version, ...]:
        """The versions that clients can use."""
        return tuple(version for version in self.spec.versions if version.served)
