"""The file that MNE, edfio and our own reader have to agree on."""

from datetime import datetime
from pathlib import Path

import edfio
import mne
import numpy as np
import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.recording.bdf import BdfHeader, BdfWriter, CountScale
from neurograsp.edge_runtime.recording.recorder import Stretch
from neurograsp.edge_runtime.sources.board_layout import LSB_UV, OTHER_LSB_UV
from neurograsp.edge_runtime.sources.fit import to_counts
from neurograsp.train.datasets import open_recordings

STARTED = datetime(2026, 3, 5, 9, 30, 7)


def write(path: Path, counts: np.ndarray, rate_hz: int, stretches: list[Stretch], lsb: float | None) -> int:
    names = tuple(f"E{n}" for n in range(1, counts.shape[1] + 1))
    header = BdfHeader("P1", "2", "cyton", STARTED, names, rate_hz, CountScale.of(lsb))
    with path.open("xb", buffering=0) as file:
        writer = BdfWriter(file, header)
        for part, stretch in zip(np.array_split(counts, len(stretches)), stretches):
            writer.write(part)
            writer.annotate([stretch])
        writer.finish()
    assert path.stat().st_size == header.n_bytes(writer.n_records)
    return writer.n_clipped


@pytest.mark.parametrize("rate_hz", [125, 250, 512, 1000])
@pytest.mark.parametrize("lsb_uv", [*sorted(set(LSB_UV.values())), OTHER_LSB_UV, 0.01, 1.0, None])
def test_the_same_integers_and_labels_everywhere(tmp_path: Path, rate_hz: int, lsb_uv: float | None) -> None:
    """With a last second that is not full, and every end of a label on an odd frame."""
    scale = CountScale.of(lsb_uv)
    rng = np.random.default_rng(rate_hz)
    counts = rng.integers(-scale.digital, scale.digital, (5 * rate_hz + 77, 3), endpoint=True).astype(
        np.int32
    )
    counts[:4, 0] = (-scale.digital, scale.digital, -1, 255)
    edges = [0, rate_hz + 1, 3 * rate_hz - 7, len(counts)]
    texts = ["rest", "grip", "rest"]
    stretches = [Stretch(a, b, text) for a, b, text in zip(edges, edges[1:], texts)]
    path = tmp_path / "subjP1_session02.bdf"
    assert write(path, counts, rate_hz, stretches, lsb_uv) == 0

    (ours,) = open_recordings(path)
    assert (ours.subject, ours.session, ours.rate_hz, ours.lsb_uv) == ("P1", "2", rate_hz, lsb_uv)
    assert np.array_equal(ours.counts, counts)
    assert ours.labels.start.tolist() == edges[:-1]
    assert ours.labels.stop.tolist() == edges[1:]
    assert [ours.labels.names[code] for code in ours.labels.code] == texts

    theirs = mne.io.read_raw_bdf(path, preload=True, verbose="ERROR")
    assert theirs.info["sfreq"] == rate_hz
    assert theirs.info["meas_date"].replace(tzinfo=None) == STARTED
    assert [*theirs.annotations.description[:3]] == texts
    if lsb_uv is not None:
        read = np.rint(theirs.get_data()[:, : len(counts)].T * 1e6 / lsb_uv)
        assert np.array_equal(read, counts)

    plain = edfio.read_bdf(path)
    assert np.array_equal(plain.signals[1].digital[: len(counts)], counts[:, 1])
    assert plain.patient.code == "P1"
    assert plain.recording.equipment_code == "cyton"
    assert plain.startdatetime == STARTED
    assert [note.text for note in plain.annotations if not note.text.startswith("BAD")] == texts


def test_more_labels_than_a_second_has_room_for(tmp_path: Path) -> None:
    counts = np.arange(200, dtype=np.int32)[:, None]
    stretches = [Stretch(n, n + 1, f"label-{n}") for n in range(50)]
    path = tmp_path / "subj1_session1.bdf"
    write(path, counts, 100, stretches, 1.0)
    (ours,) = open_recordings(path)
    assert ours.counts[:, 0].tolist() == list(range(200))
    assert len(ours.labels) == 50
    assert ours.labels.start.tolist() == list(range(50))


def test_what_is_beyond_the_range_lies_at_its_end_and_is_counted(tmp_path: Path) -> None:
    counts = np.array([[2**31 - 1], [-(2**31)], [5]] * 10, np.int32)
    path = tmp_path / "a.bdf"
    assert write(path, counts, 30, [Stretch(0, 30, "rest")], 1.0) == 20
    (ours,) = open_recordings(path)
    assert ours.counts[:3, 0].tolist() == [8_388_607, -8_388_607, 5]


@pytest.mark.parametrize("board", sorted(LSB_UV))
def test_integers_of_a_board_come_back_from_microvolts(board: str) -> None:
    """BrainFlow multiplies in single precision where it does at all."""
    counts = np.random.default_rng(0).integers(-(2**23) + 1, 2**23, (1, 200_000))
    for step in (LSB_UV[board], float(np.float32(LSB_UV[board]))):
        assert np.array_equal(to_counts(counts * step, LSB_UV[board])[:, 0], counts[0])


@pytest.mark.parametrize("lsb_uv", [2**0.5, 1e9, 1e-12])
def test_a_unit_that_the_header_cannot_say_is_refused(lsb_uv: float) -> None:
    with pytest.raises(ConfigError, match="cannot be written to BDF exactly"):
        CountScale.of(lsb_uv)


@pytest.mark.parametrize("name", ["a name of seventeen", "\u00c9lectrode"])
def test_a_channel_name_that_the_header_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    header = BdfHeader("1", "1", "X", STARTED, (name,), 100, CountScale.of(1.0))
    with pytest.raises(ConfigError, match="make it shorter|ASCII"):
        header.encode(0)


@pytest.mark.parametrize("lsb_uv", [1.0, 0.5, None])
def test_edf_has_the_same_integers_and_labels_everywhere(tmp_path: Path, lsb_uv: float | None) -> None:
    scale = CountScale.of(lsb_uv, sample_bytes=2)
    assert scale.digital > 32_700
    rng = np.random.default_rng(3)
    counts = rng.integers(-scale.digital, scale.digital, (377, 3), endpoint=True).astype(np.int32)
    counts[:2, 0] = (-scale.digital, scale.digital)
    header = BdfHeader("P1", "2", "cyton", STARTED, ("E1", "E2", "E3"), 125, scale, sample_bytes=2)
    path = tmp_path / "subjP1_session02.edf"
    with path.open("xb", buffering=0) as file:
        writer = BdfWriter(file, header)
        writer.annotate([Stretch(7, 200, "grip")])
        writer.write(counts)
        writer.finish()
    assert path.stat().st_size == header.n_bytes(writer.n_records)
    assert writer.n_clipped == 0
    (ours,) = open_recordings(path)
    assert np.array_equal(ours.counts, counts)
    assert (ours.lsb_uv, ours.labels.names) == (lsb_uv, ("grip",))
    assert (ours.labels.start.tolist(), ours.labels.stop.tolist()) == ([7], [200])
    plain = edfio.read_edf(path)
    assert np.array_equal(plain.signals[2].digital[:377], counts[:, 2])
    assert [note.text for note in plain.annotations] == ["grip", "BAD_lost"]
    theirs = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
    assert theirs.annotations.onset[0] == pytest.approx(7 / 125)


def test_a_unit_too_fine_for_edf_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be written to EDF exactly; write BDF"):
        CountScale.of(4.5e6 / 24 / (2**23 - 1), sample_bytes=2)
