"""What `ports --probe` says to whatever is there: every HELLO that may open a session, to every emulator
while it is driven. None moves, changes a setting, or is left with something that it would obey later."""

import copy
import itertools
import random
from typing import Any

import beetroot_hand
import pytest
from bench import Clock, EmulatedLine
from drivers import EMULATORS, hand_on

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.link import HandLink, may_open
from neurograsp.firmware_bridge.protocol import Hello, make_frame

TRIES = 9
"""Of `ports --probe`: one at once, eight when the board has booted."""
HEARD = {"_buffer", "_message", "bad"}
"""Of emulators: bytes that wait for the rest of a message, and those that nothing was made of."""

OPENINGS = [pair for pair in itertools.product(range(1, 256), range(256)) if may_open(*pair)]
HELLOS = [encode_frame(make_frame(Hello(), *pair)) for pair in OPENINGS]


def driven(profile: str) -> Any:
    """Its emulator, armed and in the middle of a movement when the computer died."""
    emulator, clock = EMULATORS[profile](), Clock()
    line = EmulatedLine(emulator, clock)
    hand = hand_on(line, profile, clock)
    hand.connect()
    hand.arm()
    joint = hand.ranges()[0]
    hand.move({0: (joint.low + joint.high) // 2})
    for _ in range(5):
        hand.service(True)
        line.sleep(0.02)
    return emulator


def state_of(thing: Any) -> Any:
    """All that a device keeps but what it has heard."""
    if isinstance(thing, dict):
        return {key: state_of(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [state_of(value) for value in thing]
    if hasattr(thing, "__dict__") and not callable(thing):
        return {name: state_of(value) for name, value in vars(thing).items() if name not in HEARD}
    return bytes(thing) if isinstance(thing, bytearray) else thing


@pytest.mark.parametrize("profile", sorted(EMULATORS))
def test_nothing_is_made_of_a_hello(profile: str) -> None:
    device = driven(profile)
    before = state_of(device)
    for hello in HELLOS:
        hearing = copy.deepcopy(device)
        for _ in range(TRIES):
            hearing.feed(hello)
        assert state_of(hearing) == before, hello.hex(" ")


@pytest.mark.parametrize(("profile", "numbers"), [("firmata_servos", (1, 1)), ("brunel", (1, 10))])
def test_something_is_made_of_others(profile: str, numbers: tuple[int, int]) -> None:
    device = driven(profile)
    before = state_of(device)
    device.feed(encode_frame(make_frame(Hello(), *numbers)) * TRIES)
    assert state_of(device) != before
    assert not may_open(*numbers)


def test_a_brunel_keeps_no_command_of_it_for_the_next_line() -> None:
    for hello in HELLOS:
        hand = beetroot_hand.BrunelHand()
        hand.feed(hello * TRIES)
        said = hand.feed(b"F1P80S9\n")
        assert "Finger: \t1" in said.decode(), hello.hex(" ")
        assert [finger.goals for finger in hand.fingers] == [[], [pytest.approx(788, abs=1)], [], []]


@pytest.mark.parametrize("profile", sorted(EMULATORS))
def test_its_own_driver_finds_it_after_a_hello(profile: str) -> None:
    for hello in HELLOS[::20]:
        emulator, clock = EMULATORS[profile](), Clock()
        line = EmulatedLine(emulator, clock)
        emulator.feed(hello * TRIES)
        hand_on(line, profile, clock).connect()


def test_numbers_are_enough_for_hosts_that_know_nothing_of_each_other() -> None:
    assert len({session for session, _ in OPENINGS}) == 87


class Deaf:
    """A transport to nobody."""

    url = "deaf"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def read(self) -> bytes:
        return b""

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(50))
def test_a_link_says_nothing_else_until_a_hand_has_answered(seed: int) -> None:
    line, clock = Deaf(), Clock()

    def sleep(seconds: float) -> None:
        clock.now += max(seconds, 0.01)

    link = HandLink(line, clock, random.Random(seed), sleep, boot_s=2.0)
    with pytest.raises(LinkLost, match="no answer to HELLO"):
        link.connect(0.5)
    link.close()
    assert len(line.sent) == TRIES
    assert set(line.sent) <= set(HELLOS)
    sessions = [FrameDecoder().feed(said)[0].session for said in line.sent]
    assert len(set(sessions)) == 2, "the board that has booted is not the one that heard the first"
