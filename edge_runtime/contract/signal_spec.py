"""`SignalSpec`: everything between the electrode's count and the network's int8 window.

A training run writes it, the bundle carries it, the board obeys it. The integers in it are the
reference; the frequencies beside them only say what they were designed for.
"""

import math
from dataclasses import dataclass
from typing import Literal

from neurograsp.firmware_bridge.protocol import HandAction

SAMPLE_BITS = 30
INPUT_SCALE = 1 / 16
"""Real value of one step of the network's int8 input; its zero point is 0."""

MAX_CHANNELS = 1024
MAX_WINDOW = 16_384
MAX_SECTIONS = 32
MAX_TAPS = 4096
MAX_DECIMATION = 1024
MAX_MIXED_CHANNELS = 256
MAX_HOP_S = 10.0

REST_COMMANDS = ("HOLD", "REST", "OPEN")
"""What may be sent when an action ends: nothing that grips, lifts or turns."""


@dataclass(frozen=True)
class SosStage:
    """Second-order sections, direct form I.

    Attributes:
        kind: what the sections were designed as.
        frequency_hz: corner frequencies, or the centre of a notch.
        order: order of the design.
        coefficients: one row (b0, b1, b2, a1, a2) a section, a0 = 1, in Q30.
    """

    type: Literal["sos"]
    kind: Literal["highpass", "lowpass", "bandpass", "notch"]
    frequency_hz: tuple[float, ...]
    order: int
    coefficients: tuple[tuple[int, int, int, int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.coefficients) <= MAX_SECTIONS:
            raise ValueError(f"{self.kind}: 1 to {MAX_SECTIONS} sections, not {len(self.coefficients)}")
        for row in self.coefficients:
            if any(not -(2**31) <= value < 2**31 for value in row):
                raise ValueError(f"{self.kind}: a coefficient does not fit into Q30 int32")
            if sum(abs(value) for value in row) > 2**33 - 2:
                raise ValueError(f"{self.kind}: a section's coefficients could overflow the accumulator")
            _, _, _, a1, a2 = row
            if not (abs(a2) < 2**30 and abs(a1) < 2**30 + a2):
                raise ValueError(f"{self.kind}: a section is unstable")


@dataclass(frozen=True)
class FirStage:
    """A FIR filter that keeps one frame in `factor`.

    Attributes:
        kind: what the taps were designed as.
        frequency_hz: pass-band edge, or None for a moving average.
        taps: Q15 integers, newest frame first.
        factor: decimation.
    """

    type: Literal["fir"]
    kind: Literal["moving_average", "decimate"]
    frequency_hz: float | None
    taps: tuple[int, ...]
    factor: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.taps) <= 1024:
            raise ValueError(f"{self.kind}: 1 to 1024 taps, not {len(self.taps)}")
        if sum(abs(tap) for tap in self.taps) >= 2**17:
            raise ValueError(f"{self.kind}: the taps sum to a gain of 4 or more")
        if not 1 <= self.factor <= 256:
            raise ValueError(f"{self.kind}: factor must be 1 to 256, not {self.factor}")


@dataclass(frozen=True)
class SpatialStage:
    """A mixing of the channels: every frame is multiplied by a square matrix.

    Attributes:
        kind: what the weights were made as: every channel less the mean of all ("average_reference") or of
            its neighbours ("laplacian"; Hjorth, "An on-line transformation of EEG scalp potentials into
            orthogonal source derivations", Electroencephalogr. Clin. Neurophysiol. 39:526-530, 1975), or
            the inverse square root of the channels' covariance ("whitening"; He & Wu, "Transfer learning
            for brain-computer interfaces: a Euclidean space data alignment approach", IEEE Trans. Biomed.
            Eng. 67(2):399-410, 2020).
        weights: a row of Q30 integers for each channel that comes out, one for each that goes in.
    """

    type: Literal["spatial"]
    kind: Literal["average_reference", "laplacian", "whitening"]
    weights: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        n_channels = len(self.weights)
        if not 1 <= n_channels <= MAX_MIXED_CHANNELS:
            raise ValueError(f"{self.kind}: 1 to {MAX_MIXED_CHANNELS} channels, not {n_channels}")
        if any(len(row) != n_channels for row in self.weights):
            raise ValueError(f"{self.kind}: the weights are not a square matrix")
        if any(sum(abs(weight) for weight in row) > 2**30 for row in self.weights):
            raise ValueError(f"{self.kind}: a row's weights sum to a gain above 1")


Stage = SosStage | FirStage | SpatialStage


@dataclass(frozen=True)
class Scale:
    """Per channel: int8 = clip(((sample - offset) * multiplier + half) >> shift)."""

    offset: tuple[int, ...]
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.offset) == len(self.multiplier) == len(self.shift):
            raise ValueError("scale: offset, multiplier and shift need one value a channel each")
        if any(abs(value) > 2**30 for value in self.offset):
            raise ValueError("scale: an offset is out of the sample range")
        if any(not 0 < value < 2**31 for value in self.multiplier):
            raise ValueError("scale: multipliers must be positive int32")
        if any(not 1 <= value <= 62 for value in self.shift):
            raise ValueError("scale: shifts must be 1 to 62")


@dataclass(frozen=True)
class GapPolicy:
    """What to do when the frame counter jumps.

    Attributes:
        interpolate_frames: gaps of up to so many missing frames are filled by straight lines; after
            longer ones the filter and the window start anew, primed at the first frame.
        stop_after_s: gaps longer than this stop the hand as well; "never" is for recordings that
            consist of separate pieces.
    """

    interpolate_frames: int = 0
    stop_after_s: float | Literal["never"] = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.interpolate_frames <= 1000:
            raise ValueError("gap: interpolate_frames must be 0 to 1000")
        if self.stop_after_s != "never" and self.stop_after_s < 0:
            raise ValueError("gap: stop_after_s must not be negative")


@dataclass(frozen=True)
class ActionSet:
    """The classes of the network, in the order of its outputs.

    Attributes:
        names: the actions.
        commands: the hand's action for each, by its name in `HandAction`.
        output: "sigmoid" when several may be true and none need be; "softmax" when one is.
        rest: the name of the class that means no action, with one of REST_COMMANDS; None where the
            data has no rest. Then too nothing is active while every probability is below its threshold.
    """

    names: tuple[str, ...]
    commands: tuple[str, ...]
    output: Literal["sigmoid", "softmax"]
    rest: str | None

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= 64:
            raise ValueError(f"actions: 1 to 64 names, not {len(self.names)}")
        if "" in self.names or len(set(self.names)) != len(self.names):
            raise ValueError("actions: two have the same name, or one has none")
        if len(self.commands) != len(self.names):
            raise ValueError(f"actions: {len(self.names)} names need as many commands")
        for command in self.commands:
            if command not in HandAction.__members__:
                known = ", ".join(HandAction.__members__)
                raise ValueError(f"actions: unknown command {command!r:.60}; known are {known}")
        if self.rest is None:
            return
        if self.rest not in self.names:
            raise ValueError(f"actions: rest {self.rest!r:.60} is not among the names")
        command = self.commands[self.names.index(self.rest)]
        if command not in REST_COMMANDS:
            raise ValueError(
                f"actions: the command of rest must be {', '.join(REST_COMMANDS[:-1])} or "
                f"{REST_COMMANDS[-1]}, not {command}"
            )

    @property
    def rest_index(self) -> int | None:
        return None if self.rest is None else self.names.index(self.rest)


@dataclass(frozen=True)
class SignalSpec:
    """Attributes:
    channels: names in the order of the columns.
    rate_hz: frames a second of the source.
    lsb_uv: microvolt a count, or None where the source has no unit.
    adc_bits: counts lie within +-2^(adc_bits - 1); they are shifted to leave one bit of headroom.
    stages: the filter, in order.
    scale: to the network's int8 input.
    window: frames (after decimation) the network sees.
    hop: frames (after decimation) between two decisions.
    actions: what the network's outputs mean.
    gap: what to do when frames are missing.
    """

    channels: tuple[str, ...]
    rate_hz: float
    lsb_uv: float | None
    adc_bits: int
    stages: tuple[Stage, ...]
    scale: Scale
    window: int
    hop: int
    actions: ActionSet
    gap: GapPolicy

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= MAX_CHANNELS:
            raise ValueError(f"channels: 1 to {MAX_CHANNELS}, not {len(self.channels)}")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("channels: two have the same name")
        if not (math.isfinite(self.rate_hz) and 1 <= self.rate_hz <= 100_000):
            raise ValueError(f"rate_hz: 1 to 100000, not {self.rate_hz}")
        if self.lsb_uv is not None and not self.lsb_uv > 0:
            raise ValueError("lsb_uv: must be positive")
        if not 8 <= self.adc_bits <= 28:
            raise ValueError(f"adc_bits: 8 to 28, not {self.adc_bits}")
        if len(self.stages) > 32:
            raise ValueError(f"stages: at most 32, not {len(self.stages)}")
        sections = sum(len(stage.coefficients) for stage in self.stages if isinstance(stage, SosStage))
        taps = sum(len(stage.taps) for stage in self.stages if isinstance(stage, FirStage))
        if sections > MAX_SECTIONS or taps > MAX_TAPS:
            raise ValueError(
                f"stages: {sections} sections and {taps} taps in all, at most {MAX_SECTIONS} and {MAX_TAPS}"
            )
        for stage in self.stages:
            if isinstance(stage, SpatialStage) and len(stage.weights) != len(self.channels):
                raise ValueError(f"{stage.kind}: {len(stage.weights)} rows for {len(self.channels)} channels")
        if self.decimation > MAX_DECIMATION:
            raise ValueError(f"stages: one frame in {self.decimation} is kept, at most {MAX_DECIMATION}")
        if len(self.scale.offset) != len(self.channels):
            raise ValueError(f"scale: {len(self.channels)} channels need as many values")
        if not 1 <= self.window <= MAX_WINDOW:
            raise ValueError(f"window: 1 to {MAX_WINDOW} frames, not {self.window}")
        if not 1 <= self.hop <= self.window:
            raise ValueError(f"hop: 1 to the window's {self.window} frames, not {self.hop}")
        if self.hop_s > MAX_HOP_S:
            raise ValueError(f"hop: {self.hop_s:g} s between decisions, at most {MAX_HOP_S:g} s")

    @property
    def input_shift(self) -> int:
        """Counts are shifted left by this: full scale is 2^29, and samples clip at 2^30."""
        return SAMPLE_BITS - self.adc_bits

    @property
    def decimation(self) -> int:
        return math.prod(stage.factor for stage in self.stages if isinstance(stage, FirStage))

    @property
    def hop_s(self) -> float:
        return self.hop * self.decimation / self.rate_hz

    @property
    def window_s(self) -> float:
        return self.window * self.decimation / self.rate_hz
