"""Serial ports: what their USB numbers say, which one a person unplugs, and where one is that came back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.errors import LinkLost
from neurograsp.firmware_bridge.flash.boards import BOARDS
from neurograsp.firmware_bridge.transports import NO_RESET

ADAPTERS = {
    "0403:6001": "FTDI FT232R adapter",
    "0403:6014": "FTDI FT232H adapter (Dynamixel U2D2)",
    "0403:6015": "FTDI FT-X adapter (Cyton's dongle, Robotiq's cable)",
    "10c4:ea60": "Silicon Labs CP210x adapter",
    "1a86:7523": "WCH CH340 adapter (Arduino clones, Feetech URT-1)",
    "1a86:55d3": "WCH CH343 adapter (servo boards)",
    "2341:8037": "Arduino Micro",
    **{usb: board.about.partition(",")[0] for board in BOARDS.values() for usb in board.usb},
}
"""By vendor and product, as USB's lists have them."""

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Port:
    """Attributes:
    device: path to open.
    what: as the system describes it.
    vid_pid: of USB, hexadecimal; None of another port.
    serial: the adapter's own number; None without one.
    location: the socket of USB that it is in, such as 1-1.2, with the interface where it has several.
    """

    device: str
    what: str
    vid_pid: str | None
    serial: str | None
    location: str | None = None

    @property
    def known(self) -> str | None:
        """What its USB numbers stand for."""
        return None if self.vid_pid is None else ADAPTERS.get(self.vid_pid)


def list_ports() -> list[Port]:
    """The serial ports of this machine, by name."""
    from serial.tools.list_ports import comports

    return [
        Port(
            port.device,
            port.description,
            None if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
            port.serial_number,
            port.location,
        )
        for port in sorted(comports(), key=lambda port: port.device)
    ]


def wait_for_one(
    listed: Callable[[], list[Port]],
    known: list[Port],
    gone: bool,
    seconds: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Port | None:
    """The first port that goes (`gone`) or comes, against `known`; None when none has in time."""
    until = clock() + seconds
    while clock() < until:
        before, now = {port.device: port for port in known}, {port.device: port for port in listed()}
        changed = set(before) - set(now) if gone else set(now) - set(before)
        if changed:
            return (before if gone else now)[min(changed)]
        sleep(POLL_S)
    return None


class Whereabouts:
    """Where a port is that may go away and come back under another name.

    USB numbers and the adapter's own number tell it; of adapters without one, that all others that were there
    before still are, or the socket.

    Args:
        url: of the port, as it is now.
        listed: the ports of this machine.
    """

    def __init__(self, url: str, listed: Callable[[], list[Port]]) -> None:
        self._url = url
        self._path, self._option, _ = url.partition(NO_RESET)
        self._listed = listed
        there = {port.device: port for port in listed()}
        self._it = there.pop(self._device(), None)
        self._others = frozenset(there.values())

    def now(self) -> str:
        """The URL to open. Of what has no USB numbers always the first one.

        Raises:
            LinkLost: it is not there, or something else is in its place.
        """
        it = self._it
        if it is None or it.vid_pid is None:
            return self._url
        there = self._listed()
        alike = [port for port in there if (port.vid_pid, port.serial) == (it.vid_pid, it.serial)]
        found = [port for port in alike if port not in self._others]
        another_may_be_back = any(
            (port.vid_pid, port.serial) == (it.vid_pid, it.serial) and port not in there
            for port in self._others
        )
        if len(found) > 1 or another_may_be_back:
            found = [port for port in found if port.location == it.location]
        if len(found) == 1:
            same = found[0].device == self._device()
            return self._url if same else found[0].device + self._option
        instead = [port for port in there if port.device == self._device() and port not in alike]
        if instead:
            what = instead[0].known or instead[0].what
            raise LinkLost(f"port {self._url}: has gone, and {what} is there now; plug it in again")
        raise LinkLost(f"port {self._url}: not there, nor under another name; plug it in again")

    def _device(self) -> str:
        return str(Path(self._path).resolve())
