"""The firmware as a process on a pseudo-terminal: time is real, and the trace stands for the servos."""

import time
from itertools import pairwise
from pathlib import Path

from rig import ARM, FRAME_MS, Profile, Pulse

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.host_firmware import SimulatedHand, TraceRow, read_trace
from neurograsp.firmware_bridge.transports import SerialTransport

_LOOK_S = 0.001


class HostRig:
    """A rig whose time nobody owns.

    Args:
        trace: the file to use for the trace.

    Attributes:
        hand: its process.
        stall_ms: the longest time since power_on in which the test or the hand got no turn on a busy machine.
    """

    name = "host"
    slack_ms = 30.0
    tolerance_us = 0.0
    frame_slack_ms = 1.0  # the trace has whole milliseconds

    def __init__(self, trace: Path, profile: Profile = ARM) -> None:
        self.profile = profile
        self.hand = SimulatedHand(trace, profile.name)
        self._trace = trace
        self._line: SerialTransport | None = None
        self._start_ms = time.monotonic() * 1000
        self.power_on()

    @property
    def now_ms(self) -> float:
        return time.monotonic() * 1000 - self._start_ms

    def power_on(self) -> None:
        self.close()
        self.hand.start()
        self._line = SerialTransport(self.hand.url)
        self._rows: list[TraceRow] = []
        self.stall_ms = 0.0
        self._on_ms = self._turn_ms = self.now_ms

    def send(self, data: bytes) -> None:
        assert self._line is not None
        try:
            self._line.write(data)
        finally:
            self._took_a_turn()

    def run(self, ms: float) -> bytes:
        end_ms = self.now_ms + ms
        data = self._look()
        while (left_ms := end_ms - self.now_ms) > 0:
            time.sleep(min(_LOOK_S, left_ms / 1000))
            data += self._look()
        return data

    def _look(self) -> bytes:
        assert self._line is not None
        self._took_a_turn()
        return self._line.read()

    def _took_a_turn(self) -> None:
        now_ms = self.now_ms
        self.stall_ms = max(self.stall_ms, now_ms - self._turn_ms)
        self._turn_ms = now_ms

    def inputs(self, active: HandInput) -> None:
        self.hand.set_inputs(active)

    def pulses(self) -> list[Pulse]:
        seen = len(self._rows)
        self._rows += read_trace(self._trace, seen)
        before_ms = self._at_ms(self._rows[seen - 1]) if seen else self._on_ms
        times_ms = [before_ms, *map(self._at_ms, self._rows[seen:]), self.now_ms]
        for before_ms, after_ms in pairwise(times_ms):
            self.stall_ms = max(self.stall_ms, after_ms - before_ms - FRAME_MS)
        return [
            Pulse(self._at_ms(row) * 1000, joint, us)
            for row in self._rows[seen:]
            for joint, us in enumerate(row.joints_us)
            if us
        ]

    def _at_ms(self, row: TraceRow) -> float:
        return (row.ms - self._start_ms) % 2**32

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self.hand.stop()
