"""`neurograsp calibrate`, and what `run` makes of its file."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import numpy.typing as npt
import pytest
from toys import CHANNELS, RATE_HZ, Toy, eeg_like

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.calibration import read_calibration
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.demo import SAMPLES
from neurograsp.edge_runtime.contract.calibration import Calibration, render_calibration
from neurograsp.train.datasets import open_recordings

GAL = SAMPLES / "bundles" / "grasp-and-lift"
SERIES = SAMPLES / "way-eeg-gal" / "subj1_series7.npz"
NOT_ON_A_BOARD = ("tensorflow", "tf_keras", "scipy", "sklearn", "mne", "matplotlib", "brainflow", "rich")


def session(toy: Toy, number: int) -> str:
    return str(toy.data / f"S001R{number:02d}.npz")


def calibrate(toy: Toy, out: Path, *arguments: str) -> int:
    return main(["calibrate", "--bundle", str(toy.bundle), "--out", str(out), *arguments])


def test_on_a_recording(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "new" / "today.json"
    assert calibrate(toy, out, "--recording", session(toy, 3), "--target", "10", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    one, bundle = read_calibration(out), open_bundle(toy.bundle)
    assert one.bundle_sha256 == report["bundle"]["sha256"] == bundle.sha256
    assert one.source == "recordings 1/3"
    assert one.rest_s == report["rest_s"] == pytest.approx(12)
    assert one.n_events == 6
    assert list(one.on) == report["after"]["on"]
    assert report["after"]["at_most_per_min"] <= 10
    assert report["after"]["event_tpr"] == one.hits / 6
    assert one.drift is None
    one.applied_to(bundle.manifest, bundle.sha256, "x")


def test_on_recordings_it_was_trained_on_it_says_so(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "today.json"
    assert calibrate(toy, out, "--recording", str(toy.data), "--target", "5") == 0
    said = capsys.readouterr()
    assert "the bundle was trained on 1/1: expect more" in said.err
    assert "36 s; at most 5 a minute wanted" in said.out
    assert "will be watched" in said.out
    assert f"--calibration {out}" in said.out
    assert read_calibration(out).drift is not None


def playable(counts: npt.NDArray[np.int32], path: Path) -> str:
    """The source that plays (n_frames, 16) counts of 1 uV."""
    pytest.importorskip("brainflow")
    rail = (-32768, 32767)
    whole = counts[: len(counts) // round(RATE_HZ) * round(RATE_HZ)].clip(*rail).astype(np.int16)
    scale: dict[str, Any] = {"physical_dimension": "uV", "physical_range": rail, "digital_range": rail}
    signals = [
        edfio.EdfSignal.from_digital(column, RATE_HZ, label=name, **scale)
        for name, column in zip(CHANNELS, np.ascontiguousarray(whole.T))
    ]
    edfio.Edf(signals).write(path)
    return f"playback:{path}"


def test_live_without_any_hand(
    toy: Toy, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_hand(*_: object) -> None:
        raise AssertionError("a hand was opened")

    monkeypatch.setattr("neurograsp.edge_runtime.cli.hands.open_hand", no_hand)
    monkeypatch.setattr("neurograsp.firmware_bridge.link.HandLink.__init__", no_hand)
    out = tmp_path / "today.json"
    resting = playable(eeg_like(round(26 * RATE_HZ), 16, seed=9, amplitude=20.0), tmp_path / "rest.edf")
    live = ("--source", resting, "--speed", "20", "--rest-s", "20", "--target", "5")
    assert calibrate(toy, out, *live, "--json") == 0
    said = capsys.readouterr()
    assert "rest now, for 1 s" in said.err
    report = json.loads(said.out)
    assert report["rest_s"] == pytest.approx(20, abs=1.1)  # a tick of playback is a second
    assert re.match("2[0-9] s of rest from playback:", report["source"])
    assert report["after"]["event_tpr"] is None
    assert report["after"]["at_most_per_min"] <= 5
    own = open_bundle(toy.bundle).manifest.decision.on
    assert all(new >= old for new, old in zip(read_calibration(out).on, own))


def test_a_recording_that_ends_too_soon_shows_nothing(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    resting = playable(eeg_like(round(8 * RATE_HZ), 16, seed=9), tmp_path / "rest.edf")
    out = tmp_path / "today.json"
    live = ("--source", resting, "--speed", "20", "--rest-s", "20", "--target", "5")
    assert calibrate(toy, out, *live) == 1
    assert re.search(r"[45] s of rest cannot show 5 .* 0\.3 minutes \(19 s\)", capsys.readouterr().err)
    assert not out.exists()


def test_too_little_rest_is_said_before_anybody_rests(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "today.json"
    assert calibrate(toy, out, "--source", "synthetic", "--rest-s", "60", "--target", "0.5") == 1
    said = capsys.readouterr().err
    assert "3.2 minutes (193 s) are needed" in said
    assert "rest now" not in said
    assert calibrate(toy, out, "--recording", session(toy, 3), "--target", "2") == 1
    assert "12 s of rest cannot show 2" in capsys.readouterr().err
    assert not out.exists()


def test_rest_counts_once(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "today.json"
    assert calibrate(toy, out, "--recording", session(toy, 3), str(toy.data), "--target", "10") == 4
    assert "1/3: given twice" in capsys.readouterr().err
    assert not out.exists()


def test_a_recording_without_rest(tmp_path: Path, capsys: Any) -> None:
    arguments = ["calibrate", "--bundle", str(GAL), "--recording", str(SERIES), "--out", str(tmp_path / "c")]
    assert main(arguments) == 4
    assert "1/7: no labelled rest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--source", "synthetic", "--rest-s", "0"), "--rest-s"),
        (("--source", "synthetic", "--rest-s", "nan"), "--rest-s"),
        (("--source", "synthetic", "--rest-s", "1e9"), "at most 1800"),
        (("--source", "synthetic", "--target", "0"), "--target"),
        (("--source", "synthetic", "--speed", "2"), "--source playback:FILE"),
        (("--recording", "x.npz", "--rest-s", "60"), "recordings have labels"),
        (("--recording", "x.npz", "--start", "3"), "--source playback:FILE"),
        (("--recording", "x.npz", "--out", "."), "name a file"),
    ],
)
def test_impossible_options(arguments: tuple[str, ...], text: str, tmp_path: Path, capsys: Any) -> None:
    command = ["calibrate", "--bundle", str(GAL), "--out", str(tmp_path / "c.json"), *arguments]
    assert main(command) == 2
    assert text in capsys.readouterr().err


def test_a_source_of_another_form(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    assert calibrate(toy, tmp_path / "c.json", "--source", "tape:x", "--target", "10") == 2
    assert "playback:FILE" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("--source", "synthetic", "--recording", "x.npz")])
def test_one_thing_to_listen_to(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "--bundle", str(GAL), "--out", str(tmp_path / "c.json"), *arguments])
    assert ended.value.code == 2


def test_a_board_without_the_workstations_packages_can(toy: Toy, tmp_path: Path) -> None:
    """NumPy, LiteRT and pyserial are all there is."""
    out = tmp_path / "today.json"
    arguments = ["calibrate", "--bundle", str(toy.bundle), "--recording", session(toy, 3), "--target", "10"]
    code = (
        f"import sys\nfor name in {NOT_ON_A_BOARD}:\n    sys.modules[name] = None\n"
        f"from neurograsp.edge_runtime.cli import main\nsys.exit(main({[*arguments, '--out', str(out)]}))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert read_calibration(out).n_events == 6


@pytest.fixture
def strict(toy: Toy, tmp_path: Path) -> Path:
    """A calibration whose thresholds nothing reaches."""
    return written(toy, tmp_path / "strict.json", 1.0)


def written(toy: Toy, path: Path, threshold: float) -> Path:
    """A calibration of this threshold."""
    one = Calibration(
        *("neurograsp.calibration/1", open_bundle(toy.bundle).sha256, "2026-11-29T16:00:00+00:00", "made up"),
        *(2.0, 60.0, 0, 0, 0, (threshold,) * 2, (threshold,) * 2, None),
    )
    path.write_bytes(render_calibration(one))
    return path


def run(toy: Toy, source: str, *arguments: str) -> int:
    played = ("--speed", "20") if source.startswith("playback:") else ()
    command = ["run", "--bundle", str(toy.bundle), "--source", source, "--hand", "none", "--json"]
    return main([*command, *played, *arguments])


@pytest.mark.parametrize(("threshold", "starts"), [(1.0, False), (0.2, True)])
def test_a_run_takes_its_thresholds(
    threshold: float, starts: bool, toy: Toy, tmp_path: Path, capsys: Any
) -> None:
    (moving,) = open_recordings(session(toy, 3))
    source = playable(moving.counts, tmp_path / "moving.edf")
    path = written(toy, tmp_path / "today.json", threshold)
    assert run(toy, source, "--calibration", str(path)) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["calibration"], report["drift"]) == (str(path), None)
    assert (report["activations"] > 0) == starts


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda raw: raw.replace(b'"bundle_sha256": "', b'"bundle_sha256": "0')[:-70], "not valid JSON"),
        (lambda raw: raw.replace(b'"off"', b'"of"'), "unknown key 'of'; did you mean 'off'?"),
    ],
)
def test_a_damaged_calibration_is_refused(
    damage: Any, text: str, toy: Toy, strict: Path, capsys: Any
) -> None:
    strict.write_bytes(damage(strict.read_bytes()))
    assert run(toy, "synthetic", "--calibration", str(strict)) == 4
    assert text in capsys.readouterr().err


def test_a_calibration_of_another_bundle_is_refused_before_anything_is_opened(
    toy: Toy, strict: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("something was opened")

    monkeypatch.setattr("neurograsp.edge_runtime.cli.hands.open_hand", opened)
    monkeypatch.setattr("neurograsp.edge_runtime.cli.sources.open_source", opened)
    other = replace(read_calibration(strict), bundle_sha256="0" * 64)
    strict.write_bytes(render_calibration(other))
    assert run(toy, "synthetic", "--calibration", str(strict)) == 4
    assert "made for the bundle 000000000000" in capsys.readouterr().err


def test_a_run_watches_the_signal(toy: Toy, tmp_path: Path, capsys: Any) -> None:
    """For a second, which is far shorter than the watch's memory."""
    out = tmp_path / "today.json"
    assert calibrate(toy, out, "--recording", str(toy.data), "--target", "5") == 0
    capsys.readouterr()
    assert run(toy, "synthetic", "--calibration", str(out), "--seconds", "1") == 0
    drift = json.loads(capsys.readouterr().out)["drift"]
    assert drift["limit"] > 0
    assert drift["octaves"] is None
