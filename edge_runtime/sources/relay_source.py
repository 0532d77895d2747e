"""Frames of a board on another machine, by TCP from `neurograsp relay` there (docs/relay.md)."""

import os
import socket
import time
from dataclasses import dataclass

import numpy as np

from neurograsp.edge_runtime.contract.errors import ProtocolError, SourceError, UsageError
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.edge_runtime.sources.fit import live_columns, rescaled
from neurograsp.edge_runtime.sources.relay_protocol import (
    NONCE_BYTES,
    Codec,
    Role,
    Type,
    decode_frames,
    decode_layout,
    decode_text,
    is_loopback,
)

CONNECT_S, RECONNECT_S = 5.0, 1.0
RECEIVE_BYTES = 65_536
"""Of the socket's buffer, too: what waits there is old when it is read."""

MAX_READ_BYTES = 2**20
"""Taken in one read, so that whoever sends without end does not hold the loop up."""


@dataclass(frozen=True)
class Address:
    """Where a relay is, and the secret that is shared with it, or b""."""

    host: str
    port: int
    token: bytes

    def __str__(self) -> str:
        return f"relay {self.host}:{self.port}"


class Connection:
    """A relay that has proven the token and said what it delivers.

    Attributes:
        address: of the relay.
        layout: what it delivers.
    """

    def __init__(self, address: Address, sock: socket.socket, codec: Codec, layout: Layout) -> None:
        self.address, self.layout = address, layout
        self._socket, self._codec = sock, codec

    def start(self) -> None:
        """Ask for frames. Raises SourceError."""
        try:
            self._socket.sendall(self._codec.message(Type.START))
            self._socket.setblocking(False)
        except OSError as error:
            raise SourceError(f"{self.address}: lost: {_why(error)}") from error

    def receive(self) -> tuple[list[tuple[Type, bytes]], bool]:
        """What is there, without waiting, and whether the relay has gone. Raises SourceError."""
        messages: list[tuple[Type, bytes]] = []
        n_bytes = 0
        try:
            while n_bytes < MAX_READ_BYTES:
                data = self._socket.recv(RECEIVE_BYTES)
                if not data:
                    return messages, True
                n_bytes += len(data)
                messages += self._codec.feed(data)
        except BlockingIOError:
            pass
        except OSError as error:
            raise SourceError(f"{self.address}: lost: {_why(error)}") from error
        except ProtocolError as error:
            raise SourceError(f"{self.address}: {error}") from error
        return messages, False

    def close(self) -> None:
        self._socket.close()


def connect(address: Address, patience_s: float = CONNECT_S) -> Connection:
    """Find a relay and hear what it delivers, in at most `patience_s`.

    Raises:
        SourceError: it is not there, is busy, has another token, or is no relay.
        UsageError: it is on another machine and there is no token.
    """
    until = time.monotonic() + patience_s
    sock = None
    try:
        sock = _dial(address, until)
        if not address.token and not is_loopback(sock.getpeername()[0]):
            raise UsageError(
                f"{address}: on another machine anybody could send frames in its place, and move the hand; "
                "set NEUROGRASP_RELAY_TOKEN to one secret on both machines"
            )
        codec, layout = _shake_hands(sock, address.token, until)
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            raise SourceError(f"{address}: {_why(error)}") from error
        if isinstance(error, ProtocolError):
            raise SourceError(f"{address}: {error}") from error
        raise
    return Connection(address, sock, codec, layout)


def _dial(address: Address, until: float) -> socket.socket:
    error: OSError = OSError("no address")
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, there in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_left_s(until))
            sock.connect(there)
        except OSError as failure:
            sock.close()
            error = failure
            continue
        return sock
    raise error


def _shake_hands(sock: socket.socket, token: bytes, until: float) -> tuple[Codec, Layout]:
    codec = Codec(Role.RECEIVER, token, os.urandom(NONCE_BYTES))
    sock.sendall(codec.opening)
    proven = False
    while True:
        sock.settimeout(_left_s(until))
        data = sock.recv(RECEIVE_BYTES)
        if not data:
            raise ProtocolError(
                "it hung up; is NEUROGRASP_RELAY_TOKEN the same on both machines?"
                if proven
                else "it hung up; is it a relay of neurograsp?"
            )
        messages = codec.feed(data)
        if codec.opened and not proven:
            sock.sendall(codec.message(Type.PROOF))
            proven = True
        for kind, payload in messages:
            if kind is not Type.LAYOUT:
                raise ProtocolError(f"{kind.name} before it said what it delivers")
            return codec, decode_layout(payload)


def _left_s(until: float) -> float:
    return max(0.001, until - time.monotonic())


def _why(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; start `neurograsp relay --source ...` on that machine"
    if isinstance(error, TimeoutError):
        return "no answer; check address, cable and firewall"
    if isinstance(error, socket.gaierror):
        return f"no such host ({error.strerror}); check the address"
    return f"{error.strerror or error}; check that machine and the network"


class RelaySource:
    """The channels of a bundle out of what a relay delivers.

    Args:
        connection: see `connect`; closed when it does not fit.
        spec: the bundle's signal; the stream must fit it as a live board must.

    Raises:
        ConfigError: other channels, another rate, or no unit.
    """

    def __init__(self, connection: Connection, spec: SignalSpec) -> None:
        self.description = str(connection.address)
        self._connection, self._lsb_uv = connection, spec.lsb_uv
        self._stopped = self._over = False
        self._ended: str | None = None
        try:
            self._columns = live_columns(self.description, connection.layout, spec)
        except BaseException:
            connection.close()
            raise

    def start(self) -> None:
        """After `stop` the relay is connected anew."""
        if self._stopped:
            again = connect(self._connection.address, RECONNECT_S)
            if again.layout != self._connection.layout:
                again.close()
                raise SourceError(f"{self.description}: delivers something else than before; start again")
            self._connection, self._stopped, self._ended = again, False, None
        self._connection.start()

    def read(self) -> Block:
        if self._ended is not None:
            raise SourceError(f"{self.description}: {self._ended}")
        blocks = []
        messages, gone = self._connection.receive()
        layout = self._connection.layout
        for kind, payload in messages:
            if kind is Type.FRAMES:
                try:
                    blocks.append(decode_frames(payload, len(layout.channels)))
                except ProtocolError as error:
                    raise SourceError(f"{self.description}: {error}") from error
            elif kind is Type.END:
                self._over = True
            else:
                self._ended = f"its source is lost: {decode_text(payload)}"
        if gone and not self._over:
            self._ended = self._ended or "it hung up; look at `neurograsp relay` on that machine"
        if not blocks:
            return Block.empty(len(self._columns))
        counts = np.concatenate([block.counts for block in blocks])[:, self._columns]
        return Block(
            rescaled(counts, layout.lsb_uv, self._lsb_uv),
            np.concatenate([block.frame_index for block in blocks]),
        )

    def finished(self) -> bool:
        return self._over

    def stop(self) -> None:
        self._stopped = True
        self._connection.close()
