"""What docs/hands.md and docs/sniff.md are measured with runs, and refuses what gives no figures."""

import re
import sys
from typing import Any

import pytest
from toys import REPOSITORY

sys.path.append(str(REPOSITORY / "benchmarks"))
hands = pytest.importorskip("hands")
sniff = pytest.importorskip("sniff")

SPREAD = r"\d+\.\d\d / \d+\.\d\d ms"


def run(benchmark: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmark", *words.split()])
    benchmark.main()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own firmware", "sts_fingers"])
def test_a_row_of_the_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "N_PINGS", 5)
    monkeypatch.setattr(hands, "N_DECISIONS", 5)
    row = hands.row(name, 0.2, 200, 0.0)
    figures = rf"{SPREAD} \| \d+ of \d+ \| \d+ \| \d+\.\d % \| {SPREAD} \|"
    assert re.fullmatch(rf"\| `{name}` \| {figures}", row), row


@pytest.mark.slow
def test_sniff_between(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(sniff, "--pings 3", monkeypatch)
    found = capsys.readouterr().out
    assert re.search(rf"straight +{SPREAD}\nwith sniff between +{SPREAD}\n\d+ packets, 0 with a", found), (
        found
    )


@pytest.mark.parametrize(
    ("benchmark", "words"),
    [(sniff, "--pings 0"), (hands, "--seconds 0"), (hands, "--seconds nan"), (hands, "--frames 0")],
)
def test_what_gives_no_figures(
    benchmark: Any, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(benchmark, words, monkeypatch)
    said = capsys.readouterr()
    assert f"{words.split()[0]} must be" in said.err
    assert said.out == ""
