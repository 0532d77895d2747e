"""The view in a terminal, over SSH too: pictures of text, a few a second; s stops the hand."""

import asyncio
import os
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from neurograsp.edge_runtime.monitor.listener import Listener
from neurograsp.edge_runtime.monitor.view import View
from neurograsp.edge_runtime.quality import Fault
from neurograsp.edge_runtime.telemetry.feed import Ask

PICTURE_S = 0.2
SILENT_S = 1.0
STOP_KEYS = b"s S\x1b"
"""s, space and Esc."""

BAR = 24
LINES = 8
LOOKS = {"armed": "bold black on yellow", "stopped": "bold white on red"}
LOUD = ("warning", "error", "critical")


async def watch(listener: Listener, keys: int, console: Console, stop: asyncio.Event) -> None:
    """Until q is pressed or `stop` is set.

    Args:
        listener: connected.
        keys: descriptor of the terminal, which gives each key at once.
        console: to draw on.
        stop: ends it.
    """
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        came = os.read(keys, 64)
        if not came or b"q" in came:
            stop.set()
        if any(key in STOP_KEYS for key in came):
            listener.ask(Ask.STOP)

    loop.add_reader(keys, pressed)
    listening = asyncio.create_task(listener.listen())
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not stop.is_set() and not listening.done():
                live.update(picture(listener.view, listener.why, listener.silent_s, console), refresh=True)
                await asyncio.wait({listening}, timeout=PICTURE_S)
        if listening.done():
            listening.result()
    finally:
        loop.remove_reader(keys)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def picture(view: View | None, why: str, silent_s: float, console: Console) -> RenderableType:
    """What there is to see, as high as the console at most; an old picture says so and is pale."""
    keys = Text("s, space or Esc: STOP    q: quit", style="dim")
    old = Text()
    if why:
        old = Text(f"NO RUN: {why}. What is shown is {silent_s:.0f} s old.", style="bold reverse")
    elif silent_s > SILENT_S:
        old = Text(f"NO DATA from the run for {silent_s:.0f} s.", style="bold reverse")
    if view is None:
        return Group(old or Text("waiting for the run"), keys)
    # What is too much for a low terminal is cut off at its end: how to stop must not be.
    parts: list[RenderableType] = [
        _state(view, bool(old)),
        keys,
        old,
        *_decision(view),
        Text(),
        _quality(view),
        *_hand(view),
        _timing(view),
        Text(),
    ]
    left = console.height - len(console.render_lines(Group(*parts), pad=False))
    return Group(*parts, *_lines(view, min(LINES, left)))


def _state(view: View, old: bool) -> Text:
    head = Text()
    if view.tick is not None:
        state = view.tick.state
        head.append(f" {state.upper()} ", style="strike dim" if old else LOOKS.get(state, "bold reverse"))
        if state == "stopped" and view.tick.stopped_by:
            head.append(f" {view.tick.stopped_by}")
        if view.tick.doubt is not None:
            head.append(f" ({view.tick.doubt})")
    session = view.session
    return head.append(f"  {session.bundle} on {session.source}", style="dim")


def _decision(view: View) -> Iterable[RenderableType]:
    decided, actions = view.decided, view.signal.actions
    yield Text("no decision yet" if decided is None else decided.reason, style="bold")
    if decided is None:
        return
    table = Table.grid(padding=(0, 1))
    for name, p, on in zip(actions.names, decided.probabilities, view.decision.on):
        mark = "|" if name != actions.rest else ""
        active = "bold" if name == decided.action else ""
        table.add_row(Text(name, style=active), _bar(p, on, mark), "-" if p is None else f"{p:.2f}")
    yield table


def _bar(share: float | None, threshold: float, mark: str) -> Text:
    filled = round(BAR * max(0.0, min(1.0, share or 0.0)))
    bar = list("#" * filled + "." * (BAR - filled))
    if mark:
        bar[min(BAR - 1, round(BAR * threshold))] = mark
    return Text("".join(bar))


def _quality(view: View) -> Text:
    channels = view.signal.channels
    if view.faults is None:
        return Text("electrodes: not looked at yet")
    bad = [f"{channels[k]} {Fault(fault).name.lower()}" for k, fault in enumerate(view.faults) if fault]
    if not bad:
        return Text(f"electrodes: all {len(channels)} look well")
    more = f" and {len(bad) - 8} more" if len(bad) > 8 else ""
    return Text(
        f"electrodes: {len(bad)} of {len(channels)} not to be believed: {', '.join(bad[:8])}{more}", "yellow"
    )


def _hand(view: View) -> Iterable[Text]:
    hand, session = view.hand, view.session
    if hand is None:
        yield Text("hand: none" if session.hand is None else f"hand: {session.hand}")
        return
    why = "" if hand.fault == "NONE" else f" ({hand.why})"
    name = (session.hand or "").partition(",")[0]
    yield Text(f"hand: {name} {hand.state}{why}, motors {'driven' if hand.attached else 'off'}")
    at = [
        f"{joint.name} {'-' if position is None else position}"
        for joint, position in zip(session.joints, hand.positions)
    ]
    yield Text("      " + ", ".join(at))


def _timing(view: View) -> Text:
    p50, p99 = view.durations.percentile(50), view.durations.percentile(99)
    if p50 is None or p99 is None:
        return Text("ticks: none yet")
    return Text(
        f"ticks: {view.durations.count}, half below {p50 / 1000:.2f} ms, 99 % below {p99 / 1000:.2f} ms, "
        f"{view.n_missed} missed the deadline of {view.session.tick_ms:g} ms"
    )


def _lines(view: View, most: int) -> Iterable[Text]:
    for _, at_s, level, text in list(view.lines)[-most:] if most > 0 else ():
        yield Text(
            f"{at_s:9.2f} s  {text}",
            style="yellow" if level in LOUD else "",
            no_wrap=True,
            overflow="ellipsis",
        )
