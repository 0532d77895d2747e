"""A decoder moves hands without our firmware, end to end over a pseudo-terminal; a gripper is activated."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import dynamixel_bus
import feetech_bus
import pytest
from bench import OnPty, command
from dynamixel_bus import DynamixelBus
from feetech_bus import FeetechBus
from lx16a_bus import Lx16aBus, Servo
from robotiq_gripper import Gripper

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.firmware_bridge.hands.motion import LONGEST_STEP_S


@pytest.fixture
def gripper() -> Gripper:
    return Gripper(activated=False)


@pytest.fixture
def port(gripper: Gripper) -> Iterator[str]:
    with OnPty(gripper) as on_pty:
        yield on_pty.port


def decode(hand: str) -> Any:
    source = ("--source", f"playback:{PRETRAINED_RECORDING}", "--seconds", "4")
    words = ("run", "--bundle", str(PRETRAINED), *source, "--json", "--hand", hand)
    done = command(*words, "--arm", "--accept-no-watchdog")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["hand"]


def started(*words: str) -> subprocess.Popen[str]:
    """`neurograsp` in a process of its own."""
    program = [sys.executable, "-m", "neurograsp.edge_runtime.cli", *words]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_until(done: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.0002)
    return done()


@pytest.mark.parametrize("late_ms", [0, 3, 10])
def test_ctrl_c_while_it_is_armed_leaves_no_motor_on(late_ms: int) -> None:
    bus = Lx16aBus({number: Servo(400) for number in range(1, 6)})
    with OnPty(bus) as on_pty:
        hand = f"lx16a_fingers:{on_pty.port}"
        process = started("hand", "move", "OPEN", "--hand", hand, "--accept-no-watchdog", "--yes")
        assert wait_until(lambda: any(servo.loaded for servo in bus.servos.values()))
        time.sleep(late_ms / 1000)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate()
        assert process.returncode == 130, said
        assert wait_until(lambda: not any(servo.loaded for servo in bus.servos.values()), 2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["hand", "soak", "--yes", "--seconds", "30"],
        ["run", "--bundle", str(PRETRAINED), "--source", f"playback:{PRETRAINED_RECORDING}", "--arm"],
    ],
    ids=["soak", "run"],
)
def test_one_servo_falls_silent_and_the_others_let_go(command: list[str]) -> None:
    bus = feetech_bus.FeetechBus({number: feetech_bus.Servo("STS3215", 1600) for number in range(1, 6)})
    others = [servo for number, servo in bus.servos.items() if number != 4]
    with OnPty(bus) as on_pty:
        process = started(*command, "--hand", f"sts_fingers:{on_pty.port}", "--accept-no-watchdog")
        assert wait_until(lambda: len(bus.servos[2].goals) > 20)
        assert all(servo.memory[40] for servo in bus.servos.values())
        bus.servos[4].silent = True
        assert wait_until(lambda: not any(servo.memory[40] for servo in others), 5.0)
        said, _ = process.communicate()
    assert process.returncode == 5, said
    assert "sts_fingers: silent for 0." in said
    assert not any(servo.memory[40] for servo in others)


@pytest.mark.slow
def test_a_decoder_moves_lx16a_servos() -> None:
    bus = Lx16aBus({number: Servo(400) for number in range(1, 6)})
    with OnPty(bus) as on_pty:
        report = decode(f"lx16a_fingers:{on_pty.port}")
        deadline = time.monotonic() + 2
        while bus.servos[2].loaded and time.monotonic() < deadline:
            time.sleep(0.01)
    assert sum(report["commands"].values()) > 3
    goals = bus.servos[2].goals
    assert max(goals) - min(goals) > 100
    assert max(abs(b - a) for a, b in pairwise(goals)) <= 300 / 0.8 * LONGEST_STEP_S + 1
    assert (bus.bad, bus.servos[2].loaded) == (0, False)


@pytest.mark.slow
def test_a_decoder_moves_scs_servos() -> None:
    bus = FeetechBus({number: feetech_bus.Servo("SCS0009", 400) for number in range(1, 6)})
    with OnPty(bus) as on_pty:
        report = decode(f"scs_fingers:{on_pty.port}")
    assert sum(report["commands"].values()) > 3
    goals = bus.servos[2].goals
    assert max(goals) - min(goals) > 100
    assert max(abs(b - a) for a, b in pairwise(goals)) <= 304 / 0.8 * LONGEST_STEP_S + 1
    assert (bus.bad, bus.servos[2].torques[-1]) == (0, 0)


@pytest.mark.slow
def test_a_decoder_moves_dynamixel_servos() -> None:
    bus = DynamixelBus({number: dynamixel_bus.Servo(1700) for number in range(1, 6)})
    with OnPty(bus) as on_pty:
        report = decode(f"xl330_fingers:{on_pty.port}")
    assert sum(report["commands"].values()) > 3
    goals = bus.servos[2].goals
    assert max(goals) - min(goals) > 200
    assert max(abs(b - a) for a, b in pairwise(goals)) <= 1024 / 0.8 * LONGEST_STEP_S + 1
    assert (bus.bad, bus.servos[2].torques[-1]) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["robotiq_2f85", "robotiq_2f140"])
def test_a_decoder_moves_a_gripper(profile: str) -> None:
    gripper = Gripper()
    with OnPty(gripper) as on_pty:
        report = decode(f"{profile}:{on_pty.port}")
    assert sum(report["commands"].values()) > 2
    assert max(gripper.goals) - min(gripper.goals) > 40
    assert max(abs(b - a) for a, b in pairwise(gripper.goals)) < 210 / 5, "they wait for the line"
    assert gripper.bad <= gripper.requests / 10, "on a busy machine two requests may be read as one"


def test_a_gripper_is_activated_after_yes_alone(
    gripper: Gripper, port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["hand", "activate", "--hand", f"robotiq_2f85:{port}"]
    for answer in ("y\n", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert main(command) == 1
        assert "will open and close all the way" in capsys.readouterr().err
        assert gripper.writes == []
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    monkeypatch.setattr(Gripper, "activation_s", 0.2)
    assert main(command) == 0
    assert capsys.readouterr().out.endswith("activated\n")
    assert gripper.state == 3
    done = len(gripper.writes)
    assert main(command) == 0
    assert len(gripper.writes) == done, "what is activated is left alone"


@pytest.mark.parametrize("hand", ["sim", "sts_fingers:/dev/null"])
def test_nothing_else_is_activated(hand: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hand", "activate", "--hand", hand, "--yes"]) == 2
    assert "only Robotiq's grippers are activated" in capsys.readouterr().err


def test_a_gripper_that_is_not_activated_is_not_moved(
    gripper: Gripper, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["hand", "move", "OPEN", "--hand", f"robotiq_2f85:{port}", "--yes", "--accept-no-watchdog"]
    assert main(command) == 5
    assert "gripper: not activated; `neurograsp hand activate` does that" in capsys.readouterr().err
    assert gripper.writes == []
