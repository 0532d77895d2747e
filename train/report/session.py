"""What `neurograsp run --out FILE` wrote, read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.contract.errors import ConfigError

LARGEST = 256 * 2**20
LONGEST_S = 1e9
CLOCK_MODULUS_MS = 2**32

Float = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Session:
    """Attributes:
    figures: the run as `neurograsp run --json` prints it.
    time_s: (n_decisions,) stream time.
    wall_s: (n_decisions,) seconds since the run's start.
    probabilities: (n_decisions, n_actions); NaN where a gap stopped the hand.
    started: (n_decisions,) the action that started there, or None.
    commands: (n_decisions,) the command decided there, or None.
    trace_s: (n_servo_frames,) seconds since the run's start, None without a simulated hand that was armed.
    joints_us: (n_servo_frames, n_joints) pulse lengths, NaN where the output is detached.
    """

    figures: dict[str, Any]
    time_s: Float
    wall_s: Float
    probabilities: Float
    started: tuple[str | None, ...]
    commands: tuple[str | None, ...]
    trace_s: Float | None
    joints_us: Float


def read_session(path: Path, sha256: str, n_actions: int) -> Session:
    """Read a session of the bundle whose manifest has this hash.

    Raises:
        ConfigError: not there, not such a file, or of another bundle.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: larger than {LARGEST >> 20} MiB; record a shorter session")
        tree = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON; give what `neurograsp run --out FILE` wrote") from error
    try:
        session = _session(tree, n_actions)
        bundle = str(tree["bundle"]["sha256"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f"{path}: not a session ({type(error).__name__}: {error}); "
            "give what `neurograsp run --out FILE` wrote"
        ) from error
    if bundle != sha256:
        raise ConfigError(
            f"{path}: a session of another bundle ({bundle[:16]}, not {sha256[:16]}); run this bundle again"
        )
    return session


def _session(tree: Any, n_actions: int) -> Session:
    log, trace = tree["log"], tree["trace"]
    rows = [[np.nan if value is None else value for value in entry["probabilities"]] for entry in log]
    probabilities = np.array(rows, np.float64).reshape(len(log), -1 if log else n_actions)
    if probabilities.shape != (len(log), n_actions):
        raise ValueError(f"{probabilities.shape} probabilities, expected {(len(log), n_actions)}")
    time_s = _finite([entry["time_s"] for entry in log])
    wall_s = _finite([entry["wall_s"] for entry in log])
    joints_us = np.array([row["joints_us"] for row in trace], np.float64).reshape(
        len(trace), -1 if trace else 0
    )
    joints_us[joints_us == 0] = np.nan
    figures = {key: value for key, value in tree.items() if key not in ("log", "trace")}
    _check_figures(figures)
    return Session(
        figures=figures,
        time_s=time_s,
        wall_s=wall_s,
        probabilities=probabilities,
        started=tuple(str(entry["action"]) if entry["started"] else None for entry in log),
        commands=tuple(None if entry["command"] is None else str(entry["command"]) for entry in log),
        trace_s=_trace_s(trace, wall_s),
        joints_us=joints_us,
    )


def _trace_s(trace: Any, wall_s: Float) -> Float | None:
    """The hand is armed at the first decision, which ties its clock to that of the run."""
    armed = next((row["ms"] for row in trace if row["state"] == "ARMED"), None)
    if armed is None or not len(wall_s):
        return None
    ms = np.array([row["ms"] for row in trace], np.int64)
    since = (ms - armed + CLOCK_MODULUS_MS // 2) % CLOCK_MODULUS_MS - CLOCK_MODULUS_MS // 2
    return np.asarray(since / 1000 + wall_s[0], np.float64)


def _finite(values: list[Any]) -> Float:
    array = np.array(values, np.float64)
    if not (np.abs(array) <= LONGEST_S).all():
        raise ValueError(f"a time is not within {LONGEST_S:g} s")
    return array


def _check_figures(figures: Mapping[str, Any]) -> None:
    str(figures["source"]), str(figures["ended"])
    for name in ("stream", "clipped", "timing", "hand"):
        if not isinstance(figures[name], Mapping):
            raise TypeError(f"{name} is not a table")
    for section in figures["timing"]["sections"].values():
        for key in ("count", "p50_us", "p99_us", "max_us"):
            if section[key] is not None:
                float(section[key])
    for name in ("link", "commands"):
        if not isinstance(figures["hand"].get(name) or {}, Mapping):
            raise TypeError(f"hand.{name} is not a table")
    (
        float(figures["timing"]["tick_ms"]),
        int(figures["timing"]["ticks"]),
        int(figures["timing"]["deadline_misses"]),
    )
