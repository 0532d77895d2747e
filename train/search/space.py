"""What is searched: SPACE.toml and the training configuration it starts from, see docs/search.md."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from neurograsp.edge_runtime.contract.config import assign, parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.firmware_bridge.strict import decode, encode
from neurograsp.train.config import NetworkConfig, TrainConfig

MAX_BYTES = 1_000_000

Metric = Literal["auc_macro", "auc_frame", "balanced_accuracy", "accuracy", "event_tpr"]
"""Of the float network on the validation recordings (docs/scores.md); more is better."""


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included.

    Attributes:
        log: spread them evenly over their logarithms.
        step: only low, low + step, ...
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, greater than high, which is {self.high}")
        if self.log and not self.low > 0:
            raise ValueError(f"log: low is {self.low}, make it greater than zero")
        if self.step is not None and (self.log or not self.step > 0):
            raise ValueError("step: make it greater than zero, and leave out log")

    @property
    def samples(self) -> tuple[int | float, ...]:
        return (self.low, self.high)

    @property
    def whole(self) -> bool:
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 0))


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("choices: is empty, name one value or more")
        if len({json.dumps(one) for one in self.choices}) < len(self.choices):
            raise ValueError("choices: one of them is there twice")

    @property
    def samples(self) -> tuple[Any, ...]:
        return self.choices


Parameter = Range | Choices


@dataclass(frozen=True)
class GridConfig:
    """Every subject with every fold and every network.

    Attributes:
        networks: names, or tables of name and options. A name that is the base's has the base's options.
        split: what a fold is. "cross-session": a session is held out, the others train. "within-session":
            the end of a session is. "cross-subject": all sessions of the subject are; one fold each.
        subjects, sessions: which ones; those of the base when left out.
    """

    networks: tuple[str | NetworkConfig, ...]
    split: Literal["within-session", "cross-session", "cross-subject"] = "cross-session"
    subjects: tuple[int | str, ...] | None = None
    sessions: tuple[int | str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.networks:
            raise ValueError("networks: is empty, name one network or more")


@dataclass(frozen=True)
class SpaceFile:
    """SPACE.toml.

    Attributes:
        base: a training configuration; relative to SPACE.toml.
        metric: what to maximise.
        seed: of the search; of training it is fit.seed.
        search: ranges and choices by the dotted key of the training configuration.
        grid: instead of `search`.
    """

    base: str
    metric: Metric = "auc_macro"
    seed: int = 0
    search: dict[str, Any] = field(default_factory=dict)
    grid: GridConfig | None = None

    def __post_init__(self) -> None:
        if bool(self.search) == (self.grid is not None):
            raise ValueError("give either [search] with a key or more, or [grid]")


@dataclass(frozen=True)
class Space:
    """Attributes:
    file: SPACE.toml.
    path: of the base.
    base: the training configuration; its data.path is absolute.
    parameters: of [search], by dotted key.
    identity: SHA-256 of all that decides what a trial is.
    """

    file: SpaceFile
    path: Path
    base: TrainConfig
    parameters: dict[str, Parameter]
    identity: str

    def config(self, values: Mapping[str, Any]) -> TrainConfig:
        """The base with some values, by dotted key.

        Raises:
            ConfigError: they do not go together.
        """
        return _with_values(self.base, values, "the trial")


def read_space(path: Path, environment: Mapping[str, str]) -> Space:
    """Read SPACE.toml and its base, and try the ends of every range.

    Args:
        path: of SPACE.toml.
        environment: variables that override keys of the base, as in `neurograsp train`.

    Raises:
        ConfigError: a file is missing or wrong, a key is unknown, or a value is impossible.
    """
    file = parse_config(SpaceFile, _read(path), str(path))
    base_path = path.parent / file.base
    base = parse_config(TrainConfig, _read(base_path), str(base_path), environment=environment)
    facts = {"space": encode(replace(file, base="")), "base": encode(base)}
    identity = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    data = str((base_path.parent / base.data.path).resolve())
    base = replace(base, data=replace(base.data, path=data))
    parameters = dict(_parameters(file.search, str(path)))
    for key, parameter in parameters.items():
        if key.partition(".")[0] == "data":
            raise ConfigError(
                f"{path}: search.{key}: trials would be scored on different recordings; use [grid] for those"
            )
        for value in parameter.samples:
            _with_values(base, {key: value}, f"{path} ({key} = {json.dumps(value):.40})")
    return Space(file, base_path, base, parameters, identity)


def real(base: TrainConfig, key: str, parameter: Range) -> bool:
    """Whether a range is of real numbers: one of its ends is, or the base's value is."""
    value = encode(base)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return isinstance(value, float) or not parameter.whole


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes; name a configuration")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _parameters(tree: Mapping[str, Any], where: str, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Leaves of nested tables by dotted key; `"fit.noise" = {...}` and `fit.noise = {...}` are one."""
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: search.{key}: expected {{ low, high }} or {{ choices }}")
        if "choices" in value:
            yield key, decode(Choices, value, f"{where}: search.{key}")
        elif "low" in value or "high" in value:
            yield key, decode(Range, value, f"{where}: search.{key}")
        elif value:
            yield from _parameters(value, where, f"{key}.")
        else:
            raise ConfigError(f"{where}: search.{key}: is empty; give {{ low, high }} or {{ choices }}")


def _with_values(base: TrainConfig, values: Mapping[str, Any], where: str) -> TrainConfig:
    tree = encode(base)
    for key, value in values.items():
        assign(tree, key.split("."), value, where)
    return decode(TrainConfig, tree, where)
