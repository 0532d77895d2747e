"""A quarter of a minute of coverage-guided fuzzing; `make fuzz FUZZ_S=1800` does more."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).with_name("bundle_fuzzer.py")
SECONDS = 15


@pytest.mark.slow
def test_no_bundle_does_anything_but_open_or_be_refused(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    limits = [f"-max_total_time={SECONDS}", "-rss_limit_mb=2048", "-timeout=20", "-max_len=200000"]
    done = subprocess.run(
        [sys.executable, str(FUZZER), str(tmp_path / "corpus"), *limits, f"-artifact_prefix={tmp_path}/"],
        capture_output=True,
        text=True,
        timeout=4 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr
