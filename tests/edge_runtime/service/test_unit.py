"""The unit: systemd reads it, how exposed it says the service is, and what differs from board to board."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.service.unit import TEMPLATE, Unit, exec_word, sysusers_text, unit_text

PAGE = (Path(__file__).parents[3] / "docs/service.md").read_text()
SLOTS = PurePosixPath("/srv/my slots")
SERIAL = Unit("/usr/bin/true", ("--source", "synthetic"), ("char-ttyACM", "char-ttyUSB"), slots=SLOTS)
NETWORK = replace(SERIAL, network=True, words=("--source", "relay:10.0.0.1:7007"))
ALL = replace(NETWORK, cpus=(1, 3), tries=0, words=("--bundle", "/a b/100%/$x", "--source", "synthetic"))

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("unit", [SERIAL, NETWORK, ALL], ids=["serial", "network", "all"])
def test_systemd_finds_nothing_wrong(unit: Unit, tmp_path: Path) -> None:
    file = tmp_path / "neurograsp.service"
    file.write_text(unit_text(unit))
    done = analyze("verify", "--man=no", file)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("what", ["serial", "network"])
def test_it_is_exposed_as_the_page_says(what: str, tmp_path: Path) -> None:
    """By the version that the page names: others may know more or fewer checks."""
    if f"systemd {analyze('--version').stdout.split()[1]}" not in PAGE:
        pytest.skip("another systemd")
    stated = re.search(rf"^\| {what}[^|]*\| (\d\.\d) \|", PAGE, re.MULTILINE)
    assert stated is not None
    file = tmp_path / "neurograsp.service"
    file.write_text(unit_text({"serial": SERIAL, "network": NETWORK}[what]))
    done = analyze("security", "--offline=yes", "--no-pager", file)
    found = re.search(r"Overall exposure level for \S+: (\d\.\d)", done.stdout)
    assert found is not None, done
    assert float(found[1]) <= float(stated[1])


def test_the_page_names_every_restriction() -> None:
    restrictions = re.findall(r"^(\w+)=", TEMPLATE.partition("TasksMax")[2], re.MULTILINE)
    assert set(restrictions) - {"WantedBy"} <= set(re.findall(r"`(\w+)(?:=[^`]*)?`", PAGE))


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("--source", "--source"),
        ("/dev/ttyACM0", "/dev/ttyACM0"),
        ("100%", "100%%"),
        ("$HOME", '"$$HOME"'),
        ("a b", '"a b"'),
        ("", '""'),
        (";", '";"'),
        ('say "x"\\', '"say \\"x\\"\\\\"'),
    ],
)
def test_an_argument_is_neither_cut_nor_replaced(word: str, written: str) -> None:
    assert exec_word(word) == written


@pytest.mark.parametrize("word", ["a\nUser=root", "a\0", "\x1b[31m", "\udcff"])
def test_what_no_unit_can_hold_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="cannot be printed"):
        unit_text(replace(SERIAL, words=("--source", word)))


def test_what_is_local_has_no_network() -> None:
    assert "PrivateNetwork=yes" in unit_text(SERIAL)
    assert "AF_INET" not in unit_text(SERIAL)
    assert "PrivateNetwork" not in unit_text(NETWORK)
    assert "After=network-online.target" in unit_text(NETWORK)


def test_a_cut_deployment_is_resolved_before_the_start() -> None:
    """By root, whose the slots are, and whatever comes of it."""
    resolve = 'ExecStartPre=-+/usr/bin/env -i /usr/bin/true slot resolve --root "/srv/my slots"\nExecStart='
    assert resolve in unit_text(SERIAL)
    assert "ExecStartPre" not in unit_text(replace(SERIAL, slots=None))


def test_starts_are_counted_unless_told_otherwise() -> None:
    assert "StartLimitBurst=20" in unit_text(SERIAL)
    assert "StartLimitIntervalSec=0" in unit_text(replace(SERIAL, tries=0))


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd")
def test_systemd_makes_the_user(tmp_path: Path) -> None:
    (tmp_path / "etc/sysusers.d").mkdir(parents=True)
    (tmp_path / "etc/sysusers.d/neurograsp.conf").write_text(sysusers_text(["dialout", "gpio"]))
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    (user,) = [line for line in (tmp_path / "etc/passwd").read_text().splitlines() if "neurograsp" in line]
    assert user.endswith(":Neurograsp control loop:/var/lib/neurograsp:/usr/sbin/nologin")
    groups = (tmp_path / "etc/group").read_text()
    assert re.search(r"^dialout:x:\d+:neurograsp$", groups, re.MULTILINE)
    assert re.search(r"^gpio:x:\d+:neurograsp$", groups, re.MULTILINE)
