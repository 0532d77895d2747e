"""Frames of a stream of the Lab Streaming Layer, through liblsl by pylsl (the extra `lsl`).

pylsl has the library in its wheel for x86-64 only. On arm64 the one in mne-lsl is taken, which itself is not
imported: it would bring MNE and SciPy. Units and types of channels are those of
github.com/sccn/xdf/wiki/EEG-Meta-Data, as in recordings of such streams (`train/datasets/xdf.py`).
"""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra, SourceError
from neurograsp.edge_runtime.contract.signal_spec import MAX_CHANNELS, SignalSpec
from neurograsp.edge_runtime.contract.units import LSB_UV, UV_PER_UNIT
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.edge_runtime.sources.fit import live_columns, rescaled, to_counts
from neurograsp.edge_runtime.sources.stamps import StampCounter
from neurograsp.firmware_bridge.strict import nearest

KINDS = ("eeg", "emg")
"""Types of channels that are taken; others (triggers, accelerometers) are left out."""

SEARCH_S = 1.0
N_SEARCHES = 3
OPEN_S = 5.0
BUFFER_S = 2
"""Older frames are dropped by liblsl, and their stamps show the gap."""

MAX_NAME = 64


def load_pylsl() -> Any:
    """The module `pylsl`, with liblsl.

    Raises:
        MissingExtra: one of the two is not installed.
    """
    bundled = importlib.util.find_spec("mne_lsl")
    for place in (bundled and bundled.submodule_search_locations) or ():
        for library in sorted(Path(place, "lsl", "lib").glob("liblsl*.so*")):
            os.environ.setdefault("PYLSL_LIB", str(library))
    try:
        import pylsl
        import pylsl.util
    except ImportError as error:
        raise MissingExtra("pylsl", "lsl") from error
    except RuntimeError as error:
        raise MissingExtra("liblsl", "lsl") from error
    return pylsl


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream on the network that is open.

    Attributes:
        wanted: its name.
        layout: its electrodes; of numbers with a unit `LSB_UV`, of integers what one of them is.
        inlet: of pylsl.
        columns: of the electrodes among its channels.
        dtype: of its values.
        uv_per_value: of the values as they come, or None where they have no unit.
    """

    wanted: str
    layout: Layout
    inlet: Any
    columns: list[int]
    dtype: npt.DTypeLike
    uv_per_value: float | None

    def __str__(self) -> str:
        return f"LSL stream {self.wanted}"


def find_stream(wanted: str, n_searches: int = N_SEARCHES) -> Stream:
    """Find a stream by its name, in so many seconds, and open it.

    Raises:
        MissingExtra: see `load_pylsl`.
        SourceError: there is none of that name, or it does not answer.
        ConfigError: there are two, or it is no stream of electrodes at a regular rate.
    """
    pylsl = load_pylsl()
    name = f"LSL stream {wanted}"
    there: list[Any] = []
    for _ in range(n_searches):
        there = pylsl.resolve_streams(SEARCH_S)
        found = [info for info in there if info.name() == wanted]
        if found:
            break
    else:
        names = {_plain(info.name()) for info in there[:MAX_CHANNELS]}
        raise SourceError(
            f"{name}: not on the network; start its program, and allow multicast{nearest(wanted, names)}"
        )
    if len(found) > 1:
        hosts = ", ".join(sorted({_plain(info.hostname()) for info in found}))
        raise ConfigError(f"{name}: {len(found)} streams have that name (on {hosts}); name them apart")
    inlet = pylsl.StreamInlet(found[0], max_buflen=BUFFER_S, recover=False)
    try:
        info = inlet.info(timeout=OPEN_S)
    except (pylsl.util.TimeoutError, pylsl.util.LostError) as error:
        raise SourceError(f"{name}: does not answer; restart its program") from error
    return _described(wanted, inlet, info, pylsl)


def _described(wanted: str, inlet: Any, info: Any, pylsl: Any) -> Stream:
    name = f"LSL stream {wanted}"
    formats = {
        pylsl.cf_float32: np.float32,
        pylsl.cf_double64: np.float64,
        pylsl.cf_int32: np.int32,
        pylsl.cf_int16: np.int16,
        pylsl.cf_int8: np.int8,
    }
    n_channels, rate_hz = int(info.channel_count()), float(info.nominal_srate())
    if info.channel_format() not in formats or not 1 <= rate_hz <= 100_000 or n_channels > MAX_CHANNELS:
        raise ConfigError(
            f"{name}: {n_channels} channels at {rate_hz:g} Hz; a stream of numbers at a regular rate is "
            "needed: name the amplifier's own stream"
        )
    dtype = np.dtype(formats[info.channel_format()])
    kind = _plain(info.type())
    labels, kinds, units = (
        [_plain(one or "") for one in (get() or [""] * n_channels)]
        for get in (info.get_channel_labels, info.get_channel_types, info.get_channel_units)
    )
    if {len(labels), len(kinds), len(units)} != {n_channels}:
        raise ConfigError(f"{name}: not as many descriptions as channels; describe each once")
    columns = [i for i in range(n_channels) if (kinds[i] or kind).lower() in KINDS]
    if not columns:
        raise ConfigError(f"{name}: no channel of the type EEG or EMG; give the stream or its channels one")
    known = {UV_PER_UNIT.get(units[i].lower()) for i in columns}
    if len(known) > 1:
        raise ConfigError(f"{name}: channels of several units; send those of one unit")
    (uv_per_value,) = known
    channels = tuple(labels[i] or f"{kind}{i + 1}" for i in columns)
    if len(set(channels)) != len(channels):
        raise ConfigError(f"{name}: two channels of one name; name them apart")
    return Stream(
        wanted=wanted,
        layout=Layout(
            channels=channels,
            rate_hz=rate_hz,
            lsb_uv=LSB_UV if uv_per_value is not None and dtype.kind == "f" else uv_per_value,
        ),
        inlet=inlet,
        columns=columns,
        dtype=dtype,
        uv_per_value=uv_per_value,
    )


def _plain(text: str) -> str:
    """What a stranger wrote, short and printable."""
    return "".join(one if one.isprintable() else "?" for one in text[:MAX_NAME])


class LslSource:
    """The channels of a bundle out of a stream. Its frames have no numbers: see `StampCounter`.

    Args:
        stream: see `find_stream`.
        spec: the bundle's signal; the stream must fit it as a live board must.

    Raises:
        ConfigError: other channels, another rate, or no unit.
    """

    def __init__(self, stream: Stream, spec: SignalSpec) -> None:
        self.description = str(stream)
        self._stream, self._lsb_uv = stream, spec.lsb_uv
        self._columns = [stream.columns[i] for i in live_columns(self.description, stream.layout, spec)]
        self._buffer = np.empty((round(BUFFER_S * spec.rate_hz), stream.inlet.channel_count), stream.dtype)
        self._rate_hz = spec.rate_hz
        self._counter = StampCounter(spec.rate_hz)
        self._stopped = False
        self._util = load_pylsl().util

    def start(self) -> None:
        """After `stop` the stream is looked for anew."""
        if self._stopped:
            again = find_stream(self._stream.wanted, n_searches=1)
            if again.layout != self._stream.layout or again.dtype != self._stream.dtype:
                raise SourceError(f"{self.description}: delivers something else than before; start again")
            self._stream, self._counter = again, StampCounter(self._rate_hz)
            self._stopped = False
        try:
            self._stream.inlet.open_stream(timeout=OPEN_S)
        except (self._util.TimeoutError, self._util.LostError) as error:
            raise SourceError(f"{self.description}: cannot be opened; restart its program") from error

    def read(self) -> Block:
        try:
            _, stamps = self._stream.inlet.pull_chunk(
                timeout=0.0, max_samples=len(self._buffer), dest_obj=self._buffer
            )
        except self._util.LostError as error:
            raise SourceError(f"{self.description}: lost; look at its program and the network") from error
        stamps_s = np.asarray(stamps, np.float64)
        if not np.isfinite(stamps_s).all():
            raise SourceError(f"{self.description}: time stamps that are no numbers; look at its program")
        values = self._buffer[: len(stamps_s), self._columns]
        return Block(self._counts(values), self._counter.number(stamps_s))

    def _counts(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """Counts of the bundle, by the rules of `train/datasets/xdf.py`."""
        uv_per_value = self._stream.uv_per_value
        if values.dtype.kind == "i":
            return rescaled(values.astype(np.int32), uv_per_value, self._lsb_uv)
        if uv_per_value is None or self._lsb_uv is None:
            return to_counts(values.T.astype(np.float64), LSB_UV)
        return to_counts(values.T * np.float64(uv_per_value), self._lsb_uv)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        self._stopped = True
        self._stream.inlet.close_stream()
