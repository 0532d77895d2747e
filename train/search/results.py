"""What came out of a search: best trial, means over the cells of a grid, JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from neurograsp.train.config import TrainConfig
from neurograsp.train.search.grid import AXES, networks_of
from neurograsp.train.search.plan import Plan
from neurograsp.train.search.study import Trial

SCHEMA = "neurograsp.search/1"


def ended(trials: Sequence[Trial]) -> int:
    """How many are complete or have failed for good."""
    return sum(trial.state in ("complete", "failed") for trial in trials)


def best_trial(trials: Iterable[Trial]) -> Trial | None:
    """The complete one of the highest score, the first of equals."""
    complete = [(trial.score, -trial.number, trial) for trial in trials if trial.score is not None]
    return max(complete)[2] if complete else None


def summary(trials: Sequence[Trial]) -> dict[str, dict[str, dict[str, float | int]]]:
    """Of a grid: axis to value to mean, lowest, highest and number of its complete cells."""
    found: dict[str, dict[str, dict[str, float | int]]] = {}
    for axis in AXES:
        scores: dict[str, list[float]] = {}
        for trial in trials:
            if trial.score is not None:
                scores.setdefault(trial.parameters[axis], []).append(trial.score)
        found[axis] = {
            value: {"mean": fmean(every), "low": min(every), "high": max(every), "n": len(every)}
            for value, every in scores.items()
        }
    return found


def best_network(plan: Plan, trials: Sequence[Trial]) -> str | None:
    """Of a grid: the network of the highest mean among those whose every cell is complete."""
    n_cells = len({(cell.parameters["subject"], cell.parameters["fold"]) for cell in plan.grid})
    whole = {
        name: figures["mean"]
        for name, figures in summary(trials)["network"].items()
        if figures["n"] == n_cells
    }
    return max(whole, key=lambda name: whole[name]) if whole else None


def best_config(plan: Plan, trials: Sequence[Trial]) -> TrainConfig | None:
    """What to train anew: that of the best trial; of a grid the base with the best network."""
    if plan.space.file.grid is not None:
        name = best_network(plan, trials)
        base = plan.space.base
        return None if name is None else replace(base, network=networks_of(base, plan.space.file.grid)[name])
    best = best_trial(trials)
    return None if best is None else plan.config(best.parameters)


def to_json(plan: Plan, trials: Sequence[Trial]) -> dict[str, Any]:
    """docs/schemas/search.schema.json."""
    best = best_trial(trials)
    grid = bool(plan.grid)
    return {
        "schema": SCHEMA,
        "identity": plan.identity,
        "base": str(plan.space.path),
        "metric": plan.space.file.metric,
        "n_trials": plan.n_trials,
        "ended": ended(trials),
        "best_trial": None if best is None else best.number,
        "best_network": best_network(plan, trials) if grid else None,
        "summary": summary(trials) if grid else None,
        "trials": [{**asdict(trial), **_values(plan, trial)} for trial in trials],
    }


def _values(plan: Plan, trial: Trial) -> dict[str, Any]:
    values = trial.parameters
    if not plan.grid:
        values = {key: plan.value(key, label) for key, label in values.items()}
    run = f"trials/{trial.number:04d}" if trial.state == "complete" else None
    return {"parameters": values, "run": run}
