"""`neurograsp convert --target c`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import Toy

from neurograsp.convert.c_target import export
from neurograsp.convert.c_target.c_text import comment
from neurograsp.convert.c_target.memory_plan import Need, plan
from neurograsp.convert.c_target.network_c import NetworkInC, network_in_c
from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.contract.errors import CheckFailed


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.long
def test_a_run_and_its_bundle_give_the_same_sources(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(toy.run), "--target", "c", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "kept " in said
    assert "windows of the network: " in said
    assert "differs" not in said
    assert main(["convert", str(toy.bundle), "--target", "c", "--out", str(tmp_path / "c"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    digest = open_bundle(toy.bundle).sha256
    assert (told["path"], told["bundle_sha256"]) == (str(tmp_path / "c"), digest)
    assert told["hop_by_hop"] is True
    assert content(tmp_path / "c") == content(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "run"]
    assert digest in (tmp_path / "c" / "README.md").read_text()


def test_what_is_asked_in_vain(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c"
    command = ["convert", str(toy.bundle), "--target", "c", "--out", str(out)]
    for more, text in (
        (["--sign", "key.pem"], "signs a bundle, and --target c writes none"),
        (["--method", "ptq"], "is a bundle, quantized already"),
        (["--set", "gates.agreement=0"], "is a bundle, quantized already"),
    ):
        assert main([*command, *more]) == 2
        assert text in capsys.readouterr().err
    assert not out.exists()
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    assert main(command) == 4
    assert "holds something else" in capsys.readouterr().err
    assert content(out) == {"thesis.tex": b"years of work"}
    (out / "thesis.tex").unlink()
    assert main(command) == 0
    (out / "board.ld").write_text("by hand")
    capsys.readouterr()
    assert main(command) == 4
    assert "holds board.ld besides" in capsys.readouterr().err
    assert (out / "board.ld").read_text() == "by hand"
    (out / "board.ld").unlink()
    (out / "golden").write_text("what make test leaves")
    assert main(command) == 0


def test_a_changed_bundle_is_not_exported(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(toy.bundle, bundle)
    with (bundle / "model.tflite").open("ab") as file:
        file.write(b"\0")
    assert main(["convert", str(bundle), "--target", "c", "--out", str(tmp_path / "c")]) == 4
    assert "does not match its SHA-256" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_without_a_compiler_that_is_said(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert main(["convert", str(toy.bundle), "--target", "c", "--out", str(tmp_path / "c")]) == 0
    assert "not run here: no C compiler" in capsys.readouterr().out


def test_sources_that_compute_otherwise_are_not_kept(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def skewed(blob: bytes) -> NetworkInC:
        made = network_in_c(blob)
        text = made.files["ng_network.c"].replace(".out_zero = ", ".out_zero = 1 + ")
        return replace(made, files={**made.files, "ng_network.c": text})

    monkeypatch.setattr(export, "network_in_c", skewed)
    with pytest.raises(
        CheckFailed, match=r"do not reproduce \(frames .*; windows of the network: number 1 of"
    ):
        export.export_c(open_bundle(toy.bundle), tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_names_from_a_bundle_stay_in_their_comment(toy: Toy, tmp_path: Path) -> None:
    for text in ("*/ int x; /* \\\n\u2028", "*\\ int x; /\\*", "*", "/"):
        inside = comment(text).removeprefix("/* ").removesuffix(" */")
        assert not set(inside) & set("*/\\\n\u2028")
    bundle = open_bundle(toy.bundle)
    signal = bundle.manifest.signal
    hostile = replace(signal, channels=("*/ #error \\", *signal.channels[1:]))
    named = replace(bundle, manifest=replace(bundle.manifest, signal=hostile, name="# */\n`x`"))
    assert export.export_c(named, tmp_path / "c").golden is not None


def test_tensors_that_are_needed_together_lie_apart() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = rng.integers(0, 20, 12)
        needs = [
            Need(i, int(rng.integers(1, 50)), int(begin), int(begin + rng.integers(0, 6)))
            for i, begin in enumerate(first)
        ]
        offsets, size = plan(needs)
        most = max(sum(one.size for one in needs if one.first <= t <= one.last) for t in range(26))
        assert most <= size <= sum(one.size + 3 for one in needs)
        for one in needs:
            assert offsets[one.name] + one.size <= size
            for other in needs:
                together = one.first <= other.last and other.first <= one.last
                if one is not other and together:
                    ends = offsets[one.name] + one.size, offsets[other.name] + other.size
                    assert ends[0] <= offsets[other.name] or ends[1] <= offsets[one.name]
