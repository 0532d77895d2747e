"""Progress bars for people: on a terminal only, on stderr."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

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
            if "val_loss" in figures:
                text = f"validation loss {figures['val_loss']:.3f}, AUC {figures['val_auc']:.3f}"
            else:
                text = f"on all recordings, loss {figures['loss']:.3f}"
            bar.update(task, completed=epoch, total=total, description=text)

        yield advance


def track(items: Sequence[T]) -> Iterable[T]:
    """The items one by one, with a bar that moves after each."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track as shown

    return shown(items, "scoring", console=Console(stderr=True), transient=True)


class FetchProgress:
    """A line for every file or step that is fetched, and on a terminal a bar below it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, what: str) -> None:
        self.close()
        print(f"fetching {what}", file=sys.stderr)

    def at(self, n_bytes: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("bytes")
            self._bar.start()
        self._bar.update(self._task, completed=n_bytes, total=total or None)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
