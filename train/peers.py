"""The work of a hop done with the usual libraries, for `neurograsp bench --against`.

Every way gets the frames of a hop, applies the filters of the bundle (as floating point, of the same orders),
and gives its network the same window. What is not installed is told.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bench import Peer
from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.errors import BundleError, MissingExtra, NeurograspError
from neurograsp.edge_runtime.contract.signal_spec import (
    INPUT_SCALE,
    FirStage,
    SignalSpec,
    SosStage,
)
from neurograsp.edge_runtime.sources.brainflow_library import load_brainflow

Floats = npt.NDArray[Any]
Filter = Callable[[npt.NDArray[np.int32]], Floats]
Infer = Callable[[Floats], Floats]
Step = Callable[[Floats], Floats]
MakeSections = Callable[[SosStage], Step]
MakeFir = Callable[[FirStage], Step]

NOTCH_HALF_WIDTH_HZ = 1.0
Q30, Q15 = 2.0**30, 2.0**15


def peers(bundle: Bundle) -> Iterator[Peer]:
    """The ways, one made after the other has been measured."""
    spec = bundle.manifest.signal
    ways: tuple[tuple[str, Callable[[SignalSpec], Filter], Callable[[Bundle], Infer]], ...] = (
        ("BrainFlow's filters over the window, LiteRT float32", brainflow_window, lite),
        ("scipy.signal over the window, Keras predict", scipy_window, keras),
        ("scipy.signal with its state kept, LiteRT float32", scipy_stream, lite),
    )
    for name, make_filter, make_network in ways:
        try:
            yield Peer(name, make_filter(spec), make_network(bundle))
        except ModuleNotFoundError as error:
            yield Peer(name, missing=str(MissingExtra((error.name or "").split(".")[0], "train")))
        except NeurograspError as error:
            yield Peer(name, missing=str(error))


def brainflow_window(spec: SignalSpec) -> Filter:
    """BrainFlow's `DataFilter`, channel by channel, over all raw frames of the window at every hop.

    It has no FIR filters: of a decimation only the dropping of frames is left, which is less work.
    """
    load_brainflow()
    from brainflow.data_filter import AggOperations, DataFilter, FilterTypes

    rate, kind = int(spec.rate_hz), FilterTypes.BUTTERWORTH

    def sections(stage: SosStage) -> Step:
        hz, order = stage.frequency_hz, stage.order
        perform, edges = {
            "highpass": (DataFilter.perform_highpass, hz),
            "lowpass": (DataFilter.perform_lowpass, hz),
            "bandpass": (DataFilter.perform_bandpass, hz),
            "notch": (
                DataFilter.perform_bandstop,
                (hz[0] - NOTCH_HALF_WIDTH_HZ, hz[0] + NOTCH_HALF_WIDTH_HZ),
            ),
        }[stage.kind]

        def run(frames: Floats) -> Floats:
            rows = np.ascontiguousarray(frames.T)
            for row in rows:
                perform(row, rate, *edges, order, kind, 0)
            return rows.T

        return run

    def fir(stage: FirStage) -> Step:
        def run(frames: Floats) -> Floats:
            rows = np.ascontiguousarray(frames.T)
            if stage.kind == "moving_average":
                for row in rows:
                    DataFilter.perform_rolling_filter(row, len(stage.taps), AggOperations.MEAN.value)
            return rows.T[stage.factor - 1 :: stage.factor]

        return run

    return _over_the_window(spec, sections, fir)


def scipy_window(spec: SignalSpec) -> Filter:
    """`sosfilt` and `upfirdn` over all raw frames of the window at every hop."""
    from scipy import signal

    def sections(stage: SosStage) -> Step:
        rows = _sections(stage)

        def run(frames: Floats) -> Floats:
            made: Floats = signal.sosfilt(rows, frames, axis=0)
            return made

        return run

    def fir(stage: FirStage) -> Step:
        taps, factor = _taps(stage), stage.factor

        def run(frames: Floats) -> Floats:
            made: Floats = signal.upfirdn(taps, frames[factor - 1 :], 1, factor, axis=0)
            return made[: len(frames) // factor]

        return run

    return _over_the_window(spec, sections, fir)


def scipy_stream(spec: SignalSpec) -> Filter:
    """`sosfilt` and `lfilter` over the new frames alone, from the state that the last ones left."""
    from scipy import signal

    def sections(stage: SosStage) -> Step:
        rows, state = _sections(stage), None

        def run(frames: Floats) -> Floats:
            nonlocal state
            if state is None:
                state = signal.sosfilt_zi(rows)[:, :, None] * frames[0]
            made: Floats
            made, state = signal.sosfilt(rows, frames, axis=0, zi=state)
            return made

        return run

    def fir(stage: FirStage) -> Step:
        taps, state = _taps(stage), None

        def run(frames: Floats) -> Floats:
            nonlocal state
            if state is None:
                state = signal.lfilter_zi(taps, 1)[:, None] * frames[0]
            made: Floats
            made, state = signal.lfilter(taps, 1, frames, axis=0, zi=state)
            return made[stage.factor - 1 :: stage.factor]

        return run

    recent = _Recent(spec.window, len(spec.channels))
    steps, scaled = _steps(spec, sections, fir), _scaling(spec)
    return lambda counts: scaled(recent.push(_run(steps, counts.astype(np.float64))))


def lite(bundle: Bundle) -> Infer:
    """The float network of the bundle on LiteRT, whole windows, one thread."""
    from ai_edge_litert.interpreter import Interpreter

    if "float.tflite" not in bundle.files:
        raise BundleError(f"{bundle.path}: has no float.tflite to compare with")
    network = Interpreter(model_content=bundle.files["float.tflite"], num_threads=1)
    network.allocate_tensors()
    entry, output = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]

    def logits(window: Floats) -> Floats:
        network.set_tensor(entry, window)
        network.invoke()
        made: Floats = network.get_tensor(output)
        return made

    return logits


def keras(bundle: Bundle) -> Infer:
    """The network that the bundle was made of, untrained: only its time is of interest."""
    from neurograsp.train.models import build

    manifest = bundle.manifest
    spec, config = manifest.signal, manifest.provenance.config.get("network", {})
    model = build(
        manifest.network.name,
        spec.window,
        len(spec.channels),
        len(spec.actions.names),
        **config.get("options", {}),
    )

    def logits(window: Floats) -> Floats:
        made: Floats = model.predict(window, verbose=0)
        return made

    return logits


class _Recent:
    """The newest frames (n_frames, n_channels)."""

    def __init__(self, n_frames: int, n_channels: int) -> None:
        self._frames = np.zeros((n_frames, n_channels))

    def push(self, frames: Floats) -> Floats:
        self._frames = np.concatenate([self._frames[len(frames) :], frames])
        return self._frames


def _over_the_window(spec: SignalSpec, sections: MakeSections, fir: MakeFir) -> Filter:
    raw = _Recent(spec.window * spec.decimation, len(spec.channels))
    steps, scaled = _steps(spec, sections, fir), _scaling(spec)
    return lambda counts: scaled(_run(steps, raw.push(counts)))


def _steps(spec: SignalSpec, sections: MakeSections, fir: MakeFir) -> list[Step]:
    return [
        sections(stage)
        if isinstance(stage, SosStage)
        else fir(stage)
        if isinstance(stage, FirStage)
        else _mix(np.array(stage.weights).T / Q30)
        for stage in spec.stages
    ]


def _mix(weights: Floats) -> Step:
    return lambda frames: frames @ weights


def _run(steps: list[Step], frames: Floats) -> Floats:
    for step in steps:
        frames = step(frames)
    return frames


def _scaling(spec: SignalSpec) -> Step:
    """Filtered counts (window, n_channels) to the network's (1, window, n_channels, 1) float32."""
    scale, shift = spec.scale, np.array(spec.scale.shift)
    offset = np.array(scale.offset) / 2.0**spec.input_shift
    gain = np.array(scale.multiplier) * 2.0 ** (spec.input_shift - shift) * INPUT_SCALE
    return lambda frames: ((frames - offset) * gain).astype(np.float32)[None, :, :, None]


def _sections(stage: SosStage) -> Floats:
    return np.insert(np.array(stage.coefficients) / Q30, 3, 1.0, axis=1)


def _taps(stage: FirStage) -> Floats:
    return np.array(stage.taps) / Q15
