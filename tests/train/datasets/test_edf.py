"""EDF: stored integers come back exactly, whatever the gain; odd and damaged files are refused by name."""

import subprocess
import sys
from datetime import time
from pathlib import Path
from typing import Any

import edfio
import mne
import numpy as np
import pytest
from refusals import refusal

from neurograsp.edge_runtime.contract.errors import MissingExtra
from neurograsp.train.datasets import open_recordings

RATE_HZ = 250


def signal(label: str, seconds: int = 4, rate_hz: float = RATE_HZ, **keywords: Any) -> edfio.EdfSignal:
    """Every digital value there is comes up, ends of the range included."""
    digital_range = keywords.setdefault("digital_range", (-32768, 32767))
    keywords.setdefault("physical_range", (-3276.8, 3276.7))
    keywords.setdefault("physical_dimension", "uV")
    rng = np.random.default_rng(len(label) + ord(label[-1]))
    digital = rng.integers(*digital_range, int(seconds * rate_hz), dtype=np.int16, endpoint=True)
    digital[:2] = digital_range
    return edfio.EdfSignal.from_digital(digital, rate_hz, label=label, **keywords)


def write(
    path: Path, signals: list[edfio.EdfSignal], *notes: tuple[float, float | None, str], **keywords: Any
) -> Path:
    annotations = [edfio.EdfAnnotation(*note) for note in notes] or None
    edfio.Edf(signals, annotations=annotations, **keywords).write(path)
    return path


def stored_int16(path: Path, n_signals: int, per_signal: int, per_annotation: int, n_records: int) -> Any:
    """The digital values by hand, for a file whose layout is known."""
    data = np.frombuffer(path.read_bytes(), "<i2", offset=256 * (n_signals + 2))
    records = data.reshape(n_records, n_signals * per_signal + per_annotation)[:, : n_signals * per_signal]
    return records.reshape(n_records, n_signals, per_signal).transpose(0, 2, 1).reshape(-1, n_signals)


@pytest.mark.parametrize("run", ["03", "04", "07"])
def test_shipped_runs_are_exact(examples: Path, run: str) -> None:
    path = examples / f"physionet-eegmmidb-s001/S001R{run}.edf"
    (recording,) = open_recordings(path)
    np.testing.assert_array_equal(recording.counts, stored_int16(path, 64, 160, 80, 125))
    raw = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
    np.testing.assert_allclose(recording.counts.T * 1e-6, raw.get_data(), rtol=0, atol=1e-12)
    assert (recording.subject, recording.session) == ("1", str(int(run)))
    assert (recording.rate_hz, recording.lsb_uv) == (160.0, 1.0)
    assert recording.channels[:3] == ("Fc5", "Fc3", "Fc1")
    assert recording.labels.names == ("T0", "T1", "T2")
    assert len(recording.labels) == 30


def test_same_as_the_npz_of_the_same_run(full_sets: Path) -> None:
    folder = full_sets / "physionet-eegmmidb-s001"
    for of_edf, of_npz in zip(
        open_recordings(folder / "edf"), open_recordings(folder, sessions=[3, 4, 7, 8]), strict=True
    ):
        np.testing.assert_array_equal(of_edf.counts, of_npz.counts)
        for key in ("start", "stop", "code"):
            np.testing.assert_array_equal(getattr(of_edf.labels, key), getattr(of_npz.labels, key))
        for key in ("subject", "session", "rate_hz", "lsb_uv", "channels"):
            assert getattr(of_edf, key) == getattr(of_npz, key)


@pytest.mark.parametrize(
    ("physical", "digital", "unit", "lsb_uv"),
    [
        ((-3276.8, 3276.7), (-32768, 32767), "uV", 0.1),
        ((-187500, 187499.9), (-32768, 32767), "uV", 374999.9 / 65535),
        ((-0.333, 0.667), (-2048, 2047), "mV", 1000 / 4095),
        ((-0.001, 0.003), (-32768, 32767), "V", 4000 / 65535),
        ((12, 13), (0, 32767), "uV", 1 / 32767),
        ((-500, 500), (-500, 500), "\u00b5V", 1.0),
        ((-1, 1), (-32768, 32767), "nV", 2e-3 / 65535),
        ((-100, 100), (-32768, 32767), "degC", None),
        ((-100, 100), (-32768, 32767), "", None),
    ],
)
def test_odd_gains(
    tmp_path: Path, physical: tuple[float, float], digital: tuple[int, int], unit: str, lsb_uv: float | None
) -> None:
    signals = [
        signal(
            name,
            physical_range=physical,
            digital_range=digital,
            physical_dimension=unit.replace("\u00b5", "u"),
        )
        for name in ("C3", "Status")
    ]
    path = write(tmp_path / "gain.edf", signals)
    if "\u00b5" in unit:
        path.write_bytes(path.read_bytes().replace(b"uV ", unit.encode("latin-1") + b" "))
    (recording,) = open_recordings(path)
    np.testing.assert_array_equal(recording.counts, np.stack([s.digital for s in signals], axis=1))
    assert recording.counts.min() == digital[0]
    assert recording.counts.max() == digital[1]
    assert recording.lsb_uv == pytest.approx(lsb_uv)


def test_channels_of_two_scales_share_no_unit(tmp_path: Path) -> None:
    signals = [signal("C3"), signal("ECG", physical_range=(-5, 5), physical_dimension="mV")]
    (recording,) = open_recordings(write(tmp_path / "two.edf", signals))
    assert recording.lsb_uv is None
    np.testing.assert_array_equal(recording.counts[:, 1], signals[1].digital)


def test_inverted_polarity_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "inverted.edf", [signal("C3", physical_range=(100, -100)), signal("C4")])
    assert "C3 stored with inverted polarity" in refusal(path)


def test_annotations_at_sub_sample_onsets(tmp_path: Path) -> None:
    period = 1 / RATE_HZ
    path = write(
        tmp_path / "notes.edf",
        [signal("C3")],
        (10.4 * period, 20 * period, "reach"),
        (10.6 * period, 20 * period, "grip"),
        (2.0, None, "marker"),
        (3.9999, 0.0, "marker"),
        (3.5, 5.0, "over the end"),
        (4.0, None, "the end"),
        (1.0, 0.5, "Gr\u00fc\u00dfe"),
    )
    (recording,) = open_recordings(path)
    found = {
        (recording.labels.names[code], start, stop)
        for code, start, stop in zip(
            recording.labels.code.tolist(),
            recording.labels.start.tolist(),
            recording.labels.stop.tolist(),
            strict=True,
        )
    }
    assert recording.labels.names == ("Gr\u00fc\u00dfe", "grip", "marker", "over the end", "reach", "the end")
    assert found == {
        ("reach", 10, 30),
        ("grip", 11, 31),
        ("marker", 500, 501),
        ("marker", 999, 1000),
        ("over the end", 875, 1000),
        ("the end", 999, 1000),
        ("Gr\u00fc\u00dfe", 250, 375),
    }


def test_annotation_after_the_end_does_not_match(tmp_path: Path) -> None:
    path = write(tmp_path / "late.edf", [signal("C3")], (1.0, 1.0, "reach"), (4.5, 1.0, "grip"))
    assert "a label does not match: it lies outside the 4 s recorded" in refusal(path)


def test_start_within_a_second_does_not_move_the_labels(tmp_path: Path) -> None:
    path = write(
        tmp_path / "start.edf", [signal("C3")], (1.0, 1.0, "reach"), starttime=time(10, 0, 0, 500_000)
    )
    (recording,) = open_recordings(path)
    assert recording.labels.start.tolist() == [250]


def test_more_annotation_bytes_than_samples(tmp_path: Path) -> None:
    notes = [(0.5 + 0.01 * i, 0.1, f"a rather long annotation {i}") for i in range(40)]
    path = write(tmp_path / "dense.edf", [signal("C3", rate_hz=20)], *notes)
    (recording,) = open_recordings(path)
    assert recording.counts.shape == (80, 1)
    assert len(recording.labels) == 40


def test_plain_edf_without_annotations(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.edf", [signal("C3"), signal("C4..")], data_record_duration=0.5)
    (recording,) = open_recordings(path)
    assert (len(recording.labels), recording.labels.names) == (0, ())
    assert recording.channels == ("C3", "C4")
    assert (recording.rate_hz, recording.counts.shape) == (250.0, (1000, 2))
    assert (recording.subject, recording.session) == ("unknown", "plain")


def test_subject_of_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "b.edf", [signal("C3")], patient=edfio.Patient(code="P07", name="Hidden"))
    (recording,) = open_recordings(path)
    assert (recording.subject, recording.session) == ("P07", "b")


def test_names_that_are_numbers_are_selected_as_numbers(tmp_path: Path) -> None:
    for stem in ("02", "010"):
        write(tmp_path / f"{stem}.edf", [signal("C3")], patient=edfio.Patient(code="07"))
    found = open_recordings(tmp_path, subjects=[7], sessions=[2, 10])
    assert [(r.subject, r.session) for r in found] == [("7", "2"), ("7", "10")]


def test_different_rates_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rates.edf", [signal("C3"), signal("Cz"), signal("Resp", rate_hz=25)])
    assert "channels differ in rate (25 Hz: Resp; 250 Hz: C3, Cz)" in refusal(path)


def test_same_name_twice(tmp_path: Path) -> None:
    assert "['C3']" in refusal(write(tmp_path / "twice.edf", [signal("C3"), signal("C3.")]))


@pytest.mark.parametrize("keep", [0, 100, 300, 600, 2000, -1])
def test_truncated(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "cut.edf", [signal("C3")], (1.0, 1.0, "reach"))
    path.write_bytes(path.read_bytes()[:keep])
    expected = "truncated or damaged: its header promises" if keep in (2000, -1) else "its header is damaged"
    assert expected in refusal(path)


@pytest.mark.parametrize(
    ("at", "field", "expected"),
    [
        (0, b"\xffBIOSEMJ", "not an EDF or BDF file"),
        (0, b"\xffBIOSEMI", "truncated or damaged"),
        (192, b"EDF+D", "discontinuous EDF+ or BDF+ (EDF+D) is not read"),
        (236, b"-1      ", "the recording was not closed"),
        (244, b"0       ", "the recording was not closed"),
        (244, b"nan     ", "the recording was not closed"),
        (252, b"9999", "not an EDF or BDF file"),
        (252, b"0   ", "not an EDF or BDF file"),
        (184, b"512     ", "its header is damaged"),
        (256 + 2 * 104, b"nan     ", "its header is damaged"),
        (256 + 2 * 104, b"3276.7  ", "its header is damaged"),
        (256 + 2 * 120, b"9.5     ", "its header is damaged"),
        (256 + 2 * 216, b"-250    ", "its header is damaged"),
        (256 + 2 * 216, b"251     ", "truncated or damaged"),
    ],
)
def test_damaged_header(tmp_path: Path, at: int, field: bytes, expected: str) -> None:
    path = write(tmp_path / "damaged.edf", [signal("C3")], (1.0, 1.0, "reach"))
    data = path.read_bytes()
    path.write_bytes(data[:at] + field + data[at + len(field) :])
    assert expected in refusal(path)


def test_annotations_that_are_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "bytes.edf", [signal("C3")], (1.0, 1.0, "reach"))
    path.write_bytes(path.read_bytes().replace(b"reach", b"\xff\xfe\xff\xfe\xff"))
    assert "MNE cannot read its labels, the annotations" in refusal(path)


def test_a_duration_beyond_all_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "long.edf", [signal("C3")], (1.0, 1e20, "a"))
    assert "cannot read its labels" in refusal(path)


def test_only_annotations(tmp_path: Path) -> None:
    assert "no signal" in refusal(write(tmp_path / "notes.edf", [], (1.0, 1.0, "reach")))


def test_without_mne_the_extra_is_named(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(MissingExtra, match=r"pip install '\.\[train\]'") as caught:
        open_recordings(examples / "physionet-eegmmidb-s001/S001R03.edf")
    assert caught.value.exit_code == 3


def test_import_is_light() -> None:
    script = (
        "import sys, neurograsp.train.datasets\n"
        "heavy = {'scipy', 'mne', 'tensorflow', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
