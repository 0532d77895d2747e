"""The checks of the computer, on made-up /proc and /sys and around every limit."""

import resource
from pathlib import Path

import pytest

from neurograsp.edge_runtime.cli.doctor import machine

NONE = resource.RLIM_INFINITY
CPUFREQ = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty machine: nothing below it can be read."""
    return tmp_path / "root"


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("governors", "level"),
    [
        ([], "ok"),
        (["performance"], "ok"),
        (["performance"] * 4, "ok"),
        (["performance", "ondemand"], "warn"),
        (["ondemand"], "warn"),
        (["schedutil"], "warn"),
    ],
)
def test_governor_of_every_core(governors: list[str], level: str, root: Path) -> None:
    for core, name in enumerate(governors):
        put(root, CPUFREQ.format(core), f"{name}\n")
    row = machine.governor(root)
    assert row.level == level
    assert all(name in row.what for name in set(governors) - {"performance"})


@pytest.mark.parametrize(
    ("bits", "level", "words"),
    [
        ("0x0", "ok", "did not slow down"),
        ("0", "ok", "did not slow down"),
        ("0x50005", "fail", "now: under-voltage, throttled"),
        ("0x8", "fail", "now: soft temperature limit"),
        ("0x50000", "warn", "since it was started: under-voltage, throttled"),
        ("20000", "warn", "since it was started: frequency capped"),
    ],
)
def test_a_raspberry_pi_says_whether_it_slows_down(bits: str, level: str, words: str, root: Path) -> None:
    put(root, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{bits}\n")
    put(root, "sys/class/thermal/thermal_zone0/temp", "20000\n")
    row = machine.throttling(root)
    assert row.level == level
    assert words in row.what


def test_under_voltage_by_the_driver_of_other_kernels(root: Path) -> None:
    put(root, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    put(root, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    put(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    assert machine.throttling(root).level == "ok"
    put(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert machine.throttling(root).level == "fail"


@pytest.mark.parametrize(
    ("temperatures", "level"),
    [
        ([], "ok"),
        (["74900"], "ok"),
        (["75000"], "warn"),
        (["40000", "82100"], "warn"),
        (["", "x", "-1"], "ok"),
    ],
)
def test_other_computers_have_temperatures_only(temperatures: list[str], level: str, root: Path) -> None:
    for zone, text in enumerate(temperatures):
        put(root, f"sys/class/thermal/thermal_zone{zone}/temp", text)
    assert machine.throttling(root).level == level


def capabilities(root: Path, mask: int) -> None:
    put(root, "proc/self/status", f"Name:\tpython3\nCapPrm:\tffff\nCapEff:\t{mask:016x}\n")


@pytest.mark.parametrize(
    ("limit", "mask", "level"),
    [
        (0, 0, "warn"),
        (49, 0, "warn"),
        (50, 0, "ok"),
        (NONE, 0, "ok"),
        (0, 1 << 23, "ok"),
        (0, 1 << 14, "warn"),
    ],
)
def test_real_time_priority(limit: int, mask: int, level: str, root: Path) -> None:
    capabilities(root, mask)
    assert machine.real_time(limit, root).level == level


@pytest.mark.parametrize(
    ("limit", "mask", "level"),
    [(8 << 20, 0, "warn"), (NONE, 0, "ok"), (0, 1 << 14, "ok"), (0, 1 << 23, "warn")],
)
def test_locked_memory(limit: int, mask: int, level: str, root: Path) -> None:
    capabilities(root, mask)
    assert machine.memory_lock(limit, root).level == level


def test_without_proc_there_are_no_capabilities(root: Path) -> None:
    assert machine.real_time(0, root).level == "warn"


@pytest.mark.parametrize(("step_s", "level"), [(1e-9, "ok"), (1e-3, "ok"), (4e-3, "fail")])
def test_monotonic_clock(step_s: float, level: str) -> None:
    assert machine.clock(step_s).level == level


@pytest.mark.parametrize(
    ("state", "now_s", "level", "words"),
    [
        (0, 2e9, "ok", "synchronised"),
        (5, 2e9, "warn", "not synchronised"),
        (-1, 2e9, "ok", "does not say"),
        (0, 0.0, "warn", "1970-01-01"),
    ],
)
def test_time_of_day(state: int, now_s: float, level: str, words: str) -> None:
    row = machine.wall_clock(state, now_s, installed_s=1.9e9)
    assert row.level == level
    assert words in row.what


def test_the_kernel_is_asked_for_the_state_of_its_clock() -> None:
    assert machine._adjtimex() in range(6)


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.disk(tmp_path, 10**9).level == "ok"
    assert machine.disk(tmp_path, 10**9 - 1).level == "warn"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written to" in machine.disk(tmp_path, 10**12).what


def test_model(root: Path) -> None:
    assert machine.model(root).what.startswith("computer, ")
    put(root, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    assert machine.model(root).what.startswith("Raspberry Pi 4 Model B Rev 1.4, ")
