import base64
import io
import json
import re
import sys
from argparse import Namespace
from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from replays import perfect
from toys import CHAINS, RATE_HZ, Toy, chain_signal

from neurograsp.edge_runtime.bundle import Bundle, open_bundle
from neurograsp.edge_runtime.cli.hands import OpenHand
from neurograsp.edge_runtime.cli.run_report import describe, session
from neurograsp.edge_runtime.contract.errors import ConfigError, MissingExtra
from neurograsp.edge_runtime.decoder_scores import macro_auc
from neurograsp.edge_runtime.histogram import Histogram
from neurograsp.edge_runtime.loop import SECTIONS, RunSummary
from neurograsp.edge_runtime.pipeline import Pipeline
from neurograsp.firmware_bridge.codes import HandState
from neurograsp.firmware_bridge.host_firmware import TraceRow
from neurograsp.train.bundle_scores import BundleScores, score_bundle
from neurograsp.train.datasets import Recording, open_recordings
from neurograsp.train.report import write_report
from neurograsp.train.report.plots import roc_curve
from neurograsp.train.report.response import decibel, designed_response, grid, integer_response
from neurograsp.train.report.session import read_session
from neurograsp.train.report.timeline import build_timeline

Scored = tuple[Bundle, list[Recording], BundleScores]

EVIL = '<script>alert("x")</script>$\\frac{'
WALL_OFFSET_S = 0.5
BOOT_MS = 2**32 - 5000
"""The hand's clock wraps during the session."""


@pytest.fixture(scope="module")
def scored(toy: Toy) -> Scored:
    bundle = open_bundle(toy.bundle)
    recordings = open_recordings(toy.data, None, ["3"])
    return bundle, recordings, score_bundle(bundle, recordings)


@pytest.fixture(scope="module")
def session_file(scored: Scored, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `neurograsp run --out` writes, of a run in which time is the stream's."""
    bundle, (recording,), _ = scored
    manifest = bundle.manifest
    pipeline = Pipeline(manifest.signal, manifest.decision, bundle.classifier().real_logits)
    decisions = pipeline.push(recording.counts, recording.frame_index)
    histogram = Histogram()
    histogram.add(0.00321)
    wall_s = [decision.time_s + WALL_OFFSET_S for decision in decisions]
    summary = RunSummary(
        stopped_by="the recording ended",
        tick_ms=20.0,
        ticks=777,
        sections=dict.fromkeys((*SECTIONS, "late"), histogram),
        n_decisions=len(decisions),
        decisions=deque(zip(wall_s, decisions)),
    )
    trace = [
        TraceRow(
            (BOOT_MS + 20 * frame) % 2**32,
            HandState.IDLE if frame < 10 else HandState.ARMED,
            None,
            (0, 0, 0) if frame < 10 else (1500, 1500 + frame, 1500 + frame),
        )
        for frame in range(1200)
    ]
    loop = SimpleNamespace(summary=summary)
    hand = OpenHand("simulated", trace=trace)
    arguments = Namespace(bundle=bundle.path, source=f"playback:{recording.source}")
    tree = {**describe(arguments, bundle.sha256, loop, hand, pipeline), **session(loop, hand)}
    path = tmp_path_factory.mktemp("session") / "session.json"
    path.write_text(json.dumps(tree))
    return path


def pictures(page: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]


def without_pictures(page: str) -> str:
    return re.sub(r"base64,[^\"]+", "", page)


def check_drawn(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("L"))
    assert 0.005 < (pixels < 200).mean() < 0.7
    return pixels.shape[1], pixels.shape[0]


def test_report_with_session(scored: Scored, toy: Toy, session_file: Path, tmp_path: Path) -> None:
    bundle, recordings, scores = scored
    scores = replace(scores, replays={**scores.replays, "int8": [perfect(scores.replays["int8"][0])]})
    path = write_report(bundle, recordings, scores, session_file, tmp_path / "out", toy.run)
    assert path == tmp_path / "out" / "report.html"
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "demo.png",
        "metrics.json",
        "report.html",
    ]
    page = path.read_text()
    text = without_pictures(page)
    assert "Not a medical device" in text
    assert 'name="viewport"' in text
    assert path.stat().st_size < 3_000_000
    for word in ("http", "<script", "<link", "@import", "url(", "<iframe"):
        assert word not in text
    for model in ("float", "int8", "linear"):
        assert f"<td>{scores.figures[model]['auc_macro']:.3f}</td>" in text
        assert f"<td>{scores.figures[model]['balanced_accuracy']:.3f}</td>" in text
    assert bundle.sha256 in text
    assert bundle.manifest.provenance.data_sha256 in text
    assert "in 777 ticks; a tick has 20 ms" in text
    assert "3.21" in text
    assert "Not unseen" not in text
    drawn = pictures(page)
    # The picture, two confusions, ROC, two curves, agreement, sweep, latency, filter, learning.
    assert len(drawn) == 11
    assert len(re.findall(r'<img alt="[^"]{10,}"', page)) == 11
    assert "Cross-session scores: other sessions of people who were trained or validated on (1/3)" in text
    assert "No scalp maps: where on the head the electrodes E1, E2, E3, E4, ..." in text
    assert "4 epochs, as many as were allowed" in text
    for data in drawn:
        check_drawn(data)
    demo = (path.parent / "demo.png").read_bytes()
    assert demo == drawn[0]
    assert check_drawn(demo) == (1600, 1000)
    assert len(demo) <= 300_000


@pytest.mark.slow
def test_report_without_session_and_with_two_subjects(scored: Scored, toy: Toy, tmp_path: Path) -> None:
    bundle, _, _ = scored
    one = open_recordings(toy.data, None, ["1"])[0]
    recordings = [one, replace(one, subject="second person")]
    scores = score_bundle(bundle, recordings)
    text = without_pictures(write_report(bundle, recordings, scores, None, tmp_path).read_text())
    assert "By subject" in text
    assert "<td>second person</td>" in text
    assert re.search(r"<td>second person</td><td>[01]\.\d{3} \(\d?\.\d\d-\d?\.\d\d\)</td>", text)
    assert "Not unseen: 1/1 took part" in text
    assert "Cross-subject scores" in text
    assert "The figures below mix these kinds" in text
    assert "name it with --run" in text
    assert "deadline" not in text
    check_drawn((tmp_path / "demo.png").read_bytes())


@pytest.mark.slow
def test_metrics_beside_the_report(scored: Scored, toy: Toy, tmp_path: Path) -> None:
    bundle, recordings, scores = scored
    write_report(bundle, recordings, scores, None, tmp_path, toy.run)
    tree = json.loads((tmp_path / "metrics.json").read_bytes())
    assert tree["bundle"] == {"name": "toy", "sha256": bundle.sha256}
    assert tree["scores"] == json.loads(json.dumps(scores.to_json()))
    assert tree["history"] == json.loads((toy.run / "history.json").read_bytes())
    sweep = tree["sweep"]["int8"]
    assert len({len(values) for values in sweep.values()}) == 1
    point = next(one for one in tree["scores"]["operating_points"] if one["at_most_per_min"] == 10)
    quiet = [f for f, rate in zip(sweep["event_tpr"], sweep["false_activations_per_min"]) if rate <= 10]
    assert point["event_tpr"]["int8"] == max(quiet, default=None)
    hits = scores.figures["float"]["event_tpr"] * scores.figures["float"]["n_events"]
    assert len(tree["latencies_ms"]["float"]) == round(hits)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("run.json", None, "no run there"),
        ("run.json", {"seed": 5}, "a run of other data or another configuration"),
        ("run.json", {"data_sha256": "0" * 64}, "a run of other data or another configuration"),
        ("history.json", None, "no run there"),
        ("history.json", {"epochs": [{"loss": 1}]}, "epochs are missing or no figures"),
        ("history.json", {"epochs": 3}, "epochs are missing or no figures"),
        ("history.json", {"best_epoch": 99}, "best_epoch or stopped_early is impossible"),
        ("history.json", {"stopped_early": "no"}, "best_epoch or stopped_early is impossible"),
    ],
)
def test_a_run_that_is_not_the_bundles(
    name: str, content: dict[str, Any] | None, text: str, scored: Scored, toy: Toy, tmp_path: Path
) -> None:
    for file in ("run.json", "history.json"):
        tree = json.loads((toy.run / file).read_bytes())
        if file != name:
            (tmp_path / file).write_text(json.dumps(tree))
        elif content is not None:
            (tmp_path / file).write_text(json.dumps({**tree, **content}))
    bundle, recordings, scores = scored
    with pytest.raises(ConfigError, match=text):
        write_report(bundle, recordings, scores, None, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_report_without_rest_says_why(scored: Scored, tmp_path: Path) -> None:
    bundle, recordings, scores = scored
    replays = {
        model: [
            replace(one, stream=replace(one.stream, rest_start_s=np.zeros(0), rest_stop_s=np.zeros(0)))
            for one in ones
        ]
        for model, ones in scores.replays.items()
        if model == "int8"
    }
    figures = {"int8": {**scores.figures["int8"], "event_tpr": None}}
    stripped = replace(scores, figures=figures, replays=replays)
    text = without_pictures(write_report(bundle, recordings, stripped, None, tmp_path).read_text())
    assert "these recordings hold no rest" in text
    assert "no float and no linear model" in text
    assert "As a controller" not in text


def test_names_are_escaped(scored: Scored, session_file: Path, tmp_path: Path) -> None:
    bundle, recordings, scores = scored
    manifest = bundle.manifest
    actions = replace(manifest.signal.actions, names=("rest", EVIL))
    config = {**manifest.provenance.config}
    config["actions"] = {
        **config["actions"],
        "names": ["rest", EVIL],
        "labels": {"rest": ["T0"], EVIL: ["T1"]},
    }
    evil = replace(
        bundle,
        manifest=replace(
            manifest,
            name=f"{EVIL}\ud800",
            signal=replace(manifest.signal, actions=actions),
            decision=replace(manifest.decision, calibrated_on=EVIL),
            provenance=replace(manifest.provenance, config=config, train=(EVIL,), versions={EVIL: EVIL}),
        ),
    )
    tree = json.loads(session_file.read_text())
    tree["ended"] = tree["hand"]["name"] = EVIL
    tree["timing"]["sections"][EVIL] = tree["timing"]["sections"]["tick"]
    tree["stream"][EVIL] = EVIL
    tree["hand"]["commands"] = {EVIL: EVIL}
    hostile = tmp_path / "session.json"
    hostile.write_text(json.dumps(tree))
    text = without_pictures(write_report(evil, recordings, scores, hostile, tmp_path / "out").read_text())
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(&quot;x&quot;)") >= 8


@pytest.mark.parametrize(
    "change",
    [
        {"log": None},
        {"log": [{"time_s": 1.0}]},
        {
            "trace": [
                {"ms": 1, "state": "ARMED", "joints_us": [1]},
                {"ms": 2, "state": "ARMED", "joints_us": []},
            ]
        },
        {"timing": {"tick_ms": 20, "ticks": 1, "deadline_misses": 0, "sections": {"tick": {}}}},
        {"hand": 3},
        {"hand": {"link": None, "commands": ["FIST"]}},
        {
            "log": [
                {"time_s": 1.0, "wall_s": 1e308, "probabilities": [0, 1], "started": False, "command": None}
            ]
        },
        {"bundle": {"sha256": "0" * 64}},
    ],
)
def test_bad_session_is_one_clear_error(
    change: dict[str, Any], scored: Scored, session_file: Path, tmp_path: Path
) -> None:
    bundle, recordings, scores = scored
    path = tmp_path / "session.json"
    path.write_text(json.dumps({**json.loads(session_file.read_text()), **change}))
    with pytest.raises(ConfigError, match=r"session\.json: (not a session|a session of another bundle)"):
        write_report(bundle, recordings, scores, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_session_that_cannot_be_read(scored: Scored, session_file: Path, tmp_path: Path) -> None:
    bundle, _, _ = scored
    with pytest.raises(ConfigError, match="cannot be read"):
        read_session(tmp_path / "none.json", bundle.sha256, 2)
    cut = tmp_path / "cut.json"
    cut.write_text(session_file.read_text()[:-100])
    with pytest.raises(ConfigError, match="not JSON"):
        read_session(cut, bundle.sha256, 2)


@pytest.mark.slow
def test_session_of_another_recording_is_not_drawn(
    scored: Scored, session_file: Path, tmp_path: Path
) -> None:
    bundle, recordings, scores = scored
    tree = json.loads(session_file.read_text())
    tree["source"] = "synthetic"
    path = tmp_path / "session.json"
    path.write_text(json.dumps(tree))
    text = write_report(bundle, recordings, scores, path, tmp_path / "out").read_text()
    assert "did not play any of these recordings" in text
    assert "in 777 ticks" in text


def test_clocks_are_aligned(scored: Scored, session_file: Path) -> None:
    bundle, recordings, scores = scored
    run = read_session(session_file, bundle.sha256, 2)
    timeline = build_timeline(bundle, recordings, scores, run)
    assert timeline.live
    assert timeline.joints_s is not None
    armed = int(np.flatnonzero(np.isfinite(timeline.joints_us[:, 0]))[0])
    assert timeline.joints_s[armed] == pytest.approx(run.wall_s[0])
    assert np.diff(timeline.joints_s) == pytest.approx(0.02)
    starts = [start for start, _, action in timeline.truth if action == 1]
    assert starts[0] == pytest.approx(2.0 + WALL_OFFSET_S, abs=0.02)
    replayed = build_timeline(bundle, recordings, scores, None)
    assert not replayed.live
    assert replayed.truth[1][0] == pytest.approx(2.0)
    assert [mark.right for mark in timeline.marks] == [mark.right for mark in replayed.marks][
        : len(timeline.marks)
    ]


def test_session_from_the_middle_of_a_recording(scored: Scored, session_file: Path, tmp_path: Path) -> None:
    """As `run --start` leaves it: events before the first score are not on the picture."""
    bundle, recordings, scores = scored
    whole = build_timeline(bundle, recordings, scores, read_session(session_file, bundle.sha256, 2))
    first_event_s = next(start for start, _, action in whole.truth if action == 1)
    tree = json.loads(session_file.read_text())
    tree["log"] = [entry for entry in tree["log"] if entry["wall_s"] > first_event_s + 0.1]
    path = tmp_path / "session.json"
    path.write_text(json.dumps(tree))
    timeline = build_timeline(bundle, recordings, scores, read_session(path, bundle.sha256, 2))
    assert whole.begin_s < first_event_s < timeline.begin_s
    assert timeline.score_s[0] >= timeline.begin_s


@pytest.mark.parametrize("name", CHAINS)
def test_integers_respond_as_designed(name: str, scored: Scored) -> None:
    spec = replace(
        scored[0].manifest.signal, stages=chain_signal(name, n_channels=16).stages, rate_hz=RATE_HZ
    )
    hz = grid(spec)
    designed = designed_response(CHAINS[name], RATE_HZ, hz)
    passed = decibel(designed) > -3
    assert passed.any()
    assert np.abs(decibel(integer_response(spec, hz)) - decibel(designed))[passed].max() < 0.02


def test_roc_curve() -> None:
    rng = np.random.default_rng(0)
    positive, score = rng.random(200) < 0.3, rng.integers(0, 20, 200).astype(float)
    score[positive] += 3
    curve = roc_curve(positive, score)
    assert curve is not None
    y = np.stack([positive], axis=1).astype(np.float32)
    assert np.trapezoid(curve[1], curve[0]) == pytest.approx(macro_auc(y, score[:, None]))
    assert roc_curve(np.ones(3, bool), np.zeros(3)) is None


def test_matplotlib_missing(scored: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, recordings, scores = scored
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"matplotlib is not installed.*\[train\]"):
        write_report(bundle, recordings, scores, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
