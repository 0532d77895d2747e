"""`neurograsp hand move`, `limits`, `ping`: on the firmware, and on Feetech servos on a pseudo-terminal."""

import json
import random
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from bench import Clock, EmulatedLine, OnPty, command, replay
from feetech_bus import FeetechBus, Servo

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.hands import device_of
from neurograsp.edge_runtime.contract.errors import LinkError, UsageError
from neurograsp.edge_runtime.hand_moves import Move, carry_out, parse_moves, patience_s, random_move
from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.motion import LONGEST_STEP_S
from neurograsp.firmware_bridge.hands.open_device import driver_of
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.profiles import PROFILES


@pytest.fixture
def bus() -> FeetechBus:
    return FeetechBus({number: Servo("STS3215", 1700) for number in range(1, 6)})


@pytest.fixture
def port(bus: FeetechBus) -> Iterator[str]:
    with OnPty(bus) as on_pty:
        yield on_pty.port


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(bus: FeetechBus, clock: Clock) -> EmulatedLine:
    return EmulatedLine(bus, clock)


@pytest.fixture
def hand(line: EmulatedLine, clock: Clock) -> DeviceHand:
    profile = load_device("sts_fingers")
    hand = DeviceHand(driver_of(profile, line, clock, line.sleep), profile, True, clock)
    hand.connect()
    hand.arm()
    return hand


def test_a_move_ends_when_it_is_there(
    hand: DeviceHand, bus: FeetechBus, clock: Clock, line: EmulatedLine
) -> None:
    took = carry_out(Move("FIST", HandAction.FIST), hand, 100, 30, clock, line.sleep)
    assert bus.servos[1].goals[-1] == 2560
    assert 0.8 * (2560 - 1700) / 1024 < took < 1.2


def test_a_joint_goes_alone(hand: DeviceHand, bus: FeetechBus, clock: Clock, line: EmulatedLine) -> None:
    (move,) = parse_moves(["ring=2000"], hand, hand.ranges())
    carry_out(move, hand, 50, 30, clock, line.sleep)
    assert [servo.goals[-1] for servo in bus.servos.values()] == [1700, 1700, 1700, 2000, 1700]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("fst", "has no action 'fst'; did you mean 'FIST'"),
        ("rng=2000", "has no joint 'rng'; did you mean 'ring'"),
        ("ring=x", "expected a whole number of counts"),
        ("ring=", "expected a whole number of counts"),
        ("ring=1535", "joint ring goes from 1536 to 2560 counts"),
    ],
)
def test_what_cannot_be_is_said_before_anything_moves(hand: DeviceHand, word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_moves(["OPEN", word], hand, hand.ranges())


def test_a_servo_in_trouble_ends_the_move(
    hand: DeviceHand, bus: FeetechBus, clock: Clock, line: EmulatedLine
) -> None:
    bus.servos[3].error = 32
    with pytest.raises(LinkError, match=r"FIST: the hand went into FAILSAFE \(middle: overload\)"):
        carry_out(Move("FIST", HandAction.FIST), hand, 100, 30, clock, line.sleep)


def test_a_move_without_end_is_given_up(hand: DeviceHand, clock: Clock, line: EmulatedLine) -> None:
    with pytest.raises(
        LinkError, match=r"FIST: not there after 30 s; is a joint blocked, or without power\?"
    ):
        carry_out(Move("FIST", HandAction.FIST), hand, 1, 30, clock, line.sleep)


def test_a_slow_move_is_waited_for(hand: DeviceHand, clock: Clock, line: EmulatedLine) -> None:
    longest_s = patience_s(hand.ranges(), 1)
    assert longest_s == 2 * 80
    assert patience_s(hand.ranges(), 100) == 30
    took = carry_out(Move("FIST", HandAction.FIST), hand, 1, longest_s, clock, line.sleep)
    assert took > 60


def test_random_moves_stay_within_the_limits(hand: DeviceHand) -> None:
    rng = random.Random(0)
    ranges = hand.ranges()
    moves = [random_move(rng, hand, ranges) for _ in range(500)]
    assert {move.action for move in moves} == {None, *hand.caps.actions}
    assert {move.place for move in moves} == set(range(5))
    for move in moves:
        joint = ranges[move.place]
        assert move.action is not None or joint.low <= move.position <= joint.high


@pytest.mark.slow
def test_a_soak_counts_and_feels_the_servos(bus: FeetechBus, port: str) -> None:
    hand = f"sts_fingers:{port}"
    refused = command("hand", "soak", "--hand", hand, "--accept-no-watchdog", "--seconds", "1")
    assert refused.returncode == 1
    assert "will move at random for 1 s" in refused.stderr
    assert not bus.servos[1].goals
    done = command(
        "hand", "soak", "--hand", hand, "--accept-no-watchdog", "--seconds", "2", "--yes", "--json"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["moves"] >= 1
    assert report["hottest_c"] == dict.fromkeys(("thumb", "index", "middle", "ring", "little"), 31)
    assert report["link"]["sent"] > 50


def test_a_soak_that_goes_wrong_says_what_it_saw(bus: FeetechBus, port: str) -> None:
    def overload() -> None:
        while len(bus.servos[3].goals) < 20:
            time.sleep(0.01)
        bus.servos[3].error = 32

    thread = threading.Thread(target=overload, daemon=True)
    thread.start()
    words = (
        "hand",
        "soak",
        "--hand",
        f"sts_fingers:{port}",
        "--accept-no-watchdog",
        "--seconds",
        "60",
        "--yes",
    )
    done = command(*words)
    thread.join()
    assert done.returncode == 5
    assert "moves" in done.stdout
    assert "(middle: overload)" in done.stderr


def test_the_firmware_is_moved_and_says_its_limits(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["hand", "move", "open", "0=1400", "thumb=1450", "--speed", "100", "--pause", "0", "--json"]
    assert main(words) == 0
    moves = json.loads(capsys.readouterr().out)["moves"]
    assert [move["move"] for move in moves] == ["OPEN", "0=1400", "thumb=1450"]
    assert main(["hand", "limits", "--json"]) == 0
    joints = json.loads(capsys.readouterr().out)["joints"]
    limits = {"low": 1000, "high": 2000, "rate": 1650.0, "unit": "us"}
    assert joints[6] == {"name": "6", **limits, "label": "rotation"}
    assert main(["hand", "limits"]) == 0
    assert "6 rotation 1000 2000" in " ".join(capsys.readouterr().out.split())


def test_names_of_another_profile_are_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = tmp_path / "renamed.toml"
    text = (PROFILES / "gripper.toml").read_text()
    renamed.write_text(text.replace("jaw", "claw").replace("rate_us = 20", "rate_us = 21"))
    with SimulatedHand(tmp_path / "trace.csv", renamed) as hand:  # says that it is the gripper that ships
        assert main(["hand", "limits", "--hand", hand.url, "--json"]) == 0
        (joint,) = json.loads(capsys.readouterr().out)["joints"]
        assert (joint["name"], joint["label"], joint["rate"]) == ("0", "", 1050)
        assert main(["hand", "move", "jaw=1500", "--hand", hand.url, "--yes"]) == 2
        assert "gripper has no joint 'jaw'" in capsys.readouterr().err
    assert main(["hand", "limits", "--hand", f"sim:{renamed}"]) == 0
    assert "0 claw" in capsys.readouterr().out, "but its own are"


@pytest.mark.parametrize(
    ("url", "device"),
    [
        ("sts_fingers:/dev/ttyUSB0", ("sts_fingers", "/dev/ttyUSB0")),
        ("my.toml:/dev/ttyUSB0", ("my.toml", "/dev/ttyUSB0")),
        ("/home/me/my.toml:/dev/ttyUSB0", ("/home/me/my.toml", "/dev/ttyUSB0")),
        ("sts_fingers:socket://host:7000", ("sts_fingers", "socket://host:7000")),
        ("/dev/ttyACM0", None),
        ("/dev/serial/by-path/pci-0000:00:14.0", None),
        ("socket://host:7000", None),
    ],
)
def test_a_profile_and_a_port(url: str, device: tuple[str, str] | None) -> None:
    assert device_of(url) == device


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "sts_fingers",
            "no port: a device is PROFILE:PORT, such as sts_fingers:/dev/ttyUSB0, our firmware a",
        ),
        ("sts_fingers:", "such as sts_fingers:/dev/ttyUSB0"),
        ("my.toml", "such as my.toml:/dev/ttyUSB0"),
        ("/home/me/my.toml", "such as /home/me/my.toml:/dev/ttyUSB0"),
        ("my.toml:", "such as my.toml:/dev/ttyUSB0"),
        ("arm:/dev/ttyACM0", "arm is a profile of our firmware, which says itself what it is: name its port"),
        ("arm", "arm is a profile of our firmware"),
    ],
)
@pytest.mark.parametrize("tool", [["hand", "ping"], ["hand", "sniff"], ["hand", "move", "OPEN"], ["doctor"]])
def test_what_is_no_profile_with_its_port(
    tool: list[str], url: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tool, "--hand", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"neurograsp {tool[0]}: --hand {url}: ")
    assert said in line


def test_ping_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hand", "ping"]) == 0
    said = capsys.readouterr().out
    assert "firmware 0.1, 7 joints" in said
    assert "IDLE; stops after 250 ms without a heartbeat" in said
    assert "round trip  p50" in said


def test_a_real_hand_is_moved_after_yes_alone(bus: FeetechBus, port: str) -> None:
    words = ("hand", "move", "ring=1800", "--hand", f"sts_fingers:{port}", "--accept-no-watchdog")
    for answer, code in (("y\n", 1), ("", 1), ("yes\n", 0)):
        done = command(*words, "--pause", "0", stdin=answer)
        assert done.returncode == code, done.stderr
        assert "sts_fingers on sts_fingers:" in done.stderr
        assert bool(bus.servos[4].goals) == (code == 0)
    assert bus.servos[4].goals[-1] == 1800
    assert bus.servos[4].torques[-1] == 0, "it is let go at the end"


def test_what_goes_on_without_its_host_is_not_moved_without_a_word(port: str, bus: FeetechBus) -> None:
    done = command("hand", "move", "OPEN", "--hand", f"sts_fingers:{port}", "--yes")
    assert done.returncode == 2
    assert "it holds its last goal, torque on; --accept-no-watchdog" in done.stderr
    assert not bus.servos[1].goals


def test_ping_says_what_happens_when_the_cable_dies(port: str) -> None:
    done = command("hand", "ping", "--hand", f"sts_fingers:{port}")
    assert done.returncode == 0, done.stderr
    assert "when this computer or the cable dies it holds its last goal, torque on" in done.stdout


@pytest.mark.slow
def test_a_decoder_moves_it(bus: FeetechBus, port: str) -> None:
    done = replay(f"sts_fingers:{port}", "--arm", "--accept-no-watchdog", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["hand"]["name"] == f"sts_fingers on sts_fingers:{port}"
    assert sum(report["hand"]["commands"].values()) > 3
    goals = bus.servos[2].goals
    assert max(goals) - min(goals) > 200
    assert max(abs(b - a) for a, b in pairwise(goals)) <= 1024 / 0.8 * LONGEST_STEP_S + 1
