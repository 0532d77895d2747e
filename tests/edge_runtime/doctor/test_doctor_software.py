"""The checks of what is installed."""

import platform
from pathlib import Path

import pytest

from neurograsp.edge_runtime.classifier import delegated, interpreter
from neurograsp.edge_runtime.cli.doctor import software
from neurograsp.edge_runtime.sources import brainflow_library


def test_32_bits_are_refused() -> None:
    assert software.python(2**31 - 1).level == "fail"
    assert software.python(2**63 - 1).level == "ok"


def test_xnnpack_is_told_from_the_operators_it_took() -> None:
    """Forced off, there is none; here LiteRT has it on by default."""
    blob = software.SAMPLE.read_bytes()
    assert not delegated(interpreter(blob, "sample", reference_kernels=True))
    assert delegated(interpreter(blob, "sample", reference_kernels=False))
    assert software.litert().what.endswith("XNNPACK is active")


def test_without_xnnpack_there_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurograsp.edge_runtime.classifier.delegated", lambda _: False)
    row = software.litert()
    assert row.level == "warn"
    assert "XNNPACK is not active" in row.what


def test_a_litert_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    assert software.litert().level == "fail"


def test_library_of_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libBoardController.so"
    library.write_bytes(b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\3\0\x3e\0")
    monkeypatch.setattr(brainflow_library, "library", lambda: library)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    pytest.importorskip("brainflow")
    row = software.brainflow()
    assert row.level == "fail"
    assert "its library is for x86_64, this machine is aarch64" in row.what
    assert brainflow_library.BUILD_PAGE in row.fix


@pytest.mark.parametrize(("machine", "fix"), [("x86_64", "pip install"), ("aarch64", "build it from source")])
def test_no_brainflow_at_all(machine: str, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brainflow_library, "library", lambda: None)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    row = software.brainflow()
    assert row.level == "warn"
    assert fix in row.fix


def test_the_brainflow_that_is_here() -> None:
    pytest.importorskip("brainflow")
    row = software.brainflow()
    assert row.level == ("ok" if platform.machine() == "x86_64" else "fail")
