"""Whether what a source delivers is what a bundle was trained on, and its values as the bundle's counts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.channels import columns_of
from neurograsp.edge_runtime.contract.errors import ConfigError, SourceError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Layout
from neurograsp.edge_runtime.sources.delta_npz import DeltaFrames

LOWEST, HIGHEST = -(2.0**31), 2.0**31 - 1


def electrode_columns(wanted: Sequence[str], names: Sequence[str], n_columns: int) -> list[int] | None:
    """Columns of a live amplifier's electrodes.

    By name where all that are wanted are among its names; else all as they come, where there are as many.
    None: neither. An amplifier's own names say little: caps are wired in many ways.
    """
    try:
        columns = columns_of(wanted, names)
    except ValueError:
        columns = [n_columns]
    if max(columns) < n_columns:
        return columns
    return list(range(n_columns)) if n_columns == len(wanted) else None


def live_columns(what: str, layout: Layout, spec: SignalSpec) -> list[int]:
    """Columns of the bundle's channels in a live stream, see `electrode_columns`.

    Raises:
        ConfigError: it has other channels or another rate, or one of the two has no unit.
    """
    columns = electrode_columns(spec.channels, layout.channels, len(layout.channels))
    if columns is None or layout.rate_hz != spec.rate_hz:
        raise ConfigError(
            f"{what}: {len(layout.channels)} channels ({', '.join(layout.channels[:4])}, ...) at "
            f"{layout.rate_hz:g} Hz, but the bundle was trained on {len(spec.channels)} channels "
            f"({', '.join(spec.channels[:4])}, ...) at {spec.rate_hz:g} Hz; use that amplifier, or train on "
            "this one"
        )
    if (layout.lsb_uv is None) != (spec.lsb_uv is None):
        raise ConfigError(
            f"{what}: {_unit(layout.lsb_uv)}, but the bundle was trained on {_unit(spec.lsb_uv)}; "
            "train on recordings of this stream"
        )
    return columns


def rescaled(
    counts: npt.NDArray[np.int32], from_uv: float | None, to_uv: float | None
) -> npt.NDArray[np.int32]:
    """Counts of one unit as counts of another, (n_frames, n_channels); unchanged where the two are one."""
    if from_uv is None or to_uv is None or from_uv == to_uv:
        return counts
    return to_counts(counts.T * np.float64(from_uv), to_uv)


def fitting_columns(frames: DeltaFrames, spec: SignalSpec) -> list[int]:
    """The recording's columns of the bundle's channels, by name.

    Raises:
        ConfigError: it lacks one, or has another rate or unit.
    """
    if frames.rate_hz != spec.rate_hz:
        raise ConfigError(
            f"{frames.path}: {frames.rate_hz:g} Hz, but the bundle was trained at {spec.rate_hz:g} Hz"
        )
    try:
        columns = columns_of(spec.channels, frames.channels)
    except ValueError as error:
        raise ConfigError(
            f"{frames.path}: {error}; the bundle was trained on {len(spec.channels)} channels "
            f"({', '.join(spec.channels[:4])}, ...)"
        ) from error
    if frames.lsb_uv != spec.lsb_uv:
        raise ConfigError(
            f"{frames.path}: {_unit(frames.lsb_uv)}, but the bundle was trained on {_unit(spec.lsb_uv)}; "
            "use recordings of the same amplifier and gain"
        )
    return columns


def _unit(lsb_uv: float | None) -> str:
    return "counts without a unit" if lsb_uv is None else f"counts of {lsb_uv:g} uV"


def to_counts(microvolts: npt.NDArray[np.float64], lsb_uv: float) -> npt.NDArray[np.int32]:
    """(n_channels, n_frames) microvolt to (n_frames, n_channels) counts.

    Raises:
        SourceError: a value is not finite.
    """
    steps = microvolts.T / lsb_uv
    np.rint(steps, out=steps)
    # Of a NaN neither comparison is true.
    if not (steps.min(initial=0.0) >= LOWEST and steps.max(initial=0.0) <= HIGHEST):
        if not np.isfinite(microvolts).all():
            channel = int(np.argwhere(~np.isfinite(microvolts))[0, 0])
            raise SourceError(
                f"channel {channel} delivers values that are no numbers; check amplifier and driver"
            )
        np.clip(steps, LOWEST, HIGHEST, out=steps)
    return steps.astype(np.int32, order="C")
