"""What a search does: Optuna's parameters, and what each trial trains."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import list_recordings
from neurograsp.train.search.grid import AXES, Cell, cells
from neurograsp.train.search.space import Choices, Range, Space, real


@dataclass(frozen=True)
class Plan:
    """Attributes:
    space: what is searched.
    n_trials: that are to end.
    grid: the cells of a grid.
    """

    space: Space
    n_trials: int
    grid: tuple[Cell, ...] = ()

    @property
    def identity(self) -> str:
        """Of the search: one that goes on must have the same."""
        facts = [self.space.identity, [cell.parameters for cell in self.grid]]
        return sha256(json.dumps(facts).encode()).hexdigest()

    def distributions(self) -> dict[str, Any]:
        """Optuna's, of each parameter."""
        from optuna.distributions import CategoricalDistribution

        if self.grid:
            return {
                axis: CategoricalDistribution(
                    tuple(dict.fromkeys(cell.parameters[axis] for cell in self.grid))
                )
                for axis in AXES
            }
        base, parameters = self.space.base, self.space.parameters
        return {key: _distribution(base, key, parameter) for key, parameter in parameters.items()}

    def config(self, parameters: dict[str, Any]) -> TrainConfig:
        """What a trial trains.

        Raises:
            ConfigError: its values do not go together.
        """
        if self.grid:
            return next(cell.config for cell in self.grid if cell.parameters == parameters)
        return self.space.config({key: self.value(key, label) for key, label in parameters.items()})

    def value(self, key: str, label: Any) -> Any:
        """The value that Optuna knows by a label."""
        parameter = self.space.parameters[key]
        if isinstance(parameter, Choices):
            return next(one for one in parameter.choices if _label(one) == label)
        return label


def plan_search(space: Space, n_trials: int) -> Plan:
    """A search of so many trials, or of all cells of the grid.

    Raises:
        ConfigError, RecordingError: the grid does not fit the recordings.
    """
    grid = space.file.grid
    if grid is None:
        return Plan(space, n_trials)
    data = space.base.data
    recordings = list_recordings(data.path, grid.subjects or data.subjects, grid.sessions or data.sessions)
    found = tuple(cells(space.base, grid, recordings))
    return Plan(space, len(found), found)


def _distribution(base: TrainConfig, key: str, parameter: Range | Choices) -> Any:
    from optuna import distributions

    if isinstance(parameter, Choices):
        return distributions.CategoricalDistribution(tuple(_label(one) for one in parameter.choices))
    if real(base, key, parameter):
        step = None if parameter.step is None else float(parameter.step)
        return distributions.FloatDistribution(
            float(parameter.low), float(parameter.high), log=parameter.log, step=step
        )
    low, high, step = int(parameter.low), int(parameter.high), int(parameter.step or 1)
    return distributions.IntDistribution(low, high, log=parameter.log, step=step)


def _label(value: Any) -> Any:
    """Optuna's categories are plain values; a list or table becomes its JSON text."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)
