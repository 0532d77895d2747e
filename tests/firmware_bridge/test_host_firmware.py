"""The real firmware process over a real pseudo-terminal, with the real clock."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from neurograsp.firmware_bridge import host_firmware
from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.errors import LinkLost, NeurograspError, Refused
from neurograsp.firmware_bridge.host_firmware import (
    CompilerError,
    SimulatedHand,
    TraceRow,
    build_host_firmware,
    read_trace,
)
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import Fault, HandAction, HandState
from neurograsp.firmware_bridge.transports import open_transport

REST = (1250,) * 5 + (1500,) * 2
CLOSED = (2000,) * 5 + (1500,) * 2
SLACK_MS = 30
"""What a busy test machine may add."""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[SimulatedHand]:
    with SimulatedHand(tmp_path / "trace.csv") as hand:
        yield hand
    rows = read_trace(tmp_path / "trace.csv")
    for before, after in pairwise(rows):
        assert (after.ms - before.ms) % 2**32 >= 20
        if all(before.joints_us) and all(after.joints_us):
            assert all(abs(b - a) <= 33 for a, b in zip(before.joints_us, after.joints_us, strict=True))
        assert all(us == 0 or 1000 <= us <= 2000 for us in after.joints_us)


@pytest.fixture
def link(simulated: SimulatedHand) -> Iterator[HandLink]:
    with HandLink(open_transport(simulated.url)) as one:
        yield one


def run(link: HandLink, seconds: float, healthy: bool = True) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        link.service(healthy)
        time.sleep(0.01)


def now_ms() -> int:
    return int(time.monotonic() * 1000) % 2**32


def rows_of(simulated: SimulatedHand) -> list[TraceRow]:
    assert simulated.trace is not None
    return read_trace(simulated.trace)


def first_ms(rows: list[TraceRow], state: HandState, since_ms: int) -> int:
    return next(row.ms for row in rows if row.state is state and row.ms >= since_ms)


def test_connect_arm_move(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    run(link, 0.1)
    assert not any(any(row.joints_us) for row in rows_of(simulated)), "no pulse before ARM"
    link.arm()
    run(link, 0.1)
    link.act(HandAction.FIST, ttl_ms=2000)
    run(link, 0.9)
    assert (link.state.state, link.state.action) == (HandState.HOLD, HandAction.FIST)
    assert link.state.joints_us == CLOSED
    pulses = [row.joints_us for row in rows_of(simulated) if any(row.joints_us)]
    assert (pulses[0], pulses[-1]) == (REST, CLOSED)
    assert link.stats.unanswered == 0
    assert link.stats.bad_frames == 0


def test_round_trip_is_short(link: HandLink) -> None:
    link.connect()
    times = sorted(link.ping() for _ in range(200))
    assert times[100] < 5


def test_killed_firmware_is_lost_quickly(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    link.arm()
    run(link, 0.1)
    simulated.kill()
    start = time.monotonic()
    with pytest.raises(LinkLost, match=simulated.url):
        run(link, 1.0)
    assert time.monotonic() - start < 0.1


def test_frozen_firmware_is_lost_within_the_silence_limit(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    link.arm()
    run(link, 0.1)
    os.kill(simulated.pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(LinkLost, match="silent"):
        run(link, 2.0)
    assert 0.4 < time.monotonic() - start < 0.8
    os.kill(simulated.pid, signal.SIGCONT)


def test_silent_host_leads_to_failsafe_in_time(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    link.arm()
    link.act(HandAction.OPEN, ttl_ms=9000)
    link.service(True)
    link.act(HandAction.FIST, speed=30, ttl_ms=9000)
    run(link, 0.2)
    link.act(HandAction.FIST, speed=31, ttl_ms=9000)
    link.service(True)
    silent_since = now_ms()
    time.sleep(0.5)
    rows = rows_of(simulated)
    took_ms = first_ms(rows, HandState.FAILSAFE, silent_since) - silent_since
    assert took_ms <= 250 + 20 + SLACK_MS
    still = [row.joints_us for row in rows if row.state is HandState.FAILSAFE]
    assert len(set(still)) == 1, "not a step after FAILSAFE"
    assert REST != still[0] != CLOSED
    run(link, 0.1, healthy=False)
    assert (link.state.state, link.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)


def test_host_restart(simulated: SimulatedHand) -> None:
    first = open_transport(simulated.url)
    old = HandLink(first)
    old.connect()
    old.arm()
    old.act(HandAction.GRIP, ttl_ms=9000)
    run(old, 0.2)
    first.close()  # the process dies: no STOP
    time.sleep(0.4)
    assert rows_of(simulated)[-1].state is HandState.FAILSAFE
    with HandLink(open_transport(simulated.url)) as new:
        new.connect()
        assert new.state.state is HandState.FAILSAFE
        new.act(HandAction.OPEN)
        run(new, 0.1)
        assert new.state.state is HandState.FAILSAFE
        new.arm()
        new.act(HandAction.OPEN, ttl_ms=2000)
        run(new, 0.9)
        assert new.state.joints_us[:5] == (1000,) * 5
    time.sleep(0.1)
    assert rows_of(simulated)[-1].state is HandState.IDLE


def test_estop_input(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    link.arm()
    simulated.set_inputs(HandInput.ESTOP)
    run(link, 0.1)
    assert (link.state.state, link.state.attached) == (HandState.ESTOP, False)
    link.connect()
    with pytest.raises(Refused, match="release the emergency stop"):
        link.arm()
    simulated.set_inputs(HandInput(0))
    run(link, 0.05)
    link.arm()
    assert link.state.state is HandState.ARMED


def test_a_short_press_is_kept_for_a_process_that_got_no_turn(
    simulated: SimulatedHand, link: HandLink
) -> None:
    link.connect()
    link.arm()
    os.kill(simulated.pid, signal.SIGSTOP)
    simulated.set_inputs(HandInput.ESTOP)
    simulated.set_inputs(HandInput(0))
    os.kill(simulated.pid, signal.SIGCONT)
    run(link, 0.1)
    assert (link.state.state, link.state.attached) == (HandState.ESTOP, False)


def test_garbage_at_full_speed(simulated: SimulatedHand, link: HandLink) -> None:
    link.connect()
    link.arm()
    port = link._transport
    for _ in range(20):
        port.write(os.urandom(230))
        run(link, 0.02)
    assert link.state.state is HandState.ARMED
    assert link.state.errors > 0


def test_ends_with_its_parent_and_on_sigterm(simulated: SimulatedHand) -> None:
    process = simulated._running()
    process.send_signal(signal.SIGTERM)
    assert process.wait(2) == 0
    program = [str(build_host_firmware())]
    done = subprocess.run(
        program, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2, check=True
    )
    assert done.stdout.startswith("/dev/")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["--trace"], ["--trace", "/nowhere/trace.csv"], ["--profile"], ["--profile", "amr"]],
)
def test_bad_arguments(arguments: list[str]) -> None:
    program = [str(build_host_firmware()), *arguments]
    done = subprocess.run(
        program, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=2, check=False
    )
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_stopping_twice(simulated: SimulatedHand) -> None:
    simulated.stop()
    simulated.stop()
    with pytest.raises(LinkLost, match="not running"):
        _ = simulated.pid


def test_starting_twice_leaves_one(simulated: SimulatedHand) -> None:
    first = simulated._running()
    simulated.start()
    assert first.poll() == 0
    with HandLink(open_transport(simulated.url)) as link:
        link.connect()


def test_a_hand_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(LinkLost, match=r"did not start: neurohand: .*/no/trace.csv: No such file") as failure:
        SimulatedHand(tmp_path / "no" / "trace.csv").start()
    assert "\n" not in str(failure.value)


def test_a_trace_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(LinkLost, match="did not start: neurohand: /dev/full: No space left"):
        SimulatedHand(Path("/dev/full")).start()
    program, path = build_host_firmware(), tmp_path / "trace.csv"
    limited = ["sh", "-c", 'ulimit -f 1 && exec "$0" --trace "$1"', program, path]
    # Python ignores SIGXFSZ; with the hand doing so too, its write fails instead.
    done = subprocess.Popen(limited, stdin=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=False)
    assert done.wait(5) == 1
    assert done.communicate()[1] == f"neurohand: {path}: File too large\n".encode()


def test_a_late_motion_step_is_no_reason_for_an_early_one(simulated: SimulatedHand) -> None:
    """The `simulated` fixture judges the trace."""
    for late_ms in range(21, 40):
        os.kill(simulated.pid, signal.SIGSTOP)
        time.sleep(late_ms / 1000)
        os.kill(simulated.pid, signal.SIGCONT)
        time.sleep(0.05)


def test_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = build_host_firmware()
    assert program.parent == tmp_path / "neurograsp"
    built_at = program.stat().st_mtime_ns
    assert build_host_firmware() == program
    assert program.stat().st_mtime_ns == built_at
    assert [path.name for path in program.parent.iterdir()] == [program.name]


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerError, match=r"no C compiler .*apt install gcc") as failure:
        build_host_firmware()
    assert isinstance(failure.value, NeurograspError)


def test_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(host_firmware, "_FLAGS", ("-std=c99", "-DHAND_CODES_H"))
    with pytest.raises(CompilerError, match=r"failed \(.*error: .*\): install a C compiler"):
        build_host_firmware()
    assert list((tmp_path / "neurograsp").iterdir()) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\nexit 3\n", r"cc failed \(exit code 3\)"),
        ("#!/bin/sh\necho ld: no space left >&2; echo bye >&2; exit 1\n", r"cc failed \(ld: no space left\)"),
        ("#!/bin/sh\necho in >&2; echo $LC_ALL error >&2; exit 1\n", r"cc failed \(C error\)"),
        ("#!/nowhere/interpreter\n", r"cc does not run \(No such file"),
    ],
)
def test_what_the_compiler_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    compiler = tmp_path / "cc"
    compiler.write_text(script)
    compiler.chmod(0o755)
    with pytest.raises(CompilerError, match=message) as failure:
        build_host_firmware()
    assert "\n" not in str(failure.value)


def test_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(CompilerError, match="no home folder .*set XDG_CACHE_HOME"):
        build_host_firmware()


def test_cached_program_that_may_not_run_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = build_host_firmware()
    program.write_bytes(b"")
    program.chmod(0o644)
    with SimulatedHand() as hand:
        assert hand.url.startswith("/dev/")


def test_cached_program_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = build_host_firmware()
    program.write_bytes(b"\0")
    with pytest.raises(CompilerError, match=rf"{program} does not run .*: delete it"):
        SimulatedHand().start()
    program.unlink()
    program.mkdir()
    with pytest.raises(CompilerError, match=rf"cannot write {program} \(Is a directory\)"):
        SimulatedHand().start()


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CompilerError, match="set XDG_CACHE_HOME"):
        build_host_firmware()


def test_missing_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_firmware, "FIRMWARE", tmp_path)
    with pytest.raises(CompilerError, match="reinstall neurograsp"):
        build_host_firmware()


def test_half_written_trace_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("ms,state,action,us0\n10,3,5,1500\n30,3,255,1533\n50,3,25")
    rows = [
        TraceRow(10, HandState.MOVING, HandAction.GRIP, (1500,)),
        TraceRow(30, HandState.MOVING, None, (1533,)),
    ]
    assert read_trace(path) == rows
    assert read_trace(path, skip=1) == rows[1:]
