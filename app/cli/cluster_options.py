"""What the commands that look into a cluster have in common: kubectl's options, and how they end without an answer."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import typer

from app.cluster.port import ClusterError

T = TypeVar("T")

EXIT_NO_ANSWER: Final = 2
"""As everywhere in this command: 2 says that what was asked for cannot be done as asked."""


class Output(StrEnum):
    """How results are printed: for people, or for programs."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Kubeconfig: TypeAlias = Annotated[
    str | None, typer.Option("--kubeconfig", help="Kubeconfig file; else as kubectl finds it.")
]
Context: TypeAlias = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Namespace: TypeAlias = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace; without it, the context's own.")
]
OutputOption: TypeAlias = Annotated[Output, typer.Option("--output", "-o", help="How to print it.")]


def run(command: str, work: Coroutine[Any, Any, T], code: int = EXIT_NO_ANSWER) -> T:
    """Run a command's work to its end.

    Args:
        command: its name, which error messages begin with.
        work: what it does.
        code: the exit code where the cluster did not do what it was asked.
    """
    try:
        return asyncio.run(work)
    except ClusterError as error:
        sys.stderr.write(f"status-guard {command}: {error}\n")
        raise typer.Exit(code) from None


def structured(value: object, output: Output) -> str:
    """Plain values (dictionaries, lists, text, numbers) as JSON or YAML."""
    if output is Output.JSON:
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    import yaml  # noqa: PLC0415 - who prints a table does not pay for it

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
