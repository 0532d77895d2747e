"""One time of a session's log as a picture, to print on A4: scores, states, commands, electrodes, timing."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurograsp.edge_runtime.movements import Look
from neurograsp.edge_runtime.quality import Fault
from neurograsp.edge_runtime.why import Scene, clock, fault_name
from neurograsp.train.report.style import FAINT, INK, PALETTE, colour, dash, new_figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 8.0
"""A4 less its margins."""

PANEL_IN = 5.4
LETTER_IN = 0.075
"""Width of the panels, and of a letter in a lane, to know what fits."""

MOST_ROWS = 10
"""Of electrodes; of more, those that were bad most often."""

LANES = ("action", "signal", "runtime", "hand")
CALM, WELL, BAD = "#e9e9e9", "#bfe0d2", "#f3c9b0"
MARKS = {"act": ("v", PALETTE[0], "sent"), "withheld": ("v", "none", "decided, not sent")}
MARKS |= {"armed": ("^", PALETTE[2], "armed"), "stopped": ("s", PALETTE[1], "stopped")}
MARKS |= {"disarmed": ("s", PALETTE[6], "disarmed")}
FAULTS: dict[int, str] = {Fault.RAILED: PALETTE[1], Fault.FLAT: PALETTE[0], Fault.MAINS: PALETTE[4]}
FAULTS |= {Fault.SATURATED: PALETTE[3], Fault.QUIET: PALETTE[6]}

Span = tuple[float, float, str, str]
"""Begin, end, text and colour."""


def draw_why(scene: Scene) -> "Figure":
    """The scene's time is the vertical line."""
    bad = list(scene.bad_channels())[:MOST_ROWS]
    heights = [3.0, 0.3 * len(LANES), 0.62, 0.5 + 0.14 * len(bad), 0.9]
    figure = new_figure(WIDTH_IN, sum(heights) + 1.5)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    scores, lanes, orders, electrodes, timing = panels
    _draw_scores(scores, scene)
    _draw_lanes(lanes, scene)
    _draw_commands(orders, scene)
    _draw_electrodes(electrodes, scene, bad)
    _draw_timing(timing, scene)
    for axes in panels:
        axes.axvline(scene.at_s, color=INK, lw=1.0)
        axes.tick_params(labelbottom=axes is timing)
    timing.set_xlim(scene.begin_s, max(scene.end_s, scene.begin_s + 0.01))
    timing.set_xlabel(f"seconds since the run began at {clock(scene.session, 0.0)} UTC")
    figure.align_ylabels(panels)
    figure.suptitle(_title(scene), x=0.01, ha="left", fontsize=11)
    return figure


def _title(scene: Scene) -> str:
    asked = f"At {scene.at_s:.2f} s, {clock(scene.session, scene.at_s)} UTC: "
    if scene.movement is not None:
        start = scene.movement.start.decided
        return (
            f"{asked}{short(start.action or '')}, started at {start.at_s:.2f} s\n{short(start.reason, 100)}"
        )
    reason = "no decision by then" if scene.focus is None else scene.focus.decided.reason
    return f"{asked}no movement\n{short(reason, 100)}"


def _draw_scores(axes: "Axes", scene: Scene) -> None:
    signal, spec = scene.signal, scene.decision
    rest = signal.actions.rest_index
    time_s = np.array([look.decided.at_s for look in scene.looks])
    smoothed = np.array(
        [look.smoothed or (np.nan,) * len(signal.actions.names) for look in scene.looks], np.float64
    ).reshape(-1, len(signal.actions.names))
    smoothed, time_s = _broken(smoothed, time_s, 3 * signal.hop_s)
    alike = len({*zip(spec.on, spec.off)}) == 1
    for number, name in enumerate(signal.actions.names):
        if number == rest:
            continue
        style: dict[str, Any] = {"color": colour(number), "ls": dash(number)}
        axes.plot(time_s, smoothed[:, number], **style, marker=".", ms=3, lw=1.5, label=short(name))
        if not alike:
            axes.axhline(spec.on[number], color=colour(number), lw=0.8, ls=(0, (5, 3)))
            axes.axhline(spec.off[number], color=colour(number), lw=0.8, ls=(0, (1, 2)))
    for value, dashes, text in ((spec.on[0], (5, 3), "starts"), (spec.off[0], (1, 2), "ends below")):
        at = value if alike else np.nan
        axes.axhline(at, color=INK, lw=1.0, ls=(0, dashes), label=text)
    names = signal.actions.names
    for movement in scene.movements:
        if (action := movement.start.decided.action) in names:
            axes.axvspan(
                movement.start_s, movement.end_s, color=colour(names.index(action)), alpha=0.13, lw=0
            )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(f"p, mean of {spec.smooth}" if spec.smooth > 1 else "p", fontsize=9)
    _legend(axes)


def _broken(values: Any, time_s: Any, longest_s: float) -> tuple[Any, Any]:
    """With a hole where decisions are further apart than `longest_s`: no line is drawn across it."""
    holes = np.flatnonzero(np.diff(time_s) > longest_s) + 1
    return np.insert(values, holes, np.nan, axis=0), np.insert(time_s, holes, time_s[holes])


def _draw_lanes(axes: "Axes", scene: Scene) -> None:
    names = scene.signal.actions.names
    actions = [
        (one.start_s, one.end_s, one.start.decided.action or "", one.start.decided.action or "")
        for one in scene.movements
    ]
    lanes: list[list[Span]] = [
        [(a, b, short(text), _tint(names, key)) for a, b, text, key in actions],
        _spans(((tick.at_s, *_signal_of(tick)) for tick in scene.ticks), scene.end_s),
        _spans(((tick.at_s, tick.state, _state_colour(tick.state)) for tick in scene.ticks), scene.end_s),
        _spans(((one.at_s, one.state, _hand_colour(one.state)) for one in scene.hand), scene.end_s),
    ]
    per_s = PANEL_IN / max(0.01, scene.end_s - scene.begin_s)
    for lane, spans in enumerate(lanes):
        for since, until, text, fill in spans:
            begin, end = max(since, scene.begin_s), min(until, scene.end_s)
            axes.barh(lane, end - begin, left=begin, height=0.8, color=fill, edgecolor="white", lw=0.8)
            if len(text) * LETTER_IN < (end - begin) * per_s:
                axes.text((begin + end) / 2, lane, text, ha="center", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(LANES)), LANES, fontsize=9)
    axes.set_ylim(len(LANES) - 0.5, -0.5)
    _bare(axes)


def _spans(changes: Iterable[tuple[float, str, str]], end_s: float) -> list[Span]:
    """Each text from where it began to where another one did."""
    spans: list[Span] = []
    for at_s, text, fill in changes:
        if not spans or spans[-1][2] != text:
            spans.append((at_s, end_s, text, fill))
    return [
        (begin, following[0], text, fill)
        for (begin, _, text, fill), following in zip(spans, [*spans[1:], (end_s, end_s, "", "")])
    ]


def _signal_of(tick: Any) -> tuple[str, str]:
    if tick.source_lost:
        return "lost", BAD
    if tick.doubt is not None:
        return "not believed", BAD
    return ("believed", WELL) if tick.age_s is not None else ("none yet", CALM)


def _state_colour(state: str) -> str:
    return {"armed": WELL, "stopped": BAD}.get(state, CALM)


def _hand_colour(state: str) -> str:
    if state in ("FAILSAFE", "ESTOP", "LOST"):
        return BAD
    return CALM if state in ("BOOT", "IDLE") else WELL


def _tint(names: Sequence[str], action: str) -> str:
    """The action's colour, light enough to write on."""
    if action not in names:
        return CALM
    hue = colour(names.index(action)).lstrip("#")
    light = (round(0.45 * int(hue[at : at + 2], 16) + 0.55 * 255) for at in (0, 2, 4))
    return "#" + "".join(f"{part:02x}" for part in light)


def _draw_commands(axes: "Axes", scene: Scene) -> None:
    """What was asked of the hand, and when it was armed and stopped; a name where there is room for it."""
    marks: list[tuple[float, str, str]] = [
        (one.at_s, one.kind, one.name) for one in scene.commands if one.kind in MARKS
    ]
    named = {"armed": "arm", "disarmed": "disarm", "stopped": "STOP"}
    marks += [(one.at_s, one.kind, named[one.kind]) for one in scene.happenings if one.kind in named]
    for kind, (marker, fill, text) in MARKS.items():
        edge = FAINT if fill == "none" else fill
        at = [at_s for at_s, of, _ in marks if of == kind]
        if at:
            axes.plot(at, [0.0] * len(at), marker, mfc=fill, mec=edge, ms=7, ls="", label=text)
    right = -np.inf
    letter = 0.85 * LETTER_IN * (scene.end_s - scene.begin_s) / PANEL_IN
    for at_s, _, text in sorted(marks):
        half = len(text) * letter / 2
        if at_s - half > right and scene.begin_s + half <= at_s <= scene.end_s - half:
            axes.text(at_s, 0.35, text, ha="center", va="bottom", fontsize=7.5, color=INK)
            right = at_s + half + letter / 2
    axes.set_ylim(-0.5, 1.1)
    axes.set_yticks([0.0], ["commands"], fontsize=9)
    if marks:
        _legend(axes)
    _bare(axes)


def _draw_electrodes(axes: "Axes", scene: Scene, bad: Sequence[str]) -> None:
    channels = scene.signal.channels
    half = scene.signal.hop_s / 2
    seen = {fault for look in scene.looks for fault in look.decided.channel_faults if fault}
    for fault in sorted(seen):
        hue = FAULTS.get(fault, INK)
        for row, name in enumerate(bad):
            column = channels.index(name)
            at = [look.decided.at_s for look in scene.looks if _fault(look, column) == fault]
            axes.broken_barh([(one - half, 2 * half) for one in at], (row - 0.4, 0.8), color=hue, lw=0)
        axes.plot([], [], "s", color=hue, label=fault_name(fault))
    more = len(scene.bad_channels()) - len(bad)
    if not bad:
        text = f"none of {len(channels)} electrodes bad" if scene.looks else "no decision"
        axes.text(0.01, 0.5, text, transform=axes.transAxes, va="center", fontsize=8.5, color=INK)
    axes.set_yticks(range(len(bad)), [short(name, 8) for name in bad], fontsize=8)
    axes.set_ylim(max(len(bad), 1) - 0.5, -0.5)
    axes.set_ylabel("bad\nelectrodes" + (f"\n({more} more)" if more else ""), fontsize=9)
    if seen:
        _legend(axes)
    _bare(axes)


def _fault(look: Look, column: int) -> int:
    faults = look.decided.channel_faults
    return faults[column] if column < len(faults) else 0


def _draw_timing(axes: "Axes", scene: Scene) -> None:
    at = [tick.at_s for tick in scene.ticks]
    axes.plot(at, [tick.tick_us / 1000 for tick in scene.ticks], color=PALETTE[0], lw=1.0, label="work")
    late = [tick.late_us / 1000 for tick in scene.ticks]
    axes.plot(at, late, color=PALETTE[1], lw=1.0, ls="--", label="began late by")
    limit = scene.session.tick_ms
    axes.axhline(limit, color=INK, lw=1.0, ls=(0, (5, 3)), label=f"deadline {limit:g} ms")
    axes.set_ylim(0, limit * 1.15)
    axes.set_ylabel("tick, ms", fontsize=9)
    _legend(axes)


def _legend(axes: "Axes") -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, handlelength=1.4, labelspacing=0.3)


def _bare(axes: "Axes") -> None:
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
