"""`.ci/run`: what it lacks is an error where apt has it, and is said at the end where apt has nothing."""

import shutil
import subprocess
from pathlib import Path

from toys import REPOSITORY

SIMULATORS = ("simavr", "qemu-system-arm", "spin", "clang", "ld.lld", "avr-gcc")
OTHERS = ("sshd", "systemd-analyze", "avrdude", "umockdev-run", "udevadm", "chromium", "ffmpeg", "npm")
APT = """[ "$1" = -o ] && exit {update}
case "$*" in *simavr*) exit {simulators};; esac
exit {others}
"""


def ci_run(
    folder: Path, programs: tuple[str, ...], update: int = 0, simulators: int = 0, others: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run it where there are these programs, and an apt-get with these exit codes.

    Instead of make a stand-in prints what it is told.
    """
    scripts = dict.fromkeys(programs, "exit 0")
    scripts["make"] = 'echo "make $* CI=$CI"'
    scripts["apt-get"] = APT.format(update=update, simulators=simulators, others=others)
    scripts["id"] = "echo 0"
    scripts["ls"] = f"exit {int(not set(SIMULATORS) <= set(programs))}"
    tools = folder / "tools"
    tools.mkdir()
    for name, text in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    for name in ("bash", "dirname", "env", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    (folder / ".ci").mkdir()
    script = shutil.copy(REPOSITORY / ".ci/run", folder / ".ci/run")
    environment = {"PATH": str(tools), "CI": ""}
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=False)


def test_without_apt_it_passes_with_what_is_there_and_says_what_was_not_run(tmp_path: Path) -> None:
    done = ci_run(tmp_path, (), update=100)
    assert done.returncode == 0
    said = done.stdout.splitlines()
    assert "make check-firmware CI=" in said
    left_out = [line.removeprefix("not run: ") for line in said[-6:]]
    assert [line.partition(":")[0] for line in left_out] == [
        "no Chromium or no ffmpeg",
        "no apt, and not all simulators",
        "no sshd, systemd or avrdude",
        "no rp2040js",
        "long tests, of the firmware too",
        "no qemu-user, or no Debian",
    ]


def test_where_apt_works_no_simulator_may_be_missing(tmp_path: Path) -> None:
    done = ci_run(tmp_path, (), others=100)
    assert done.returncode == 0
    assert "make check-firmware CI=true" in done.stdout.splitlines()
    assert "make test CI=" in done.stdout.splitlines()
    assert "simulators" not in done.stdout


def test_simulators_that_apt_cannot_install_are_an_error(tmp_path: Path) -> None:
    done = ci_run(tmp_path, OTHERS, simulators=100)
    assert done.returncode == 100
    assert "make test" not in done.stdout


def test_where_all_is_there_nothing_is_installed_nor_left_out(tmp_path: Path) -> None:
    done = ci_run(tmp_path, (*SIMULATORS, *OTHERS, "qemu-aarch64-static"), 100, 100, 100)
    assert done.returncode == 0
    assert "make check-firmware CI=true" in done.stdout.splitlines()
    assert "simulators" not in done.stdout
    assert "apt" not in done.stdout
