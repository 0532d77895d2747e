"""`neurograsp demo`: the whole way on real recordings, by the commands that a user would type."""

import argparse
import json
import math
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HELP = "real recordings in, a simulated hand that moves out, in one command"
EXAMPLE = "neurograsp demo --pretrained"

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PRETRAINED = SAMPLES / "bundles" / "grasp-and-lift"
PRETRAINED_RECORDING = SAMPLES / "way-eeg-gal" / "subj1_series7.npz"
FAST = 8.0
SECONDS = 24.0
INTERRUPTED = 130


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
        caution: how the scores are to be read.
    """

    title: str
    config: str
    data: str
    unseen: str
    subject: str
    session: str
    caution: str
    start_s: float = 0.0


JOBS = {
    "grasp": Job(
        "six grasp-and-lift events from 32 EEG electrodes; series 7 was not seen in training",
        "gal_windows.toml",
        "way-eeg-gal-windows",
        "subj1_series7.npz",
        "1",
        "7",
        "Which of six events it is, when it is known that one is under way: these windows hold no rest, so\n"
        "false activations cannot be counted.",
    ),
    "rest": Job(
        "rest against fist from 64 EEG electrodes; run R07 was not seen in training",
        "eegmmidb.toml",
        "physionet-eegmmidb-s001",
        "S001R07.edf",
        "1",
        "7",
        "One person's EEG gives about a third of the movements at two false activations a minute. The\n"
        "thresholds were chosen on one minute of rest of another run, so the rate aimed at (2) is not the\n"
        "rate above.",
    ),
    "emg": Job(
        "seven gestures and rest from 8 EMG electrodes; session 2 was not seen in training",
        "myo.toml",
        "myo-readings",
        "p12345_session2.npz",
        "12345",
        "2",
        "Eight electrodes, one person, another session: another day or placement of the band scores lower.",
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
    parser.add_argument("--seconds", type=float, help=f"of real time to play (default {SECONDS:g})")
    parser.add_argument("--seed", type=int, help="of training (default 0)")
    parser.add_argument("--out", type=Path, help="folder for run, bundle and report (default runs/JOB)")


def run(arguments: argparse.Namespace) -> int:
    _check_options(arguments)
    job = JOBS[arguments.job]
    print(f"{job.title}\nResearch use only. Nothing moves but a simulated hand.\n", flush=True)
    # The step that runs is ended, and its hand stopped, whoever wants the demo to end.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    return _pretrained(arguments) if arguments.pretrained else _train_and_run(arguments, job)


def _check_options(arguments: argparse.Namespace) -> None:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if arguments.pretrained and arguments.job != "grasp":
        raise UsageError("--pretrained: only the grasp job has a bundle in the package")
    if arguments.pretrained and (arguments.seed is not None or arguments.out is not None):
        raise UsageError("--pretrained trains and writes nothing: leave out --seed and --out")
    if arguments.fast and arguments.seconds is not None:
        raise UsageError("--fast plays the whole recording: leave out --seconds")
    if arguments.seconds is not None and not 0 < arguments.seconds < math.inf:
        raise UsageError("--seconds must be positive")


def _pretrained(arguments: argparse.Namespace) -> int:
    code = _steps(
        ["inspect", str(PRETRAINED)],
        ["run", "--bundle", str(PRETRAINED), *_playback(PRETRAINED_RECORDING, arguments)],
    )
    if code == 0:
        scoring = ["neurograsp", "evaluate", str(PRETRAINED), str(PRETRAINED_RECORDING)]
        print(f"Its scores on this recording, where the training packages are: {shlex.join(scoring)}")
    return code


def _train_and_run(arguments: argparse.Namespace, job: Job) -> int:
    from neurograsp.edge_runtime.bundle import MANIFEST
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import alone, check_writable, refuse_foreign_folder

    examples = CHECKOUT / "examples"
    config, data = examples / "configs" / job.config, examples / "data" / job.data
    if not config.is_file() or not data.is_dir():
        raise UsageError(
            "the training recordings come with the source checkout, not with the package; "
            "run it there, or use `neurograsp demo --pretrained`"
        )
    out: Path = arguments.out or Path("runs") / arguments.job
    folder, bundle, report, session = out / "run", out / "bundle", out / "report", out / "session.json"
    refuse_foreign_folder(bundle, MANIFEST)
    check_writable(session)
    with alone(out, "demo"):
        code = _steps(
            ["train", str(config), "--out", str(folder), "--set", f"fit.seed={arguments.seed or 0}"],
            ["convert", str(folder), "--out", str(bundle)],
            [
                *("run", "--bundle", str(bundle), "--out", str(session)),
                *_playback(data / job.unseen, arguments, job.start_s),
            ],
            [
                *("evaluate", str(bundle), str(data), "--subjects", job.subject, "--sessions", job.session),
                *("--report", str(report), "--session", str(session), "--run", str(folder)),
            ],
        )
        if code == 0:
            print(_ending(job, session))
            print(f"report: {report / 'report.html'}\npicture: {report / 'demo.png'}\nbundle: {bundle}")
    return code


def _ending(job: Job, session: Path) -> str:
    """What belongs under the scores: how to read them, and how the run went."""
    from neurograsp.edge_runtime.cli.run_report import render

    run = json.loads(session.read_bytes())
    return f"{job.caution}\n\nThe control loop and the simulated hand meanwhile:\n{render(run)}\n"


def _playback(recording: Path, arguments: argparse.Namespace, start_s: float = 0.0) -> list[str]:
    seconds = SECONDS if arguments.seconds is None else arguments.seconds
    pace = ["--speed", f"{FAST:g}"] if arguments.fast else ["--seconds", f"{seconds:g}"]
    if start_s and not arguments.fast:
        pace += ["--start", f"{start_s:g}"]
    return ["--source", f"playback:{recording}", "--hand", "sim", *pace]


def _steps(*steps: list[str]) -> int:
    """Run each command in a process of its own, as a user would; stop at the first that fails."""
    for step in steps:
        print(f"$ neurograsp {shlex.join(step)}", flush=True)
        code = _step([sys.executable, "-m", "neurograsp.edge_runtime.cli", *step])
        if code != 0:
            return code if code > 0 else 128 - code
        print(flush=True)
    return 0


def _step(command: list[str]) -> int:
    # A session of its own: a Ctrl-C of the terminal reaches it once, through this process.
    with subprocess.Popen(command, start_new_session=True) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            child.wait()
            return INTERRUPTED
