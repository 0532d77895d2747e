"""A session's log as an unbroken recording with labels: what `neurograsp export` writes.

What the controller did is written as `decided:HandStart`, `sent:REACH`, `withheld:REACH`, `armed`, `disarmed`
and `stopped:...`: names that no training configuration asks for by mistake. Plain names are given on request,
to what was decided, or from a table of labels.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.errors import RecordingError, SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.movements import Look, Movement, Teller, armed_in, is_disarming
from neurograsp.edge_runtime.recording.recorder import Piece, Stretch
from neurograsp.edge_runtime.recording.stream import Unbroken
from neurograsp.edge_runtime.sources.base import Block
from neurograsp.edge_runtime.sources.edf_file import LOST
from neurograsp.edge_runtime.telemetry.messages import Command
from neurograsp.edge_runtime.telemetry.moments import Moment, block_of

LONGEST_GAP_S = 600.0
"""A longer gap is no recording any more: it would be filled up with held frames."""

MAX_LABELS = 100_000
MAX_TABLE_BYTES = 8 * 2**20
MOST_TEXT_BYTES = 120
"""Of an annotation, as UTF-8: it must fit into a second of the file, with its onset."""

LABEL_COLUMNS = ("label", "trial_type", "description")
"""What the column of labels may be called: here, in BIDS, in MNE."""


@dataclass(frozen=True, slots=True)
class TableLabel:
    """A row of a table of labels; seconds since the first frame of the exported recording."""

    onset_s: float
    duration_s: float
    label: str


class LogExport:
    """Moments in, frames and labels out.

    Args:
        signal, decision: of the session.
        table: labels to write.
        plain: whether what was decided is written under its plain name too, and what was decided to be rest.

    Attributes:
        frames: given out, lost ones included.
        began_at_s: time of the first frames; None before.
        labels: how many of each there are; long texts of stops as one.
    """

    def __init__(
        self,
        signal: SignalSpec,
        decision: DecisionSpec,
        table: Sequence[TableLabel] = (),
        plain: bool = False,
    ) -> None:
        self.began_at_s: float | None = None
        self.labels: dict[str, int] = {}
        self._signal = signal
        self._stream = Unbroken(round(LONGEST_GAP_S * signal.rate_hz))
        self._teller = Teller(signal, decision)
        self._first = 0
        self._table = sorted(table, key=lambda one: one.onset_s)
        self._plain = plain
        self._told = 0
        self._rest_since: int | None = None
        self._newest = 0

    @property
    def frames(self) -> int:
        return self._stream.n_frames

    @property
    def lost(self) -> int:
        """Frames that are missing, and held at the last value."""
        return self._stream.n_lost

    @property
    def missing_ticks(self) -> int:
        """That are not in the log."""
        return self._teller.story.missing

    def run(self, moments: Iterable[Moment], where: str) -> Iterator[Piece]:
        """All of a log; the first piece holds frames.

        Args:
            where: the log's file, for messages.

        Raises:
            RecordingError: it holds no frame, a gap without end, or a label of the table lies outside.
        """
        before: tuple[Stretch, ...] = ()
        for moment in moments:
            piece = self._take(moment, where)
            if self.frames:
                yield Piece(piece.counts, (*before, *piece.stretches))
                before = ()
            else:
                before += piece.stretches
        if not self.frames:
            raise RecordingError(f"{where}: holds no frame of the signal")
        ended = self._ended(everything=True)
        late = next((one for one in self._table if self._row(one.onset_s) >= self.frames), None)
        if late is not None:
            raise RecordingError(
                f"{where}: the label {late.label!r} at {late.onset_s:g} s lies outside the "
                f"{self.frames / self._signal.rate_hz:.2f} s that were recorded"
            )
        ended += self._rest_until(self._newest)
        yield Piece(Block.empty(len(self._signal.channels)).counts, tuple(self._counted(ended)))

    def _take(self, moment: Moment, where: str) -> Piece:
        block = block_of(moment, len(self._signal.channels))
        if self.began_at_s is None and len(block.frame_index):
            self.began_at_s, self._first = moment.at_s, int(block.frame_index[0])
        try:
            counts, gaps = self._stream.push(block)
        except SourceError as error:
            raise RecordingError(
                f"{where}: a gap of more than {LONGEST_GAP_S:g} s at {moment.at_s:.2f} s: no one recording"
            ) from error
        ended = [Stretch(start, stop, LOST) for start, stop in gaps]
        looks = self._teller.take(moment)
        ended += [self._instant("armed")] if armed_in(moment) else []
        ended += [self._instant(_text_of(one)) for one in moment.commands if one.kind != "arm"]
        for look in looks:
            ended += self._follow(look)
        ended += self._ended() + self._of_table(self.frames)
        return Piece(counts, tuple(self._counted(ended)))

    def _follow(self, look: Look) -> list[Stretch]:
        """Where rest was decided, when plain names are wanted."""
        rest = self._signal.actions.rest
        frame = self._newest = self._within(look.decided.frame)
        if not self._plain or rest is None:
            return []
        resting = look.smoothed is not None and look.decided.action is None
        if resting and self._rest_since is None:
            self._rest_since = frame
        elif not resting and self._rest_since is not None:
            return self._rest_until(frame)
        return []

    def _rest_until(self, frame: int) -> list[Stretch]:
        since, self._rest_since = self._rest_since, None
        rest = self._signal.actions.rest
        return [] if since is None or rest is None or frame <= since else [Stretch(since, frame, rest)]

    def _ended(self, everything: bool = False) -> list[Stretch]:
        """Movements that are over and have not been told of."""
        found: list[Stretch] = []
        movements = self._teller.story.movements
        while self._told < len(movements) and (everything or movements[self._told].end is not None):
            found += self._stretches(movements[self._told])
            self._told += 1
        return found

    def _stretches(self, movement: Movement) -> list[Stretch]:
        decided = movement.start.decided
        start, action = self._within(decided.frame), decided.action or ""
        stop = max(start + 1, self._within(movement.last.decided.frame + movement.last.hop))
        names = [f"decided:{action}", *([action] if self._plain else [])]
        return [Stretch(start, stop, plain_text(name)) for name in names]

    def _of_table(self, frames: int) -> list[Stretch]:
        """Labels of the table that have begun."""
        found = []
        while self._table and self._row(self._table[0].onset_s) < frames:
            one = self._table.pop(0)
            start = self._row(one.onset_s)
            stop = max(start + 1, self._row(one.onset_s + one.duration_s))
            found.append(Stretch(start, stop, one.label))
        return found

    def _within(self, frame: int) -> int:
        """The row of a frame number."""
        return min(max(0, frame - self._first), self.frames)

    def _row(self, seconds: float) -> int:
        return round(seconds * self._signal.rate_hz)

    def _instant(self, text: str) -> Stretch:
        row = max(0, self.frames - 1)
        return Stretch(row, row + 1, plain_text(text))

    def _counted(self, stretches: list[Stretch]) -> list[Stretch]:
        for one in stretches:
            name = one.label.partition(":")[0] if one.label.startswith("stopped:") else one.label
            self.labels[name] = self.labels.get(name, 0) + 1
        return stretches


def _text_of(command: Command) -> str:
    match command.kind:
        case "act":
            return f"sent:{command.name}"
        case "withheld":
            return f"withheld:{command.name}"
    return "disarmed" if is_disarming(command) else f"stopped:{command.reason}"


def plain_text(text: str) -> str:
    """What an annotation may hold, not too long."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    if len(printable.encode()) <= MOST_TEXT_BYTES:
        return printable
    return printable.encode()[: MOST_TEXT_BYTES - 3].decode(errors="ignore") + "..."


def read_table(path: Path) -> list[TableLabel]:
    """A table of labels: CSV or TSV with the columns onset, duration (seconds) and label.

    Raises:
        RecordingError: it cannot be read, lacks a column, or a row is none.
    """
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise RecordingError(f"{path}: more than {MAX_TABLE_BYTES // 2**20} MiB are no table of labels")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise RecordingError(f"{path}: cannot be read ({reason}); give a CSV or TSV of labels") from error
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    rows = csv.DictReader(lines, delimiter=delimiter)
    try:
        columns = [name.strip().lower() for name in rows.fieldnames or ()]
        rows.fieldnames = columns
        named = next((name for name in LABEL_COLUMNS if name in columns), None)
        if named is None or "onset" not in columns or "duration" not in columns:
            raise RecordingError(
                f"{path}: its first line must name the columns onset, duration and label: {lines[:1]!r:.100}"
            )
        table = [_table_label(row, named, f"{path}: row {rows.line_num}") for row in rows]
    except csv.Error as error:
        raise RecordingError(f"{path}: row {rows.line_num + 1}: {error}") from error
    if not 0 < len(table) <= MAX_LABELS:
        raise RecordingError(f"{path}: {len(table)} labels; 1 to {MAX_LABELS} are possible")
    return table


def _table_label(row: dict[str, str | None], named: str, where: str) -> TableLabel:
    label = (row[named] or "").strip()
    try:
        onset_s, duration_s = float(row["onset"] or ""), float(row["duration"] or "")
    except ValueError as error:
        raise RecordingError(f"{where}: onset and duration must be seconds") from error
    if not (0 <= onset_s < 1e7 and 0 <= duration_s < 1e7):
        raise RecordingError(f"{where}: onset and duration must be seconds from 0 on")
    if not label or label != plain_text(label) or label.upper().startswith("BAD"):
        raise RecordingError(
            f"{where}: {label!r:.60} is no label: up to {MOST_TEXT_BYTES} bytes of printable text, not "
            "beginning with BAD, which MNE leaves out"
        )
    return TableLabel(onset_s, duration_s, label)
