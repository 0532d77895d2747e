"""Run a search: start trials while there are some, keep what came of each, lose none."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.files import write_whole
from neurograsp.train.run import RUN_MARKER
from neurograsp.train.run_files import read_metrics
from neurograsp.train.search import results
from neurograsp.train.search.plan import Plan
from neurograsp.train.search.study import Study, Trial
from neurograsp.train.search.workers import Job, Outcome, Workers
from neurograsp.train.toml_text import to_toml

GIVE_UP_AFTER = 5
"""Failed trials with which a search ends where no other has ended yet: the rest would fare no better."""

Command = Callable[[Path, Path], tuple[str, ...]]
"""From the configuration of a trial and the run folder to write, the arguments of the Python interpreter."""

Told = Callable[[Trial, int], None]
"""Called with each trial that ended, and how many have."""


def train_command(config: Path, run: Path) -> tuple[str, ...]:
    """`neurograsp train`."""
    return ("-m", "neurograsp.edge_runtime.cli", "train", str(config), "--out", str(run))


class Search:
    """A plan and the folder that keeps it; the caller holds the folder alone.

    Args:
        plan: what to do.
        folder: of the search, there already.
        command: what a trial runs.

    Raises:
        ConfigError: the folder holds another search, or cannot be read.
    """

    def __init__(self, plan: Plan, folder: Path, slots: int, command: Command = train_command) -> None:
        self.plan = plan
        self._folder = folder
        self._command = command
        for unfinished in folder.glob("trials/.*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        self._study = Study(
            folder / "study.db", plan.identity, plan.distributions(), plan.space.file.seed, slots
        )
        self._study.settle(self._score_of)
        self._study.retry_crashed()
        self._study.enqueue_missing([cell.parameters for cell in plan.grid])
        self.write()

    def run(self, workers: Workers, threads: int, told: Told) -> None:
        """Run what is left.

        Raises:
            ConfigError: every trial is refused.
            ClusterError: the workers are lost.
        """
        running: set[int] = set()
        try:
            while True:
                while len(running) < workers.slots and self._left(len(running)):
                    trial = self._study.ask()
                    running.add(trial.number)
                    if not self._start(trial, workers, threads):
                        self._tell(trial.number, running, told)
                if not running:
                    return
                number, outcome = workers.wait()
                self._keep(number, outcome)
                self._tell(number, running, told)
        finally:
            workers.stop()
            self._study.settle(self._score_of)
            self.write()

    def trials(self) -> list[Trial]:
        """All that were asked."""
        return self._study.trials()

    def write(self) -> dict[str, Any]:
        """Write search.json and best.toml.

        Returns:
            what is in search.json (docs/schemas/search.schema.json).
        """
        trials = self.trials()
        found = results.to_json(self.plan, trials)
        write_whole(self._folder / "search.json", (json.dumps(found, indent=1) + "\n").encode())
        best = results.best_config(self.plan, trials)
        if best is not None:
            text = f"# What was best in a search from {self.plan.space.path}; train it anew.\n{to_toml(best)}"
            write_whole(self._folder / "best.toml", text.encode())
        return found

    def run_folder(self, number: int) -> Path:
        """Of a trial; there when it is complete."""
        return self._folder / "trials" / f"{number:04d}"

    def _left(self, running: int) -> bool:
        if self.plan.grid:
            return self._study.waiting
        return results.ended(self.trials()) + running < self.plan.n_trials

    def _start(self, trial: Trial, workers: Workers, threads: int) -> bool:
        """False where the values do not go together, which is kept as a failure."""
        try:
            config = self.plan.config(trial.parameters)
            # The score is of the network before a refit.
            config = replace(config, fit=replace(config.fit, refit=False))
        except ConfigError as error:
            self._study.fail(trial.number, str(error), 0.0, crashed=False)
            return False
        name = f"{trial.number:04d}"
        path = self._folder / "configs" / f"{name}.toml"
        text = f"# Trial {trial.number} of {self.plan.space.path.name}.\n{to_toml(config)}"
        write_whole(path, text.encode())
        arguments = self._command(path, self.run_folder(trial.number))
        workers.start(Job(trial.number, arguments, self._folder / "logs" / f"{name}.txt", threads))
        return True

    def _keep(self, number: int, outcome: Outcome) -> None:
        reason = outcome.reason
        if outcome.code == 0:
            score = self._score_of(number)
            if score is not None:
                self._study.finish(number, score, outcome.seconds)
                return
            reason = (
                f"{self.run_folder(number)}: no {self.plan.space.file.metric} there; it must apply to the "
                "recordings, and every node must reach the folder of the search"
            )
        self._study.fail(number, reason, outcome.seconds, outcome.crashed)

    def _tell(self, number: int, running: set[int], told: Told) -> None:
        running.discard(number)
        self.write()
        trials = self.trials()
        told(trials[number], results.ended(trials))
        over = [trial for trial in trials if trial.state in ("complete", "failed")]
        if len(over) >= GIVE_UP_AFTER and all(trial.state == "failed" for trial in over):
            raise ConfigError(f"the first {len(over)} trials failed, the last with: {over[-1].reason}")

    def _score_of(self, number: int) -> float | None:
        run = self.run_folder(number)
        if not (run / RUN_MARKER).is_file():
            return None
        return read_metrics(run)[self.plan.space.file.metric].get("float")
