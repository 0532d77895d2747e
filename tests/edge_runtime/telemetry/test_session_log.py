"""Session logs: what was written is read, wherever the file ends, by us and by MCAP's own reader."""

import io
import itertools
import json
import os
import random
import resource
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from feed_publisher import made_up_run, made_up_session
from mcap.reader import make_reader
from mcap.writer import Writer

from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.edge_runtime.telemetry import counts
from neurograsp.edge_runtime.telemetry.json_schema import json_schema
from neurograsp.edge_runtime.telemetry.log_writer import LogWriter, create
from neurograsp.edge_runtime.telemetry.messages import (
    TYPES,
    VERSION,
    Counts,
    Message,
    Session,
    Topic,
    to_bytes,
    topic_of,
)
from neurograsp.edge_runtime.telemetry.reader import SessionLog, read_log

SESSION = made_up_session()
SHORT = replace(SESSION, signal={}, decision={})
RUN = list(itertools.islice(made_up_run(8), 400))


def write(
    path: Path, messages: list[Message], a_chunk: int = 50, *, finish: bool = True, session: Session = SESSION
) -> list[int]:
    """Sizes of the file after each flush."""
    writer, sizes = LogWriter(create(path), session), []
    for begin in range(0, len(messages), a_chunk):
        for message in messages[begin : begin + a_chunk]:
            writer.add(topic_of(message), message.at_s, to_bytes(message))
        writer.flush()
        sizes.append(path.stat().st_size)
    if finish:
        writer.close()
    return sizes


def as_bytes(messages: list[Message]) -> list[bytes]:
    return [to_bytes(message) for message in messages]


def test_what_was_flushed_is_there_after_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the calls shows it: written and not synced is read just as well until the power goes."""
    calls: list[tuple[str, str]] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def logged(descriptor: int, *arguments: Any) -> Any:
            calls.append((name, str(Path(f"/proc/self/fd/{descriptor}").readlink())))
            return real(descriptor, *arguments)

        monkeypatch.setattr(os, name, logged)

    watch("write")
    watch("fsync")
    path = tmp_path / "new" / "folder" / "log.mcap"
    file = create(path)
    assert calls == [("fsync", str(folder)) for folder in (path.parent, path.parent.parent, tmp_path)]
    calls.clear()
    writer = LogWriter(file, SESSION)
    for message in RUN[:100]:
        assert calls[-2:] == [("write", str(path)), ("fsync", str(path))]
        size = path.stat().st_size
        writer.add(topic_of(message), message.at_s, to_bytes(message))
        writer.flush()
        assert path.stat().st_size > size
    calls.clear()
    writer.close()
    assert calls[-2:] == [("write", str(path)), ("fsync", str(path))]
    calls.clear()
    os.close(create(path.with_name("second.mcap")))
    assert calls == [("fsync", str(path.parent))]


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    write(path, RUN)
    log = SessionLog(path)
    assert log.session == SESSION
    assert as_bytes(list(log)) == as_bytes([SESSION, *RUN])
    assert log.cut is None
    assert as_bytes(list(read_log(path))) == as_bytes([SESSION, *RUN])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_is_for_its_owner_alone_too(tmp_path: Path) -> None:
    write(tmp_path / "logs/here/log.mcap", RUN[:5])
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("logs", "logs/here")] == [0o700] * 2


def test_the_official_reader_reads_it_with_all_checks_and_times(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    write(path, RUN)
    reader = make_reader(io.BytesIO(path.read_bytes()), validate_crcs=True)
    got = list(reader.iter_messages(log_time_order=False))
    assert [message.data for _, _, message in got] == as_bytes([SESSION, *RUN])
    assert [channel.topic for _, channel, _ in got] == [topic_of(m) for m in [SESSION, *RUN]]
    begin = 1767323045  # 2026-01-02T03:04:05Z
    assert [message.log_time for _, _, message in got[1:]] == [
        begin * 10**9 + round(message.at_s * 1e9) for message in RUN
    ]
    summary = reader.get_summary()
    assert summary is not None and summary.statistics is not None
    assert summary.statistics.message_count == len(RUN) + 1
    assert reader.get_header().profile == ""
    (about,) = reader.iter_metadata()
    assert about.metadata["bundle_sha256"] == SESSION.bundle_sha256


def test_schemas_are_of_the_kind_that_viewers_take_and_messages_fit_them(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    write(path, RUN[:30])
    reader = make_reader(io.BytesIO(path.read_bytes()))
    seen = set()
    for schema, channel, message in reader.iter_messages():
        if channel.topic == Topic.COUNTS:
            assert (schema.encoding, channel.message_encoding) == ("protobuf", "protobuf")
            continue
        assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
        described = json.loads(schema.data)
        assert_plain(described)
        jsonschema.validate(without_null(json.loads(message.data)), optional(described))
        seen.add(channel.topic)
    assert seen == set(Topic) - {Topic.COUNTS}


def assert_plain(schema: dict) -> None:
    """What log viewers know: an object has properties, a list has items, and each has one type."""
    assert schema["type"] in ("object", "array", "string", "number", "integer", "boolean")
    if schema["type"] == "object":
        for inner in schema["properties"].values():
            assert_plain(inner)
    if schema["type"] == "array":
        assert_plain(schema["items"])


def without_null(value):
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return [without_null(inner) for inner in value if inner is not None] if isinstance(value, list) else value


def optional(schema: dict) -> dict:
    """Viewers know no null: those keys are missing here."""
    nullable = {name for name, inner in schema["properties"].items() if inner.get("nullable")}
    return schema | {"required": [name for name in schema["required"] if name not in nullable]}


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind.__name__)
def test_every_message_but_counts_has_a_schema(kind) -> None:
    if kind is not Counts:
        assert json_schema(kind)["required"]


def test_counts_are_protobuf() -> None:
    """Of the description in the docstring, as the library of its makers reads it."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    from google.protobuf import descriptor_pool, message_factory

    files = descriptor_pb2.FileDescriptorSet.FromString(counts.PROTO_FILES)
    (described,) = files.file[0].message_type
    labels = {1: "", 3: "repeated "}
    types = {1: "double", 13: "uint32", 16: "sfixed64", 15: "sfixed32"}
    lines = [
        f"{labels[field.label]}{types[field.type]} {field.name} = {field.number};"
        for field in described.field
    ]
    assert all(line in counts.__doc__ for line in lines) and len(lines) == 4
    pool = descriptor_pool.DescriptorPool()
    pool.Add(files.file[0])
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(counts.PROTO_NAME))
    for message in RUN:
        if isinstance(message, Counts):
            raw = to_bytes(message)
            theirs = kind.FromString(raw)
            assert theirs.at_s == message.at_s
            assert theirs.channels == 8
            assert list(theirs.frame_index) == message.frame_index.tolist()
            assert list(theirs.counts) == message.counts.ravel().tolist()
            # The default of proto3 leaves a zero out, ours does not.
            assert theirs.SerializeToString() == (raw if message.at_s else raw[9:])


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_cut_off_at_every_byte_of_the_last_chunk(tmp_path: Path, step: int) -> None:
    path = tmp_path / "log.mcap"
    few = list(itertools.islice(made_up_run(1), 13))
    before, end = write(path, few, 7, finish=False, session=SHORT)
    whole, cut = path.read_bytes(), tmp_path / "cut.mcap"
    assert len(whole) == end
    kept, everything = as_bytes([SHORT, *few[:7]]), as_bytes([SHORT, *few])
    lengths = []
    for length in range(before, end, step):
        cut.write_bytes(whole[:length])
        log = SessionLog(cut)
        got = as_bytes(list(log))
        assert got in (kept, everything), length
        assert log.cut is not None
        lengths.append(len(got))
    assert lengths == sorted(lengths) and lengths[0] == len(kept)


@pytest.mark.parametrize("seed", range(20))
def test_a_tail_of_zeros_or_of_garbage_costs_the_last_chunk(tmp_path: Path, seed: int) -> None:
    """A power cut may leave a file as long as it was to be, without all of its content."""
    path = tmp_path / "log.mcap"
    before, end = write(path, RUN[:150], 75, finish=False)
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 3))):
        begin = rng.randrange(before + 9, end)
        raw[begin : begin + 200] = bytes(len(raw[begin : begin + 200]))
    path.write_bytes(raw + bytes(rng.choice((0, 5, 5000))))
    log = SessionLog(path)
    got = as_bytes(list(log))
    assert got[: 1 + 75] == as_bytes([SESSION, *RUN[:75]])
    assert log.cut is not None


@pytest.mark.parametrize("seed", range(20))
def test_damage_before_the_end_is_told(tmp_path: Path, seed: int) -> None:
    """What is read nevertheless is what was written, and then an error; or the place was without meaning."""
    path = tmp_path / "log.mcap"
    sizes = write(path, RUN)
    rng = random.Random(seed)
    raw = bytearray(path.read_bytes())
    place = rng.randrange(sizes[2] + 60, sizes[2] + 1500)
    raw[place] ^= 1 << rng.randrange(8)
    path.write_bytes(raw)
    got = []
    refused = False
    try:
        for message in SessionLog(path):
            got.append(message)
    except RecordingError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        refused = True
    assert refused != (len(got) == 1 + len(RUN))
    assert as_bytes(got) == as_bytes([SESSION, *RUN])[: len(got)]
    assert len(got) >= 151


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    with pytest.raises(RecordingError, match="cannot be read"):
        SessionLog(path)
    with pytest.raises(RecordingError, match="cannot be read"):
        SessionLog(tmp_path)
    for begun in (b"", b"\x89MCAP"):
        path.write_bytes(begun)
        with pytest.raises(RecordingError, match="cut off before its first message"):
            SessionLog(path)
    path.write_bytes(b"PK\x03\x04" * 10)
    with pytest.raises(RecordingError, match="no MCAP file"):
        SessionLog(path)


def test_another_mcap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ros.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2", library="rosbag2")
        writer.finish()
    with pytest.raises(RecordingError, match="an MCAP file, but no log of `run --log`"):
        SessionLog(path)


@pytest.mark.parametrize(
    ("topic", "raw", "why"),
    [
        ("session", {"version": VERSION + 1}, f"version {VERSION + 1}.*update"),
        ("session", {"version": VERSION}, "a session that cannot be read"),
        ("event", {"at_s": 0.0, "level": "info", "text": "", "dropped": {}}, "does not begin with a session"),
        ("imu", {}, "topic 'imu', which no run has"),
        (None, None, "before its first message"),
    ],
)
def test_a_log_of_other_content_is_refused(tmp_path: Path, topic, raw, why: str) -> None:
    path = tmp_path / "log.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(library="neurograsp 9.0")
        if topic is not None:
            channel = writer.register_channel(topic, "json", 0)
            writer.add_message(channel, 0, json.dumps(raw).encode(), 0)
        writer.flush()
    with pytest.raises(RecordingError, match=why):
        SessionLog(path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        create(path)
    assert path.read_text() == "mine"


FULL = """
import itertools, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from feed_publisher import made_up_run, made_up_session
from neurograsp.edge_runtime.telemetry.log_writer import LogWriter, create
from neurograsp.edge_runtime.telemetry.messages import to_bytes, topic_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
writer = LogWriter(create(Path(sys.argv[1])), made_up_session())
n = 0
try:
    for message in made_up_run(8):
        writer.add(topic_of(message), message.at_s, to_bytes(message))
        n += 1
        if n % 50 == 0:
            writer.flush()
            print(n)
except OSError:
    writer.close(finish=False)
"""


@pytest.mark.slow
def test_what_was_flushed_stays_readable_when_the_disk_is_full(tmp_path: Path) -> None:
    """A limit on the size of a file stands for it: a write is cut short, and the next one refused."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    path = tmp_path / "log.mcap"
    ran = subprocess.run(
        [sys.executable, "-c", FULL, path, Path(__file__).parents[2]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    flushed = int(ran.stdout.split()[-1])
    log = SessionLog(path)
    got = list(log)
    assert isinstance(got[0], Session)
    expected = list(itertools.islice(made_up_run(8), flushed))
    assert as_bytes(got[1:]) == as_bytes(expected)
    assert log.cut is not None and path.stat().st_size < 40_000
