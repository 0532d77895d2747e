"""The session log: an MCAP file (https://mcap.dev/spec) of the messages of one run.

Messages are gathered into compressed chunks. A chunk that is on the disk is there for good, and a file that
ends after any of them, or within one, can be read up to it: nothing at its end is needed.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import IO, cast

from mcap.writer import CompressionType, Writer

from neurograsp.edge_runtime import durable
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.files import make_private
from neurograsp.edge_runtime.telemetry.counts import PROTO_FILES, PROTO_NAME
from neurograsp.edge_runtime.telemetry.json_schema import json_schema
from neurograsp.edge_runtime.telemetry.messages import TYPES, Session, Topic, to_bytes
from neurograsp.edge_runtime.telemetry.reader import LIBRARY


def create(path: Path) -> int:
    """Make the file, and its folder where that is missing, for this user alone: biosignals are of a person.

    Returns:
        a descriptor to write to.

    Raises:
        ConfigError: it is there already, or cannot be made.
    """
    try:
        made = make_private(path.parent)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for folder in (path.parent, *(one.parent for one in made)):
                durable.sync_folder(folder)
        except OSError:
            os.close(file)
            path.unlink()
            raise
    except FileExistsError as error:
        raise ConfigError(f"--log {path}: is there already; name a new file, or a folder") from error
    except OSError as error:
        raise ConfigError(f"--log {path}: cannot be written ({error.strerror})") from error
    return file


class LogWriter:
    """Args:
    file: of `create`; closed at the end, and where the session cannot be written.
    session: is written at once.

    Attributes:
        bytes_written: of the file so far.

    Raises:
        OSError: from every method: it cannot be written. What had been flushed stays readable.
    """

    def __init__(self, file: int, session: Session) -> None:
        self.bytes_written = 0
        self._file = file
        self._buffer = _Buffer()
        self._begin_ns = round(datetime.fromisoformat(session.started_at).timestamp() * 1e9)
        self._counted = dict.fromkeys(Topic, 0)
        self._writer = Writer(cast("IO[bytes]", self._buffer), compression=CompressionType.ZSTD)
        self._writer.start(profile="", library=f"{LIBRARY} {session.neurograsp}")
        self._channels = {topic: self._register(topic) for topic in Topic}
        self._writer.add_metadata("session", _about(session))
        self.add(Topic.SESSION, 0.0, to_bytes(session))
        try:
            self.flush()
        except OSError:
            self.close(finish=False)
            raise

    def _register(self, topic: Topic) -> int:
        if topic is Topic.COUNTS:
            schema = self._writer.register_schema(PROTO_NAME, "protobuf", PROTO_FILES)
            return self._writer.register_channel(topic, "protobuf", schema)
        described = json.dumps(json_schema(TYPES[topic])).encode()
        schema = self._writer.register_schema(f"neurograsp.{TYPES[topic].__name__}", "jsonschema", described)
        return self._writer.register_channel(topic, "json", schema)

    def add(self, topic: Topic, at_s: float, raw: bytes) -> None:
        """Gather a message: in the file after the next `flush`."""
        at_ns = self._begin_ns + round(at_s * 1e9)
        self._writer.add_message(self._channels[topic], at_ns, raw, at_ns, self._counted[topic])
        self._counted[topic] += 1

    def flush(self) -> None:
        """Finish the chunk, and come back when it is on the disk."""
        self._writer.flush()  # type: ignore[no-untyped-call]
        self._put_on_disk()

    def close(self, finish: bool = True) -> None:
        """Write what is left and the summary that viewers look things up in; may be called twice.

        Args:
            finish: False after an error: cut off what was written in part, and leave it at that.
        """
        if self._file < 0:
            return
        try:
            if finish:
                self._writer.finish()  # type: ignore[no-untyped-call]
                self._put_on_disk()
        finally:
            file, self._file = self._file, -1
            try:
                os.ftruncate(file, self.bytes_written)
            finally:
                os.close(file)

    def _put_on_disk(self) -> None:
        data = self._buffer.taken()
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        self.bytes_written = self._buffer.tell()


class _Buffer:
    """What the writer wrote since it was taken last, at the place in the file that it believes to be at."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._end = 0

    def tell(self) -> int:
        return self._end

    def flush(self) -> None:
        """Nothing: it is taken."""

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self._end += len(data)
        return len(data)

    def taken(self) -> memoryview:
        parts, self._parts = self._parts, []
        return memoryview(b"".join(parts))


def _about(session: Session) -> dict[str, str]:
    """What a viewer lists of a file without reading its messages."""
    return {
        "version": str(session.version),
        "started_at": session.started_at,
        "bundle": session.bundle,
        "bundle_sha256": session.bundle_sha256,
        "calibration_sha256": session.calibration_sha256 or "",
        "source": session.source,
        "hand": session.hand or "",
    }
