"""What the pictures show, checked as arrays; that they are pictures; and what is refused."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import RATE_HZ, REPOSITORY, Toy

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError
from neurograsp.train.datasets import Labels, Recording, open_recordings
from neurograsp.train.pictures.arrays import average, cut_out, epochs, heat, signal_of, spectra
from neurograsp.train.scalp import scalp_places

Image = pytest.importorskip("PIL.Image")


def recording(counts: np.ndarray, *pieces: tuple[int, int], lsb_uv: float | None = 0.5) -> Recording:
    """At 250 Hz; the frame counter jumps by 1000 between pieces."""
    ranges = np.array(pieces or ((0, len(counts)),))
    jumps = np.zeros(len(counts), np.int64)
    jumps[ranges[1:, 0]] = 1000
    return Recording(
        counts=counts.astype(np.int32),
        rate_hz=RATE_HZ,
        channels=tuple(f"C{i}" for i in range(1, counts.shape[1] + 1)),
        lsb_uv=lsb_uv,
        pieces=ranges,
        frame_index=np.arange(len(counts)) + np.cumsum(jumps),
        labels=Labels(("step",), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)),
        subject="1",
        session="1",
        source="here",
    )


def sine(hz: float, n: int = 5000, amplitude: float = 1000) -> np.ndarray:
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(n) / RATE_HZ))[:, None]


def test_a_sine_is_a_peak_of_its_power() -> None:
    hz, density = spectra(signal_of(recording(sine(10))))
    assert hz[density[:, 0].argmax()] == 10.0
    assert density.sum() * (hz[1] - hz[0]) == pytest.approx((1000 * 0.5) ** 2 / 2, rel=0.01)


def test_spectra_do_not_see_the_jump_between_pieces() -> None:
    """Two pieces at levels far apart: across the gap that would be power at all frequencies."""
    counts = sine(10)
    counts[2500:] += 30_000
    _, split = spectra(signal_of(recording(counts, (0, 2500), (2500, 5000))))
    _, joined = spectra(signal_of(recording(counts)))
    assert split[40:].max() < 1e-3 * joined[40:].max()


def test_the_filter_is_the_boards_own(toy: Toy) -> None:
    """A notch at 50 Hz, and one frame in two kept."""
    spec = open_bundle(toy.bundle).manifest.signal
    mains = sine(50) + sine(12)
    whole = recording(np.repeat(mains, 16, axis=1), lsb_uv=spec.lsb_uv)
    whole = replace(whole, channels=spec.channels)
    plain, filtered = signal_of(whole), signal_of(whole, spec)
    assert filtered.rate_hz == plain.rate_hz / 2
    before, after = (dict(zip(hz.tolist(), power[:, 0])) for hz, power in map(spectra, (plain, filtered)))
    assert after[50.0] < 1e-3 * before[50.0]
    assert after[12.0] == pytest.approx(before[12.0], rel=0.1)
    with pytest.raises(RecordingError, match="no channel 'E1'"):
        signal_of(recording(mains, lsb_uv=spec.lsb_uv), spec)


def test_an_average_is_the_planted_step_and_crosses_no_gap() -> None:
    counts = np.zeros((1000, 2))
    starts = np.array([100, 300, 495, 700, 990])
    for start in starts:
        counts[start : start + 20, 1] = 40
    made = recording(counts, (0, 500), (500, 1000))
    labels = Labels(("step",), starts, starts + 10, np.zeros(5, np.int64))
    made = replace(made, labels=labels)
    signal = signal_of(made)
    cut = epochs(made, signal, "step", 0.04, 0.06, "start")
    assert cut.shape == (3, 10 + 15 + 1, 2)  # 495 reaches over the gap, 990 over the end
    one = average(cut, 0.04, signal.rate_hz, baseline=True)
    assert one.mean[:, 1].tolist() == [0.0] * 10 + [20.0] * 16
    assert not one.half_width.any()
    assert one.time_s[[0, 10, -1]].tolist() == pytest.approx([-0.04, 0, 0.06])
    middle = epochs(made, signal, "step", 0.04, 0.02, "middle")
    assert np.array_equal(middle[0][:, 1], [0] * 5 + [20] * 11)


def test_the_interval_of_a_mean_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = [
        abs(one.mean[0, 0]) <= one.half_width[0, 0]
        for one in (average(rng.normal(size=(40, 1, 1)), 0, 100, baseline=False) for _ in range(400))
    ]
    assert 0.92 < np.mean(held) < 0.97


def test_the_heat_map_is_the_signal_without_its_levels() -> None:
    counts = np.repeat(np.arange(100) >= 50, 10)[:, None] * 1000 + np.array([[0, 7]])
    columns, breaks = heat(signal_of(recording(counts, (0, 500), (500, 1000))), 100)
    assert columns.shape == (2, 100)
    assert not columns.any()
    assert breaks == [50]
    columns, _ = heat(signal_of(recording(counts[:997])), 100)
    assert columns.shape == (2, 99)


def test_a_part_by_its_own_time() -> None:
    made = recording(np.arange(1000)[:, None], (0, 500), (500, 1000))
    part = cut_out(made, 1.0, 5.5)  # the gap of 4 s lies between seconds 2 and 6
    assert part.counts[[0, -1], 0].tolist() == [250, 624]
    assert part.pieces.tolist() == [[0, 250], [250, 375]]
    for start_s, seconds in ((20.0, None), (2.5, 1.0), (-1.0, None)):
        with pytest.raises(RecordingError, match="no frame at"):
            cut_out(made, start_s, seconds)


def test_places_on_the_scalp() -> None:
    columns, info = scalp_places(["EOG", "CZ", "c3", "Fp1", "X", "Oz"])
    assert columns == [1, 2, 3, 5]
    assert info.ch_names == ["Cz", "C3", "Fp1", "Oz"]
    with pytest.raises(ConfigError, match="four electrodes .* 1 are known"):
        scalp_places(["EMG1", "EMG2", "Cz"])


@pytest.mark.parametrize("kind", ["heatmap", "spectra", "average"])
def test_each_kind_is_a_picture(
    kind: str, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sorted(toy.data.iterdir())[0]
    out = tmp_path / "a.png"
    for extra in ([], ["--bundle", str(toy.bundle)], ["--channels", "E3,E1"]):
        assert main(["plot", kind, str(file), "--out", str(out), *extra]) == 0
        picture = np.asarray(Image.open(out).convert("L"))
        assert picture.shape[1] > 1000
        assert len(np.unique(picture)) > 50
    assert capsys.readouterr().out.startswith(f"{out}: 16 channels")


@pytest.mark.slow
def test_an_animation_has_the_maps_promised(tmp_path: Path) -> None:
    file = REPOSITORY / "examples" / "data" / "physionet-eegmmidb-s001" / "S001R03.edf"
    out = tmp_path / "a.gif"
    assert main(["plot", "scalp", str(file), "--out", str(out), "--seconds", "1", "--fps", "8"]) == 0
    with Image.open(out) as picture:
        assert picture.n_frames == 8
        assert picture.info["duration"] == 120  # GIF counts hundredths
        first = np.asarray(picture.convert("RGB"))
        picture.seek(5)
        assert not np.array_equal(first, np.asarray(picture.convert("RGB")))


SCALP = ("plot", "scalp", str(REPOSITORY / "examples/data/physionet-eegmmidb-s001/S001R03.edf"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg (Debian: sudo apt install ffmpeg)")
def test_an_mp4_has_the_maps_promised(tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    assert main([*SCALP, "--out", str(out), "--seconds", "1", "--fps", "8"]) == 0
    command = ["ffmpeg", "-v", "error", "-i", str(out), "-fps_mode", "passthrough", "-pix_fmt", "gray"]
    done = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, stdout=subprocess.PIPE)
    maps = np.frombuffer(done.stdout, np.uint8).reshape(8, 420, 440)
    assert len(np.unique(maps)) > 50
    assert not np.array_equal(maps[0], maps[5])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "ffmpeg", "more", "text"),
    [
        ("a.mp4", None, (), "MP4 needs ffmpeg"),
        ("a.mp4", "exit 1", (), "ffmpeg does not write it"),
        ("a.gif", None, ("--fps", "0.1"), "no piece is long enough"),
    ],
)
def test_why_there_is_no_animation_by_the_name_that_was_asked_for(
    name: str,
    ffmpeg: str | None,
    more: tuple[str, ...],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs, out = tmp_path / "bin", tmp_path / "out" / name
    programs.mkdir()
    out.parent.mkdir()
    if ffmpeg is not None:
        (programs / "ffmpeg").write_text(f"#!/bin/sh\n{ffmpeg}\n")
        (programs / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert main([*SCALP, "--out", str(out), "--seconds", "1", *more]) == 4
    said = capsys.readouterr().err
    assert f"{out}: {text}" in said
    assert f".{name}-" not in said
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["heatmap", "FILE", "--out", "a.jpg"], 2, "written as .png, .svg, .pdf"),
        (["scalp", "FILE", "--out", "a.png"], 2, "written as .gif, .mp4"),
        (["heatmap", "FILE", "--channels", "E1,E99"], 2, "no channel 'E99': did you mean E"),
        (["average", "FILE", "--label", "T9"], 2, "no label 'T9': did you mean T"),
        (["average", "FILE", "--before", "30"], 4, "without a gap; take less with --before and --after"),
        (["heatmap", "FILE", "--start", "9999"], 4, "no frame at 9999 s and after"),
        (["heatmap", "FILE", "--seconds", "0"], 2, "--seconds must be positive"),
        (["heatmap", "FILE", "--after", "-1"], 2, "--after must be zero or more seconds"),
        (["heatmap", "FOLDER"], 2, "a folder; plot draws one recording: name one in it"),
        (["heatmap", "FILE", "--bundle", "nowhere"], 4, "no such bundle"),
        (["scalp", "FILE"], 4, "four electrodes of the 10-5 system or more"),
        (["heatmap", "FILE", "--out", "/proc/none/a.png"], 4, "cannot be written"),
    ],
)
def test_wrong_uses_end_in_one_line(
    arguments: list[str],
    code: int,
    text: str,
    toy: Toy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"FILE": str(sorted(toy.data.iterdir())[0]), "FOLDER": str(toy.data)}
    assert main(["plot", *(files.get(one, one) for one in arguments)]) == code
    said = capsys.readouterr().err.strip()
    assert text in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


def test_labels_of_real_data_give_epochs() -> None:
    (one,) = open_recordings(REPOSITORY / "examples" / "data" / "way-eeg-gal-windows" / "subj1_series7.npz")
    cut = epochs(one, signal_of(one), "HandStart", 0.0, 0.28, "start")
    assert cut.shape == (34, 141, 32)
