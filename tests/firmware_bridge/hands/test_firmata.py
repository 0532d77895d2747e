"""The driver of servos on StandardFirmata against an emulated board, and its bytes against pyFirmata2's."""

import io
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from bench import Clock, EmulatedLine, HandOnTable, OnPty, replay
from firmata_board import FirmataBoard, Servo

from neurograsp.edge_runtime.cli import main
from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState
from neurograsp.firmware_bridge.errors import ConfigError, LinkLost, Refused
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device, parse_device
from neurograsp.firmware_bridge.hands.firmata import packets
from neurograsp.firmware_bridge.hands.firmata.driver import FirmataDevice

PINS = (3, 5, 6, 9, 10)
REST = 1400
TICK_S = 0.02


class TalkingLine(EmulatedLine):
    """What the board says by itself is heard too."""

    def read(self) -> bytes:
        if not self.cut:
            self._waiting += self._emulator.feed(b"")
        return super().read()


class Table(HandOnTable):
    """A hand on a table: board, line, driver, hand."""

    def __init__(self, board: FirmataBoard | None = None, accept: bool = True) -> None:
        self.clock = Clock()
        self.board = board or FirmataBoard({pin: Servo(1650) for pin in PINS})
        self.line = TalkingLine(self.board, self.clock)
        profile = load_device("firmata_servos")
        limits = [(joint.low, joint.high) for joint in profile.joints]
        self.device = FirmataDevice(self.line, PINS, limits, self.clock, self.line.sleep)
        self.hand = DeviceHand(self.device, profile, accept, self.clock)

    @property
    def index(self) -> Servo:
        return self.board.servos[5]


def test_it_is_found_and_no_pulse_begins() -> None:
    table = Table()
    assert table.hand.connect().identity == "StandardFirmata 2.5"
    table.run(1.0)
    assert not table.board.configs
    assert not any(servo.pulses for servo in table.board.servos.values())
    assert Feature.FEEDBACK not in table.hand.caps.features


@pytest.mark.parametrize("boot_s", [1.5, 4.5])
def test_a_board_that_restarts_when_its_port_opens_is_waited_for(boot_s: float) -> None:
    table = Table(FirmataBoard({pin: Servo(1650) for pin in PINS}, boot_s=boot_s))
    table.hand.connect()
    assert boot_s <= table.clock.now - 100 < boot_s + 0.6
    table.run(0.5)
    assert table.device.stats.rtt_ms_max < 50, "that is no round trip of the line"


def test_a_boot_loader_is_left_in_peace() -> None:
    table = Table(FirmataBoard({}, boot_s=9.0))
    with pytest.raises(LinkLost, match=r"the board does not answer \(3 tries\); check that StandardFirmata"):
        table.device.identify(3.0)
    assert len(table.line.sent) == 3


def test_arming_leads_every_joint_to_rest_and_says_so_before() -> None:
    table = Table().armed()
    assert "jump to REST" in str(table.device.promises.first_move)
    table.run(0.5)
    for pin, servo in table.board.servos.items():
        assert set(servo.pulses) == {REST}
        assert servo.position == REST
        assert table.board.configs.count((pin, 1052, 1892)) == 1


def test_a_board_that_still_drives_its_servos_is_gone_on_with() -> None:
    table = Table().armed()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.2)
    assert table.index.position == 1700
    again = Table(table.board)
    travelled = table.index.travelled
    again.armed().run(0.5)
    assert table.index.travelled == travelled, "its computer died and came back: nothing jumps"
    assert again.hand.state.goals == (1700,) * 5


def test_what_another_program_wrote_as_an_angle_is_not_believed() -> None:
    table = Table()
    for pin in PINS:
        table.board.feed(bytes((0xF4, pin, 4, 0xE0 | pin, 90, 0)))
    assert table.device.positions() == (None,) * 5


def test_a_grip_goes_in_steps_of_the_rate() -> None:
    table = Table().armed()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    writes = table.board.writes[5]
    assert (writes[0], writes[-1], table.index.position) == (REST, 1700, 1700)
    assert max(b - a for a, b in pairwise(writes)) <= 400 / 0.8 * TICK_S + 1
    assert table.hand.state.state is HandState.HOLD
    assert table.hand.state.positions == dict.fromkeys(range(5), 1700), "what the board says it was told"
    assert table.board.bad == 0


def test_pins_above_15_are_written_too() -> None:
    board = FirmataBoard({44: Servo(1500)}, pins=70, analog=range(54, 70))
    clock = Clock()
    line = TalkingLine(board, clock)
    device = FirmataDevice(line, (44,), [(1300, 1700)], clock, line.sleep)
    device.identify(0.1)
    device.enable((1400,))
    assert device.send((1450,), 100) == (1450,)
    line.sleep(TICK_S)
    assert (board.writes[44], board.servos[44].pulses) == ([1400, 1450], [1450])
    assert device.positions() == (1450,)


def test_what_was_sent_is_cut_to_what_a_servo_may_get() -> None:
    table = Table().armed()
    assert table.device.send((0, 599, 2401, 16_383, 1500), 100) == (600, 600, 2400, 2400, 1500)


@pytest.mark.parametrize(("low", "high"), [(600, 2400), (1000, 2000), (1400, 1600)])
def test_the_limits_of_the_board_never_wrap(low: int, high: int) -> None:
    board = FirmataBoard({3: Servo(1500)})
    clock = Clock()
    line = TalkingLine(board, clock)
    device = FirmataDevice(line, (3,), [(low, high)], clock, line.sleep)
    device.enable((1500,))
    for wild in (600, 2400):
        device.send((wild,), 100)
        line.sleep(TICK_S)
    least, most = board.servos[3].pulses
    assert least <= low <= high <= most
    assert least >= min(low, 1052) - 4
    assert most <= max(high, 1892) + 4


def test_a_board_that_restarts_stops_the_hand() -> None:
    table = Table().armed()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.board.restart()
    table.run(0.3)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert "drives no servo any more; has the board restarted?" in table.hand.state.why
    pulses = len(table.index.pulses)
    table.run(1.0)
    assert len(table.index.pulses) == pulses, "and nothing drives it"
    with pytest.raises(Refused, match="has the board restarted"):
        table.hand.arm()
    table.armed().run(0.5)
    assert (table.hand.state.state, table.index.position) == (HandState.ARMED, REST)


def test_a_value_that_came_damaged_stops_the_hand() -> None:
    table = Table().armed()
    table.run(0.3)
    table.board.feed(bytes((0xE0 | 6, *(1650 & 0x7F, 1650 >> 7))))
    table.line.sleep(0)
    for _ in range(6):
        table.board.states[6] = 1650
        table.run(TICK_S)
    assert table.hand.state.why == "middle: pin 6 was told 1400 and says 1650"
    table.run(0.2)
    assert table.board.writes[6][-1] == 1400, "the others stopped, and it was sent back"


@pytest.mark.parametrize("asked_meanwhile", [False, True])
def test_what_the_board_says_in_words_stops_the_hand(asked_meanwhile: bool) -> None:
    table = Table().armed()
    words = b"".join(bytes((letter, 0)) for letter in b"Max servos attached")
    table.board._to_say = b"\xf0\x71" + words + b"\xf7"
    if asked_meanwhile:
        table.hand.ping()
    table.run(0.1)
    assert table.hand.state.why == "thumb: the board says 'Max servos attached'"


@pytest.mark.parametrize("how", ["latched", "closed"])
def test_it_is_let_go(how: str) -> None:
    table = Table().armed()
    table.run(0.2)
    if how == "closed":
        table.hand.close()
    else:
        table.run(0.3, healthy=False)
        assert table.hand.state.state is HandState.FAILSAFE
        table.run(2.1, healthy=False)
        assert not table.hand.state.attached
    pulses = len(table.index.pulses)
    for _ in range(10):
        table.line.sleep(TICK_S)
    assert len(table.index.pulses) == pulses
    assert [table.board.modes[pin] for pin in PINS] == [1] * 5
    assert table.board.modes[13] == 1, "other pins stay as they are"


def test_a_host_that_dies_leaves_pulses_and_one_step() -> None:
    table = Table().armed()
    table.hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.4)
    at_death = table.board.writes[5][-1]
    for _ in range(50):
        table.line.sleep(TICK_S)
    assert table.index.pulses[-1] == at_death


def test_it_promises_nothing_and_wants_to_be_accepted() -> None:
    table = Table(accept=False)
    table.hand.connect()
    with pytest.raises(Refused, match="goes on with its last pulses, and the servos hold; --accept-no-wa"):
        table.hand.arm()
    assert not table.board.configs


def test_a_board_that_falls_silent_is_lost() -> None:
    table = Table().armed()
    table.run(0.2)
    table.board.silent = True
    with pytest.raises(LinkLost, match=r"silent for 0.[56] s; check cable and power"):
        table.run(1.0)


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


@pytest.mark.parametrize(
    ("mangle", "said"),
    [
        (half, "answers in part"),
        (lambda reply: b"hello, world\r\n", "answers with another id or protocol"),
        (lambda reply: b"\x55\x55\x01\x05\x1c\x00\x00\xdd", "answers in part"),
        (lambda reply: bytes((0xFF, 0xFF, 1, 2, 0, 0xFC)), "answers with another id or protocol"),
        (lambda reply: reply.replace(b"\xf7", b""), "answers in part"),
    ],
)
def test_answers_that_are_none_are_told(mangle: Callable[[bytes], bytes], said: str) -> None:
    table = Table()
    table.board.mangle = mangle
    with pytest.raises(LinkLost, match=f"emulated: the board {said}"):
        table.hand.connect()


def test_half_an_answer_does_not_spoil_the_next() -> None:
    table = Table()
    table.hand.connect()
    table.board.mangle = half
    table.run(0.1)
    table.board.mangle = lambda reply: reply
    assert table.device.positions() == (None,) * 5


@pytest.mark.parametrize("name", ["FirmataExpress.ino", "MyServos", ""])
def test_another_sketch_is_refused(name: str) -> None:
    table = Table()
    table.board.name = name
    with pytest.raises(LinkLost, match=f"the board runs '{name}', not StandardFirmata"):
        table.hand.connect()


def test_a_joint_on_a_pin_that_cannot_is_refused() -> None:
    table = Table()
    table.board.digital_from = 6
    with pytest.raises(LinkLost, match="pin 3 cannot drive a servo; those that can: 6, 7, 8, 9, 10"):
        table.hand.connect()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("little = 25 }\nOPEN", "}\nOPEN", "actions.REST: must name little too: a firmata cannot say"),
        ("id = 3,", "id = 128,", "joints.thumb.id is 128, must be 0 to 127"),
        ("open = 1300", "open = 599", "joints.thumb.open is 599, must be 600 to 2400 us"),
        ("[policy]", "address = 1\n[policy]", "address: a firmata has none"),
    ],
)
def test_what_it_does_not_leave_to_its_profile(old: str, new: str, said: str) -> None:
    text = (DEVICE_PROFILES / "firmata_servos.toml").read_text()
    assert old in text
    changed = text.replace(old, new, 1).replace(", }", " }")
    with pytest.raises(ConfigError) as caught:
        parse_device(changed.encode(), "mine.toml")
    assert said in str(caught.value)


class Port:
    """What pyFirmata2 needs of pyserial."""

    def __init__(self) -> None:
        self.written = b""
        self.reply = b""

    def write(self, data: bytes) -> None:
        self.written += bytes(data)

    def read(self) -> bytes:
        taken, self.reply = self.reply[:1], self.reply[1:]
        return taken

    def close(self) -> None:
        pass


@pytest.fixture
def theirs() -> Any:
    """A board of pyFirmata2 that was not opened: that waits for five seconds."""
    package = pytest.importorskip("pyfirmata2", reason="pyFirmata2 is not installed")
    board = package.Board.__new__(package.ArduinoMega)
    board.sp = Port()
    board.samplerThread = None
    board.setup_layout(package.BOARDS["arduino_mega"])
    return board


def test_every_byte_is_that_of_pyfirmata(theirs: Any) -> None:
    rng = random.Random(0)
    port = theirs.sp
    for _ in range(1000):
        pin, low, high = rng.randrange(2, 16), rng.randrange(600, 2401), rng.randrange(600, 2401)
        pulse = rng.randrange(600, 2401)
        port.written = b""
        theirs.servo_config(pin, low, high, pulse)
        assert packets.attach(pin, low, high) + packets.write(pin, pulse) == port.written
        port.written = b""
        theirs.digital[pin].mode = 1
        assert packets.detach(pin) == port.written
        port.written = b""
        far = rng.randrange(16, 128)
        theirs.send_sysex(0x6F, bytearray((far, pulse % 128, pulse >> 7)))
        assert packets.write(far, pulse) == port.written
        port.written = b""
        theirs.send_sysex(0x6D, bytearray((far,)))
        assert packets.state_question(far) == port.written
    port.written = b""
    theirs.send_sysex(0x79, bytearray())
    theirs.send_sysex(0x6B, bytearray())
    assert port.written == packets.FIRMWARE_QUESTION + packets.CAPABILITY_QUESTION


def test_what_pyfirmata_reads_is_what_was_parsed(theirs: Any) -> None:
    rng = random.Random(1)
    for _ in range(1000):
        board = FirmataBoard({})
        board.name = "".join(rng.choice("abcXYZ019._ -") for _ in range(rng.randrange(1, 30)))
        theirs.sp.reply = board.feed(packets.FIRMWARE_QUESTION)
        (firmware,) = packets.MessageParser().feed(theirs.sp.reply)
        while theirs.sp.reply:
            theirs.iterate()
        assert isinstance(firmware, packets.Firmware)
        assert (firmware.name, firmware.version) == (theirs.firmware, theirs.firmware_version)


def test_pins_that_can_drive_a_servo_are_those_with_that_mode() -> None:
    rng = random.Random(4)
    for _ in range(200):
        board = FirmataBoard({}, pins=rng.randrange(1, 100), analog=range(rng.randrange(40), 60))
        board.digital_from = rng.randrange(20)
        (can,) = packets.MessageParser().feed(board.feed(packets.CAPABILITY_QUESTION))
        assert can == packets.Capabilities(frozenset(range(board.digital_from, board.pins)))


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = packets.MessageParser()
    answer = bytes((0xF0, 0x6E, 5, 4, 0x5C, 0x0B, 0xF7))
    noise = lambda: bytes(rng.randrange(0x80) for _ in range(rng.randrange(5)))  # noqa: E731
    others = (b"\xf9\x02\x05", b"\xe3\x10\x02", b"\x91\x7f\x01", b"")
    stream = b"".join(noise() + rng.choice(others) + answer for _ in range(200))
    found = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert found == [packets.PinState(5, 4, 1500)] * 200


def test_nothing_that_comes_makes_it_stumble_and_memory_is_bounded() -> None:
    rng = random.Random(3)
    parser = packets.MessageParser()
    for _ in range(2000):
        likely = bytes(
            rng.choice(b"\xf0\x6e\x6c\x79\x71\x7f\x04\xf7\x00\xff") for _ in range(rng.randrange(60))
        )
        list(parser.feed(likely + rng.randbytes(rng.randrange(60))))
        assert len(parser._buffer) <= packets.MAX_SYSEX
    assert parser.broken > 100
    list(parser.feed(b"\xf0" + bytes(100_000)))
    assert not parser.begun


def test_what_arming_moves_is_said_before(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    board = FirmataBoard({pin: Servo(1500) for pin in PINS})
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    with OnPty(board) as bench:
        words = ["--hand", f"firmata_servos:{bench.port}"]
        assert main(["hand", "move", "OPEN", *words, "--accept-no-watchdog"]) == 1
        assert "Arming it makes every joint jump to REST" in capsys.readouterr().err
        assert main(["hand", "move", "OPEN", *words, "--yes"]) == 2
        assert "goes on with its last pulses" in capsys.readouterr().err
        assert main(["hand", "ping", *words]) == 0
        assert "the servos hold; arming it makes every joint jump" in capsys.readouterr().out
    assert not board.configs


@pytest.mark.slow
def test_replay_moves_it_end_to_end() -> None:
    board = FirmataBoard({pin: Servo(1500) for pin in PINS})
    with OnPty(board) as bench:
        done = replay(f"firmata_servos:{bench.port}", "--arm", "--accept-no-watchdog")
    assert done.returncode == 0, done.stderr
    assert "arming it makes every joint jump to REST" in done.stderr
    writes = board.writes[5]
    assert max(writes) - min(writes) > 100
    assert max(abs(b - a) for a, b in pairwise(writes)) <= 400 / 0.8 * 0.04 + 1
    assert board.bad == 0
    assert [board.modes[pin] for pin in PINS] == [1] * 5, "let go at the end"
