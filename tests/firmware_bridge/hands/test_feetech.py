"""The driver of Feetech's servos against an emulated bus, and its bytes against Feetech's own package."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from bench import Clock, EmulatedLine
from feetech_bus import FeetechBus, Servo
from vendor_port import VendorPort

from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.feetech import packets
from neurograsp.firmware_bridge.hands.feetech.driver import FeetechDevice
from neurograsp.firmware_bridge.hands.feetech.registers import GOAL_POSITION, SCS, STS, Register, Series
from neurograsp.firmware_bridge.transports import open_transport

IDS = (3, 1, 7)
WHOLE = (0, 1023)
"""Limits that a servo of either series has."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[STS, SCS], ids=["STS", "SCS"])
def series(request: pytest.FixtureRequest) -> Series:
    found: Series = request.param
    return found


@pytest.fixture
def bus(series: Series) -> FeetechBus:
    model = "STS3215" if series is STS else "SCS0009"
    return FeetechBus({servo: Servo(model, 100 * servo) for servo in IDS})


@pytest.fixture
def line(bus: FeetechBus, clock: Clock) -> EmulatedLine:
    return EmulatedLine(bus, clock)


@pytest.fixture
def device(line: EmulatedLine, clock: Clock, series: Series) -> FeetechDevice:
    return FeetechDevice(line, IDS, series, [WHOLE] * 3, clock, line.sleep)


def test_it_is_found_and_nothing_is_written(device: FeetechDevice, bus: FeetechBus, series: Series) -> None:
    model = "STS3215" if series is STS else "SCS0009"
    assert device.identify(0.1) == (f"Feetech {series.name}: {model} (id 3), {model} (id 1), {model} (id 7)")
    assert not any(servo.goals or servo.torques for servo in bus.servos.values())


def test_positions_are_those_of_the_servos(device: FeetechDevice) -> None:
    assert device.positions() == (300, 100, 700)


def test_a_negative_position(clock: Clock) -> None:
    line = EmulatedLine(FeetechBus({1: Servo("STS3215", -5)}), clock)
    assert FeetechDevice(line, (1,), STS, [WHOLE], clock, line.sleep).positions() == (-5,)


def test_goals_come_before_torque(device: FeetechDevice, bus: FeetechBus) -> None:
    order = []
    for number, servo in bus.servos.items():
        original = servo.write
        servo.write = lambda address, data, n=number, w=original: (
            order.append((n, address)),
            w(address, data),
        )[1]  # type: ignore[assignment, misc]
    device.enable((300, 100, 700))
    for number in IDS:
        addresses = [address for n, address in order if n == number]
        assert addresses.index(42) < addresses.index(40)
    assert all(servo.torques == [1] for servo in bus.servos.values())


def test_what_was_sent_is_cut_to_the_range_of_the_servo(
    device: FeetechDevice, bus: FeetechBus, series: Series
) -> None:
    top = series.counts - 1
    assert device.send((-1, top + 1, 512), 100) == (0, top, 512)
    assert [bus.servos[number].goals[-1] for number in IDS] == [0, top, 512]


@pytest.mark.parametrize("beyond", [-1, 1])
def test_a_servo_that_stands_where_no_goal_can_be_is_not_driven(
    device: FeetechDevice, bus: FeetechBus, series: Series, beyond: int
) -> None:
    at = -1 if beyond < 0 else series.counts
    with pytest.raises(Refused, match=f"servo 1 stands at {at}, outside of 0 to {series.counts - 1}, and"):
        device.enable((300, at, 700))
    assert not any(servo.goals or servo.torques for servo in bus.servos.values())


def test_force_limits_the_torque_where_the_servo_can(
    device: FeetechDevice, bus: FeetechBus, series: Series
) -> None:
    device.send((300, 100, 700), 40)
    limits = [int.from_bytes(servo.memory[48:50], "little") for servo in bus.servos.values()]
    assert limits == ([400] * 3 if series is STS else [0] * 3), "SCS servos have their EEPROM's lock there"
    assert device.promises.force == (series is STS)


def test_a_limit_of_the_force_that_got_lost_comes_with_the_next_goal(clock: Clock) -> None:
    bus = FeetechBus({1: Servo("STS3215", 500)})
    line = EmulatedLine(bus, clock)
    device = FeetechDevice(line, (1,), STS, [WHOLE], clock, line.sleep)
    bus.servos[1].silent = True
    device.send((500,), 40)
    bus.servos[1].silent = False
    device.send((500,), 40)
    assert int.from_bytes(bus.servos[1].memory[48:50], "little") == 400


def test_disabling_is_said_three_times(device: FeetechDevice, bus: FeetechBus) -> None:
    device.disable()
    assert all(servo.torques == [0] * 3 for servo in bus.servos.values())


def test_one_servo_is_asked_a_tick(device: FeetechDevice, line: EmulatedLine) -> None:
    for _ in range(4):
        line.sent.clear()
        report = device.poll(asking=True)
        assert len(line.sent) == 1
        line.sleep(0.02)
    assert report.positions == {0: 300, 1: 100, 2: 700}
    assert report.temperatures_c == {0: 31, 1: 31, 2: 31}
    assert report.faults == {}


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (1, "voltage out of range"),
        (4, "too hot"),
        (8, "overcurrent"),
        (32, "overload"),
        (36, "too hot, overload"),
        (64, "status 0x40"),
    ],
)
def test_faults_have_names_and_pass(
    device: FeetechDevice, bus: FeetechBus, line: EmulatedLine, bits: int, text: str
) -> None:
    bus.servos[1].error = bits
    for _ in range(4):
        report = device.poll(asking=True)
        line.sleep(0.02)
    assert report.faults == {1: text}
    bus.servos[1].error = 0
    for _ in range(4):
        report = device.poll(asking=True)
        line.sleep(0.02)
    assert report.faults == {}


def test_a_servo_that_falls_silent_makes_the_report_old(
    device: FeetechDevice, bus: FeetechBus, line: EmulatedLine, clock: Clock
) -> None:
    for _ in range(4):
        device.poll(asking=True)
        line.sleep(0.02)
    bus.servos[7].silent = True
    for _ in range(50):
        report = device.poll(asking=True)
        line.sleep(0.02)
    assert report.heard_s is not None
    assert clock.now - report.heard_s > 0.9
    assert device.stats.unanswered > 10


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def of_another(reply: bytes) -> bytes:
    body = bytes((9,)) + reply[3:-1]
    return b"\xff\xff" + body + bytes((~sum(body) & 0xFF,))


def spoilt(reply: bytes) -> bytes:
    return reply[:-1] + bytes((reply[-1] ^ 1,))


@pytest.mark.parametrize("mangle", [half, of_another, spoilt, lambda reply: b"hello, world\r\n"])
def test_answers_that_are_none_are_told(
    device: FeetechDevice, bus: FeetechBus, line: EmulatedLine, mangle: Callable[[bytes], bytes]
) -> None:
    bus.mangle = mangle
    with pytest.raises(LinkLost, match="emulated: servo 3 answers with another id or protocol"):
        device.identify(0.1)
    assert device.poll(asking=True).positions == {}
    line.sleep(0.02)
    assert device.poll(asking=True).positions == {}


def test_nobody_answers(device: FeetechDevice, line: EmulatedLine) -> None:
    line.cut = True
    with pytest.raises(LinkLost, match=r"servo 3 does not answer \(5 tries\); check its id, the baud rate"):
        device.identify(0.1)


def test_half_an_answer_does_not_spoil_the_next(
    device: FeetechDevice, bus: FeetechBus, line: EmulatedLine
) -> None:
    bus.mangle = half
    device.poll(asking=True)
    line.sleep(0.02)
    device.poll(asking=True)
    bus.mangle = lambda reply: reply
    for _ in range(5):
        line.sleep(0.02)
        report = device.poll(asking=True)
    assert report.positions == {0: 300, 1: 100, 2: 700}


def found(
    servo: Servo, series: Series, clock: Clock, limits: tuple[int, int] = WHOLE
) -> tuple[FeetechDevice, str]:
    line = EmulatedLine(FeetechBus({1: servo}), clock)
    device = FeetechDevice(line, (1,), series, [limits], clock, line.sleep)
    return device, device.identify(0.1)


def identified(servo: Servo, series: Series, clock: Clock, limits: tuple[int, int] = WHOLE) -> str:
    return found(servo, series, clock, limits)[1]


@pytest.mark.parametrize(
    ("model", "series", "said"),
    [
        ("SCS0009", STS, "a SCS0009, of the SCS series, and not STS/SMS"),
        ("STS3215", SCS, "a STS3215, of the STS/SMS series, and not SCS"),
        ("SCS15", STS, r"of a model that is not known \(3845\), and not STS/SMS"),
        ("STS3032", SCS, r"of a model that is not known \(2310\), and not SCS"),
    ],
)
def test_a_servo_of_another_series_is_named(clock: Clock, model: str, series: Series, said: str) -> None:
    with pytest.raises(LinkLost, match=f"servo 1 is {said} as far as its memory tells: correct `device`"):
        identified(Servo(model, 500), series, clock)


@pytest.mark.parametrize(
    ("model", "series", "said"),
    [
        ("STS3032", STS, "Feetech STS/SMS: model 1545 (id 1)"),
        ("SCS15", SCS, "Feetech SCS: model 1295 (id 1)"),
    ],
)
def test_a_model_that_is_not_known_is_told_by_its_limits(
    clock: Clock, model: str, series: Series, said: str
) -> None:
    servo = Servo(model, 500)
    assert identified(servo, series, clock) == said
    servo.memory[9:13] = bytes(4)  # turns without end
    with pytest.raises(LinkLost, match="not known"):
        identified(servo, series, clock)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_a_servo_that_is_not_in_position_mode_is_refused(clock: Clock, mode: int) -> None:
    servo = Servo("STS3215", 500)
    servo.memory[33] = mode
    with pytest.raises(LinkLost, match=rf"servo 1 \(STS3215\) is in operating mode {mode}, which is none of"):
        identified(servo, STS, clock)


@pytest.mark.parametrize(("model", "series"), [("STS3215", STS), ("SCS0009", SCS)])
def test_a_servo_whose_limits_let_it_turn_without_end_is_refused(
    clock: Clock, model: str, series: Series
) -> None:
    servo = Servo(model, 500)
    servo.memory[9:13] = bytes(4)
    with pytest.raises(LinkLost, match="has the limits 0 and 0, with which it turns without end; set others"):
        identified(servo, series, clock)


def with_limits(model: str, low: int, high: int, at: int = 500) -> Servo:
    servo = Servo(model, at)
    servo.memory[9:13] = b"".join(end.to_bytes(2, servo.order) for end in (low, high))  # type: ignore[arg-type]
    return servo


@pytest.mark.parametrize(("model", "series"), [("STS3215", STS), ("SCS0009", SCS)])
def test_a_servo_that_goes_less_far_than_its_joint_is_refused(
    clock: Clock, model: str, series: Series
) -> None:
    assert identified(with_limits(model, 100, 900), series, clock, (100, 900))
    for limits in ((99, 900), (100, 901), (0, 99)):
        with pytest.raises(
            LinkLost,
            match=rf"servo 1 \({model}\) goes from 100 to 900, its joint in the profile from "
            f"{limits[0]} to {limits[1]}: narrow the profile",
        ):
            identified(with_limits(model, 100, 900), series, clock, limits)


@pytest.mark.parametrize("beyond", [0, 8, 9])
@pytest.mark.parametrize(("end", "way"), [(100, -1), (900, 1)])
def test_a_servo_that_stands_outside_its_own_limits_is_not_driven(
    clock: Clock, end: int, way: int, beyond: int
) -> None:
    at = end + way * beyond
    servo = with_limits("STS3215", 100, 900, at)
    device, _ = found(servo, STS, clock, (200, 800))
    if beyond <= 8:
        device.enable((at,))
        return
    with pytest.raises(Refused, match=f"servo 1 stands at {at}, outside of 92 to 908, and would jump"):
        device.enable((at,))
    assert not (servo.goals or servo.torques)


def test_an_echo_is_no_servo(series: Series) -> None:
    device = FeetechDevice(open_transport("loop://"), IDS, series, [WHOLE] * 3)
    with pytest.raises(LinkLost, match="servo 3 answers with another id or protocol"):
        device.identify(0.1)
    device.close()


def test_the_eeprom_is_never_written(device: FeetechDevice) -> None:
    with pytest.raises(ValueError, match="EEPROM"):
        device._encode(Register(39, 1), {1: 0})


@pytest.fixture
def vendor() -> Any:
    return pytest.importorskip("scservo_sdk", reason="feetech-servo-sdk is not installed")


def test_every_byte_is_that_of_feetechs_package(vendor: Any) -> None:
    rng = random.Random(0)
    for series, end in ((STS, 0), (SCS, 1)):
        port = VendorPort()
        handler = vendor.PacketHandler(end)
        for _ in range(500):
            ids = rng.sample(range(253), rng.randrange(1, 9))
            goals = {servo: rng.randrange(65536) for servo in ids}
            group = vendor.GroupSyncWrite(port, handler, GOAL_POSITION.address, 2)
            for servo, goal in goals.items():
                vendor.scservo_def.SCS_SETEND(end)
                group.addParam(servo, [vendor.SCS_LOBYTE(goal), vendor.SCS_HIBYTE(goal)])
            group.txPacket()
            port.is_using = False
            data = {servo: goal.to_bytes(2, series.order) for servo, goal in goals.items()}
            assert packets.sync_write(GOAL_POSITION, data) == port.written
            address, size = rng.randrange(40, 70), rng.randrange(1, 17)
            handler.readTx(port, ids[0], address, size)
            port.is_using = False
            assert packets.read(ids[0], Register(address, 1), size) == port.written
            vendor.scservo_def.SCS_SETEND(end)


def test_what_feetechs_package_reads_is_what_was_parsed(vendor: Any) -> None:
    rng = random.Random(1)
    port = VendorPort()
    handler = vendor.PacketHandler(0)
    for _ in range(500):
        servo, error = rng.randrange(253), rng.randrange(64)
        parameters = rng.randbytes(rng.randrange(1, 17))
        body = bytes((servo, len(parameters) + 2, error)) + parameters
        raw = b"\xff\xff" + body + bytes((~sum(body) & 0xFF,))
        port.reply = raw
        theirs, result = handler.rxPacket(port)
        (ours,) = packets.StatusParser().feed(raw)
        assert result == vendor.COMM_SUCCESS
        assert (ours.id, ours.error, list(ours.parameters)) == (theirs[2], theirs[4], theirs[5:-1])


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.StatusParser()
    answer = packets.encode(5, 0, bytes(range(10)))  # instruction and error have the same place
    stream = b"".join(rng.randbytes(rng.randrange(5)).replace(b"\xff", b"\0") + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert [packet.parameters for packet in found] == [bytes(range(10))] * 200


def test_memory_is_bounded() -> None:
    parser = packets.StatusParser()
    for _ in range(1000):
        list(parser.feed(b"\xff\xff\x01\x42" + bytes(60)))
        assert len(parser._buffer) < 200
