"""Which network a bundle gets, and why."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import OPEN_GATES, Toy

from neurograsp.convert import candidates as module
from neurograsp.convert import quantize
from neurograsp.convert.candidates import Candidate
from neurograsp.convert.convert_run import convert_run
from neurograsp.convert.run_reader import Run, read_run
from neurograsp.convert.verify import Gate
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.config import parse_config
from neurograsp.edge_runtime.contract.errors import CheckFailed, ConfigError
from neurograsp.edge_runtime.signature import make_keys, read_public_key
from neurograsp.train.config import TrainConfig
from neurograsp.train.datasets import open_recordings
from neurograsp.train.run import train_run
from neurograsp.train.run_files import read_history


def candidate(name: str, auc: float | None, difference: float) -> Candidate:
    return Candidate(name, b"", [], auc, 1.0, difference)


@pytest.mark.parametrize(
    ("made", "wanted", "why"),
    [
        ([("ptq", 0.9, 0.3)], "ptq", "ptq 0.9000"),
        ([("ptq", 0.80, 0.01), ("qat", 0.81, 0.3)], "qat", "ptq 0.8000, qat 0.8100"),
        ([("ptq", 0.8, 0.2), ("qat", 0.8, 0.1)], "qat", "no difference; qat stays nearer"),
        ([("ptq", 0.8, 0.1), ("qat", 0.8, 0.2)], "ptq", "no difference; ptq stays nearer"),
        ([("a", 0.7, 0.0), ("b", 0.9, 0.3), ("c", 0.9, 0.2)], "c", "no difference; c stays nearer"),
        ([("a", 0.9, 0.3), ("b", 0.7, 0.0), ("c", 0.8, 0.2)], "a", "a 0.9000, b 0.7000, c 0.8000"),
        ([("ptq", None, 0.2), ("qat", None, 0.1)], "qat", "no difference"),
        ([("ptq", None, 0.1), ("qat", 0.6, 0.2)], "qat", "qat 0.6000"),
    ],
)
def test_the_highest_auc_then_the_nearest_to_float(
    made: list[tuple[str, float | None, float]], wanted: str, why: str
) -> None:
    candidates = [candidate(*one) for one in made]
    best, *others = module.rank(candidates)
    assert best.name == wanted
    assert {one.name for one in (best, *others)} == {one.name for one in candidates}
    reason = module.reason_for(candidates, best, ("1/2",))
    assert reason.startswith("AUC on validation 1/2: ")
    assert why in reason
    assert ("no difference" in reason) == ("no difference" in why)


def float_network(model: Any, floating: bytes, run: Run, progress: Any) -> quantize.Quantized:
    return quantize.Quantized(floating, floating)


@pytest.mark.long
def test_auto_leaves_out_what_is_not_integer(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.METHODS, "qat", float_network)
    monkeypatch.delitem(module.METHODS, "ai-edge")
    converted = convert_run(toy.run, tmp_path / "bundle", "auto")
    assert converted.chosen == "ptq"
    assert "; qat was left out: int8 check: tensor" in converted.reason
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert manifest.scores["reason"] == converted.reason
    assert set(manifest.scores["candidates"]) == {"float", "ptq"}


@pytest.mark.long
def test_no_bundle_without_an_integer_network(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.METHODS, "ptq", float_network)
    monkeypatch.setitem(module.METHODS, "qat", float_network)
    monkeypatch.delitem(module.METHODS, "ai-edge")
    with pytest.raises(CheckFailed, match="ptq was left out: .* is float32.*; qat was left out: "):
        convert_run(toy.run, tmp_path / "bundle", "auto")
    with pytest.raises(CheckFailed, match="^int8 check: tensor"):
        convert_run(toy.run, tmp_path / "bundle", "qat")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.long
def test_what_fails_a_gate_gets_no_bundle(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    with pytest.raises(CheckFailed, match=r"ptq does not pass: model size: .* kB, not at most 1\.0 kB"):
        convert_run(toy.run, out, "ptq", overrides=["gates.model_bytes=1000"])
    assert not out.exists()
    converted = convert_run(toy.run, out, "ptq", overrides=["gates.model_bytes=20_000"])
    assert all(gate.passed for gate in converted.gates)
    scores = open_bundle(out).manifest.scores
    assert [gate["name"] for gate in scores["gates"]] == [gate.name for gate in converted.gates]
    assert {"AUC lost", "decisions", "kernels"} <= {gate.name for gate in converted.gates}
    assert scores["layers"][-1]["operator"] == "FULLY_CONNECTED"
    page = (out / "report.html").read_text()
    assert "at most 20.0 kB" in page
    assert "FULLY_CONNECTED" in page


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("gates.agreeement=0.9", "did you mean 'agreement'"),
        ("gates.agreement=2", "agreement is 2"),
        ("gates", "expected key=value"),
        ("fit.epochs=3", "unknown key 'fit'"),
    ],
)
def test_impossible_limits_are_refused(given: str, text: str, toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=text):
        convert_run(toy.run, tmp_path / "bundle", "ptq", overrides=[given])


@pytest.mark.slow
def test_signed(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cryptography", reason="the extra `sign` is not installed")
    public = make_keys(tmp_path / "key.pem")
    command = ["convert", str(toy.run), "--out", str(tmp_path / "bundle"), "--method", "ptq"]
    assert main([*command, "--sign", str(public)]) == 4
    assert "no Ed25519 private key" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
    assert main([*command, "--sign", str(tmp_path / "key.pem")]) == 0
    assert open_bundle(tmp_path / "bundle", read_public_key(public)).signature == "valid"


@pytest.mark.long
def test_ai_edge_quantizer(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    converted = convert_run(toy.run, tmp_path / "bundle", "ai-edge", overrides=["gates.agreement=0"])
    assert converted.chosen == "ai-edge"
    assert converted.candidates["ai-edge"]["agreement"] > 0.8
    assert open_bundle(tmp_path / "bundle").manifest.network.method == "ai-edge"
    assert capsys.readouterr().out == ""


@pytest.mark.long
def test_auto_keeps_what_passes(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(module.METHODS, "qat")
    seen: list[bytes] = []

    def only_the_first_is_too_large(blob: bytes, limits: Any) -> list[Gate]:
        seen.append(blob)
        return [Gate("model size", len(seen) > 1, "", "", "")]

    monkeypatch.setattr(module, "structure_gates", only_the_first_is_too_large)
    converted = convert_run(toy.run, tmp_path / "bundle", "auto", overrides=["gates.agreement=0"])
    assert converted.chosen == "ai-edge"
    assert converted.reason.endswith("ptq failed at model size")


@pytest.mark.long
def test_what_validated_is_trained_on_after_it_judged(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refit changes the network and nothing that was measured or chosen."""
    text = toy.config.read_text()
    config = parse_config(TrainConfig, text, "toy.toml", overrides=["fit.refit=true", "fit.epochs=2"])
    recordings = open_recordings(toy.data, None, [1, 2])
    run, plain = tmp_path / "run", tmp_path / "plain"
    told: list[tuple[int, int]] = []
    train_run(config, recordings, run, text, lambda epoch, total, _: told.append((epoch, total)))
    train_run(replace(config, fit=replace(config.fit, refit=False)), recordings, plain, text)
    best = read_history(run).best_epoch
    assert told == [(1, 2), (2, 2), *((epoch, best) for epoch in range(1, best + 1))]
    assert (run / "metrics.json").read_text() == (plain / "metrics.json").read_text()
    both = [read_run(run), read_run(plain)]
    assert both[0].refit is not None
    assert len(both[0].refit.x) == len(both[0].x_train) + len(both[0].x_validation)

    convert_run(run, tmp_path / "run.bundle")
    convert_run(plain, tmp_path / "plain.bundle")
    bundle, other = open_bundle(tmp_path / "run.bundle"), open_bundle(tmp_path / "plain.bundle")
    assert bundle.manifest.decision == other.manifest.decision
    assert bundle.manifest.reference_decisions == other.manifest.reference_decisions
    alike = ("candidates", "chosen", "reason", "decision", "recordings")
    assert all(bundle.manifest.scores[name] == other.manifest.scores[name] for name in alike)
    assert bundle.manifest.scores["refit"]["agreement"] > 0.8
    for name in ("model.tflite", "float.tflite", "linear.npz"):
        assert bundle.files[name] != other.files[name]
    assert bundle.manifest.provenance.validated_on == "1/2, then trained on these too"
    assert "1/2, then trained on these too" in bundle.files["report.html"].decode()
    assert other.manifest.provenance.validated_on == "1/2"

    chosen, in_that_way = bundle.manifest.scores["chosen"], module.METHODS[bundle.manifest.scores["chosen"]]

    def no_longer(model: Any, floating: bytes, seen: Run, progress: Any) -> quantize.Quantized:
        """That way gives a float network once the validation recordings are trained on."""
        if len(seen.x_train) == len(both[0].x_train):
            return in_that_way(model, floating, seen, progress)
        return float_network(model, floating, seen, progress)

    monkeypatch.setitem(module.METHODS, chosen, no_longer)
    with pytest.raises(CheckFailed, match="^int8 check: tensor"):
        convert_run(run, tmp_path / "none", chosen)
    monkeypatch.setattr(module, "rank", lambda made: sorted(made, key=lambda one: one.name != chosen))
    converted = convert_run(run, tmp_path / "next", "auto", overrides=OPEN_GATES[1::2])
    assert converted.chosen != chosen
    assert f"{chosen} of the network of all recordings was left out: int8 check" in converted.reason
    assert open_bundle(converted.path).manifest.network.method == converted.chosen

    (run / "validated.keras").unlink()
    with pytest.raises(ConfigError, match=r"validated\.keras is missing; train again"):
        convert_run(run, tmp_path / "none")


@pytest.fixture
def altered(toy: Toy, tmp_path: Path) -> Any:
    """Copies of the run with other options of the fit."""

    def make(**fit: Any) -> Path:
        copy = tmp_path / "run"
        shutil.copytree(toy.run, copy)
        facts = json.loads((copy / "run.json").read_text())
        facts["config"]["fit"] |= fit
        (copy / "run.json").write_text(json.dumps(facts))
        return copy

    return make


@pytest.mark.long
def test_fine_tuning_takes_the_loss_of_the_run(
    altered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[quantize.QatOptions] = []
    steps: list[str] = []

    def quick(
        model: Any, train: Any, validation: Any, output: Any, *, seed: int, options: Any, progress: Any
    ) -> quantize.Quantized:
        given.append(options)
        progress(3, 10, {"loss": 0.2, "val_loss": 0.5})
        return quantize.Quantized(quantize.ptq(model, train[0], seed=seed), quantize.to_float_tflite(model))

    def control(model: Any, train: Any, validation: Any, output: Any, *, seed: int, options: Any) -> bytes:
        given.append(options)
        return quantize.to_float_tflite(model)

    monkeypatch.setattr(quantize, "qat", quick)
    monkeypatch.setattr(quantize, "fine_tuned", control)
    run = altered(balance=False, label_smoothing=0.1)
    converted = convert_run(run, tmp_path / "bundle", "qat", steps.append)
    assert given == [quantize.QatOptions(balance=False, label_smoothing=0.1)] * 2
    assert list(converted.candidates) == ["float", "float, fine-tuned", "qat"]
    assert converted.reason == "qat was asked for"
    assert "QAT epoch 3 of 10, validation loss 0.500" in steps


def test_a_run_with_an_impossible_loss_is_refused(altered: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run\.json: config\.fit: label_smoothing is 2\.0"):
        convert_run(altered(label_smoothing=2.0), tmp_path / "bundle", "qat")
