"""Command line > environment > file > default."""

from pathlib import Path

import pytest
from toys import CONFIG, REPOSITORY

from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.config import TrainConfig
from neurograsp.train.fit import FitOptions


def parse(overrides: list[str] | None = None, environment: dict[str, str] | None = None) -> TrainConfig:
    return parse_config(
        TrainConfig, CONFIG, "toy.toml", environment=environment or {}, overrides=overrides or []
    )


def test_precedence() -> None:
    environment = {"NEUROGRASP_FIT__EPOCHS": "7", "NEUROGRASP_FIT__SEED": "5", "EPOCHS": "9"}
    made = parse(["fit.epochs=8"], environment)
    assert made.fit.epochs == 8
    assert made.fit.seed == 5
    assert made.fit.learning_rate == 1e-2
    assert made.fit.batch_size == FitOptions().batch_size
    assert parse([], environment).fit.epochs == 7
    assert parse().fit.epochs == 4


def test_the_last_override_wins() -> None:
    assert parse(["fit.epochs=8", "fit.epochs=9"]).fit.epochs == 9


def test_values_are_toml_or_text() -> None:
    made = parse(["data.sessions=[1,2,3]", "data.path=other/place", "network.name=article_cnn", "name='a=b'"])
    assert made.data.sessions == (1, 2, 3)
    assert made.data.path == "other/place"
    assert made.network.name == "article_cnn"
    assert made.name == "a=b"


def test_a_new_table_can_be_set() -> None:
    assert parse(["actions.labels.fist=['T1','T2']"]).actions.labels["fist"] == ("T1", "T2")


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("fit.epoch=3", "fit: unknown key 'epoch'; did you mean 'epochs'?"),
        ("fti.epochs=3", "unknown key 'fti'; did you mean 'fit'?"),
        ("fit.epochs=three", "fit.epochs: expected a whole number, got 'three'"),
        ("fit.epochs", "--set fit.epochs: expected key=value"),
        ("=3", "--set =3: expected key=value"),
        ("name.first=3", "--set name.first=3: 'name' is not a table"),
        ("fit.epochs=-1", "epochs is -1"),
        ("fit.noise=nan", "fit.noise: expected a number, got nan"),
        ("convert.method=autom", "convert.method: 'autom' is not possible; did you mean 'auto'?"),
        ("signal.gap.stop_after_s=never_ever", "did you mean 'never'?"),
    ],
)
def test_bad_overrides(override: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse([override])
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_environment_names_the_variable() -> None:
    with pytest.raises(
        ConfigError, match="environment variable NEUROGRASP_NAME__FIRST: 'name' is not a table"
    ):
        parse([], {"NEUROGRASP_NAME__FIRST": "1"})


def test_bad_toml_names_the_file() -> None:
    with pytest.raises(ConfigError, match=r"^bad\.toml: not valid TOML: .*line 1"):
        parse_config(TrainConfig, "a = = 1", "bad.toml")


@pytest.mark.parametrize("value", ["[" * 3000, "9" * 5000, "0x" + "f" * 5000])
def test_absurd_toml_is_one_line(value: str) -> None:
    for text, overrides in ((f"x = {value}", []), (CONFIG, [f"fit.epochs={value}"])):
        with pytest.raises(ConfigError) as caught:
            parse_config(TrainConfig, text, "bad.toml", overrides=overrides)
        assert str(caught.value).startswith("bad.toml")
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "examples/configs").glob("*.toml")), ids=lambda p: p.stem
)
def test_the_examples_are_valid_and_find_their_data(path: Path) -> None:
    made = parse_config(TrainConfig, path.read_text(), path.name)
    assert (path.parent / made.data.path).is_dir()
    assert made.data.subjects
    assert made.data.sessions
