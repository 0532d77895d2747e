"""The C core in this process: compiled with warnings as errors and UBSan, driven through ctypes."""

import ctypes
import os
import subprocess
from pathlib import Path

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.host_firmware import FIRMWARE
from neurograsp.firmware_bridge.profiles import shipped_profiles
from neurograsp.firmware_bridge.protocol import (
    Answer,
    Arm,
    Event,
    Fault,
    Get,
    HandState,
    HandStatus,
    Hello,
    Message,
    Topic,
    make_frame,
    parse,
)

C_TEST = FIRMWARE / "extras" / "test"
BENCH = tuple(C_TEST / name for name in ("bench.c", "judge.c", "test_profiles.c"))
STRICT = ("-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow")
UBSAN = ("-fsanitize=undefined,bounds-strict", "-fno-sanitize-recover=all")
"""Bounds of arrays at the end of a struct too, which gcc has to be told."""
PROFILES = ("arm", "wild", "swapped", "limp", "firm", "model", *shipped_profiles())
"""In the order of test_profiles.c."""

JOINTS = 7
SERVO_FRAME_MS = 20
SESSION = 42

POWER_ON, WATCHDOG, BROWN_OUT = range(3)
"""enum hand_reset: why the board started."""


def compile_c(
    sources: list[Path], out: Path, *flags: str, compiler: str = "cc", sanitize: tuple[str, ...] = UBSAN
) -> Path:
    """Compile with every warning an error; what the compiler says is in the failure."""
    command = [
        compiler,
        *STRICT,
        *sanitize,
        *flags,
        f"-I{FIRMWARE / 'src'}",
        *map(str, sources),
        "-o",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return out


def load_core(folder: Path) -> ctypes.CDLL:
    """The shared library of core and bench; $NEUROHAND_CORE names one that is built already."""
    library = os.environ.get("NEUROHAND_CORE")
    if library is None:
        sources = [*BENCH, *sorted(FIRMWARE.glob("src/*.c"))]
        library = str(compile_c(sources, folder / "core.so", "-shared", "-fPIC"))
    core = ctypes.CDLL(library)
    core.bench_new.restype = ctypes.c_void_p
    for name in ("bench_take", "bench_look", "bench_count"):
        getattr(core, name).restype = ctypes.c_uint32
    core.bench_fault.restype = ctypes.c_char_p
    core.bench_gate.restype = ctypes.c_uint16
    core.bench_begin.restype = ctypes.c_uint16
    core.bench_next.restype = ctypes.c_uint8
    core.hand_frame_encode.restype = ctypes.c_uint8
    return core


class Bench:
    """One hand. Time is `now_ms`, which only `wait` moves (mod 2^32).

    Attributes:
        received: session and message of everything that was decoded.
        session, seq: of the next request.
    """

    def __init__(
        self, core: ctypes.CDLL, now_ms: int = 1000, profile: str = "arm", reset: int = POWER_ON
    ) -> None:
        self._core = core
        self.now_ms = now_ms % 2**32
        self._until_frame = SERVO_FRAME_MS
        which = ctypes.c_uint8(PROFILES.index(profile))
        self._hand = ctypes.c_void_p(core.bench_new(which, ctypes.c_uint8(reset)))
        self._decoder = FrameDecoder()
        self.received: list[tuple[int, Answer]] = []
        self.seq = 0
        self.session = SESSION

    def close(self) -> None:
        self._core.bench_free(self._hand)

    def bytes_in(self, data: bytes) -> bytes:
        """Receive `data` now; what the hand sends back."""
        self._core.bench_receive(self._hand, data, ctypes.c_uint32(len(data)), ctypes.c_uint32(self.now_ms))
        return self.bytes_out()

    def bytes_out(self) -> bytes:
        buffer = ctypes.create_string_buffer(65536)
        size = self._core.bench_take(self._hand, buffer)
        return buffer.raw[:size]

    def exchange(self, data: bytes) -> list[Answer]:
        """Answers to these bytes, STATE and EVENT frames apart."""
        return [
            answer
            for answer in self.listen(self.bytes_in(data))
            if not isinstance(answer, HandStatus | Event)
        ]

    def listen(self, data: bytes) -> list[Answer]:
        answers = []
        for frame in self._decoder.feed(data):
            answer = parse(frame)
            assert isinstance(answer, Answer)
            self.received.append((frame.session, answer))
            answers.append(answer)
        return answers

    def ask(self, message: Message, session: int | None = None, seq: int | None = None) -> Answer:
        """The answer to one request, with the next sequence number unless told."""
        if seq is None:
            self.seq = (self.seq + 1) % 256
            seq = self.seq
        data = encode_frame(make_frame(message, self.session if session is None else session, seq))
        (answer,) = self.exchange(data)
        return answer

    def tell(self, message: Message, session: int | None = None, seq: int | None = None) -> None:
        """A message that is never answered."""
        if seq is None:
            self.seq = (self.seq + 1) % 256
            seq = self.seq
        data = encode_frame(make_frame(message, self.session if session is None else session, seq))
        assert self.exchange(data) == []

    def connect(self, session: int | None = None) -> Answer:
        self.session = self.session if session is None else session
        return self.ask(Hello())

    def arm(self) -> "Bench":
        """A hand in a session, armed."""
        if self.state is HandState.BOOT:
            self.connect()
        self.ask(Arm())
        assert self.state is HandState.ARMED
        return self

    def wait(self, ms: int) -> None:
        """Let time pass, a millisecond at a time, and decode what the hand sends."""
        self.run(ms)
        self.listen(self.bytes_out())

    def run(self, ms: int) -> None:
        """Let time pass, a millisecond at a time."""
        for _ in range(ms):
            self.now_ms = (self.now_ms + 1) % 2**32
            self._until_frame -= 1
            self._core.bench_poll(self._hand, ctypes.c_uint32(self.now_ms))
            if self._until_frame == 0:
                self._until_frame = SERVO_FRAME_MS
                self.servo_frame()

    def jump(self, ms: int) -> None:
        """Let time pass in one go, as if the board had done nothing meanwhile."""
        self.now_ms = (self.now_ms + ms) % 2**32
        self.poll()

    def poll(self) -> None:
        self._core.bench_poll(self._hand, ctypes.c_uint32(self.now_ms))

    def servo_frame(self) -> None:
        self._core.bench_servo_frame(self._hand, ctypes.c_uint32(self.now_ms))

    def corrupt(self, target_us: int, speed: int) -> None:
        """Set joint 0's target and the speed behind the protocol's back."""
        self._core.bench_corrupt(self._hand, ctypes.c_uint16(target_us), ctypes.c_uint8(speed))

    def inputs(self, active: HandInput) -> None:
        self._core.bench_inputs(self._hand, ctypes.c_uint8(active))
        self.poll()

    def estop(self, pressed: bool) -> None:
        self.inputs(HandInput.ESTOP if pressed else HandInput(0))

    def status(self) -> HandStatus:
        """What a STATE frame says now."""
        self.ask(Get(Topic.STATE))
        return [answer for _, answer in self.received if isinstance(answer, HandStatus)][-1]

    def _look(self) -> tuple[int, tuple[int, ...]]:
        pulses = (ctypes.c_uint16 * 8)()
        packed = self._core.bench_look(self._hand, pulses)
        return packed, tuple(pulses[:JOINTS])

    @property
    def state(self) -> HandState:
        return HandState(self._look()[0] & 0xFF)

    @property
    def action(self) -> int:
        return self._look()[0] >> 8 & 0xFF

    @property
    def fault(self) -> Fault:
        return Fault(self._look()[0] >> 16 & 0xFF)

    @property
    def pulses(self) -> tuple[int, ...]:
        """Microseconds at the outputs, 0 while detached."""
        return self._look()[1]

    @property
    def attached(self) -> bool:
        return self.pulses != (0,) * JOINTS

    @property
    def faults(self) -> int:
        """How much the judge in the bench found wrong: pulses, frames, states."""
        return int(self._core.bench_count(self._hand, 0))

    @property
    def first_fault(self) -> str:
        """The first of these; empty for none."""
        found: bytes | None = self._core.bench_fault(self._hand)
        return (found or b"").decode()

    @property
    def attaches(self) -> int:
        return int(self._core.bench_count(self._hand, 1))
