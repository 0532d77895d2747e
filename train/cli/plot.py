"""`neurograsp plot`."""

import argparse
import difflib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.train.datasets import Recording

HELP = "pictures of a recording: heat map, spectra, averages, animated scalp map"
EXAMPLE = "neurograsp plot average examples/data/way-eeg-gal-windows/subj1_series7.npz --channels C3,Cz,P4"

KINDS = ("heatmap", "spectra", "average", "scalp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, help="what to draw")
    parser.add_argument("recording", type=Path, help="one recording, of any format that train reads")
    parser.add_argument("--out", type=Path, help="file to write (default: KIND.png, scalp.gif)")
    parser.add_argument("--channels", type=_names, help="only these, such as C3,Cz")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds to leave out")
    parser.add_argument("--seconds", type=float, metavar="S", help="how much to draw (of a scalp: 4)")
    parser.add_argument("--label", type=_names, help="of an average: only these, such as HandStart,LiftOff")
    parser.add_argument(
        "--at", choices=("start", "middle"), default="start", help="what of a label is second 0"
    )
    parser.add_argument(
        "--before", type=float, default=0.0, metavar="S", help="of an average: before second 0"
    )
    parser.add_argument("--after", type=float, default=0.28, metavar="S", help="and after it")
    parser.add_argument("--bundle", type=Path, help="after the integer filter of this bundle")
    parser.add_argument("--fps", type=float, default=20.0, metavar="N", help="of a scalp: maps a second")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import check_writable
    from neurograsp.train.channels import fitted
    from neurograsp.train.datasets import open_recordings
    from neurograsp.train.pictures.arrays import cut_out
    from neurograsp.train.report.style import drawing

    out = arguments.out or Path("scalp.gif" if arguments.kind == "scalp" else f"{arguments.kind}.png")
    allowed = (".gif", ".mp4") if arguments.kind == "scalp" else (".png", ".svg", ".pdf")
    if out.suffix.lower() not in allowed:
        raise UsageError(f"--out {out}: a picture of this kind is written as {', '.join(allowed)}")
    for name in ("before", "after", "start"):
        if not 0 <= getattr(arguments, name) < float("inf"):
            raise UsageError(f"--{name} must be zero or more seconds")
    if not 0 < arguments.fps <= 1000 or (arguments.seconds is not None and not arguments.seconds > 0):
        raise UsageError("--fps (up to 1000) and --seconds must be positive")
    if arguments.recording.is_dir():
        raise UsageError(f"{arguments.recording}: a folder; plot draws one recording: name one in it")
    check_writable(out)
    (recording,) = open_recordings(arguments.recording)
    spec = _spec_of(arguments.bundle)
    if arguments.kind == "scalp" and arguments.seconds is None:
        arguments.seconds = 4.0
    if spec is not None:
        recording = fitted(recording, spec)
    recording = cut_out(recording, arguments.start, arguments.seconds)
    with drawing():
        print(DRAWN[arguments.kind](arguments, recording, spec, out))
    return 0


def _spec_of(bundle: Path | None) -> "SignalSpec | None":
    if bundle is None:
        return None
    from neurograsp.edge_runtime.bundle import open_bundle

    return open_bundle(bundle).manifest.signal


def _heatmap(arguments: argparse.Namespace, recording: "Recording", spec: Any, out: Path) -> str:
    from neurograsp.train.pictures.arrays import heat
    from neurograsp.train.pictures.draw import MOST_COLUMNS, draw_heat

    signal, channels = _signal(arguments, recording, spec)
    columns, breaks = heat(signal, MOST_COLUMNS)
    seconds = sum(len(piece) for piece in signal.pieces) / signal.rate_hz
    labels, rate_hz = recording.labels, recording.rate_hz
    marks = [
        (labels.names[code], start / rate_hz, stop / rate_hz)
        for start, stop, code in zip(labels.start, labels.stop, labels.code)
    ]
    _save(draw_heat(columns, breaks, channels, signal.unit, seconds, marks), out)
    return f"{out}: {len(channels)} channels, {seconds:.1f} s of signal, {len(breaks)} gaps"


def _spectra(arguments: argparse.Namespace, recording: "Recording", spec: Any, out: Path) -> str:
    from neurograsp.train.pictures.arrays import signal_of, spectra
    from neurograsp.train.pictures.draw import MOST_LINES, draw_spectra

    plain, channels = _signal(arguments, recording, None)
    curves = [("as recorded", *spectra(plain))]
    if spec is not None:
        columns = [recording.channels.index(name) for name in channels]
        hz, density = spectra(signal_of(recording, spec))
        curves.append(("after the integer filter", hz, density[:, columns]))
    single = channels if arguments.channels and len(channels) <= MOST_LINES else None
    _save(draw_spectra(curves, plain.unit, single), out)
    return f"{out}: {len(channels)} channels, {' and '.join(title for title, _, _ in curves)}"


def _average(arguments: argparse.Namespace, recording: "Recording", spec: Any, out: Path) -> str:
    from neurograsp.edge_runtime.contract.errors import RecordingError
    from neurograsp.train.pictures.arrays import average, epochs
    from neurograsp.train.pictures.draw import draw_averages

    signal, channels = _signal(arguments, recording, spec)
    names = _known("label", arguments.label, recording.labels.names)
    found = {}
    for name in names:
        cut = epochs(recording, signal, name, arguments.before, arguments.after, arguments.at)
        if len(cut) > 1:
            found[name] = average(cut, arguments.before, signal.rate_hz, baseline=arguments.before > 0)
    if not found:
        raise RecordingError(
            f"{recording.source}: no two of its labels {', '.join(names)} have {arguments.before:g} s before "
            f"and {arguments.after:g} s after them without a gap; take less with --before and --after"
        )
    _save(draw_averages(found, channels, signal.unit), out)
    counts = ", ".join(f"{name} {one.n_epochs}" for name, one in found.items())
    return f"{out}: {len(channels)} channels; epochs: {counts}"


def _scalp(arguments: argparse.Namespace, recording: "Recording", spec: Any, out: Path) -> str:
    from neurograsp.train.cli.progress import track
    from neurograsp.train.pictures.draw import animate_scalp, label_text
    from neurograsp.train.scalp import scalp_places

    signal, channels = _signal(arguments, recording, spec)
    known = len(scalp_places(channels)[0])
    labels, first = recording.labels, recording.frame_index[0]
    start_s = (recording.frame_index[labels.start] - first) / recording.rate_hz
    stop_s = (recording.frame_index[labels.stop - 1] + 1 - first) / recording.rate_hz
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        new = Path(folder) / out.name
        texts = label_text(labels, start_s, stop_s)
        maps = animate_scalp(signal, texts, channels, new, arguments.fps, track, wanted=out)
        new.replace(out)
    left_out = len(channels) - known
    without = f", {left_out} channels without a known place left out" if left_out else ""
    return f"{out}: {maps} maps of {known} electrodes{without}"


DRAWN = {"heatmap": _heatmap, "spectra": _spectra, "average": _average, "scalp": _scalp}


def _signal(arguments: argparse.Namespace, recording: "Recording", spec: Any) -> tuple[Any, tuple[str, ...]]:
    """The channels asked for, filtered where a bundle is given (its filter may mix all channels)."""
    from dataclasses import replace

    from neurograsp.train.pictures.arrays import signal_of

    channels = _known("channel", arguments.channels, recording.channels)
    columns = [recording.channels.index(name) for name in channels]
    signal = signal_of(recording, spec)
    return replace(signal, pieces=tuple(piece[:, columns] for piece in signal.pieces)), channels


def _known(what: str, asked: tuple[str, ...] | None, there: Iterable[str]) -> tuple[str, ...]:
    """Raises UsageError for a name that is not there, with the nearest one."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    there = tuple(there)
    for name in asked or ():
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(there)}"
            raise UsageError(f"no {what} {name!r}: {hint}")
    return tuple(dict.fromkeys(asked)) if asked else there


def _save(figure: Any, out: Path) -> None:
    import io

    from neurograsp.edge_runtime.files import write_whole

    drawn = io.BytesIO()
    figure.savefig(drawn, format=out.suffix[1:].lower())
    write_whole(out, drawn.getvalue())
