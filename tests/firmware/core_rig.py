"""The core in this process as a rig: exact in time, as fast as it gets."""

import ctypes
import math

from core_bench import Bench
from rig import ARM, FRAME_MS, Profile, Pulse

from neurograsp.firmware_bridge.codes import HandInput


class CoreRig:
    """Args:
    core: the compiled core (`core_bench.load_core`).
    start_ms: the hand's clock at power-up, mod 2^32.
    """

    name = "core"
    slack_ms = 0.0
    tolerance_us = 0.0
    frame_slack_ms = 0.0

    def __init__(self, core: ctypes.CDLL, start_ms: int = 1000, profile: Profile = ARM) -> None:
        self.profile = profile
        self._core = core
        self._start_ms = start_ms
        self._now_ms = 0
        self._hand: Bench | None = None
        self.power_on()

    @property
    def now_ms(self) -> float:
        return float(self._now_ms)

    @property
    def hand(self) -> Bench:
        """What only this rig has: the inside."""
        assert self._hand is not None
        return self._hand

    def power_on(self) -> None:
        self.close()
        self._hand = Bench(self._core, self._start_ms, self.profile.name)
        self._until_frame = FRAME_MS
        self._out = b""
        self._pulses: list[Pulse] = []

    def send(self, data: bytes) -> None:
        self._out += self.hand.bytes_in(data)

    def run(self, ms: float) -> bytes:
        for _ in range(math.ceil(ms)):
            self.hand.run(1)
            self._now_ms += 1
            self._until_frame -= 1
            if self._until_frame == 0:
                self._until_frame = FRAME_MS
                self._pulses += [
                    Pulse(self._now_ms * 1000, joint, us) for joint, us in enumerate(self.hand.pulses) if us
                ]
        assert self.hand.first_fault == "", "what the judge has seen"
        data, self._out = self._out + self.hand.bytes_out(), b""
        return data

    def inputs(self, active: HandInput) -> None:
        self.hand.inputs(active)

    def pulses(self) -> list[Pulse]:
        pulses, self._pulses = self._pulses, []
        return pulses

    def close(self) -> None:
        hand, self._hand = self._hand, None
        if hand is not None:
            hand.close()
