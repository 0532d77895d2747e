"""Ports of the core to a board: they compile without a warning."""

from pathlib import Path

from core_bench import compile_c

from neurograsp.firmware_bridge.host_firmware import firmware_sources


def test_host_port(tmp_path: Path) -> None:
    sources = [path for path in firmware_sources() if path.suffix == ".c"]
    assert compile_c(sources, tmp_path / "neurohand").stat().st_size > 0
