"""The Cortex-M3 firmware under QEMU, which stops every millisecond of its own time.

QEMU's clock counts instructions, and qemu_lockstep.c has it wait at each tick of the firmware. Meanwhile
bytes go in, as many as a millisecond of the line holds, and come out.
"""

import contextlib
import fcntl
import json
import socket
import subprocess
import tempfile
import termios
import time
from enum import IntFlag
from pathlib import Path

from avr_build import needed
from cortex_build import Program, symbols
from rig import ARM, BYTE_US, Profile, Pulse

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.frames import FrameDecoder

_PINS = 0x70
"""Type of the frames that stand for the pins: board.c."""

_WATCHDOG_HALF_MS = 62
"""From the hardware watchdog's interrupt to its reset: board.c."""

_BYTES_A_MS = 1000 / BYTE_US
_PATIENCE_S = 30
_NONE = HandInput(0)


class Stop(IntFlag):
    """Where QEMU waits, in the order of _FUNCTIONS."""

    RESET = 1
    WATCHDOG = 2
    TICK = 4
    TURN = 8


_FUNCTIONS = ("start", "on_watchdog", "servo_tick", "hand_poll")
_TIME = Stop.RESET | Stop.WATCHDOG | Stop.TICK


class Mps2Rig:
    """Skips the test where QEMU is not installed.

    Args:
        program: what runs (`cortex_build.build_cortex`).
        plugin: qemu_lockstep.c, compiled.
        profile: that it was built for.
    """

    name = "mps2"
    slack_ms = 6.0  # a request of 22 byte times, and milliseconds that are whole
    tolerance_us = 0.0
    frame_slack_ms = 0.0

    def __init__(self, program: Program, plugin: Path, profile: Profile = ARM) -> None:
        needed("qemu-system-arm")
        self.profile = profile
        self._program = program
        self._plugin = plugin
        self._now_ms = 0.0
        self._running: contextlib.ExitStack | None = None
        self.power_on()

    @property
    def now_ms(self) -> float:
        return self._now_ms

    def power_on(self) -> None:
        self.close()
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._running = stack.pop_all()
        self._boot_ms = self._now_ms
        self._outgoing = self._levels = b""
        self._credit = 0.0
        self._pins = FrameDecoder()
        self._pulses: list[Pulse] = []
        assert self._stopped() is Stop.RESET
        assert self._go(Stop.TURN) is Stop.TURN  # the line is open

    def _start(self, stack: contextlib.ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mps2-")))
        addresses = symbols(self._program.elf)
        stops = "".join(f",stop={addresses[name]:#x}" for name in _FUNCTIONS)
        command = ["qemu-system-arm", "-machine", "mps2-an385", "-kernel", str(self._program.elf)]
        command += ["-display", "none", "-monitor", "none", "-icount", "shift=6"]
        command += ["-plugin", f"{self._plugin},socket={folder / 'stops'}{stops}"]
        for name, use in (("line", "-serial"), ("pins", "-serial"), ("qmp", "-qmp")):
            command += ["-chardev", f"socket,id={name},path={folder / name}", use, f"chardev:{name}"]
        listeners = {
            name: stack.enter_context(_listening(folder / name)) for name in ("line", "pins", "qmp", "stops")
        }
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        connections = {
            name: stack.enter_context(listener.accept()[0]) for name, listener in listeners.items()
        }
        self._line, self._pin_line = connections["line"], connections["pins"]
        self._stops = connections["stops"]
        for connection in (self._line, self._pin_line):
            connection.setblocking(False)
        for connection in (self._stops, connections["qmp"]):
            connection.settimeout(_PATIENCE_S)
        self._qmp = stack.enter_context(connections["qmp"].makefile("rw"))
        self._qmp.readline()
        self._command("qmp_capabilities")

    def _command(self, name: str) -> None:
        self._qmp.write(json.dumps({"execute": name}) + "\n")
        self._qmp.flush()
        while "return" not in json.loads(self._qmp.readline()):
            pass  # events

    def _stopped(self) -> Stop:
        return Stop(1 << self._stops.recv(1)[0])

    def _go(self, stops: Stop) -> Stop:
        """On to the next one of these."""
        self._stops.sendall(bytes([stops]))
        return self._stopped()

    def _put(self, connection: socket.socket, byte: bytes) -> None:
        """Into the register of a UART, which is empty."""
        connection.sendall(byte)
        end = time.monotonic() + _PATIENCE_S
        while any(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))):
            if time.monotonic() > end:
                raise RuntimeError("QEMU takes no byte: the last one was not read")
        self._command("query-status")  # answered after what was read has been dealt with

    def send(self, data: bytes) -> None:
        self._outgoing += data

    def run(self, ms: float) -> bytes:
        end_ms = self._now_ms + ms
        received = _drained(self._line)
        while self._now_ms < end_ms:  # whole milliseconds, one at least
            self._millisecond()
            received += _drained(self._line)
        return received

    def _millisecond(self) -> None:
        if self._levels:
            self._put(self._pin_line, self._levels[:1])
            self._levels = self._levels[1:]
        at = self._feed()
        while at is not Stop.TICK:
            if at is Stop.WATCHDOG:
                self._now_ms += _WATCHDOG_HALF_MS
            else:
                self._boot_ms = self._now_ms
            at = self._go(_TIME)
        self._now_ms += 1
        self._look_at_pins()

    def _feed(self) -> Stop:
        """A millisecond's bytes, one for each turn of the main loop; then to the next stop."""
        self._credit = min(self._credit, 1.0) + _BYTES_A_MS if self._outgoing else 0.0
        while self._outgoing and self._credit >= 1:
            self._put(self._line, self._outgoing[:1])
            self._outgoing, self._credit = self._outgoing[1:], self._credit - 1
            at = self._go(_TIME | Stop.TURN)
            if at is not Stop.TURN:
                return at
        return self._go(_TIME)

    def inputs(self, active: HandInput) -> None:
        self._levels += bytes([active])

    def hang(self, active: HandInput = _NONE, in_step: bool = False) -> None:
        """The main loop gets no further, with these inputs, until `inputs`; interrupts go on. Of mps2-hangs
        alone.

        Args:
            in_step: where it has begun a servo frame's work, not where it would doze.
        """
        self._levels += bytes([(0x40 if in_step else 0x80) | active])

    def _look_at_pins(self) -> None:
        for frame in self._pins.feed(_drained(self._pin_line)):
            assert frame.type == _PINS
            words = [
                int.from_bytes(frame.payload[i : i + 2], "little") for i in range(0, len(frame.payload), 2)
            ]
            at_us = self._boot_ms * 1000 + words[0] + (words[1] << 16)
            self._pulses = [pulse for pulse in self._pulses if pulse.at_us < at_us]  # let go just before
            self._pulses += [Pulse(at_us, joint, us) for joint, us in enumerate(words[2:]) if us]

    def pulses(self) -> list[Pulse]:
        pulses, self._pulses = self._pulses, []
        return pulses

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    listener.settimeout(_PATIENCE_S)
    return listener


def _drained(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(BlockingIOError):
        while received := connection.recv(65536):
            data += received
    return data
