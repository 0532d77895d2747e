"""The driver of Robotiq's grippers against an emulated one, and its bytes against pymodbus and the manual."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from bench import Clock, EmulatedLine, HandOnTable
from robotiq_gripper import Gripper, with_crc

from neurograsp.firmware_bridge.codes import Fault, HandAction, HandState
from neurograsp.firmware_bridge.errors import ConfigError, LinkError, LinkLost, Refused
from neurograsp.firmware_bridge.hands.asked_line import REPLY_S
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device, parse_device
from neurograsp.firmware_bridge.hands.robotiq import modbus
from neurograsp.firmware_bridge.hands.robotiq.driver import FULL_FORCE, SPEED, RobotiqDevice

TICK_S = 0.02


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gripper() -> Gripper:
    return Gripper()


@pytest.fixture
def line(gripper: Gripper, clock: Clock) -> EmulatedLine:
    return EmulatedLine(gripper, clock)


@pytest.fixture
def device(line: EmulatedLine, clock: Clock) -> RobotiqDevice:
    return RobotiqDevice(line, 9, clock, line.sleep)


@pytest.mark.parametrize(("activated", "said"), [(True, "activated"), (False, "not activated")])
def test_it_is_found_and_nothing_is_written(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine, activated: bool, said: str
) -> None:
    if not activated:
        gripper.lose_power()
    assert device.identify(0.1) == f"Robotiq gripper (id 9), {said}"
    line.sleep(5)
    assert (gripper.writes, gripper.travelled) == ([], 0)


def test_one_that_is_not_activated_is_refused_and_does_not_move(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    gripper.lose_power()
    with pytest.raises(Refused, match="not activated; `neurograsp hand activate` does that, and opens and"):
        device.enable(device.positions())
    line.sleep(5)
    assert (gripper.writes, gripper.travelled) == ([], 0)


def test_enabling_moves_nothing(device: RobotiqDevice, gripper: Gripper, line: EmulatedLine) -> None:
    device.enable(device.positions())
    line.sleep(5)
    assert (gripper.goals, gripper.travelled) == ([100], 0)


def test_activating_is_a_rising_edge_and_waits(device: RobotiqDevice, gripper: Gripper) -> None:
    gripper.lose_power()
    device.activate()
    assert [write[0] for write in gripper.writes] == [0, 1, 9]
    assert (gripper.state, device.ready, gripper.goals) == (3, True, [13])


def test_an_activation_that_fails_says_why_and_resets(device: RobotiqDevice, gripper: Gripper) -> None:
    gripper.lose_power()
    gripper.blocked = True
    with pytest.raises(LinkError, match="activation failed, perhaps something was in its way"):
        device.activate()
    assert gripper.writes[-1][0] == 0


def test_an_activation_that_is_interrupted_resets(
    device: RobotiqDevice, gripper: Gripper, monkeypatch: pytest.MonkeyPatch
) -> None:
    gripper.lose_power()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(device, "_sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        device.activate()
    assert gripper.writes[-1][0] == 0


def test_what_was_sent_is_cut_and_force_and_speed_are_bounded(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    for goal, force, sent in ((-1, 100, 0), (256, 50, 255), (12, 1, 12)):
        assert device.send((goal,), force) == (sent,)
        device.poll(asking=False)
        write = gripper.writes[-1]
        assert write == bytes((9, 0, 0, sent, SPEED, round(FULL_FORCE * force / 100)))
        assert len(line.sent[-1]) == 17


def test_a_goal_that_waits_is_said_before_the_port_is_given_back(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    device.enable(device.positions())
    device.send((150,), 100)
    assert gripper.goals[-1] == 100, "the line still waits for the reply to the goal before"
    device.close()
    assert (gripper.goals[-1], line.closed) == (150, True)


def test_one_request_waits_at_a_time_and_the_newest_goal_wins(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    device.enable(device.positions())
    device.poll(asking=True)
    gripper.mangle = lambda reply: b""
    line.sent.clear()
    for goal in (101, 102, 103):
        assert device.send((goal,), 100) == (101,)
        device.poll(asking=True)
        line.sleep(REPLY_S / 4)
    assert len(line.sent) == 1
    line.sleep(REPLY_S)
    device.poll(asking=True)
    assert gripper.goals[-2:] == [101, 103]
    assert device.stats.unanswered == 1


def test_no_tick_waits(device: RobotiqDevice, gripper: Gripper, clock: Clock, line: EmulatedLine) -> None:
    gripper.quiet = True
    start = clock.now
    for _ in range(100):
        device.poll(asking=True)
        device.send((50,), 100)
        device.disable()
    assert clock.now == start


def test_an_unhealthy_tick_says_nothing(device: RobotiqDevice, line: EmulatedLine) -> None:
    device.identify(0.1)
    line.sent.clear()
    for _ in range(20):
        device.poll(asking=False)
        line.sleep(TICK_S)
    assert line.sent == []


@pytest.mark.parametrize(
    ("fault", "controller", "text"),
    [
        (0x08, 0, "too hot"),
        (0x0A, 0, "undervoltage"),
        (0x0E, 0, "overcurrent"),
        (0x0F, 0, "automatic release done"),
        (0x03, 0, "fault 0x3"),
        (0x00, 0x0E, "its controller's fault 0xe"),
        (0x08, 0x04, "too hot, its controller's fault 0x4"),
    ],
)
def test_faults_have_names_and_pass(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine, fault: int, controller: int, text: str
) -> None:
    gripper.fault, gripper.controller_fault = fault, controller
    device.identify(0.1)
    assert device.poll(asking=False).faults == {0: text}
    gripper.fault = gripper.controller_fault = 0
    device.poll(asking=True)
    line.sleep(TICK_S)
    assert device.poll(asking=True).faults == {}


def test_a_silence_that_is_over_is_no_fault(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    line.sleep(60)
    device.identify(0.1)
    assert device.poll(asking=False).faults == {}


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


def of_another(reply: bytes) -> bytes:
    return with_crc(b"\x08" + reply[1:-2])


def longer(reply: bytes) -> bytes:
    return with_crc(bytes((reply[0], reply[1], 252)) + bytes(252))


def spoilt(reply: bytes) -> bytes:
    return reply[:-1] + bytes((reply[-1] ^ 1,))


@pytest.mark.parametrize("mangle", [of_another, longer, spoilt, lambda reply: b"hello, world\r\n"])
def test_replies_that_are_none_are_told(
    device: RobotiqDevice, gripper: Gripper, mangle: Callable[[bytes], bytes]
) -> None:
    gripper.mangle = mangle
    with pytest.raises(LinkLost, match="emulated: slave 9 answers with another id or protocol"):
        device.identify(0.1)
    assert device.poll(asking=False).positions == {}


def test_a_reply_that_comes_too_late_is_not_taken_for_the_next(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    late = []
    gripper.mangle = lambda reply: late.append(reply) or b""  # type: ignore[func-returns-value]
    device.poll(asking=True)
    line.sleep(2 * REPLY_S)
    device.poll(asking=False)
    line._waiting += late[0]
    gripper.position, gripper.mangle = 177, lambda reply: reply
    assert device.positions() == (177,)


def test_an_adapter_that_echoes_does_no_harm(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    obey = gripper.feed
    gripper.feed = lambda data: data + obey(data)  # type: ignore[method-assign]
    device.enable(device.positions())
    for _ in range(10):
        device.send((103,), 100)
        device.poll(asking=True)
        line.sleep(TICK_S)
    assert device.poll(asking=False).positions == {0: 103}


@pytest.mark.parametrize(
    ("mangle", "said"), [(half, "answers in part"), (lambda reply: b"", "does not answer")]
)
def test_nobody_answers(
    device: RobotiqDevice, gripper: Gripper, mangle: Callable[[bytes], bytes], said: str
) -> None:
    gripper.mangle = mangle
    with pytest.raises(LinkLost, match=rf"slave 9 {said} \(6 tries\); check its address, the baud rate"):
        device.identify(0.1)


def test_a_modbus_device_of_another_kind_is_told(device: RobotiqDevice, gripper: Gripper) -> None:
    gripper.exception = 2
    with pytest.raises(LinkLost, match="answers with Modbus exception 2; it is not one of Robotiq's"):
        device.identify(0.1)


def test_a_gripper_that_refuses_is_in_trouble(
    device: RobotiqDevice, gripper: Gripper, line: EmulatedLine
) -> None:
    device.identify(0.1)
    for exception, faults in ((4, {0: "refuses (Modbus exception 4)"}), (0, {})):
        gripper.exception = exception
        for _ in range(3):
            report = device.poll(asking=True)
            line.sleep(TICK_S)
        assert report.faults == faults
    assert device.stats.nacks == 3


class Table(HandOnTable):
    """A gripper on a table."""

    def __init__(self, activated: bool = True, accept: bool = True) -> None:
        self.clock = Clock()
        self.gripper = Gripper(activated=activated)
        self.line = EmulatedLine(self.gripper, self.clock)
        device = RobotiqDevice(self.line, 9, self.clock, self.line.sleep)
        self.hand = DeviceHand(device, load_device("robotiq_2f85"), accept, self.clock)
        self.hand.connect()


def test_it_grips_in_steps_and_one_request_a_tick() -> None:
    table = Table()
    table.hand.arm()
    table.run(0.5)
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    for _ in range(100):
        asked = table.gripper.requests
        table.run(TICK_S)
        assert table.gripper.requests - asked <= 1
    goals = table.gripper.goals
    assert (goals[0], goals[-1], round(table.gripper.position)) == (100, 225, 225)
    assert max(b - a for a, b in pairwise(goals)) <= 210 / 2 * TICK_S + 1
    assert table.hand.state.report.positions == {0: 225}


def test_a_goal_goes_out_in_the_tick_that_asks_for_it() -> None:
    table = Table()
    table.hand.arm()
    table.run(1.0)
    for action in (HandAction.FIST, HandAction.OPEN) * 10:
        before = table.gripper.goals[-1]
        table.hand.act(action, ttl_ms=5000)
        table.run(TICK_S)
        assert table.gripper.goals[-1] != before
        table.run(0.3)


def test_a_goal_that_waited_gives_way_to_the_newest() -> None:
    table = Table()
    table.hand.arm()
    table.run(0.5)
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    for tick in range(40):
        said = len(table.gripper.writes)
        table.gripper.mangle = (lambda reply: b"") if tick % 5 == 0 else (lambda reply: reply)
        table.run(TICK_S)
        if len(table.gripper.writes) > said:
            assert table.hand._motion is not None
            assert table.gripper.goals[-1] == table.hand._motion.goals[0]


def test_one_that_is_not_activated_is_not_armed() -> None:
    table = Table(activated=False)
    with pytest.raises(Refused, match="gripper: not activated; `neurograsp hand activate` does that"):
        table.hand.arm()
    table.run(1.0)
    assert (table.gripper.writes, table.gripper.travelled) == ([], 0)


def test_one_that_lost_its_power_for_a_moment_latches() -> None:
    table = Table()
    table.hand.arm()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    before = table.gripper.travelled
    table.gripper.lose_power()
    table.run(0.1)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert table.hand.state.why.startswith("gripper: not activated")
    table.run(5.0)
    table.hand.close()
    assert (table.gripper.state, table.gripper.travelled) == (0, before), "an activation would move it"


def test_one_that_loses_its_power_while_it_is_armed_is_not_activated() -> None:
    table = Table()
    answer = table.gripper.feed

    def answer_and_fail(data: bytes) -> bytes:
        reply = answer(data)
        table.gripper.lose_power()
        return reply

    table.gripper.feed = answer_and_fail  # type: ignore[method-assign]
    table.hand.arm()
    table.gripper.feed = answer  # type: ignore[method-assign]
    table.run(5.0)
    assert (table.gripper.state, table.gripper.travelled) == (0, 0)
    assert table.hand.state.state is HandState.FAILSAFE


def test_one_that_was_told_to_stay_is_not_armed() -> None:
    table = Table()
    table.gripper.registers = b"\x01" + table.gripper.registers[1:]
    table.run(0.2)
    with pytest.raises(Refused, match="activated, but not to follow goals; `neurograsp hand activate`"):
        table.hand.arm()
    assert table.gripper.writes == []


def test_a_host_that_dies_leaves_one_step() -> None:
    table = Table()
    table.hand.arm()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    at = table.gripper.position
    table.line.sleep(5)
    assert abs(table.gripper.position - at) <= 2 * 210 / 2 * TICK_S + 1


def test_it_promises_no_stop_and_wants_to_be_accepted() -> None:
    table = Table(accept=False)
    with pytest.raises(Refused, match="its manual names a fault after 1 s of silence, and no stop; --accept"):
        table.hand.arm()
    assert table.gripper.writes == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("closed = 225", "closed = 256", "joints.gripper.closed is 256, must be 0 to 255 counts"),
        ("[policy]", "address = 0\n[policy]", "address is 0, must be 1 to 247"),
        ('limp = "never"', "limp = 100", "a robotiq cannot let go"),
        (
            "[actions]",
            "second = { id = 8, open = 1, closed = 9, travel_ms = 900 }\n[actions]",
            "a robotiq is driven as a whole",
        ),
    ],
)
def test_a_profile_that_cannot_be_is_refused(old: str, new: str, message: str) -> None:
    text = (DEVICE_PROFILES / "robotiq_2f85.toml").read_text()
    assert old in text
    with pytest.raises(ConfigError, match=message):
        parse_device(text.replace(old, new).encode(), "x.toml")


def test_the_other_grippers_profile_loads() -> None:
    assert load_device("robotiq_2f140").kind == "robotiq"


def test_the_examples_of_the_manual() -> None:
    ask = modbus.read_write(9, 0x07D0, 2, 0x03E9, (0x00E6, 0x3CC8))
    assert ask.encode().hex(" ") == "09 17 07 d0 00 02 03 e9 00 02 04 00 e6 3c c8 2d 0c"
    assert modbus.read(9, 0x07D0, 2).encode().hex(" ") == "09 04 07 d0 00 02 70 0e"
    parser = modbus.ReplyParser()
    for reply, status in (
        ("09 04 06 b9 00 00 ff bd 00 5c 9a", "b9 00 00 ff bd 00"),
        ("09 04 06 f9 00 00 00 0d 00 17 aa", "f9 00 00 00 0d 00"),
    ):
        parser.expect(modbus.read(9, 0x07D0, 3))
        assert list(parser.feed(bytes.fromhex(reply))) == [modbus.Reply(bytes.fromhex(status))]


@pytest.fixture
def pymodbus() -> Any:
    pytest.importorskip("pymodbus", reason="pymodbus is not installed")
    from pymodbus.framer import FramerRTU
    from pymodbus.pdu import DecodePDU, register_message

    return FramerRTU, DecodePDU, register_message


def test_every_byte_is_that_of_pymodbus(pymodbus: Any) -> None:
    framer, decode, messages = pymodbus
    theirs = framer(decode(True))
    rng = random.Random(0)
    for _ in range(1000):
        slave, first, to = rng.randrange(1, 248), rng.randrange(65_536), rng.randrange(65_536)
        count = rng.randrange(1, 9)
        ask = messages.ReadInputRegistersRequest(address=first, count=count, dev_id=slave)
        assert modbus.read(slave, first, count).encode() == theirs.buildFrame(ask)
        values = [rng.randrange(65_536) for _ in range(rng.randrange(1, 9))]
        both = messages.ReadWriteMultipleRegistersRequest(
            read_address=first, read_count=count, write_address=to, write_registers=values, dev_id=slave
        )
        assert modbus.read_write(slave, first, count, to, values).encode() == theirs.buildFrame(both)


def test_what_pymodbus_reads_is_what_was_parsed(pymodbus: Any) -> None:
    framer, decode, _messages = pymodbus
    theirs = framer(decode(False))
    rng = random.Random(1)
    for _ in range(1000):
        slave, count = rng.randrange(1, 248), rng.randrange(1, 9)
        ask = rng.choice(
            [modbus.read(slave, 2000, count), modbus.read_write(slave, 2000, count, 1000, (1, 2, 3))]
        )
        error = rng.randrange(5)
        function = ask.function | (0x80 if error else 0)
        data = rng.randbytes(2 * count)
        raw = with_crc(bytes((slave, function)) + (bytes((error,)) if error else bytes((2 * count,)) + data))
        _used, pdu = theirs.handleFrame(raw, slave, 0)
        parser = modbus.ReplyParser()
        parser.expect(ask)
        (ours,) = parser.feed(raw)
        if error:
            assert (ours.error, pdu.exception_code) == (error, error)
        else:
            assert ours.data == b"".join(value.to_bytes(2, "big") for value in pdu.registers)


def test_a_reply_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = modbus.ReplyParser()
    ask = modbus.read(9, 2000, 3)
    for _ in range(300):
        data = rng.randbytes(6)
        noise = rng.randbytes(rng.randrange(9)).replace(b"\x09", b"\0")
        broken = spoilt(with_crc(b"\x09\x04\x06" + bytes(6))) if rng.randrange(2) else b""
        stream = noise + broken + with_crc(b"\x09\x04\x06" + data)
        parser.expect(ask)
        size = rng.randrange(1, 30)
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        found = [reply for piece in pieces for reply in parser.feed(piece)]
        assert found == [modbus.Reply(data)]


def test_memory_is_bounded() -> None:
    rng = random.Random(3)
    parser = modbus.ReplyParser()
    parser.expect(modbus.read(9, 2000, 3))
    for _ in range(1000):
        list(parser.feed(b"\x09\x04\x06" + rng.randbytes(50) + b"\x09\x04\x06"))
        assert len(parser._buffer) < 11
