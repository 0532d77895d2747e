"""`DecisionSpec`: the thresholds and times of the decision layer, and where they come from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Proportional:
    """How sure an active action is sets how fast, or how hard, the hand does it.

    A straight line over the smoothed probability: `least` at the action's `off` threshold and below,
    `most` at `full` and above.

    Attributes:
        of: what of the command is set; the other one stays at 100 percent.
        least, most: percent, of the hand's own limit. Nothing is ever sent above `most`.
        full: probability at which `most` is reached.
    """

    of: Literal["speed", "force"]
    least: int = 30
    most: int = 100
    full: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= 100:
            raise ValueError("decision.proportional: percent must be 1 <= least <= most <= 100")
        if not 0 < self.full <= 1:
            raise ValueError("decision.proportional: full must be a probability above 0")

    def percent(self, probability: float, off: float) -> int:
        """Whole percent, rising with the probability; what is no number gets the least."""
        if probability >= self.full:
            return self.most
        if not probability > off:  # NaN too
            return self.least
        share = (probability - off) / (self.full - off)
        return self.least + round((self.most - self.least) * share)


@dataclass(frozen=True)
class DecisionSpec:
    """How scores become actions.

    Attributes:
        on: probability at which an action starts, one for each action.
        off: probability under which it ends, one for each action, at most `on`.
        smooth: decisions use the mean probability of the last so many scores; after the start or a
            gap they wait until there are as many.
        dwell: consecutive scores above `on` that an action needs to start.
        refractory_s: time after a start in which no action starts, the same one included.
        after: for some actions, the actions that may come before them; "" is the beginning.
            An action that is not named here may follow any.
        calibrated_on: the data behind the thresholds, in words.
        target_fa_per_min: the false activations a minute aimed at, or None where the data has no
            rest to count them in.
        proportional: speed or force by the probability; None: all commands at 100 percent.
    """

    on: tuple[float, ...]
    off: tuple[float, ...]
    smooth: int = 1
    dwell: int = 1
    refractory_s: float = 0.0
    after: dict[str, tuple[str, ...]] | None = None
    calibrated_on: str = ""
    target_fa_per_min: float | None = None
    proportional: Proportional | None = None

    def __post_init__(self) -> None:
        if len(self.on) != len(self.off):
            raise ValueError("decision: on and off need one value an action each")
        if any(not 0 < off <= on <= 1 for on, off in zip(self.on, self.off)):
            raise ValueError("decision: thresholds must be 0 < off <= on <= 1")
        if not 1 <= self.smooth <= 1000 or not 1 <= self.dwell <= 1000:
            raise ValueError("decision: smooth and dwell must be 1 to 1000 scores")
        if not 0 <= self.refractory_s <= 60:
            raise ValueError("decision: refractory_s must be 0 to 60")
