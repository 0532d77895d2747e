"""`neurograsp bench`: what it measures, what it refuses, and that all ways do the same job."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurograsp.edge_runtime import bench
from neurograsp.edge_runtime.bench_report import BenchReport, unlike
from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.bench import read_report
from neurograsp.edge_runtime.cli.demo import PRETRAINED
from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.firmware_bridge.strict import encode
from neurograsp.train import peers

SHORT = ["bench", "--source", "synthetic", "--hand", "none", "--seconds", "0.6", "--warm-up", "0.5"]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(PRETRAINED)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "report.json"
    with path.open("w") as file, contextlib.redirect_stdout(file):
        assert main([*SHORT, "--json"]) == 0
    return path


def test_the_warm_up_is_left_out_and_parts_add_up(report: Path) -> None:
    loop = read_report(report).loop
    assert 10 <= loop.ticks <= 31
    sections = loop.sections
    assert sections["tick"].count == sections["own"].count == loop.ticks
    assert 0 < sections["infer"].count <= sections["invoke"].count
    means = {name: one.mean_us for name, one in sections.items()}
    assert means["own"] + means["invoke"] * sections["invoke"].count / loop.ticks == pytest.approx(
        means["tick"]
    )
    assert means["invoke"] < means["infer"] < means["tick"]
    assert loop.first_decision_s is not None
    assert 0.2 < loop.first_decision_s < 3
    assert 0 < loop.thread_percent <= 1.1 * loop.process_percent


def test_a_report_is_compared_with_an_older_one(report: Path, capsys: Any) -> None:
    assert main([*SHORT, "--compare", str(report), "--no-realtime"]) == 0
    printed = capsys.readouterr().out
    assert "compared with 20" in printed
    assert len([line for line in printed.splitlines() if " -> " in line]) >= 8


def test_what_else_differs_is_told(report: Path) -> None:
    old = read_report(report)
    new = replace(
        old,
        machine=replace(old.machine, governor="powersave"),
        bundle=replace(old.bundle, hop_by_hop=False),
        seconds=9.0,
        loop=replace(old.loop, realtime={}),
    )
    told = unlike(old, new)
    assert "machine.governor: None, now powersave" in told
    assert "bundle.hop_by_hop: True, now False" in told
    assert "seconds: 0.6, now 9.0" in told
    assert unlike(old, old) == []
    assert any(one.startswith("realtime.") for one in told) == any(
        grant.granted for grant in old.loop.realtime.values()
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "'schema' is missing"),
        (b"[1", "not a report of `neurograsp bench --json`"),
        (b" " * (2**20 + 1), "too large"),
        (b'{"schema": "neurograsp.bench/2"}', "neurograsp.bench/2"),
    ],
)
def test_what_is_no_report_is_refused_before_anything_runs(
    content: bytes, message: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)
    assert main(["bench", "--compare", str(path)]) == 4
    told = capsys.readouterr().err
    assert str(path) in told
    assert message in told


def test_an_older_report_that_is_not_there_is_named(tmp_path: Path, capsys: Any) -> None:
    assert main(["bench", "--compare", str(tmp_path / "old.json")]) == 4
    assert "old.json: cannot be read: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--seconds", "0"], ["--seconds", "nan"], ["--warm-up", "-1"], ["--seconds", "601"], ["--cpu", "4095"]],
)
def test_what_cannot_be_measured_is_a_usage_error(options: list[str]) -> None:
    assert main(["bench", *options]) == 2


def test_json_and_compare_exclude_each_other(report: Path, capsys: Any) -> None:
    assert main(["bench", "--json", "--compare", str(report)]) == 2
    assert "--json" in capsys.readouterr().err


def test_a_source_that_ends_too_soon_is_told() -> None:
    meter = bench._Meter(5.0, bench._Tick())
    with pytest.raises(UsageError, match=r"before the warm-up of 5 s"):
        meter.percent()


def test_the_report_survives_its_own_reading(report: Path) -> None:
    read = read_report(report)
    assert isinstance(read, BenchReport)
    assert encode(read) == json.loads(report.read_text())


def hops(bundle: Bundle) -> list[Any]:
    counts = bundle.golden.counts
    return [counts[first : first + 10] for first in range(0, len(counts) - 9, 10)]


def test_the_state_kept_way_gives_the_window_of_the_board(bundle: Bundle) -> None:
    """In floating point what the board has in int8, to a step, wherever int8 does not clip.

    A window ends with an odd frame, 29, 31, ..., and a hop with an even one: the board's is one frame older.
    """
    pytest.importorskip("scipy")
    own, other = bench._own_way(bundle), peers.scipy_stream(bundle.manifest.signal)
    assert own.filter is not None
    for hop in hops(bundle)[:16]:  # far from the random counts at the end
        steps, real = own.filter(hop), other(hop)
    assert real.shape == (1, 29, 32, 1)
    assert real.dtype == np.float32
    inside = np.abs(steps[1:]) < 127
    assert inside.mean() > 0.5
    assert np.abs(real[0, :-1, :, 0] * 16 - steps[1:])[inside].max() < 1


def test_the_float_network_answers_like_the_board(bundle: Bundle) -> None:
    own, float_network = bench._own_way(bundle), peers.lite(bundle)
    whole = bundle.classifier()
    for window in bundle.golden.windows[:5]:
        real = (window.astype(np.float32) / 16)[None, :, :, None]
        assert float_network(real)[0] == pytest.approx(whole.real_logits(window), abs=1.0)
    assert own.infer is not None


@pytest.mark.slow
def test_every_way_is_measured_or_says_what_is_missing(bundle: Bundle, monkeypatch: Any) -> None:
    pytest.importorskip("scipy")

    def no_tensorflow(*_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.setattr(peers, "keras", no_tensorflow)
    ways = bench.measure_ways(bundle, peers.peers(bundle), seconds=0.4, warm_up_s=0.1)
    assert len(ways) == 4
    assert ways[0].name == "neurograsp"
    for way in ways:
        if way.missing is None:
            assert way.filter is not None
            assert way.infer is not None
            assert way.total is not None
            assert 1 <= way.total.count <= 30
    missing = [way.missing for way in ways if way.missing]
    assert any("tensorflow is not installed: run `pip install" in one for one in missing)
