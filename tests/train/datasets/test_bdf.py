"""BDF: 24-bit integers come back exactly; what differs from EDF."""

from pathlib import Path
from typing import Any

import edfio
import mne
import numpy as np
import pytest
from refusals import refusal

from neurograsp.edge_runtime.contract.errors import RecordingError
from neurograsp.train.datasets import Recording, open_recordings

RATE_HZ, SECONDS = 250, 4
RANGE = (-8_388_608, 8_388_607)


def digital(seed: int) -> Any:
    """Every byte of a sample matters, the ends of the range and small negative numbers included."""
    values = np.random.default_rng(seed).integers(*RANGE, RATE_HZ * SECONDS, dtype=np.int32, endpoint=True)
    values[:4] = (*RANGE, -1, 255)
    return values


def write(path: Path, labels: tuple[str, ...] = ("Fp1", "C3")) -> Path:
    signals = [
        edfio.BdfSignal.from_digital(
            digital(seed),
            RATE_HZ,
            label=label,
            physical_range=(-262_144, 262_143.96875),
            physical_dimension="uV",
            digital_range=RANGE,
        )
        for seed, label in enumerate(labels)
    ]
    notes = [edfio.EdfAnnotation(1.0, 0.5, "reach"), edfio.EdfAnnotation(2.0, None, "touch")]
    edfio.Bdf(signals, annotations=notes).write(path)
    return path


def test_integers_unit_and_labels(tmp_path: Path) -> None:
    (one,) = open_recordings(write(tmp_path / "a.bdf"))
    assert np.array_equal(one.counts, np.stack([digital(0), digital(1)], axis=1))
    assert one.lsb_uv == pytest.approx(524_287.96875 / (2**24 - 1))
    assert (one.channels, one.rate_hz, one.session) == (("Fp1", "C3"), 250.0, "a")
    assert one.labels.names == ("reach", "touch")
    assert one.labels.start.tolist() == [250, 500]
    assert one.labels.stop.tolist() == [375, 501]
    raw = mne.io.read_raw_bdf(tmp_path / "a.bdf", verbose="ERROR").get_data() * 1e6
    assert one.counts.T * one.lsb_uv == pytest.approx(raw, abs=0.016)  # half a step: of the header's ends


def test_the_triggers_of_a_biosemi_are_no_channel(tmp_path: Path) -> None:
    (one,) = open_recordings(write(tmp_path / "a.bdf", ("Fp1", "C3", "Status")))
    assert one.channels == ("Fp1", "C3")


@pytest.mark.parametrize("keep", [100, 600, 3000, -1])
def test_a_truncated_file(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "a.bdf")
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("kind", ["edf", "bdf"])
@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_bytes_a_recording_or_one_line(tmp_path: Path, kind: str, seed: int) -> None:
    """Mostly the header is hit: it says how large everything is."""
    path = write(tmp_path / "a.bdf")
    if kind == "edf":
        path = tmp_path / "a.edf"
        value = edfio.EdfSignal(np.sin(np.arange(1000)), RATE_HZ, label="C3", physical_range=(-1, 1))
        edfio.Edf([value], annotations=[edfio.EdfAnnotation(1.0, 0.5, "reach")]).write(path)
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(content) if rng.random() < 0.3 else 1024))
        if rng.random() < 0.5:
            content[at] = int(rng.integers(256))
        else:
            content[at] = int(rng.choice(list(b"0123456789-. ")))
    path.write_bytes(content)
    try:
        (found,) = open_recordings(path)
    except RecordingError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, Recording)
