"""What the hand's firmware takes and gives on AVRs, under simavr: docs/porting-a-board.md.

    python benchmarks/firmware_avr.py [--seconds 20]

Times are cycles of the simulated chip at 16 MHz, the same in each run. The line has 115200 baud both ways.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "firmware"))

from avr_build import PORTS, build_image, build_shim
from simavr_rig import CYCLES_PER_US, SimavrRig, load_shim

from neurograsp.firmware_bridge.frames import Frame, FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Action,
    Arm,
    Beat,
    HandAction,
    Hello,
    Message,
    MessageType,
    Stop,
    make_frame,
)

SESSION = 7
BEAT_MS = 50
REQUEST_HZ = 200
TIMES = 100
UNASKED = (MessageType.STATE, MessageType.EVENT)


class Host:
    """Sends, and stamps what comes back with the end of its last byte."""

    def __init__(self, rig: SimavrRig) -> None:
        self.rig = rig
        self.heard: list[tuple[float, Frame]] = []
        self._decoder = FrameDecoder()
        self._seq = 0
        self._beat_at_ms = 0.0
        rig.power_on()

    def send(self, message: Message) -> int:
        """The request's sequence number."""
        self._seq = (self._seq + 1) % 256
        self.rig.send(encode_frame(make_frame(message, SESSION, self._seq)))
        return self._seq

    def run(self, ms: float) -> None:
        """With a BEAT every 50 ms."""
        if self.rig.now_ms >= self._beat_at_ms:
            self._beat_at_ms = self.rig.now_ms + BEAT_MS
            self.send(Beat())
        for at_ms, byte in self.rig.run_stamped(ms):
            self.heard += [(at_ms, frame) for frame in self._decoder.feed(bytes([byte]))]

    def ask(self, message: Message) -> float:
        """From the first bit of the request to the last of its answer, in ms."""
        start_ms, known = self.rig.now_ms, len(self.heard)
        seq = self.send(message)
        while self.rig.now_ms < start_ms + 100:
            self.run(0.25)
            for at_ms, frame in self.heard[known:]:
                if frame.type not in UNASKED and frame.seq == seq:
                    return at_ms - start_ms
        raise RuntimeError(f"no answer to {message}")

    def armed(self) -> "Host":
        """In a session, with pulses."""
        self.ask(Hello())
        self.ask(Arm())
        self.run(50)
        return self


def actions() -> Iterator[Action]:
    """The hand never rests."""
    while True:
        yield Action(HandAction.FIST, 100, 100, 5000)
        yield Action(HandAction.OPEN, 100, 100, 5000)


def round_trips(rig: SimavrRig, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Of ACTION and its ACK at random moments, in ms."""
    host = Host(rig).armed()
    times = []
    for action in actions():
        times.append(host.ask(action))
        host.run(rng.uniform(1, 40))
        if rig.now_ms > seconds * 1000:
            break
    return np.array(times)


def answered(rig: SimavrRig, seconds: float) -> tuple[int, int, int]:
    """Requests sent at REQUEST_HZ, those answered, and lost frames of those that the hand sends unasked."""
    host = Host(rig).armed()
    host.heard.clear()
    wanted = []
    for action in actions():
        wanted.append(host.send(action))
        host.run(1000 / REQUEST_HZ)
        if len(wanted) >= seconds * REQUEST_HZ:
            break
    host.run(50)
    answers = [frame.seq for _, frame in host.heard if frame.type == MessageType.ACK]
    unasked = [frame.seq for _, frame in host.heard if frame.type in UNASKED]
    lost = sum((after - before - 1) % 256 for before, after in pairwise(unasked))
    return len(wanted), sum(a == w for a, w in zip(answers, wanted)), lost


def one_after_another(rig: SimavrRig, seconds: float) -> float:
    """Requests a second, each sent when the one before was answered."""
    host = Host(rig).armed()
    start_ms, count = rig.now_ms, 0
    for action in actions():
        host.ask(action)
        count += 1
        if rig.now_ms > start_ms + seconds * 1000:
            break
    return count / (rig.now_ms - start_ms) * 1000


def to_first_pulse(rig: SimavrRig, rng: np.random.Generator) -> np.ndarray:
    """From the first bit of an ACTION at a hand that rests to the start of the first other pulse, in ms."""
    late = []
    for _ in range(TIMES):
        host = Host(rig).armed()
        host.run(rng.uniform(0, 20))
        rest = {pulse.joint: pulse.width_us for pulse in rig.pulses()}
        start_ms = rig.now_ms
        host.send(next(actions()))
        host.run(60)
        first = next(pulse for pulse in rig.pulses() if abs(pulse.width_us - rest[pulse.joint]) > 2)
        late.append(first.at_us / 1000 - start_ms)
    return np.array(late)


def until_back(rig: SimavrRig, rng: np.random.Generator) -> tuple[float, float]:
    """From a main loop that is lost to the end of the last pulse, and to a hand that answers again, in ms."""
    host = Host(rig).armed()
    host.run(rng.uniform(0, 20))
    rig.pulses()
    rig.hang()
    start_ms, resets = rig.now_ms, rig.watchdog_resets
    while rig.watchdog_resets == resets:
        host.run(1)
    last = max(pulse.at_us + pulse.width_us for pulse in rig.pulses()) / 1000
    host.heard.clear()
    while not host.heard:
        host.send(Stop())
        host.run(5)
    return last - start_ms, host.heard[0][0] - start_ms


def in_ms(times: np.ndarray) -> str:
    """p50 / p99 / max."""
    return " / ".join(f"{value:.1f}" for value in (np.median(times), np.quantile(times, 0.99), times.max()))


def measure(rig: SimavrRig, seconds: float) -> dict[str, str]:
    """One column."""
    rng = np.random.default_rng(1)
    cells = {"flash, bytes": str(rig.image.flash_bytes)}
    trips = round_trips(rig, seconds, rng)
    sent, got, lost = answered(rig, seconds)
    rate = one_after_another(rig, seconds)
    cells["RAM: data + deepest stack, bytes"] = f"{rig.image.ram_bytes} + {rig.stack_bytes}"
    masked = rig.longest_masked_cycles
    cells["longest time without interrupts, cycles"] = f"{masked} ({masked / CYCLES_PER_US:.0f} us)"
    longest = rig.longest_interrupt_cycles
    cells[f"longest interrupt, cycles: {', '.join(longest)}"] = ", ".join(map(str, longest.values()))
    cells["ACTION to ACK, ms"] = in_ms(trips)
    cells["requests a second, one at a time"] = f"{rate:.0f}"
    cells[f"{REQUEST_HZ} requests a second: answered"] = f"{got} of {sent}"
    cells["STATE and EVENT frames lost meanwhile"] = str(lost)
    cells["bytes lost in the receiver"] = str(rig.overruns)
    cells["ACTION to first changed pulse, ms"] = in_ms(to_first_pulse(rig, rng))
    silent, again = np.array([until_back(rig, rng) for _ in range(TIMES)]).T
    cells["lost main loop to the end of the last pulse, ms"] = in_ms(silent)
    cells["lost main loop to an answer after the reset, ms"] = in_ms(again)
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of simulated time for each figure")
    seconds = parser.parse_args().seconds
    columns = {}
    with tempfile.TemporaryDirectory() as name:
        shim = load_shim(build_shim(Path(name)))
        for port in PORTS:
            folder = Path(name) / port
            folder.mkdir()
            rig = SimavrRig(shim, build_image(port, folder))
            columns[port] = measure(rig, seconds)
            rig.close()
    print("| |", " | ".join(columns), "|")
    print("|---|" + "---|" * len(columns))
    for row in next(iter(columns.values())):
        print("|", row, "|", " | ".join(cells[row] for cells in columns.values()), "|")


if __name__ == "__main__":
    main()
