"""Sessions, sequence numbers, duplicates, and the counters in STATE."""

from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import replace

import pytest
from hand_client import Client
from rig import FRAME_MS, Profile

from hand_contract.base import (
    LONG_MS,
    Contract,
    everywhere,
    nothing_changes,
    put_into,
    reason,
    stay,
    wide_action,
)
from neurograsp.firmware_bridge.frames import VERSION, crc16, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Arm,
    Beat,
    Caps,
    Clear,
    Event,
    Get,
    HandState,
    HandStatus,
    Hello,
    Message,
    MessageType,
    Nack,
    NackCode,
    Stop,
    Topic,
    make_frame,
)

REQUESTS: dict[str, Callable[[Profile], Message]] = {
    "config": stay,
    "arm": lambda _: Arm(),
    "action": lambda profile: wide_action(profile, 1),
    "joints": lambda profile: everywhere(profile, "max_us", 1),
    "clear": lambda _: Clear(),
    "get caps": lambda _: Get(Topic.CAPS),
    "get limits": lambda _: Get(Topic.LIMITS),
}


class Sessions(Contract):
    @pytest.mark.parametrize("state", [HandState.IDLE, HandState.ARMED, HandState.ESTOP])
    @pytest.mark.parametrize("name", REQUESTS)
    def test_a_duplicate_gets_the_same_answer(self, hand: Client, state: HandState, name: str) -> None:
        put_into(hand, state)
        message = REQUESTS[name](hand.rig.profile)
        first = hand.ask(message)
        hand.run(2 * FRAME_MS + hand.rig.slack_ms)
        for _ in range(3):
            with nothing_changes(hand):
                assert hand.ask(message, seq=hand.seq) == first

    def test_a_duplicate_acts_once(self, hand: Client) -> None:
        hand.arm()
        command = everywhere(hand.rig.profile, "max_us", 1, ttl_ms=200)
        first = hand.ask(command)
        hand.keep_alive(120)
        start_ms = hand.now_ms
        assert hand.ask(command, seq=hand.seq) == first == Ack(command.type, HandState.MOVING)
        hand.wait_for(HandState.HOLD, 200)
        assert hand.now_ms - start_ms < 100 + 2 * hand.rig.slack_ms, "its time to live ran from the first"

    def test_the_last_number_on_another_request_is_refused(self, hand: Client) -> None:
        put_into(hand, HandState.ARMED)
        for first in (Clear(), everywhere(hand.rig.profile, "min_us", ttl_ms=65535)):
            hand.ask(first)
            for other in (Arm(), Get(Topic.CAPS), wide_action(hand.rig.profile)):
                with nothing_changes(hand):
                    assert reason(hand.ask(other, seq=hand.seq)) is NackCode.SEQUENCE

    @pytest.mark.parametrize("ahead", [1, 2, 64, 126, 127])
    def test_numbers_may_skip(self, hand: Client, ahead: int) -> None:
        hand.connect()
        for _ in range(3):
            assert isinstance(hand.ask(Clear(), seq=(hand.seq + ahead) % 256), Ack)
            hand.seq = (hand.seq + ahead) % 256

    @pytest.mark.parametrize("ahead", [128, 129, 200, 254, 255])
    def test_old_numbers_are_refused_and_not_used_up(self, hand: Client, ahead: int) -> None:
        put_into(hand, HandState.ARMED)
        for _ in range(2):
            with nothing_changes(hand):
                answer = hand.ask(wide_action(hand.rig.profile), seq=(hand.seq + ahead) % 256)
                assert reason(answer) is NackCode.SEQUENCE

    def test_numbers_wrap(self, hand: Client) -> None:
        hand.connect()
        for _ in range(300):
            assert isinstance(hand.ask(Clear()), Ack)

    def test_a_refused_request_has_used_up_its_number(self, hand: Client) -> None:
        put_into(hand, HandState.ARMED)
        refused = hand.ask_raw(0x20)
        assert reason(refused) is NackCode.TYPE
        assert reason(hand.ask(Clear(), seq=hand.seq)) is NackCode.SEQUENCE
        assert isinstance(hand.ask(Clear()), Ack)

    @pytest.mark.parametrize("state", [HandState.IDLE, HandState.MOVING])
    def test_other_sessions_are_refused(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        for session in (0, hand.session - 1, hand.session + 1, 255):
            for message in (Arm(), Clear(), wide_action(hand.rig.profile)):
                with nothing_changes(hand):
                    assert reason(hand.ask(message, session)) is NackCode.SESSION

    def test_hello(self, hand: Client) -> None:
        assert reason(hand.ask(Hello(), session=0)) is NackCode.SESSION
        caps = hand.connect()
        assert isinstance(caps, Caps)
        assert hand.ask(Hello(), seq=hand.seq) == caps, "a duplicate"
        assert reason(hand.ask(Hello())) is NackCode.SESSION, "in use"
        assert isinstance(hand.ask(Clear()), Ack)
        for _ in range(16):  # either of the two CRCs may be the greater
            assert isinstance(hand.ask(Clear()), Ack)
            assert reason(hand.ask(Hello(), seq=hand.seq)) is NackCode.SESSION, "no duplicate of CLEAR"

    @pytest.mark.parametrize("state", HandState)
    def test_a_refused_hello_changes_nothing(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        with nothing_changes(hand):
            assert reason(hand.ask(Hello(), session=0)) is NackCode.SESSION
            assert reason(hand.ask_raw(MessageType.HELLO, b"\0")) is NackCode.LENGTH
            if state is not HandState.BOOT:
                assert reason(hand.ask(Hello())) is NackCode.SESSION
        in_session = state is not HandState.BOOT
        assert isinstance(hand.ask(Clear()), Ack) == in_session

    def test_a_request_with_the_crc_of_the_last_is_no_duplicate(self, hand: Client) -> None:
        action = wide_action(hand.rig.profile)
        put_into(hand, HandState.IDLE)  # to search takes longer than the watchdog
        clear = hand.seq + 2
        last = crc16(bytes([VERSION, Clear.type, hand.session, clear]))
        commands = (
            replace(action, speed=speed, ttl_ms=ttl_ms)
            for speed in range(1, 101)
            for ttl_ms in range(LONG_MS, 2 * LONG_MS)
        )
        head = bytes([VERSION, action.type, hand.session, clear + 1])
        same = next(each for each in commands if crc_hqx(head + each.pack(), 0xFFFF) == last)
        hand.arm().ask(Clear())
        assert hand.seq == clear
        assert hand.ask(same) == Ack(action.type, HandState.MOVING)

    @pytest.mark.parametrize("state", HandState)
    def test_each_request_is_answered_once(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        for message, session in (
            (Hello(), 0),
            (Hello(), hand.session),
            (Clear(), 99),
            (Stop(), 99),
            (Clear(), hand.session),
            (Get(Topic.STATE), hand.session),
            (wide_action(hand.rig.profile), hand.session),
        ):
            hand.heard.clear()
            hand.ask(message, session)
            hand.run(FRAME_MS + hand.rig.slack_ms)
            answers = [each for each in hand.heard if not isinstance(each.message, HandStatus | Event)]
            assert len(answers) == 1, message

    def test_before_a_session_there_is_none(self, hand: Client) -> None:
        hand.tell(Beat(), session=0)
        for session in (0, 1, 255):
            assert reason(hand.ask(Arm(), session)) is NackCode.SESSION
        assert isinstance(hand.ask(Stop(), session=0), Ack)
        hand.run(200)
        assert all(isinstance(heard.message, Nack | Ack) for heard in hand.heard)

    def test_every_session_number(self, hand: Client) -> None:
        for session in (1, 2, 127, 128, 254, 255, 1):
            assert isinstance(hand.connect(session), Caps)
            assert isinstance(hand.ask(Clear()), Ack)

    def test_state_counts_what_was_received_and_clear_zeroes_it(self, hand: Client) -> None:
        hand.connect()
        hand.ask(Clear())
        good = encode_frame(make_frame(Clear(), 99, 0))
        spoilt = good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]
        hand.send(spoilt * 2 + b"\2\0" * 3 + b"\x55" * 60 + b"\0")
        for _ in range(4):
            hand.ask(Clear(), session=99)
        hand.ask(Get(Topic.CAPS))
        for _ in range(5):
            hand.ask(Get(Topic.CAPS), seq=hand.seq)
        status = hand.status()
        assert (status.frames, status.errors) == (4 + 1 + 5, 2 + 3 + 1)
        assert (status.refusals, status.duplicates) == (4, 5)
        hand.ask(Clear())
        status = hand.status()
        assert (status.frames, status.errors, status.refusals, status.duplicates) == (0, 0, 0, 0)

    def test_a_refused_clear_zeroes_nothing(self, hand: Client) -> None:
        hand.connect()
        hand.ask(Hello(), seq=hand.seq)
        assert reason(hand.ask_raw(MessageType.CLEAR, b"\0")) is NackCode.LENGTH
        status = hand.status()
        assert (status.frames, status.duplicates, status.refusals) == (3, 1, 1)

    def test_a_duplicate_hello_is_counted(self, hand: Client) -> None:
        hand.connect()
        hand.ask(Hello(), seq=hand.seq)
        assert hand.status().duplicates == 1

    def test_answers_carry_the_numbers_of_their_request(self, hand: Client) -> None:
        hand.connect()
        hand.ask(Arm(), session=7, seq=200)
        assert (hand.heard[-1].session, hand.heard[-1].seq) == (7, 200)
        for heard in hand.heard[-1:]:
            assert isinstance(heard.message, Nack)
