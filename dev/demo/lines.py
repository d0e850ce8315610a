"""What can be pasted into another terminal while the demo runs. The README has the same lines."""

from pathlib import Path

from story import REPOS, SOURCE

SPEC = ", ".join(f'"{name}": "{value}"' for name, value in SOURCE.items())
REPOSITORY = f'{{"metadata": {{"name": "mine"}}, "spec": {{{SPEC}}}}}'


def body(release: str) -> str:
    """The body of an install."""
    chart = f'{{"chartName": "harvester", "version": "1.8.1", "releaseName": "{release}"}}'
    return f'{{"namespace": "demo", "charts": [{chart}]}}'


def commands(gate: str, folder: str) -> list[tuple[str, str]]:
    """Each with what it shows.

    Args:
        gate: its address.
        folder: where the demo's files are, as it is to be written.
    """
    curl = f"curl -K {folder}/curl"
    install = f"'{gate}{REPOS}/mine?action=install'"
    stream = f"{curl} -N -H 'Accept: text/event-stream' -H 'Prefer: until=deployed'"
    ours = f".venv/bin/status-guard install --server {gate} --ca {folder}/ca.crt --token-file {folder}/token"
    return [
        ("a repository of your own, which has to be cloned first", f"{curl} {gate}{REPOS} -d '{REPOSITORY}'"),
        ("an install from it: held until it can succeed", f"{curl} {install} -d '{body('one')}'"),
        (
            "one more release: what it waits for, as it changes, until it is deployed",
            f"{stream} {install} -d '{body('two')}'",
        ),
        ("in the background: 202 at once", f"{curl} -i -H 'Prefer: respond-async' {install} -d '{body('three')}'"),
        ("what became of it", f"{curl} {gate}/installs"),
        ("the same from a terminal", f"{ours} --namespace demo --release four mine harvester 1.8.1"),
    ]


def curl_config(folder: Path, token: str) -> str:
    """What every curl of the demo has in common."""
    return (
        f'cacert = "{folder.resolve() / "ca.crt"}"\n'
        f'header = "Authorization: Bearer {token}"\n'
        'header = "Content-Type: application/json"\n'
        'noproxy = "*"\n'
        "silent\n"
        "show-error\n"
        'write-out = "\\n"\n'
    )
