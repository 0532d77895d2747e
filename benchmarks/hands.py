"""How fast each driver is, and what it costs: the table of docs/hands.md.

    python benchmarks/hands.py [PROFILE ...] [--seconds 5] [--frames 100000]

Each device is emulated in a process of its own, behind a pseudo-terminal, and our firmware runs as a process:
a real line adds its own time. Under a minute each. The machine must have nothing else to do.

Round trip: of one question to each joint. Frames lost: to and from the device, with commands as fast as it
answers, which gives the commands a second. To the byte: from a decision, given to the loop's `Actuation` in a
tick of 20 ms, to the write that carries it.
"""

import argparse
import gc
import multiprocessing
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests" / "firmware_bridge" / "hands"))

from bench import OnPty
from drivers import EMULATORS

from neurograsp.edge_runtime.actuation import Actuation
from neurograsp.edge_runtime.arming import AtOnce
from neurograsp.edge_runtime.contract.errors import LinkError
from neurograsp.edge_runtime.decide import Decision
from neurograsp.edge_runtime.machine import describe_machine
from neurograsp.edge_runtime.run_summary import RunSummary, RuntimeState
from neurograsp.firmware_bridge.frames import FrameDecoder
from neurograsp.firmware_bridge.hands.device_hand import DeviceHand
from neurograsp.firmware_bridge.hands.device_profile import load_device
from neurograsp.firmware_bridge.hands.hand import Hand
from neurograsp.firmware_bridge.hands.open_device import USUAL_BAUD, driver_of
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.link import HandLink
from neurograsp.firmware_bridge.protocol import HandAction, MessageType
from neurograsp.firmware_bridge.transports import BAUD, SerialTransport

OWN = "own firmware"
TICK_S = 0.02
N_PINGS = 500
N_DECISIONS = 300
DECISION_TICKS = 3
REPLY_S = 0.005

IS_COMMAND: dict[str, Callable[[bytes], bool]] = {
    OWN: lambda data: any(frame.type == MessageType.ACTION for frame in FrameDecoder().feed(data)),
    "ability_hand": lambda data: data[2] == 0x12,
    "brunel": lambda data: data.startswith(b"F"),
    "firmata_servos": lambda data: data[0] & 0xF0 == 0xE0,
    "inspire_rh56": lambda data: data[4:7] == b"\x12\xce\x05",
    "lx16a_fingers": lambda data: data[4] == 1,
    "robotiq_2f85": lambda data: data[1] == 0x17,
    "scs_fingers": lambda data: b"\x83\x2a" in data,
    "sts_fingers": lambda data: b"\x83\x2a" in data,
    "xl330_fingers": lambda data: data[7:10] == b"\x83\x74\x00",
}
"""Whether a write tells joints where to go."""


class Watched:
    """A transport that notes when a command goes out.

    Attributes:
        commands: how many there were.
        first_s: when the first one went out since `expect`; None before.
    """

    def __init__(self, port: str, baud: int, is_command: Callable[[bytes], bool]) -> None:
        self._port = SerialTransport(port, baud)
        self._is_command = is_command
        self._expecting = False
        self.commands = 0
        self.first_s: float | None = None

    @property
    def url(self) -> str:
        return self._port.url

    def read(self) -> bytes:
        return self._port.read()

    def write(self, data: bytes) -> None:
        command = self._is_command(data)
        if command and self._expecting and self.first_s is None:
            self.first_s = time.perf_counter()
        self.commands += command
        self._port.write(data)

    def close(self) -> None:
        self._port.close()

    def wait(self) -> None:
        """Until something comes back, a moment at most."""
        select.select([self._port.fileno()], [], [], REPLY_S)

    def expect(self) -> None:
        """The next command is the one."""
        self._expecting, self.first_s = True, None


@dataclass(frozen=True)
class Bench:
    """One hand.

    Attributes:
        hand: connected.
        line: to it.
        bad: what the device took for no packet.
    """

    hand: Hand
    line: Watched
    bad: Callable[[], int]


def be_the_device(profile: str, pipe: Connection) -> None:
    """In a process of its own, whose garbage waits: an emulator keeps all that it was told."""
    gc.disable()
    emulator: Any = EMULATORS[profile]()
    with OnPty(emulator) as on_pty:
        pipe.send(on_pty.port)
        while pipe.recv() == "bad":
            pipe.send(getattr(emulator, "bad", 0))


@contextmanager
def own_firmware() -> Iterator[Bench]:
    with SimulatedHand() as simulated:
        line = Watched(simulated.url, BAUD, IS_COMMAND[OWN])
        with HandLink(line) as link:
            link.connect()
            yield Bench(link, line, lambda: link.state.errors)


@contextmanager
def device_process(profile: str) -> Iterator[tuple[str, Connection]]:
    """The port of an emulated device, and the pipe to its process."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=be_the_device, args=(profile, there))
    process.start()
    there.close()  # so that a device which ends is no endless wait
    try:
        yield here.recv(), here
    finally:
        with suppress(OSError):
            here.send("end")
        process.join()


@contextmanager
def emulated(profile: str) -> Iterator[Bench]:
    with device_process(profile) as (port, pipe):
        loaded = load_device(profile)
        line = Watched(port, loaded.baud or USUAL_BAUD[loaded.kind], IS_COMMAND[profile])
        device: Any = driver_of(loaded, line)
        send = device.send

        def send_and_expect(goals: tuple[int, ...], force: int) -> tuple[int, ...]:
            line.expect()  # what still waits in the driver is of before
            sent: tuple[int, ...] = send(goals, force)
            return sent

        def bad() -> int:
            pipe.send("bad")
            found: int = pipe.recv()
            return found

        hand = DeviceHand(device, loaded, accept_no_watchdog=True)
        hand.connect()
        device.send = send_and_expect
        yield Bench(hand, line, bad)
        hand.close()


def spread(values: list[float]) -> str:
    """Median and 99th percentile."""
    values = sorted(values)
    return f"{values[len(values) // 2]:.2f} / {values[len(values) * 99 // 100]:.2f} ms"


def frames_of(hand: Hand) -> int:
    """Sent and received."""
    stats = hand.stats
    return stats.sent + stats.beats + stats.retries + stats.acked + stats.states


def flood(bench: Bench, frames: int) -> tuple[int, int, float]:
    """Commands as fast as answers come: frames lost of how many, and commands a second."""
    hand, line = bench.hand, bench.line
    first, commands, begun = frames_of(hand), line.commands, time.perf_counter()
    lost = hand.stats.unanswered + hand.stats.bad_frames
    due = 0.0
    while frames_of(hand) - first < frames:
        now = time.perf_counter()
        if now >= due or isinstance(hand, HandLink):  # a device steps towards its goal by itself
            hand.act(HandAction.FIST if int(now * 2) % 2 else HandAction.OPEN)
            due = now + 0.1
        hand.service(True)
        line.wait()
    took = time.perf_counter() - begun
    lost = hand.stats.unanswered + hand.stats.bad_frames - lost + bench.bad()
    return lost, frames_of(hand) - first, (line.commands - commands) / took


def busy_percent(work: Callable[[int], object], seconds: float) -> float:
    """Of one core, of a loop that does this every tick."""
    begin = due = time.monotonic()
    spent = time.process_time()
    tick = 0
    while due < begin + seconds:
        work(tick)
        tick += 1
        due += TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
    return (time.process_time() - spent) / (time.monotonic() - begin) * 100


def decided(number: int) -> Decision:
    """Another grip each time."""
    command = "GRIP" if number % 2 else "OPEN"
    return Decision(0.0, 0, np.zeros(1), np.zeros(1), command, True, command, "benchmark")


def decision_ms(bench: Bench) -> list[float]:
    """From a decision, as the loop hands it over, to the first byte of its command."""
    summary = RunSummary(state=RuntimeState.STARTING)
    actuation = Actuation(bench.hand, AtOnce(), summary)
    actuation.start(time.monotonic())
    found: list[float] = []
    asked: float | None = None
    number, due = 0, time.monotonic()
    own = isinstance(bench.hand, HandLink)
    while len(found) < N_DECISIONS:
        decisions = []
        if number % DECISION_TICKS == 0:
            decisions = [decided(number // DECISION_TICKS)]
            bench.line.first_s = None
            bench.line._expecting = own
            asked = time.perf_counter()
        actuation.tick(time.monotonic(), decisions, 0.0, None)
        if summary.state is RuntimeState.ARMED and asked is not None and bench.line.first_s is not None:
            if number > DECISION_TICKS:
                found.append((bench.line.first_s - asked) * 1000)
            asked = None
        number += 1
        due += TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
    return found


def row(name: str, seconds: float, frames: int, idle: float) -> str:
    """One line of the table; of a device that was lost, why."""
    try:
        return figures(name, seconds, frames, idle)
    except LinkError as error:
        return f"| `{name}` | {error} |"


def figures(name: str, seconds: float, frames: int, idle: float) -> str:
    """One line of the table."""
    with own_firmware() if name == OWN else emulated(name) as bench:
        hand = bench.hand
        trips = [hand.ping() for _ in range(N_PINGS)]
        to_byte = decision_ms(bench)

        def command(tick: int) -> None:
            hand.act(HandAction.FIST if tick // 25 % 2 else HandAction.OPEN, speed=50)
            hand.service(True)

        busy = busy_percent(command, seconds)
        lost, of, a_second = flood(bench, frames)
    return (
        f"| `{name}` | {spread(trips)} | {lost} of {of} | {a_second:.0f} | {busy - idle:.1f} % | "
        f"{spread(to_byte)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "profiles", nargs="*", metavar="PROFILE", help=f"{', '.join(IS_COMMAND)}; all of them"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of the share of a core (default 5)")
    parser.add_argument("--frames", type=int, default=100_000, help="to lose some of (default 100000)")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.profiles) - set(IS_COMMAND)):
        parser.error(f"no profile {', '.join(unknown)}; there are {', '.join(IS_COMMAND)}")
    if not 0.1 <= arguments.seconds <= 3600:
        parser.error("--seconds must be 0.1 to 3600")
    if arguments.frames < 1:
        parser.error("--frames must be 1 or more")
    machine = describe_machine()
    print(f"{machine.model}, {machine.cpu}, {machine.cores} cores, {machine.kernel}\n")
    heads = ("device", "round trip", "frames lost", "commands a second", "of a core at 50 Hz", "to the byte")
    print(f"| {' | '.join(heads)} |")
    print("| --- " * len(heads) + "|")
    idle = busy_percent(lambda _: None, arguments.seconds)
    for name in arguments.profiles or IS_COMMAND:
        print(row(name, arguments.seconds, arguments.frames, idle), flush=True)


if __name__ == "__main__":
    main()
