"""The trials of a search, kept by Optuna in a SQLite file: what was asked, what came of it, what is lost.

SQLite, because a write that a crash or a full disk cuts off is rolled back; one torn line of Optuna's
journal file makes the whole of it unreadable. Only this process writes to it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from neurograsp.edge_runtime.contract.errors import ConfigError

NAME = "neurograsp"
IDENTITY = "identity"
MAX_BYTES = 1_000_000_000
SQLITE_MAGIC = b"SQLite format 3\0"

State = Literal["waiting", "running", "complete", "failed", "lost"]
Score = Callable[[int], float | None]
"""The score in the run folder of a trial, None where there is no run."""


@dataclass(frozen=True)
class Trial:
    """Attributes:
    number: from 0.
    state: "lost": ended with its process and was asked again, or had not begun.
    parameters: as Optuna keeps them.
    score: where complete.
    seconds: it took; None where nobody saw it end.
    reason: why it failed.
    retry_of: the lost trial whose parameters it has.
    """

    number: int
    state: State
    parameters: dict[str, Any]
    score: float | None
    seconds: float | None
    reason: str | None
    retry_of: int | None


class Study:
    """Args:
    path: of the SQLite file; made where it is not there.
    identity: of the search; a file of another one is refused.
    distributions: of each parameter.
    seed: of the sampler.
    slots: trials at a time.

    Raises:
        ConfigError: the file is damaged or of another search.
    """

    def __init__(
        self, path: Path, identity: str, distributions: Mapping[str, Any], seed: int, slots: int
    ) -> None:
        import optuna
        from sqlalchemy import URL
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._states = optuna.trial.TrialState
        self._errors = (SQLAlchemyError, optuna.exceptions.OptunaError, OSError, RuntimeError, ValueError)
        self._path = path
        self._distributions = dict(distributions)
        _check_file(path)
        with self._named():
            url = URL.create("sqlite", database=str(path)).render_as_string()
            self._storage = optuna.storages.RDBStorage(url)
            self._study = optuna.create_study(
                storage=self._storage, study_name=NAME, direction="maximize", load_if_exists=True
            )
            self._study_id = self._storage.get_study_id_from_name(NAME)
            asked = len(self._study.get_trials(deepcopy=False))
            if not asked:
                self._study.set_user_attr(IDENTITY, identity)
            known = self._study.user_attrs.get(IDENTITY)
        if known != identity:
            raise ConfigError(
                f"{path.parent}: holds another search (the space, its base, the recordings of its grid or an "
                "environment variable differs); name another folder with --out"
            )
        # A sampler that began with the same seed each time would draw the same trials again.
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + asked, constant_liar=slots > 1)

    def settle(self, score: Score) -> None:
        """When nothing runs: what ran is complete where it has a score, else lost and asked for again.

        Killed at any point, the next process ends this.
        """
        for trial in self._frozen():
            if trial.state != self._states.RUNNING:
                continue
            found = score(trial.number)
            if found is not None:
                self.finish(trial.number, found, None)
                continue
            self._retry(trial)
            with self._named():
                self._study.tell(trial.number, state=self._states.FAIL)

    def retry_crashed(self) -> None:
        """Ask again for what crashed and was not asked for again."""
        for trial in self._frozen():
            if trial.state == self._states.FAIL and trial.user_attrs.get("crashed"):
                self._retry(trial)

    def enqueue_missing(self, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Ask for each of these parameters unless that was done."""
        there = [_parameters(trial) for trial in self._frozen()]
        with self._named():
            for parameters in wanted:
                if parameters not in there:
                    self._study.enqueue_trial(dict(parameters))

    @property
    def waiting(self) -> bool:
        """Whether something that was asked for has not begun."""
        return any(trial.state == self._states.WAITING for trial in self._frozen())

    def ask(self) -> Trial:
        """Begin a trial: one that waits, or a new one."""
        with self._named():
            number = self._study.ask(self._distributions).number
        return self.trials()[number]

    def finish(self, number: int, score: float, seconds: float | None) -> None:
        """A trial is complete."""
        self._note(number, seconds=seconds)
        with self._named():
            self._study.tell(number, score)

    def fail(self, number: int, reason: str, seconds: float, crashed: bool) -> None:
        """A trial has failed; the next process tries it again where it crashed."""
        self._note(number, seconds=seconds, reason=reason, crashed=crashed)
        with self._named():
            self._study.tell(number, state=self._states.FAIL)

    def trials(self) -> list[Trial]:
        """All of them, by number."""
        frozen = self._frozen()
        retried = {trial.user_attrs.get("retry_of") for trial in frozen}
        return [self._plain(trial, retried) for trial in frozen]

    def _retry(self, trial: Any) -> None:
        parameters = _parameters(trial)
        if parameters and all(other.user_attrs.get("retry_of") != trial.number for other in self._frozen()):
            with self._named():
                self._study.enqueue_trial(parameters, user_attrs={"retry_of": trial.number})

    def _note(self, number: int, **facts: Any) -> None:
        with self._named():
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            for name, value in facts.items():
                self._storage.set_trial_user_attr(trial_id, name, value)

    def _frozen(self) -> list[Any]:
        with self._named():
            return list(self._study.get_trials(deepcopy=False))

    def _plain(self, trial: Any, retried: set[Any]) -> Trial:
        named: dict[Any, State] = {
            self._states.WAITING: "waiting",
            self._states.RUNNING: "running",
            self._states.COMPLETE: "complete",
            self._states.FAIL: "failed",
        }
        state = named[trial.state]
        if state == "failed" and (trial.number in retried or not trial.params):
            state = "lost"
        facts = trial.user_attrs
        return Trial(
            trial.number,
            state,
            _parameters(trial),
            trial.value if state == "complete" else None,
            facts.get("seconds"),
            facts.get("reason"),
            facts.get("retry_of"),
        )

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConfigError(f"{self._path}: cannot be read or written: {reason:.200}") from error


def _parameters(trial: Any) -> dict[str, Any]:
    """Those it began with, or will begin with."""
    return dict(trial.params or trial.system_attrs.get("fixed_params", {}))


def _check_file(path: Path) -> None:
    if "?" in str(path):
        raise ConfigError(f"{path}: a question mark would end the path of the study; name another folder")
    if not path.exists():
        return
    with path.open("rb") as file:
        magic = file.read(len(SQLITE_MAGIC))
    # An empty file is a database that nothing was written to yet.
    if magic not in (b"", SQLITE_MAGIC) or path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path}: is no study, or larger than {MAX_BYTES} bytes; name another folder")
