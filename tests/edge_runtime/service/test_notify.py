"""What systemd hears of a run: the protocol on a real socket, and the loop on a clock that the test owns."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loop_world import DECISION, HOP_S, SPEC, FakeSource, World, rest

from neurograsp.edge_runtime.arming import Request
from neurograsp.edge_runtime.contract.errors import LinkError, SourceError
from neurograsp.edge_runtime.loop import ControlLoop
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.edge_runtime.run_summary import RuntimeState
from neurograsp.edge_runtime.service.notify import FEEDS, Supervision, supervised

WATCHDOG_S = 2.0


class Heard:
    """Attributes:
    lines: everything that was said, with its time.
    deaf: nothing is taken.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lines: list[tuple[float, str]] = []
        self.deaf = False
        self._clock = clock

    def __call__(self, data: bytes) -> bool:
        if not self.deaf:
            self.lines += [(self._clock(), line) for line in data.decode().split("\n")]
        return not self.deaf

    def times(self, line: str) -> list[float]:
        return [time_s for time_s, said in self.lines if said == line]

    def status(self) -> list[str]:
        return [said.removeprefix("STATUS=") for _, said in self.lines if said.startswith("STATUS=")]


class Asks:
    """Arming that asks once at `at_s`, and could again."""

    again = True
    hint = "asks"

    def __init__(self, at_s: float) -> None:
        self._at_s = at_s

    def poll(self, now: float) -> Request | None:
        if now < self._at_s:
            return None
        self._at_s = float("inf")
        return Request.ARM


def watched_loop(world: World, source: FakeSource, *, patience_s: float = 0.0) -> tuple[ControlLoop, Heard]:
    heard = Heard(world.clock)
    loop = ControlLoop(
        source,
        Pipeline(SPEC, DECISION, rest),
        world.link(),
        arming=Asks(world.now_s + 1),
        patience_s=patience_s,
        reopen=world.link,
        after_tick=Supervision(heard, WATCHDOG_S).tick,
        clock=world.clock,
        sleep=world.sleep,
    )
    return loop, heard


def test_ready_once_then_fed_in_time_and_no_oftener(world: World) -> None:
    loop, heard = watched_loop(world, FakeSource(world))
    begin = world.now_s
    loop.run(10.0)
    assert len(heard.times("READY=1")) == 1
    fed = heard.times("WATCHDOG=1")
    pauses = [after - before for before, after in zip([begin, *fed], fed)]
    assert max(pauses) <= WATCHDOG_S / FEEDS + 2 * HOP_S
    assert min(pauses[1:]) >= WATCHDOG_S / FEEDS - 1e-6
    assert heard.status() == ["disarmed", "armed"]


def test_nothing_is_fed_before_there_are_frames(world: World) -> None:
    source = FakeSource(world)
    source.silent = True
    loop, heard = watched_loop(world, source)
    with pytest.raises(SourceError):
        loop.run(60.0)
    assert heard.status() == ["disarmed"]
    assert not heard.times("READY=1") + heard.times("WATCHDOG=1")


def test_an_amplifier_that_falls_silent_is_not_fed_for(world: World) -> None:
    source = FakeSource(world)
    loop, heard = watched_loop(world, source, patience_s=30)
    gone = world.now_s + 3
    world.after(3.0, lambda: setattr(source, "silent", True))
    with pytest.raises(SourceError):
        loop.run(60.0)
    assert gone - WATCHDOG_S < max(heard.times("WATCHDOG=1")) < gone + 0.2
    assert heard.status()[-2:] == ["stopped: no new frames for 0.2 s", "stopped: looking for the amplifier"]


def test_a_hand_that_is_lost_is_not_fed_for(world: World) -> None:
    loop, heard = watched_loop(world, FakeSource(world), patience_s=30)
    gone = world.now_s + 3
    world.after(3.0, lambda: setattr(world, "cut", True))
    with pytest.raises(LinkError):
        loop.run(60.0)
    assert max(heard.times("WATCHDOG=1")) < gone + 1
    assert heard.status()[-1] == "stopped: looking for the hand"


def test_a_loop_that_does_no_ticks_feeds_nothing(world: World) -> None:
    source = FakeSource(world)
    loop, heard = watched_loop(world, source)
    world.after(3.0, lambda: setattr(source, "error", RuntimeError("a bug")))
    with pytest.raises(RuntimeError):
        loop.run(60.0)
    assert max(heard.times("WATCHDOG=1")) < world.now_s


def test_a_hand_that_stands_stopped_waits_to_be_armed_and_is_no_fault(world: World) -> None:
    source = FakeSource(world)
    loop, heard = watched_loop(world, source)
    world.after(3.0, lambda: setattr(source, "jump", 1000))
    loop.run(12.0)
    assert heard.status()[1] == "armed"
    assert heard.status()[2].startswith("stopped: ")
    assert max(heard.times("WATCHDOG=1")) > world.now_s - WATCHDOG_S


def test_what_was_not_taken_is_said_again(world: World) -> None:
    heard = Heard(world.clock)
    supervision = Supervision(heard, WATCHDOG_S)
    heard.deaf = True
    supervision.tick(1.0, True, RuntimeState.DISARMED, "")
    heard.deaf = False
    supervision.tick(1.02, True, RuntimeState.DISARMED, "")
    assert [line for _, line in heard.lines] == ["READY=1", "WATCHDOG=1", "STATUS=disarmed"]


def test_a_status_is_one_short_line(world: World) -> None:
    heard = Heard(world.clock)
    Supervision(heard, None).tick(1.0, False, RuntimeState.STOPPED, "first\nWATCHDOG=1\n" + "x" * 1000)
    ((_, line),) = heard.lines
    assert line.startswith("STATUS=stopped: first WATCHDOG=1 xxx")
    assert len(line) <= 210


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The address as in NOTIFY_SOCKET, and the service manager's end."""
    path = str(tmp_path / "notify")
    if request.param == "abstract":
        path = f"@neurograsp-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path.replace("@", "\0", 1) if path.startswith("@") else path)
        listening.settimeout(5)
        yield path, listening


def test_over_a_socket(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    environment = {
        "NOTIFY_SOCKET": path,
        "WATCHDOG_USEC": "2000000",
        "WATCHDOG_PID": str(os.getpid()),
        "X": "1",
    }
    with supervised(environment) as supervision:
        assert supervision is not None
        # What is started from here must not speak for this process.
        assert environment == {"X": "1"}
        supervision.tick(1.0, True, RuntimeState.ARMED, "")
        assert listening.recv(999) == b"READY=1\nWATCHDOG=1\nSTATUS=armed"
    assert listening.recv(999) == b"STOPPING=1\nSTATUS=ended"


def test_it_says_why_it_ends(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    with pytest.raises(LinkError), supervised({"NOTIFY_SOCKET": path}):
        raise LinkError("the hand is lost")
    assert listening.recv(999) == b"STOPPING=1\nSTATUS=ended: the hand is lost"


def test_a_manager_that_does_not_listen_holds_nobody_up(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"}) as supervision:
        assert supervision is not None
        for second in range(10_000):
            supervision.tick(float(second), True, RuntimeState.ARMED, "")
    taken = 0
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        while listening.recv(999):
            taken += 1
    assert taken < 10_000


@pytest.mark.parametrize("pid", ["1", "x"])
def test_the_watchdog_of_another_process_is_not_fed(manager: tuple[str, socket.socket], pid: str) -> None:
    path, listening = manager
    with supervised({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "9", "WATCHDOG_PID": pid}) as supervision:
        assert supervision is not None
        supervision.tick(1.0, True, RuntimeState.ARMED, "")
    assert b"WATCHDOG" not in listening.recv(999)


@pytest.mark.parametrize("path", ["", "vsock:2:1234", "relative"])
def test_without_a_manager_nothing_is_said(path: str) -> None:
    with supervised({"NOTIFY_SOCKET": path} if path else {}) as supervision:
        assert supervision is None


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    with supervised({"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as supervision:
        assert supervision is not None
        supervision.tick(1.0, True, RuntimeState.ARMED, "")
