"""A program and a device on pseudo-terminals, and the tap between them."""

import os
import random
import threading
import time
import tty
from collections.abc import Callable, Iterator

import pytest
import serial

from neurograsp.firmware_bridge.errors import LinkLost
from neurograsp.firmware_bridge.sniff import tap as taps
from neurograsp.firmware_bridge.sniff.capture import Heard
from neurograsp.firmware_bridge.sniff.pieces import Side
from neurograsp.firmware_bridge.sniff.player import Player
from neurograsp.firmware_bridge.sniff.tap import Pty, PtyTransport, Tap
from neurograsp.firmware_bridge.transports import SerialTransport


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """The device's end, and this machine's end of its port."""
    device, port = os.openpty()
    tty.setraw(device)
    tty.setraw(port)
    os.set_blocking(port, False)
    yield device, port
    for end in (device, port):
        os.close(end)


def eventually(happens: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < until
        time.sleep(0.005)


def said(tap: Tap, side: Side) -> bytes:
    return b"".join(one.data for one in tap.take() if one.side is side)


def test_bytes_pass_both_ways_unchanged_and_are_kept(line: tuple[int, int]) -> None:
    device, port = line
    rng = random.Random(1)
    there, back = rng.randbytes(60_000), rng.randbytes(60_000)
    with Pty() as program, Tap(port, "port", program) as tap:
        with serial.Serial(program.port, timeout=20, write_timeout=20, exclusive=True) as other:
            echo = bytearray()

            def be_the_device() -> None:
                sent = 0
                while len(echo) < len(there):
                    echo.extend(os.read(device, 4096))
                    os.write(device, back[sent : len(echo)])
                    sent = len(echo)

            thread = threading.Thread(target=be_the_device)
            thread.start()
            answer = bytearray()
            for start in range(0, len(there), 1000):  # a conversation, as lines have it
                other.write(there[start : start + 1000])
                answer += other.read(1000)
            thread.join()
        assert bytes(echo) == there
        assert bytes(answer) == back
        heard: list[Heard] = []

        def all_heard() -> bool:  # what has been passed on is kept right after
            heard.extend(tap.take())
            return sum(len(one.data) for one in heard) == len(there) + len(back)

        eventually(all_heard)
    for side, data in ((Side.HOST, there), (Side.DEVICE, back)):
        assert b"".join(one.data for one in heard if one.side is side) == data
    assert [one.seconds for one in heard] == sorted(one.seconds for one in heard)


def test_a_port_that_takes_nothing_for_a_while_is_not_gone(line: tuple[int, int]) -> None:
    device, port = line
    data = random.Random(2).randbytes(100_000)
    opened = SerialTransport(os.ttyname(port), 115_200)  # reads without waiting, as real ports do
    with Pty() as program, Tap(opened.fileno(), "port", program) as tap:
        with serial.Serial(program.port, write_timeout=20) as other:
            thread = threading.Thread(target=other.write, args=(data,))
            thread.start()
            eventually(lambda: bool(tap._pending[opened.fileno()]))
            got = bytearray()
            while len(got) < len(data) and tap.running:
                got += os.read(device, 4096)
            thread.join()
        assert tap.failure is None
        assert bytes(got) == data
    opened.close()


def test_programs_come_and_go_and_their_last_word_passes(line: tuple[int, int]) -> None:
    device, port = line
    with Pty() as program, Tap(port, "port", program) as tap:
        assert not program.taken
        os.write(device, b"nobody hears this")
        eventually(lambda: said(tap, Side.DEVICE) == b"nobody hears this")
        for word in (b"one", b"two"):
            with serial.Serial(program.port, timeout=0.2) as other:
                other.write(word)
            assert os.read(device, 100) == word
        eventually(lambda: not program.taken)
        with serial.Serial(program.port, timeout=5) as other:
            os.write(device, b"hello")
            assert other.read(5) == b"hello", "and nothing from before it came"


def test_a_listener_never_writes(line: tuple[int, int]) -> None:
    device, port = line
    with Tap(port, "port") as tap:
        os.write(device, b"both sides")
        eventually(lambda: said(tap, Side.EITHER) == b"both sides")
    os.set_blocking(device, False)
    with pytest.raises(BlockingIOError):
        os.read(device, 1)


def test_what_nobody_looks_at_is_counted_and_passes_all_the_same(
    line: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    device, port = line
    monkeypatch.setattr(taps, "MOST_KEPT", 10)
    with Pty() as program, Tap(port, "port", program) as tap:
        with serial.Serial(program.port, timeout=20) as other:
            other.write(b"12345678")
            assert os.read(device, 100) == b"12345678"
            other.write(b"abcdefgh")
            assert os.read(device, 100) == b"abcdefgh"
            eventually(lambda: tap._n_lost == 8)
            kept, lost = tap.take()
            assert (kept.data, kept.lost, lost.data, lost.lost) == (b"12345678", 0, b"", 8)
            other.write(b"last")
            assert os.read(device, 100) == b"last"
        eventually(lambda: bool(tap._kept))
        (last,) = tap.take()
    assert (last.data, last.lost) == (b"last", 0)


def test_a_device_that_goes_ends_it_with_one_line() -> None:
    device, port = os.openpty()
    tty.setraw(port)
    os.set_blocking(port, False)
    with Pty() as program, Tap(port, "/dev/ttyUSB0", program) as tap:
        os.close(device)
        eventually(lambda: not tap.running)
    os.close(port)
    assert tap.failure is not None
    assert str(tap.failure).startswith("port /dev/ttyUSB0: lost (")
    assert str(tap.failure).endswith("; check cable and power, then start again")


def test_one_side_is_said_again_with_its_pauses() -> None:
    now = 50.0
    written: list[tuple[float, bytes]] = []

    class Line:
        url = "line"

        def read(self) -> bytes:
            return b"answer" if written and written[-1][0] == now else b""

        def write(self, data: bytes) -> None:
            written.append((now, data))

        def close(self) -> None: ...

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    heard = [
        Heard(3.0, Side.HOST, b"a"),
        Heard(3.1, Side.DEVICE, b"not said"),
        Heard(3.5, Side.HOST, b"b"),
        Heard(3.5, Side.HOST, b"c"),
    ]
    player = Player(heard, Side.HOST, Line(), lambda: now, sleep)
    shown = list(player.play())
    assert [data for _, data in written] == [b"a", b"b", b"c"]
    assert [at for at, _ in written] == pytest.approx([50.0, 50.5, 50.5])
    assert [one.data for one in shown if one.side is Side.HOST] == [b"a", b"b", b"c"]
    assert {one.data for one in shown if one.side is Side.DEVICE} == {b"answer"}
    assert player.said == 3
    assert player.latest_s < 0.003


def test_a_program_that_leaves_ends_what_is_said_to_it() -> None:
    with Pty() as program:
        transport = PtyTransport(program)
        with serial.Serial(program.port, timeout=5) as other:
            transport.write(b"hello")
            assert other.read(5) == b"hello"
            other.write(b"yes")
            eventually(lambda: transport.read() == b"yes")
        with pytest.raises(LinkLost, match="the program has closed it"):
            transport.write(b"hello")


def test_a_program_may_leave_when_all_has_been_said() -> None:
    class Leaves:
        url = "line"
        heard = b""

        def read(self) -> bytes:
            if self.heard == b"ab":
                raise LinkLost("the program has closed it")
            return b""

        def write(self, data: bytes) -> None:
            self.heard += data

        def close(self) -> None: ...

    words = [Heard(0.0, Side.DEVICE, b"a"), Heard(0.0, Side.DEVICE, b"b")]
    assert [one.data for one in Player(words, Side.DEVICE, Leaves()).play()] == [b"a", b"b"]
    with pytest.raises(LinkLost):
        list(Player([*words, Heard(0.0, Side.DEVICE, b"c")], Side.DEVICE, Leaves()).play())
