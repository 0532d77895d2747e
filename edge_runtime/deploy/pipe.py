"""Lines and bytes over two file descriptors, none of which is waited for without end."""

import json
import os
import select
import time
from collections.abc import Mapping
from typing import Any

from neurograsp.edge_runtime.contract.errors import ProtocolError
from neurograsp.firmware_bridge.strict import parse_json, show

MAX_LINE = 2**16
MAX_NOISE = 2**14
CHUNK = 2**16
PIPE_BUF = 4096
"""A pipe that select calls writable takes so many bytes at once."""


class PipeClosed(Exception):
    """The other end is gone."""


class Pipe:
    """Args:
    reading, writing: file descriptors of pipes or sockets; not closed here.
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._buffer = b""

    def send(self, message: Mapping[str, Any], timeout_s: float) -> None:
        """One line of JSON. Raises PipeClosed, TimeoutError."""
        self.send_bytes(json.dumps(message).encode() + b"\n", timeout_s)

    def send_bytes(self, data: bytes, timeout_s: float) -> None:
        """`timeout_s` is for each step forward. Raises PipeClosed, TimeoutError."""
        rest = memoryview(data)
        while rest:
            if not select.select([], [self._writing], [], timeout_s)[1]:
                raise TimeoutError
            try:
                rest = rest[os.write(self._writing, rest[:PIPE_BUF]) :]
            except OSError as error:
                raise PipeClosed from error

    def receive(self, timeout_s: float, noise: bool = False) -> Any:
        """The next line as JSON.

        Args:
            timeout_s: for the whole line.
            noise: skip lines that are no JSON object, as a login script may print them.

        Raises:
            PipeClosed, TimeoutError: no line came.
            ProtocolError: it is no JSON object, or there was noise without end.
        """
        deadline, skipped = time.monotonic() + timeout_s, 0
        while True:
            line = self._line(deadline)
            try:
                message = parse_json(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                return message
            skipped += len(line)
            if not noise or skipped > MAX_NOISE:
                raise ProtocolError(f"unexpected output: {show(line[:80].decode(errors='replace'))}")

    def receive_bytes(self, most: int, timeout_s: float) -> bytes:
        """At least one byte, at most `most`. Raises PipeClosed, TimeoutError."""
        if not self._buffer:
            self._read(time.monotonic() + timeout_s)
        data, self._buffer = self._buffer[:most], self._buffer[most:]
        return data

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE:
                raise ProtocolError(f"a line of more than {MAX_LINE} bytes")
            self._read(deadline)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _read(self, deadline: float) -> None:
        if not select.select([self._reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        try:
            data = os.read(self._reading, CHUNK)
        except OSError as error:
            raise PipeClosed from error
        if not data:
            raise PipeClosed
        self._buffer += data
