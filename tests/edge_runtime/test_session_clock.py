"""The time in the session, on terminals alone."""

import io
from typing import Any

import pytest

from neurograsp.edge_runtime.cli import session_clock
from neurograsp.edge_runtime.cli.session_clock import clock_shown
from neurograsp.edge_runtime.telemetry.moments import OpenLog


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def read(sample_log: Any, screen: io.StringIO) -> str:
    log = OpenLog(sample_log.path)
    with clock_shown(log, screen):
        assert len(list(log.moments())) == 350
    return screen.getvalue()


def test_on_a_terminal_the_line_is_taken_back(sample_log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_clock, "EVERY_S", 0.0)
    shown = read(sample_log, Terminal())
    assert "session.mcap: 0.1 min of the session" in shown
    assert shown.endswith("\r\x1b[K")


def test_elsewhere_nothing_is_shown(sample_log: Any) -> None:
    assert read(sample_log, io.StringIO()) == ""
