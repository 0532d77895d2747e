"""Who may look and who may ask: the token, the limit on guesses, and pages of other people.

A page of a stranger that is open in the same browser can send requests to this machine too, loopback
included. Hence the checks of `Host` (a name of theirs that resolves to us, "DNS rebinding") and of `Origin`
(their page opening our WebSocket), and a token that no browser sends by itself, as it would a cookie.
"""

import hmac
import ipaddress
import os
import secrets
import stat
from collections import OrderedDict
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from neurograsp.edge_runtime.contract.errors import ConfigError

T = TypeVar("T")

LEAST_TOKEN, MOST_TOKEN = 16, 128
FREE_GUESSES = 3
"""Wrong tokens of one address that cost nothing: a person pastes the wrong thing."""

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
KEPT_ADDRESSES = 1024
GUESSES_A_MINUTE = 30
"""Wrong tokens of all addresses; with more, an address that never had the right one waits."""


def read_token(path: Path) -> str:
    """The token in a file that nobody else can read.

    Raises:
        ConfigError: it cannot be had, others can read it, or it is too easy to guess.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(MOST_TOKEN + 2)
    except OSError as error:
        raise ConfigError(f"--token-file {path}: cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise ConfigError(f"--token-file {path}: others can read it; `chmod 600 {path}`")
    token = raw.decode("ascii", "replace").strip()
    if not (LEAST_TOKEN <= len(token) <= MOST_TOKEN and token.isascii() and token.isprintable()):
        raise ConfigError(
            f"--token-file {path}: one line of {LEAST_TOKEN} to {MOST_TOKEN} ASCII characters is wanted; "
            f"`(umask 077; openssl rand -hex 16 > {path})` makes one"
        )
    return token


def new_token() -> str:
    return secrets.token_urlsafe(24)


def metrics_token(token: str) -> str:
    """For Prometheus, which reads figures and must not be able to stop a hand; it does not lead back."""
    return hmac.new(token.encode(), b"neurograsp metrics", "sha256").hexdigest()[:40]


def same(given: str, wanted: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


class Guesses:
    """Wrong tokens make their address wait, longer each time; very many make all strangers wait.

    An address in waiting is refused without a look at what it brings: the right token does not tell
    either. What is connected already stays so.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._friends: OrderedDict[str, None] = OrderedDict()
        self._minute, self._in_minute = 0, 0

    def wait_s(self, address: str, now: float) -> float:
        """How long this address has to wait until it may try; 0: it may."""
        address = network(address)
        _, until = self._wrong.get(address, (0, 0.0))
        wait = max(0.0, until - now)
        if address not in self._friends and self._guessed(now) >= GUESSES_A_MINUTE:
            wait = max(wait, 60.0 - now % 60)
        return wait

    def wrong(self, address: str, now: float) -> None:
        """It tried, and was wrong."""
        address = network(address)
        times = self._wrong.pop(address, (0, 0.0))[0] + 1
        wait = (
            0.0
            if times <= FREE_GUESSES
            else min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(times - FREE_GUESSES - 1, 20))
        )
        _remember(self._wrong, address, (times, now + wait))
        self._in_minute = self._guessed(now) + 1
        self._minute = int(now // 60)

    def right(self, address: str) -> None:
        """It has the token."""
        address = network(address)
        self._wrong.pop(address, None)
        self._friends.pop(address, None)
        _remember(self._friends, address, None)

    def _guessed(self, now: float) -> int:
        return self._in_minute if self._minute == int(now // 60) else 0


def _remember(known: "OrderedDict[str, T]", address: str, value: T) -> None:
    known[address] = value
    if len(known) > KEPT_ADDRESSES:
        known.popitem(last=False)


def network(address: str) -> str:
    """Who has one address of IPv6 has 2^64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def is_our_host(host: str, names: frozenset[str]) -> bool:
    """Whether a `Host` header names this machine: an address, which no name server can bend, or one of
    `names`. The port may be another one, of a tunnel."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name.rstrip(".") in names or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_our_origin(origin: str, host: str) -> bool:
    """Whether a request comes from a page of the server that it goes to."""
    return bool(host) and origin.lower() == f"http://{host.lower()}"
