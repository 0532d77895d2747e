"""Every kind of bad input: one clear line, its exit code, no traceback, and the hand stopped."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import CLI, assert_refused, neurograsp, own_lines
from toys import CHANNELS, RATE_HZ, REPOSITORY, Toy

from neurograsp.edge_runtime.cli.demo import SAMPLES


def altered(source: Path, target: Path, **arrays: object) -> Path:
    """A copy of a recording with some arrays replaced."""
    with np.load(source) as archive:
        content = {name: archive[name] for name in archive.files}
    np.savez_compressed(target, **{**content, **arrays})  # type: ignore[arg-type]
    return target


def first_session(toy: Toy) -> Path:
    return toy.data / "S001R01.npz"


def test_missing_recording(toy: Toy) -> None:
    assert_refused(neurograsp("evaluate", toy.bundle, "nowhere.npz"), 4, "nowhere.npz")


def test_truncated_recording(toy: Toy, tmp_path: Path) -> None:
    cut = tmp_path / "S001R01.npz"
    cut.write_bytes(first_session(toy).read_bytes()[:5000])
    assert_refused(neurograsp("evaluate", toy.bundle, cut), 4, str(cut))


def test_wrong_rate(toy: Toy, tmp_path: Path) -> None:
    other = altered(first_session(toy), tmp_path / "S001R01.npz", sfreq=np.float64(240.0))
    assert_refused(neurograsp("evaluate", toy.bundle, other), 4, "240 Hz", f"{RATE_HZ:g} Hz")
    played = neurograsp("run", "--bundle", toy.bundle, "--source", f"playback:{other}", "--hand", "none")
    assert_refused(played, 4, "240 Hz", f"{RATE_HZ:g} Hz")


def test_wrong_channels(toy: Toy, tmp_path: Path) -> None:
    names = np.array([*CHANNELS[:-1], "Cz"])
    other = altered(first_session(toy), tmp_path / "S001R01.npz", channels=names)
    assert_refused(neurograsp("evaluate", toy.bundle, other), 4, "channels")
    played = neurograsp("run", "--bundle", toy.bundle, "--source", f"playback:{other}", "--hand", "none")
    assert_refused(played, 4, CHANNELS[-1])


def test_labels_that_do_not_match(toy: Toy, tmp_path: Path) -> None:
    onset = np.arange(0, 24.0, 2) + 3600
    other = altered(first_session(toy), tmp_path / "S001R01.npz", event_onset_s=onset)
    assert_refused(neurograsp("evaluate", toy.bundle, other), 4, "S001R01.npz", "label")


def test_not_a_number(toy: Toy, tmp_path: Path) -> None:
    other = altered(first_session(toy), tmp_path / "S001R01.npz", sfreq=np.float64("nan"))
    assert_refused(neurograsp("evaluate", toy.bundle, other), 4, "nan")


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "golden.npz", "linear.npz", "report.html"])
def test_one_flipped_byte(toy: Toy, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy.bundle"
    shutil.copytree(toy.bundle, copy)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert_refused(neurograsp("inspect", copy), 4, name)
    assert_refused(neurograsp("run", "--bundle", copy, "--source", "synthetic"), 4, name)


def test_unknown_config_key(toy: Toy, tmp_path: Path) -> None:
    refused = neurograsp("train", toy.config, "--out", tmp_path / "run", "--set", "fit.epoch=3")
    assert_refused(refused, 4, "epoch", "did you mean 'epochs'?")
    assert not (tmp_path / "run").exists()


def test_run_folder_that_is_none(toy: Toy, tmp_path: Path) -> None:
    assert_refused(neurograsp("convert", toy.data, "--out", tmp_path / "b"), 4, "run.json")


def test_out_that_holds_something_else(toy: Toy) -> None:
    assert_refused(neurograsp("convert", toy.run, "--out", toy.data), 4, "something else")
    assert first_session(toy).is_file()


def test_port_that_is_not_there(toy: Toy) -> None:
    asked = ("run", "--bundle", toy.bundle, "--source", "synthetic", "--hand", "/dev/ttyNOTHING")
    assert_refused(neurograsp(*asked), 5, "/dev/ttyNOTHING")
    assert_refused(neurograsp("hand", "ping", "--hand", "/dev/ttyNOTHING"), 5, "/dev/ttyNOTHING")


def test_unknown_board_source_and_command(toy: Toy) -> None:
    asked = ("run", "--bundle", toy.bundle, "--hand", "none", "--source")
    assert_refused(neurograsp(*asked, "board:freeeg32"), 4, "FREEEEG32")
    assert_refused(neurograsp(*asked, "tape:x"), 2, "playback:FILE")
    assert_refused(neurograsp(*asked, "relay:127.0.0.1:1"), 5, "neurograsp relay")
    assert_refused(neurograsp("evalute"), 2, "did you mean 'evaluate'?")


def test_board_that_does_not_fit_the_bundle(toy: Toy) -> None:
    asked = ("run", "--bundle", toy.bundle, "--hand", "none", "--source", "board:cyton")
    assert_refused(neurograsp(*asked), 4, "8 channels", "16 channels")


@pytest.mark.parametrize(
    ("package", "job"), [("scipy", "gal_windows"), ("tensorflow", "gal_windows"), ("mne", "eegmmidb")]
)
def test_a_missing_extra_names_the_pip_line(tmp_path: Path, package: str, job: str) -> None:
    config = REPOSITORY / "examples" / "configs" / f"{job}.toml"
    code = (
        f"import sys\nsys.modules[{package!r}] = None\nfrom neurograsp.edge_runtime.cli import main\n"
        f"sys.exit(main(['train', {str(config)!r}, '--out', {str(tmp_path / 'run')!r}]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert_refused(result, 3, "pip install '.[train]'")


def firmware_of(pid: int) -> int:
    """Process number of the simulated hand that process `pid` started."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = subprocess.run(
            ["pgrep", "-P", str(pid), "neurohand"], capture_output=True, text=True, check=False
        )
        if found.stdout.strip():
            return int(found.stdout.split()[0])
        time.sleep(0.05)
    raise AssertionError("the firmware did not start")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "session.json"


@pytest.fixture
def running(toy: Toy, log: Path) -> subprocess.Popen[str]:
    command = [
        "run",
        "--bundle",
        str(toy.bundle),
        "--source",
        "synthetic",
        "--seconds",
        "60",
        "--out",
        str(log),
    ]
    return subprocess.Popen([*CLI, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_hand_unplugged_while_it_moves(running: subprocess.Popen[str], log: Path) -> None:
    firmware = firmware_of(running.pid)
    time.sleep(2)
    os.kill(firmware, signal.SIGKILL)
    begin = time.monotonic()
    _, stderr = running.communicate(timeout=20)
    assert time.monotonic() - begin < 3
    assert running.returncode == 5
    assert "Traceback" not in stderr
    (line,) = own_lines(stderr)
    assert "lost" in line
    session = json.loads(log.read_text())
    assert "lost" in session["ended"]
    assert {row["state"] for row in session["trace"]} & {"ARMED", "MOVING", "HOLD"}


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGTERM, signal.SIGHUP))],
)
def test_interrupted(running: subprocess.Popen[str], log: Path, number: int) -> None:
    """The hand is stopped first; then what happened until then is told, as at any other end."""
    firmware_of(running.pid)
    time.sleep(2)
    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=20)
    assert running.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "interrupted" in stdout
    session = json.loads(log.read_text())
    assert "ARMED" in {row["state"] for row in session["trace"]}
    assert session["hand"]["link"]["stops"] >= 3


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["info"]])
def test_a_reader_that_has_had_enough(arguments: list[str]) -> None:
    with subprocess.Popen(
        [*CLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout is not None
        assert one.stderr is not None
        one.stdout.close()
        assert one.stderr.read() == ""


BUNDLE = SAMPLES / "bundles/grasp-and-lift"
PLAYBACK = f"playback:{SAMPLES / 'way-eeg-gal/subj1_series7.npz'}"


@pytest.mark.parametrize(
    ("source", "options", "code", "words"),
    [
        ("synthetic", ("--hand", "none"), 0, ()),
        ("synthetic", ("--hand", "sim"), 4, ("temporary", "TMPDIR")),
        ("synthetic", ("--hand", "none", "--out", "/session.json"), 4, ("/session.json",)),
        (PLAYBACK, ("--hand", "none"), 4, ("temporary", "TMPDIR")),
    ],
    ids=["decides", "simulated hand", "session", "playback"],
)
def test_a_read_only_system(source: str, options: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    read_only = ["unshare", "-rm", "sh", "-c"]
    remount = "mount --make-rprivate / && mount -o remount,bind,ro / && cd / && "
    refused = "! touch /x /tmp/x /var/tmp/x /usr/tmp/x 2>/dev/null && test ! -e /tmp/x -a ! -e /var/tmp/x"
    if subprocess.run([*read_only, remount + refused], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no view of the file system of one's own here")
    run = shlex.join([*CLI, "run", "--bundle", str(BUNDLE), "--seconds", "1", "--source", source, *options])
    done = subprocess.run([*read_only, remount + run], capture_output=True, text=True, check=False)
    if code == 0:
        assert done.returncode == 0, done.stderr
    else:
        assert_refused(done, code, *words)
