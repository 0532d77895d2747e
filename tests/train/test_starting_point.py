"""Networks of several people, and the run that fits one of them to one person."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import CONFIG, Toy

from neurograsp.convert.convert_run import convert_run
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.bundle_scores import score_bundle
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.run import TrainedRun, train_run
from neurograsp.train.signal_fit import fit_signals
from neurograsp.train.splits import Split
from neurograsp.train.starting_point import StartingPoint
from neurograsp.train.windows import cut

WHITENED = CONFIG.replace("window = 50", "window = 50\nper_subject = true").replace(
    "factor = 2 },", 'factor = 2 },\n  { kind = "whitening" },'
)


def config(*overrides: str) -> TrainConfig:
    return parse_config(TrainConfig, WHITENED, "toy.toml", overrides=list(overrides))


@pytest.fixture(scope="module")
def people(toy_data: Path) -> list[Recording]:
    """Two people, the second with twice the amplitude and the electrodes the other way round."""
    own = open_recordings(toy_data / "data", None, [1, 2, 3])
    other = [replace(one, counts=np.ascontiguousarray(one.counts[:, ::-1] * 2), subject="2") for one in own]
    return own + other


@pytest.fixture(scope="module")
def pooled(people: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pooled") / "run"
    chosen = [one for one in people if one.session != "3"]
    train_run(config("data.subjects=[1,2]"), chosen, out, WHITENED)
    return out


def fit_to_one(start: Path, people: list[Recording], out: Path, *overrides: str) -> TrainedRun:
    own = [one for one in people if one.subject == "2" and one.session != "1"]
    made = config("data.subjects=[2]", "data.sessions=[2,3]", *overrides)
    return train_run(made, own, out, WHITENED, start=StartingPoint.read(start))


def test_each_subject_gets_a_signal_of_its_own(people: list[Recording]) -> None:
    signals = fit_signals(config(), people)
    assert signals["1"].scale != signals["2"].scale
    assert signals["1"].stages[:-1] == signals["2"].stages[:-1]
    rms = [np.sqrt(np.mean(cut(one, signals[one.subject]).x[:] ** 2.0)) for one in (people[0], people[3])]
    assert rms == pytest.approx([16, 16], rel=0.1)
    together = fit_signals(config("signal.per_subject=false"), people)
    assert together["1"] == together["2"]


@pytest.mark.long
def test_a_run_of_several_signals_is_no_bundle_yet(pooled: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(1, 2\) has a signal of its own.*--from .*run --out RUN"):
        convert_run(pooled, tmp_path / "bundle")


@pytest.mark.long
def test_no_epoch_keeps_the_network_and_fits_the_signal(
    pooled: Path, people: list[Recording], tmp_path: Path
) -> None:
    """What a new person gets without any label: the network of the others behind a signal of one's own."""
    done = fit_to_one(pooled, people, tmp_path / "run", "fit.epochs=0")
    before, after = StartingPoint.read(pooled), StartingPoint.read(tmp_path / "run")
    assert all(
        np.array_equal(a, b)
        for a, b in zip(before.model.get_weights(), after.model.get_weights(), strict=True)
    )
    assert after.facts.signal != before.facts.signal
    assert after.facts.train == ("1/1", "2/1", "2/2")
    assert done.history.epochs == []
    assert done.metrics["float"]["auc_macro"] > 0.8
    assert after.facts.validated_before == ("1/2",)
    convert_run(tmp_path / "run", tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle").manifest.provenance.validated_before == ("1/2",)


@pytest.mark.long
def test_epochs_go_on_from_there(pooled: Path, people: list[Recording], tmp_path: Path) -> None:
    done = fit_to_one(pooled, people, tmp_path / "run", "fit.epochs=1")
    alone = train_run(
        config("fit.epochs=1"),
        [one for one in people if one.subject == "2" and one.session != "1"],
        tmp_path / "alone",
        WHITENED,
    )
    assert done.history.epochs[0]["loss"] < alone.history.epochs[0]["loss"]


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("network.name='article_cnn'", "its network is eegnet, not article_cnn"),
        ("network.options.filters=5", "other sizes; use the same network.options"),
        ("signal.window=40", r"another signal \(window\)"),
        ("signal.filters=[{kind='bandpass', hz=[2.0, 40.0]}]", r"another signal \(stages\)"),
        ("actions.commands=['REST', 'GRIP']", r"another signal \(actions\)"),
    ],
)
def test_what_does_not_fit_is_refused(
    override: str, text: str, pooled: Path, people: list[Recording], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=text):
        fit_to_one(pooled, people, tmp_path / "run", override)
    assert not (tmp_path / "run").exists()


def test_recordings_that_were_trained_on_may_not_validate(
    pooled: Path, people: list[Recording], tmp_path: Path
) -> None:
    backwards = [people[4], people[3]]
    with pytest.raises(ConfigError, match="trained on 2/1, which would validate here"):
        train_run(config(), backwards, tmp_path / "run", WHITENED, start=StartingPoint.read(pooled))


def test_what_chose_the_epoch_of_the_start_is_not_unseen(
    people: list[Recording], toy: Toy, tmp_path: Path
) -> None:
    """A trains on 1/1 and validates on 1/2, B goes on with 1/1 and 1/3, C with B's and somebody else's."""
    parts = {"A": [0, 1], "B": [0, 2], "C": [3, 4]}
    start, found = None, {}
    for name, picked in parts.items():
        made = config("fit.epochs=0")
        done = train_run(made, [people[i] for i in picked], tmp_path / name, WHITENED, start=start)
        start = StartingPoint.read(tmp_path / name)
        assert start.facts.validated_before == done.facts.validated_before
        found[name] = done.facts.validated_before
    assert found == {"A": (), "B": ("1/2",), "C": ("1/2", "1/3")}
    bundle = open_bundle(toy.bundle)
    provenance = replace(
        bundle.manifest.provenance, train=("1/1",), validation=("1/3",), validated_before=found["B"]
    )
    assert provenance.validated_on == "1/3; the runs before it on 1/2"
    bundle = replace(bundle, manifest=replace(bundle.manifest, provenance=provenance))
    assert score_bundle(bundle, [people[1]]).unseen == {"1/2": "seen"}


@pytest.mark.long
def test_a_refit_has_seen_what_validated_it(people: list[Recording], tmp_path: Path) -> None:
    pair = [people[3], people[4]]
    train_run(config("fit.refit=true", "fit.epochs=1"), pair, tmp_path / "run", WHITENED)
    start = StartingPoint.read(tmp_path / "run")
    assert (start.facts.train, start.facts.trained_on) == (("2/1",), ("2/1", "2/2"))
    with pytest.raises(ConfigError, match="trained on 2/2, which would validate here"):
        train_run(config(), pair, tmp_path / "again", WHITENED, start=start)
    done = train_run(config("fit.epochs=0"), people[4:], tmp_path / "next", WHITENED, start=start)
    assert done.facts.train == ("2/1", "2/2")
    within = "data.split=within-session"
    train_run(config(within, "fit.refit=true", "fit.epochs=1"), pair[:1], tmp_path / "cut", WHITENED)
    start = StartingPoint.read(tmp_path / "cut")
    with pytest.raises(ConfigError, match="trained on 2/1, which would validate here"):
        train_run(config(within), pair[:1], tmp_path / "again", WHITENED, start=start)


def test_the_end_of_a_session_that_both_runs_cut_off_may_validate_twice(
    people: list[Recording], tmp_path: Path
) -> None:
    within = "data.split=within-session"
    first = [people[0], people[3]]
    train_run(config(within, "fit.epochs=0"), first, tmp_path / "many", WHITENED)
    start = StartingPoint.read(tmp_path / "many")
    done = train_run(config(within, "fit.epochs=0"), [people[3]], tmp_path / "one", WHITENED, start=start)
    assert done.history.epochs == []
    assert StartingPoint.read(tmp_path / "one").facts.validation == ("2/1",)
    with pytest.raises(ConfigError, match="trained on 2/1, which would validate here"):
        train_run(config(), [people[4], people[3]], tmp_path / "whole", WHITENED, start=start)


@pytest.mark.parametrize(
    ("how", "validation", "refusal"),
    [
        ("auto", ("1/3",), None),
        ("within-session", ("1/3", "3/1"), None),
        ("cross-session", ("2/3",), None),
        ("cross-session", ("1/1", "2/3"), "trained on 1/1, which"),
        ("cross-session", ("1/2", "1/3"), None),
        ("cross-subject", ("3/1", "3/2"), None),
        ("cross-subject", ("1/3",), "trained on the people of 1/3, which"),
        ("cross-subject", ("3/1", "2/9"), "trained on the people of 2/9, which"),
        ("cross-subject", ("1/1",), "trained on the people of 1/1, which"),
    ],
)
def test_how_much_must_be_unknown_follows_the_split(
    how: Split, validation: tuple[str, ...], refusal: str | None, pooled: Path
) -> None:
    """The pooled run was trained on session 1 of both people and validated on session 2."""
    start = StartingPoint.read(pooled)
    assert start.facts.train == ("1/1", "2/1")
    if refusal is None:
        start.check_fits(start.facts.signal, start.facts.network, (), validation, how)
    else:
        with pytest.raises(ConfigError, match=refusal):
            start.check_fits(start.facts.signal, start.facts.network, (), validation, how)


def test_a_folder_that_is_no_run(tmp_path: Path, pooled: Path) -> None:
    for damage in (b"", b"{", b"[1]"):
        (tmp_path / "run.json").write_bytes(damage)
        with pytest.raises(ConfigError, match=r"run\.json|no run there"):
            StartingPoint.read(tmp_path)
    (tmp_path / "run.json").write_bytes((pooled / "run.json").read_bytes())
    with pytest.raises(ConfigError, match="no run to start from"):
        StartingPoint.read(tmp_path)
