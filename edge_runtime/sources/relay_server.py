"""The relay: reads a source of this machine and sends its frames to one receiver (docs/relay.md).

One thread. A receiver that is too slow, or a network, loses whole blocks: nothing old waits here, and the
frames' numbers show the gap. Frames that arrive while there is no receiver are dropped.
"""

import fcntl
import logging
import os
import selectors
import socket
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress

from neurograsp.edge_runtime.contract.errors import ConfigError, ProtocolError, SourceError
from neurograsp.edge_runtime.sources.base import Block, Layout, Source
from neurograsp.edge_runtime.sources.relay_protocol import (
    NONCE_BYTES,
    Codec,
    Role,
    State,
    Type,
    encode_frames,
    encode_layout,
    encode_text,
    frame_bytes,
)

log = logging.getLogger(__name__)

TICK_S = 0.004
"""How long a frame may wait for its block to be sent."""

FIRST_S, SILENT_S = 5.0, 2.0
"""How long the source may take to its first frame, and how long it may then be silent."""

PROOF_S = 5.0
"""How long a receiver may take to prove the token, and to leave once the relay ends."""

START_S = 120.0
"""How long it may then take until it wants frames: it verifies its bundle and opens the hand meanwhile."""

GONE_MS = 5000
"""How long the network may be silent before a receiver counts as gone."""

MAX_WAITING_S = 0.25
"""Frames for longer than that on their way and not acknowledged, and the next block is dropped."""


def listen(address: str, port: int) -> socket.socket:
    """Bind to one address of this machine.

    Raises:
        ConfigError: it is none, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        if not address:
            raise OSError("no address")  # which sockets take for all of them
        return socket.create_server((address, port), family=family)
    except (OSError, OverflowError) as error:
        reason = str(error).partition(" (while")[0]
        raise ConfigError(
            f"cannot listen on {address}, port {port}: {reason}; take an address of this machine and a free "
            "port"
        ) from error


class _Receiver:
    """One connection, from its opening to its end."""

    def __init__(self, sock: socket.socket, address: str, token: bytes) -> None:
        self.socket, self.address = sock, address
        self.codec = Codec(Role.RELAY, token, os.urandom(NONCE_BYTES))
        self.streaming = self.proven = False
        self.until = time.monotonic() + PROOF_S
        self.n_dropped = 0
        self._unsent = memoryview(self.codec.opening)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)
        self.flush()

    def n_waiting(self) -> int:
        """Bytes that were sent and are not acknowledged, or could not be sent."""
        self.flush()
        (n_bytes,) = struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))
        return int(n_bytes) + len(self._unsent)

    def send(self, kind: Type, payload: bytes = b"") -> None:
        self._unsent = memoryview(bytes(self._unsent) + self.codec.message(kind, payload))
        self.flush()

    def flush(self) -> None:
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]


class Relay:
    """Args:
    source: not started yet.
    layout: what it delivers.
    listener: see `listen`.
    token: shared secret, or b"".

    Attributes:
        n_sent, n_dropped: frames, to all receivers.
        n_receivers: that were sent frames.
    """

    def __init__(self, source: Source, layout: Layout, listener: socket.socket, token: bytes) -> None:
        self.n_sent = self.n_dropped = self.n_receivers = 0
        self._source, self._layout, self._listener, self._token = source, layout, listener, token
        self._most_waiting = round(MAX_WAITING_S * layout.rate_hz) * frame_bytes(len(layout.channels))
        self._receiver: _Receiver | None = None
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)

    def serve(self, interrupted: Callable[[], bool]) -> None:
        """Relay until the source ends, or somebody interrupts; the source is then stopped.

        Raises:
            SourceError: the source is lost or silent. The receiver has been told.
        """
        try:
            self._source.start()
            newest, patience = time.monotonic(), FIRST_S
            while not interrupted():
                for key, _ in self._selector.select(TICK_S):
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._hear()
                block = self._source.read()
                now = time.monotonic()
                if len(block.frame_index):
                    newest, patience = now, SILENT_S
                self._offer(block, now)
                if self._source.finished():
                    self._dismiss(Type.END)
                    return
                if now - newest > patience:
                    raise SourceError(
                        f"{self._source.description}: no frame for {patience:g} s; check power, radio, cable"
                    )
            self._dismiss(Type.FAULT, encode_text("the relay was ended"))
        except SourceError as error:
            self._dismiss(Type.FAULT, encode_text(str(error)))
            raise
        finally:
            self._leave("the relay ended")
            self._selector.close()
            self._listener.close()
            self._source.stop()

    def _accept(self) -> None:
        try:
            sock, (host, port, *_) = self._listener.accept()
        except OSError:
            return  # gone again
        if self._receiver is not None:
            log.warning("%s:%d: turned away, %s is served", host, port, self._receiver.address)
            with sock:
                sock.setblocking(False)
                busy = Codec(Role.RELAY, b"", bytes(NONCE_BYTES), State.BUSY)
                with suppress(OSError):
                    sock.send(busy.opening)
            return
        try:
            self._receiver = _Receiver(sock, f"{host}:{port}", self._token)
        except OSError:
            sock.close()
            return
        self._selector.register(sock, selectors.EVENT_READ)

    def _hear(self) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        try:
            data = receiver.socket.recv(4096)
            if not data:
                self._leave("it has left")
                return
            for kind, _ in receiver.codec.feed(data):
                if kind is Type.PROOF and not receiver.proven:
                    receiver.proven = True
                    receiver.until = time.monotonic() + START_S
                    receiver.send(Type.LAYOUT, encode_layout(self._layout))
                elif kind is Type.START and receiver.proven and not receiver.streaming:
                    receiver.streaming = True
                    self.n_receivers += 1
                    log.info("%s: receives", receiver.address)
                else:
                    raise ProtocolError(f"{kind.name} out of turn")
        except BlockingIOError:
            return
        except OSError as error:
            self._leave(f"lost: {error.strerror or error}")
        except ProtocolError as error:
            self._leave(f"turned away: {error}")

    def _offer(self, block: Block, now: float) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        if not receiver.streaming:
            if now > receiver.until:
                self._leave("turned away: it was silent")
            return
        try:
            if not len(block.frame_index):
                receiver.flush()
                return
            if receiver.n_waiting() > self._most_waiting:
                receiver.n_dropped += len(block.frame_index)
                self.n_dropped += len(block.frame_index)
                return
            for payload in encode_frames(block):
                receiver.send(Type.FRAMES, payload)
            self.n_sent += len(block.frame_index)
        except OSError as error:
            self._leave(f"lost: {error.strerror or error}")

    def _dismiss(self, kind: Type, payload: bytes = b"") -> None:
        """Tell a receiver that this is the end, and wait until it has all of it."""
        receiver = self._receiver
        if receiver is None or not receiver.streaming:
            return
        try:
            receiver.socket.settimeout(PROOF_S)
            receiver.send(kind, payload)
            receiver.socket.shutdown(socket.SHUT_WR)
            receiver.socket.recv(1)
        except OSError as error:
            log.warning("%s: not told: %s", receiver.address, error)

    def _leave(self, why: str) -> None:
        receiver = self._receiver
        if receiver is None:
            return
        self._selector.unregister(receiver.socket)
        receiver.socket.close()
        self._receiver = None
        dropped = f"; {receiver.n_dropped} frames dropped, it was too slow" if receiver.n_dropped else ""
        level = logging.INFO if receiver.streaming and not dropped else logging.WARNING
        log.log(level, "%s: %s%s", receiver.address, why, dropped)
