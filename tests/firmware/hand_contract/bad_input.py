"""What is not a good request: a clear answer or none, counted, and nothing moves."""

import json
from pathlib import Path

import pytest
from hand_client import Client
from rig import FRAME_MS, Profile

from hand_contract.base import ARMED, LATCHED, Contract, nothing_changes, put_into
from neurograsp.firmware_bridge import frames
from neurograsp.firmware_bridge.frames import PAYLOAD_MAX, Frame, cobs_encode, crc16, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Beat,
    Clear,
    HandAction,
    HandState,
    MessageType,
    Nack,
    NackCode,
)

BROKEN = json.loads((Path(frames.__file__).parent / "vectors.json").read_text())["broken"]
COMMANDS = (MessageType.ACTION, MessageType.JOINTS)
LENGTHS = {
    MessageType.HELLO: {0},
    MessageType.CONFIG: {7, 14, 21, 28},
    MessageType.ARM: {0},
    MessageType.ACTION: {5},
    MessageType.JOINTS: {4},  # of an empty mask, which is what `wrong_lengths` sends
    MessageType.CLEAR: {0},
    MessageType.GET: {2},
}


def wrong_lengths() -> list[tuple[int, bytes]]:
    """Every request with every payload length that it does not have."""
    return [
        (kind, bytes(length))
        for kind, right in LENGTHS.items()
        for length in range(PAYLOAD_MAX + 1)
        if length not in right
    ]


def wrong_values(profile: Profile) -> list[tuple[int, bytes, NackCode, int]]:
    """Type, payload, code and offset of requests of the right length with one thing wrong in them."""
    joints = len(profile.joints)
    lacking = next((action for action in HandAction if action not in profile.poses), None)
    ttl = profile.max_ttl_ms + 1
    target = profile.joints[0].rest_us.to_bytes(2, "little")
    action, value = MessageType.ACTION, NackCode.VALUE
    known = next(iter(profile.poses))
    wrong: list[tuple[int, bytes, NackCode, int]] = [
        *((action, bytes([number, 50, 100, 200, 0]), value, 0) for number in (16, 17, 127, 128, 255)),
        *((action, bytes([known, speed, 100, 200, 0]), value, 1) for speed in (0, 101, 255)),
        *((action, bytes([known, 50, force, 200, 0]), value, 2) for force in (0, 101, 255)),
        *((action, bytes([known, 50, 100]) + t.to_bytes(2, "little"), value, 3) for t in (0, ttl, 0xFFFF)),
        (MessageType.JOINTS, bytes([0, 50, 200, 0]), value, 0),
        *((MessageType.JOINTS, bytes([1, speed, 200, 0]) + target, value, 1) for speed in (0, 101, 255)),
        *(
            (MessageType.JOINTS, bytes([1, 50]) + t.to_bytes(2, "little") + target, value, 2)
            for t in (0, ttl, 0xFFFF)
        ),
        *(
            (MessageType.JOINTS, bytes([1 << joint, 50, 200, 0]) + us, value, 4)
            for joint in range(joints, 8)
            for us in (target, b"\0\0")
        ),
        *(
            (MessageType.CONFIG, bytes([joint]) + target + target + b"\1\0", value, 0)
            for joint in {joints, 127, 128, 255}
        ),
        *((MessageType.GET, bytes([topic, 0]), value, 0) for topic in (3, 4, 127, 128, 255)),
        *((MessageType.GET, bytes([2, joint]), value, 1) for joint in {joints, 127, 128, 255}),
        *((MessageType.GET, bytes([topic, 1]), value, 1) for topic in (0, 1)),
    ]
    if lacking is not None:
        wrong.append((action, bytes([lacking, 50, 100, 200, 0]), NackCode.UNSUPPORTED, 0))
    return wrong


def refusal_of_state(state: HandState, kind: int) -> NackCode | None:
    """What is wrong already, before anyone looks at the values."""
    if state is HandState.BOOT:
        return NackCode.SESSION
    if kind == MessageType.CONFIG and state in ARMED:
        return NackCode.ARMED
    if kind in COMMANDS and state not in ARMED:
        return NackCode.LATCHED if state in LATCHED else NackCode.NOT_ARMED
    return None


def spoilt() -> list[bytes]:
    """What is not a frame at all."""
    requests = [
        encode_frame(Frame(kind, 42, 99, bytes(min(LENGTHS.get(kind, {0})))))
        for kind in MessageType
        if kind < MessageType.CAPS
    ]
    wrong_crc = [data[:-2] + bytes([data[-2] ^ 0x81 or 0x55]) + b"\0" for data in requests]
    long = [b"\0" + body(PAYLOAD_MAX + more) + b"\0" for more in (1, 2, 100, 200)]
    return [*wrong_crc, *long, b"\0" + b"\x55" * 1000 + b"\0"]


def body(size: int) -> bytes:
    """An ACTION with a payload of `size` bytes and a right CRC, encoded."""
    raw = bytes([frames.VERSION, MessageType.ACTION, 42, 99]) + bytes([1, 50, 100, 200]) + b"\1" * (size - 4)
    return cobs_encode(raw + crc16(raw).to_bytes(2, "little"))


class BadInput(Contract):
    @pytest.mark.parametrize("state", HandState)
    def test_unknown_versions(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        with nothing_changes(hand):
            for version in (0, 2, 3, 127, 128, 255):
                hand.tell(Beat())
                for kind in (
                    MessageType.HELLO,
                    MessageType.ARM,
                    MessageType.BEAT,
                    MessageType.ACTION,
                    MessageType.STOP,
                    0x55,
                ):
                    answer = hand.ask_raw(kind, b"\1\2", version)
                    assert answer == Nack(NackCode.VERSION, kind, (1, 1))

    @pytest.mark.parametrize("state", HandState)
    def test_unknown_types(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        code = NackCode.SESSION if state is HandState.BOOT else NackCode.TYPE
        with nothing_changes(hand):
            for kind in (0, 10, 11, 0x20, 0x7E, 0x7F):
                hand.tell(Beat())
                for payload in (b"", bytes(PAYLOAD_MAX)):
                    assert hand.ask_raw(kind, payload) == Nack(code, kind)

    @pytest.mark.parametrize("state", HandState)
    def test_wrong_lengths(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        with nothing_changes(hand):
            for kind, payload in wrong_lengths():
                hand.tell(Beat())
                boot = state is HandState.BOOT and kind != MessageType.HELLO
                code = NackCode.SESSION if boot else NackCode.LENGTH
                assert hand.ask_raw(kind, payload) == Nack(code, kind)

    @pytest.mark.parametrize("state", HandState)
    def test_values_out_of_range(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        with nothing_changes(hand):
            for kind, payload, code, offset in wrong_values(hand.rig.profile):
                hand.tell(Beat())
                before = refusal_of_state(state, kind)
                expected = Nack(code, kind, (offset, 0)) if before is None else Nack(before, kind)
                assert hand.ask_raw(kind, payload) == expected, payload

    @pytest.mark.parametrize("state", HandState)
    def test_spoilt_frames_are_dropped_and_counted(self, hand: Client, state: HandState) -> None:
        put_into(hand, state)
        if state is not HandState.BOOT:
            hand.ask(Clear())
        hand.heard.clear()
        bad = [*spoilt(), *(bytes.fromhex(vector["hex"]) for vector in BROKEN)]
        with nothing_changes(hand):
            for data in bad:
                hand.send(data)
                hand.tell(Beat())  # which also ends the one that never ends
                hand.drain()
        assert {heard.message.type for heard in hand.heard} <= {MessageType.STATE}
        if state is HandState.BOOT:
            hand.connect()
        status = hand.status()
        assert status.errors == sum(any(data) for data in bad)

    def test_empty_frames_are_no_frames_and_no_errors(self, hand: Client) -> None:
        put_into(hand, HandState.ARMED)
        hand.ask(Clear())
        frames_before = hand.status()
        hand.heard.clear()
        with nothing_changes(hand):
            hand.send(b"\0" * 300)
        assert {heard.message.type for heard in hand.heard} <= {MessageType.STATE}
        status = hand.status()
        assert (status.errors, status.refusals) == (0, 0)
        assert status.frames - frames_before.frames == 1, "the BEAT"

    def test_the_next_frame_after_any_noise_is_taken(self, hand: Client) -> None:
        put_into(hand, HandState.ARMED)
        for noise in (b"\x01", b"\xff" * 38, b"\xff" * 39, b"\xff" * 40, b"\xff" * 300, b"\x05\x01\x02"):
            hand.send(noise)
            assert isinstance(hand.ask(Clear()), Ack)

    def test_frames_of_the_hand_itself_are_ignored(self, hand: Client) -> None:
        put_into(hand, HandState.ARMED)
        hand.heard.clear()
        with nothing_changes(hand):
            for kind in range(0x80, 0x100):
                hand.send(encode_frame(Frame(kind, hand.session, 7, b"\1\2")))
                if kind % 16 == 0:
                    hand.tell(Beat())
                    hand.run(FRAME_MS)
        assert {heard.message.type for heard in hand.heard} <= {MessageType.STATE}
