"""An AVR's program under simavr, in lockstep: time is cycles, and pulses are the edges of pins."""

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avr_build import Image
from rig import ARM, Profile, Pulse

from neurograsp.firmware_bridge.codes import HandInput

CLOCK_HZ = 16_000_000
CYCLES_PER_US = CLOCK_HZ // 1_000_000
BAUD = 115200

# Port and bit, from docs/porting-a-board.md: the tests must not read the pins from the code.
SERVOS = {
    "atmega328p": ("D3", "D4", "D5", "D6", "D7", "B0", "B1", "B2"),
    "atmega2560": ("E5", "G5", "E3", "H3", "H4", "H5", "H6", "B4"),
}
INPUTS = {
    "atmega328p": {HandInput.ESTOP: "D2", HandInput.STALL: "C0", HandInput.BATTERY_LOW: "C1"},
    "atmega2560": {HandInput.ESTOP: "E4", HandInput.STALL: "F0", HandInput.BATTERY_LOW: "F1"},
}
INTERRUPTS = {
    "atmega328p": {"servo timer": 11, "byte in": 18, "byte out": 19},
    "atmega2560": {"servo timer": 17, "byte in": 25, "byte out": 26},
}
"""Vectors, from the datasheets: TIMER1_COMPA, USART0_RX, USART0_UDRE."""

_MOST = 65536
_TIMSK1 = 0x6F
_MCUSR, _EXTRF = 0x54, 0x02
START_MS = 2
"""From a reset to a hand that listens."""


class _Event(ctypes.Structure):
    _fields_ = (("at", ctypes.c_uint64), ("what", ctypes.c_uint8), ("level", ctypes.c_uint8))


def load_shim(library: Path) -> ctypes.CDLL:
    """What `avr_build.build_shim` has built."""
    shim = ctypes.CDLL(str(library))
    shim.rig_new.restype = ctypes.c_void_p
    shim.rig_run.restype = shim.rig_is_high.restype = ctypes.c_bool
    for name in ("rig_cycle", "rig_watchdog_reset_at", "rig_longest_masked", "rig_longest_interrupt"):
        getattr(shim, name).restype = ctypes.c_uint64
    return shim


class SimavrRig:
    """Args:
    shim: `load_shim`.
    """

    slack_ms = 10.0  # a request of 16 byte times, an EVENT of 13 behind a STATE of 36, and 1.5 ms of sleep
    tolerance_us = 0.8
    frame_slack_ms = 0.01

    def __init__(self, shim: ctypes.CDLL, image: Image, profile: Profile = ARM) -> None:
        self.name = image.name
        self.profile = profile
        self.chip = image.chip
        self.image = image
        self._shim = shim
        rig = shim.rig_new(image.chip.encode(), str(image.elf).encode(), ctypes.c_uint32(CLOCK_HZ))
        assert rig is not None, f"simavr cannot load {image.elf}"
        self._rig: ctypes.c_void_p | None = ctypes.c_void_p(rig)
        for index, pin in enumerate(SERVOS[self.chip]):
            shim.rig_watch(self._rig, ctypes.c_uint8(index), ctypes.c_char(pin[0].encode()), int(pin[1]))
        self._events = (_Event * _MOST)()
        self._rose: dict[int, int] = {}
        self.inputs(HandInput(0))

    @property
    def cycle(self) -> int:
        return int(self._shim.rig_cycle(self._rig))

    @property
    def now_ms(self) -> float:
        return self.cycle / CYCLES_PER_US / 1000

    # --- the Rig

    def power_on(self) -> None:
        self._reset(cold=True, brown_out=False)
        self.inputs(HandInput(0))
        self.run(START_MS)

    def send(self, data: bytes) -> None:
        self._shim.rig_send(self._rig, data, ctypes.c_uint32(len(data)), ctypes.c_uint32(BAUD))

    def run(self, ms: float) -> bytes:
        return bytes(byte for _, byte in self.run_stamped(ms))

    def inputs(self, active: HandInput) -> None:
        """The switch of the emergency stop opens when pressed; the other two are pulled to ground."""
        ports: dict[str, list[int]] = {}
        for bit, pin in INPUTS[self.chip].items():
            high = (bit in active) == (bit is HandInput.ESTOP)
            mask, levels = ports.get(pin[0], (0, 0))
            place = 1 << int(pin[1])
            ports[pin[0]] = [mask | place, levels | (place if high else 0)]
        for port, (mask, levels) in ports.items():
            self._shim.rig_drive(
                self._rig, ctypes.c_char(port.encode()), ctypes.c_uint8(mask), ctypes.c_uint8(levels)
            )

    def pulses(self) -> list[Pulse]:
        """Those that have ended; one still high comes with the next call."""
        found = []
        for event in self._events[: self._shim.rig_take_edges(self._rig, self._events, _MOST)]:
            if event.level:
                self._rose[event.what] = event.at
            elif (rose := self._rose.pop(event.what, None)) is not None:
                found.append(Pulse(rose / CYCLES_PER_US, event.what, (event.at - rose) / CYCLES_PER_US))
        return sorted(found, key=lambda pulse: pulse.at_us)

    def close(self) -> None:
        rig, self._rig = self._rig, None
        if rig is not None:
            self._shim.rig_free(rig)

    # --- what only a simulator has

    def run_stamped(self, ms: float) -> list[tuple[float, int]]:
        """As `run`, with the time in ms at which each byte was complete."""
        until = self.cycle + math.ceil(ms * 1000 * CYCLES_PER_US)
        assert self._shim.rig_run(self._rig, ctypes.c_uint64(until)), "the program has crashed"
        count = self._shim.rig_take_bytes(self._rig, self._events, _MOST)
        return [(event.at / CYCLES_PER_US / 1000, event.what) for event in self._events[:count]]

    def hang(self, interrupts: bool = True) -> None:
        """The main loop is lost; with or without interrupts."""
        self._shim.rig_hang(self._rig, ctypes.c_bool(interrupts))

    def set_clock(self, ms: int) -> None:
        """What the program takes the time to be, about: of the servo frame that began last."""
        address = self.image.address("frame_ms")
        for place, byte in enumerate(ms.to_bytes(4, "little")):
            self._shim.rig_poke(self._rig, ctypes.c_uint16(address + place), ctypes.c_uint8(byte))

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """The main loop stands still in the block, and goes on behind it."""
        self.hang()
        yield
        self._shim.rig_resume(self._rig)

    def stop_clock(self) -> None:
        """Timer 1 interrupts no more."""
        self._shim.rig_poke(self._rig, ctypes.c_uint16(_TIMSK1), ctypes.c_uint8(0))

    def brown_out(self) -> None:
        """The supply drops for a moment: reset, the memory kept."""
        self._reset(cold=False, brown_out=True)

    def reset_from_outside(self) -> None:
        """By the reset pin, which boot loaders look for."""
        self._reset(cold=True, brown_out=False)
        self._shim.rig_poke(self._rig, ctypes.c_uint16(_MCUSR), ctypes.c_uint8(_EXTRF))

    def _reset(self, cold: bool, brown_out: bool) -> None:
        self._shim.rig_reset(self._rig, ctypes.c_bool(cold), ctypes.c_bool(brown_out))

    def is_high(self) -> bool:
        """A pulse is under way."""
        return bool(self._shim.rig_is_high(self._rig))

    @property
    def stack_bytes(self) -> int:
        """Most that was used since `power_on`."""
        return int(self._shim.rig_stack_used(self._rig, ctypes.c_uint32(self.image.data_end)))

    @property
    def watchdog_resets(self) -> int:
        return int(self._shim.rig_watchdog_resets(self._rig))

    @property
    def watchdog_reset_at_ms(self) -> float:
        return int(self._shim.rig_watchdog_reset_at(self._rig)) / CYCLES_PER_US / 1000

    @property
    def overruns(self) -> int:
        """Bytes lost because the program did not fetch them in time."""
        return int(self._shim.rig_overruns(self._rig))

    @property
    def longest_masked_cycles(self) -> int:
        """The longest time without interrupts."""
        return int(self._shim.rig_longest_masked(self._rig))

    @property
    def longest_interrupt_cycles(self) -> dict[str, int]:
        """Of each of INTERRUPTS, from the vector to its return; the way there and back takes ten more."""
        vectors = INTERRUPTS[self.chip].items()
        longest = self._shim.rig_longest_interrupt
        return {name: int(longest(self._rig, ctypes.c_uint8(vector))) for name, vector in vectors}
