"""The decoding benchmark: which network it trains, and which gates it says that a bundle would not pass."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from toys import REPOSITORY, Toy

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.train.config import TrainConfig

sys.path.append(str(REPOSITORY / "benchmarks"))
decoding = pytest.importorskip("decoding")


@pytest.mark.parametrize(
    ("network", "name", "options"),
    [
        (None, "band_power", {}),
        ("eegnet", "eegnet", {"head": "mean"}),
        ("committee", "committee", {}),
    ],
)
def test_the_network_that_was_asked_for(
    network: str | None, name: str, options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(decoding, "neurograsp", lambda *arguments: told.append(arguments))
    decoding.Bundles(tmp_path, tmp_path, 3, network).train("eegmmidb.toml", "rest", "data.sessions=[3,4]")
    ((command, path, *rest),) = told
    sets = [value for key, value in pairwise(rest) if key == "--set"]
    config = parse_config(TrainConfig, Path(path).read_text(), path, overrides=sets)
    assert (command, config.network.name, config.network.options) == ("train", name, options)
    assert (config.fit.seed, config.data.sessions) == (3, (3, 4))


def test_gates_that_a_bundle_would_not_pass(toy: Toy) -> None:
    manifest = open_bundle(toy.bundle).manifest
    assert decoding.missed(manifest) == []
    figures = {"agreement": "89.99% alike", "decisions": "50.00% alike"}
    gates = [
        {**gate, "figure": figures.get(gate["name"], gate["figure"])} for gate in manifest.scores["gates"]
    ]
    assert {*figures} < {gate["name"] for gate in gates}
    manifest = replace(manifest, scores={**manifest.scores, "gates": gates})
    assert decoding.missed(manifest) == ["agreement: 89.99% alike, not at least 0.9"]
