"""Lines of the log: JSON that a machine reads, and never without end."""

import json
import logging

import pytest

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.log_lines import A_SECOND, AT_ONCE, KEPT_KINDS, AtMost, JsonLines, TextLines


def record(text: str = "lost %d frames", *figures: object, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("neurograsp.test", logging.WARNING, "x.py", line, text, figures, None)


def test_of_what_comes_again_and_again_only_so_much() -> None:
    now = 0.0
    limit = AtMost(lambda: now)
    passed = []
    for step in range(10_000):  # 1000 a second
        now = step / 1000
        passed.append(limit.filter(record("lost %d frames", step)))
    assert sum(passed) == pytest.approx(AT_ONCE + 10 * A_SECOND, abs=1)
    assert limit.filter(record("something else"))


def test_the_next_line_says_how_many_were_left_out() -> None:
    now = 0.0
    limit = AtMost(lambda: now)
    lines = [record("lost %d frames", step) for step in range(100)]
    assert sum(limit.filter(one) for one in lines) == AT_ONCE
    now, after = 1.0, record("lost %d frames", 7)
    assert limit.filter(after)
    assert json.loads(JsonLines().format(after))["left_out"] == 100 - AT_ONCE
    assert TextLines("%(message)s").format(after) == "lost 7 frames (80 like it were left out before)"
    assert limit.filter(again := record("lost %d frames", 8))
    assert TextLines("%(message)s").format(again) == "lost 8 frames"


def test_memory_is_bounded() -> None:
    limit = AtMost(lambda: 0.0)
    for k in range(3 * KEPT_KINDS):
        limit.filter(record(f"text {k}"))
    assert len(limit._kinds) == KEPT_KINDS


def test_json_is_one_line_whatever_is_in_it() -> None:
    try:
        raise ValueError("bad\nthing")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    one = record('a "quoted"\nline of %s', "µV")
    one.exc_info = info
    text = JsonLines().format(one)
    assert "\n" not in text
    told = json.loads(text)
    assert told["message"] == 'a "quoted"\nline of µV'
    assert told["level"] == "warning"
    assert "ValueError: bad\nthing" in told["traceback"]
    assert told["time"].endswith("+00:00")


def test_any_command_logs_so(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", logging.WARNING)

    def spoken(_: object) -> int:
        logging.getLogger("neurograsp.test").warning("a port %s", "is gone")
        return 0

    monkeypatch.setattr("neurograsp.edge_runtime.cli.info.run", spoken)
    assert main(["info", "--log-json"]) == 0
    assert json.loads(capfd.readouterr().err)["message"] == "a port is gone"
