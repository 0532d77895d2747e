"""Scores made by hand, for what judges and chooses by them."""

import numpy as np

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.edge_runtime.event_scores import ScoredStream

ACTIONS = ActionSet(("rest", "left", "right"), ("REST", "FIST", "GRIP"), "softmax", "rest")
LEFT, RIGHT = 1, 2
HOP_S = 0.1
SPEC = DecisionSpec((0.6,) * 3, (0.4,) * 3)
EVENTS = [(10.0, 12.0, LEFT), (20.0, 22.0, RIGHT), (30.0, 32.0, LEFT), (40.0, 42.0, RIGHT)]


def stream(
    bursts: list[tuple[float, float, int]],
    events: list[tuple[float, float, int]],
    length_s: float,
    rest: list[tuple[float, float]] | None = None,
    p: float = 0.9,
) -> ScoredStream:
    """Scores every 0.1 s, `p` for the action during a burst (start, stop, action) and 0.1 elsewhere.

    Whatever is no event is labelled as rest, unless `rest` says otherwise.
    """
    time_s = np.arange(round(length_s / HOP_S)) * HOP_S
    probabilities = np.full((len(time_s), 3), 0.1)
    for start, stop, action in bursts:
        probabilities[(time_s >= start - 1e-9) & (time_s < stop - 1e-9), action] = p
    start_s, stop_s, action = (np.array(column) for column in zip(*events)) if events else (np.zeros(0),) * 3
    if rest is None:
        rest = list(zip([0.0, *stop_s], [*start_s, length_s]))
    rest_start_s, rest_stop_s = np.array(rest, float).reshape(-1, 2).T
    return ScoredStream(
        time_s=time_s,
        restart=np.zeros(len(time_s), bool),
        probabilities=probabilities,
        event_start_s=start_s.astype(float),
        event_stop_s=stop_s.astype(float),
        event_action=action.astype(np.int64),
        rest_start_s=rest_start_s,
        rest_stop_s=rest_stop_s,
    )
