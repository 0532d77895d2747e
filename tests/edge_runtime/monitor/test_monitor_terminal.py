"""What a terminal shows, of any height."""

import io
import itertools
from dataclasses import replace

import pytest
from feed_publisher import made_up_run, made_up_session
from rich.console import Console

from neurograsp.edge_runtime.monitor.terminal import LINES, picture
from neurograsp.edge_runtime.monitor.view import View
from neurograsp.edge_runtime.telemetry.messages import Tick


def shown(view: View, height: int, why: str = "", silent_s: float = 0.0) -> list[str]:
    console = Console(file=io.StringIO(), width=80, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(picture(view, why, silent_s, console))
    return capture.get().rstrip("\n").split("\n")


@pytest.fixture
def view() -> View:
    """Of a run in which more has happened than a low terminal has lines for."""
    one = View(made_up_session())
    for message in itertools.islice(made_up_run(2), 3000):
        one.take(message)
    return one


@pytest.mark.parametrize("height", [24, 15, 60])
def test_all_fits_and_how_to_stop_is_never_cut_off(height: int, view: View) -> None:
    lines = shown(view, height)
    assert len(lines) <= height
    assert "ARMED" in lines[0]
    assert "STOP" in lines[1]
    assert any(line.startswith("ticks:") for line in lines)
    assert len(lines) == height or len(view.lines) > LINES


def test_a_long_reason_to_stop_pushes_out_the_oldest_of_what_happened(view: View) -> None:
    assert view.tick is not None
    view.take(replace(view.tick, state="stopped", stopped_by="a gap of many frames " * 6))
    assert isinstance(view.tick, Tick)
    lines = shown(view, 20, "the run has ended", 3.0)
    assert len(lines) == 20
    assert any("STOP" in line for line in lines[:4])
    assert any("NO RUN" in line for line in lines)
    assert "stopped: a gap" in lines[-1]


def test_nobody_has_looked_at_the_electrodes_yet() -> None:
    assert "electrodes: not looked at yet" in shown(View(made_up_session()), 24)
