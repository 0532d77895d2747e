"""HandLink against the C core, on a line and a clock that the test owns."""

import random
from collections.abc import Callable

import pytest
from core_bench import Bench

from neurograsp.firmware_bridge.errors import LinkLost, ProtocolError, Refused
from neurograsp.firmware_bridge.exchange import REPLY_S, TRIES
from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import (
    Ack,
    EventKind,
    Fault,
    HandAction,
    HandState,
    Limits,
    MessageType,
    Nack,
    NackCode,
    make_frame,
)

NewHand = Callable[..., Bench]
TICK_S = 0.02


class Line:
    """A transport to a hand on the bench, and the clock of both.

    Attributes:
        sent: every frame of the host.
        lose: called with each frame of the host; True loses it.
        mute: nothing comes back.
    """

    def __init__(self, hand: Bench) -> None:
        self.hand = hand
        self.url = "bench"
        self.sent: list[Frame] = []
        self.lose: Callable[[Frame], bool] = lambda frame: False
        self.mute = False
        self.closed = False
        self._now_s = 100.0
        self._inbox = b""

    def clock(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        before, self._now_s = self._now_s, self._now_s + seconds
        self.hand.run(int(self._now_s * 1000) - int(before * 1000))
        self._collect(self.hand.bytes_out())

    def write(self, data: bytes) -> None:
        (frame,) = FrameDecoder().feed(data)
        self.sent.append(frame)
        if not self.lose(frame):
            self._collect(self.hand.bytes_in(data))

    def _collect(self, data: bytes) -> None:
        if not self.mute:
            self._inbox += data

    def inject(self, data: bytes) -> None:
        self._inbox += data

    def read(self) -> bytes:
        data, self._inbox = self._inbox, b""
        return data

    def close(self) -> None:
        self.closed = True

    def count(self, kind: MessageType) -> int:
        return sum(frame.type == kind for frame in self.sent)


class Host:
    def __init__(self, hand: Bench, seed: int = 1) -> None:
        self.hand = hand
        self.line = Line(hand)
        self.link = HandLink(self.line, self.line.clock, random.Random(seed), self.line.sleep)

    def run(self, ticks: int, healthy: bool = True) -> None:
        for _ in range(ticks):
            self.link.service(healthy)
            self.line.sleep(TICK_S)


@pytest.fixture
def host(hand: Bench) -> Host:
    return Host(hand)


@pytest.fixture
def armed(host: Host) -> Host:
    host.link.connect()
    host.link.arm()
    return host


@pytest.mark.parametrize("resets", [True, False])
def test_a_board_that_the_opening_reset_is_not_kept_from_its_program(hand: Bench, resets: bool) -> None:
    """A boot loader like the Mega's: who hears something in its first second stays for five more."""
    line = Line(hand)
    begun = line.clock()
    quiet_until = begun + 1.0 if resets else 0.0

    def in_boot_loader(frame: Frame) -> bool:
        nonlocal quiet_until
        booting = line.clock() < quiet_until
        if booting and line.clock() > begun + 0.05:
            quiet_until = line.clock() + 5.0
        return booting

    line.lose = in_boot_loader
    link = HandLink(line, line.clock, random.Random(1), line.sleep, boot_s=2.0)
    assert link.connect(timeout=0.5).name == "arm"
    assert line.clock() - begun == pytest.approx(2.05 if resets else 0.0, abs=0.05)
    again = line.clock()
    link.connect()
    assert line.clock() - again < 0.1, "nothing resets it now"


def test_connect_tells_what_the_hand_is(host: Host) -> None:
    caps = host.link.connect()
    assert (caps.name, caps.joints, caps.watchdog_ms) == ("arm", 7, 250)
    assert host.link.caps is caps
    assert host.link.state.state is HandState.IDLE
    assert not host.link.state.attached


def test_nothing_works_before_connect(host: Host) -> None:
    link = host.link
    for call in (
        link.arm,
        link.ping,
        link.clear,
        lambda: link.service(True),
        lambda: link.state,
        lambda: link.caps,
    ):
        with pytest.raises(LinkLost, match=r"call connect\(\) first"):
            call()
    link.close()
    assert host.line.closed
    assert host.line.sent == []


def test_no_answer(host: Host) -> None:
    host.line.mute = True
    start = host.line.clock()
    with pytest.raises(LinkLost, match=r"bench: no answer to HELLO.*powered"):
        host.link.connect(timeout=1.0)
    assert 0.9 < host.line.clock() - start < 1.1


def test_session_collision_picks_another(host: Host) -> None:
    taken = Host(host.hand)
    taken.link.connect()
    host.link.connect()
    assert host.line.count(MessageType.HELLO) == 2


def test_other_version_is_refused(host: Host) -> None:
    def answer(frame: Frame) -> bool:
        nack = Nack(NackCode.VERSION, frame.type, (2, 3))
        host.line.inject(encode_frame(Frame(nack.type, frame.session, frame.seq, nack.pack(), version=2)))
        return True

    host.line.lose = answer
    with pytest.raises(Refused, match=r"VERSION \(it speaks 2 to 3\); flash") as failure:
        host.link.connect()
    assert failure.value.code is NackCode.VERSION


def test_moves(armed: Host) -> None:
    armed.link.act(HandAction.FIST, ttl_ms=2000)
    armed.run(50)
    assert armed.link.state.state is HandState.HOLD
    assert armed.link.state.action is HandAction.FIST
    assert armed.link.state.joints_us == (2000,) * 5 + (1500,) * 2
    armed.link.move({5: 1600}, ttl_ms=2000)
    armed.run(3)
    assert armed.link.state.action is None
    armed.run(10)
    assert armed.link.state.joints_us[5] == 1600


def test_beats_every_50_ms(armed: Host) -> None:
    start = armed.line.count(MessageType.BEAT)
    armed.run(500)
    assert abs(armed.line.count(MessageType.BEAT) - start - 200) <= 2
    assert armed.link.state.state is HandState.ARMED
    assert armed.link.stats.beats == armed.line.count(MessageType.BEAT)


def test_no_burst_of_beats_after_a_stall(armed: Host) -> None:
    armed.run(5)
    armed.line.sleep(0.2)
    start = armed.line.count(MessageType.BEAT)
    armed.run(1)
    armed.run(1)
    assert armed.line.count(MessageType.BEAT) - start <= 2


def test_a_request_in_flight_does_not_outlive_an_unhealthy_tick(armed: Host) -> None:
    """The first try is lost; repeated after the bad tick it would move the hand late."""
    lose_next(armed, MessageType.ACTION, 1)
    armed.link.act(HandAction.FIST, ttl_ms=5000)
    armed.run(1)
    armed.run(1, healthy=False)
    armed.run(20)
    assert armed.line.count(MessageType.ACTION) == 1
    assert armed.hand.state is HandState.ARMED


def test_an_answer_to_something_else_is_no_answer(host: Host) -> None:
    host.link.connect()
    lose_next(host, MessageType.ARM, TRIES)
    session = host.line.sent[-1].session
    write = host.line.write

    def answered_wrongly(data: bytes) -> None:
        write(data)
        seq = host.line.sent[-1].seq
        for wrong in (Ack(MessageType.CLEAR, HandState.IDLE), Limits(0, 600, 2400, 33)):
            host.line.inject(encode_frame(make_frame(wrong, session, seq)))

    host.line.write = answered_wrongly  # type: ignore[method-assign]
    with pytest.raises(LinkLost, match="no answer to ARM"):
        host.link.arm()


def test_one_failed_write_does_not_keep_stop_from_the_hand(armed: Host) -> None:
    write, failed = armed.line.write, []

    def fails_once(data: bytes) -> None:
        if not failed:
            failed.append(data)
            raise LinkLost("bench: lost")
        write(data)

    armed.line.write = fails_once  # type: ignore[method-assign]
    armed.link.stop()
    assert armed.line.count(MessageType.STOP) == 2
    assert armed.hand.state is HandState.IDLE


def test_connecting_again_stops_the_hand_first(armed: Host) -> None:
    lose_next(armed, MessageType.HELLO, 100)
    with pytest.raises(LinkLost):
        armed.link.connect(timeout=0.1)
    assert armed.hand.state is HandState.IDLE


def test_arming_that_is_not_answered_is_taken_back(host: Host) -> None:
    host.link.connect()
    host.line.mute = True
    with pytest.raises(LinkLost, match="no answer to ARM"):
        host.link.arm()
    assert host.hand.state is HandState.IDLE


def test_unhealthy_ticks_send_nothing_and_the_hand_stops(armed: Host) -> None:
    armed.link.act(HandAction.FIST, ttl_ms=5000)
    armed.run(5)
    sent = len(armed.line.sent)
    for _ in range(13):
        armed.link.act(HandAction.OPEN)
        armed.run(1, healthy=False)
    assert len(armed.line.sent) == sent
    armed.run(2, healthy=False)
    assert armed.link.state.state is HandState.FAILSAFE
    assert armed.link.state.fault is Fault.LINK_SILENT
    armed.run(2)
    assert len([frame for frame in armed.line.sent if frame.type == MessageType.ACTION]) == 1


def test_failsafe_is_surfaced_and_left_by_a_new_session(armed: Host) -> None:
    armed.run(15, healthy=False)
    armed.link.act(HandAction.GRIP)
    armed.run(3)
    assert armed.link.stats.nacks == 1
    assert armed.link.refusals == {NackCode.LATCHED: 1}
    assert armed.link.last_refusal == Nack(NackCode.LATCHED, MessageType.ACTION)
    assert armed.link.events[-1].kind is EventKind.STATE_CHANGED
    with pytest.raises(Refused, match="LATCHED; look why it stopped"):
        armed.link.arm()
    armed.link.connect()
    armed.link.arm()
    assert armed.link.state.state is HandState.ARMED
    assert armed.link.state.attached


def test_newest_request_wins(armed: Host) -> None:
    armed.link.act(HandAction.FIST)
    armed.link.act(HandAction.OPEN)
    armed.link.act(HandAction.GRIP)
    armed.run(2)
    assert [frame.payload[0] for frame in armed.line.sent if frame.type == MessageType.ACTION] == [
        HandAction.GRIP
    ]


def lose_next(host: Host, kind: MessageType, count: int) -> None:
    lost = [0]

    def lose(frame: Frame) -> bool:
        if frame.type == kind and lost[0] < count:
            lost[0] += 1
            return True
        return False

    host.line.lose = lose


@pytest.mark.parametrize("lost", [1, 2])
def test_lost_requests_are_repeated(armed: Host, lost: int) -> None:
    lose_next(armed, MessageType.ACTION, lost)
    armed.link.act(HandAction.FIST, ttl_ms=1000)
    armed.run(15)
    assert armed.link.state.action is HandAction.FIST
    stats = armed.link.stats
    assert (stats.retries, stats.unanswered) == (lost, 0)
    requests = [frame for frame in armed.line.sent if frame.type == MessageType.ACTION]
    assert len(requests) == lost + 1
    assert len(set(requests)) == 1, "repeated byte for byte"


def test_three_tries_then_given_up(armed: Host) -> None:
    lose_next(armed, MessageType.ACTION, 99)
    armed.link.act(HandAction.FIST)
    armed.run(30)
    assert armed.line.count(MessageType.ACTION) == TRIES
    assert armed.link.stats.unanswered == 1
    assert armed.link.state.state is HandState.ARMED


def test_newer_request_replaces_one_that_is_not_answered(armed: Host) -> None:
    lose_next(armed, MessageType.ACTION, 1)
    armed.link.act(HandAction.FIST)
    armed.run(1)
    armed.link.act(HandAction.GRIP, ttl_ms=1000)
    armed.run(1)
    assert armed.line.count(MessageType.ACTION) == 1, "one in flight"
    armed.run(5)
    assert [frame.payload[0] for frame in armed.line.sent if frame.type == MessageType.ACTION] == [
        HandAction.FIST,
        HandAction.GRIP,
    ]
    assert armed.link.state.action is HandAction.GRIP


def test_lost_answer_does_not_act_twice(armed: Host) -> None:
    armed.run(5)
    armed.link.act(HandAction.FIST, ttl_ms=5000)
    armed.link.service(True)
    armed.line.read()
    armed.run(10)
    assert armed.link.stats.retries == 1
    armed.link.clear()
    assert armed.link.state.action is HandAction.FIST


def test_stop_goes_out_three_times_at_once(armed: Host) -> None:
    armed.link.act(HandAction.FIST, ttl_ms=5000)
    armed.run(5)
    armed.link.act(HandAction.OPEN)
    armed.link.stop()
    assert [frame.type for frame in armed.line.sent[-3:]] == [MessageType.STOP] * 3
    assert armed.hand.state is HandState.IDLE
    held = armed.hand.pulses
    armed.run(20)
    assert armed.link.state.state is HandState.IDLE
    assert armed.hand.pulses == held
    assert armed.line.count(MessageType.ACTION) == 1
    armed.link.arm()
    assert armed.link.state.state.armed


def test_stop_works_when_two_of_three_are_lost(armed: Host) -> None:
    lose_next(armed, MessageType.STOP, 2)
    armed.link.stop()
    assert armed.hand.state is HandState.IDLE


def test_silent_hand_is_lost_after_half_a_second(armed: Host) -> None:
    armed.run(5)
    armed.line.mute = True
    armed.line.read()
    start = armed.line.clock()
    with pytest.raises(LinkLost, match=r"silent for 0\.5 s; check cable"):
        armed.run(100)
    assert 0.4 < armed.line.clock() - start < 0.55


def test_a_slow_loop_is_not_taken_for_a_silent_hand(host: Host) -> None:
    host.link.connect()
    host.line.sleep(3.0)
    host.link.service(True)


def test_restarted_hand_is_noticed(armed: Host, new_hand: NewHand) -> None:
    armed.run(5)
    armed.line.hand = new_hand()
    armed.link.act(HandAction.GRIP)
    with pytest.raises(LinkLost, match="no longer knows this session"):
        armed.run(3)


def test_second_host_takes_the_hand_and_disarms_it(armed: Host) -> None:
    armed.link.act(HandAction.FIST, ttl_ms=5000)
    armed.run(5)
    second = Host(armed.hand, seed=2)
    second.link.connect()
    assert armed.hand.state is HandState.IDLE
    armed.link.act(HandAction.OPEN)
    with pytest.raises(LinkLost, match="another host took over"):
        armed.run(3)
    second.link.arm()


def test_frames_of_others_are_counted_and_ignored(armed: Host) -> None:
    armed.run(2)
    before = armed.link.state
    session = armed.line.sent[-1].session
    foreign = Frame(MessageType.STATE, session % 255 + 1, 0, bytes([5, 0, 1, 0] + [0] * 8 + [1, 0, 0]))
    ill = Frame(MessageType.STATE, session, 0, b"\x63")
    echo = Frame(MessageType.BEAT, session, 0)
    stray = make_frame(Ack(MessageType.ARM, HandState.ESTOP), session, 200)
    armed.line.inject(b"".join(map(encode_frame, (foreign, ill, echo, stray))) + b"\0\x07\x55\x55\0")
    armed.link.service(True)
    assert armed.link.state == before
    assert armed.link.stats.bad_frames == 4


def test_narrowing(host: Host) -> None:
    host.link.connect()
    host.link.narrow(Limits(0, 1200, 1400, 10), Limits(1, 1200, 1400, 10))
    assert host.link.limits(0) == Limits(0, 1200, 1400, 10)
    with pytest.raises(Refused, match=r"CONFIG: VALUE \(payload byte 0\)") as failure:
        host.link.narrow(Limits(0, 1100, 1400, 10))
    assert failure.value.code is NackCode.VALUE
    host.link.arm()
    with pytest.raises(Refused, match="ARMED; stop the hand first"):
        host.link.narrow(Limits(0, 1250, 1300, 10))


def test_estop(armed: Host) -> None:
    armed.hand.estop(True)
    armed.run(4)
    assert armed.link.state.state is HandState.ESTOP
    armed.link.connect()
    with pytest.raises(Refused, match="ESTOP; release the emergency stop"):
        armed.link.arm()


def test_unsupported_action_is_counted(armed: Host) -> None:
    armed.link.act(HandAction.WRIST_ULNAR)
    armed.run(2)
    assert armed.link.refusals == {NackCode.UNSUPPORTED: 1}
    assert armed.link.state.state is HandState.ARMED


def test_bad_arguments_are_refused_here(armed: Host) -> None:
    with pytest.raises(ProtocolError, match="speed is 0"):
        armed.link.act(HandAction.GRIP, speed=0)
    with pytest.raises(ProtocolError, match="ttl_ms is 70000"):
        armed.link.act(HandAction.GRIP, ttl_ms=70000)


def test_close_stops_the_hand(armed: Host) -> None:
    with armed.link:
        armed.link.act(HandAction.FIST, ttl_ms=5000)
        armed.run(5)
    assert armed.hand.state is HandState.IDLE
    assert armed.line.closed
    assert armed.line.count(MessageType.STOP) == 3


def test_close_does_not_wait_long_for_a_dead_hand(armed: Host) -> None:
    armed.line.mute = True
    start = armed.line.clock()
    armed.link.close()
    assert armed.line.clock() - start < 0.11
    assert armed.line.closed


def test_stats(armed: Host) -> None:
    armed.run(2)
    for _ in range(10):
        armed.link.act(HandAction.GRIP)
        armed.run(5)
    stats = armed.link.stats
    assert stats.sent == stats.acked == 13  # HELLO, GET, ARM and ten actions
    assert (stats.nacks, stats.retries, stats.unanswered, stats.crc_errors, stats.bad_frames) == (
        0,
        0,
        0,
        0,
        0,
    )
    assert stats.states >= 20
    assert stats.rtt_ms_p50 is not None
    assert stats.rtt_ms_p50 == pytest.approx(20, abs=0.1), "not below the tick"
    assert armed.link.ping() < REPLY_S * 1000


def test_noisy_line(armed: Host) -> None:
    """A tenth of the bytes of the hand and of the frames of the host are spoilt: nothing is invented."""
    rng = random.Random(3)
    armed.line.lose = lambda frame: rng.random() < 0.1
    for tick in range(500):
        if tick % 10 == 0:
            armed.link.act(HandAction.FIST if tick % 100 < 50 else HandAction.OPEN, ttl_ms=400)
        spoilt = bytes(b ^ 1 << rng.randrange(8) if rng.random() < 0.01 else b for b in armed.line.read())
        armed.line.inject(spoilt)
        armed.run(1)
    assert armed.link.stats.bad_frames > 0
    assert armed.link.stats.retries > 0
    assert armed.link.state.state.armed
