"""Real liblsl: an outlet in a process of its own, the source here."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import toy_signal

from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra, SourceError
from neurograsp.edge_runtime.sources import lsl_stream
from neurograsp.edge_runtime.sources.base import Block, Layout
from neurograsp.edge_runtime.sources.lsl_stream import LslSource, find_stream

pytest.importorskip("pylsl")

SENDER = Path(__file__).parents[2] / "lsl_sender.py"
RATE_HZ = 500.0
SPEC = replace(toy_signal(rate_hz=RATE_HZ), lsb_uv=0.5)


@contextmanager
def sender(
    name: str, kind: str = "float32", unit: str = "microvolts", rate_hz: float = RATE_HZ, *more: str
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, str(SENDER), name, kind, unit, str(rate_hz), *more],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(source: LslSource, number: int, patience_s: float = 20.0) -> Block:
    """Everything up to a frame number."""
    blocks, end = [], time.monotonic() + patience_s
    while not blocks or blocks[-1].frame_index[-1] < number:
        assert time.monotonic() < end, "no more frames"
        block = source.read()
        blocks += [block] if len(block.frame_index) else []
        time.sleep(0.01)
    return Block(
        np.concatenate([block.counts for block in blocks]),
        np.concatenate([block.frame_index for block in blocks]),
    )


@pytest.mark.parametrize(
    ("kind", "unit", "lsb_uv", "counts_a_value"),
    [
        pytest.param("float32", "microvolts", 0.5, 2, marks=pytest.mark.slow),
        ("int32", "uV", 0.25, 4),
        pytest.param("double64", "mV", 100.0, 10, marks=pytest.mark.slow),
        pytest.param("int16", "", None, 1, marks=pytest.mark.slow),
        pytest.param("float32", "", None, 100, marks=pytest.mark.slow),
    ],
)
def test_values_and_gaps(kind: str, unit: str, lsb_uv: float | None, counts_a_value: int) -> None:
    """Frame k holds k and -k in its unit; a trigger channel is left out."""
    with sender("values", kind, unit):
        source = LslSource(find_stream("values"), replace(SPEC, lsb_uv=lsb_uv))
        try:
            source.start()
            got = read_until(source, 350)
        finally:
            source.stop()
    first = got.counts[0, 0] // counts_a_value
    assert [int(step) for step in np.diff(got.frame_index) if step != 1] == [101]
    assert np.array_equal(got.counts[:, 0], (got.frame_index + first) * counts_a_value)
    assert np.array_equal(got.counts[:, 1], -got.counts[:, 0])


def test_layout_and_channels_by_name() -> None:
    with sender("layout"):
        stream = find_stream("layout")
        assert stream.layout == Layout(("C0", "C1"), RATE_HZ, 0.01)
        source = LslSource(stream, replace(toy_signal(n_channels=1, rate_hz=RATE_HZ), channels=("c1",)))
        source.start()
        assert (read_until(source, 50).counts <= 0).all()
        source.stop()
        for spec, message in (
            (toy_signal(n_channels=3, rate_hz=RATE_HZ), "2 channels .* trained on 3 channels"),
            (toy_signal(), "at 500 Hz, but .* at 250 Hz"),
            (replace(SPEC, lsb_uv=None), "counts without a unit"),
        ):
            with pytest.raises(ConfigError, match=message):
                LslSource(stream, spec)


@pytest.mark.slow
def test_a_program_that_ends_is_a_lost_source() -> None:
    with sender("lost") as process:
        source = LslSource(find_stream("lost"), SPEC)
        source.start()
        read_until(source, 50)
        source.stop()
        source.start()
        read_until(source, 50)
        process.kill()
        process.wait()
        with pytest.raises(SourceError, match=r"^LSL stream lost: lost; look at its program"):
            read_until(source, 10_000)
        source.stop()
        with pytest.raises(SourceError, match=r"^LSL stream lost: not on the network"):
            source.start()


@pytest.mark.slow
def test_streams_that_cannot_be_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--actions", "a", "--out", "/nonexistent/x")
    with sender("irregular", "float32", "uV", 0.0):
        with pytest.raises(ConfigError, match="at 0 Hz; a stream of numbers at a regular rate"):
            find_stream("irregular")
        assert main(["record", "--source", "lsl:iregular", *arguments]) == 5
        assert "did you mean 'irregular'" in capsys.readouterr().err
    with sender("twice", "float32", "uV", RATE_HZ, "twice"), pytest.raises(ConfigError, match="2 streams"):
        find_stream("twice")


def test_without_the_extra_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    assert main(["record", "--source", "lsl:x", "--actions", "a", "--out", "/nonexistent/x"]) == 3
    assert "pip install '.[lsl]'" in capsys.readouterr().err


def load_in_fresh_process(path: Path) -> "subprocess.CompletedProcess[str]":
    """Prints the library that is found with `path` before the installed packages."""
    code = (
        "from neurograsp.edge_runtime.sources.lsl_stream import load_pylsl; print(load_pylsl().lib.libpath)"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(path)},
        text=True,
        capture_output=True,
        check=False,
    )


def test_the_library_of_mne_lsl_is_found_without_importing_it(tmp_path: Path) -> None:
    """As on arm64, where pylsl comes without one."""
    installed = lsl_stream.load_pylsl().lib.libpath
    assert load_in_fresh_process(tmp_path).stdout.strip() == installed
    folder = tmp_path / "mne_lsl" / "lsl" / "lib"
    folder.mkdir(parents=True)
    (tmp_path / "mne_lsl" / "__init__.py").write_text("raise AssertionError")
    (folder / "liblsl.so.1.17.7").symlink_to(Path(installed).resolve())
    assert load_in_fresh_process(tmp_path).stdout.strip() == str(folder / "liblsl.so.1.17.7")


def test_without_the_library_the_remedy_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "pylsl.py").write_text("raise RuntimeError('LSL binary library file was not found.')")
    said = load_in_fresh_process(tmp_path).stderr
    assert f"{MissingExtra.__name__}: liblsl is not installed: run `pip install '.[lsl]'`" in said
