"""Hosts, a line and one hand, all on the hand's clock: `HandLink` itself against a rig."""

import random
from collections.abc import Callable

from faulty_line import FaultyLine
from hand_client import Client
from rig import Profile, Pulse, Rig

from neurograsp.firmware_bridge.codes import HandInput
from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.link import HandLink

STEP_MS = 1.0
_EDGE_US = 1.0
"""How exactly a board's failure and the edges of its pulses are known to be one."""

TICK_MS = 20


class _Tap:
    """A rig that keeps what the hand said, and sorts out the pulse during which the board itself failed."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.said = bytearray()
        self.failed_us = -1.0
        self.broken: list[Pulse] = []
        self.name = rig.name
        self.profile: Profile = rig.profile
        self.slack_ms = rig.slack_ms
        self.tolerance_us = rig.tolerance_us
        self.frame_slack_ms = rig.frame_slack_ms

    @property
    def now_ms(self) -> float:
        return self._rig.now_ms

    def power_on(self) -> None:
        self._rig.power_on()

    def send(self, data: bytes) -> None:
        self._rig.send(data)

    def run(self, ms: float) -> bytes:
        data = self._rig.run(ms)
        self.said += data
        return data

    def inputs(self, active: HandInput) -> None:
        self._rig.inputs(active)

    def pulses(self) -> list[Pulse]:
        pulses = self._rig.pulses()
        self.broken += [pulse for pulse in pulses if self._is_broken(pulse)]
        return [pulse for pulse in pulses if not self._is_broken(pulse)]

    def _is_broken(self, pulse: Pulse) -> bool:
        return pulse.at_us <= self.failed_us <= pulse.at_us + pulse.width_us + _EDGE_US

    def close(self) -> None:
        self._rig.close()


class Host:
    """A control loop with a HandLink; the transport of that link.

    Attributes:
        running: False while it is frozen or dead; what the hand says is kept for it meanwhile.
        healthy: what its ticks tell the link.
        plugged: False: its port is gone.
        each_tick: called before each `service`.
        lost: why it gave up; it ends then.
    """

    def __init__(self, scene: "Scene", seed: int) -> None:
        self.url = f"host {seed}"
        self.seed = seed
        self.running = False
        self.healthy = True
        self.plugged = True
        self.each_tick: Callable[[], None] = lambda: None
        self.lost: LinkLost | None = None
        self._scene = scene
        self._inbox = bytearray()
        self._due_ms = 0.0
        self._waiting = False
        self.link = HandLink(self, self._clock, random.Random(seed), self._sleep)

    def start(self) -> None:
        """A session, and ticks from now on."""
        self.link.connect()
        self._due_ms = self._scene.now_ms
        self.running = True

    def hear(self, data: bytes) -> None:
        """The line brings this."""
        if self.plugged:
            self._inbox += data

    def go_on(self) -> None:
        """A tick, if it is time for one; those that were missed are not made up for."""
        if self.running and not self._waiting and self._scene.now_ms >= self._due_ms:
            self._due_ms = max(self._due_ms + TICK_MS, self._scene.now_ms)
            self.each_tick()
            if self.healthy:
                self._scene.driven_ms.append(self._scene.now_ms)
            try:
                self.link.service(self.healthy)
            except LinkLost as lost:
                self.lost = lost
                self.running = False

    # --- what the link sees

    def _clock(self) -> float:
        return self._scene.now_ms / 1000

    def _sleep(self, seconds: float) -> None:
        self._waiting = True
        self._scene.driven_ms.append(self._scene.now_ms)
        self._scene.run(seconds * 1000)
        self._waiting = False

    def read(self) -> bytes:
        self._check_plug()
        data = bytes(self._inbox)
        self._inbox.clear()
        return data

    def write(self, data: bytes) -> None:
        self._check_plug()
        self._scene.to_hand.put(data, self._scene.now_ms)

    def close(self) -> None:
        self.running = self.plugged = False

    def _check_plug(self) -> None:
        if not self.plugged:
            raise LinkLost(f"port {self.url}: lost")


class Scene:
    """Args:
    rig: the hand.
    seed: of the line and of everything drawn by chance.

    Attributes:
        hand: what it says and does, and the monitor of its pulses.
        to_hand, to_host: the line.
        noise: called every millisecond for bytes that get onto the line to the hand.
        sent: what came out of the line at the hand, without noise.
        hosts: all on the same line.
        driven_ms: when a host had a healthy tick, or waited for an answer of the hand.
        rng: for whatever else is drawn.
    """

    def __init__(self, rig: Rig, seed: int) -> None:
        self._tap = _Tap(rig)
        self.rig = rig
        self.hand = Client(self._tap)
        self.rng = random.Random(seed)
        self.to_hand = FaultyLine(random.Random(seed + 1))
        self.to_host = FaultyLine(random.Random(seed + 2))
        self.noise: Callable[[], bytes] = bytes
        self.sent = bytearray()
        self.hosts: list[Host] = []
        self.driven_ms: list[float] = []
        self.now_ms = rig.now_ms
        self._later: list[tuple[float, Callable[[], None]]] = []

    def new_host(self, seed: int) -> Host:
        """One more on the line; `start` it."""
        self.hosts.append(Host(self, seed))
        return self.hosts[-1]

    def board_fails(self) -> None:
        """The pulse under way now, if any, is not held against the firmware: it no longer ends it."""
        self._tap.failed_us = self.rig.now_ms * 1000

    @property
    def broken(self) -> list[Pulse]:
        """The one pulse that was under way when the board failed, if there was one."""
        return self._tap.broken

    def later(self, ms: float, do: Callable[[], None]) -> None:
        """Do this in so many milliseconds."""
        self._later.append((self.now_ms + ms, do))

    def run(self, ms: float) -> None:
        """Let time pass. Hosts that wait inside a call let it pass as well."""
        end_ms = self.now_ms + ms
        while self.rig.now_ms + STEP_MS <= end_ms:
            self._step()
        self.now_ms = max(self.now_ms, end_ms)

    def _step(self) -> None:
        data = self.to_hand.take(self.now_ms)
        self.sent += data
        self.hand.send(data + self.noise())
        self.hand.run(STEP_MS)
        self.now_ms = max(self.now_ms, self.rig.now_ms)
        self.to_host.put(bytes(self._tap.said), self.now_ms)
        self._tap.said.clear()
        arrived = self.to_host.take(self.now_ms)
        due = [do for at_ms, do in self._later if at_ms <= self.now_ms]
        self._later = [(at_ms, do) for at_ms, do in self._later if at_ms > self.now_ms]
        for do in due:
            do()
        for host in self.hosts:
            host.hear(arrived)
        for host in self.hosts:
            host.go_on()
