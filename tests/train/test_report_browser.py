"""The report in a real browser, on a phone and on a desk."""

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESK, PHONE, browser, is_empty, look, program
from PIL import Image
from replays import perfect
from toys import REPOSITORY, Toy

from neurograsp.edge_runtime.bundle import open_bundle
from neurograsp.train.bundle_scores import score_bundle
from neurograsp.train.datasets import open_recordings
from neurograsp.train.report import write_report
from neurograsp.train.report.page import page
from neurograsp.train.splits import take_rows

SAMPLES = REPOSITORY / "edge_runtime/samples"
EVERYWHERE = {
    *("What happened", "Scores", "Confusions and ROC", "Curves", "What quantization changed"),
    *("Where the signal comes from", "Filter", "Learning", "Where it comes from"),
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    pytest.importorskip("playwright")
    found = program()
    if found is None:
        pytest.skip("no Chromium here (Debian: apt install chromium)")
    with browser(found) as opened:
        yield opened


@pytest.fixture(scope="module")
def with_rest(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A controller, learning curves, electrodes without a place on the head."""
    bundle, recordings = open_bundle(toy.bundle), open_recordings(toy.data, None, ["3"])
    scores = score_bundle(bundle, recordings)
    scores = replace(scores, replays={**scores.replays, "int8": [perfect(scores.replays["int8"][0])]})
    return write_report(bundle, recordings, scores, None, tmp_path_factory.mktemp("with_rest"), toy.run)


@pytest.fixture(scope="module")
def with_maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six actions, scalp maps, no rest; the first pieces of a real recording."""
    bundle = open_bundle(SAMPLES / "bundles/grasp-and-lift")
    (whole,) = open_recordings(SAMPLES / "way-eeg-gal/subj1_series7.npz")
    recordings = [take_rows(whole, whole.pieces[:24])]
    out = tmp_path_factory.mktemp("with_maps")
    return write_report(bundle, recordings, score_bundle(bundle, recordings), None, out)


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(PHONE, id="phone", marks=pytest.mark.slow),
        pytest.param(DESK, id="desk", marks=pytest.mark.long),
    ],
)
def test_a_report_with_rest(size: tuple[int, int], chromium: Any, with_rest: Path) -> None:
    sight = look(chromium, with_rest, size)
    assert sight.faults == []
    assert {"As a controller"} | EVERYWHERE <= set(sight.headings)
    assert sight.images == 11


@pytest.mark.slow
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_report_with_scalp_maps(size: tuple[int, int], chromium: Any, with_maps: Path) -> None:
    sight = look(chromium, with_maps, size)
    assert sight.faults == []
    assert set(sight.headings) >= EVERYWHERE
    assert sight.images == 10


@pytest.mark.slow
def test_dark_text_on_light_paper_at_night_too(chromium: Any, with_rest: Path) -> None:
    sight = look(chromium, with_rest, PHONE, dark=True)
    assert sight.colours == ["rgb(26, 26, 26)", "rgb(255, 255, 255)"]


def data_uri(picture: Image.Image) -> str:
    made = io.BytesIO()
    picture.save(made, format="png")
    return "data:image/png;base64," + base64.b64encode(made.getvalue()).decode()


WHITE = data_uri(Image.new("RGB", (400, 300), "white"))
NOISE = data_uri(Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400), np.uint8)))
SOUND = f"<h1>report</h1><p>text</p><img alt=noise src='{NOISE}' width=300>"


def test_a_sound_page_has_no_faults(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page("report", [SOUND]))
    assert look(chromium, path, PHONE).faults == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "fault"),
    [
        ("<script>console.error('broken')</script>", "console: broken"),
        ("<script>missing()</script>", "script: missing is not defined"),
        ("<img alt=curve src='data:image/png;base64,AAAA'>", "picture not there: curve"),
        ("<img alt=curve hidden src='{white}'>", "picture not there: curve"),
        ("<img alt=curve src='{white}'>", "picture empty: curve"),
        ("<img src='{white}'>", "picture without a name"),
        ("<img alt=curve src='http://127.0.0.1:9/a.png'>", "request: http://127.0.0.1:9/a.png"),
        ("<link rel=stylesheet href='none.css'>", "failed: file:"),
        ("<p style='width: 120vw'>wide</p>", "page wider than 390"),
        ("<div style='overflow: hidden'><p style='width: 120vw'>wide</p></div>", "cut off at 390: <p"),
    ],
)
def test_the_test_sees_what_is_wrong(added: str, fault: str, chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page("report", [SOUND, added.replace("{white}", WHITE)]))
    assert any(one.startswith(fault) for one in look(chromium, path, PHONE).faults)


def test_what_counts_as_an_empty_picture() -> None:
    white = np.full((300, 400), 255, np.uint8)
    framed = white.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = 0
    noise = np.random.default_rng(0).integers(0, 255, (300, 400), np.uint8)
    assert [is_empty(Image.fromarray(one)) for one in (white, framed, noise)] == [True, True, False]
