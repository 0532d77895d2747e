"""`neurograsp why`."""

import argparse
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neurograsp.edge_runtime.movements import Happening, Look, Movement, Story
    from neurograsp.edge_runtime.telemetry.messages import Command, Session
    from neurograsp.edge_runtime.telemetry.moments import OpenLog
    from neurograsp.edge_runtime.why import Scene

HELP = "why the hand moved, or did not, at a time of a session's log: as text and as a picture"
EXAMPLE = "neurograsp why session.mcap --at 12.3 --plot why.png"

SPAN_S = 2.0
PICTURES = (".png", ".svg", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, metavar="FILE", help="what `neurograsp run --log` wrote")
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="seconds since the run began, or time of day in UTC such as 14:03:22.5; without it: a list of "
        "what happened",
    )
    parser.add_argument(
        "--span",
        type=float,
        default=SPAN_S,
        metavar="S",
        help=f"seconds to show before and after (default {SPAN_S:g})",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.session_clock import clock_shown
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import check_writable
    from neurograsp.edge_runtime.telemetry.moments import OpenLog
    from neurograsp.edge_runtime.why import scene_at, seconds_of, story_of

    plot = arguments.plot
    if not 0 < arguments.span <= 600:
        raise UsageError("--span must be above 0 and at most 600 seconds")
    if plot is not None:
        if arguments.at is None:
            raise UsageError("--plot needs --at TIME; without --at, the times are listed")
        if plot.suffix.lower() not in PICTURES:
            raise UsageError(f"--plot {plot}: a picture is written as {', '.join(PICTURES)}")
        check_writable(plot, private=True)
    log = OpenLog(arguments.log)
    if arguments.at is None:
        with clock_shown(log):
            story = story_of(log)
        show(arguments.json, log, story_json(log.session, story), story_text(log.session, story))
        return 0
    try:
        at_s = seconds_of(arguments.at, log.session)
    except ValueError as error:
        raise UsageError(
            f"--at {arguments.at}: neither seconds nor a time of day such as 14:03:22"
        ) from error
    with clock_shown(log):
        scene = scene_at(log, at_s, arguments.span)
    if plot is not None:
        draw(scene, plot)
    show(arguments.json, log, scene_json(scene), scene_text(scene))
    return 0


def show(as_json: bool, log: "OpenLog", value: dict[str, Any], text: str) -> None:
    """Either of them, with what the log lacks at its end."""
    if as_json:
        print(json.dumps({**value, "cut": log.cut}))
        return
    print(text)
    if log.cut is not None:
        print(f"\nThe log ends early: {log.cut}.")


def draw(scene: "Scene", out: Path) -> None:
    """The picture, whole or not at all, for its owner alone. Raises MissingExtra, ConfigError."""
    from neurograsp.edge_runtime.files import write_whole
    from neurograsp.train.pictures.why import draw_why
    from neurograsp.train.report.style import drawing

    drawn = io.BytesIO()
    with drawing():
        draw_why(scene).savefig(drawn, format=out.suffix[1:].lower())
    write_whole(out, drawn.getvalue(), 0o600)


def story_json(session: "Session", story: "Story") -> dict[str, Any]:
    """See docs/schemas/why.schema.json."""
    return {
        "session": session_json(session),
        "seconds": story.last_s,
        "movements": [movement_json(one) for one in story.movements],
        "happenings": [
            {"at_s": one.at_s, "kind": one.kind, "text": one.text} for one in _by_time(story.happenings)
        ],
        "at": None,
    }


def session_json(session: "Session") -> dict[str, Any]:
    return {
        key: getattr(session, key)
        for key in ("started_at", "bundle", "bundle_sha256", "source", "hand", "arming")
    }


def movement_json(movement: "Movement") -> dict[str, Any]:
    start = movement.start.decided
    return {
        "start_s": start.at_s,
        "end_s": None if movement.end is None else movement.end_s,
        "action": start.action,
        "command": start.command,
        "speed": start.speed,
        "force": start.force,
        "sent": movement.sent,
        "withheld": movement.withheld,
        "reason": start.reason,
        "ended": movement.ended,
    }


def _by_time(happenings: "Iterable[Happening]") -> "list[Happening]":
    return sorted(happenings, key=lambda one: one.at_s)


def story_text(session: "Session", story: "Story") -> str:
    """A line for everything that happened, with the time to give to `--at`."""
    from neurograsp.edge_runtime.why import clock

    rows: list[tuple[float, str]] = [(one.at_s, _happening(one)) for one in story.happenings]
    for one in story.movements:
        start = one.start.decided
        lasted = "to the end of the log" if one.end is None else f"{one.end_s - one.start_s:.2f} s"
        rows.append((one.start_s, f"{start.action}: {asked(one)}, {lasted} ({start.reason})"))
    lines = [heading(session), ""]
    lines += [f"{at_s:9.2f} s  {clock(session, at_s)}  {text}" for at_s, text in sorted(rows)]
    if not rows:
        lines.append("Nothing moved, and nothing was stopped.")
    return "\n".join(lines)


def _happening(one: "Happening") -> str:
    return f"stopped: {one.text}" if one.kind == "stopped" else one.text


def heading(session: "Session") -> str:
    from neurograsp.edge_runtime.why import began_at

    began = began_at(session)
    return (
        f"Session of {began:%Y-%m-%d %H:%M:%S} UTC\n"
        f"  bundle  {session.bundle} ({session.bundle_sha256[:12]})\n"
        f"  source  {session.source}\n"
        f"  hand    {session.hand or 'none'}" + (f"; arming: {session.arming or 'nobody'}")
    )


def asked(movement: "Movement") -> str:
    """What a movement asked of the hand, in words."""
    start = movement.start.decided
    if start.command is None:
        return "asks nothing of the hand"
    if not movement.sent:
        why = ", the hand was not armed when it began" if movement.withheld else ""
        return f"{start.command} not sent{why}"
    often = f" {movement.sent} times" if movement.sent > 1 else ""
    return f"{start.command} sent{often}"


def scene_json(scene: "Scene") -> dict[str, Any]:
    """See docs/schemas/why.schema.json."""
    focus = scene.focus
    return {
        "session": session_json(scene.session),
        "seconds": None,
        "movements": [movement_json(one) for one in scene.movements],
        "happenings": [
            {"at_s": one.at_s, "kind": one.kind, "text": one.text} for one in _by_time(scene.happenings)
        ],
        "at": {
            "at_s": scene.at_s,
            "begin_s": scene.begin_s,
            "end_s": scene.end_s,
            "decision": None if focus is None else decision_json(scene, focus),
            "gates": [{"name": one.name, "passed": one.passed, "text": one.text} for one in scene.gates()],
            "bad_channels": scene.bad_channels(),
            "hand": [
                {"at_s": one.at_s, "state": one.state, "fault": one.fault, "positions": list(one.positions)}
                for one in scene.hand
            ],
            "missed_deadlines": sum(tick.missed for tick in scene.ticks),
        },
    }


def decision_json(scene: "Scene", look: "Look") -> dict[str, Any]:
    decided = look.decided
    return {
        "at_s": decided.at_s,
        "time_s": decided.time_s,
        "action": decided.action,
        "started": decided.started,
        "command": decided.command,
        "reason": decided.reason,
        "scores": [
            {"action": name, "probability": p, "compared": compared, "on": on, "off": off}
            for name, p, compared, on, off in _scores(scene, look)
        ],
    }


def _scores(scene: "Scene", look: "Look") -> list[tuple[str, float | None, float | None, float, float]]:
    names = scene.signal.actions.names
    smoothed = look.smoothed or (None,) * len(names)
    return list(zip(names, look.decided.probabilities, smoothed, scene.decision.on, scene.decision.off))


def scene_text(scene: "Scene") -> str:
    """Everything that had a say, for a person."""
    from neurograsp.edge_runtime.why import clock

    look = scene.focus
    lines = [heading(scene.session), "", f"At {scene.at_s:.2f} s ({clock(scene.session, scene.at_s)} UTC)"]
    if look is None:
        return "\n".join(
            [*lines, "  No decision had been made by then: the filter and the window were filling."]
        )
    lines.append(f"  {verdict(scene)}")
    lines += ["", f"Scores of the decision at {look.decided.at_s:.2f} s"]
    wide = max(len(name) for name in scene.signal.actions.names)
    mean = "compared" if scene.decision.smooth > 1 else ""
    lines.append(f"  {'':<{wide}}      p  {mean:>8}    on   off")
    for name, p, compared, on, off in _scores(scene, look):
        is_rest = name == scene.signal.actions.rest
        limits = "" if is_rest else f"  {on:4.2f}  {off:4.2f}"
        mean = _number(compared) if scene.decision.smooth > 1 else ""
        mark = "  <- started" if look.decided.started and name == look.decided.action else ""
        lines.append(f"  {name:<{wide}}  {_number(p):>5}  {mean:>8}{limits}{mark}".rstrip())
    lines += ["", "Gates"]
    signs = {True: "open", False: "shut", None: "-"}
    lines += [f"  {gate.name:<12}  {signs[gate.passed]:<4}  {gate.text}" for gate in scene.gates()]
    lines += ["", f"From {scene.begin_s:.2f} to {scene.end_s:.2f} s"]
    lines += [f"  {'electrodes':<12}  {electrodes(scene)}", f"  {'timing':<12}  {timing(scene)}"]
    lines += [f"  {'hand':<12}  {hand(scene)}"]
    rows = [(one.at_s, _happening(one)) for one in scene.happenings]
    rows += [(one.at_s, ordered(one)) for one in scene.commands if one.kind in ("act", "withheld")]
    rows += [
        (one.end_s, ending(one))
        for one in scene.movements
        if one.end is not None and not one.end.decided.started
    ]
    rows = [row for row in rows if scene.begin_s <= row[0] <= scene.end_s]
    lines += [f"  {at_s:10.2f} s  {text}" for at_s, text in sorted(rows)]
    return "\n".join(lines)


def ending(movement: "Movement") -> str:
    """Why it ended; of most the reason names the action already."""
    action, ended = movement.start.decided.action, movement.ended or ""
    return ended if ended.startswith(f"{action}: ") else f"{action} ended: {ended}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def verdict(scene: "Scene") -> str:
    """What was under way, in a sentence."""
    movement, look = scene.movement, scene.focus
    if movement is not None:
        start, end = movement.start.decided, movement.end
        if end is None:
            ended = "went on at the log's end"
        elif end.decided.started:
            ended = f"gave way to {end.decided.action} after {movement.end_s - movement.start_s:.2f} s"
        else:
            ended = f"ended after {movement.end_s - movement.start_s:.2f} s ({movement.ended})"
        return (
            f"{start.action} started at {start.at_s:.2f} s and {ended}: {asked(movement)}.\n"
            f"  Why: {start.reason}"
        )
    reason = "" if look is None else look.decided.reason
    return f"No movement was under way.\n  Why: {reason}"


def electrodes(scene: "Scene") -> str:
    bad, n = scene.bad_channels(), len(scene.looks)
    if not n:
        return "no decision was made"
    if not bad:
        return "none bad"
    worst = ", ".join(
        f"{name} {'/'.join(faults)} {100 * faults.total() / n:.0f} %"
        for name, faults in list(bad.items())[:6]
    )
    more = f", {len(bad) - 6} more" if len(bad) > 6 else ""
    doubted = sum(look.doubted for look in scene.looks)
    return f"bad in so many of {n} decisions: {worst}{more}; {doubted} not decided for it"


def timing(scene: "Scene") -> str:
    ticks, tick_ms = scene.ticks, scene.session.tick_ms
    if not ticks:
        return "no tick is in the log"
    slowest = max(ticks, key=lambda tick: tick.tick_us)
    late = max(tick.late_us for tick in ticks)
    return (
        f"{len(ticks)} ticks of {tick_ms:g} ms, slowest {slowest.tick_us / 1000:.1f} ms at "
        f"{slowest.at_s:.2f} s, "
        f"late by at most {late / 1000:.1f} ms, {sum(tick.missed for tick in ticks)} deadlines missed"
    )


def hand(scene: "Scene") -> str:
    if not scene.hand:
        return "nothing is known of one"
    states: list[tuple[float, str]] = []
    for report in scene.hand:
        fault = "" if report.fault in ("NONE", "") else f" ({report.why or report.fault})"
        state = f"{report.state}{fault}"
        if not states or states[-1][1] != state:
            states.append((report.at_s, state))
    shown = [states[0][1], *(f"{state} at {at_s:.2f} s" for at_s, state in states[1:9])]
    return ", ".join(shown) + (", ..." if len(states) > 9 else "")


def ordered(command: "Command") -> str:
    """A command in words."""
    what = f"{command.name} ({command.speed} % speed, {command.force} % force)"
    return f"sent {what}" if command.kind == "act" else f"not sent {what}"
