"""`neurograsp train`."""

import argparse
import signal
import sys
from pathlib import Path

from neurograsp.train.cli.options import listed_names

HELP = "train a network on recordings, with its linear baseline"
EXAMPLE = "neurograsp train examples/configs/gal_windows.toml --out runs/gal --set data.sessions=[1,2,3]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, nargs="?", help="TOML file, see examples/configs/")
    parser.add_argument("--out", type=Path, help="run folder to write")
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="fetch this data set and train on it: eegmmidb, way-eeg-gal, kaggle-grasp-and-lift, or the name "
        "of a data set of MOABB; without a TOML file by its default configuration",
    )
    parser.add_argument("--subjects", type=listed_names, help="only these, such as 1,2")
    parser.add_argument("--sessions", type=listed_names, help="only these, such as 3,4")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the files of --dataset are kept")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override, such as fit.epochs=20"
    )
    parser.add_argument(
        "--from",
        type=Path,
        metavar="RUN",
        dest="start",
        help="start from the network of a finished run, such as one of many people, to fit it to one",
    )
    parser.add_argument("--print-config", action="store_true", help="print the configuration and stop")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.firmware_bridge.strict import encode
    from neurograsp.train.cli.job import read_job
    from neurograsp.train.datasets import open_recordings

    if arguments.out is None and not arguments.print_config:
        raise UsageError("name the run folder to write: --out RUN")
    # As with Ctrl-C nothing half-written stays behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    job = read_job(arguments)
    config = job.config
    if arguments.print_config:
        import json

        print(json.dumps(encode(config), indent=1))
        return 0
    recordings = open_recordings(job.data, config.data.subjects, config.data.sessions)

    from neurograsp.train.cli.progress import epoch_progress
    from neurograsp.train.cli.tables import score_table
    from neurograsp.train.run import train_run
    from neurograsp.train.starting_point import StartingPoint

    minutes = sum(recording.duration_s for recording in recordings) / 60
    print(
        f"{len(recordings)} recordings, {minutes:.1f} min, from {job.data}; training {config.network.name}",
        file=sys.stderr,
    )
    start = None if arguments.start is None else StartingPoint.read(arguments.start)
    with epoch_progress(config.fit.epochs) as progress:
        trained = train_run(config, recordings, arguments.out, job.text, progress, start)
    facts, history = trained.facts, trained.history
    best = ", ".join(f"{one.best_epoch} of {len(one.epochs)}" for one in history.members or [history])
    print(
        f"{facts.network}: {facts.parameters} parameters, {facts.macs / 1e6:.2f} M multiplications a window; "
        f"best epoch {best}"
    )
    base = trained.linear
    print(f"{base.name}: {base.parameters} parameters, {base.macs / 1e6:.2f} M multiplications a window")
    print(f"on the validation recordings {', '.join(facts.validation)}:")
    print(score_table(trained.metrics, config.labels.kind))
    print(f"run: {arguments.out}")
    return 0
