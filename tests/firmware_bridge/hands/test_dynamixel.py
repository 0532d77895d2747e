"""The driver of Dynamixel servos against an emulated bus, and its bytes against ROBOTIS' own package."""

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from bench import Clock, EmulatedLine
from dynamixel_bus import DynamixelBus, Servo
from vendor_port import VendorPort

from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import LinkLost, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.dynamixel import packets
from neurograsp.firmware_bridge.hands.dynamixel.driver import WATCHDOG_S, DynamixelDevice
from neurograsp.firmware_bridge.hands.dynamixel.registers import GOAL_POSITION, Register

IDS = (3, 1, 7)
TICK_S = 0.02


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus() -> DynamixelBus:
    return DynamixelBus({number: Servo(100 * number) for number in IDS})


@pytest.fixture
def line(bus: DynamixelBus, clock: Clock) -> EmulatedLine:
    return EmulatedLine(bus, clock)


@pytest.fixture
def device(line: EmulatedLine, clock: Clock) -> DynamixelDevice:
    return DynamixelDevice(line, IDS, clock, line.sleep)


def test_it_is_found_and_nothing_is_written(device: DynamixelDevice, bus: DynamixelBus) -> None:
    assert device.identify(0.1) == ("Dynamixel: XL330-M077 (id 3), XL330-M077 (id 1), XL330-M077 (id 7)")
    assert not any(servo.goals or servo.torques for servo in bus.servos.values())


def test_a_servo_that_turns_without_end_is_refused(clock: Clock) -> None:
    line = EmulatedLine(DynamixelBus({1: Servo(0, mode=1)}), clock)
    with pytest.raises(
        LinkLost, match=r"servo 1 \(XL330-M077\) is in operating mode 1, which is none of positions"
    ):
        DynamixelDevice(line, (1,), clock, line.sleep).identify(0.1)


@pytest.mark.parametrize("number", [350, 30, 2010, 1191])  # an XL320, an MX-28, a PH54, none
def test_a_servo_with_another_memory_is_refused(clock: Clock, number: int) -> None:
    bus = DynamixelBus({1: Servo(0, model=number)})
    line = EmulatedLine(bus, clock)
    with pytest.raises(LinkLost, match=rf"servo 1 is of a model that is not known \({number}\)"):
        DynamixelDevice(line, (1,), clock, line.sleep).identify(0.1)


@pytest.mark.parametrize("position", [-5, 0, 4095, 16_645_119])  # 0xFDFFFF: must be stuffed
def test_positions_are_those_of_the_servos(clock: Clock, position: int) -> None:
    line = EmulatedLine(DynamixelBus({1: Servo(position)}), clock)
    assert DynamixelDevice(line, (1,), clock, line.sleep).positions() == (position,)


def test_driving_sets_the_watchdog_last(device: DynamixelDevice, bus: DynamixelBus) -> None:
    order: list[tuple[int, bytes]] = []
    servo = bus.servos[1]
    original = servo.write
    servo.write = lambda address, data: (order.append((address, data)), original(address, data))[1]  # type: ignore[method-assign]
    device.enable((300, 100, 700))
    goal = struct.pack("<i", 100)
    assert order[:5] == [(98, b"\0"), (116, goal), (98, b"\0"), (64, b"\1"), (98, b"\x0c")]
    assert set(order[5:]) == {(116, goal)}


class SlowLine(EmulatedLine):
    """An adapter that keeps what it hears for 16 ms, as FTDI's do."""

    said_s = 0.0

    def write(self, data: bytes) -> None:
        super().write(data)
        self.said_s = self._clock.now

    def read(self) -> bytes:
        return super().read() if self._clock.now - self.said_s >= 0.016 else b""


def test_sixteen_servos_are_armed_over_a_slow_adapter(clock: Clock) -> None:
    bus = DynamixelBus({number: Servo(100 * number) for number in range(1, 17)})
    line = SlowLine(bus, clock)
    device = DynamixelDevice(line, range(1, 17), clock, line.sleep)
    device.enable(device.positions())
    assert {servo.memory[98] for servo in bus.servos.values()} == {12}
    assert device.stats.retries == 0


def test_the_servos_stop_by_themselves_when_nobody_speaks(
    device: DynamixelDevice, bus: DynamixelBus, line: EmulatedLine
) -> None:
    device.enable((300, 100, 700))
    device.send((2000, 2000, 2000), 100)
    line.sleep(0.1)
    moving = bus.servos[1].position
    for _ in range(100):
        line.sleep(TICK_S)
    assert bus.servos[1].position - moving <= 3000 * WATCHDOG_S
    assert bus.servos[1].position < 2000
    device.send((2000, 2000, 2000), 100)
    assert all(servo.refused for servo in bus.servos.values())


def test_reading_feeds_the_watchdog_and_not_asking_does_not(
    device: DynamixelDevice, bus: DynamixelBus, line: EmulatedLine
) -> None:
    device.enable((300, 100, 700))
    for _ in range(50):
        device.poll(asking=True)
        line.sleep(TICK_S)
    assert {servo.memory[98] for servo in bus.servos.values()} == {12}
    for _ in range(20):
        device.poll(asking=False)
        line.sleep(TICK_S)
    assert {servo.memory[98] for servo in bus.servos.values()} == {255}


def test_a_watchdog_that_has_bitten_is_a_fault_until_it_is_armed_again(
    device: DynamixelDevice, line: EmulatedLine
) -> None:
    device.enable((300, 100, 700))
    line.sleep(1.0)
    for _ in range(4):
        report = device.poll(asking=True)
        line.sleep(TICK_S)
    assert set(report.faults.values()) == {"has been stopped by its bus watchdog"}
    device.enable((300, 100, 700))
    for _ in range(4):
        report = device.poll(asking=True)
        line.sleep(TICK_S)
    assert report.faults == {}


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (1, "input voltage"),
        (4, "too hot"),
        (16, "electrical shock"),
        (36, "too hot, overload"),
        (64, "0x40"),
    ],
)
def test_faults_have_names(
    device: DynamixelDevice, bus: DynamixelBus, line: EmulatedLine, bits: int, text: str
) -> None:
    bus.servos[1].memory[70] = bits
    for _ in range(4):
        report = device.poll(asking=True)
        line.sleep(TICK_S)
    assert text in report.faults[1]
    assert set(report.faults) == {1}


def test_what_was_sent_is_cut_to_one_turn(device: DynamixelDevice, bus: DynamixelBus) -> None:
    assert device.send((-1, 5000, 512), 100) == (0, 4095, 512)
    assert [bus.servos[number].goals[-1] for number in IDS] == [0, 4095, 512]


@pytest.mark.parametrize("at", [-1, 4096])
def test_a_servo_that_stands_where_no_goal_can_be_is_not_driven(clock: Clock, at: int) -> None:
    bus = DynamixelBus({1: Servo(2048), 2: Servo(at)})
    line = EmulatedLine(bus, clock)
    device = DynamixelDevice(line, (1, 2), clock, line.sleep)
    with pytest.raises(Refused, match=f"servo 2 stands at {at}, outside of 0 to 4095, and would jump"):
        device.enable(device.positions())
    line.sleep(1.0)
    assert not any(servo.goals or servo.torques for servo in bus.servos.values())


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def spoilt(reply: bytes) -> bytes:
    return reply[:-1] + bytes((reply[-1] ^ 1,))


@pytest.mark.parametrize("mangle", [half, spoilt, lambda reply: b"hello, world\r\n"])
def test_answers_that_are_none_are_told(
    device: DynamixelDevice, bus: DynamixelBus, mangle: Callable[[bytes], bytes]
) -> None:
    bus.mangle = mangle
    with pytest.raises(LinkLost, match="emulated: servo 3 answers with another id or protocol"):
        device.identify(0.1)


def test_nobody_answers(device: DynamixelDevice, line: EmulatedLine) -> None:
    line.cut = True
    with pytest.raises(LinkLost, match=r"servo 3 does not answer"):
        device.identify(0.1)


def test_a_whole_hand() -> None:
    profile = load_device("xl330_fingers")
    clock = Clock()
    bus = DynamixelBus({joint.id: Servo(1500) for joint in profile.joints})
    line = EmulatedLine(bus, clock)
    device = DynamixelDevice(line, [joint.id for joint in profile.joints], clock, line.sleep)
    hand = DeviceHand(device, profile, clock=clock)
    hand.connect()
    hand.arm()
    hand.act(HandAction.FIST, ttl_ms=5000)
    for _ in range(60):
        line.sleep(TICK_S)
        hand.service(True)
    assert [servo.goals[-1] for servo in bus.servos.values()] == [joint.high for joint in profile.joints]
    assert hand.state.state is HandState.HOLD
    for _ in range(15):
        line.sleep(TICK_S)
        hand.service(False)
    assert (hand.state.state, hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    assert {servo.memory[98] for servo in bus.servos.values()} == {255}, (
        "the servos have stopped by themselves too"
    )
    hand.connect()
    hand.arm()
    hand.act(HandAction.OPEN, ttl_ms=5000)
    for _ in range(60):
        line.sleep(TICK_S)
        hand.service(True)
    assert [servo.goals[-1] for servo in bus.servos.values()] == [joint.low for joint in profile.joints]


@pytest.fixture
def vendor() -> Any:
    return pytest.importorskip("dynamixel_sdk", reason="dynamixel-sdk is not installed")


def test_every_byte_is_that_of_robotis_package(vendor: Any) -> None:
    rng = random.Random(0)
    port = VendorPort()
    handler = vendor.PacketHandler(2.0)
    for _ in range(1000):
        ids = rng.sample(range(253), rng.randrange(1, 9))
        goals = {servo: rng.randbytes(4) for servo in ids}
        group = vendor.GroupSyncWrite(port, handler, GOAL_POSITION.address, 4)
        for servo, goal in goals.items():
            group.addParam(servo, list(goal))
        group.txPacket()
        port.is_using = False
        assert packets.sync_write(GOAL_POSITION, goals) == port.written
        address, size = rng.randrange(0, 200), rng.randrange(1, 90)
        handler.readTx(port, ids[0], address, size)
        port.is_using = False
        assert packets.read(ids[0], Register(address, 1), size) == port.written


def test_stuffing_is_that_of_robotis_package(vendor: Any) -> None:
    """Which its own sending leaves out: `txPacket` drops what `addStuffing` returns."""
    rng = random.Random(3)
    for _ in range(1000):
        parameters = b"".join(rng.choice((b"\xff", b"\xfd", b"\0")) for _ in range(rng.randrange(1, 30)))
        head = b"\xff\xff\xfd\0\x01" + struct.pack("<H", len(parameters) + 3)
        stuffed = vendor.PacketHandler(2.0).addStuffing(list(head + b"\x03" + parameters + b"\0\0"))
        assert packets.encode(1, packets.WRITE, parameters)[:-2] == bytes(stuffed[: 5 + stuffed[5]])


def test_what_robotis_package_reads_is_what_was_parsed(vendor: Any) -> None:
    rng = random.Random(1)
    port = VendorPort()
    handler = vendor.PacketHandler(2.0)
    for _ in range(1000):
        servo, error = rng.randrange(253), rng.randrange(256)
        parameters = rng.choice((rng.randbytes(rng.randrange(1, 60)), b"\xff\xff\xfd" * 3))
        raw = packets.encode(servo, packets.STATUS, bytes((error,)) + parameters)
        port.reply = raw
        theirs, result = handler.rxPacket(port, False)
        (ours,) = packets.StatusParser().feed(raw)
        assert result == vendor.COMM_SUCCESS
        size = theirs[5] - 4
        assert (ours.id, ours.error, list(ours.parameters)) == (theirs[4], theirs[8], theirs[9 : 9 + size])


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.StatusParser()
    answer = packets.encode(5, packets.STATUS, bytes(11))
    stream = b"".join(rng.randbytes(rng.randrange(5)).replace(b"\xff", b"\0") + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert [packet.parameters for packet in found] == [bytes(10)] * 200


def test_memory_is_bounded() -> None:
    parser = packets.StatusParser()
    for _ in range(1000):
        list(parser.feed(b"\xff\xff\xfd\0\x01\x70\0" + bytes(60)))
        assert len(parser._buffer) < 300
