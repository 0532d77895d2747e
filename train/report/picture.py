"""`demo.png`: signals in, actions decided, the hand that moves."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec
from neurograsp.edge_runtime.contract.signal_spec import ActionSet
from neurograsp.train.report.style import FAINT, INK, PALETTE, colour, new_figure, png, short
from neurograsp.train.report.timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN = 10.0, 6.25
MOST_LANES = 8
LANE = 1.25
SIGMAS = 6.0
BAR = 1.6
JOINT_COLOURS = (INK, PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3])
LETTER = 0.0094
"""Width of a small letter as a share of the axis."""
TEXT_ROWS = 4
MOST_BARS = 4
DENSE = 2500
BROKEN = 0.02
"""With more restarts than this among the scores, dots show those that stand alone."""
TEXT_PLATE = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6}


def draw_picture(timeline: Timeline, actions: ActionSet, decision: DecisionSpec, title: str) -> bytes:
    """The picture as PNG, 1600 x 1000."""
    with_hand = timeline.joints_s is not None
    lanes = _lanes(timeline, actions)
    figure = new_figure(WIDTH_IN, HEIGHT_IN)
    heights = [1.9, 0.42 * len(lanes) + 0.5, 2.0] if with_hand else [2.4, 0.42 * len(lanes) + 1.2]
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.suptitle(short(title, 60), x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.99, 0.985, "research use only, not a medical device", ha="right", va="top", fontsize=9.5)
    _draw_signals(panels[0], timeline, lanes)
    _draw_actions(panels[1], timeline, actions, decision, lanes)
    if with_hand:
        _draw_hand(panels[2], timeline, lanes)
    for panel in panels:
        panel.grid(False)
    panels[-1].set_xlim(timeline.begin_s, timeline.end_s)
    panels[-1].set_xlabel("seconds of the run" if timeline.live else "seconds of recording, gaps left out")
    return png(figure)


def _lanes(timeline: Timeline, actions: ActionSet) -> list[int]:
    """The actions to show; with very many, those with the most events."""
    moving = [index for index in range(len(actions.names)) if index != actions.rest_index]
    count = {index: sum(action == index for _, _, action in timeline.truth) for index in moving}
    return sorted(sorted(moving, key=lambda index: -count[index])[:MOST_LANES])


def _draw_signals(panel: "Axes", timeline: Timeline, lanes: list[int]) -> None:
    n = len(timeline.channels)
    top = (n - 0.35) * SIGMAS
    taken = [-np.inf] * _overlap([(start, stop) for start, stop, action in timeline.truth if action in lanes])
    for start, stop, action in timeline.truth:
        if action not in lanes:
            continue
        panel.axvspan(start, stop, color=colour(action), alpha=0.1, lw=0)
        row = next((row for row, end in enumerate(taken) if end <= start + 1e-6), len(taken) - 1)
        taken[row] = stop
        bar = [(start, stop - start)], (top + row * BAR, 0.8 * BAR)
        panel.broken_barh(*bar, color=colour(action), lw=0)
    for at in timeline.gap_s:
        panel.axvline(at, color=FAINT, lw=0.6, ls=(0, (1, 2)))
    weight = 0.9 if len(timeline.signal_s) < DENSE else 0.45
    for index in range(n):
        level = (n - 1 - index) * SIGMAS
        values = np.clip(timeline.signal[:, index], -SIGMAS / 2, SIGMAS / 2)
        panel.plot(timeline.signal_s, level + values, color=INK, lw=weight)
    panel.set_yticks([(n - 1 - index) * SIGMAS for index in range(n)], [short(c) for c in timeline.channels])
    panel.set_ylim(-0.6 * SIGMAS, top + len(taken) * BAR)
    panel.set_title("signals after the filter; bars above: what the person really did", fontsize=11)


def _draw_actions(
    panel: "Axes", timeline: Timeline, actions: ActionSet, decision: DecisionSpec, lanes: list[int]
) -> None:
    dot = "o" if np.isnan(timeline.probabilities).any(axis=1).mean() > BROKEN else ""
    for place, action in enumerate(reversed(lanes)):
        base = place * LANE
        hue = colour(action)
        for start, stop, what in timeline.truth:
            if what == action:
                panel.broken_barh([(start, stop - start)], (base, 1.0), color=hue, alpha=0.22, lw=0)
        scores = timeline.probabilities[:, action]
        panel.fill_between(timeline.score_s, base, base + scores, color=hue, alpha=0.45, lw=0)
        panel.plot(timeline.score_s, base + scores, color=hue, lw=1.4, marker=dot, ms=2.2)
        panel.axhline(base, color=FAINT, lw=0.5)
        panel.axhline(base + decision.on[action], color=INK, lw=0.9, ls=(0, (4, 3)))
        for mark in timeline.marks:
            if mark.action == action:
                _draw_mark(panel, mark.at_s, base, mark.right)
    panel.set_yticks([place * LANE + 0.5 for place in range(len(lanes))])
    panel.set_yticklabels([short(actions.names[action]) for action in reversed(lanes)])
    for label, action in zip(panel.get_yticklabels(), reversed(lanes)):
        label.set_color(colour(action))
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(-0.1, len(lanes) * LANE)
    panel.set_title(
        "int8 probabilities over what really happened; dashed: threshold; started ▼ rightly, ✕ wrongly",
        fontsize=11,
    )


def _draw_mark(panel: "Axes", at_s: float, base: float, right: bool) -> None:
    panel.plot([at_s, at_s], [base, base + 1], color=INK, lw=1.2)
    if right:
        panel.plot([at_s], [base + 1], marker="v", ms=7, color=INK)
    else:
        panel.plot([at_s], [base + 1], marker="x", ms=7, mew=2, color=INK)


def _draw_hand(panel: "Axes", timeline: Timeline, lanes: list[int]) -> None:
    if timeline.joints_s is None:
        return
    shown = (timeline.begin_s <= timeline.joints_s) & (timeline.joints_s <= timeline.end_s)
    at, joints = timeline.joints_s[shown], timeline.joints_us[shown]
    for number, (name, column) in enumerate(_groups(joints)):
        hue = JOINT_COLOURS[number % len(JOINT_COLOURS)]
        panel.plot(at, joints[:, column], color=hue, lw=1.9, label=name)
    panel.set_ylabel("pulse (µs)")
    low, high = (np.nanmin(joints), np.nanmax(joints)) if np.isfinite(joints).any() else (1000.0, 2000.0)
    room = max(high - low, 100.0)
    length = timeline.end_s - timeline.begin_s
    rows = [-np.inf] * TEXT_ROWS
    for when, command, action in timeline.commands:
        hue = colour(action)
        panel.axvline(when, color=hue, lw=1.0, alpha=0.7)
        place, width = (when - timeline.begin_s) / length, LETTER * (len(command) + 1)
        row = next((row for row, taken in enumerate(rows) if taken <= place), None)
        if row is not None and place + width <= 1:
            rows[row] = place + width
            panel.text(
                when + 0.002 * length,
                high + room * (0.15 + 0.19 * row),
                command,
                color=hue,
                fontsize=8.5,
                fontweight="bold",
                va="center",
                bbox=TEXT_PLATE,
            )
    used = sum(row > -np.inf for row in rows)
    panel.set_yticks([tick for tick in panel.get_yticks() if low - 0.1 * room <= tick <= high + 0.02 * room])
    panel.set_ylim(low - 0.08 * room, high + room * (0.05 + 0.19 * used))
    panel.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=5, fontsize=9.5, handlelength=1.2)
    panel.set_title("simulated hand: commands, and what its joints do", fontsize=11)


def _overlap(stretches: list[tuple[float, float]]) -> int:
    """How many of the stretches (start, stop) there are at most at one time, up to MOST_BARS."""
    edges = sorted([(start, 1) for start, _ in stretches] + [(stop - 1e-6, -1) for _, stop in stretches])
    deepest = int(np.cumsum([step for _, step in edges]).max()) if edges else 0
    return min(max(deepest, 1), MOST_BARS)


def _groups(joints: npt.NDArray[np.float64]) -> list[tuple[str, int]]:
    """Joints that move alike share a line: names, and the column to draw."""
    groups: list[tuple[int, list[int]]] = []
    for column in range(joints.shape[1]):
        for first, members in groups:
            if np.array_equal(joints[:, first], joints[:, column], equal_nan=True):
                members.append(column + 1)
                break
        else:
            groups.append((column, [column + 1]))
    return [
        (f"joint {one[0]}" if len(one) == 1 else f"joints {', '.join(map(str, one))}", first)
        for first, one in groups
    ]
