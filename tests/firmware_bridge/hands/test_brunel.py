"""The driver of the Brunel hand against an emulated one, and its lines against other packages'."""

import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from beetroot_hand import CLOSED, OPEN, BrunelHand, Finger
from bench import Clock, EmulatedLine, HandOnTable, OnPty, replay

from neurograsp.firmware_bridge.codes import Fault, Feature, HandAction, HandState
from neurograsp.firmware_bridge.errors import ConfigError, LinkLost, Refused
from neurograsp.firmware_bridge.hands.brunel import lines
from neurograsp.firmware_bridge.hands.brunel.driver import BrunelDevice
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import DEVICE_PROFILES, load_device, parse_device

TICK_S = 0.02
OTHER = "answers with another id or protocol"


def adc(percent: int) -> int:
    return OPEN + (CLOSED - OPEN) * percent // 100


class Table(HandOnTable):
    """A hand on a table: emulator, line, driver, hand."""

    def __init__(self, accept: bool = True) -> None:
        self.clock = Clock()
        self.emulated = BrunelHand()
        self.line = EmulatedLine(self.emulated, self.clock)
        self.device = BrunelDevice(self.line, range(4), self.clock, self.line.sleep)
        self.hand = DeviceHand(self.device, load_device("brunel"), accept, self.clock)

    @property
    def index(self) -> Finger:
        return self.emulated.fingers[1]


@pytest.fixture
def table() -> Table:
    return Table()


def test_it_is_found_and_nothing_moves(table: Table) -> None:
    assert table.hand.connect().identity == "Brunel hand, Beetroot 1.1.0"
    table.run(0.5)
    assert set(table.emulated.lines) == {"#", "A6"}
    assert not any(finger.goals for finger in table.emulated.fingers)
    assert Feature.FEEDBACK in table.hand.caps.features
    assert table.device.promises.first_move is None


def test_positions_are_those_of_the_fingers(table: Table) -> None:
    assert table.device.positions() == (30, 40, 50, 60)


def test_joints_keep_the_order_of_the_profile(table: Table) -> None:
    device = BrunelDevice(table.line, (3, 2, 1, 0), table.clock, table.line.sleep)
    assert device.positions() == (60, 50, 40, 30)
    device.send((9, 8, 7, 6), 100)
    assert [finger.goals[-1] for finger in table.emulated.fingers] == [adc(6), adc(7), adc(8), adc(9)]


def test_armed_it_stays_where_it_stands(table: Table) -> None:
    table.emulated.fingers[2].at = OPEN + 4.3
    table.armed().run(1.0)
    for finger in table.emulated.fingers:
        assert finger.speed == 255
        assert finger.travelled <= (CLOSED - OPEN) / 200 + 1, "what percent round away"


def test_a_finger_beyond_its_ends_is_where_it_can_be_said_to_be(table: Table) -> None:
    for finger, at in zip(table.emulated.fingers, (0, 20, 1000, 1023), strict=True):
        finger.at = at
    assert table.device.positions() == (0, 0, 100, 100)


def test_what_was_sent_is_cut(table: Table) -> None:
    assert table.device.send((-3, 101, 50, 100), 100) == (0, 100, 50, 100)
    assert [finger.goals for finger in table.emulated.fingers] == [
        [adc(0)],
        [adc(100)],
        [adc(50)],
        [adc(100)],
    ]
    with pytest.raises(ValueError, match="finger 4"):
        lines.finger(4, 50)


def test_a_grip_goes_in_steps_of_the_rate(table: Table) -> None:
    table.armed().hand.act(HandAction.GRIP, ttl_ms=5000)
    table.run(3.0)
    goals = table.index.goals
    assert (goals[0], goals[-1], table.index.at) == (adc(40), adc(78), adc(78))
    assert max(b - a for a, b in pairwise(goals)) <= (80 / 1.5 * TICK_S + 1) * (CLOSED - OPEN) / 100
    assert table.hand.state.state is HandState.HOLD
    assert table.hand.state.report.positions[1] == 78
    assert table.emulated.kept == 0


def test_no_line_is_one_that_turns_a_finger_or_keeps_something(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(1.0)
    table.hand.close()
    for line in table.emulated.lines:
        assert line in ("#", "A6") or re.fullmatch(r"F[0-3] P\d+( S255)?", line), line
    assert table.emulated.kept == 0


def test_a_hand_that_is_behind_is_not_flooded(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.line.cut = True
    before = len(table.line.sent)
    for _ in range(3):
        table.line.sleep(0.005)
        table.hand.service(True)
    assert len(table.line.sent) - before <= 5


def test_goals_that_still_wait_are_not_told_as_sent_and_are_said_at_the_end(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    before = table.index.goals[-1]
    answer = table.emulated.mangle
    table.emulated.mangle = lambda reply: b""
    table.hand.service(True)
    table.line.sleep(0.025)
    table.hand.service(True)
    table.hand.stop()
    table.emulated.mangle = answer
    table.run(0.2, healthy=False)
    assert [adc(at) for at in table.hand.state.goals] == [
        finger.goals[-1] for finger in table.emulated.fingers
    ]
    assert table.hand._motion is not None
    stopped = [adc(at) for at in table.hand._motion.goals]
    table.hand.close()
    assert [finger.goals[-1] for finger in table.emulated.fingers] == stopped
    assert (table.index.goals[-1] >= before, table.line.closed) == (True, True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ends_of_lines_are_both_understood(table: Table, end: str) -> None:
    table.emulated.end = end
    table.armed().run(0.2)
    assert table.device.stats.bad_frames == 0
    assert table.device.stats.unanswered == 0


@pytest.mark.parametrize(
    ("what", "value", "said"),
    [
        ("version", "1.04", "Beetroot 1.0.4 cannot say where its fingers are; update it to 1.1.0"),
        ("version", "1.0.9", "Beetroot 1.0.9 cannot say"),
        ("mode", "Demo", "in the mode 'Demo', in which it moves by itself; end that first"),
        ("mode", "CSV", "in the mode 'CSV'"),
        ("motors", "DISABLED", "its motors are off; A3 in a serial monitor switches them on"),
    ],
)
def test_a_hand_that_cannot_be_driven_is_refused(table: Table, what: str, value: str, said: str) -> None:
    setattr(table.emulated, what, value)
    with pytest.raises(LinkLost, match=f"emulated: .*{said}"):
        table.hand.connect()
    assert set(table.emulated.lines) == {"#"}


def test_an_error_of_before_is_told_at_arming(table: Table) -> None:
    table.emulated.error = "Warning 007 - Hand temperature is high"
    table.hand.connect()
    with pytest.raises(Refused, match="thumb: Warning 007 - Hand temperature is high; look at it first"):
        table.hand.arm()
    assert not any(finger.goals for finger in table.emulated.fingers)


def test_an_error_on_the_way_stops_it_until_it_is_over(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.emulated.complain("Fatal Error 008 - Hand has reached maximum temperature")
    table.run(0.1)
    held = table.index.goals[-1]
    table.run(0.5)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.DEVICE)
    assert table.hand.state.why == "thumb: Fatal Error 008 - Hand has reached maximum temperature"
    assert table.index.goals[-1] == held
    table.hand.connect()
    with pytest.raises(Refused, match="look at it first"):
        table.hand.arm()
    table.emulated.error = ""
    table.hand.connect()
    table.hand.arm()
    assert table.hand.state.state is HandState.ARMED


def test_what_it_says_while_it_is_asked_is_not_lost(table: Table) -> None:
    table.armed().run(0.2)
    table.emulated._to_say = "Warning 007 - Hand temperature is high\n"
    table.hand.ping()
    table.run(TICK_S)
    assert (table.hand.state.state, table.hand.state.why[:18]) == (HandState.FAILSAFE, "thumb: Warning 007")


@pytest.mark.parametrize(
    ("heard", "said"),
    [("F1", "repeats 'F1' and does 'F1 P"), ("F1 P90", "repeats 'F1 P90'"), ("F2 P7", "repeats 'F2 P7'")],
)
def test_a_line_that_came_damaged_stops_it_and_is_put_right(table: Table, heard: str, said: str) -> None:
    table.armed().run(0.2)
    damaged = iter([heard])
    table.emulated.damage = lambda line: next(damaged, line) if line.startswith("F1") else line
    table.run(0.2)
    assert table.hand.state.state is HandState.FAILSAFE
    assert said in table.hand.state.why
    table.run(1.0)
    assert [finger.goals[-1] for finger in table.emulated.fingers] == [adc(at) for at in (30, 40, 50, 60)]


def test_a_finger_that_does_something_else_than_it_repeats_stops_it(table: Table) -> None:
    table.armed().run(0.2)
    table.emulated.mangle = lambda reply: reply.replace(b"Position:\t40", b"Position:\t4")
    table.run(0.2)
    assert table.hand.state.why == "index: repeats 'F1 P40' and does 'F1 P4', which is not what it was told"


def test_it_holds_for_good_and_is_never_switched_off(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    table.run(0.3, healthy=False)
    assert (table.hand.state.state, table.hand.state.fault) == (HandState.FAILSAFE, Fault.LINK_SILENT)
    table.run(5.0, healthy=False)
    assert table.hand.state.attached
    table.hand.close()
    assert (table.emulated.motors, table.emulated.kept) == ("ENABLED", 0)


def test_it_promises_nothing_and_wants_to_be_accepted() -> None:
    table = Table(accept=False)
    table.hand.connect()
    with pytest.raises(Refused, match="goes to its last goal and holds it, motors on; --accept-no-watchdog"):
        table.hand.arm()
    assert not any(finger.goals for finger in table.emulated.fingers)


def test_a_host_that_dies_leaves_one_step(table: Table) -> None:
    table.armed().hand.act(HandAction.FIST, ttl_ms=5000)
    table.run(0.3)
    at_death = table.index.at
    for _ in range(50):
        table.line.sleep(TICK_S)
    assert table.index.at - at_death <= 3 * (CLOSED - OPEN) / 100


def test_a_hand_that_falls_silent_is_lost(table: Table) -> None:
    table.armed()
    table.emulated.silent = True
    with pytest.raises(LinkLost, match=r"silent for 0.[56] s; check cable and power"):
        table.run(1.0)


def half(reply: bytes) -> bytes:
    return reply[: len(reply) // 2]


@pytest.mark.parametrize(
    ("mangle", "said"),
    [
        (half, "answers in part"),
        (lambda reply: b"hello, world\r\n", OTHER),
        (lambda reply: reply.replace(b"\t", b"\xff"), "answers in part"),
        (lambda reply: b"\n" + bytes((0xFF, 0xFF, 1, 2, 0, 0xFC)) + b"\n", OTHER),
        (lambda reply: b"ok\n" * 500, OTHER),
    ],
)
def test_answers_that_are_none_are_told(table: Table, mangle: Callable[[bytes], bytes], said: str) -> None:
    table.emulated.mangle = mangle
    with pytest.raises(LinkLost, match=f"emulated: Brunel hand {said}"):
        table.hand.connect()


def test_positions_in_another_form_are_none(table: Table) -> None:
    table.emulated.mangle = lambda reply: reply.replace(b",", b";")
    with pytest.raises(LinkLost, match="Brunel hand answers"):
        table.device.positions()


def test_nobody_answers(table: Table) -> None:
    table.line.cut = True
    with pytest.raises(LinkLost, match=r"does not answer \(3 tries\); check that it is switched on"):
        table.device.identify(0.1)


def test_half_an_answer_does_not_spoil_the_next(table: Table) -> None:
    table.emulated.mangle = half
    with pytest.raises(LinkLost):
        table.device.positions()
    table.emulated.mangle = lambda reply: reply
    assert table.device.positions() == (30, 40, 50, 60)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id = 3,", "id = 4,", "a brunel is driven as a whole; name all of it, ids 0 to 3"),
        ("closed = 70", "closed = 101", "joints.thumb.closed is 101, must be 0 to 100"),
        ('limp = "never"', "limp = 2000", 'a brunel cannot let go; say limp = "never"'),
        ("ring = 25", "pinky = 25", "actions.REST: unknown joint 'pinky'"),
    ],
)
def test_what_it_does_not_leave_to_its_profile(old: str, new: str, said: str) -> None:
    text = (DEVICE_PROFILES / "brunel.toml").read_text()
    assert old in text
    with pytest.raises(ConfigError) as caught:
        parse_device(text.replace(old, new, 1).encode(), "mine.toml")
    assert said in str(caught.value)


class Port:
    """What both packages need of pyserial."""

    in_waiting = 0

    def __init__(self, reply: bytes = b"") -> None:
        self.written = b""
        self.reply = reply

    def write(self, data: bytes) -> None:
        self.written = bytes(data)

    def read(self, size: int) -> bytes:
        return self.reply[:size]

    def readline(self) -> bytes:
        line, end, self.reply = self.reply.partition(b"\n")
        return line + end

    def flushInput(self) -> None:
        pass


def test_every_byte_is_that_of_pollens_package() -> None:
    brunel = pytest.importorskip("brunel_hand.brunel", reason="brunel-hand is not installed")
    theirs = brunel.BrunelHand.__new__(brunel.BrunelHand)
    theirs._serial = port = Port()
    rng = random.Random(0)
    names = {0: "thumb", 1: "index", 2: "middle", 3: "ring"}
    for _ in range(1000):
        number, percent = rng.randrange(4), rng.randrange(101)
        theirs.move_finger(names[number], percent)
        assert lines.finger(number, percent) == port.written


def test_what_pollens_package_reads_is_what_was_parsed() -> None:
    brunel = pytest.importorskip("brunel_hand.brunel", reason="brunel-hand is not installed")
    theirs = brunel.BrunelHand.__new__(brunel.BrunelHand)
    theirs._serial = port = Port()
    rng = random.Random(1)
    for _ in range(1000):
        hand = BrunelHand()
        for finger in hand.fingers:
            finger.at = rng.randrange(1024)
        port.reply = hand.feed(lines.POSITIONS_QUESTION)
        (ours,) = lines.LineParser().feed(port.reply)
        read = theirs.get_finger_position()
        assert theirs._serial.written == lines.POSITIONS_QUESTION
        expected = [min(max(round(100 * (at - OPEN) / (CLOSED - OPEN)), 0), 100) for at in read]
        assert list(ours.percent) == expected


def test_answers_in_noise_and_in_pieces() -> None:
    rng = random.Random(2)
    parser = lines.LineParser()
    hand = BrunelHand()
    stream = b""
    for _ in range(200):
        stream += rng.choice(
            (b"", b"Started\n", b"\n\n", b"_____\n", b"F1: stall detected. Setting to 512\n")
        )
        stream += hand.feed(b"F1 P50 S200\n") + hand.feed(b"A6\n")
    found: list[Any] = []
    for at in range(0, len(stream), 7):
        found += list(parser.feed(stream[at : at + 7]))
    assert found == [lines.Moved("F1 P50 S200", 1, 50), lines.Positions((30, 40, 50, 60))] * 200


def test_nothing_that_comes_makes_it_stumble_and_memory_is_bounded() -> None:
    rng = random.Random(3)
    parser = lines.LineParser()
    words = (
        b"F0 P",
        b"A6\n",
        b"Finger: \t",
        b"Position:\t",
        b"Speed:",
        b"\n",
        b"9" * 30,
        b"Mode:\t",
        b"Motors:\tx\n",
    )
    for _ in range(2000):
        list(parser.feed(b"".join(rng.choices(words, k=4)) + rng.randbytes(rng.randrange(40))))
        assert len(parser._rest) <= lines.MAX_LINE
    assert parser.broken > 100


@pytest.mark.slow
def test_replay_moves_it_end_to_end() -> None:
    hand = BrunelHand()
    with OnPty(hand) as bench:
        refused = replay(f"brunel:{bench.port}", "--arm")
        assert (refused.returncode, hand.fingers[1].goals) == (2, [])
        done = replay(f"brunel:{bench.port}", "--arm", "--accept-no-watchdog")
    assert done.returncode == 0, done.stderr
    assert len(set(hand.fingers[1].goals)) > 10
    assert hand.kept == 0
