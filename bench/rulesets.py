"""Rule folders with one guard and with many, to see that a request does not pay for guards of other kinds."""

from pathlib import Path

from payloads import CONTROLLER, GROUP, RESOURCE

_WRITER = CONTROLLER.removeprefix("system:serviceaccount:").replace(":", "/")


def write(folder: Path, count: int) -> Path:
    """Fill a folder with ``count`` documents, one a file, the first of which guards what the payloads change."""
    made = folder / f"guards-{count}"
    made.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        group, resource = (GROUP, RESOURCE) if number == 0 else (f"g{number:04}.example.com", "widgets")
        (made / f"guard-{number:04}.yaml").write_text(_document(number, group, resource))
    return made


def _document(number: int, group: str, resource: str) -> str:
    return f"""apiVersion: statusguard.io/v1alpha1
kind: StatusGuard
metadata: {{name: bench-{number:04}}}
spec:
  target: {{group: {group}, versions: ["*"], resource: {resource}, statusSubresource: false}}
  mode: Restore
  writers:
    serviceAccounts: [{_WRITER}]
  protect:
    fields: [imageID, repoInfo, previousVersion]
    maps: [nodeStatuses]
    lists: [{{path: conditions, key: type}}]
"""
