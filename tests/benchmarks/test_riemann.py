"""The Riemannian reference on small data: it learns, and is scored on what it has not seen."""

import sys
from pathlib import Path

import pytest
from toys import REPOSITORY

pytest.importorskip("pyriemann")
sys.path.append(str(REPOSITORY / "benchmarks"))
riemann = pytest.importorskip("riemann")


def test_rest_against_a_rhythm(toy_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riemann, "CONFIGS", toy_data)
    bench = riemann.Reference(toy_data)
    bench.train("toy.toml", "toy", f"data.path={toy_data / 'data'}")
    scores = bench.score("toy", "data", 1, [3])
    assert set(scores.figures) == set(scores.replays) == {"riemann", "linear"}
    assert scores.figures["riemann"]["auc_macro"] > 0.9
    assert scores.figures["riemann"]["event_tpr"] is not None
    settled = bench.score("toy", "data", 1, [3], skip_s=0.5)
    assert settled.figures["riemann"]["n_scored"] < scores.figures["riemann"]["n_scored"]


@pytest.mark.long
def test_events_of_the_sample() -> None:
    data = REPOSITORY / "examples" / "data"
    bench = riemann.Reference(data)
    path = f"data.path={data / 'way-eeg-gal-windows'}"
    bench.train("gal_person.toml", "person", path, "data.sessions=[1,2]", start="people")
    figures = bench.score("person", "way-eeg-gal-windows", 1, [7]).figures["riemann"]
    assert 0.75 < figures["auc_macro"] < 0.95
