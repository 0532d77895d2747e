"""A committee from recordings to a bundle and to C: each member trained apart, one graph in the end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import OPEN_GATES, Toy

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.train.bundle_scores import score_bundle
from neurograsp.train.datasets import open_recordings

pytestmark = pytest.mark.long

NETWORK = (
    "network.name=committee",
    'network.options={members=[{name="band_power"},{name="eegnet",head="mean",filters=4,mixed_filters=8}]}',
    "fit.refit=true",
)


@pytest.fixture(scope="module")
def bundle(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("committee")
    sets = [part for one in NETWORK for part in ("--set", one)]
    assert main(["train", str(toy.config), "--out", str(folder / "run"), *sets]) == 0
    command = ["convert", str(folder / "run"), "--out", str(folder / "bundle"), "--method", "auto"]
    assert main([*command, *OPEN_GATES]) == 0
    return folder / "bundle"


def test_it_is_quantized_after_training_and_computed_hop_by_hop(bundle: Path) -> None:
    manifest = open_bundle(bundle).manifest
    assert manifest.network.name == "committee"
    assert manifest.network.method in ("ptq", "ai-edge")
    assert "qat was left out: QAT would train committee as a whole" in manifest.scores["reason"]
    candidates = manifest.scores["candidates"]
    assert candidates["float"]["auc_macro"] - candidates["ptq"]["auc_macro"] < 0.01
    assert candidates["ptq"]["agreement"] > 0.95
    assert manifest.stream is not None
    assert manifest.stream.macs < manifest.stream.window_macs


def test_the_future_changes_no_score_of_the_past(bundle: Path, toy: Toy) -> None:
    opened = open_bundle(bundle)
    (whole,) = open_recordings(toy.data, None, [3])
    counts, row = whole.counts.copy(), 3001
    counts[row:] = np.random.default_rng(0).integers(-(2**15), 2**15, counts[row:].shape)
    scored = [score_bundle(opened, [one]).replays for one in (whole, replace(whole, counts=counts))]
    for model in ("float", "int8"):
        before, after = (one[model][0] for one in scored)
        past = before.stream.time_s <= (row - 1) / whole.rate_hz
        assert np.array_equal(before.logits[past], after.logits[past])
        assert not np.array_equal(before.logits[~past], after.logits[~past])


def test_it_has_c_sources(bundle: Path, tmp_path: Path) -> None:
    assert main(["convert", str(bundle), "--target", "c", "--out", str(tmp_path / "c")]) == 0
    assert "ng_add(" in (tmp_path / "c" / "ng_network.c").read_text()


def test_another_run_starts_from_it(bundle: Path, toy: Toy, tmp_path: Path) -> None:
    """As it is: its members were fitted apart, and are still not trained together."""
    sets = [part for one in (*NETWORK[:2], "fit.epochs=0", "data.sessions=[1,3]") for part in ("--set", one)]
    start = ["--from", str(bundle.parent / "run")]
    assert main(["train", str(toy.config), "--out", str(tmp_path / "run"), *start, *sets]) == 0
    keras = pytest.importorskip("neurograsp.convert._keras").keras
    first, second = (
        keras.models.load_model(one / "model.keras", compile=False)
        for one in (bundle.parent / "run", tmp_path / "run")
    )
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    assert first.trainable_weights == second.trainable_weights == []
