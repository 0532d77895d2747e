"""What a hand without our firmware must keep, whatever drives it: here on an emulated Feetech bus."""

from collections.abc import Callable

import pytest
from bench import Clock, EmulatedLine, HandOnTable
from feetech_bus import FeetechBus, Servo

from neurograsp.edge_runtime import loop
from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost, ProtocolError, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device, parse_device
from neurograsp.firmware_bridge.hands.feetech.driver import FeetechDevice
from neurograsp.firmware_bridge.hands.feetech.registers import STS
from neurograsp.firmware_bridge.hands.motion import LONGEST_STEP_S

TICK_S = 0.02
OPEN, CLOSED = 1536, 2560
MOST = (CLOSED - OPEN) / 0.8 * TICK_S
"""Counts a tick."""


class Table(HandOnTable):
    """A hand on a table: bus, line, driver, hand."""

    def __init__(self, start: int = 1700, accept: bool = True) -> None:
        self.profile = load_device("sts_fingers")
        self.clock = Clock()
        self.bus = FeetechBus({joint.id: Servo("STS3215", start) for joint in self.profile.joints})
        self.line = EmulatedLine(self.bus, self.clock)
        ids = [joint.id for joint in self.profile.joints]
        device = FeetechDevice(self.line, ids, STS, [(OPEN, CLOSED)] * len(ids), self.clock, self.line.sleep)
        self.hand = DeviceHand(device, self.profile, accept, self.clock)

    @property
    def index(self) -> Servo:
        return self.bus.servos[2]


@pytest.fixture
def table() -> Table:
    return Table()


def test_connecting_moves_and_drives_nothing(table: Table) -> None:
    caps = table.hand.connect()
    table.run(1.0)
    assert (caps.name, HandAction.GRIP in caps.actions) == ("sts_fingers", True)
    assert table.hand.state.state is HandState.IDLE
    assert not any(servo.goals or servo.torques for servo in table.bus.servos.values())


def test_arming_drives_the_motors_where_they_stand(table: Table) -> None:
    table.armed()
    table.run(1.0)
    assert (table.hand.state.state, table.hand.state.attached) == (HandState.ARMED, True)
    assert {goal for servo in table.bus.servos.values() for goal in servo.goals} == {1700}
    assert table.hand.state.positions == dict.fromkeys(range(len(table.profile.joints)), 1700)
    assert sum(servo.travelled for servo in table.bus.servos.values()) == 0


def test_a_grip_goes_in_steps_of_the_rate(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    assert table.index.goals[-1] == CLOSED
    steps = [b - a for a, b in zip(table.index.goals, table.index.goals[1:], strict=False)]
    assert max(steps) <= MOST + 1
    assert (table.hand.state.state, table.hand.state.action) == (HandState.HOLD, HandAction.FIST)


@pytest.mark.parametrize("speed", [1, 10, 50])
def test_speed_scales_the_rate_down(table: Table, speed: int) -> None:
    table.armed().hand.act(HandAction.FIST, speed=speed, ttl_ms=5000)
    table.run(0.4)
    expected = 1700 + MOST * speed / 100 * 20
    assert table.index.goals[-1] == pytest.approx(expected, abs=2 + MOST * speed / 100)


def test_the_profile_slows_an_action_down(table: Table) -> None:
    assert table.profile.speeds == {HandAction.TOUCH: 30}
    table.armed().hand.act(HandAction.TOUCH, speed=50, ttl_ms=5000)
    table.run(0.4)
    assert table.index.goals[-1] == pytest.approx(1700 + MOST * 0.5 * 0.3 * 20, abs=2 + MOST * 0.15)


def test_a_joint_outside_its_limits_is_led_back_and_never_jumps() -> None:
    table = Table(start=3000).armed()
    table.run(0.5)
    assert set(table.index.goals) == {3000}
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    steps = [abs(b - a) for a, b in zip(table.index.goals, table.index.goals[1:], strict=False)]
    assert table.index.goals[-1] == CLOSED
    assert max(steps) <= MOST + 1


def test_an_action_whose_time_is_over_stands_still(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=200)
    table.run(0.3)
    held = table.index.goals[-1]
    assert 1700 < held < CLOSED
    table.run(1.0)
    assert table.index.goals[-1] == held
    assert (table.hand.state.state, table.hand.state.action) == (HandState.HOLD, HandAction.HOLD)


def test_a_hand_that_holds_is_told_so_again(table: Table) -> None:
    table.armed()
    table.run(0.2)
    before = len(table.index.goals)
    table.run(1.0)
    assert 10 <= len(table.index.goals) - before <= 25


def test_stop_stands_at_once_and_needs_arm(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.hand.stop()
    held = table.index.goals[-1]
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    assert table.index.goals[-1] == held
    assert (table.hand.state.state, table.hand.state.attached) == (HandState.IDLE, True)


def test_an_unhealthy_host_sends_nothing_then_latches_then_lets_go(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    sent = len(table.index.goals)
    table.run(0.24, healthy=False)
    assert (table.hand.state.state, len(table.index.goals)) == (HandState.MOVING, sent)
    table.run(0.04, healthy=False)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    table.run(2.1, healthy=False)
    assert (table.hand.state.attached, table.index.torques[-1]) == (False, 0)
    with pytest.raises(Refused, match="this computer was silent"):
        table.hand.arm()
    table.hand.connect()
    table.hand.arm()
    assert table.hand.state.state is HandState.ARMED


def test_a_stopped_hand_whose_host_is_unhealthy_lets_go(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.hand.stop()
    table.run(0.24, healthy=False)
    assert (table.hand.state.state, table.hand.state.attached) == (HandState.IDLE, True)
    table.run(0.04, healthy=False)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    table.run(2.1, healthy=False)
    assert (table.hand.state.attached, table.index.torques[-1]) == (False, 0)


def test_a_hand_that_was_never_driven_does_not_latch(table: Table) -> None:
    table.hand.connect()
    table.run(2.0, healthy=False)
    assert table.hand.state.state is HandState.IDLE


def test_what_was_asked_for_before_arming_is_dropped(table: Table) -> None:
    table.hand.connect()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.hand.arm()
    table.run(0.5)
    assert set(table.index.goals) == {1700}


def test_what_waited_during_an_unhealthy_time_is_dropped(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.02, healthy=False)
    table.run(0.5)
    assert set(table.index.goals) == {1700}


@pytest.mark.parametrize("bits", [1, 4, 8, 32])
def test_a_servo_in_trouble_stops_the_others(table: Table, bits: int) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.bus.servos[4].error = bits
    table.run(0.12)
    held = [servo.goals[-1] for servo in table.bus.servos.values()]
    table.run(0.5)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert table.hand.state.why.startswith("ring: ")
    assert [servo.goals[-1] for servo in table.bus.servos.values()] == held
    with pytest.raises(Refused, match="ring: "):
        table.hand.arm()
    table.hand.connect()
    with pytest.raises(Refused, match="look at it first"):
        table.hand.arm()
    table.bus.servos[4].error = 0
    table.run(0.2)
    table.hand.arm()
    assert table.hand.state.state is HandState.ARMED


def test_a_fault_is_seen_before_the_first_tick(table: Table) -> None:
    table.bus.servos[4].error = 32
    table.hand.connect()
    with pytest.raises(Refused, match="ring: overload; look at it first"):
        table.hand.arm()
    assert not any(servo.goals or servo.torques for servo in table.bus.servos.values())


def test_a_servo_that_falls_silent_is_a_lost_hand(table: Table) -> None:
    table.armed()
    table.run(0.3)
    table.bus.servos[4].silent = True
    with pytest.raises(LinkLost, match=r"silent for 0.[56] s; check cable and power"):
        table.run(1.0)


class ManyServos(HandOnTable):
    """Sixteen servos, asked every 50 ms."""

    tick_s = loop.TICK_S

    def __init__(self) -> None:
        ids = range(1, 17)
        joints = "\n".join(
            f"j{one} = {{ id = {one}, open = 1536, closed = 2560, travel_ms = 800 }}" for one in ids
        )
        head = 'name = "many"\ndevice = "feetech_sts"\n[policy]\nlimp = 2000\n[joints]\n'
        self.profile = parse_device(f"{head}{joints}\n[actions]\nOPEN = {{ j1 = 0 }}\n".encode(), "many.toml")
        self.clock = Clock()
        self.bus = FeetechBus({one: Servo("STS3215", 1700) for one in ids})
        self.line = EmulatedLine(self.bus, self.clock)
        device = FeetechDevice(self.line, ids, STS, [(OPEN, CLOSED)] * len(ids), self.clock, self.line.sleep)
        self.hand = DeviceHand(device, self.profile, True, self.clock)
        self.hand.connect()
        self.hand.arm()


def test_a_hand_goes_at_its_rate_in_the_longest_ticks_of_the_loop() -> None:
    table = ManyServos()
    assert table.tick_s < LONGEST_STEP_S
    table.hand.act(HandAction.OPEN, ttl_ms=5000)
    table.run(0.1)
    assert table.bus.servos[1].goals[-1] == 1700 - round((CLOSED - OPEN) / 0.8 * 0.1)


def test_many_servos_are_asked_in_turn_and_none_is_lost() -> None:
    table = ManyServos()
    table.run(5.0)
    assert table.hand.state.state is HandState.ARMED
    assert table.hand.stats.unanswered == 0


def test_answers_that_get_lost_now_and_then_are_asked_for_again() -> None:
    table = ManyServos()
    answers = 0

    def lossy(reply: bytes) -> bytes:
        nonlocal answers
        answers += 1
        return b"" if answers % 3 else reply

    table.bus.mangle = lossy
    table.run(10.0)
    assert table.hand.state.state is HandState.ARMED
    assert table.hand.stats.unanswered > 100


def test_one_of_many_servos_that_falls_silent_is_found_within_a_round_and_three_questions() -> None:
    table = ManyServos()
    table.run(2.0)
    table.bus.servos[9].silent = True
    before = table.clock.now
    with pytest.raises(LinkLost, match=r"silent for [01].\d s; check cable and power"):
        table.run(5.0)
    assert table.clock.now - before <= (16 + 3 + 1) * table.tick_s + 1e-6


def test_a_host_that_did_not_ask_does_not_blame_the_device(table: Table) -> None:
    table.hand.connect()
    table.line.sleep(1.0)
    table.run(0.2)
    table.hand.arm()


def test_a_host_that_stood_still_while_armed_latches(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    held = table.index.goals[-1]
    table.line.sleep(0.3)
    table.run(0.5)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    assert table.index.goals[-1] == held


def test_a_device_that_promises_nothing_wants_to_be_accepted() -> None:
    table = Table(accept=False)
    table.hand.connect()
    with pytest.raises(Refused, match="holds its last goal, torque on; --accept-no-watchdog"):
        table.hand.arm()
    assert not any(servo.goals or servo.torques for servo in table.bus.servos.values())


def test_a_host_that_dies_leaves_one_step(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    at_death = table.index.position
    for _ in range(100):
        table.line.sleep(TICK_S)
    assert table.index.position - at_death <= 2 * MOST


def test_close_stops_lets_go_and_closes(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.hand.close()
    assert (table.index.torques[-1], table.line.closed) == (0, True)


@pytest.mark.parametrize(
    "call",
    [
        lambda hand: hand.act(HandAction.WRIST_FLEX),
        lambda hand: hand.act(HandAction.GRIP, speed=0),
        lambda hand: hand.act(HandAction.GRIP, force=101),
        lambda hand: hand.act(HandAction.GRIP, ttl_ms=10_001),
    ],
)
def test_what_is_out_of_range_is_refused(table: Table, call: Callable[[DeviceHand], None]) -> None:
    table.armed()
    with pytest.raises(ProtocolError):
        call(table.hand)
    table.run(0.2)
    assert set(table.index.goals) == {1700}


def test_before_connect_there_is_nothing(table: Table) -> None:
    for call in (table.hand.arm, lambda: table.hand.service(True), lambda: table.hand.caps):
        with pytest.raises(LinkLost, match="call connect"):
            call()
