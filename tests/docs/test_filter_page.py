"""The table of errors in docs/filter.md is what the benchmark prints."""

import re
import runpy
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def rows(text: str) -> dict[str, list[int]]:
    found = re.findall(r"^\| ([\d.]+ Hz) \|(.*)\|$", text, re.MULTILINE)
    return {rate: [int(cell) for cell in re.findall(r"(\d+) dB", cells)] for rate, cells in found}


def test_the_table_is_what_the_benchmark_prints(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(REPOSITORY / "benchmarks/filter_error.py"), run_name="__main__")
    printed = capsys.readouterr().out
    page = (REPOSITORY / "docs/filter.md").read_text()
    assert printed.splitlines()[0] in page
    measured, written = rows(printed), rows(page)
    assert measured.keys() == written.keys()
    for rate, figures in measured.items():
        # The float64 reference may differ in its last bits between machines.
        assert written[rate] == pytest.approx(figures, abs=1), rate
