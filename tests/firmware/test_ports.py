"""The C compiles without a warning."""

import shutil
from pathlib import Path

import pytest
from core_bench import compile_c

from neurograsp.firmware_bridge.host_firmware import firmware_sources


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_core_and_host_port(tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    sources = [path for path in firmware_sources() if path.suffix == ".c"]
    program = tmp_path / "neurohand"
    compile_c(sources, program, "-O2", "-pedantic", compiler=compiler, sanitize=())
    assert program.stat().st_size > 0
