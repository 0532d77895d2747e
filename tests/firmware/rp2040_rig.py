"""The RP2040 firmware in rp2040js: the chip's own clock, and the edges at its pins."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from avr_build import needed
from cortex_build import Program, symbols
from rig import ARM, Profile, Pulse

from neurograsp.firmware_bridge.codes import HandInput

SIMULATOR = Path(__file__).parent / "rp2040"
FIRST_SERVO_PIN = 2
_INPUT_PINS = {HandInput.ESTOP: (10, True), HandInput.STALL: (11, False), HandInput.BATTERY_LOW: (12, False)}
"""Of each input: its pin, and the level that is active."""

_NONE = HandInput(0)


class Rp2040Rig:
    """Skips the test where the simulator is not installed.

    Args:
        program: what runs (`cortex_build.build_cortex`); it is the .uf2 beside it.
        profile: that it was built for.

    Attributes:
        driven: the joints whose pins the chip drives, be it low.
        busy_cycles: of the processor, awake since power-up.
        interrupt_cycles: of the longest interrupt since then, with those that follow it at once.
    """

    name = "rp2040"
    slack_ms = 10.0  # a request of 22 byte times, an EVENT of 13 behind a STATE of 36
    tolerance_us = 0.5
    frame_slack_ms = 0.001

    def __init__(self, program: Program, profile: Profile = ARM) -> None:
        needed("node")
        if not (SIMULATOR / "node_modules" / "rp2040js").is_dir():
            pytest.skip("not installed: rp2040js (npm ci --prefix tests/firmware/rp2040)")
        self.profile = profile
        self._symbols = symbols(program.elf)
        self._now_us = 0.0
        command = ["node", str(SIMULATOR / "lockstep.js"), str(program.elf.with_suffix(".uf2"))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._forget()

    def _forget(self) -> None:
        self._outgoing = b""
        self._rises: dict[int, float] = {}
        self._pulses: list[Pulse] = []
        self.busy_cycles = self.interrupt_cycles = 0
        self.driven: set[int] = set()

    def _asked(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    @property
    def now_ms(self) -> float:
        return self._now_us / 1000

    def power_on(self) -> None:
        self._asked(power=True)
        self._forget()

    def send(self, data: bytes) -> None:
        self._outgoing += data

    def run(self, ms: float) -> bytes:
        answer = self._asked(run=ms * 1000, send=self._outgoing.hex())
        self._outgoing = b""
        self._now_us = answer["now"]
        self.busy_cycles += answer["busy"]
        self.interrupt_cycles = answer["interrupt"]
        for at_us, pin, level in answer["edges"]:
            self._edge(at_us, pin - FIRST_SERVO_PIN, level)
        return bytes.fromhex(answer["received"])

    def _edge(self, at_us: float, joint: int, level: int | None) -> None:
        if level is None:
            self.driven.discard(joint)
        else:
            self.driven.add(joint)
        rise_us = self._rises.pop(joint, None)
        if level:
            self._rises[joint] = at_us
        elif rise_us is not None:
            self._pulses.append(Pulse(rise_us, joint, at_us - rise_us))

    def inputs(self, active: HandInput) -> None:
        for one, (pin, level) in _INPUT_PINS.items():
            self._asked(pin=pin, level=level if one in active else not level)

    def pulses(self) -> list[Pulse]:
        pulses, self._pulses = self._pulses, []
        return sorted(pulses, key=lambda pulse: pulse.at_us)

    def hang(self, active: HandInput = _NONE, masked: bool = False) -> None:
        """The main loop never comes back, with these inputs. Interrupts go on, unless they are masked."""
        self.inputs(active)
        self._asked(jump=self._symbols["stuck"], masked=masked)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
