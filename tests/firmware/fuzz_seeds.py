"""Sessions in the language of `extras/test/fuzz_sessions.c`, for fuzzers to begin with.

python tests/firmware/fuzz_seeds.py FOLDER
"""

import random
import sys
from pathlib import Path

from core_bench import PROFILES

from neurograsp.firmware_bridge.codes import HandAction, HandInput

WAIT, HELLO, CONFIG, ARM, BEAT, ACTION, JOINTS, STOP, CLEAR, GET, ANY, NOISE, REPLAY, INPUTS, JUMP, RESET = (
    range(16)
)
SAME_SEQ, OLD_SEQ, SKIP_SEQ, OTHER_SESSION, DAMAGED = 0x10, 0x20, 0x30, 0x40, 0x80
WAIT_MS = 4


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def wait(ms: int) -> bytes:
    return bytes([WAIT, 255]) * (ms // (255 * WAIT_MS)) + bytes([WAIT, ms // WAIT_MS % 255])


def hello(session: int) -> bytes:
    return bytes([HELLO, session])


def act(action: HandAction, ttl_ms: int = 5000, speed: int = 100) -> bytes:
    return bytes([ACTION, action, speed]) + u16(ttl_ms)


def joints(targets_us: dict[int, int], ttl_ms: int = 5000) -> bytes:
    mask = sum(1 << joint for joint in targets_us)
    pulses = b"".join(u16(us - 990) for _, us in sorted(targets_us.items()))
    return bytes([JOINTS, mask, 100]) + u16(ttl_ms) + pulses


def config(joint: int, low_us: int, high_us: int, rate_us: int) -> bytes:
    return bytes([CONFIG, joint]) + u16(low_us - 990) + u16(high_us - 1290) + u16(rate_us)


def inputs(active: HandInput) -> bytes:
    return bytes([INPUTS, active])


def jump(ms: int) -> bytes:
    return bytes([JUMP]) + ms.to_bytes(4, "little")


def alive(ms: int) -> bytes:
    return (wait(48) + bytes([BEAT])) * (ms // 48)


UP = hello(1) + bytes([ARM])
FIST = act(HandAction.FIST)
AGAIN = hello(2) + bytes([ARM])
SESSIONS = {
    "grasp": UP + FIST + alive(700) + act(HandAction.OPEN) + alive(700) + bytes([STOP]),
    "silence": UP + FIST + wait(400) + AGAIN + FIST + wait(3000) + AGAIN,
    "short_ttl": UP + act(HandAction.FIST, 100, 20) + alive(300) + act(HandAction.HOLD, 60) + alive(200),
    "joints": UP + joints({0: 1100}) + alive(300) + joints({0: 1900}) + alive(1000),
    "narrowed": hello(1) + config(0, 1100, 1400, 5) + bytes([ARM]) + FIST + alive(900),
    "estop": UP + FIST + alive(96) + inputs(HandInput.ESTOP) + wait(40) + inputs(HandInput(0)) + AGAIN + FIST,
    "stall": UP + FIST + inputs(HandInput.STALL) + alive(700) + inputs(HandInput(0)) + AGAIN + FIST,
    "battery": UP + inputs(HandInput.BATTERY_LOW) + alive(1500) + AGAIN + inputs(HandInput(0)) + AGAIN,
    "duplicates": UP + FIST + (bytes([REPLAY, 0]) + wait(96)) * 4 + bytes([BEAT, BEAT | SAME_SEQ]) * 3,
    "old": UP + bytes([GET | OLD_SEQ, 3, 0, 0, GET | SKIP_SEQ, 9, 1, 0, BEAT | OLD_SEQ, 1]) + wait(300),
    "two_hosts": UP + FIST + alive(96) + AGAIN + FIST + bytes([GET | OTHER_SESSION, 1, 0, 0]) + alive(96),
    "reset": UP + FIST + alive(96) + bytes([RESET, 1]) + wait(40) + AGAIN + FIST + alive(96),
    "wrap": jump(2**32 - 200) + UP + FIST + alive(1000) + wait(3000),
    "asleep": UP + FIST + jump(2**32 - 249),
    "jumps": UP + FIST + jump(249) + bytes([BEAT]) + jump(250) + AGAIN + jump(60_000) + UP,
    "noise": UP + bytes([NOISE, 6, 1, 2, 3, 0, 4, 0]) + bytes([ACTION | DAMAGED, 9, 100]) + b"\1\1\5\1",
    "idle": UP + bytes([STOP]) + wait(2400) + bytes([ARM]) + FIST + alive(200) + bytes([STOP, STOP, ARM]),
    "any": UP + bytes([ANY, 10, 1, 2, 7, 7, ANY, 3, 2, 0, ANY, 9, 1, 2, 2, 6, CLEAR]),
}


def seeds() -> dict[str, bytes]:
    """Every session on every profile: a byte for it and one for the clock, then the operations."""
    return {
        f"{name}_{profile}": bytes([profile, 20]) + session
        for name, session in SESSIONS.items()
        for profile in range(len(PROFILES))
    }


def medley(rng: random.Random, length: int = 12) -> bytes:
    """Sessions one after the other, cut short, and spoilt by bytes of no sense."""
    parts = [bytes([rng.randrange(len(PROFILES)), rng.randrange(256)])]
    for _ in range(length):
        session = rng.choice(list(SESSIONS.values()))
        parts.append(session[: rng.randrange(len(session) + 1)])
        parts.append(rng.randbytes(rng.choice([0, 0, 1, 3])))
    return b"".join(parts)


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
