"""A finished run that another one starts from: networks trained on many people, fitted to one."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.contract.run_folder import RunFacts
from neurograsp.edge_runtime.contract.signal_spec import SignalSpec, SpatialStage
from neurograsp.train.run_files import read_facts
from neurograsp.train.splits import Split, unseen


@dataclass(frozen=True, eq=False)
class StartingPoint:
    """Attributes:
    path: run folder.
    facts: its run.json.
    model: its Keras network.
    """

    path: Path
    facts: RunFacts
    model: Any

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a run folder.

        Raises:
            ConfigError: it is missing, incomplete or damaged.
            MissingExtra: TensorFlow is not installed.
        """
        from neurograsp.train.models._keras import keras

        facts = read_facts(path)
        try:
            model = keras.models.load_model(path / "model.keras", compile=False)
        except (OSError, ValueError, KeyError, RecursionError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConfigError(
                f"{path}: no run to start from ({reason:.200}); name the folder that "
                "`neurograsp train --out` wrote"
            ) from error
        return cls(path, facts, model)

    def check_fits(
        self,
        signal: SignalSpec,
        network: str,
        train: Collection[str],
        validation: Collection[str],
        how: Split,
    ) -> None:
        """Refuse a run that another signal or network was trained in, or one that would flatter the scores.

        Args:
            signal: of the new run.
            network: name of the new run's network.
            train: its training recordings.
            validation: its validation recordings; one that is in `train` too was divided in time.
            how: the way in which these were chosen.

        Raises:
            ConfigError: it does not fit; the message says where.
        """
        if self.facts.network != network:
            raise ConfigError(f"{self.path}: its network is {self.facts.network}, not {network}")
        old, new = _design(self.facts.signal), _design(signal)
        differing = [name for name in vars(new) if getattr(old, name) != getattr(new, name)]
        if differing:
            raise ConfigError(
                f"{self.path}: was trained with another signal ({', '.join(differing)}); start from a run of "
                "the same channels, filters, window and actions"
            )
        divided_in_both = set[str]()
        if not self.facts.refit:
            # Both runs cut a session at the same place: its end is as new to the second as to the first.
            divided_in_both = {*self.facts.train} & {*self.facts.validation} & {*train} & {*validation}
        worth = {name: unseen(name, self.facts.trained_on) for name in {*validation} - divided_in_both}
        seen = sorted(
            name
            for name, found in worth.items()
            if found == "seen" or (found == "cross-session" and how == "cross-subject")
        )
        if seen:
            raise ConfigError(
                f"{self.path}: was trained on {'the people of ' if how == 'cross-subject' else ''}"
                f"{', '.join(seen)}, which would validate here; choose others, or train the first run "
                "without these"
            )

    def give_weights(self, model: Any) -> None:
        """Copy the weights into a network that was built alike.

        Raises:
            ConfigError: it was built otherwise.
        """
        shapes = [weight.shape for weight in model.get_weights()]
        if shapes != [weight.shape for weight in self.model.get_weights()]:
            raise ConfigError(f"{self.path}: its network has other sizes; use the same network.options")
        model.set_weights(self.model.get_weights())


def _design(signal: SignalSpec) -> SignalSpec:
    """The signal without what is fitted to people."""
    n_channels = len(signal.channels)
    no_weights = ((0,) * n_channels,) * n_channels
    stages = tuple(
        replace(stage, weights=no_weights) if isinstance(stage, SpatialStage) else stage
        for stage in signal.stages
    )
    one_scale = replace(
        signal.scale, offset=(0,) * n_channels, multiplier=(1,) * n_channels, shift=(1,) * n_channels
    )
    return replace(signal, stages=stages, scale=one_scale)
