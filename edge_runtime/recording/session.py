"""Plays a session: reads the source, draws the cues, writes the file. Clock and sleep are arguments."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from neurograsp.edge_runtime.contract.errors import SourceError
from neurograsp.edge_runtime.recording.bdf import BdfWriter
from neurograsp.edge_runtime.recording.recorder import Phase, Recorder
from neurograsp.edge_runtime.sources.base import Source

TICK_S = 0.01
START_S = 5.0
"""How long a source may take to its first frame."""

SILENT_S = 2.0
"""How long a source may then be silent before it counts as lost."""


class Screen(Protocol):
    """Shows a person what to do, from its `with` to the end of it."""

    def __enter__(self) -> "Screen": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, recorder: Recorder) -> None:
        """Bring what is shown up to date; called every tick."""

    def settled(self, faults: list[str]) -> None:
        """The first cue is next; `faults` of the channels are known."""


def play(
    source: Source,
    recorder: Recorder,
    writer: BdfWriter,
    screen: Screen,
    channels: tuple[str, ...],
    interrupted: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Until the last cue is over. However it ends, `writer` has every frame and label that came before.

    Raises:
        SourceError: the source is lost, silent, or ended before the cues did.
        KeyboardInterrupt: `interrupted`.
        OSError: the file cannot be written.
    """
    try:
        source.start()
        newest, patience = clock(), START_S
        while recorder.phase is not Phase.DONE:
            if interrupted():
                raise KeyboardInterrupt
            ended = source.finished()
            block = source.read()
            now = clock()
            if len(block.frame_index):
                newest, patience = now, SILENT_S
            elif ended:
                raise SourceError(f"{source.description}: ended before the session did")
            elif now - newest > patience:
                raise SourceError(
                    f"{source.description}: no frame for {patience:g} s; check power, radio and cable"
                )
            settling = recorder.phase is Phase.SETTLING
            piece = recorder.push(block)
            if settling and recorder.phase is Phase.RECORDING:
                screen.settled(recorder.settling.faults(channels))
            screen.show(recorder)
            writer.annotate(piece.stretches)
            writer.write(piece.counts)
            sleep(TICK_S)
    except (SourceError, KeyboardInterrupt):
        writer.annotate(recorder.cut())
        writer.finish()
        raise
    writer.finish()
