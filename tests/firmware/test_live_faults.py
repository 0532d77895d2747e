"""Faults between processes: the firmware's, a host's, and a cable."""

import re
import signal
import time
from pathlib import Path

import pytest
from live import Live
from live_faults import LIVE_FAULTS, measure_live
from loaded import again_when_loaded
from rig import ARM, FRAME_MS

pytestmark = pytest.mark.slow

SLACK_MS = 30.0
"""For processes that are not run at once."""


@pytest.mark.parametrize("name", LIVE_FAULTS)
@again_when_loaded
def test_the_hand_stands_in_time(name: str, tmp_path: Path) -> None:
    stood_ms, state = measure_live(tmp_path, LIVE_FAULTS[name])
    print(f"\n{name}: the hand stood {stood_ms:.0f} ms later")
    assert stood_ms <= ARM.watchdog_ms + FRAME_MS + SLACK_MS
    assert state in LIVE_FAULTS[name].ends_in


@again_when_loaded
def test_a_host_that_was_held_up_goes_on(tmp_path: Path) -> None:
    with Live(tmp_path) as live:
        live.host.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        live.host.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        assert live.host.poll() is None


@again_when_loaded
def test_a_second_host_on_the_same_port_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Live(tmp_path) as live:
        second = live.start_host()
        _, said = second.communicate(timeout=20)
        assert second.returncode == 5
        assert re.search(r"in use by .*\(process \d+\); close that one first", said)
        rows = len(live.rows())
        while len(live.rows()) < rows + 10:
            assert live.host.poll() is None
        assert live.rows()[-1].state.armed
