"""How far a scan is, on standard error and only where somebody looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.cluster.scanning import Progress as State
from app.cluster.scanning import Tell


@contextmanager
def progress() -> Iterator[Tell]:
    """What the scan tells how far it is; the bar is gone when it ends."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("Looking through"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(state: State) -> None:
            more = f", {state.remaining} to come" if state.remaining else ""
            said = f"{state.name} ({state.objects} objects{more})" if state.name else ""
            bar.update(task, completed=state.done, total=state.kinds, description=said)

        yield tell
