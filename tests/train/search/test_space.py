"""SPACE.toml: what is read of it, and every way in which it can be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from toys import REPOSITORY

from neurograsp.edge_runtime.cli import main
from neurograsp.train.search.plan import plan_search
from neurograsp.train.search.space import Choices, Range, read_space, real
from neurograsp.train.search.workers import environment

SEARCHES = sorted((REPOSITORY / "examples/searches").glob("*.toml"))


def test_dotted_and_quoted_keys_are_one(write_space: Callable[[str], Path]) -> None:
    text = '[search]\nfit.noise = {low = 0, high = 1}\n"network.options.filters" = {choices = [2, 4]}'
    space = read_space(write_space(text), {})
    assert space.parameters == {"fit.noise": Range(0, 1), "network.options.filters": Choices((2, 4))}
    assert real(space.base, "fit.noise", Range(0, 1)), "the base's value is a real number"
    assert not real(space.base, "fit.epochs", Range(1, 9))
    assert not real(space.base, "network.options.filters", Range(1, 9))
    assert space.config({"network.options.filters": 2}).network.options["filters"] == 2
    assert space.base.network.options["filters"] == 4


def test_lists_and_tables_are_choices(write_space: Callable[[str], Path]) -> None:
    options = '{choices = [{filters = 2}, {head = "mean"}]}'
    text = f"[search]\nnetwork.options = {options}\nfit.epochs = {{choices = [3]}}"
    plan = plan_search(read_space(write_space(text), {}), 1)
    label = plan.distributions()["network.options"].choices[1]
    assert plan.config({"network.options": label, "fit.epochs": 3}).network.options == {"head": "mean"}


def test_the_environment_overrides_the_base_and_then_no_more(write_space: Callable[[str], Path]) -> None:
    path = write_space("[search]\nfit.noise = {low = 0.0, high = 1.0}")
    plain, overridden = read_space(path, {}), read_space(path, {"NEUROGRASP_FIT__SEED": "7"})
    assert overridden.base.fit.seed == 7
    assert overridden.identity != plain.identity
    own = environment({"NEUROGRASP_FIT__SEED": "7", "NEUROGRASP_TEST_DATA": "x", "PATH": "p"}, 2)
    assert own == {
        "NEUROGRASP_TEST_DATA": "x",
        "PATH": "p",
        "TF_NUM_INTRAOP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
    }


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_examples_are_possible(path: Path) -> None:
    plan = plan_search(read_space(path, {}), 3)
    assert plan.distributions()
    assert bool(plan.grid) == (plan.space.file.grid is not None)


RANGE = "{low = 0.1, high = 0.2}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "either [search] with a key or more, or [grid]"),
        ('[search]\nfit.noise = {choices = [1]}\n[grid]\nnetworks = ["eegnet"]', "either [search]"),
        (f"[search]\nfit.nois = {RANGE}", "unknown key 'nois'; did you mean 'noise'?"),
        (f"[search]\nfit.noise.more = {RANGE}", "'noise' is not a table"),
        (f"[search]\nsignal.filters.q = {RANGE}", "'filters' is not a table"),
        ("[search]\nfit.noise = {low = 0.2, high = 0.1}", "search.fit.noise: low is 0.2, greater than high"),
        ("[search]\nfit.noise = {low = 0.0, high = 0.1, log = true}", "make it greater than zero"),
        ("[search]\nfit.noise = {low = 0.1, high = 0.2, step = 0.1, log = true}", "leave out log"),
        ("[search]\nfit.noise = {low = 0.1, high = 0.2, step = 0}", "step: make it greater than zero"),
        ("[search]\nfit.noise = {low = 0.1}", "the key 'high' is missing"),
        ("[search]\nfit.noise = {low = 0.1, hihg = 0.2}", "unknown key 'hihg'; did you mean 'high'?"),
        ("[search]\nfit.noise = {low = true, high = 2}", "expected a number, got True"),
        ("[search]\nfit.noise = {low = 0.1, high = inf}", "expected a number, got inf"),
        ("[search]\nfit.noise = 3", "search.fit.noise: expected { low, high } or { choices }"),
        ("[search]\nfit.noise = {}", "search.fit.noise: is empty"),
        ("[search]\nfit.noise = {choices = []}", "choices: is empty"),
        ("[search]\nfit.noise = {choices = [0.1, 0.1]}", "there twice"),
        ("[search]\nfit.batch_size = {low = 1.5, high = 8}", "batch_size: expected a whole number, got 1.5"),
        ("[search]\nfit.noise = {low = -1.0, high = 1.0}", "noise is -1.0, make it zero or greater"),
        ("[search]\ndata.sessions = {choices = [[1], [2]]}", "scored on different recordings; use [grid]"),
        (f'metric = "loss"\n[search]\nfit.noise = {RANGE}', "metric"),
        (f"seeds = 1\n[search]\nfit.noise = {RANGE}", "unknown key 'seeds'; did you mean 'seed'?"),
        ("[grid]\nnetworks = []", "networks: is empty"),
        ('[grid]\nnetworks = ["eegnat"]', "did you mean 'eegnet'?"),
        ('[grid]\nnetworks = ["eegnet", "eegnet"]', "there twice"),
        ('[grid]\nnetworks = ["eegnet"]\nsubjects = [5]', "no subject 5"),
        ('[grid]\nnetworks = ["eegnet"]\nsessions = [1]', "subject 1 has one session (1)"),
        ('[grid]\nnetworks = ["eegnet"]\nsplit = "cross-subject"', "'cross-subject' with one subject"),
        ('[grid]\nnetworks = ["eegnet"]\nsplit = "sessions"', "split"),
        ("[search\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_one_line(
    write_space: Callable[[str], Path],
    tmp_path: Path,
    text: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["search", str(write_space(text)), "--out", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


def test_missing_and_damaged_files(
    write_space: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = write_space(f"[search]\nfit.noise = {RANGE}"), ["--out", str(tmp_path / "out")]
    assert main(["search", str(tmp_path / "no.toml"), *out]) == 4
    assert "no.toml: cannot be read" in capsys.readouterr().err
    (tmp_path / "toy.toml").write_bytes(b"\xff")
    assert main(["search", str(path), *out]) == 4
    assert "toy.toml: cannot be read" in capsys.readouterr().err
    (tmp_path / "toy.toml").unlink()
    assert main(["search", str(path), *out]) == 4
    assert "toy.toml: cannot be read" in capsys.readouterr().err
    path.write_text("#" * 1_000_001)
    assert main(["search", str(path), *out]) == 4
    assert "larger than 1000000 bytes" in capsys.readouterr().err
