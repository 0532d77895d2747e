"""Random hosts and noise for the core under AddressSanitizer and UBSan."""

import subprocess
from pathlib import Path

import pytest
from core_bench import compile_c

from neurograsp.firmware_bridge.host_firmware import FIRMWARE


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = FIRMWARE / "extras" / "test"
    sources = [test / "fuzz.c", test / "bench.c", *sorted(FIRMWARE.glob("src/*.c"))]
    return compile_c(sources, tmp_path_factory.mktemp("fuzz") / "fuzz", "-fsanitize=address")


@pytest.mark.parametrize("seed", range(4))
def test_fuzz(fuzz: Path, seed: int) -> None:
    done = subprocess.run([fuzz, str(seed), "60000"], capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
