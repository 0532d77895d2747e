"""Matrices that mix the channels, chosen here; their integers are what counts from then on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.signal_spec import SpatialStage
from neurograsp.train.scalp import montage

Float = npt.NDArray[np.float64]


def average_reference(n_channels: int) -> SpatialStage:
    """Every channel less the mean of all.

    Raises:
        ValueError: there is one channel only.
    """
    if n_channels < 2:
        raise ValueError("an average reference needs two channels or more")
    return SpatialStage("spatial", "average_reference", to_q30(np.eye(n_channels) - 1 / n_channels))


def laplacian(channels: Sequence[str], neighbours: int) -> SpatialStage:
    """Every channel less the mean of its nearest neighbours on the scalp.

    Args:
        channels: names of the international 10-20, 10-10 or 10-5 system.
        neighbours: how many.

    Raises:
        MissingExtra: MNE, which has the positions, is not installed.
        ValueError: a position is not known, or there are no more channels than neighbours.
    """
    if not 1 <= neighbours < len(channels):
        raise ValueError(f"neighbours must be 1 to {len(channels) - 1}, not {neighbours}")
    known = montage().get_positions()["ch_pos"]
    place = {name.lower(): position for name, position in known.items()}
    unknown = [name for name in channels if name.lower() not in place]
    if unknown:
        raise ValueError(
            f"no place on the scalp is known for {', '.join(unknown)}; take another kind, or name the "
            "channels as in the 10-5 system"
        )
    places = np.array([place[name.lower()] for name in channels])
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1 : neighbours + 1]
    matrix = np.eye(len(channels))
    np.put_along_axis(matrix, nearest, -1 / neighbours, axis=1)
    return SpatialStage("spatial", "laplacian", to_q30(matrix))


def whitening(frames: Float, shrinkage: float) -> SpatialStage:
    """The inverse square root of the channels' covariance: people and sessions become alike.

    Euclidean alignment (see `SpatialStage`) with a shrunk covariance, so that directions without
    signal are not blown up. It needs no labels.

    Args:
        frames: (n_frames, n_channels) filtered signal.
        shrinkage: 0 to 1, the weight of a multiple of the identity in the covariance.

    Raises:
        ValueError: shrinkage is out of its range.
    """
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage must be 0 to 1, not {shrinkage}")
    covariance = np.atleast_2d(np.cov(frames.T))
    n_channels = len(covariance)
    mean_power = np.trace(covariance) / n_channels
    power, vectors = np.linalg.eigh(
        (1 - shrinkage) * covariance + shrinkage * mean_power * np.eye(n_channels)
    )
    floor = np.finfo(np.float64).eps * n_channels * power.max()
    return SpatialStage(
        "spatial", "whitening", to_q30((vectors / np.sqrt(np.maximum(power, floor))) @ vectors.T)
    )


def to_q30(matrix: Float) -> tuple[tuple[int, ...], ...]:
    """Q30 integers of a multiple of the matrix: its largest row sums, in absolute values, to just 1."""
    gain = np.abs(matrix).sum(axis=1).max()
    # Towards zero, so that no row comes out above 1.
    return tuple(tuple(int(weight) for weight in row) for row in np.trunc(matrix / gain * 2**30))
