"""How much later a frame is for going through the relay: the figure of docs/relay.md.

    .venv/bin/python benchmarks/relay.py

A process relays a signal of 32 channels at 500 Hz over the loopback, another one receives it every
millisecond. Each frame holds the time when it was due, so what is measured is from there to the receiver's
hands: the relay's tick, TCP, the tags, and the receiver's millisecond. Takes 30 s.
"""

import multiprocessing
import socket
import time

import numpy as np

from neurograsp.edge_runtime.contract.signal_spec import ActionSet, GapPolicy, Scale, SignalSpec
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.edge_runtime.sources.relay_server import Relay, listen
from neurograsp.edge_runtime.sources.relay_source import Address, RelaySource, connect

RATE_HZ, N_CHANNELS = 500.0, 32
SECONDS = 30.0
TOKEN = b"benchmarks only, no secret"
LAYOUT = Layout(tuple(f"E{i}" for i in range(N_CHANNELS)), RATE_HZ, 1.0)
SPEC = SignalSpec(
    channels=LAYOUT.channels,
    rate_hz=RATE_HZ,
    lsb_uv=LAYOUT.lsb_uv,
    adc_bits=24,
    stages=(),
    scale=Scale((0,) * N_CHANNELS, (1,) * N_CHANNELS, (1,) * N_CHANNELS),
    window=1,
    hop=1,
    actions=ActionSet(("any",), ("REST",), "sigmoid", None),
    gap=GapPolicy(),
)


class Stamped:
    """A source whose frames hold the microseconds of the monotonic clock when they were due, modulo 2^30."""

    description = "stamps"

    def start(self) -> None:
        self._begin, self._sent = time.monotonic(), 0

    def read(self) -> Block:
        index = np.arange(self._sent, int((time.monotonic() - self._begin) * RATE_HZ))
        self._sent += len(index)
        due_us = ((self._begin + (index + 1) / RATE_HZ) * 1e6).astype(np.int64) % 2**30
        return Block(np.repeat(due_us[:, None], N_CHANNELS, axis=1).astype(np.int32), index)

    def finished(self) -> bool:
        return False

    def stop(self) -> None:
        pass


def serve(listener: socket.socket) -> None:
    end = time.monotonic() + SECONDS + 10
    Relay(Stamped(), LAYOUT, listener, TOKEN).serve(lambda: time.monotonic() > end)


def main() -> None:
    listener = listen("127.0.0.1", 0)
    relay = multiprocessing.Process(target=serve, args=(listener,), daemon=True)
    relay.start()
    source = RelaySource(connect(Address("127.0.0.1", listener.getsockname()[1], TOKEN)), SPEC)
    source.start()
    ages_ms: list[float] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        block = source.read()
        now_us = int(time.monotonic() * 1e6) % 2**30
        ages_ms += ((now_us - block.counts[:, 0].astype(np.int64)) % 2**30 / 1000).tolist()
        time.sleep(0.001)
    source.stop()
    relay.kill()
    p50, p99 = np.percentile(ages_ms, (50, 99))
    print(f"{len(ages_ms)} frames: p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {max(ages_ms):.1f} ms")


if __name__ == "__main__":
    main()
