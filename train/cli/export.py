"""`neurograsp export`."""

import argparse
import json
import tempfile
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.edge_runtime.recording.log_export import LogExport
    from neurograsp.edge_runtime.recording.recorder import Piece

HELP = "a session's log as a recording that train, MNE and EDFbrowser read: EDF+, BDF+ or FIF"
EXAMPLE = "neurograsp export session.mcap --out session.bdf --labels corrected.tsv"

DECIDED = "decided"
NOBODY = "X"
LOG = ".mcap"
SAMPLE_BYTES = {".edf": 2, ".bdf": 3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, metavar="FILE", help="what `neurograsp run --log` wrote")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="new file: .bdf, .edf or .fif; .mcap: the same log whole, where it was cut off",
    )
    parser.add_argument(
        "--labels",
        metavar="decided|TABLE",
        help="what to train on: decided: the actions as the bundle decided them; TABLE: a CSV or TSV with "
        "the columns onset, duration (seconds of the recording) and label. Without it nothing is labelled "
        "for training",
    )
    parser.add_argument(
        "--subject", default=NOBODY, help="code of the person, for the header (default X, which is nobody)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.session_clock import clock_shown
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import check_writable
    from neurograsp.edge_runtime.recording.log_export import LogExport, read_table
    from neurograsp.edge_runtime.recording.place import PLAIN_NAME
    from neurograsp.edge_runtime.telemetry.moments import OpenLog
    from neurograsp.edge_runtime.why import began_at

    out = arguments.out
    kind = out.suffix.lower()
    if kind not in (*SAMPLE_BYTES, ".fif", LOG):
        raise UsageError(f"--out {out}: a recording is written as .bdf, .edf or .fif, a whole log as {LOG}")
    if kind == LOG and (arguments.labels is not None or arguments.subject != NOBODY):
        raise UsageError(f"--out {out}: --labels and --subject are for recordings, not for a whole log")
    if not PLAIN_NAME.fullmatch(arguments.subject):
        raise UsageError(f"--subject {arguments.subject!r}: up to 20 letters, digits and - are possible")
    refuse_what_is_there(out)
    check_writable(out, private=True)
    if kind == LOG:
        return finish(arguments)
    plain = arguments.labels == DECIDED
    table = [] if plain or arguments.labels is None else read_table(Path(arguments.labels))
    log = OpenLog(arguments.log)
    signal = log.signal
    export = LogExport(signal, log.decision, table, plain)
    pieces = export.run(log.moments(), str(log.path))
    first = next(pieces)
    started = began_at(log.session) + timedelta(seconds=export.began_at_s or 0.0)
    with new_file(out) as new, clock_shown(log):
        if kind == ".fif":
            from neurograsp.train.datasets.fif_writer import write_fif

            write_fif(new, signal, started, arguments.subject, chain([first], pieces))
        else:
            write_edf(new, signal, started, arguments.subject, chain([first], pieces), SAMPLE_BYTES[kind])
    report = describe(arguments, signal, export)
    print(json.dumps(report) if arguments.json else render(report))
    return 0


def finish(arguments: argparse.Namespace) -> int:
    """A log that was cut off, as a whole one."""
    from neurograsp.edge_runtime.cli.session_clock import clock_shown
    from neurograsp.edge_runtime.contract.errors import MissingExtra
    from neurograsp.edge_runtime.telemetry.moments import OpenLog
    from neurograsp.edge_runtime.why import began_at

    try:
        from neurograsp.edge_runtime.telemetry.whole_log import write_whole_log
    except ImportError as error:
        raise MissingExtra("mcap", "recorder") from error
    log = OpenLog(arguments.log)
    began_at(log.session)
    with new_file(arguments.out) as new, clock_shown(log):
        messages, seconds = write_whole_log(log, new)
    report = {"log": str(arguments.out), "messages": messages, "seconds": seconds, "cut": log.cut}
    if arguments.json:
        print(json.dumps(report))
        return 0
    print(f"  log        {arguments.out}\n  messages   {messages}, up to {seconds:.2f} s")
    print(f"  it was     {log.cut or 'whole already'}")
    return 0


@contextmanager
def new_file(out: Path) -> "Iterator[Path]":
    """What is written there becomes `out` when all went well. Raises ConfigError."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        new = Path(folder) / f"new_raw{out.suffix.lower()}"
        try:
            yield new
            new.chmod(0o600)  # as the log
            refuse_what_is_there(out)
            new.rename(out)
        except OSError as error:
            raise ConfigError(f"{out}: cannot be written: {error.strerror or error}") from error


def refuse_what_is_there(out: Path) -> None:
    """Raises ConfigError: a recording is never replaced."""
    from neurograsp.edge_runtime.contract.errors import ConfigError

    if out.exists():
        raise ConfigError(f"{out}: is there already; name a new file")


def write_edf(
    path: Path, signal: "SignalSpec", started: datetime, subject: str, pieces: "Iterable[Piece]", size: int
) -> None:
    """EDF+ or BDF+, by the bytes of a sample; the counts as they are.

    Raises:
        RecordingError: a count does not fit into so many bytes, or the rate is not whole.
        ConfigError: something does not fit into the header.
        OSError: the file cannot be written.
    """
    from neurograsp.edge_runtime.contract.errors import RecordingError
    from neurograsp.edge_runtime.recording.bdf import BdfHeader, BdfWriter, CountScale

    if not signal.rate_hz.is_integer():
        raise RecordingError(f"{signal.rate_hz:g} Hz is no whole rate, which EDF and BDF need; write .fif")
    header = BdfHeader(
        subject=subject,
        session=f"{started:%Y%m%dT%H%M%S}",
        equipment="neurograsp",
        started=started,
        channels=signal.channels,
        rate_hz=round(signal.rate_hz),
        scale=CountScale.of(signal.lsb_uv, size),
        sample_bytes=size,
    )
    with path.open("xb", buffering=0) as file:
        writer = BdfWriter(file, header)
        for piece in pieces:
            writer.annotate(piece.stretches)
            writer.write(piece.counts)
            if writer.n_clipped:
                raise RecordingError(
                    f"counts beyond {header.scale.digital} do not fit into the {8 * size} bits of "
                    f"{'EDF; write .bdf' if size == 2 else 'BDF; write .fif'}"
                )
        writer.finish()


def describe(arguments: argparse.Namespace, signal: "SignalSpec", export: "LogExport") -> dict[str, Any]:
    """The recording as plain values; see docs/schemas/export.schema.json."""
    return {
        "recording": str(arguments.out),
        "seconds": export.frames / signal.rate_hz,
        "channels": len(signal.channels),
        "rate_hz": signal.rate_hz,
        "lost": export.lost,
        "missing_ticks": export.missing_ticks,
        "labels": dict(sorted(export.labels.items())),
    }


def render(report: dict[str, Any]) -> str:
    """The recording in a few lines."""
    labels = ", ".join(f"{name} {count}" for name, count in report["labels"].items())
    lines = [
        f"  recording  {report['recording']}",
        f"  signal     {report['seconds']:.2f} s, {report['channels']} channels at {report['rate_hz']:g} Hz",
        f"  lost       {report['lost']} frames, held at the last value and labelled as lost",
        f"  labels     {labels or 'none'}",
    ]
    if report["missing_ticks"]:
        lines.append(
            f"  the log    lacks {report['missing_ticks']} ticks, whose frames are among the lost ones"
        )
    return "\n".join(lines)
