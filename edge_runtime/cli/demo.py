"""`neurograsp demo`: the whole way on real recordings, by the commands that a user would type."""

import argparse
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HELP = "real recordings in, a simulated hand that moves out, in one command"
EXAMPLE = "neurograsp demo --pretrained"

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PRETRAINED = SAMPLES / "bundles" / "grasp-and-lift"
PRETRAINED_RECORDING = SAMPLES / "way-eeg-gal" / "subj1_series7.npz"
FAST = 8.0


@dataclass(frozen=True)
class Job:
    """One demonstration.

    Attributes:
        title: what it shows.
        config: training configuration, in examples/configs.
        data: folder of recordings, in examples/data.
        unseen: the recording that is played, not used before.
        subject, session: of that recording.
        start_s: where to begin to play it.
    """

    title: str
    config: str
    data: str
    unseen: str
    subject: str
    session: str
    start_s: float = 0.0


JOBS = {
    "grasp": Job(
        "six grasp-and-lift events from 32 EEG electrodes; series 7 was not seen in training",
        "gal_windows.toml",
        "way-eeg-gal-windows",
        "subj1_series7.npz",
        "1",
        "7",
    ),
    "rest": Job(
        "rest against fist from 64 EEG electrodes; run R07 was not seen in training",
        "eegmmidb.toml",
        "physionet-eegmmidb-s001",
        "S001R07.edf",
        "1",
        "7",
    ),
    "emg": Job(
        "seven gestures and rest from 8 EMG electrodes; session 2 was not seen in training",
        "myo.toml",
        "myo-readings",
        "p12345_session2.npz",
        "12345",
        "2",
        start_s=60.0,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", choices=tuple(JOBS), default="grasp", help="default: grasp")
    parser.add_argument(
        "--pretrained",
        action="store_true",
        help="the bundle in the package instead of training one: needs no TensorFlow",
    )
    parser.add_argument(
        "--fast", action="store_true", help=f"play the whole recording, {FAST:g} times as fast"
    )
    parser.add_argument("--seconds", type=float, default=24.0, help="of real time to play (default 24)")
    parser.add_argument("--seed", type=int, default=0, help="of training (default 0)")
    parser.add_argument("--out", type=Path, help="folder for run, bundle and report (default runs/JOB)")


def run(arguments: argparse.Namespace) -> int:
    job = JOBS[arguments.job]
    print(f"{job.title}\nResearch use only. Nothing moves but a simulated hand.\n", flush=True)
    if arguments.pretrained:
        return _pretrained(arguments)
    return _train_and_run(arguments, job)


def _pretrained(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if arguments.job != "grasp":
        raise UsageError("--pretrained: only the grasp job has a bundle in the package")
    return _steps(
        ["inspect", str(PRETRAINED)],
        ["run", "--bundle", str(PRETRAINED), *_playback(PRETRAINED_RECORDING, arguments)],
    )


def _train_and_run(arguments: argparse.Namespace, job: Job) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError

    examples = CHECKOUT / "examples"
    config, data = examples / "configs" / job.config, examples / "data" / job.data
    if not config.is_file() or not data.is_dir():
        raise UsageError(
            "the training recordings come with the source checkout, not with the package; "
            "run it there, or use `neurograsp demo --pretrained`"
        )
    out: Path = arguments.out or Path("runs") / arguments.job
    folder, bundle = out / "run", out / "bundle"
    with tempfile.TemporaryDirectory(prefix="neurograsp-demo-") as scratch:
        session = Path(scratch) / "session.json"
        code = _steps(
            ["train", str(config), "--out", str(folder), "--set", f"fit.seed={arguments.seed}"],
            ["convert", str(folder), "--out", str(bundle)],
            [
                *("run", "--bundle", str(bundle), "--out", str(session)),
                *_playback(data / job.unseen, arguments, job.start_s),
            ],
            [
                *("evaluate", str(bundle), str(data), "--subjects", job.subject, "--sessions", job.session),
                *("--report", str(out / "report"), "--session", str(session)),
            ],
        )
    if code == 0:
        print(f"bundle: {bundle}\npicture: {out / 'report' / 'demo.png'}")
    return code


def _playback(recording: Path, arguments: argparse.Namespace, start_s: float = 0.0) -> list[str]:
    pace = ["--speed", f"{FAST:g}"] if arguments.fast else ["--seconds", f"{arguments.seconds:g}"]
    if start_s and not arguments.fast:
        pace += ["--start", f"{start_s:g}"]
    return ["--source", f"playback:{recording}", "--hand", "sim", *pace]


def _steps(*steps: list[str]) -> int:
    """Run each command in a process of its own, as a user would; stop at the first that fails."""
    for step in steps:
        print(f"$ neurograsp {shlex.join(step)}", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", "neurograsp.edge_runtime.cli", *step], check=False
        ).returncode
        if code != 0:
            return code if code > 0 else 128 - code
        print(flush=True)
    return 0
