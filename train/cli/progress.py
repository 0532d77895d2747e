"""Progress bars for people: on a terminal only, on stderr."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from neurograsp.train.fit import Progress

T = TypeVar("T")


@contextmanager
def epoch_progress(epochs: int) -> Iterator[Progress | None]:
    """A callback that moves a bar with each epoch, or None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=epochs)

        def advance(epoch: int, total: int, figures: dict[str, float]) -> None:
            text = f"validation loss {figures['val_loss']:.3f}, AUC {figures['val_auc']:.3f}"
            bar.update(task, completed=epoch, total=total, description=text)

        yield advance


def track(items: Sequence[T]) -> Iterable[T]:
    """The items one by one, with a bar that moves after each."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track as shown

    return shown(items, "scoring", console=Console(stderr=True), transient=True)
