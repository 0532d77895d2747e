import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bench import OnPty

from neurograsp.edge_runtime import port_finder
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.hands import open_hand
from neurograsp.edge_runtime.contract.errors import LinkError, LinkLost
from neurograsp.edge_runtime.port_finder import Port, Whereabouts, wait_for_one
from neurograsp.firmware_bridge import adapters
from neurograsp.firmware_bridge.codes import HandState
from neurograsp.firmware_bridge.flash.boards import BOARDS
from neurograsp.firmware_bridge.frames import FrameDecoder, encode_frame
from neurograsp.firmware_bridge.host_firmware import SimulatedHand
from neurograsp.firmware_bridge.protocol import Nack, NackCode, make_frame

ACM, USB = (
    Port("/dev/ttyACM0", "ttyACM0", "2341:0043", "85436"),
    Port("/dev/ttyUSB0", "FT232R USB UART", "0403:6001", None),
)
OTHER = Port("/dev/ttyS0", "n/a", None, None)


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[list[Port]]:
    """What is listed from now on, one list a look; the last one stays."""
    looks: list[list[Port]] = [[ACM, OTHER, USB]]

    def listed() -> list[Port]:
        return looks.pop(0) if len(looks) > 1 else looks[0]

    monkeypatch.setattr(port_finder, "list_ports", listed)
    monkeypatch.setattr(port_finder, "POLL_S", 0.0)
    return looks


def ticks() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 0.1


@pytest.mark.parametrize(
    ("gone", "looks", "found"), [(True, [[ACM, USB], [USB]], ACM), (False, [[USB], [ACM, USB]], ACM)]
)
def test_the_one_that_goes_or_comes(gone: bool, looks: list[list[Port]], found: Port) -> None:
    clock = ticks()
    known = looks[0]
    assert wait_for_one(lambda: looks.pop(0), known, gone, 9, lambda: next(clock), lambda _: None) == found


def test_patience_ends() -> None:
    clock = ticks()
    assert wait_for_one(lambda: [ACM], [ACM], True, 1, lambda: next(clock), lambda _: None) is None


def test_find_names_the_port_that_came_back(
    ports: list[list[Port]], capsys: pytest.CaptureFixture[str]
) -> None:
    back = Port("/dev/ttyACM1", "ttyACM1", "2341:0043", "85436")
    ports[:] = [[ACM, USB], [ACM, USB], [USB], [USB], [USB], [back, USB]]
    assert main(["ports", "--find"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "/dev/ttyACM1         2341:0043   Arduino Uno\n"
    assert printed.err.splitlines()[0] == "unplug the cable now (within 60 s)"


def test_what_usb_numbers_stand_for(ports: list[list[Port]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["ports"]
    assert [row["known"] for row in rows] == ["Arduino Uno", None, "FTDI FT232R adapter"]
    assert [row["answers"] for row in rows] == [None] * 3


def test_every_board_that_can_be_flashed_is_known() -> None:
    for board in BOARDS.values():
        for usb in board.usb:
            known = Port("/dev/ttyACM0", "n/a", usb, None).known
            assert known is not None
            assert known in board.about


def test_probing_finds_a_hand_and_moves_nothing(
    ports: list[list[Port]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("neurograsp.edge_runtime.cli.ports.HELLO_S", 0.5)
    with SimulatedHand() as hand:
        ports[:] = [[Port(hand.url, "n/a", None, None), Port("/dev/null", "n/a", None, None)]]
        assert main(["ports", "--probe"]) == 0
    out = capsys.readouterr().out
    assert "hand arm, firmware 0.1, 7 joints" in out
    assert "not a serial port" in out


class Refusing:
    """A hand with our firmware that says no to every HELLO."""

    def __init__(self, code: NackCode, detail: tuple[int, int] = (0, 0)) -> None:
        self._code, self._detail = code, detail
        self._decoder = FrameDecoder()

    def feed(self, data: bytes) -> bytes:
        return b"".join(
            encode_frame(make_frame(Nack(self._code, frame.type, self._detail), frame.session, frame.seq))
            for frame in self._decoder.feed(data)
        )

    def advance(self, seconds: float) -> None: ...


@pytest.mark.parametrize(
    ("hand", "said"),
    [
        (Refusing(NackCode.VERSION, (2, 3)), "the hand refused HELLO: VERSION (it speaks 2 to 3); flash the"),
        (Refusing(NackCode.SESSION), "the hand takes no session; reset it and connect again"),
    ],
)
def test_probing_tells_of_a_hand_that_refuses(
    hand: Refusing, said: str, ports: list[list[Port]], capsys: pytest.CaptureFixture[str]
) -> None:
    with OnPty(hand) as bench:
        ports[:] = [[Port(bench.port, "n/a", None, None)]]
        assert main(["ports", "--probe"]) == 0
    assert said in capsys.readouterr().out


LOCATED = {
    "uno": Port("/dev/ttyACM0", "ttyACM0", "2341:0043", "85436", "1-1.1"),
    "clone": Port("/dev/ttyUSB0", "CH340", "1a86:7523", None, "1-1.2"),
    "other clone": Port("/dev/ttyUSB1", "CH340", "1a86:7523", None, "1-1.3"),
}
UNO, CLONE, OTHER_CLONE = LOCATED.values()


def moved(port: Port, device: str, location: str | None = None) -> Port:
    return replace(port, device=device, location=location or port.location)


@pytest.mark.parametrize(
    ("which", "now", "found"),
    [
        (UNO, [UNO, CLONE], "/dev/ttyACM0"),
        (UNO, [CLONE, moved(UNO, "/dev/ttyACM1")], "/dev/ttyACM1"),
        (UNO, [moved(UNO, "/dev/ttyACM3", "2-4")], "/dev/ttyACM3"),
        (UNO, [CLONE], None),
        (
            UNO,
            [moved(CLONE, "/dev/ttyACM0")],
            "WCH CH340 adapter (Arduino clones, Feetech URT-1) is there now",
        ),
        (UNO, [replace(UNO, serial="1"), CLONE], "Arduino Uno is there now"),
        (CLONE, [UNO, OTHER_CLONE], None),
        (CLONE, [UNO, moved(OTHER_CLONE, CLONE.device)], None),
        (CLONE, [UNO, moved(CLONE, OTHER_CLONE.device)], "/dev/ttyUSB1"),
        (CLONE, [OTHER_CLONE, moved(CLONE, "/dev/ttyUSB2")], "/dev/ttyUSB2"),
        (CLONE, [OTHER_CLONE, moved(CLONE, "/dev/ttyUSB0", "9-1")], "/dev/ttyUSB0"),
        (CLONE, [moved(CLONE, "/dev/ttyUSB2"), moved(CLONE, "/dev/ttyUSB3", "1-1.9")], "/dev/ttyUSB2"),
        (CLONE, [moved(CLONE, "/dev/ttyUSB2", "3"), moved(CLONE, "/dev/ttyUSB3", "4")], None),
    ],
)
@pytest.mark.parametrize("option", ["", "?no-reset"])
def test_a_port_is_found_again_by_what_it_is(
    which: Port, now: list[Port], found: str | None, option: str
) -> None:
    looks = [list(LOCATED.values()), now]
    whereabouts = Whereabouts(which.device + option, lambda: looks.pop(0))
    if found is not None and found.startswith("/dev"):
        assert whereabouts.now() == found + option
        return
    with pytest.raises(LinkLost, match=re.escape(found or "not there, nor under another name")):
        whereabouts.now()


def test_a_path_of_udev_follows_by_itself(tmp_path: Path) -> None:
    """A link that leads to where the adapter is now keeps its name."""
    link = tmp_path / "usb-Arduino-if00"
    link.symlink_to(UNO.device)
    listed = [UNO, CLONE]
    whereabouts = Whereabouts(str(link), lambda: listed)
    assert whereabouts.now() == str(link)
    listed = [CLONE, moved(UNO, "/dev/ttyACM1")]
    assert whereabouts.now() == "/dev/ttyACM1"
    link.unlink()
    link.symlink_to("/dev/ttyACM1")
    assert whereabouts.now() == str(link)


@pytest.mark.parametrize("url", ["socket://127.0.0.1:7000", "/dev/pts/3"])
def test_what_has_no_usb_numbers_stays_where_it_is(url: str) -> None:
    listed = [UNO]
    whereabouts = Whereabouts(url, lambda: listed)
    listed = []
    assert whereabouts.now() == url


def test_a_hand_comes_back_under_another_name_and_no_other_is_taken(
    ports: list[list[Port]], caplog: pytest.LogCaptureFixture
) -> None:
    with SimulatedHand() as before, SimulatedHand() as after, SimulatedHand(profile="gripper") as stranger:
        ports[:] = [[moved(UNO, before.url)]]
        with open_hand(before.url) as hand:
            assert hand.link is not None
            assert hand.reopen is not None
            hand.link.close()
            ports[:] = [[CLONE]]
            with pytest.raises(LinkLost, match=r"not there, nor under another name; plug it in again"):
                hand.reopen()
            ports[:] = [[CLONE, moved(UNO, stranger.url)]]
            with pytest.raises(
                LinkError, match="another hand answers, gripper; plug in the one that was there"
            ):
                hand.reopen()
            ports[:] = [[CLONE, moved(UNO, after.url)]]
            found = hand.reopen()
            assert (found.caps.name, found.state.state) == ("arm", HandState.IDLE)
    assert f"{before.url}: is back as {after.url}" in caplog.text


@pytest.mark.parametrize(
    ("milliseconds", "probe", "said"),
    [
        (16, False, "keeps bytes for 16 ms until opened"),
        (16, True, "low latency could not be set; `setserial PORT low_latency` as root may"),
        (1, False, None),
    ],
)
def test_an_adapter_that_keeps_bytes_is_told(
    milliseconds: int,
    probe: bool,
    said: str | None,
    ports: list[list[Port]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ports[:] = [[Port("/dev/null", "FT232R", "0403:6001", None)]]
    monkeypatch.setattr(adapters, "latency_ms", lambda _: milliseconds)
    assert main(["ports", *(["--probe"] if probe else [])]) == 0
    out = capsys.readouterr().out
    assert (said in out) if said is not None else ("keeps bytes" not in out)
