"""The boards that are deployed to: one from the command line, or many from a file."""

import dataclasses
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.service.names import STATE, UNIT

MAX_FLEET = 2**20

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Address:
    """`[USER@]HOST[:PORT]`; HOST is a name, an alias of ssh's configuration, or an address (v6: in [])."""

    user: str | None
    host: str
    port: int | None

    @staticmethod
    def parse(text: str) -> "Address":
        """Raises ValueError, also for what ssh would take for an option."""
        user, at, rest = text.rpartition("@")
        host, port = _split_port(rest)
        if (at and not _USER.fullmatch(user)) or not _is_host(host):
            raise ValueError(f"{text!r}: expected USER@HOST, HOST or USER@HOST:PORT")
        if port is not None and not 1 <= port <= 65535:
            raise ValueError(f"{text!r}: the port must be 1 to 65535")
        return Address(user if at else None, host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user + '@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"


def _split_port(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text)
    if bracketed:
        return bracketed[1], None if bracketed[2] is None else int(bracketed[2])
    host, colon, port = text.partition(":")
    if colon and re.fullmatch(r"[0-9]{1,5}", port):
        return host, int(port)
    return text, None


def _is_host(text: str) -> bool:
    if _HOST.fullmatch(text):
        return True
    address, percent, scope = text.partition("%")
    try:
        return ipaddress.ip_address(address).version == 6 and (not percent or bool(_NAME.fullmatch(scope)))
    except ValueError:
        return False


@dataclass(frozen=True)
class Board:
    """How to reach a board and what is where on it.

    Attributes:
        address: see `Address`.
        root: folder of the slots.
        service: systemd unit that is restarted; `none`: nothing is.
        restart, health: instead of a unit, command lines on the board: what starts the service anew, and what
            exits with 0 when it is healthy.
        program: `neurograsp` on the board; a relative path begins in the user's home.
        public_key: on the board, of whose bundles it takes; empty: as the board is configured.
    """

    address: str
    root: str = str(STATE)
    service: str = UNIT
    restart: str = ""
    health: str = ""
    program: str = "neurograsp"
    public_key: str = ""

    def __post_init__(self) -> None:
        Address.parse(self.address)
        if bool(self.restart) != bool(self.health):
            raise ValueError("restart and health belong together")
        for name in ("root", "service", "program"):
            value = getattr(self, name)
            if not value or value.startswith("-"):
                raise ValueError(f"{name} must not be empty or begin with -")

    @property
    def command(self) -> tuple[str, ...]:
        """What ssh starts on the board."""
        program = self.program.removeprefix("~/")
        options = {"root": self.root, "service": self.service}
        if self.restart:
            options |= {"restart": self.restart, "health": self.health}
            del options["service"]
        if self.public_key:
            options["public-key"] = self.public_key
        return (program, "slot", "serve", *(f"--{name}={value}" for name, value in options.items()))


@dataclass(frozen=True)
class Fleet:
    """Boards by name."""

    boards: dict[str, Board]

    def __post_init__(self) -> None:
        if not self.boards:
            raise ValueError("no board; write [boards.NAME] with its address")
        for name in self.boards:
            if not _NAME.fullmatch(name):
                raise ValueError(f"board {name!r}: a name has letters, digits, -, _ and dots")


def read_fleet(path: Path) -> Fleet:
    """Raises ConfigError: what is wrong, at which key."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FLEET + 1)
        if len(raw) > MAX_FLEET:
            raise ConfigError(f"{path}: larger than {MAX_FLEET >> 20} MiB")
        text = raw.decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error
    return parse_config(Fleet, text, str(path))


def changed(board: Board, **changes: str | None) -> Board:
    """With what the command line says. Raises ConfigError."""
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return dataclasses.replace(board, **given)
    except ValueError as error:
        raise ConfigError(f"{board.address}: {error}") from error
