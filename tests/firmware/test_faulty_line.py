"""The line that other tests spoil frames with does what it says, and the same again for the same seed."""

import random
from collections import Counter

import pytest
from faulty_line import CUT, PERFECT, Faults, FaultyLine

FRAMES = [b"\0" + f"{number:04}".encode() + b"\0" for number in range(4000)]


def carried(faults: Faults, seed: int = 1) -> bytes:
    line = FaultyLine(random.Random(seed), faults)
    for frame in FRAMES:
        line.put(frame, 0.0)
    return line.take(1e9)


def frames_of(data: bytes) -> list[bytes]:
    return [b"\0" + piece + b"\0" for piece in data.split(b"\0") if piece]


def test_a_perfect_line_carries_every_byte_at_once_however_it_is_cut() -> None:
    data = b"".join(FRAMES[:50])
    line, out = FaultyLine(random.Random(1)), b""
    for at, byte in enumerate(data):
        line.put(bytes([byte]), at)
        out += line.take(at)
    assert out == data
    assert carried(PERFECT) == b"".join(FRAMES)


def test_a_cut_line_carries_nothing() -> None:
    assert carried(CUT) == b""


def test_bits_are_turned_over_as_often_as_asked() -> None:
    data, spoilt = b"".join(FRAMES), carried(Faults(flip=1e-3))
    assert len(spoilt) == len(data)
    turned = sum((a ^ b).bit_count() for a, b in zip(data, spoilt))
    assert turned == pytest.approx(8 * len(data) * 1e-3, rel=0.2)


@pytest.mark.parametrize(
    ("faults", "times"),
    [(Faults(drop=0.25), {0: 0.25, 1: 0.75}), (Faults(duplicate=0.25), {1: 0.75, 2: 0.25})],
)
def test_frames_are_lost_and_repeated_as_often_as_asked(faults: Faults, times: dict[int, float]) -> None:
    came = Counter(frames_of(carried(faults)))
    found = Counter(came[frame] for frame in FRAMES)
    assert found.keys() == times.keys()
    for often, share in times.items():
        assert found[often] / len(FRAMES) == pytest.approx(share, abs=0.03)


def test_a_swapped_frame_comes_after_the_next_one() -> None:
    came = frames_of(carried(Faults(swap=0.25)))
    assert len(came) >= len(FRAMES) - 1
    for at, frame in enumerate(came):
        assert abs(FRAMES.index(frame) - at) <= 1
    assert sum(frame != FRAMES[at] for at, frame in enumerate(came)) > 1000


def test_late_frames_keep_their_order_and_are_never_later_than_asked() -> None:
    line = FaultyLine(random.Random(1), Faults(delay_ms=30, stall_ms=100))
    came: list[tuple[int, bytes]] = []
    for now in range(600):
        if now < 400:
            line.put(FRAMES[now], now)
        came += [(now, frame) for frame in frames_of(line.take(now))]
    assert [frame for _, frame in came] == FRAMES[:400]
    late = [now - sent for sent, (now, _) in enumerate(came)]
    assert min(late) >= 100
    assert max(late) == 130 or max(late) == 129
    assert len(set(late)) > 10


def test_the_same_seed_spoils_the_same() -> None:
    faults = Faults(flip=1e-3, drop=0.1, duplicate=0.1, swap=0.1, delay_ms=10)
    assert carried(faults, 7) == carried(faults, 7)
    assert carried(faults, 7) != carried(faults, 8)
