"""The cells of a grid: which recordings train, which validate, and which network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.firmware_bridge.strict import encode
from neurograsp.train.config import DataConfig, NetworkConfig, TrainConfig
from neurograsp.train.models import NETWORKS, require_known
from neurograsp.train.search.space import GridConfig

AXES = ("subject", "fold", "network")
MAX_CELLS = 10_000


@dataclass(frozen=True)
class Cell:
    """Attributes:
    parameters: its subject, fold and network.
    config: what to train.
    """

    parameters: dict[str, str]
    config: TrainConfig


def networks_of(base: TrainConfig, grid: GridConfig) -> dict[str, NetworkConfig]:
    """The networks by a name each: their own, with the options where one comes twice.

    Raises:
        ConfigError: one is unknown or there twice.
    """
    wanted = [_network(base, one) for one in grid.networks]
    names = [one.name for one in wanted]
    found = {}
    for one in wanted:
        require_known("network", one.name, NETWORKS)
        label = one.name if names.count(one.name) == 1 else f"{one.name} {encode(one.options)}"
        if label in found:
            raise ConfigError(f"grid.networks: {label} is there twice")
        found[label] = one
    return found


def cells(base: TrainConfig, grid: GridConfig, recordings: Sequence[tuple[str, str]]) -> list[Cell]:
    """Every cell once, in the order subject, fold, network.

    Args:
        base: whatever the grid does not say.
        grid: see `GridConfig`.
        recordings: (subject, session) of those there are.

    Raises:
        ConfigError: too few sessions or subjects to hold one out, or too many cells.
    """
    networks = networks_of(base, grid)
    folds = list(_folds(base.data, grid, recordings))
    if len(folds) * len(networks) > MAX_CELLS:
        raise ConfigError(f"grid: {len(folds) * len(networks)} cells are more than the {MAX_CELLS} allowed")
    return [
        Cell({"subject": subject, "fold": fold, "network": label}, replace(base, data=data, network=network))
        for subject, fold, data in folds
        for label, network in networks.items()
    ]


def _network(base: TrainConfig, wanted: str | NetworkConfig) -> NetworkConfig:
    if isinstance(wanted, NetworkConfig):
        return wanted
    return base.network if wanted == base.network.name else NetworkConfig(wanted)


def _folds(
    data: DataConfig, grid: GridConfig, recordings: Sequence[tuple[str, str]]
) -> list[tuple[str, str, DataConfig]]:
    subjects: dict[str, list[str]] = {}
    for subject, session in recordings:
        subjects.setdefault(subject, []).append(session)
    if grid.split == "cross-subject":
        if len(subjects) < 2:
            raise ConfigError(f"grid: 'cross-subject' with one subject ({', '.join(subjects)}); name more")
        everyone = replace(data, subjects=tuple(subjects), sessions=grid.sessions or data.sessions)
        return [(one, "all", replace(everyone, split=grid.split, held_out=(one,))) for one in subjects]
    found = []
    for subject, sessions in subjects.items():
        if grid.split == "cross-session" and len(sessions) < 2:
            raise ConfigError(
                f"grid: 'cross-session', but subject {subject} has one session ({sessions[0]}); leave the "
                "subject out, or choose 'within-session'"
            )
        for session in sessions:
            own = replace(data, subjects=(subject,), split=grid.split, held_out=None)
            if grid.split == "cross-session":
                own = replace(own, sessions=tuple(sessions), held_out=(session,))
            else:
                own = replace(own, sessions=(session,))
            found.append((subject, session, own))
    return found
