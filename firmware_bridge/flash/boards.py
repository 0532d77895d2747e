"""Boards that take our firmware, and how: what there is to know of each, nothing else.

Sources: platform.txt and boards.txt of Arduino's AVR core 1.8.7; docs/porting-a-board.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.profiles import Profile
from neurograsp.firmware_bridge.strict import nearest


@dataclass(frozen=True, slots=True)
class Board:
    """One kind.

    Attributes:
        name: on the command line.
        about: for people.
        port: folder in the firmware's `extras/ports`.
        make: what its Makefile is told besides profile and place.
        image: name of what it makes, of the profile.
        flash_bytes: for a program, without the boot loader.
        outputs: servos that it can drive.
        usb: vendor and product of boards that can be nothing else.
        avrdude: options for its boot loader; empty: it is not flashed so.
        fqbn: what Arduino's tools call it; empty: they are not used.
        compilers: programs that its Makefile needs.
        packages: of Debian, with these in them.
    """

    name: str
    about: str
    port: str
    make: tuple[str, ...]
    image: str
    flash_bytes: int
    outputs: int
    usb: frozenset[str]
    avrdude: tuple[str, ...]
    fqbn: str
    compilers: tuple[str, ...]
    packages: str


_AVR_COMPILERS = ("make", "avr-gcc", "avr-objcopy", "avr-size")
_AVR_PACKAGES = "make gcc-avr avr-libc"


def _avr(name: str, about: str, chip: str, boot: int, usb: frozenset[str], avrdude: tuple[str, ...]) -> Board:
    flash_bytes = {"atmega328p": 32_768, "atmega2560": 262_144}[chip] - boot
    return Board(
        name,
        about,
        "avr",
        (f"MCU={chip}",),
        f"neurohand-{chip}-{{profile}}.hex",
        flash_bytes,
        8,
        usb,
        ("-p", chip, *avrdude),
        f"arduino:avr:{name}",
        _AVR_COMPILERS,
        _AVR_PACKAGES,
    )


_OPTIBOOT = ("-c", "arduino", "-b", "115200")

BOARDS: Mapping[str, Board] = MappingProxyType(
    {
        board.name: board
        for board in (
            _avr(
                "uno",
                "Arduino Uno, ATmega328P",
                "atmega328p",
                512,
                frozenset({"2341:0043", "2341:0001", "2341:0243", "2a03:0043"}),
                _OPTIBOOT,
            ),
            _avr(
                "nano",
                "Arduino Nano with its new boot loader (Optiboot), ATmega328P",
                "atmega328p",
                512,
                frozenset(),
                _OPTIBOOT,
            ),
            _avr(
                "mega",
                "Arduino Mega 2560, ATmega2560",
                "atmega2560",
                8192,
                frozenset({"2341:0042", "2341:0010", "2341:0242", "2a03:0042"}),
                ("-c", "wiring", "-b", "115200"),
            ),
            Board(
                "pico",
                "Raspberry Pi Pico, RP2040",
                "rp2040",
                (),
                "neurohand-rp2040-{profile}.uf2",
                2_097_152,
                8,
                frozenset({"2e8a:0003", "2e8a:000a"}),
                (),
                "",
                ("make", "clang", "ld.lld", "size", "python3"),
                "make clang lld binutils",
            ),
        )
    }
)

_NOT_HERE = {
    "nano-old": "its boot loader leaves the watchdog running, and a board that the watchdog has reset never "
    "comes back; burn Optiboot, then it is a nano",
    "host": "this computer; `--hand sim` runs it",
    "mps2": "a board for the tests, in QEMU",
}


def board_named(name: str) -> Board:
    """Raises ConfigError: none of ours."""
    if name in BOARDS:
        return BOARDS[name]
    if name in _NOT_HERE:
        raise ConfigError(f"board {name}: {_NOT_HERE[name]}")
    raise ConfigError(f"no board {name!r}{nearest(name, BOARDS)} (there are {', '.join(BOARDS)})")


def check_fit(board: Board, profile: Profile) -> None:
    """Raises ConfigError for a hand that the board cannot drive."""
    if len(profile.joints) > board.outputs:
        raise ConfigError(
            f"{profile.name} has {len(profile.joints)} joints, a {board.name} drives {board.outputs} servos"
        )


def check_usb(board: Board, vid_pid: str | None, port: str) -> None:
    """Raises ConfigError when the port's USB numbers are those of another board."""
    for other in BOARDS.values():
        if vid_pid in other.usb and vid_pid not in board.usb:
            raise ConfigError(f"port {port}: is a {other.name} ({other.about}), not a {board.name}")
