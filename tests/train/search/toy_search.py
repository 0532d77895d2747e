"""A search of toy trials in a process of its own, to be killed: `toy_search.py SPACE OUT N_TRIALS JOBS`."""

import sys
from pathlib import Path

from neurograsp.edge_runtime.files import alone
from neurograsp.train.search.plan import plan_search
from neurograsp.train.search.search import Search
from neurograsp.train.search.space import read_space
from neurograsp.train.search.workers import LocalWorkers

TOY_TRIAL = Path(__file__).with_name("toy_trial.py")


def toy_command(config: Path, run: Path) -> tuple[str, ...]:
    return (str(TOY_TRIAL), str(config), str(run))


def toy_search(space: Path, out: Path, n_trials: int, jobs: int = 1) -> Search:
    """Begin or go on, to the end."""
    out.mkdir(exist_ok=True)
    with alone(out, "search", "search.lock"):
        search = Search(plan_search(read_space(space, {}), n_trials), out, jobs, toy_command)
        search.run(LocalWorkers(jobs), 0, lambda trial, n_ended: None)
    return search


if __name__ == "__main__":
    toy_search(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
