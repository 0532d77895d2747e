"""Messages in, what a screen needs out."""

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from feed_publisher import made_up_run, made_up_session
from toys import toy_signal

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.edge_runtime.monitor.view import BUCKETS_US, KEPT_LINES, MOST_SHOWN, View
from neurograsp.edge_runtime.telemetry.counts import Counts
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, Event, Session, Tick
from neurograsp.firmware_bridge.strict import encode

TICK = Tick(
    0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 700.0, False, 0.01, False, False, "disarmed", "", None, None
)  # fmt: skip


def of_channels(names: tuple[str, ...], **changes: Any) -> Session:
    signal = replace(toy_signal(n_channels=len(names)), channels=names, **changes)
    return replace(made_up_session(), signal=encode(signal))


def fed(n_messages: int, session: Session | None = None) -> View:
    view = View(session or made_up_session())
    for message in itertools.islice(made_up_run(len(view.signal.channels)), n_messages):
        view.take(message)
    return view


def test_all_that_goes_to_a_page_is_json() -> None:
    view = fed(2000)
    told = [view.opening(), view.now(), view.columns(True, 0), view.columns(False, 0), view.lines_since(0)]
    assert json.loads(json.dumps(told, allow_nan=False))[1]["tick"]["state"] == "armed"


def test_what_there_is_before_anything_came() -> None:
    view = View(made_up_session())
    now = view.now()
    assert (now["tick"], now["decided"], now["hand"], now["scalp"]) == (None, None, None, None)
    assert now["faults"] is None
    assert view.columns(True, 0)["columns"] == []


def test_electrodes_are_well_only_once_somebody_has_looked() -> None:
    view = View(made_up_session())
    decided = Decided(0.1, 0.1, 9, (0.0, 1.0), (0.1, 0.9), None, False, None, 0, 0, "", ())
    view.take(decided)
    assert view.now()["faults"] is None
    view.take(replace(decided, channel_faults=(0, 0)))
    assert view.now()["faults"] == (0, 0)


@pytest.mark.parametrize("us", [0.0, 1.0, 50.0, 50.1, 71.0, 700.0, 20_000.0, 1e6])
def test_histogram_of_ticks(us: float) -> None:
    view = View(made_up_session())
    view.take(replace(TICK, tick_us=us))
    counts = view.now()["timing"]["counts"]
    edges = [0.0, *BUCKETS_US, np.inf]
    k = counts.index(1)
    assert sum(counts) == 1
    assert edges[k] - 1 <= us <= edges[k + 1] + 1  # the edges are whole


def test_ticks_that_did_not_come_are_counted() -> None:
    view = View(made_up_session())
    for number, missed in ((3, False), (4, True), (9, False), (9, False)):
        view.take(replace(TICK, number=number, missed=missed))
    assert view.now()["lost"] == 4
    assert view.now()["timing"]["missed"] == 1


def test_lines_say_what_happened_once_and_are_bounded() -> None:
    view = View(made_up_session())
    view.take(TICK)
    view.take(replace(TICK, state="armed"))
    view.take(Decided(0.1, 0.1, 9, (0.0, 1.0), (0.1, 0.9), "fist", True, "FIST", 100, 100, "p 0.9", ()))
    for _ in range(4):
        view.take(Command(0.1, "act", "FIST", 100, 100, 1000, ""))
    view.take(Command(0.2, "stop", "", 0, 0, 0, "a gap"))
    view.take(replace(TICK, at_s=0.2, state="stopped", stopped_by="a gap"))
    view.take(Event(0.3, "warning", "x" * 5000, {}))
    texts = [(level, text[:20]) for _, _, level, text in view.lines_since(0)]
    assert texts == [
        ("state", "armed"),
        ("decision", "p 0.9"),
        ("command", "act FIST"),
        ("command", "stop: a gap"),
        ("state", "stopped: a gap"),
        ("warning", "x" * 20),
    ]
    assert [number for number, *_ in view.lines_since(4)] == [4, 5]
    for _ in range(2 * KEPT_LINES):
        view.take(Event(0.3, "info", "again", {}))
    assert len(view.lines_since(0)) == KEPT_LINES


def test_a_scalp_only_where_electrodes_have_places() -> None:
    names = ("C3", "EMG", "Cz", "C4", "Pz")
    view = fed(50, of_channels(names, lsb_uv=0.5))
    assert [column for column, *_ in view.opening()["places"]] == [0, 2, 3, 4]
    amplitude = view.traces.amplitude()
    assert amplitude is not None
    np.testing.assert_allclose(view.now()["scalp"], 0.5 * amplitude[[0, 2, 3, 4]], rtol=0.01)
    assert fed(50, of_channels(("E1", "E2", "E3", "E4", "E5"))).now()["scalp"] is None


def test_of_very_many_channels_the_first_are_shown() -> None:
    names = tuple(f"E{k}" for k in range(200))
    view = View(of_channels(names))
    view.take(Counts(0.0, np.arange(50), np.ones((50, 200), np.int32)))
    assert len(view.opening()["channels"]) == MOST_SHOWN
    assert view.opening()["n_channels"] == 200
    assert {len(low) for low, _ in view.columns(False, 0)["columns"]} == {MOST_SHOWN}


def test_what_does_not_fit_the_session_is_refused() -> None:
    view = View(made_up_session())
    with pytest.raises(ProtocolError, match="3 channels, the run has 2"):
        view.take(Counts(0.0, np.arange(1), np.zeros((1, 3), np.int32)))
    with pytest.raises(ProtocolError, match="1 probabilities for 2"):
        view.take(Decided(0.1, 0.1, 9, (0.0,), (0.1,), None, False, None, 0, 0, "", ()))
    with pytest.raises(ProtocolError, match="session that cannot be read"):
        View(replace(made_up_session(), signal={"channels": []}))
    with pytest.raises(ProtocolError, match="session that cannot be read"):
        View(replace(made_up_session(), decision={}))
