"""What `neurograsp train` trains on, and how: by a configuration, the name of a data set, or both."""

import json
import os
from argparse import Namespace
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError, UsageError
from neurograsp.train.cli.progress import FetchProgress
from neurograsp.train.config import TrainConfig
from neurograsp.train.fetch import find_source
from neurograsp.train.fetch.source import Place, Source, data_folder
from neurograsp.train.toml_text import to_toml


@dataclass(frozen=True)
class Job:
    """Attributes:
    config: the configuration.
    text: its TOML, to be kept with the run.
    data: file or folder of recordings.
    """

    config: TrainConfig
    text: str
    data: Path


def read_job(arguments: Namespace) -> Job:
    """The job that the command line asks for; the recordings of a data set are fetched.

    Raises:
        UsageError: neither configuration nor data set, or an unknown one.
        ConfigError: the configuration is wrong, or the default one is not for these sessions.
        RecordingError: recordings cannot be fetched; the message says what to do.
        MissingExtra: what fetches them is not installed.
    """
    if arguments.dataset is not None:
        return _of_dataset(arguments)
    if arguments.config is None:
        raise UsageError("name a configuration, or a data set: --dataset NAME")
    if arguments.data_dir is not None:
        raise UsageError("--data-dir is where --dataset keeps its files; set data.path in the configuration")
    text = _read_text(arguments.config)
    config = _parse(arguments, text, str(arguments.config))
    return Job(config, text, arguments.config.parent / config.data.path)


def _of_dataset(arguments: Namespace) -> Job:
    """The configuration that is kept names the fetched recordings: it repeats the run without fetching."""
    source = find_source(arguments.dataset)
    with closing(FetchProgress()) as progress:
        place = Place(data_folder(arguments.data_dir), progress)
        if arguments.config is None:
            subjects = None if arguments.subjects is None else tuple(arguments.subjects)
            text, name = (
                source.default_config(place, subjects),
                f"default configuration of {arguments.dataset}",
            )
        else:
            text, name = _read_text(arguments.config), str(arguments.config)
        # Where the recordings are is known only once it is known which are wanted.
        asked = _parse(arguments, text, name, 'data.path="."')
        if arguments.config is None:
            _check_meaning(source, arguments.dataset, asked.data.sessions or ())
        fetched = source.fetch(place, asked.data.subjects, asked.data.sessions)
    data = replace(
        asked.data,
        path=str(fetched.folder),
        subjects=fetched.subjects,
        sessions=fetched.sessions,
        origin=source.origin,
    )
    config = replace(asked, data=data)
    head = f"# As applied by neurograsp train --dataset {arguments.dataset}\n\n"
    return Job(config, head + to_toml(config), fetched.folder)


def _check_meaning(source: Source, name: str, sessions: tuple[int | str, ...]) -> None:
    """A label of another meaning would become an action that moves the hand."""
    meant = source.default_sessions
    others = [str(one) for one in sessions if str(one).isdecimal() and meant and int(one) not in meant]
    if others:
        raise ConfigError(
            f"--dataset {name}: in {', '.join(others)} the labels mean something else than in its default "
            f"configuration, which is for {', '.join(map(str, meant or ()))}; choose among these, or name a "
            "configuration of your own (docs/datasets.md)"
        )


def _parse(arguments: Namespace, text: str, name: str, *before: str) -> TrainConfig:
    chosen = [
        f"data.{key}={_listed(names)}"
        for key, names in (("subjects", arguments.subjects), ("sessions", arguments.sessions))
        if names is not None
    ]
    overrides = [*before, *chosen, *arguments.set]
    return parse_config(TrainConfig, text, name, environment=os.environ, overrides=overrides)


def _listed(names: list[str]) -> str:
    numbers_or_names = [int(one) if one.isdecimal() else one for one in names]
    return json.dumps(numbers_or_names, ensure_ascii=False)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
