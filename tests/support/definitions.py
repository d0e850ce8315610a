"""CustomResourceDefinitions of the shapes that clusters have, as plain objects."""

from typing import Any, Final

import msgspec

from app.core.exposure.definition import Definition

TEXT: Final = {"type": "string"}
ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CONDITIONS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "status"],
        "properties": dict.fromkeys(
            ("type", "status", "reason", "message", "lastUpdateTime", "lastTransitionTime"), TEXT
        ),
    },
}
UPGRADE_STATUS: Final = {
    "type": "object",
    "properties": {
        "conditions": CONDITIONS,
        "imageID": TEXT,
        "nodeStatuses": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"state": TEXT, "reason": TEXT, "message": TEXT},
            },
        },
        "previousVersion": TEXT,
        "repoInfo": TEXT,
        "singleNode": TEXT,
        "upgradeLog": TEXT,
    },
}
"""As Harvester's Upgrade has it, versions 1.2.2 to 1.9."""


def version(status: Any = None, *, name: str = "v1beta1", subresource: bool = False, **more: Any) -> dict[str, Any]:
    """One version; ``root`` adds to the schema of the object, anything else to the version."""
    properties = {"spec": ANYTHING} | ({} if status is None else {"status": status})
    schema = {"type": "object", "properties": properties} | more.pop("root", {})
    found = {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return found | ({"subresources": {"status": {}}} if subresource else {}) | more


def definition(plural: str, *versions: dict[str, Any], group: str = "harvesterhci.io", **spec: Any) -> dict[str, Any]:
    """A definition as one would apply it; ``scope`` and the like go into its spec."""
    kind = plural[:-1].capitalize()
    names = {"plural": plural, "singular": plural[:-1], "kind": kind, "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": list(versions)} | spec,
    }


def read(body: dict[str, Any]) -> Definition:
    """A definition as the scan reads it."""
    return msgspec.json.decode(msgspec.json.encode(body), type=Definition)


HARVESTER: Final = {
    "upgrades": definition("upgrades", version(UPGRADE_STATUS)),
    "settings": definition(
        "settings", version({"type": "object", "properties": {"conditions": CONDITIONS}}), scope="Cluster"
    ),
    "blockdevices": definition(
        "blockdevices",
        version(
            {
                "type": "object",
                "required": ["provisionPhase", "state"],
                "properties": {"provisionPhase": TEXT, "state": TEXT, "conditions": CONDITIONS},
            },
            root={"required": ["spec", "status"]},
        ),
    ),
    "addons": definition("addons", version({"type": "object", "properties": {"status": TEXT}}, subresource=True)),
    "preferences": definition("preferences", version()),
}
"""One of each shape that Harvester has: no subresource, cluster-scoped, status required, with a subresource, none."""
