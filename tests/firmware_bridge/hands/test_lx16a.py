"""The driver of Hiwonder's LX servos against an emulated bus, and its bytes against another package's."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from bench import Clock, EmulatedLine, HandOnTable
from lx16a_bus import Lx16aBus, Servo, packet_of

from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.lx16a import packets
from neurograsp.firmware_bridge.hands.lx16a.commands import (
    ID_READ,
    LOAD_OR_UNLOAD_READ,
    LOAD_OR_UNLOAD_WRITE,
    MODE_READ,
    MOVE_TIME_WRITE,
    POSITION_READ,
    TEMPERATURE_LIMIT_READ,
    TEMPERATURE_READ,
    VOLTAGE_LIMITS_READ,
    VOLTAGE_READ,
    Command,
)
from neurograsp.firmware_bridge.hands.lx16a.driver import Lx16aDevice

IDS = (3, 1, 7)
TICK_S = 0.02
ROUND_S = 6 * len(IDS) * TICK_S
READS = (
    ID_READ,
    VOLTAGE_LIMITS_READ,
    TEMPERATURE_LIMIT_READ,
    TEMPERATURE_READ,
    VOLTAGE_READ,
    POSITION_READ,
    MODE_READ,
    LOAD_OR_UNLOAD_READ,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> Lx16aBus:
    return Lx16aBus({number: Servo(100 * number) for number in IDS})


@pytest.fixture
def line(bus: Lx16aBus, clock: Clock) -> EmulatedLine:
    return EmulatedLine(bus, clock)


@pytest.fixture
def device(line: EmulatedLine, clock: Clock) -> Lx16aDevice:
    return Lx16aDevice(line, IDS, clock, line.sleep)


def polled(device: Lx16aDevice, line: EmulatedLine, seconds: float = ROUND_S + TICK_S) -> Any:
    report = device.poll(asking=True)
    for _ in range(round(seconds / TICK_S)):
        line.sleep(TICK_S)
        report = device.poll(asking=True)
    return report


def test_it_is_found_and_nothing_is_written(device: Lx16aDevice, bus: Lx16aBus) -> None:
    assert device.identify(0.1) == "Hiwonder LX: id 3, id 1, id 7"
    assert not any(servo.goals or servo.loads for servo in bus.servos.values())


def test_a_servo_that_turns_without_end_is_refused(device: Lx16aDevice, bus: Lx16aBus) -> None:
    bus.servos[1].mode = 1
    with pytest.raises(LinkLost, match="servo 1 is in motor mode, in which it turns without end"):
        device.identify(0.1)


@pytest.mark.parametrize("position", [-12, 0, 1000])
def test_positions_are_those_of_the_servos(clock: Clock, position: int) -> None:
    line = EmulatedLine(Lx16aBus({1: Servo(position)}), clock)
    assert Lx16aDevice(line, (1,), clock, line.sleep).positions() == (position,)


def test_enabling_moves_nothing_and_sets_the_goals(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine
) -> None:
    for servo in bus.servos.values():
        servo.goal = 900
    device.enable(device.positions())
    line.sleep(1.0)
    for servo in bus.servos.values():
        assert (servo.loads, servo.travelled, servo.goal) == ([1], 0, servo.position)


def test_a_servo_that_takes_no_goal_without_torque_is_not_driven(device: Lx16aDevice, bus: Lx16aBus) -> None:
    bus.servos[1].strict, bus.servos[1].goal = True, 900
    with pytest.raises(Refused, match="servo 1 keeps the goal 900, told 100, and would jump"):
        device.enable(device.positions())
    assert not any(servo.loads for servo in bus.servos.values())


def test_what_was_sent_is_cut_to_the_range_of_the_servo(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine
) -> None:
    assert device.send((-3, 1001, 512), 50) == (0, 1000, 512)
    assert [bus.servos[number].goals for number in IDS] == [[0], [1000], [512]]
    assert len(line.sent) == 1
    assert not device.promises.force


@pytest.mark.parametrize("at", [-1, 1001])
def test_a_servo_that_stands_where_no_goal_can_be_is_not_driven(clock: Clock, at: int) -> None:
    bus = Lx16aBus({1: Servo(500), 2: Servo(at)})
    line = EmulatedLine(bus, clock)
    device = Lx16aDevice(line, (1, 2), clock, line.sleep)
    with pytest.raises(Refused, match=f"servo 2 stands at {at}, outside of 0 to 1000, and would jump"):
        device.enable(device.positions())
    assert not any(servo.goals or servo.loads for servo in bus.servos.values())


def test_disabling_is_said_three_times(device: Lx16aDevice, bus: Lx16aBus) -> None:
    device.disable()
    assert all(servo.loads == [0] * 3 for servo in bus.servos.values())


def test_one_question_goes_out_a_tick(device: Lx16aDevice, line: EmulatedLine) -> None:
    for _ in range(6 * len(IDS) + 1):
        line.sent.clear()
        report = device.poll(asking=True)
        assert [len(data) for data in line.sent] == [6]
        line.sleep(TICK_S)
    assert report.positions == {0: 300, 1: 100, 2: 700}
    assert report.temperatures_c == {0: 31, 1: 31, 2: 31}
    assert device.stats.bad_frames == 0


@pytest.mark.parametrize(
    ("what", "value", "text"),
    [
        ("temperature", 86, "too hot (86 C)"),
        ("millivolts", 6400, "voltage out of range (6.4 V)"),
        ("millivolts", 12_100, "voltage out of range (12.1 V)"),
    ],
)
def test_faults_have_names_and_pass(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine, what: str, value: int, text: str
) -> None:
    healthy = getattr(bus.servos[1], what)
    device.identify(0.1)
    assert polled(device, line).faults == {}
    setattr(bus.servos[1], what, value)
    assert polled(device, line).faults == {1: text}
    setattr(bus.servos[1], what, healthy)
    assert polled(device, line).faults == {}


def test_a_fault_is_known_before_the_first_tick(device: Lx16aDevice, bus: Lx16aBus) -> None:
    bus.servos[7].temperature = 90
    device.identify(0.1)
    assert device.poll(asking=False).faults == {2: "too hot (90 C)"}


def test_a_servo_that_has_let_go_by_itself_is_told(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine
) -> None:
    device.identify(0.1)
    assert polled(device, line).faults == {}, "nothing has been loaded yet"
    device.enable(device.positions())
    assert device.poll(asking=False).faults == {}, "that it was off before is no fault"
    assert polled(device, line).faults == {}
    bus.servos[3].loaded = False
    assert polled(device, line).faults == {0: "has its motor off"}


def test_a_servo_that_falls_silent_makes_the_report_old(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine, clock: Clock
) -> None:
    polled(device, line)
    bus.servos[7].silent = True
    report = polled(device, line, 1.0)
    assert clock.now - report.heard_s > 0.9
    assert device.stats.unanswered > 10


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def of_another(reply: bytes) -> bytes:
    return packet_of(9, reply[4], reply[5:-1])


def to_another_question(reply: bytes) -> bytes:
    return packet_of(reply[2], 19, reply[5:-1])


def spoilt(reply: bytes) -> bytes:
    return reply[:-1] + bytes((reply[-1] ^ 1,))


@pytest.mark.parametrize(
    "mangle", [half, of_another, to_another_question, spoilt, lambda reply: b"hello, world\r\n"]
)
def test_answers_that_are_none_are_told(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine, mangle: Callable[[bytes], bytes]
) -> None:
    bus.mangle = mangle
    with pytest.raises(LinkLost, match="emulated: servo 3 answers with another id or protocol"):
        device.identify(0.1)
    assert polled(device, line).positions == {}


def test_nobody_answers(device: Lx16aDevice, line: EmulatedLine) -> None:
    line.cut = True
    with pytest.raises(LinkLost, match=r"servo 3 does not answer \(5 tries\); check its id, the baud rate"):
        device.identify(0.1)


def test_an_adapter_that_echoes_does_no_harm(device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine) -> None:
    obey = bus.feed
    bus.feed = lambda data: data + obey(data)  # type: ignore[method-assign]
    assert device.identify(0.1) == "Hiwonder LX: id 3, id 1, id 7"
    assert polled(device, line).positions == {0: 300, 1: 100, 2: 700}


def test_half_an_answer_does_not_spoil_the_next(
    device: Lx16aDevice, bus: Lx16aBus, line: EmulatedLine
) -> None:
    bus.mangle = half
    polled(device, line, 2 * TICK_S)
    bus.mangle = lambda reply: reply
    assert polled(device, line).positions == {0: 300, 1: 100, 2: 700}


def test_what_is_kept_without_power_is_never_written() -> None:
    with pytest.raises(ValueError, match="command 13 is not one to write"):
        packets.write(1, Command(13, 1), 5)


class Table(HandOnTable):
    """A hand on a table."""

    def __init__(self, accept: bool = True) -> None:
        self.clock = Clock()
        self.bus = Lx16aBus({number: Servo(400) for number in range(1, 6)})
        self.line = EmulatedLine(self.bus, self.clock)
        device = Lx16aDevice(self.line, range(1, 6), self.clock, self.line.sleep)
        self.hand = DeviceHand(device, load_device("lx16a_fingers"), accept, self.clock)
        self.hand.connect()


def test_a_hand_of_them_grips_in_steps() -> None:
    table = Table()
    table.hand.arm()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.5)
    goals = table.bus.servos[2].goals
    assert (goals[0], goals[-1], table.bus.servos[2].position) == (400, 650, 650)
    assert max(b - a for a, b in pairwise(goals)) <= 300 / 0.8 * TICK_S + 1
    assert table.hand.state.state is HandState.HOLD
    table.hand.close()
    assert table.bus.servos[2].loads == [1, 0, 0, 0]


def test_nothing_follows_a_question_in_its_tick() -> None:
    table = Table()
    table.hand.arm()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    for _ in range(100):
        table.line.sent.clear()
        table.run(TICK_S)
        assert [len(data) == 6 for data in table.line.sent].count(True) == 1
        assert len(table.line.sent[-1]) == 6


def test_a_servo_in_trouble_stops_the_others() -> None:
    table = Table()
    table.hand.arm()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.bus.servos[4].temperature = 99
    table.run(0.7)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert table.hand.state.why == "ring: too hot (99 C)"
    with pytest.raises(Refused, match="ring: too hot"):
        table.hand.arm()


def test_it_promises_nothing_and_wants_to_be_accepted() -> None:
    table = Table(accept=False)
    with pytest.raises(Refused, match="holds its last goal, torque on; --accept-no-watchdog"):
        table.hand.arm()
    assert not any(servo.goals or servo.loads for servo in table.bus.servos.values())


def test_the_example_of_the_manual() -> None:
    data = (500).to_bytes(2, "little") + (1000).to_bytes(2, "little")
    assert packets.encode(1, MOVE_TIME_WRITE, data).hex(" ") == "55 55 01 07 01 f4 01 e8 03 16"


class Port:
    """What `lewansoul_lx16a` needs of pyserial."""

    timeout: float

    def __init__(self) -> None:
        self.written = b""
        self.reply = b""

    def write(self, data: bytes) -> None:
        self.written = bytes(data)

    def read(self, size: int) -> bytes:
        taken, self.reply = self.reply[:size], self.reply[size:]
        return taken


@pytest.fixture
def vendor() -> Any:
    return pytest.importorskip("lewansoul_lx16a", reason="lewansoul-lx16a is not installed")


def test_every_byte_is_that_of_the_package(vendor: Any) -> None:
    rng = random.Random(0)
    port = Port()
    theirs = vendor.ServoController(port)
    for _ in range(1000):
        servo, position, time = rng.randrange(254), rng.randrange(1001), rng.randrange(30_001)
        theirs.move(servo, position, time)
        assert packets.write(servo, MOVE_TIME_WRITE, position, time) == port.written
        on = rng.randrange(2)
        (theirs.motor_on if on else theirs.motor_off)(servo)
        assert packets.write(servo, LOAD_OR_UNLOAD_WRITE, on) == port.written
        command = rng.choice(READS)
        theirs._command(servo, command.number)
        assert packets.question(servo, command).data == port.written


def test_what_the_package_reads_is_what_was_parsed(vendor: Any) -> None:
    rng = random.Random(1)
    port = Port()
    theirs = vendor.ServoController(port)
    for _ in range(1000):
        servo, command = rng.randrange(254), rng.choice(READS)
        parameters = rng.randbytes(command.size)
        raw = packet_of(servo, command.number, parameters)
        port.reply = raw
        (ours,) = packets.AnswerParser().feed(raw)
        assert [ours.id, *ours.parameters] == theirs._query(servo, command.number)
        assert packets.question(servo, command).fits(ours.parameters)


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.AnswerParser()
    answer = packet_of(5, 30, bytes(4))
    stream = b"".join(rng.randbytes(rng.randrange(5)).replace(b"\x55", b"\0") + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert [packet.parameters for packet in found] == [b"\x1e" + bytes(4)] * 200


def test_memory_is_bounded() -> None:
    rng = random.Random(3)
    parser = packets.AnswerParser()
    for _ in range(1000):
        list(parser.feed(b"\x55\x55\x01\x07" + rng.randbytes(60)))
        assert len(parser._buffer) < 20
