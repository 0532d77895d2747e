"""Captures: what went over a line and when, a JSON object a line (docs/sniff.md).

A file is only ever added to, and each line goes out whole: what a crash or a pulled plug leaves is readable
but for its last line.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.sniff.pieces import Side

VERSION = 1
MAX_DATA = 4096
"""Bytes of one record."""
MAX_FILE = 1 << 28
"""A capture ends at 256 MiB: hours of a bus that never rests."""
_MAX_LINE = 4 * MAX_DATA
_MAX_S = 1e9
_MAX_LOST = 1 << 50
_MAX_BAUD = 10_000_000
_MARK = "neurograsp_capture"


@dataclass(frozen=True, slots=True)
class About:
    """What a capture is of.

    Attributes:
        kind: of the protocol, a name in `READERS`.
        port: where it was.
        baud: bits a second.
        began: date and time, for people.
    """

    kind: str
    port: str
    baud: int
    began: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes that came together.

    Attributes:
        seconds: since the capture began.
        side: who said them.
        data: the bytes.
        lost: so many bytes about this time were passed on and not kept.
    """

    seconds: float
    side: Side
    data: bytes
    lost: int = 0


class CaptureWriter:
    """A new file, for a `with` statement.

    Args:
        path: must not be there: a capture is never replaced.
        about: what it is of.

    Raises:
        ConfigError: it is there, or cannot be written.
    """

    def __init__(self, path: Path, about: About) -> None:
        self._path = path
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise ConfigError(f"{path}: is there already; name a new file") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
        self._size = 0
        head = {_MARK: VERSION, "kind": about.kind, "port": about.port, "baud": about.baud}
        try:
            self._write({**head, "began": about.began})
        except BaseException:
            self._file.close()
            raise

    def add(self, heard: Heard) -> bool:
        """Add what was heard; False where the file has grown to `MAX_FILE`, and nothing is added any more.

        Raises:
            ConfigError: it cannot be written any more. Its last line may be cut, and no more may be added.
        """
        head: dict[str, Any] = {"s": round(heard.seconds, 6), "side": heard.side.value}
        if heard.lost:
            self._write({**head, "data": "", "lost": heard.lost})
        for start in range(0, len(heard.data), MAX_DATA):
            self._write({**head, "data": heard.data[start : start + MAX_DATA].hex()})
        return self._size < MAX_FILE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        line = json.dumps(record).encode() + b"\n"
        if self._size + len(line) > MAX_FILE:
            self._size = MAX_FILE
            return
        try:
            written = self._file.write(line)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written any more: {error.strerror}") from error
        if written != len(line):
            raise ConfigError(f"{self._path}: cannot be written any more: is the disk full?")
        self._size += len(line)


class Capture:
    """A file that is read record by record, for a `with` statement.

    Args:
        path: of the file, which may still grow.

    Attributes:
        about: what it is of.
        cut: its last line is not whole; known when all has been read.

    Raises:
        ConfigError: not there, or no capture of this version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self.cut = False
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; `neurograsp hand sniff --capture FILE` writes one")
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self.about = self._head()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Heard]:
        """What was heard, in order.

        Raises:
            ConfigError: a line that is no record, with its number.
        """
        while (record := self._line()) is not None:
            yield self._heard(record)

    def _line(self) -> dict[str, Any] | None:
        line = self._file.readline(_MAX_LINE + 1)
        self._number += 1
        if len(line) > _MAX_LINE:
            raise self._wrong(f"is longer than {_MAX_LINE} bytes")
        if not line.endswith(b"\n"):
            self.cut = bool(line)
            return None
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise self._wrong("is not JSON") from None
        if not isinstance(record, dict):
            raise self._wrong("is no JSON object")
        return record

    def _head(self) -> About:
        try:
            record = self._line() or {}
        except ConfigError:
            record = {}
        version, kind, port, baud = (record.get(key) for key in (_MARK, "kind", "port", "baud"))
        if version is None:
            raise ConfigError(f"{self._path}: no capture of `neurograsp hand sniff`")
        if version != VERSION:
            raise ConfigError(
                f"{self._path}: a capture of version {version!r}; this neurograsp reads {VERSION}"
            )
        if not (
            isinstance(kind, str) and isinstance(port, str) and isinstance(baud, int) and 0 < baud < _MAX_BAUD
        ):
            raise self._wrong("must name kind, port and baud")
        return About(kind, port, baud, str(record.get("began")))

    def _heard(self, record: dict[str, Any]) -> Heard:
        seconds, side, data = (record.get(key) for key in ("s", "side", "data"))
        lost = record.get("lost", 0)
        if not isinstance(seconds, int | float) or not 0 <= seconds <= _MAX_S:
            raise self._wrong('"s" must be seconds since the beginning')
        if side not in [one.value for one in Side]:
            raise self._wrong('"side" must be "host", "device" or "either"')
        if not isinstance(lost, int) or not 0 <= lost <= _MAX_LOST:
            raise self._wrong('"lost" must be a number of bytes')
        try:
            return Heard(float(seconds), Side(side), bytes.fromhex(str(data)), lost)
        except (TypeError, ValueError):
            raise self._wrong('"data" must be bytes in hexadecimal') from None

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError(f"{self._path}, line {self._number}: {what}")
