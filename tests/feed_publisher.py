"""A made-up run that tells of itself on a real feed socket: what a monitor's tests connect to.

The real server is `edge_runtime/telemetry/feed_server.py`; this one serves one session at any speed and keeps
what it was asked.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurograsp.edge_runtime.telemetry.feed import Answer, Ask, Frames, Question, frame
from neurograsp.edge_runtime.telemetry.messages import (
    VERSION,
    Command,
    Counts,
    Decided,
    Event,
    HandReport,
    Joint,
    Message,
    Session,
    Tick,
)
from neurograsp.firmware_bridge.strict import encode

RATE_HZ = 200
TICK_S = 0.02
ACTIONS = ("rest", "fist")


def made_up_session(arming: str | None = "monitor") -> Session:
    from toys import toy_signal

    from neurograsp.edge_runtime.contract.decision_spec import DecisionSpec

    return Session(
        version=VERSION,
        neurograsp="0.1.0",
        started_at="2026-01-02T03:04:05+00:00",
        bundle="toy.bundle",
        bundle_sha256="ab" * 32,
        signal=encode(toy_signal()),
        decision=encode(DecisionSpec((0.6, 0.6), (0.4, 0.4))),
        calibration_sha256=None,
        source="synthetic",
        hand="arm",
        hand_actions=("OPEN", "FIST"),
        hand_max_ttl_ms=2000,
        on_link_loss="stops and holds",
        joints=(Joint("thumb", 600, 2400, "us"), Joint("index", 600, 2400, "us")),
        arming=arming,
        arms_again=True,
        patience_s=30.0,
        tick_ms=TICK_S * 1000,
    )


def made_up_run(n_channels: int, seed: int = 0) -> Iterator[Message]:
    """Messages of a run without end, tick by tick, without the session."""
    rng = np.random.default_rng(seed)
    n_frames = round(RATE_HZ * TICK_S)
    number = 0
    while True:
        at_s = number * TICK_S
        index = np.arange(number * n_frames, (number + 1) * n_frames)
        waves = 2000 * np.sin(2 * np.pi * 10 * index / RATE_HZ)[:, None]
        yield Counts(at_s, index, (waves + rng.normal(0, 300, (n_frames, n_channels))).astype(np.int32))
        p = float(0.5 + 0.45 * np.sin(2 * np.pi * at_s / 3))
        active = p >= 0.6
        started = active and 0.5 + 0.45 * np.sin(2 * np.pi * (at_s - TICK_S) / 3) < 0.6
        reason = f"fist: p {p:.2f} >= 0.60" if active else "all below their thresholds"
        command = "FIST" if started else None
        faults = (1,) + (0,) * (n_channels - 1)
        yield Decided(
            at_s, float(index[-1] / RATE_HZ), int(index[-1]), (0.0, p), (1 - p, p),
            "fist" if active else None, bool(started), command, 100, 100, reason, faults,
        )  # fmt: skip
        if command:
            yield Command(at_s, "act", command, 100, 100, 1000, "")
        if number % 5 == 0:
            pulse = round(600 + 1800 * p)
            state, link = "HOLD" if active else "ARMED", {"sent": number}
            yield HandReport(at_s, state, "NONE", "", True, (pulse, None), (31, None), link)
        if number % 250 == 0:
            yield Event(at_s, "info", "runtime armed", {})
        late_us = float(abs(rng.normal(60, 30)))
        yield Tick(
            number, at_s, late_us, 40.0, 90.0, 400.0, 60.0, 50.0, 700.0, False, 0.01, False, False, "armed",
            "", None, None,
        )  # fmt: skip
        number += 1


class Publisher:
    """Serves `session` and then `messages` to everybody, a tick each `TICK_S / speed`.

    Attributes:
        asked: what monitors asked, by the number of their connection.
    """

    def __init__(self, path: Path, session: Session, messages: Iterator[Message], speed: float = 1.0) -> None:
        self.asked: list[tuple[int, Ask]] = []
        self._session, self._messages, self._speed = session, messages, speed
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        self._server.setblocking(False)
        self._clients: dict[int, tuple[socket.socket, Frames]] = {}
        self._holder: int | None = None
        self._n_clients = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for client, _frames in self._clients.values():
            client.close()
        self._server.close()

    def _serve(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            with contextlib.suppress(BlockingIOError):
                client, _ = self._server.accept()
                client.setblocking(False)
                client.sendall(frame(self._session))
                self._n_clients += 1
                self._clients[self._n_clients] = client, Frames()
            for message in self._messages:
                self._send_all(frame(message))
                if isinstance(message, Tick):
                    break
            for number, (client, frames) in list(self._clients.items()):
                self._listen(number, client, frames)
            due += TICK_S / self._speed
            time.sleep(max(0.0, due - time.monotonic()))

    def _send_all(self, data: bytes) -> None:
        for number, (client, _) in list(self._clients.items()):
            try:
                client.sendall(data)
            except OSError:
                self._gone(number)

    def _listen(self, number: int, client: socket.socket, frames: Frames) -> None:
        try:
            data = client.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone(number)
            return
        for question in frames.push(data):
            assert isinstance(question, Question)
            ask = Ask(question.ask)
            self.asked.append((number, ask))
            if ask is not Ask.ALIVE:
                client.sendall(frame(self._answer(number, ask)))

    def _answer(self, number: int, ask: Ask) -> Answer:
        if ask is Ask.LEASE and self._session.arming == "monitor" and self._holder in (None, number):
            self._holder = number
            return Answer(ask.value, True, "")
        if ask is Ask.LEASE:
            return Answer(ask.value, False, "another monitor holds the arm switch")
        if ask is Ask.ARM and self._holder != number:
            return Answer(ask.value, False, "this monitor does not hold the arm switch")
        return Answer(ask.value, True, "")

    def _gone(self, number: int) -> None:
        self._clients.pop(number)[0].close()
        if self._holder == number:
            self._holder = None
