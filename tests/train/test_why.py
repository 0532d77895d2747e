"""`neurograsp why` on a session of the bundle in the package."""

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from session_maker import STARTED_AT, SampleLog, write_log

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.telemetry.messages import Command, Decided, Session, Tick

Image = pytest.importorskip("PIL.Image")


def why(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["why", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def starts(log: SampleLog) -> list[Decided]:
    return [one for one in log.messages if isinstance(one, Decided) and one.started]


def sent(log: SampleLog, between: tuple[float, float]) -> list[Command]:
    commands = [one for one in log.messages if isinstance(one, Command)]
    return [one for one in commands if one.kind == "act" and between[0] < one.at_s < between[1]]


def test_the_list_has_every_movement_stop_and_arming(
    sample_log: SampleLog, capsys: pytest.CaptureFixture[str]
) -> None:
    said = why(capsys, sample_log.path)
    for one in starts(sample_log):
        assert f"{one.at_s:9.2f} s" in said
        assert f"{one.action}: {one.command} " in said
    assert said.count(" armed\n") == 2
    assert said.count(" disarmed\n") == 1
    assert "stopped: 4 of 32 electrodes bad (Fp1, Fp2, F7, F3 railed) for 1 s" in said
    assert "not sent, the hand was not armed" in said
    listed = json.loads(why(capsys, sample_log.path, "--json"))
    assert [one["start_s"] for one in listed["movements"]] == [one.at_s for one in starts(sample_log)]
    assert listed["at"] is None


def test_a_movement_has_its_decision_scores_and_gates(
    sample_log: SampleLog, capsys: pytest.CaptureFixture[str]
) -> None:
    command = sent(sample_log, (1.5, 3.5))[0]
    start = next(one for one in starts(sample_log) if one.at_s == command.at_s)
    said = why(capsys, sample_log.path, "--at", f"{command.at_s:.2f}")
    assert f"{start.action} started at {start.at_s:.2f} s" in said
    assert f"{command.name} sent" in said
    assert f"Why: {start.reason}" in said
    for name, p in zip(("HandStart", "BothReleased"), (start.probabilities[0], start.probabilities[-1])):
        (row,) = [line for line in said.splitlines() if line.startswith(f"  {name} ") and "0.35" in line]
        assert f"{p:.2f}  " in row
    assert "  hand          open  armed" in said
    found = json.loads(why(capsys, sample_log.path, "--at", command.at_s, "--json"))["at"]
    assert [one["passed"] for one in found["gates"]] == [True] * 7
    assert found["decision"]["action"] == start.action
    assert [one["probability"] for one in found["decision"]["scores"]] == list(start.probabilities)


@pytest.mark.parametrize(
    ("at", "gates"),
    [
        ("0.9", {"hand": (False, "disarmed")}),
        (
            "6.5",
            {"signal": (False, "4 of 32 electrodes bad (Fp1, Fp2, F7, F3 railed)"), "threshold": (None, "")},
        ),
    ],
)
def test_what_held_it_back(
    at: str, gates: dict[str, Any], sample_log: SampleLog, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(why(capsys, sample_log.path, "--at", at, "--json"))["at"]
    by_name = {one["name"]: one for one in found["gates"]}
    for name, (passed, text) in gates.items():
        assert by_name[name]["passed"] is passed
        assert by_name[name]["text"].startswith(text)


def test_bad_electrodes_of_the_span(sample_log: SampleLog, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(why(capsys, sample_log.path, "--at", "6", "--span", "1", "--json"))["at"]
    assert set(found["bad_channels"]) == {"Fp1", "Fp2", "F7", "F3"}
    assert (found["begin_s"], found["end_s"]) == (5.0, pytest.approx(7.0, abs=0.05))
    assert "Fp1 railed" in why(capsys, sample_log.path, "--at", "6", "--span", "1")


def test_a_time_of_day_over_midnight(sample_log: SampleLog, capsys: pytest.CaptureFixture[str]) -> None:
    """The session began a quarter of a second after 23:59:50."""
    session = sample_log.messages[0]
    assert isinstance(session, Session)
    early = replace(session, started_at=STARTED_AT.replace("23:59:50", "23:59:57"))
    path = sample_log.path.with_name("midnight.mcap")
    if not path.exists():
        write_log(path, [early, *sample_log.messages[1:]])
    found = json.loads(why(capsys, path, "--at", "00:00:01.5", "--json"))["at"]
    assert found["at_s"] == pytest.approx(4.25)
    assert "At 4.25 s (00:00:01.50 UTC)" in why(capsys, path, "--at", "4.25")


def test_before_the_first_decision(sample_log: SampleLog, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No decision had been made by then" in why(capsys, sample_log.path, "--at", "0")


@pytest.mark.slow
def test_the_picture(sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "pictures/why.svg"
    why(capsys, sample_log.path, "--at", "6", "--span", "1", "--plot", out)
    drawn = out.read_text()
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (out.parent, out)]
    assert modes == [0o700, 0o600], "for its owner alone, as the log is"
    for text in ("not believed", "stopped", "STOP", "Fp1", "railed", "HandStart", "deadline 20 ms"):
        assert f">{text}<" in drawn or f"<!-- {text} -->" in drawn, text


@pytest.mark.slow
@pytest.mark.parametrize("at", ["0.05", "3", "6.97"])
def test_the_picture_fits_on_a4(
    at: str, sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 160 dots an inch, whatever there is to be seen."""
    out = tmp_path / "why.png"
    why(capsys, sample_log.path, "--at", at, "--plot", out)
    with Image.open(out) as drawn:
        assert drawn.size[0] == 1280
        assert 1000 < drawn.size[1] < 1800


def test_without_matplotlib_nothing_is_written(
    sample_log: SampleLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "why.png"
    assert main(["why", str(sample_log.path), "--at", "3", "--plot", str(out)]) == 3
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--at", "99"], 4, "holds 0 to 6.98 s, and not 99.00 s"),
        (["--at", "-1"], 4, "holds 0 to 6.98 s, and not -1.00 s"),
        (["--at", "noon"], 2, "neither seconds nor a time of day such as 14:03:22"),
        (["--at", "25:00"], 2, "neither seconds nor a time of day"),
        (["--at", "nan"], 2, "neither seconds nor a time of day"),
        (["--at", "1", "--span", "0"], 2, "--span must be above 0"),
        (["--plot", "why.png"], 2, "--plot needs --at TIME"),
        (["--at", "1", "--plot", "why.gif"], 2, "a picture is written as .png, .svg, .pdf"),
        (["--at", "1", "--plot", "{folder}"], 2, "a picture is written as"),
        (["--at", "1", "--plot", "{folder}/none/../a.png/b.png"], 4, "cannot be written"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, words: str, sample_log: SampleLog, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "a.png").write_text("a file")
    options = (one.format(folder=tmp_path) for one in arguments)
    assert main(["why", str(sample_log.path), *options]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize("command", [["why"], ["replay"], ["export", "--out", "{folder}/new.bdf"]])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "cut off before its first message"),
        (b"not a log at all", "no MCAP file"),
        ("cut", "cut off before its first message"),
        ("other", "an MCAP file, but no log"),
        ("newer", "session of version 2"),
    ],
)
def test_what_is_no_log_is_one_line_and_leaves_nothing(
    content: Any, words: str, command: list[str], sample_log: SampleLog, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    log = tmp_path / "log.mcap"
    if content == "cut":
        log.write_bytes(sample_log.path.read_bytes()[:300])
    elif content == "other":
        log.write_bytes(sample_log.path.read_bytes().replace(b"neurograsp", b"otherthing"))
    elif content == "newer":
        session, *others = sample_log.messages
        assert isinstance(session, Session)
        write_log(log, [replace(session, version=2), *others[:9]])
    elif content is not None:
        log.write_bytes(content)
    name, *options = command
    assert main([name, str(log), *(one.format(folder=tmp_path) for one in options)]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"neurograsp {name}: {log}: ")
    assert words in line
    assert {one.name for one in tmp_path.iterdir()} <= {"log.mcap"}


def test_a_session_that_cannot_be_is_refused(
    sample_log: SampleLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, *others = sample_log.messages
    assert isinstance(session, Session)
    odd = {**session.signal, "rate_hz": -5.0}
    log = write_log(tmp_path / "odd.mcap", [replace(session, signal=odd), *others[:9]])
    assert main(["why", str(log)]) == 4
    assert "signal: rate_hz: 1 to 100000, not -5.0; the log is damaged" in capsys.readouterr().err
    ticks = [one for one in others if isinstance(one, Tick)]
    assert ticks[-1].number == 349
