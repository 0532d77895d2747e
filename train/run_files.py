"""Read what a training run left, for whoever compares runs or starts from one."""

import json
from pathlib import Path
from typing import Any

from neurograsp.edge_runtime.contract.codec import decode
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.run_folder import RunFacts
from neurograsp.train.evaluate import MEASURES


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


def _is_figure(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _read_json(path: Path, name: str) -> Any:
    try:
        return json.loads((path / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"{path}: no run there ({reason:.200}); name the folder that `neurograsp train --out` wrote"
        ) from error
