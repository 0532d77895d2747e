"""What the files of other machines than this one would say."""

from pathlib import Path

import pytest

from neurograsp.edge_runtime import machine

PI = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimddp
CPU implementer\t: 0x41
CPU part\t: 0xd0b

processor\t: 1
CPU part\t: 0xfff

Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(machine, "SYS", tmp_path / "sys")
    monkeypatch.setattr(machine, "PROC", tmp_path / "proc")
    write(tmp_path / "proc/cpuinfo", PI)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_raspberry_pi(files: Path) -> None:
    write(files / "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
    write(files / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n")
    write(files / "sys/class/thermal/thermal_zone0/temp", "48312\n")
    write(files / "sys/class/thermal/thermal_zone1/temp", "51000\n")
    found = machine.describe_machine()
    assert found.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cpu == "0xd0b"
    assert found.instructions == ("asimddp",)
    assert found.governor == "ondemand"
    assert machine.temperature_c() == 51.0


def test_a_machine_that_says_little(files: Path) -> None:
    write(files / "sys/class/thermal/thermal_zone0/temp", "no number")
    found = machine.describe_machine()
    assert (found.model, found.governor) == ("unknown", None)
    assert machine.temperature_c() is None


def test_this_machine() -> None:
    assert machine.describe_machine().cores >= 1
    assert 1 < machine.memory_mb("VmRSS") <= machine.memory_mb("VmHWM") < 1e6
