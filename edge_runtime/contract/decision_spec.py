"""`DecisionSpec`: the thresholds and times of the decision layer, and where they come from."""

from dataclasses import dataclass


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
    """

    on: tuple[float, ...]
    off: tuple[float, ...]
    smooth: int = 1
    dwell: int = 1
    refractory_s: float = 0.0
    after: dict[str, tuple[str, ...]] | None = None
    calibrated_on: str = ""
    target_fa_per_min: float | None = None

    def __post_init__(self) -> None:
        if len(self.on) != len(self.off):
            raise ValueError("decision: on and off need one value an action each")
        if any(not 0 < off <= on <= 1 for on, off in zip(self.on, self.off)):
            raise ValueError("decision: thresholds must be 0 < off <= on <= 1")
        if not 1 <= self.smooth <= 1000 or not 1 <= self.dwell <= 1000:
            raise ValueError("decision: smooth and dwell must be 1 to 1000 scores")
        if not 0 <= self.refractory_s <= 60:
            raise ValueError("decision: refractory_s must be 0 to 60")
