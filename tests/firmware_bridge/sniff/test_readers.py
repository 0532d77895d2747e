"""What every driver and its emulator say to each other, read by somebody who only listens."""

import random
from collections.abc import Iterator

import pytest
from bench import Clock, EmulatedLine, Emulator
from drivers import EMULATORS, hand_on

from neurograsp.firmware_bridge.codes import HandAction
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.sniff.pieces import Conversation, Kind, Piece, Side
from neurograsp.firmware_bridge.sniff.readers import OWN_FIRMWARE, READERS

Said = list[tuple[float, Side, bytes]]

EXPECTED = {
    "ability_hand": (
        "hand 0x50: read only (answer 3)",
        "positions 20.0 25.0 30.0 35.0 15.0 -20.0, currents 62",
    ),
    "brunel": ("A6", "327,419,512,604,"),
    "firmata_servos": ("pin 3: what was it told?", "StandardFirmata.ino 2.5"),
    "inspire_rh56": ("hand 1: read 12 bytes of angle_act", "hand 1: angle_act 900 800 700 600 500 850"),
    "lx16a_fingers": ("servo 1: position_read", "servo 1: position_read 400"),
    "robotiq_2f85": ("slave 9: read status", "slave 9: activated, at 100, asked for 100, current 0"),
    "scs_fingers": ("servo 1: read 26 bytes from torque_enable", "servo 1: torque_enable 0, @41: 00, goal_"),
    "sts_fingers": ("servo 1: read 26 bytes from torque_enable", "servo 1: torque_enable 0, @41: 00, goal_"),
    "xl330_fingers": ("servo 1: read 83 bytes from torque_enable", "servo 1: torque_enable 0, @65:"),
}
"""What must be among a connect: of the host, and of the device."""

GOALS = {
    "ability_hand": "hand 0x50: positions (answer 3) 20.0 ",
    "brunel": "F1 P4",
    "firmata_servos": "pin 5: pulse 14",
    "inspire_rh56": "hand 1: write angle_set 9",
    "lx16a_fingers": "servo 1: move_time_write 4",
    "robotiq_2f85": "slave 9: go to ",
    "scs_fingers": "all: write servo 1 goal_position 4",
    "sts_fingers": "all: write servo 1 goal_position 16",
    "xl330_fingers": "all: write servo 1 goal_position 16",
}


class Overheard(EmulatedLine):
    """Keeps both sides."""

    def __init__(self, emulator: Emulator, clock: Clock) -> None:
        super().__init__(emulator, clock)
        self._time = clock
        self.said: Said = []

    def write(self, data: bytes) -> None:
        super().write(data)
        self.said.append((self._time(), Side.HOST, data))

    def read(self) -> bytes:
        data = super().read()
        if data:
            self.said.append((self._time(), Side.DEVICE, data))
        return data


def grip(profile: str) -> Said:
    """Found, armed, closed a little, let go."""
    clock = Clock()
    line = Overheard(EMULATORS[profile](), clock)
    hand = hand_on(line, profile, clock)
    hand.connect()
    hand.arm()
    for tick in range(40):
        if tick % 10 == 0:
            hand.act(HandAction.GRIP)
        hand.service(True)
        line.sleep(0.02)
    hand.close()
    return line.said


@pytest.fixture(scope="module", params=sorted(EMULATORS))
def overheard(request: pytest.FixtureRequest) -> tuple[str, Said]:
    return request.param, grip(request.param)


def read(profile: str, said: Said) -> list[Piece]:
    conversation = Conversation(READERS[load_device(profile).kind]())
    pieces = [piece for one in said for piece in conversation.feed(*one)]
    return pieces + list(conversation.end())


def cut(said: Said, seed: int) -> Iterator[tuple[float, Side, bytes]]:
    """The same in other portions."""
    rng = random.Random(seed)
    for seconds, side, data in said:
        while data:
            size = rng.randint(1, 7)
            yield seconds, side, data[:size]
            data = data[size:]


def test_every_byte_belongs_to_a_packet_of_the_one_who_said_it(overheard: tuple[str, Said]) -> None:
    profile, said = overheard
    pieces = read(profile, said)
    assert {piece.kind for piece in pieces} == {Kind.PACKET}
    for side in (Side.HOST, Side.DEVICE):
        theirs = [data for _, who, data in said if who is side]
        assert b"".join(piece.data for piece in pieces if piece.side is side) == b"".join(theirs)
    for side, text in zip((Side.HOST, Side.DEVICE), EXPECTED[profile], strict=True):
        assert any(one.side is side and one.text.startswith(text) for one in pieces), text
    assert any(one.side is Side.HOST and one.text.startswith(GOALS[profile]) for one in pieces)


def test_portions_do_not_matter(overheard: tuple[str, Said]) -> None:
    profile, said = overheard
    whole = [(one.side, one.text) for one in read(profile, said)]
    assert [(one.side, one.text) for one in read(profile, list(cut(said, 1)))] == whole


def test_on_one_wire_the_sides_are_told_apart(overheard: tuple[str, Said]) -> None:
    profile, said = overheard
    if profile == "brunel":
        pytest.skip("its two sides have a wire each, and it repeats what it hears")
    apart = [(one.side, one.text) for one in read(profile, said)]
    together = read(profile, [(seconds, Side.EITHER, data) for seconds, _, data in said])
    assert [(one.side, one.text) for one in together] == apart


@pytest.mark.parametrize("side", list(Side))
def test_a_flipped_bit_is_shown_and_spoils_no_neighbour(overheard: tuple[str, Said], side: Side) -> None:
    """Whatever bit it is, of the size too: every byte is shown, and sound packets are those of before."""
    profile, said = overheard
    if profile in ("brunel", "firmata_servos"):
        pytest.skip("it has no checksum: what is damaged may be a sound packet that says something else")
    data = b"".join(data for _, who, data in said if side in (who, Side.EITHER))[:400]
    unspoilt = read(profile, [(0.0, side, data)])
    sound, n_packets = {one.data for one in unspoilt}, sum(one.kind is Kind.PACKET for one in unspoilt)
    rng = random.Random(2)
    for _ in range(15):
        spoilt = bytearray(data)
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        pieces = read(profile, [(0.0, side, bytes(spoilt))])
        assert b"".join(one.data for one in pieces) == spoilt
        packets = [one.data for one in pieces if one.kind is Kind.PACKET]
        assert len(packets) >= n_packets - 2
        assert sum(one not in sound for one in packets) <= 2
        assert any(one.kind is not Kind.PACKET for one in pieces)


@pytest.mark.parametrize("kind", sorted(READERS))
@pytest.mark.parametrize("side", list(Side))
def test_noise_is_shown_byte_for_byte_and_never_stumbles(kind: str, side: Side) -> None:
    rng = random.Random(3)
    starts = (
        b"\xff\xff",
        b"\xff\xff\xfd\x00",
        b"\x55\x55",
        b"\xeb\x90",
        b"\x90\xeb",
        b"\x7e",
        b"\0",
        b"\x09\x17",
    )
    for _ in range(60):
        noise = b"".join(rng.choice(starts) + rng.randbytes(rng.randrange(12)) for _ in range(20))
        conversation = Conversation(READERS[kind]())
        pieces = [
            one for at in range(0, len(noise), 9) for one in conversation.feed(0, side, noise[at : at + 9])
        ]
        pieces += conversation.end()
        assert b"".join(one.data for one in pieces) == noise


@pytest.mark.parametrize("kind", sorted(READERS))
def test_memory_is_bounded(kind: str) -> None:
    rng = random.Random(4)
    conversation = Conversation(READERS[kind]())
    given = shown = 0
    for _ in range(60):
        data = rng.randbytes(200)
        given += len(data)
        shown += sum(len(one.data) for one in conversation.feed(0, Side.DEVICE, data))
        assert given - shown < 1100


def test_half_a_packet_is_given_up_after_a_while() -> None:
    conversation = Conversation(READERS["feetech_sts"]())
    assert list(conversation.feed(1.0, Side.HOST, b"\xff\xff\x01\x04\x02")) == []
    assert list(conversation.quiet(1.05)) == []
    (half,) = conversation.quiet(1.2)
    assert (half.kind, half.data, half.seconds) == (Kind.UNFINISHED, b"\xff\xff\x01\x04\x02", 1.0)


def test_who_begins_to_listen_in_the_middle_of_a_frame() -> None:
    """Of our firmware, whose frames have the same mark at both ends."""
    conversation = Conversation(READERS[OWN_FIRMWARE]())
    frame = bytes.fromhex("000701011c0218a300")
    pieces = list(conversation.feed(0, Side.HOST, frame[3:] + frame + frame[:-1]))
    pieces += conversation.feed(0, Side.HOST, frame)
    assert [one.kind for one in pieces] == [Kind.UNKNOWN, Kind.PACKET, Kind.PACKET, Kind.PACKET]
    assert pieces[0].data == frame[3:]
    assert pieces[-1].text == "HELLO  [session 28, 2]"
