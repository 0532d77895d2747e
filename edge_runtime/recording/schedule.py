"""Which cue comes when: a pure function of a few numbers and a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REST = "rest"
JITTER = 0.5
"""Rest lasts up to so much longer than asked, so that nobody learns to foresee the cue."""


@dataclass(frozen=True)
class Cue:
    """Attributes:
    label: an action, or `REST`.
    n_frames: how long it is up.
    """

    label: str
    n_frames: int


def schedule(
    actions: Sequence[str], repeats: int, rate_hz: float, cue_s: float, rest_s: float, seed: Sequence[int]
) -> tuple[Cue, ...]:
    """Every action once a block, in an order that is drawn anew for each block; rest around each.

    So the last fifth of a session, which validates when there is one session, holds every action from five
    repeats on.

    Args:
        actions: distinct, without `REST`.
        repeats: number of blocks.
        rate_hz: frames a second.
        cue_s: seconds that an action's cue is up.
        rest_s: shortest rest; each is `rest_s` to (1 + JITTER) `rest_s`, uniform.
        seed: of orders and rests.

    Returns:
        rest, action, rest, action, ..., rest: 2 len(actions) repeats + 1 cues.
    """
    rng = np.random.default_rng(seed)
    cues = []
    for _ in range(repeats):
        for index in rng.permutation(len(actions)):
            cues += [_rest(rng, rate_hz, rest_s), Cue(actions[index], round(cue_s * rate_hz))]
    return (*cues, _rest(rng, rate_hz, rest_s))


def _rest(rng: np.random.Generator, rate_hz: float, rest_s: float) -> Cue:
    return Cue(REST, round(rest_s * rng.uniform(1, 1 + JITTER) * rate_hz))


def total_s(cues: Sequence[Cue], rate_hz: float) -> float:
    """Seconds of signal that the cues take."""
    return sum(cue.n_frames for cue in cues) / rate_hz
