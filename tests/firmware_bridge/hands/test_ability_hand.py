"""The driver of the Ability Hand against an emulated one, and its bytes against PSYONIC's own package."""

import hashlib
import importlib.util
import json
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ability_hand import AbilityHand
from bench import Clock, EmulatedLine, HandOnTable, OnPty, replay

from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.ability_hand import packets
from neurograsp.firmware_bridge.hands.ability_hand.driver import AbilityHandDevice
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device

TICK_S = 0.02
COUNTS = (2000, 2500, 3000, 3500, 1500, -2000)
COMMANDS = 1500
THEIRS = "ea7475981b7441d56071c51398e36a464f4bf4c599d8ad60bc6734d073a53dfc"
"""SHA-256 of the bytes that the PyPI package ability-hand 0.2.2 makes of `commands`."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hand() -> AbilityHand:
    return AbilityHand()


@pytest.fixture
def line(hand: AbilityHand, clock: Clock) -> EmulatedLine:
    return EmulatedLine(hand, clock)


@pytest.fixture
def device(line: EmulatedLine, clock: Clock) -> AbilityHandDevice:
    return AbilityHandDevice(line, range(6), None, clock, line.sleep)


class Table(HandOnTable):
    """A hand on a table: emulator, line, driver, hand."""

    def __init__(self, accept: bool = True) -> None:
        self.clock = Clock()
        self.emulated = AbilityHand()
        self.line = EmulatedLine(self.emulated, self.clock)
        profile = load_device("ability_hand")
        ids = [joint.id for joint in profile.joints]
        device = AbilityHandDevice(self.line, ids, profile.address, self.clock, self.line.sleep)
        self.hand = DeviceHand(device, profile, accept, self.clock)


def test_it_is_found_and_its_api_mode_is_not_begun(device: AbilityHandDevice, hand: AbilityHand) -> None:
    assert device.identify(0.1) == "PSYONIC Ability Hand (0x50)"
    assert device.positions() == COUNTS
    device.poll(asking=True)
    assert (set(hand.headers), hand.api, hand.goals) == ({0xA2}, None, [])


def test_joints_keep_the_order_of_the_profile(line: EmulatedLine, hand: AbilityHand, clock: Clock) -> None:
    device = AbilityHandDevice(line, (5, 4, 3, 2, 1, 0), None, clock, line.sleep)
    assert device.positions() == COUNTS[::-1]
    assert device.send((-1000, 2000, 3000, 4000, 5000, 6000), 100)[0] == -1000
    assert hand.goals[-1] == pytest.approx((60, 50, 40, 30, 20, -10), abs=0.01)


def test_enabled_where_it_stands_it_does_not_move(device: AbilityHandDevice, hand: AbilityHand) -> None:
    device.enable(device.positions())
    hand.advance(0.2)
    assert hand.api == 0x10
    assert hand.travelled < 0.06, "what the counts round away, of all joints together"


def test_what_was_sent_is_cut_to_what_the_frame_can_say(device: AbilityHandDevice, hand: AbilityHand) -> None:
    sent = device.send((20_000, -20_000, 0, 0, 0, 0), 100)
    assert sent == (15_000, -15_000, 0, 0, 0, 0)
    assert hand.goals[-1][:2] == (150, -150)


def test_the_golden_frame_of_psyonics_manual() -> None:
    expected = bytes.fromhex("7e5010 9919 9919 9919 9919 9919 9919 74 7e")
    body = bytes((0x50, 0x10)) + struct.pack("<6h", *[int(30 * 32767 / 150)] * 6)
    assert packets.stuff(body + bytes((packets.checksum(body),))) == expected
    ours = packets.positions(0x50, [3000] * 6)
    assert ours == expected.replace(b"\x50\x10", b"\x50\x12").replace(b"\x74\x7e", b"\x72\x7e")


@pytest.mark.parametrize(("status", "faults"), [(1, {0}), (0x20, {5}), (0x12, {1, 4}), (0, set())])
def test_the_status_names_the_joints(
    device: AbilityHandDevice, hand: AbilityHand, line: EmulatedLine, status: int, faults: set[int]
) -> None:
    hand.status = status
    device.poll(asking=True)
    report = device.poll(asking=True)
    assert set(report.faults) == faults
    assert all(text == f"hot or blocked (status {status:#04x})" for text in report.faults.values())
    assert report.positions == dict(enumerate(COUNTS))


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def spoilt(reply: bytes) -> bytes:
    return reply[:-2] + bytes((reply[-2] ^ 1,)) + reply[-1:]


def of_another_variant(reply: bytes) -> bytes:
    body = bytes((0xA0,)) + bytes(70)
    return b"\x7e" + body + bytes((-sum(body) & 0xFF,)) + b"\x7e"


OTHER = "answers with another id or protocol"


@pytest.mark.parametrize(
    ("mangle", "said"),
    [
        (half, "answers in part"),
        (spoilt, OTHER),
        (of_another_variant, OTHER),
        (lambda reply: b"\xff\xff\x01\x02\x00\xfc", OTHER),
        (lambda reply: b"hello, world\r\n", OTHER),
    ],
)
def test_answers_that_are_none_are_told(
    device: AbilityHandDevice, hand: AbilityHand, mangle: Callable[[bytes], bytes], said: str
) -> None:
    hand.mangle = mangle
    with pytest.raises(LinkLost, match=f"emulated: Ability Hand 0x50 {said} .*UART and byte stuffing"):
        device.identify(0.1)
    assert device.poll(asking=True).positions == {}


def test_a_hand_without_stuffing_is_told_apart(device: AbilityHandDevice, hand: AbilityHand) -> None:
    hand.stuffed = False
    with pytest.raises(LinkLost, match=r"another id or protocol .*byte stuffing are on \(We16, We46, We47\)"):
        device.identify(0.1)


def test_another_address_does_not_answer(line: EmulatedLine, clock: Clock) -> None:
    device = AbilityHandDevice(line, range(6), 0x51, clock, line.sleep)
    with pytest.raises(LinkLost, match=r"Ability Hand 0x51 does not answer \(3 tries\)"):
        device.identify(0.05)


def test_half_an_answer_does_not_spoil_the_next(device: AbilityHandDevice, hand: AbilityHand) -> None:
    hand.mangle = half
    with pytest.raises(LinkLost):
        device.positions()
    hand.mangle = lambda reply: reply
    assert device.positions() == COUNTS


def test_it_refuses_to_arm_and_says_what_link_loss_does() -> None:
    table = Table(accept=False)
    table.hand.connect()
    with pytest.raises(
        Refused, match=r"leaves its API mode after 0.3 s, .*undesired finger movements; --acc"
    ):
        table.hand.arm()
    assert set(table.emulated.headers) == {0xA2}


def test_it_stays_in_its_api_mode_armed_moving_stopped_failed_and_let_go() -> None:
    table = Table().armed()
    table.run(1.0)
    table.hand.act(HandAction.GRIP, ttl_ms=3000)
    table.run(2.0)
    assert table.hand.state.state is HandState.HOLD
    table.hand.stop()
    table.run(1.0)
    table.hand.arm()
    table.emulated.status = 4
    table.run(1.5)
    assert (table.hand.state.fault, table.hand.state.attached) == (Fault.DEVICE, True)
    table.run(1.0)
    assert (table.hand.state.attached, table.emulated.api) == (False, 0x30)
    table.run(2.0)
    assert (table.emulated.api, table.emulated.left) == (0x30, 0)


def test_armed_again_after_it_was_let_go_it_is_driven() -> None:
    table = Table().armed()
    table.emulated.status = 4
    table.run(2.5)
    assert table.emulated.api == 0x30
    table.emulated.status = 0
    table.hand.connect()
    table.run(0.2)
    table.hand.arm()
    table.run(0.5)
    assert (table.emulated.api, table.emulated.left) == (0x10, 0)


def test_a_grip_goes_in_steps_of_the_rate() -> None:
    table = Table().armed()
    table.hand.act(HandAction.GRIP, ttl_ms=5000)
    table.run(3.0)
    index = [goals[0] for goals in table.emulated.goals]
    rotator = [goals[5] for goals in table.emulated.goals]
    assert (index[-1], rotator[-1]) == pytest.approx((69.5, -70), abs=0.01)
    assert max(abs(b - a) for a, b in pairwise(index)) <= 70 / 1.5 * TICK_S + 0.02
    assert min(rotator) >= -70.01


@pytest.mark.parametrize("stop", [False, True])
def test_an_unhealthy_host_lets_go_before_the_api_mode_ends(stop: bool) -> None:
    table = Table().armed()
    table.hand.act(HandAction.GRIP, ttl_ms=5000)
    table.run(0.5)
    if stop:
        table.hand.stop()
    table.run(0.26, healthy=False)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    table.run(5.0, healthy=False)
    assert (table.emulated.api, table.emulated.left) == (0x30, 0)
    goals = len(table.emulated.goals)
    table.run(1.0)
    assert len(table.emulated.goals) == goals


def test_goals_from_before_the_end_of_the_api_mode_are_not_sent_again() -> None:
    table = Table().armed()
    table.hand.act(HandAction.GRIP, ttl_ms=5000)
    table.run(1.0)
    table.line.sleep(0.5)
    assert table.emulated.left == 1
    goals = len(table.emulated.goals)
    table.run(1.0)
    assert (len(table.emulated.goals), table.emulated.api) == (goals, 0x30)


def test_a_host_that_dies_ends_its_api_mode() -> None:
    table = Table().armed()
    for _ in range(30):
        table.line.sleep(TICK_S)
    assert (table.emulated.left, table.emulated.api) == (1, None)


def test_a_hand_that_falls_silent_is_lost() -> None:
    table = Table().armed()
    table.emulated.silent = True
    with pytest.raises(LinkLost, match=r"silent for 0.[56] s; check cable and power"):
        table.run(1.0)


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.ReplyParser()
    hand = AbilityHand((0x7E7D * 150 / 32767, 0x7D * 150 / 32767, 63.2, 90.0, 10.0, -99.0))
    answer = hand.feed(packets.read_only(0x50))
    assert len(answer) == 41 + 3, "three bytes are stuffed"
    stream = b"".join(rng.randbytes(rng.randrange(5)).replace(b"\x7e", b"\0") + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert {reply.positions for reply in found} == {(14823, 57, 6320, 9000, 1000, -9900)}
    assert len(found) == 200


def test_zeros_of_rs485_adapters_are_no_broken_frames() -> None:
    parser = packets.ReplyParser()
    answer = AbilityHand().feed(packets.read_only(0x50))
    assert len(list(parser.feed(b"\0" + answer + b"\0\0" + answer + b"\0"))) == 2
    assert parser.broken == 0


def test_nothing_that_comes_makes_it_stumble() -> None:
    rng = random.Random(3)
    parser = packets.ReplyParser()
    for _ in range(2000):
        likely = bytes(rng.choice(b"\x7e\x7d\x12\xa2\0\xff") for _ in range(rng.randrange(60)))
        list(parser.feed(likely + rng.randbytes(rng.randrange(60))))
    assert parser.broken > 100


def test_memory_is_bounded() -> None:
    parser = packets.ReplyParser()
    for _ in range(1000):
        list(parser.feed(bytes(60)))
        assert len(parser._buffer) < 200


def commands() -> list[list[int]]:
    """Goals in counts, for their package and for ours."""
    rng = random.Random(8)
    return [[rng.randrange(-15_000, 15_001) for _ in range(6)] for _ in range(COMMANDS)]


def ours() -> list[str]:
    return [packets.positions(0x50, counts).hex() for counts in commands()] + [
        packets.read_only(0x50).hex(),
        packets.no_torque(0x50).hex(),
    ]


def test_every_byte_was_that_of_psyonics_package() -> None:
    assert hashlib.sha256("\n".join(ours()).encode()).hexdigest() == THEIRS


def theirs(script: str, values: object, folder: Path) -> Any:
    """What PSYONIC's package makes of `values`, in a process and folder of its own: it leaves a file."""
    if importlib.util.find_spec("ah_wrapper") is None:
        pytest.skip("ability-hand is not installed")
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    return json.loads(run.stdout)


def test_every_byte_is_that_of_psyonics_package(tmp_path: Path) -> None:
    script = """
import json, sys
from ah_wrapper.ah_api import create_misc_msg, create_pos_msg, create_torque_msg
made = [create_pos_msg(2, [count / 100 for count in goals]) for goals in json.load(sys.stdin)]
print(json.dumps([bytes(m).hex() for m in [*made, create_misc_msg(0xA2), create_torque_msg(2, [0] * 6)]]))
"""
    assert ours() == theirs(script, commands(), tmp_path)


def test_what_psyonics_package_reads_is_what_was_parsed(tmp_path: Path) -> None:
    script = """
import json, sys
from ah_wrapper.ah_parser import parse_packet
from ah_wrapper.ppp_stuffing import PPPUnstuff
unstuff, read = PPPUnstuff(), []
for byte in bytes.fromhex(json.load(sys.stdin)):
    if frame := unstuff.unstuff_byte(byte):
        packet = parse_packet(frame)
        read.append([packet.pos, packet.hot_cold])
print(json.dumps(read))
"""
    rng = random.Random(9)
    hand = AbilityHand()
    stream = b""
    for _ in range(COMMANDS):
        hand.degrees = [rng.uniform(-149, 149) for _ in range(6)]
        hand.status = rng.randrange(64)
        stream += hand.feed(packets.read_only(0x50))
    parsed = list(packets.ReplyParser().feed(stream))
    read = theirs(script, stream.hex(), tmp_path)
    assert len(parsed) == len(read) == COMMANDS
    for reply, (degrees, status) in zip(parsed, read, strict=True):
        assert reply.positions == tuple(round(100 * value) for value in degrees)
        assert reply.status == status


@pytest.mark.slow
def test_replay_moves_it_end_to_end() -> None:
    hand = AbilityHand()
    with OnPty(hand) as bench:
        refused = replay(f"ability_hand:{bench.port}", "--arm")
        assert (refused.returncode, hand.goals) == (2, [])
        assert "--accept-no-watchdog" in refused.stderr
        done = replay(f"ability_hand:{bench.port}", "--arm", "--accept-no-watchdog")
    assert done.returncode == 0, done.stderr
    assert len({goals[0] for goals in hand.goals}) > 10
    assert hand.bad == 0
