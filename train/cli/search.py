"""`neurograsp search`."""

import argparse
import json
import os
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.train.search.study import Trial
    from neurograsp.train.search.workers import Workers

HELP = "search hyper-parameters, or train a grid of subjects, folds and networks"
EXAMPLE = "neurograsp search examples/searches/gal_eegnet.toml --out runs/gal-search --trials 20"

TRIALS = 20
SHOWN = 10
LOCK = "search.lock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("space", type=Path, help="TOML file, see examples/searches/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the search; one there goes on")
    parser.add_argument(
        "--trials", type=int, metavar="N", help=f"trials in all, those of before included (default {TRIALS})"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="trials at a time (default 1, of a cluster one a CPU)",
    )
    parser.add_argument("--ray", metavar="ADDRESS", help="host:port of a Ray cluster, or auto")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.files import alone, check_writable, refuse_foreign_folder
    from neurograsp.train.search.plan import plan_search
    from neurograsp.train.search.search import Search
    from neurograsp.train.search.space import read_space

    for option in ("trials", "jobs"):
        if (value := getattr(arguments, option)) is not None and value < 1:
            raise UsageError(f"--{option} is {value}, make it 1 or greater")
    space = read_space(arguments.space, os.environ)
    if space.file.grid is not None and arguments.trials is not None:
        raise UsageError("--trials: a grid trains every cell once; leave it out")
    plan = plan_search(space, arguments.trials or TRIALS)
    # Trials and nodes have working directories of their own.
    out = arguments.out.resolve()
    refuse_foreign_folder(out, LOCK)
    check_writable(out / LOCK)
    # Ray's threads print what became of its workers; stdout is for the result.
    with alone(out, "search", LOCK), redirect_stdout(sys.stderr):
        workers, threads = _workers(arguments)
        # After Ray, which has a way of its own. Whoever ends the search ends its trials.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            search = Search(plan, out, workers.slots)
            search.run(workers, threads, _tell(space.file.metric, plan.n_trials))
        finally:
            workers.stop()
        found = search.write()
    print(
        json.dumps(found, allow_nan=False) if arguments.json else f"{render(found)}\nsearch: {arguments.out}"
    )
    return 0


def _workers(arguments: argparse.Namespace) -> tuple["Workers", int]:
    """The workers, and threads for each: those of this machine share its cores."""
    from neurograsp.train.search.workers import LocalWorkers

    if arguments.ray is not None:
        from neurograsp.train.search.ray_workers import RayWorkers

        return RayWorkers(arguments.ray, arguments.jobs), 1
    jobs = arguments.jobs or 1
    cores = len(os.sched_getaffinity(0))
    return LocalWorkers(jobs), max(1, cores // jobs) if jobs > 1 else 0


def _tell(metric: str, n_trials: int) -> Any:
    def told(trial: "Trial", n_ended: int) -> None:
        what = trial.reason if trial.score is None else f"{metric} {trial.score:.3f}"
        print(f"{n_ended} of {n_trials}: trial {trial.number}, {what}", file=sys.stderr, flush=True)

    return told


def render(found: dict[str, Any]) -> str:
    """The best trials, or of a grid the means over its cells."""
    counts = f"{found['ended']} of {found['n_trials']} trials"
    failed = [trial for trial in found["trials"] if trial["state"] == "failed"]
    lines = [f"{counts}, {len(failed)} failed; {found['metric']} on the validation recordings"]
    if found["summary"] is not None:
        lines += _grid(found["summary"])
        if found["best_network"] is not None:
            lines.append(f"best network: {found['best_network']}")
    else:
        lines += _ranking(found["trials"])
    lines += [f"  trial {trial['number']} failed: {trial['reason']}" for trial in failed[:SHOWN]]
    return "\n".join(lines)


def _ranking(trials: list[dict[str, Any]]) -> list[str]:
    complete = sorted((t for t in trials if t["score"] is not None), key=lambda t: -t["score"])
    return [
        f"  {trial['score']:.3f}  {trial['run']}  "
        + ", ".join(f"{key} {_short(value)}" for key, value in trial["parameters"].items())
        for trial in complete[:SHOWN]
    ]


def _grid(summary: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    width = max((len(value) for axis in summary.values() for value in axis), default=0)
    lines = [f"  {'':<{8 + width}}   mean  range          cells"]
    for axis, values in summary.items():
        for value, one in values.items():
            span = f"{one['low']:.3f}-{one['high']:.3f}"
            lines.append(f"  {axis:<8}{value:<{width}}  {one['mean']:>5.3f}  {span}  {one['n']:>6}")
    return lines


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
