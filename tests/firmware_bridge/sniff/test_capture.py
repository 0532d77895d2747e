import json
import re
import resource
import signal
from pathlib import Path

import pytest

from neurograsp.firmware_bridge.errors import ConfigError
from neurograsp.firmware_bridge.sniff import capture
from neurograsp.firmware_bridge.sniff.capture import About, Capture, CaptureWriter, Heard
from neurograsp.firmware_bridge.sniff.pieces import Side

ABOUT = About("lx16a", "/dev/ttyUSB0", 115_200, "2026-01-01T00:00:00+0000")
HEARD = [
    Heard(0.0, Side.HOST, b"\x55\x55"),
    Heard(0.25, Side.DEVICE, bytes(9000)),
    Heard(1.5, Side.EITHER, b"\xff", 7),
]
HEAD = '{"neurograsp_capture": 1, "kind": "lx16a", "port": "p", "baud": 9600, "began": "now"}\n'


def written(path: Path, heard: list[Heard]) -> None:
    with CaptureWriter(path, ABOUT) as writer:
        for one in heard:
            assert writer.add(one)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    written(path, HEARD)
    with Capture(path) as read:
        assert read.about == ABOUT
        found = list(read)
    assert (found[0], read.cut) == (HEARD[0], False)
    assert [len(one.data) for one in found[1:4]] == [4096, 4096, 808]
    assert {one.seconds for one in found[1:4]} == {0.25}
    assert found[4:] == [Heard(1.5, Side.EITHER, b"", 7), Heard(1.5, Side.EITHER, b"\xff")]


def test_a_capture_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text("precious")
    with pytest.raises(ConfigError, match=r"c.jsonl: is there already"):
        CaptureWriter(path, ABOUT)
    assert path.read_text() == "precious"
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        CaptureWriter(tmp_path / "none" / "c.jsonl", ABOUT)


def test_it_is_readable_wherever_it_is_cut(tmp_path: Path) -> None:
    path, cut = tmp_path / "c.jsonl", tmp_path / "cut.jsonl"
    written(path, [Heard(0.1 * number, Side.HOST, bytes((number,))) for number in range(3)])
    data = path.read_bytes()
    head = data.index(b"\n") + 1
    for size in range(head, len(data) + 1, 3):
        cut.write_bytes(data[:size])
        with Capture(cut) as read:
            assert [one.data for one in read] == [bytes((n,)) for n in range(data[head:size].count(b"\n"))]
            assert read.cut == (data[size - 1 : size] != b"\n")


def test_it_stops_growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "MAX_FILE", 1000)
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, ABOUT) as writer:
        added = [writer.add(Heard(1.0, Side.HOST, bytes(100))) for _ in range(20)]
    assert added == sorted(added, reverse=True)
    assert not added[-1]
    assert 700 < path.stat().st_size <= 1000
    with Capture(path) as read:
        assert all(one.data == bytes(100) for one in read)


def test_a_disk_that_is_full_leaves_what_fitted(tmp_path: Path) -> None:
    """A write that takes only part of a line says so by a number alone."""
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, ABOUT) as writer:
        assert writer.add(HEARD[0])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        try:
            for said in ("is the disk full?", "File too large"):
                with pytest.raises(ConfigError, match=re.escape(f"cannot be written any more: {said}")):
                    writer.add(HEARD[0])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
    with Capture(path) as read:
        assert list(read) == [HEARD[0]]
        assert read.cut


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no capture of"),
        ("hello\n", "no capture of"),
        ("[1]\n", "no capture of"),
        ("[" * 16_000 + "\n", "no capture of"),
        ('{"neurograsp_capture": 2}\n', "a capture of version 2; this neurograsp reads 1"),
        ('{"neurograsp_capture": 1, "kind": 3}\n', "line 1: must name kind, port and baud"),
        (HEAD.replace("9600", "9" * 40), "line 1: must name kind, port and baud"),
        (HEAD + "x\n", "line 2: is not JSON"),
        (HEAD + "3\n", "line 2: is no JSON object"),
        (HEAD + " " * 20_000 + "\n", "line 2: is longer than"),
        (HEAD + '{"s": NaN, "side": "host", "data": ""}\n', 'line 2: "s" must be seconds'),
        (HEAD + '{"s": "1", "side": "host", "data": ""}\n', 'line 2: "s" must be seconds'),
        (HEAD + '{"s": -1, "side": "host", "data": ""}\n', 'line 2: "s" must be seconds'),
        (HEAD + '{"s": 1e400, "side": "host", "data": ""}\n', 'line 2: "s" must be seconds'),
        (HEAD + '{"s": 1%s, "side": "host", "data": ""}\n' % ("0" * 400), 'line 2: "s" must be seconds'),
        (HEAD + '{"s": 1, "side": "me", "data": ""}\n', 'line 2: "side" must be'),
        (HEAD + '{"s": 1, "side": [], "data": ""}\n', 'line 2: "side" must be'),
        (HEAD + '{"s": 1, "side": "host", "data": "0g"}\n', 'line 2: "data" must be bytes'),
        (HEAD + '{"s": 1, "side": "host"}\n', 'line 2: "data" must be bytes'),
        (HEAD + '{"s": 1, "side": "host", "data": "", "lost": "x"}\n', 'line 2: "lost" must be'),
        (
            HEAD + '{"s": 1, "side": "host", "data": "", "lost": 1%s}\n' % ("0" * 400),
            'line 2: "lost" must be',
        ),
    ],
)
def test_a_foreign_or_damaged_file_gets_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError) as failure, Capture(path) as read:
        list(read)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(
            ConfigError, match="no such file; `neurograsp hand sniff --capture FILE` writes one"
        ):
            Capture(path)


def test_a_file_that_still_grows_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with CaptureWriter(path, ABOUT) as writer:
        writer.add(HEARD[0])
        with Capture(path) as read:
            assert list(read) == [HEARD[0]]
    assert json.loads(path.read_text().splitlines()[1]) == {"s": 0.0, "side": "host", "data": "5555"}
