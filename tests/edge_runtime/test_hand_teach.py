"""`neurograsp hand teach`: keys move joints within limits, silence does not, poses go to the profile."""

import io
import os
import pty
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from bench import Clock, EmulatedLine, OnPty
from feetech_bus import FeetechBus
from feetech_bus import Servo as FeetechServo
from firmata_board import FirmataBoard, Servo

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.edge_runtime.hand_teach import AHEAD, LETTERS, STEP, Keys, TaughtJoint, Teacher
from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device
from neurograsp.firmware_bridge.hands.open_device import driver_of
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.profile_file import Way
from neurograsp.firmware_bridge.profiles import PROFILES

TICK_S = 0.02
PROGRAM = [sys.executable, "-m", "neurograsp.edge_runtime.cli", "hand", "teach"]


class Table:
    """A hand of servos under a teacher; every joint stands at 50 %."""

    def __init__(self, speed: int = 20) -> None:
        profile = load_device("sts_fingers")
        self.clock = Clock()
        self.bus = FeetechBus({joint.id: FeetechServo("STS3215", 2048) for joint in profile.joints})
        self.line = EmulatedLine(self.bus, self.clock)
        device = driver_of(profile, self.line, self.clock, self.line.sleep)
        self.hand = DeviceHand(device, profile, True, self.clock)
        self.hand.connect()
        self.hand.arm()
        joints = [TaughtJoint(joint.name, joint.way) for joint in profile.joints]
        self.stored: list[tuple[HandAction, dict[str, int]]] = []
        self.said: list[str] = []
        self.teacher = Teacher(self.hand, joints, speed, self.store, self.said.append)

    def store(self, action: HandAction, pose: dict[str, int]) -> str:
        self.stored.append((action, pose))
        return "stored"

    def run(self, seconds: float, keys: str = "") -> None:
        """Keys one after the other, 30 a second, as a terminal repeats one that is held."""
        waiting = list(keys)
        for tick in range(round(max(seconds, len(keys) / 30 + 0.04) / TICK_S)):
            if waiting and tick * TICK_S * 30 >= len(keys) - len(waiting):
                assert self.teacher.press(waiting.pop(0))
            self.line.sleep(TICK_S)
            self.teacher.tick()

    @property
    def goals(self) -> list[int]:
        return [servo.goals[-1] for servo in self.bus.servos.values()]


@pytest.fixture
def at() -> Table:
    return Table()


def test_a_key_is_a_step_and_silence_is_none(at: Table) -> None:
    at.run(1.0, "l")
    assert at.teacher.percent == (52, 50, 50, 50, 50)
    before = at.goals
    at.run(2.0)
    assert at.goals == before


def test_arming_and_looking_moves_nothing(at: Table) -> None:
    at.run(1.0)
    at.teacher.table("counts")
    at.run(1.0, "jjkk ?zx")
    assert at.goals == [2048] * 5


def test_a_held_key_moves_at_the_low_speed_and_stands_soon_after(at: Table) -> None:
    at.run(1.0, "l" * 30)
    thumb = at.bus.servos[1]
    most = 1024 / 0.8 * 0.2 * TICK_S
    assert max(b - a for a, b in pairwise(thumb.goals)) <= most + 1
    let_go = at.goals[0]
    assert let_go > 2048 + 1024 * 0.15
    at.run(2.0)
    assert at.goals[0] - let_go <= AHEAD * STEP * 1024 / 100 + 1


@pytest.mark.parametrize("key", [" ", "?", "x", "j", "s"])
def test_any_other_key_stands_still_at_once(at: Table, key: str) -> None:
    at.run(0.5, "l" * 15)
    before = at.goals[0]
    assert at.teacher.press(key)
    at.run(1.0)
    assert at.goals[0] - before <= 1024 / 0.8 * 0.2 * TICK_S + 1


def test_it_turns_back_at_once(at: Table) -> None:
    at.run(0.5, "l" * 15)
    top = at.goals[0]
    at.run(0.5, "h")
    assert at.goals[0] < top


@pytest.mark.parametrize(("key", "end"), [("l", 2560), ("h", 1536)])
def test_nothing_leaves_the_limits(key: str, end: int) -> None:
    at = Table(speed=50)
    at.run(3.0, key * 90)
    assert at.goals == [end, *[2048] * 4]


def test_the_selected_joint_moves_alone_and_the_list_goes_round(at: Table) -> None:
    at.run(0.5, "jjl")
    assert at.teacher.percent == (50, 50, 52, 50, 50)
    at.run(0.5, "kkkl")
    assert at.teacher.percent == (50, 50, 52, 50, 52)


def test_a_pose_is_stored_by_a_letter(at: Table) -> None:
    at.run(0.5, "ll")
    (letter,) = (letter for letter, action in LETTERS.items() if action is HandAction.GRIP)
    at.run(0.2, f"s{letter}")
    pose = {"thumb": 54, "index": 50, "middle": 50, "ring": 50, "little": 50}
    assert at.stored == [(HandAction.GRIP, pose)]
    assert at.teacher.stored == [HandAction.GRIP]
    assert "GRIP: thumb 54, index 50" in at.said[-1]


@pytest.mark.parametrize("key", ["z", "?", " ", "s"])
def test_storing_is_given_up_by_another_key(at: Table, key: str) -> None:
    assert at.teacher.press("s")
    assert at.teacher.press(key)
    assert (at.stored, at.said[-1]) == ([], "nothing stored")
    assert at.teacher.press("s")
    assert not at.teacher.press("q"), "which always leaves"


def test_a_servo_in_trouble_ends_it(at: Table) -> None:
    at.bus.servos[3].error = 32
    with pytest.raises(LinkError, match=r"the hand went into FAILSAFE \(middle: overload\)"):
        at.run(1.0, "l" * 30)


@pytest.mark.parametrize(("start", "end", "step"), [(0, 1024, 2), (1700, 1300, 2), (15, 40, 4), (0, 1, 100)])
def test_a_step_is_at_least_one_count(start: int, end: int, step: int) -> None:
    assert TaughtJoint("a", Way(start, end)).step == step


@pytest.mark.parametrize("way", [Way(1536, 2560), Way(-1000, -7000), Way(10, 90), Way(0, 1)])
def test_a_way_goes_from_open_to_closed(way: Way) -> None:
    assert (way.at(0), way.at(100)) == (way.open, way.closed)
    assert [way.percent(way.at(part)) for part in (0, 100)] == [0, 100]
    assert (way.percent(way.open - 9 * (way.closed - way.open)), way.percent(10**9)) in ((0, 100), (0, 0))
    if abs(way.closed - way.open) >= 100:
        assert [way.percent(way.at(part)) for part in range(101)] == list(range(101))


def test_arrows_are_keys_and_what_is_unknown_is_one_too() -> None:
    keys = Keys()
    assert list(keys.feed(b"kq\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA")) == ["k", "q", "k", "j", "l", "h", "k"]
    assert list(keys.feed(b"\x1b[Z\x04\r\xff\x7f")) == ["?"] * 5
    assert list(keys.feed(b"\x1b")) == []
    assert list(keys.feed(b"[A")) == ["k"], "in two pieces"
    assert list(keys.feed(b"\x1b")) == []
    assert list(keys.feed(b"")) == ["?"], "the escape key alone"
    assert list(keys.feed(b"")) == []


class Teaching:
    """The program with its keys on a pipe."""

    def __init__(self, program: "subprocess.Popen[bytes]") -> None:
        self._program = program
        self.said = b""

    def until(self, text: bytes) -> None:
        assert self._program.stdout is not None
        while text not in self.said:
            line = self._program.stdout.readline()
            assert line, self.said
            self.said += line

    def press(self, keys: str) -> None:
        assert self._program.stdin is not None
        for key in keys:
            self._program.stdin.write(key.encode())
            self._program.stdin.flush()
            time.sleep(0.05)

    def end(self) -> int:
        rest, _ = self._program.communicate(timeout=20)
        self.said += rest
        return self._program.returncode


@contextmanager
def teaching(*words: str, cwd: Path) -> Iterator[Teaching]:
    pipe = subprocess.PIPE
    program = subprocess.Popen([*PROGRAM, *words], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, cwd=cwd)
    with program:
        try:
            taught = Teaching(program)
            taught.until(b"stand still")
            yield taught
        finally:
            program.kill()


def test_servos_on_an_arduino_are_taught_by_keys_from_a_pipe(tmp_path: Path) -> None:
    board = FirmataBoard({pin: Servo(1500) for pin in (3, 5, 6, 9, 10)})
    with OnPty(board) as bench:
        words = (
            "--hand",
            f"firmata_servos:{bench.port}",
            "--accept-no-watchdog",
            "--yes",
            "--out",
            "my.toml",
        )
        with teaching(*words, cwd=tmp_path) as taught:
            taught.press("jlll")
            time.sleep(0.3)
            taught.press("se")
            taught.until(b"stored in my.toml")
            taught.press("q")
            assert taught.end() == 0
    grip = tomllib.loads((tmp_path / "my.toml").read_text())["actions"]["GRIP"]
    assert 25 < grip.pop("index") <= 31
    assert grip == dict.fromkeys(("thumb", "middle", "ring", "little"), 25)
    assert max(abs(b - a) for a, b in pairwise(board.writes[5])) <= 400 / 0.8 * 0.2 * 0.04 + 1
    assert [board.modes[pin] for pin in (3, 5, 6, 9, 10)] == [1] * 5, "let go"
    shipped = (DEVICE_PROFILES / "firmata_servos.toml").read_text()
    assert (tmp_path / "my.toml").read_text().splitlines()[:20] == shipped.splitlines()[:20]


def test_a_real_hand_is_taught_after_yes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board = FirmataBoard({pin: Servo(1500) for pin in (3, 5, 6, 9, 10)})
    words = ["--accept-no-watchdog", "--out", str(tmp_path / "my.toml")]
    with OnPty(board) as bench:
        for answer in ("y\n", ""):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            assert main(["hand", "teach", "--hand", f"firmata_servos:{bench.port}", *words]) == 1
            said = capsys.readouterr().err
            assert "will be moved by keys, at 20 % speed. Arming it makes every joint jump to REST" in said
            assert "When this computer or the cable dies it goes on with its last pulses" in said
    assert not board.configs


def test_our_firmware_is_taught_and_stands_when_the_keys_end(tmp_path: Path) -> None:
    profile = tmp_path / "claw.toml"
    text = (PROFILES / "gripper.toml").read_text()
    profile.write_text(text)
    trace = tmp_path / "trace.csv"
    with SimulatedHand(trace, profile) as hand:
        words = ("--hand", hand.url, "--profile", "claw.toml", "--yes")
        with teaching(*words, cwd=tmp_path) as taught:
            taught.press("ll")
            time.sleep(0.3)
            taught.press("sd")
            taught.until(b"TOUCH: jaw")
            assert taught.end() == 0
    touch = tomllib.loads(profile.read_text())["actions"]["TOUCH"]["jaw"]
    assert 0 < touch <= 4
    assert profile.read_text().startswith(text[:400])
    assert b"keeps its old poses until claw.toml is built into it" in taught.said


def test_a_terminal_shows_a_table_and_ctrl_c_stops(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execv(PROGRAM[0], [*PROGRAM, "--out", "arm.toml"])
    said = b""

    def until(text: bytes) -> None:
        nonlocal said
        deadline = time.monotonic() + 30
        while text not in said:
            assert select.select([terminal], [], [], deadline - time.monotonic())[0], said
            said += os.read(terminal, 4096)

    until(b"rotation")
    os.write(terminal, b"\x1b[B\x1b[C")
    until(b"> index             27    1270")
    os.write(terminal, b"\x03")
    until(b"interrupted")
    assert os.waitpid(pid, 0)[1] == 130 << 8
    os.close(terminal)
    assert not (tmp_path / "arm.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--speed", "51"], 2, "--speed must be 1 to 50 percent"),
        (["--hand", "none"], 2, "name a hand to move"),
        ([], 2, "the profile arm ships and stays as it is; --out my_arm.toml keeps the poses"),
        (["--profile", "arm", "--out", "a.toml"], 2, "--profile: --hand sim names it already"),
        (
            ["--out", "there.toml"],
            4,
            "there.toml: is there already; name another file, or that one in --hand",
        ),
        (["--hand", "sim:tables.toml"], 4, "tables.toml: its actions cannot be changed here: write each"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_armed(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.toml").write_text("name = 1\n")
    tables = "".join(f"[actions.{action}]\njaw = {at}\n" for action, at in (("OPEN", 0), ("GRIP", 70)))
    Path("tables.toml").write_text((PROFILES / "gripper.toml").read_text().partition("[actions]")[0] + tables)
    assert main(["hand", "teach", *words]) == code
    assert said in capsys.readouterr().err
    assert Path("there.toml").read_text() == "name = 1\n"


def test_a_hand_with_other_limits_is_not_taught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.toml"
    other.write_text((PROFILES / "gripper.toml").read_text().replace("max_us = 2000", "max_us = 1990"))
    with SimulatedHand(tmp_path / "trace.csv", PROFILES / "gripper.toml") as hand:
        assert main(["hand", "teach", "--hand", hand.url, "--profile", str(other), "--yes"]) == 4
        assert "its limits are not those of" in capsys.readouterr().err
        assert main(["hand", "teach", "--hand", hand.url, "--yes"]) == 2
        assert "the profile gripper ships" in capsys.readouterr().err
