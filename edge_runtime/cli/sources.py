"""What `--source` names, opened."""

import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
    from neurograsp.edge_runtime.sources.base import Layout, Source
    from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames

log = logging.getLogger(__name__)

FORMS = "playback:FILE, synthetic, board:NAME[:port], relay:HOST:PORT or lsl:NAME"
LIVE = ("board", "relay", "lsl")
"""Sources that keep a time of their own, and lose frames."""

MIN_TOKEN = 16


@dataclass(frozen=True)
class Offer:
    """A source that is there.

    Attributes:
        layout: what it delivers.
        open: the source itself, for a signal that it must fit.
    """

    layout: "Callable[[], Layout]"
    open: "Callable[[SignalSpec], Source]"


def open_source(text: str, spec: "SignalSpec", speed: float = 1.0, start_s: float = 0.0) -> "Source":
    """The source that `--source` names, with the channels of a bundle.

    Raises:
        UsageError: not of the form that the help names.
        ConfigError, RecordingError, SourceError: it does not fit the bundle or cannot be opened.
        MissingExtra: what it needs is not installed.
    """
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.edge_runtime.sources.clocked import ClockedSource

    kind, _, rest = text.partition(":")
    if kind not in LIVE or not rest:
        return offer(text, speed, start_s).open(spec)
    if spec.gap.stop_after_s == "never":
        raise ConfigError(
            f"--source {text}: the bundle never stops the hand at a gap, which is for recordings in "
            "pieces; set signal.gap.stop_after_s to seconds and train again"
        )
    return ClockedSource(offer(text).open(spec), spec.rate_hz)


def clock_of(source: "Source") -> dict[str, Any] | None:
    """What is known of a live source's clock, as plain values; None of another source."""
    from neurograsp.edge_runtime.sources.clocked import ClockedSource

    return asdict(source.stream_clock.report) if isinstance(source, ClockedSource) else None


def open_whole(text: str, speed: float = 1.0) -> "tuple[Layout, Source]":
    """The source that `--source` names, with all its channels; errors as `open_source`."""
    from neurograsp.edge_runtime.contract.errors import ConfigError
    from neurograsp.edge_runtime.contract.signal_spec import ActionSet, GapPolicy, Scale, SignalSpec

    there = offer(text, speed)
    layout = there.layout()
    n_channels = len(layout.channels)
    try:
        as_it_comes = SignalSpec(
            channels=layout.channels,
            rate_hz=layout.rate_hz,
            lsb_uv=layout.lsb_uv,
            adc_bits=24,
            stages=(),
            scale=Scale((0,) * n_channels, (2**30,) * n_channels, (44,) * n_channels),
            window=1,
            hop=1,
            actions=ActionSet(("rest",), ("REST",), "softmax", "rest"),
            gap=GapPolicy(),
        )
    except ValueError as error:
        raise ConfigError(f"--source {text}: {error}") from error
    return layout, there.open(as_it_comes)


def offer(text: str, speed: float = 1.0, start_s: float = 0.0) -> Offer:
    """What `--source` names: a recording is read, a stream of the network found. Errors as `open_source`."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    kind, _, rest = text.partition(":")
    if kind == "playback" and rest:
        return play(skip(read_frames(Path(rest)), start_s), speed)
    if kind == "synthetic" and not rest:
        return _synthetic()
    if kind == "board" and rest:
        return _board(rest)
    if kind == "relay" and rest:
        return _relay(text, rest)
    if kind == "lsl" and rest:
        return _lsl(rest)
    raise UsageError(f"--source {text}: expected {FORMS}")


def play(frames: "DeltaFrames", speed: float = 1.0) -> Offer:
    """A recording, through BrainFlow's playback board where that is installed."""
    from neurograsp.edge_runtime.contract.errors import MissingExtra
    from neurograsp.edge_runtime.sources.base import Layout
    from neurograsp.edge_runtime.sources.brainflow_board import PlaybackSource
    from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow
    from neurograsp.edge_runtime.sources.file_player import FilePlayer

    layout = Layout(frames.channels, frames.rate_hz, frames.lsb_uv)
    try:
        load_brainflow()
    except MissingExtra as error:
        log.info("the recording is played without BrainFlow: %s", error)
        return Offer(lambda: layout, lambda spec: FilePlayer(frames, spec, speed))
    return Offer(lambda: layout, lambda spec: PlaybackSource(frames, spec, speed))


def _synthetic() -> Offer:
    from neurograsp.edge_runtime.sources.base import Layout
    from neurograsp.edge_runtime.sources.board_layout import OTHER_LSB_UV
    from neurograsp.edge_runtime.sources.synthetic import SyntheticSource

    layout = Layout(tuple(f"E{number}" for number in range(1, 9)), 250.0, OTHER_LSB_UV)
    return Offer(lambda: layout, SyntheticSource)


def _board(rest: str) -> Offer:
    from neurograsp.edge_runtime.sources.board_layout import board_layout
    from neurograsp.edge_runtime.sources.brainflow_board import BrainFlowSource

    name, _, port = rest.partition(":")
    return Offer(lambda: board_layout(name), lambda spec: BrainFlowSource(name, port, spec))


def _relay(text: str, rest: str) -> Offer:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.sources.relay_source import Address, RelaySource, connect

    host, _, port = rest.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"--source {text}: expected relay:HOST:PORT, such as relay:192.168.1.20:7007")
    connection = connect(Address(host.strip("[]"), int(port), relay_token()))
    return Offer(lambda: connection.layout, lambda spec: RelaySource(connection, spec))


def _lsl(name: str) -> Offer:
    from neurograsp.edge_runtime.sources.lsl_stream import LslSource, find_stream

    stream = find_stream(name)
    return Offer(lambda: stream.layout, lambda spec: LslSource(stream, spec))


def relay_token() -> bytes:
    """The secret that this machine shares with the other end of a relay, or b"" for none.

    Raises:
        UsageError: it is short enough to be guessed.
    """
    from neurograsp.edge_runtime.contract.errors import UsageError

    token = os.environ.get("NEUROGRASP_RELAY_TOKEN", "")
    if token and len(token) < MIN_TOKEN:
        raise UsageError(
            f"NEUROGRASP_RELAY_TOKEN: {len(token)} characters, at least {MIN_TOKEN} are needed; "
            "make one with `openssl rand -hex 16`, and set it on both machines"
        )
    return token.encode(errors="surrogateescape")


def read_frames(path: Path) -> "DeltaFrames":
    """A recording: EDF, BDF and delta-coded npz by this package, others by the readers that are installed.

    Readers are the entry points `neurograsp.readers`, functions of a path.
    """
    from neurograsp.edge_runtime.contract.errors import RecordingError
    from neurograsp.edge_runtime.sources.delta_npz import read_delta_npz
    from neurograsp.edge_runtime.sources.edf_file import read_edf

    if path.suffix.lower() in (".edf", ".bdf"):
        return read_edf(path)
    try:
        return read_delta_npz(path)
    except RecordingError:
        if path.suffix == ".npz" and not zipfile.is_zipfile(path):
            raise
        reader = next(iter(entry_points(group="neurograsp.readers")), None)
        if reader is None:
            raise
        frames: DeltaFrames = reader.load()(path)
        return frames


def skip(frames: "DeltaFrames", start_s: float) -> "DeltaFrames":
    """The recording without its first seconds."""
    from dataclasses import replace

    from neurograsp.edge_runtime.contract.errors import UsageError

    length_s = len(frames.counts) / frames.rate_hz
    if not 0 <= start_s < length_s:
        raise UsageError(f"--start {start_s:g}: the recording has {length_s:.1f} s")
    first = int(start_s * frames.rate_hz)
    return replace(frames, counts=frames.counts[first:], frame_index=frames.frame_index[first:])
