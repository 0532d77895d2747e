"""The driver of Inspire's RH56 against an emulated hand, and its bytes against the package `pyrh56`."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from bench import Clock, EmulatedLine, HandOnTable, OnPty, replay
from inspire_hand import InspireHand

from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.inspire import packets
from neurograsp.firmware_bridge.hands.inspire.driver import InspireDevice
from neurograsp.firmware_bridge.hands.inspire.registers import (
    ANGLE_ACT,
    ANGLE_SET,
    ERROR,
    FORCE_SET,
    SPEED_SET,
    STATUS,
    TEMPERATURE,
    Register,
)

TICK_S = 0.02
ANGLES = (900, 800, 700, 600, 500, 850)


class SharedWire(EmulatedLine):
    """RS-485: an answer takes `turnaround_s`; to speak meanwhile is a collision, which nobody survives."""

    turnaround_s = 0.008
    collisions = 0
    spoken_s = float("-inf")

    def write(self, data: bytes) -> None:
        if self._clock.now - self.spoken_s < self.turnaround_s:
            self.collisions += 1
            self._waiting = b"\x90\x00"
            return
        self.spoken_s = self._clock.now
        super().write(data)

    def read(self) -> bytes:
        if self._clock.now - self.spoken_s < self.turnaround_s:
            return b""
        return super().read()


class Table(HandOnTable):
    """A hand on a table: emulator, wire, driver, hand."""

    def __init__(self, accept: bool = True) -> None:
        self.clock = Clock()
        self.emulated = InspireHand()
        self.line = SharedWire(self.emulated, self.clock)
        self.profile = load_device("inspire_rh56")
        ids = [joint.id for joint in self.profile.joints]
        self.device = InspireDevice(self.line, ids, None, self.clock, self.line.sleep)
        self.hand = DeviceHand(self.device, self.profile, accept, self.clock)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def device(table: Table) -> InspireDevice:
    return table.device


def test_it_is_found_and_nothing_is_written(device: InspireDevice, table: Table) -> None:
    assert device.identify(0.1) == "Inspire RH56 (id 1)"
    assert device.positions() == ANGLES
    assert table.emulated.writes == []


def test_joints_keep_the_order_of_the_profile(table: Table) -> None:
    device = InspireDevice(table.line, (5, 4, 3, 2, 1, 0), None, table.clock, table.line.sleep)
    assert device.positions() == ANGLES[::-1]
    assert device.send((0, 100, 200, 300, 400, 500), 0) == (0, 100, 200, 300, 400, 500)
    assert table.emulated.goals == [[500, 400, 300, 200, 100, 0]]


def test_what_was_sent_is_cut_to_the_range_of_the_hand(device: InspireDevice, table: Table) -> None:
    assert device.send((-1, 1001, 5, 0, 1000, 65535), 0) == (0, 1000, 5, 0, 1000, 1000)
    assert table.emulated.goals == [[0, 1000, 5, 0, 1000, 1000]], "-1 would mean: leave it alone"


def test_arming_sets_goals_where_it_stands_before_force_and_speed(table: Table) -> None:
    table.armed()
    table.run(0.5)
    writes = table.emulated.writes
    assert [address for address, _ in writes[:3]] == [1486, 1498, 1522]
    assert {tuple(values) for address, values in writes if address == 1486} == {ANGLES}
    assert (table.emulated.memory[1498], table.emulated.memory[1522]) == ([1000] * 6, [1000] * 6)
    assert table.emulated.travelled == 0


def test_the_first_goal_after_arming_waits_behind_nothing(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    before = len(table.emulated.goals)
    table.run(TICK_S)
    assert len(table.emulated.goals) == before + 1


def test_a_hand_that_takes_no_force_is_not_armed(table: Table) -> None:
    table.hand.connect()
    table.emulated.refuses = True
    with pytest.raises(Refused, match="emulated: RH56 1 will not take register 1486; check wiring"):
        table.hand.arm()
    assert not table.hand.state.state.armed
    table.run(0.5)
    assert table.emulated.writes == []


def test_nothing_is_said_while_an_answer_is_awaited(table: Table) -> None:
    table.armed().hand.act(HandAction.GRIP, force=50, ttl_ms=5000)
    table.run(3.0)
    assert (table.line.collisions, table.hand.stats.unanswered, table.emulated.bad) == (0, 0, 0)
    assert {1546, 1606, 1612, 1618} == set(table.emulated.reads)


def test_a_moving_hand_hears_a_goal_every_second_tick_at_least(table: Table) -> None:
    table.armed()
    table.run(0.5)
    before, asked = len(table.emulated.goals), len(table.emulated.reads)
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    assert len(table.emulated.goals) - before >= 24
    assert len(table.emulated.reads) - asked >= 24


def test_a_grip_goes_in_steps_of_the_rate(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(3.0)
    assert table.emulated.goals[-1] == [200, 200, 200, 200, 200, 900]
    index = [goals[3] for goals in table.emulated.goals]
    steps = [abs(b - a) for a, b in pairwise(index)]
    assert max(steps) <= 800 / 1.5 * 3 * TICK_S + 1, "what three ticks allow"
    assert table.hand.state.state is HandState.HOLD


def test_force_is_set_before_the_goals_of_an_action(table: Table) -> None:
    table.armed()
    table.run(0.5)
    done = len(table.emulated.writes)
    table.hand.act(HandAction.GRIP, force=40, ttl_ms=5000)
    table.run(0.3)
    after = table.emulated.writes[done:]
    force = after.index((1498, [400] * 6))
    assert all(values == list(ANGLES) for address, values in after[:force] if address == 1486)
    assert table.device.promises.force


def test_stop_is_said_within_three_ticks(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.5)
    table.hand.stop()
    table.run(0.06)
    stopped = table.emulated.goals[-1]
    table.run(1.0)
    assert table.emulated.goals[-1] == stopped == list(table.hand.state.goals)


@pytest.mark.parametrize("ticks", range(10, 14))
def test_goals_that_still_wait_are_not_told_as_sent_and_are_said_at_the_end(table: Table, ticks: int) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(ticks * TICK_S)
    table.clock.now += 0.001
    table.hand.service(True)
    table.hand.stop()
    table.run(0.2, healthy=False)
    assert list(table.hand.state.goals) == table.emulated.goals[-1]
    assert table.hand._motion is not None
    stopped = list(table.hand._motion.goals)
    table.hand.close()
    assert (table.emulated.goals[-1], table.line.closed) == (stopped, True)


def test_who_does_not_answer_does_not_keep_the_port(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.emulated.silent = True
    table.run(0.2)
    table.hand.close()
    assert table.line.closed


def test_a_force_that_got_lost_is_said_again_before_more_goals(table: Table) -> None:
    table.armed().hand.act(HandAction.GRIP, force=40, ttl_ms=5000)
    table.emulated.silent = True
    table.run(3 * TICK_S)
    assert table.emulated.memory[1498] == [1000] * 6
    done = len(table.emulated.writes)
    table.emulated.silent = False
    table.run(0.3)
    assert table.emulated.writes[done] == (1498, [400] * 6)
    assert [address for address, _ in table.emulated.writes].count(1498) == 2


def test_a_write_that_is_refused_on_the_way_latches(table: Table) -> None:
    table.armed().hand.act(HandAction.GRIP, force=40, ttl_ms=5000)
    table.emulated.refuses = True
    table.run(0.1)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert "will not take register 1498" in table.hand.state.why
    table.emulated.refuses = False
    table.hand.connect()
    table.hand.arm()
    table.run(0.3)
    assert table.hand.state.state is HandState.ARMED


@pytest.mark.parametrize(
    ("register", "value", "text"),
    [
        ("error", 1, "locked rotor"),
        ("error", 2, "too hot"),
        ("error", 4, "overcurrent"),
        ("error", 8, "motor abnormal"),
        ("error", 16, "communication"),
        ("error", 6, "too hot, overcurrent"),
        ("error", 32, "status 0x20"),
        ("status", 5, "stopped by overcurrent"),
        ("status", 6, "stopped by a locked rotor"),
        ("status", 7, "stopped by a fault"),
    ],
)
def test_a_joint_in_trouble_stops_the_others(table: Table, register: str, value: int, text: str) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    getattr(table.emulated, register)[3] = value
    table.run(0.24)
    held = table.emulated.goals[-1]
    table.run(0.5)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert table.hand.state.why == f"index: {text}"
    assert table.emulated.goals[-1] == held
    table.hand.connect()
    with pytest.raises(Refused, match=f"index: {text}; look at it first"):
        table.hand.arm()
    getattr(table.emulated, register)[3] = 0
    table.hand.connect()
    table.hand.arm()


def test_force_reached_is_no_fault(table: Table) -> None:
    table.armed()
    table.emulated.status = [3, 2, 1, 0, 3, 3]
    table.run(1.0)
    assert table.hand.state.state is HandState.ARMED


def test_temperatures_are_told(table: Table) -> None:
    table.hand.connect()
    table.run(0.5)
    assert table.hand.state.report.temperatures_c == {0: 31, 1: 32, 2: 33, 3: 34, 4: 35, 5: 36}


def test_it_holds_when_let_go_since_it_cannot(device: InspireDevice, table: Table) -> None:
    device.enable(device.positions())
    table.line.sleep(TICK_S)
    written = len(table.emulated.writes)
    device.disable()
    for _ in range(10):
        device.poll(asking=True)
        table.line.sleep(TICK_S)
    assert len(table.emulated.writes) == written


def test_an_unhealthy_host_says_nothing(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.31)
    said = len(table.line.sent)
    table.run(0.4, healthy=False)
    assert (table.hand.state.state, len(table.line.sent)) == (HandState.FAILSAFE, said)


def test_it_refuses_to_arm_and_says_what_link_loss_does() -> None:
    table = Table(accept=False)
    table.hand.connect()
    with pytest.raises(Refused, match="holds its last goal, motors on; --accept-no-watchdog"):
        table.hand.arm()
    assert table.emulated.writes == []


def test_a_write_that_the_hand_refuses_is_counted(device: InspireDevice, table: Table) -> None:
    table.emulated.refuses = True
    device.send(ANGLES, 0)
    table.line.sleep(TICK_S)
    device.poll(asking=False)
    assert device.stats.nacks == 1


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def of_another(reply: bytes) -> bytes:
    body = bytes((9,)) + reply[3:-1]
    return b"\x90\xeb" + body + bytes((sum(body) & 0xFF,))


def spoilt(reply: bytes) -> bytes:
    return reply[:-1] + bytes((reply[-1] ^ 1,))


OTHER = "answers with another id or protocol"


@pytest.mark.parametrize(
    ("mangle", "said"),
    [
        (half, "answers in part"),
        (of_another, OTHER),
        (spoilt, OTHER),
        (lambda reply: b"\xff\xff\x01\x02\x00\xfc", OTHER),
        (lambda reply: b"hello, world\r\n", OTHER),
    ],
)
def test_answers_that_are_none_are_told(
    device: InspireDevice, table: Table, mangle: Callable[[bytes], bytes], said: str
) -> None:
    table.emulated.mangle = mangle
    with pytest.raises(LinkLost, match=f"emulated: RH56 1 {said} .*; check wiring, power, baud rate and id"):
        device.identify(0.1)
    for _ in range(4):
        table.line.sleep(TICK_S)
        assert device.poll(asking=True).positions == {}


def test_another_id_does_not_answer(table: Table) -> None:
    device = InspireDevice(table.line, range(6), 2, table.clock, table.line.sleep)
    with pytest.raises(LinkLost, match=r"RH56 2 does not answer \(3 tries\)"):
        device.identify(0.05)


def test_a_hand_that_falls_silent_is_lost(table: Table) -> None:
    table.armed()
    table.emulated.silent = True
    with pytest.raises(LinkLost, match=r"silent for 0.[56] s; check cable and power"):
        table.run(1.0)


def test_half_an_answer_does_not_spoil_the_next(device: InspireDevice, table: Table) -> None:
    table.emulated.mangle = half
    with pytest.raises(LinkLost):
        device.positions()
    table.emulated.mangle = lambda reply: reply
    assert device.positions() == ANGLES


def test_the_flash_is_never_written() -> None:
    with pytest.raises(ValueError, match="flash"):
        packets.write(1, Register(1032, 2), [0] * 6)


@pytest.fixture
def vendor() -> Any:
    return pytest.importorskip("rh56_sdk.protocol", reason="pyrh56 is not installed")


def test_every_byte_is_that_of_pyrh56(vendor: Any) -> None:
    rng = random.Random(0)
    for _ in range(1000):
        hand = rng.randrange(1, 255)
        for register in (ANGLE_SET, FORCE_SET, SPEED_SET):
            values = [rng.randrange(1001) for _ in range(6)]
            theirs = vendor.build_reg16_frame(hand, register.address, values)
            assert packets.write(hand, register, values) == theirs
        for register in (ANGLE_ACT, ERROR, STATUS, TEMPERATURE):
            theirs = vendor.build_read_reg16(hand, register.address, register.length)
            assert packets.read(hand, register) == theirs


def test_registers_are_those_of_pyrh56() -> None:
    theirs = pytest.importorskip("rh56_sdk.registers", reason="pyrh56 is not installed")
    for register, address in (
        (ANGLE_SET, theirs.REG_ANGLE_SET),
        (FORCE_SET, theirs.REG_FORCE_SET),
        (SPEED_SET, theirs.REG_SPEED_SET),
        (ANGLE_ACT, theirs.REG_ANGLE_ACT),
        (ERROR, theirs.REG_ERROR),
        (STATUS, theirs.REG_STATUS),
        (TEMPERATURE, theirs.REG_TEMP),
    ):
        assert register.address == address


def test_what_pyrh56_reads_is_what_was_parsed(vendor: Any) -> None:
    rng = random.Random(1)
    hand = InspireHand()
    for _ in range(1000):
        hand.id = rng.randrange(1, 255)
        hand.angles = [rng.randrange(-5, 1005) for _ in range(6)]
        raw = hand.feed(packets.read(hand.id, ANGLE_ACT))
        (ours,) = packets.AnswerParser().feed(raw)
        theirs = vendor.parse_read_response(raw, hand.id, ANGLE_ACT.address, ANGLE_ACT.length)
        assert ours.data == theirs
        assert packets.values(ANGLE_ACT, ours.data) == vendor.parse_i16_le(theirs) == hand.angles
        done = hand.feed(packets.write(hand.id, ANGLE_SET, [0] * 6))
        assert vendor.RH56Protocol.parse_write_ack(done, hand.id, ANGLE_SET.address)
        (ours,) = packets.AnswerParser().feed(done)
        assert (ours.command, ours.data) == (packets.WRITE, b"\x01")


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.AnswerParser()
    answer = InspireHand().feed(packets.read(1, ANGLE_ACT))
    stream = b"".join(rng.randbytes(rng.randrange(5)).replace(b"\x90", b"\0") + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert [tuple(packets.values(ANGLE_ACT, packet.data)) for packet in found] == [ANGLES] * 200


def test_nothing_that_comes_makes_it_stumble() -> None:
    rng = random.Random(3)
    parser = packets.AnswerParser()
    for _ in range(2000):
        likely = bytes(rng.choice(b"\x90\xeb\x04\x11\x12\x01\0") for _ in range(rng.randrange(60)))
        list(parser.feed(likely + rng.randbytes(rng.randrange(60))))
    assert parser.broken > 100


def test_memory_is_bounded() -> None:
    parser = packets.AnswerParser()
    for _ in range(1000):
        list(parser.feed(b"\x90\xeb\x01\x42\x11" + bytes(60)))
        assert len(parser._buffer) < 200


@pytest.mark.slow
def test_replay_moves_it_end_to_end() -> None:
    hand = InspireHand()
    with OnPty(hand) as bench:
        refused = replay(f"inspire_rh56:{bench.port}", "--arm")
        assert (refused.returncode, hand.writes) == (2, [])
        assert "--accept-no-watchdog" in refused.stderr
        done = replay(f"inspire_rh56:{bench.port}", "--arm", "--accept-no-watchdog")
    assert "when this computer or the cable dies it holds its last goal, motors on\n" in done.stderr
    assert done.returncode == 0, done.stderr
    assert len({goals[3] for goals in hand.goals}) > 10
    assert hand.bad == 0
