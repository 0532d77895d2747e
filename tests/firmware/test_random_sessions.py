"""Seeded random hosts, sane and insane, with the rules of the hand as the judge."""

import random
from collections.abc import Callable

import pytest
from core_bench import SERVO_FRAME_MS, Bench

from neurograsp.firmware_bridge.frames import Frame, encode_frame
from neurograsp.firmware_bridge.protocol import Caps, HandState, MessageType, Stop, make_frame

RATE = 33


def random_frame(rng: random.Random, hand: Bench) -> bytes:
    kind = rng.choice([2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 8, 9, rng.randrange(10), rng.randrange(256)])
    if kind == MessageType.ACTION:
        payload = bytes([rng.randrange(17), rng.randrange(1, 101), 100]) + rng.randrange(1, 3000).to_bytes(
            2, "little"
        )
    elif kind == MessageType.JOINTS:
        mask = rng.randrange(1, 128)
        payload = bytes([mask, rng.randrange(1, 101)]) + rng.randrange(1, 3000).to_bytes(2, "little")
        for _ in range(mask.bit_count()):
            payload += rng.choice([rng.randrange(1000, 2001), rng.randrange(990, 2010)]).to_bytes(2, "little")
    elif kind == MessageType.CONFIG:
        low = rng.randrange(990, 1300)
        numbers = (low, rng.randrange(low, 2010), rng.randrange(1, 40))
        payload = bytes([rng.randrange(8)]) + b"".join(number.to_bytes(2, "little") for number in numbers)
    elif kind == MessageType.GET:
        payload = bytes([rng.randrange(4), rng.randrange(8)])
    else:
        payload = b"" if rng.random() < 0.9 else rng.randbytes(rng.randrange(33))
    session = hand.session
    if kind == MessageType.HELLO or rng.random() < 0.05:
        session = rng.randrange(256)
    hand.seq = (hand.seq + rng.choice([1, 1, 1, 1, 1, 1, 0, 2, 255])) % 256
    return encode_frame(Frame(kind, session, hand.seq, payload, version=rng.choice([1] * 20 + [0, 2])))


def damage(rng: random.Random, data: bytes) -> bytes:
    roll = rng.random()
    if roll < 0.05:
        return rng.randbytes(rng.randrange(80))
    if roll < 0.10:
        at = rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if roll < 0.13:
        return data[: rng.randrange(len(data))]
    return data


def recover(hand: Bench, rng: random.Random) -> None:
    """What a sane host does now and then: a new session, and arm."""
    hand.bytes_in(encode_frame(make_frame(Stop(), 0, 0)))
    hand.estop(False)
    hand.connect(rng.choice([number for number in range(1, 256) if number != hand.session]))
    hand.arm()


def step(hand: Bench) -> bool:
    """One servo frame, judged; whether a joint has moved."""
    before, was = hand.pulses, hand.state
    hand.wait(SERVO_FRAME_MS)
    after = hand.pulses
    assert all(us == 0 or 1000 <= us <= 2000 for us in after)
    if after == before or not all(before) or not all(after):
        return False
    assert was is HandState.MOVING
    assert all(abs(b - a) <= RATE for a, b in zip(before, after, strict=True))
    return True


@pytest.mark.parametrize("seed", range(40))
def test_random_session(new_hand: Callable[..., Bench], seed: int) -> None:
    rng = random.Random(seed)
    hand = new_hand(rng.choice([0, 1000, 2**32 - 3000]))
    moves = 0
    for turn in range(400):
        if turn % 40 == 0:
            recover(hand, rng)
        for answer in hand.exchange(damage(rng, random_frame(rng, hand))):
            if isinstance(answer, Caps):
                hand.session = hand.received[-1][0]
        if rng.random() < 0.005:
            hand.estop(rng.random() < 0.7)
        for _ in range(rng.choice([0, 0, 1, 1, 2, 20 if rng.random() < 0.1 else 1])):
            moves += step(hand)
    assert moves > 10
    assert hand.faults == 0
    hand.estop(False)
    hand.wait(3000)
    assert not hand.attached
    assert not hand.state.armed
