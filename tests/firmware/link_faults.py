"""What can go wrong between a host and a hand while it moves."""

import itertools
import random
from collections.abc import Callable
from typing import Protocol, cast

from fault_run import SPEED, Fault, Outcome
from faulty_line import CUT, Faults
from rig import Rig
from scene import Scene

from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.protocol import (
    Action,
    Beat,
    HandAction,
    HandState,
    HandStatus,
    MessageType,
    StateFlag,
    make_frame,
)

LINE_BYTES_A_MS = 11.52
RESET_MS = 150
"""The hardware watchdog of a board that hangs, 120 ms, and how exact it is."""


class Board(Rig, Protocol):
    """A rig that runs the program of a whole board."""

    def hang(self, interrupts: bool = True) -> None:
        """The main loop is lost; with or without interrupts."""

    def brown_out(self) -> None:
        """The supply drops for a moment."""


def kill(scene: Scene) -> None:
    """The host is gone, between two bytes as far as the hand can tell."""
    scene.hosts[0].running = False


def pull(scene: Scene) -> None:
    """Nothing gets through; the host's port takes bytes as before."""
    scene.to_hand.faults = scene.to_host.faults = CUT


def pull_within_a_frame(scene: Scene) -> None:
    """The last thing that the hand hears is the better part of a command."""
    last = FrameDecoder().feed(bytes(scene.sent))[-1]
    command = make_frame(Action(HandAction.OPEN, 100, 100, 5000), last.session, last.seq)
    scene.hand.send(encode_frame(command)[:-1])
    pull(scene)


def unplug(scene: Scene) -> None:
    """The host's port is gone as well."""
    scene.hosts[0].plugged = False


def freeze(scene: Scene) -> None:
    """For a second, with a command in hand; and it goes on with commands as if nothing had been."""
    host = scene.hosts[0]
    host.link.act(HandAction.OPEN, ttl_ms=5000)
    host.running = False
    host.each_tick = lambda: host.link.act(HandAction.OPEN, ttl_ms=5000)
    scene.later(1000, lambda: setattr(host, "running", True))


def fall_silent(scene: Scene) -> None:
    """The decoder has nothing to say; the link is well, and the loop goes on."""
    scene.hosts[0].healthy = False


def shout(made: Callable[[random.Random, int], bytes]) -> Callable[[Scene], None]:
    """The host is gone and the line full of what `made` makes."""

    def strike(scene: Scene) -> None:
        kill(scene)
        begin_ms, sent = scene.now_ms, 0

        def noise() -> bytes:
            nonlocal sent
            size = int((scene.now_ms - begin_ms) * LINE_BYTES_A_MS) - sent
            sent += size
            return made(scene.rng, size)

        scene.noise = noise

    return strike


def replay(scene: Scene) -> None:
    """All that the host has said is said again, over and over, as fast as the line can."""
    said, at = bytes(scene.sent), 0

    def made(rng: random.Random, size: int) -> bytes:
        nonlocal at
        piece = (said * (2 + size // len(said)))[at : at + size]
        at = (at + size) % len(said)
        return piece

    shout(made)(scene)


def stranger(scene: Scene) -> None:
    """The host is gone; what is meant for another hand goes on, with heartbeats and commands."""
    kill(scene)
    session = FrameDecoder().feed(bytes(scene.sent))[-1].session % 255 + 1
    numbers = itertools.count()

    def noise() -> bytes:
        number = next(numbers)
        message = Action(HandAction.OPEN, 100, 100, 5000) if number % 100 else Beat()
        return encode_frame(make_frame(message, session, number // 20 % 256)) if number % 20 == 0 else b""

    scene.noise = noise


def spoil(faults: Faults) -> Callable[[Scene], None]:
    """Both directions of the line, from now on."""

    def prepare(scene: Scene) -> None:
        scene.to_hand.faults = scene.to_host.faults = faults

    return prepare


def restart(arm: bool, same: bool = False) -> Callable[[Scene], None]:
    """A new host takes the line in the middle of the movement.

    Args:
        arm: it arms as well, and commands nothing.
        same: with the session id of the last one.
    """

    def strike(scene: Scene) -> None:
        kill(scene)
        host = scene.new_host(scene.hosts[0].seed if same else scene.rng.randrange(2**32))
        host.start()
        if arm:
            host.link.arm()

    return strike


def intrude(scene: Scene) -> None:
    """A second host begins a session on the same line; the first one goes on."""
    first = scene.hosts[0]
    first.each_tick = lambda: first.link.act(HandAction.OPEN, ttl_ms=5000)
    scene.new_host(scene.rng.randrange(2**32)).start()


def command_every_tick(scene: Scene) -> None:
    """To and fro, so that the hand always moves; a request every tick."""
    host = scene.hosts[0]

    def act() -> None:
        action = HandAction.OPEN if scene.now_ms // 600 % 2 else HandAction.FIST
        host.link.act(action, speed=SPEED, ttl_ms=2000)

    host.each_tick = act


def fill_counters(scene: Scene) -> None:
    """The hand has counted all but a few of 2^16 frames before anybody connects."""
    frame = encode_frame(make_frame(Beat(), 255, 0))
    left = 2**16 - 10
    while left:
        count = min(left, 1000)
        scene.rig.send(frame * count)
        scene.run(len(frame) * count / LINE_BYTES_A_MS)
        left -= count


def counters_wrapped(scene: Scene, outcome: Outcome) -> None:
    frames = [heard.message.frames for heard in scene.hand.heard if isinstance(heard.message, HandStatus)]
    assert frames[0] > 2**16 - 10
    assert frames[-1] < 100


def numbers_wrapped(scene: Scene, outcome: Outcome) -> None:
    sent = FrameDecoder().feed(bytes(scene.sent))
    for kind in (MessageType.ACTION, MessageType.BEAT):
        assert {frame.seq for frame in sent if frame.type == kind} == set(range(256))


def time_wrapped(scene: Scene, outcome: Outcome) -> None:
    wrapped_ms = 2**32 - TIME_WRAPS.start_ms
    assert outcome.struck_ms < wrapped_ms < outcome.struck_ms + outcome.safe_ms


def lose_power(scene: Scene) -> None:
    """For a moment. Later another host looks how it is."""
    scene.board_fails()
    cast(Board, scene.rig).brown_out()
    scene.hand.monitor.let_go(scene.now_ms)
    _look_later(scene)


def hang(interrupts: bool) -> Callable[[Scene], None]:
    """The program runs in a circle, with or without interrupts."""

    def strike(scene: Scene) -> None:
        scene.board_fails()
        cast(Board, scene.rig).hang(interrupts)
        _look_later(scene)

    return strike


def _look_later(scene: Scene) -> None:
    scene.later(1500, scene.new_host(scene.rng.randrange(2**32)).start)


def was_reset(flag: StateFlag) -> Callable[[Scene, Outcome], None]:
    """The hand says why it started, and that its outputs are detached; the host that moved it has noticed."""

    def check(scene: Scene, outcome: Outcome) -> None:
        assert scene.hosts[1].link.state.flags == flag
        assert scene.hosts[0].lost is not None
        for pulse in (scene.hand.pulses + scene.broken)[-2:]:
            assert (pulse.at_us + pulse.width_us) / 1000 < outcome.struck_ms + RESET_MS

    return check


NOISY = Faults(flip=1e-3)
TANGLED = Faults(flip=2e-4, drop=0.05, duplicate=0.3, swap=0.1, delay_ms=20)

TIME_WRAPS = Fault(kill, start_ms=2**32 - 590, check=time_wrapped)

FAULTS: dict[str, Fault] = {
    "cable pulled": Fault(pull),
    "cable pulled in the middle of a command": Fault(pull_within_a_frame),
    "cable pulled, the port is gone": Fault(unplug),
    "host killed": Fault(kill),
    "host frozen for 1 s": Fault(freeze),
    "decoder silent, link healthy": Fault(fall_silent),
    "garbage at full speed: random bytes": Fault(shout(lambda rng, size: rng.randbytes(size))),
    "garbage at full speed: 00": Fault(shout(lambda rng, size: b"\x00" * size)),
    "garbage at full speed: FF": Fault(shout(lambda rng, size: b"\xff" * size)),
    "garbage at full speed: all that was said, again": Fault(replay),
    "host killed, another session's frames go on": Fault(stranger),
    "bits turned over (1e-3), then killed": Fault(kill, prepare=spoil(NOISY)),
    "frames twice (half of them), then killed": Fault(kill, prepare=spoil(Faults(duplicate=0.5))),
    "frames swapped (a third), then killed": Fault(kill, prepare=spoil(Faults(swap=0.33))),
    "frames late by up to 40 ms, then killed": Fault(kill, prepare=spoil(Faults(delay_ms=40)), late_ms=40),
    "frames late by 300 ms all at once": Fault(spoil(Faults(stall_ms=300))),
    "all of these, then killed": Fault(kill, prepare=spoil(TANGLED), late_ms=20),
    "host restarted": Fault(restart(arm=False), ends_in=(HandState.IDLE,)),
    "host restarted, arms at once": Fault(restart(arm=True), ends_in=(HandState.ARMED,)),
    "host restarted with the same session": Fault(restart(arm=False, same=True), ends_in=(HandState.IDLE,)),
    "a second host": Fault(intrude, ends_in=(HandState.IDLE,)),
    "numbers wrapped (requests, heartbeats), then killed": Fault(
        kill, prepare=command_every_tick, run_in_ms=15500, check=numbers_wrapped
    ),
    "counters wrapped (STATE), then killed": Fault(
        kill, before=fill_counters, run_in_ms=600, check=counters_wrapped
    ),
    "time wraps between the last heartbeat and the stop": TIME_WRAPS,
}

LONG = ("numbers wrapped (requests, heartbeats), then killed", "counters wrapped (STATE), then killed")
"""A minute of the hand's time."""

BOARD_FAULTS: dict[str, Fault] = {
    "hand's supply fails for a moment": Fault(
        lose_power,
        check=was_reset(StateFlag.BROWN_OUT_RESET),
        ends_in=(HandState.IDLE,),
        tells=False,
    ),
    "hand hangs, interrupts go on": Fault(
        hang(interrupts=True),
        check=was_reset(StateFlag.WATCHDOG_RESET),
        ends_in=(HandState.IDLE,),
        tells=False,
    ),
    "hand hangs, interrupts off": Fault(
        hang(interrupts=False),
        check=was_reset(StateFlag.WATCHDOG_RESET),
        ends_in=(HandState.IDLE,),
        tells=False,
    ),
}
