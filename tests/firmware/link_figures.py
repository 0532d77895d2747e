"""How fast a hand and the line to it are, measured on any rig in the hand's own time."""

import random
from dataclasses import dataclass
from itertools import pairwise

from rig import Rig

from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Ack,
    Action,
    Answer,
    Arm,
    Beat,
    Clear,
    Event,
    HandAction,
    HandStatus,
    Hello,
    Joints,
    Message,
    Nack,
    make_frame,
    parse,
)

BEAT_MS = 50
LOOK_MS = 0.05
"""How finely the line is watched where a time is wanted."""


@dataclass(frozen=True)
class Load:
    """What became of commands that were sent on time, whether the last one was answered or not.

    Attributes:
        requests: sent.
        lost_to_hand: frames that the hand did not count, BEATs included.
        lost_to_host: answers, STATE and EVENT frames that did not come.
    """

    requests: int
    lost_to_hand: int
    lost_to_host: int


class Line:
    """A session with the hand on `rig`, armed.

    Attributes:
        status: the newest STATE.
        unasked: numbers of the STATE and EVENT frames so far.
    """

    SESSION = 7

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.status: HandStatus | None = None
        self.unasked: list[int] = []
        self._decoder = FrameDecoder()
        self._seq = 0
        self._beats = 0
        for message in (Hello(), Arm()):
            self.ask_ms(message)

    def send(self, message: Message) -> int:
        """Its sequence number."""
        if isinstance(message, Beat):
            self._beats = seq = (self._beats + 1) % 256
        else:
            self._seq = seq = (self._seq + 1) % 256
        self.rig.send(encode_frame(make_frame(message, self.SESSION, seq)))
        return seq

    def run(self, ms: float) -> list[tuple[int, Answer]]:
        """What came meanwhile, with sequence numbers."""
        came = []
        for frame in self._decoder.feed(self.rig.run(ms)):
            message = parse(frame)
            assert isinstance(message, Answer)
            if isinstance(message, HandStatus):
                self.status = message
            if isinstance(message, HandStatus | Event):
                self.unasked.append(frame.seq)
            came.append((frame.seq, message))
        return came

    def beat_for(self, ms: float) -> None:
        """Let time pass, and stay alive."""
        end_ms = self.rig.now_ms + ms
        while (left_ms := end_ms - self.rig.now_ms) > 0:
            self.send(Beat())
            self.run(min(BEAT_MS, left_ms))

    def ask_ms(self, message: Message) -> float:
        """From the first byte of the request to the last one of its answer."""
        start_ms = self.rig.now_ms
        seq = self.send(message)
        while self.rig.now_ms < start_ms + 1000:
            for came, answer in self.run(LOOK_MS):
                if came == seq and not isinstance(answer, HandStatus):
                    return self.rig.now_ms - start_ms
        raise AssertionError(f"no answer to {message}")


def round_trips_ms(rig: Rig, count: int, seed: int = 1) -> list[float]:
    """Of ACTION and its answer, at any phase of the hand's own work, sorted."""
    line, rng = Line(rig), random.Random(seed)
    found = []
    for _ in range(count):
        line.run(rng.uniform(5, 25))
        found.append(line.ask_ms(Action(HandAction.HOLD, 100, 100, 1000)))
    return sorted(found)


def to_pulse_ms(rig: Rig, count: int, seed: int = 1) -> list[float]:
    """From the first byte of a command to the begin of the first pulse that it changed, sorted."""
    line, rng = Line(rig), random.Random(seed)
    rest_us = rig.profile.joints[0].rest_us
    away_us = rest_us + 3 * rig.profile.joints[0].rate_us
    found = []
    for number in range(count):
        line.beat_for(150 + rng.uniform(0, 100))
        width_us = [pulse.width_us for pulse in rig.pulses() if pulse.joint == 0][-1]
        start_ms = rig.now_ms
        line.send(Joints({0: rest_us if number % 2 else away_us}, 100, 1000))
        line.run(80)
        changed = (
            pulse.at_us
            for pulse in rig.pulses()
            if pulse.joint == 0 and abs(pulse.width_us - width_us) > 2 * rig.tolerance_us
        )
        at_us = next(changed, None)
        assert at_us is not None, "the hand does not move: is this machine too busy for a heartbeat?"
        found.append(at_us / 1000 - start_ms)
    return sorted(found)


def load(rig: Rig, per_s: float, seconds: float) -> Load:
    """Commands at a steady rate, and BEATs."""
    line = Line(rig)
    line.ask_ms(Clear())
    line.unasked.clear()
    sent = requests = answered = 0
    begin_ms = due_ms = beat_ms = rig.now_ms
    while rig.now_ms - begin_ms < seconds * 1000:
        if rig.now_ms >= beat_ms:
            line.send(Beat())
            beat_ms += BEAT_MS
            sent += 1
        if rig.now_ms >= due_ms:
            line.send(Action(HandAction.HOLD, 100, 100, 1000))
            due_ms += 1000 / per_s
            requests += 1
        came = line.run(max(LOOK_MS, min(due_ms, beat_ms) - rig.now_ms))
        answered += sum(isinstance(answer, Ack | Nack) for _, answer in came)
    came = line.run(3 * BEAT_MS)
    answered += sum(isinstance(answer, Ack | Nack) for _, answer in came)
    assert line.status is not None
    lost_to_hand = sent + requests - line.status.frames
    gaps = sum((after - before) % 256 - 1 for before, after in pairwise(line.unasked))
    return Load(requests, lost_to_hand, requests - lost_to_hand - answered + gaps)
