"""Damaged files of every kind: a recording or one line, never another error, a hang or gigabytes."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xdf_writer import Xdf

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import Recording, open_recordings

EXAMPLES = 60
MOST_BYTES = 64 << 20
"""All files here are smaller than 100 kB."""

EVENTS = ("HandStart", "FirstDigitTouch", "BothStartLoadPhase", "LiftOff", "Replace", "BothReleased")

EDIT = st.tuples(
    st.floats(0, 1),  # where
    st.integers(0, 8),  # bytes taken away there
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"-1", b"0", b"99999999", b"nan", b"1e300", b",", b"\n", b"\xff" * 8, bytes(8)]),
    ),
)
DAMAGE = st.tuples(st.lists(EDIT, min_size=1, max_size=4), st.booleans(), st.floats(0, 1))
"""Edits, whether they hit the beginning only, where the headers are, and how much of the end is left."""


def csv(folder: Path) -> Path:
    rows = [f"subj1_series1_{i},{i * 7 % 300},{-i}" for i in range(60)]
    marks = [f"subj1_series1_{i},{int(20 <= i < 40)}" for i in range(60)]
    (folder / "subj1_series1_data.csv").write_text("\n".join(["id,Fp1,C3", *rows, ""]))
    (folder / "subj1_series1_events.csv").write_text("\n".join(["id,HandStart", *marks, ""]))
    return folder / "subj1_series1_data.csv"


def edf(folder: Path) -> Path:
    signal = edfio.EdfSignal(np.sin(np.arange(500)), 250, label="C3", physical_range=(-1, 1))
    edfio.Edf([signal], annotations=[edfio.EdfAnnotation(1.0, 0.5, "reach")]).write(folder / "a.edf")
    return folder / "a.edf"


def xdf(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    stamps = 50 + np.arange(100) / 250
    file = Xdf().signal(
        rng.normal(0, 50, (100, 2)), stamps, channels=[("C3", "uV", "EEG"), ("C4", "uV", "EEG")]
    )
    return file.markers([(50.1, "rest"), (50.2, "fist")], offsets=[0.1, 0.1, 0.1]).write(folder / "a.xdf")


def mat(folder: Path, packed: bool = False) -> Path:
    eeg = {
        "names": np.array([["C3", "C4"]], object),
        "sig": np.arange(2000.0).reshape(-1, 2),
        "samplingrate": 500,
    }
    columns = ("Run", "StartTime", "LEDOn", *(f"t{name}" for name in EVENTS))
    lifts = {
        "AllLifts": [[1, 0.1, 2, *(2.1 + 0.2 * i for i in range(6))]],
        "ColNames": np.array(columns, object),
    }
    scipy.io.savemat(folder / "HS_P1_S1.mat", {"hs": {"name": "AB", "eeg": eeg}}, do_compression=packed)
    scipy.io.savemat(folder / "P1_AllLifts.mat", {"P": lifts}, do_compression=packed)
    return folder / "HS_P1_S1.mat"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    return tmp_path


def damaged(content: bytes, edits: list[tuple[float, int, bytes]], at_begin: bool, left: float) -> bytes:
    for where, n_bytes, new in edits:
        at = round(where * (min(1024, len(content)) if at_begin else len(content)))
        content = content[:at] + new + content[at + n_bytes :]
    return content[: max(1, round(left * len(content)))] if left < 0.2 else content


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (csv, "subj1_series1_data.csv"),
        (csv, "subj1_series1_events.csv"),
        (edf, "a.edf"),
        (xdf, "a.xdf"),
        (mat, "HS_P1_S1.mat"),
        (mat, "P1_AllLifts.mat"),
        (lambda folder: mat(folder, packed=True), "HS_P1_S1.mat"),
    ],
)
def test_a_recording_or_one_line(folder: Path, make: Callable[[Path], Path], other: str) -> None:
    path = make(folder)
    assert len(open_recordings(path)[0].labels)
    content = (folder / other).read_bytes()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(DAMAGE)
    def read(damage: tuple[list[tuple[float, int, bytes]], bool, float]) -> None:
        (folder / other).write_bytes(damaged(content, *damage))
        try:
            (found,) = open_recordings(path)
        except RecordingError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(found, Recording)

    tracemalloc.start()
    try:
        read()
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
