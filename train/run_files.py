"""Read what a training run left, for whoever compares runs or starts from one."""

import json
import math
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.run_folder import RunFacts
from neurograsp.firmware_bridge.strict import decode
from neurograsp.train.evaluate import MEASURES
from neurograsp.train.fit import FitHistory

MAX_JSON = 2**24
EPOCH = ("loss", "val_loss", "val_auc", "learning_rate")


def read_facts(path: Path) -> RunFacts:
    """run.json of a run folder.

    Raises:
        ConfigError: it is missing or damaged.
    """
    return decode(RunFacts, _read_json(path, "run.json"), str(path / "run.json"))


def read_metrics(path: Path) -> dict[str, dict[str, float | int | None]]:
    """metrics.json of a run folder: measure to model to figure; None where one does not apply.

    Raises:
        ConfigError: it is missing or damaged.
    """
    tree = _read_json(path, "metrics.json")
    found: dict[str, dict[str, float | int | None]] = {}
    for measure in MEASURES:
        figures = tree.get(measure) if isinstance(tree, dict) else None
        if not isinstance(figures, dict) or not all(_is_figure(one) for one in figures.values()):
            raise ConfigError(f"{path / 'metrics.json'}: {measure} is missing or no figures; train again")
        found[measure] = figures
    return found


def read_history(path: Path) -> FitHistory:
    """history.json of a run folder; NaN for a figure that was not defined.

    Raises:
        ConfigError: it is missing or damaged.
    """
    return _history(_read_json(path, "history.json"), path, members=True)


def _history(tree: Any, path: Path, members: bool) -> FitHistory:
    """A history, of a committee with those of its members, which have none of their own."""
    epochs = tree.get("epochs") if isinstance(tree, dict) else None
    if not isinstance(epochs, list) or not all(_is_epoch(one) for one in epochs):
        raise ConfigError(f"{path / 'history.json'}: epochs are missing or no figures; train again")
    best, stopped = tree.get("best_epoch"), tree.get("stopped_early")
    if not isinstance(best, int) or not 0 <= best <= len(epochs) or not isinstance(stopped, bool):
        raise ConfigError(f"{path / 'history.json'}: best_epoch or stopped_early is impossible; train again")
    parts = tree.get("members", [])
    if not isinstance(parts, list) or (parts and not members):
        raise ConfigError(f"{path / 'history.json'}: members are no list of histories; train again")
    return FitHistory(
        [_epoch(one) for one in epochs], best, stopped, [_history(one, path, members=False) for one in parts]
    )


def _epoch(one: dict[str, Any]) -> dict[str, float]:
    return {name: math.nan if one[name] is None else float(one[name]) for name in EPOCH}


def _is_epoch(one: Any) -> bool:
    return isinstance(one, dict) and all(name in one and _is_figure(one[name]) for name in EPOCH)


def _is_figure(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _read_json(path: Path, name: str) -> Any:
    try:
        with (path / name).open("rb") as file:
            raw = file.read(MAX_JSON + 1)
        if len(raw) > MAX_JSON:
            raise ValueError(f"{name} is larger than {MAX_JSON >> 20} MiB")
        return json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"{path}: no run there ({reason:.200}); name the folder that `neurograsp train --out` wrote"
        ) from error
