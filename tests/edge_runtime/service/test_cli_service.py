"""`neurograsp service`, on a system below another folder."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from neurograsp.edge_runtime import port_finder
from neurograsp.edge_runtime.cli import main
from neurograsp.edge_runtime.cli.service import system
from neurograsp.edge_runtime.contract.errors import CheckFailed, UsageError
from neurograsp.edge_runtime.port_finder import Port

UNIT = "etc/systemd/system/neurograsp.service"
RULES = "etc/udev/rules.d/70-neurograsp.rules"
SYSUSERS = "etc/sysusers.d/neurograsp.conf"
PROGRAM = "/opt/neurograsp/bin/neurograsp"
ARDUINO = Port("/dev/ttyACM0", "Arduino Uno", "2341:0043", "7583", "1-1.2:1.0")
DONGLE = Port("/dev/ttyUSB0", "FT231X", "0403:6015", "DM01", "1-1.3")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    program = tmp_path / PROGRAM.lstrip("/")
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    return tmp_path


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch) -> list[Port]:
    """What is plugged in."""
    there: list[Port] = []
    monkeypatch.setattr(port_finder, "list_ports", lambda: there)
    return there


def install(root: Path, *options: str, run: tuple[str, ...] = ("--source", "synthetic")) -> int:
    return main(["service", "install", "--root", str(root), "--program", PROGRAM, *options, "--", *run])


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in (root / "etc").rglob("*") if path.is_file()}


def command_line(root: Path) -> str:
    text = (root / UNIT).read_text()
    return text.partition("ExecStart=")[2].partition("\nWorking")[0].replace("\\\n    ", "")


def test_what_is_printed_is_what_is_installed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--usb", "hand=2341:0043", "--", "--source", "synthetic", "--hand", "/dev/neurograsp-hand"]
    assert main(["service", "print", "--program", PROGRAM, *options]) == 0
    printed = capsys.readouterr().out
    assert install(root, "--usb", "hand=2341:0043", run=tuple(options[3:])) == 0
    for name in (UNIT, SYSUSERS, RULES):
        text = (root / name).read_text().partition("\n")[2]
        assert f"# /{name}\n{text}" in printed


def test_the_bundle_is_the_one_that_is_deployed_unless_named(root: Path) -> None:
    assert install(root) == 0
    resolve = f"ExecStartPre=-+/usr/bin/env -i {PROGRAM} slot resolve --root "
    assert f"{resolve}/var/lib/neurograsp\n" in (root / UNIT).read_text()
    assert command_line(root).startswith(
        f"{PROGRAM} run --bundle /var/lib/neurograsp/current --source synthetic"
    )
    assert install(root, run=("--source", "synthetic", "--bundle=/etc/neurograsp/mine")) == 0
    assert "current" not in command_line(root)
    assert resolve not in (root / UNIT).read_text()
    assert install(root, run=("--source", "synthetic", "--bundle=/srv/slots/current")) == 0
    assert f"{resolve}/srv/slots\n" in (root / UNIT).read_text()


def test_again_changes_nothing_and_a_change_is_shown(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert install(root) == 0
    before = (root / UNIT).read_text()
    capsys.readouterr()
    assert install(root) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert install(root, "--dry-run", "--watchdog", "20") == 0
    assert "+WatchdogSec=20" in capsys.readouterr().out
    assert (root / UNIT).read_text() == before
    assert install(root, "--watchdog", "20") == 0
    assert "WatchdogSec=20" in (root / UNIT).read_text()


def test_remove_takes_what_was_installed_and_nothing_else(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ("etc/systemd/system/other.service", f"{UNIT}.d/override.conf", "etc/passwd")
    for name in kept:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("theirs\n")
    bundle = root / "var/lib/neurograsp/current/manifest.json"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("{}")
    assert install(root, "--usb", "hand=2341:0043") == 0
    enabled = root / "etc/systemd/system/multi-user.target.wants/neurograsp.service"
    enabled.parent.mkdir()
    enabled.symlink_to(f"/{UNIT}")
    assert files(root) - {UNIT, RULES, SYSUSERS} >= set(kept)
    capsys.readouterr()
    assert main(["service", "remove", "--root", str(root), "--dry-run"]) == 0
    assert (root / UNIT).exists()
    assert enabled.is_symlink()
    assert main(["service", "remove", "--root", str(root)]) == 0
    assert "/var/lib/neurograsp" in capsys.readouterr().out
    assert files(root) == set(kept)
    assert not enabled.is_symlink()
    assert bundle.exists()
    assert main(["service", "remove", "--root", str(root)]) == 0
    assert capsys.readouterr().out == "nothing to change\n"


def test_a_unit_that_somebody_edited_stays_unless_forced(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(root) == 0
    edited = (root / UNIT).read_text().replace("RestartSec=5", "RestartSec=1")
    (root / UNIT).write_text(edited)
    for command in (["install", "--program", PROGRAM], ["remove"]):
        options = ["--", "--source", "synthetic"] if command[0] == "install" else []
        assert main(["service", *command, "--root", str(root), *options]) == 4
        assert "systemctl edit" in capsys.readouterr().err
        assert (root / UNIT).read_text() == edited
    assert install(root, "--force") == 0
    assert "RestartSec=5" in (root / UNIT).read_text()


def test_rules_go_when_nothing_needs_them(root: Path) -> None:
    assert install(root, "--usb", "hand=2341:0043") == 0
    assert (root / RULES).exists()
    assert install(root) == 0
    assert not (root / RULES).exists()


def test_ports_get_names_that_stay(root: Path, ports: list[Port]) -> None:
    ports += [ARDUINO, DONGLE]
    run = ("--source", "board:cyton:/dev/ttyUSB0", "--hand=/dev/ttyACM0", "--arm-by", "gpio:gpiochip4:17")
    assert install(root, run=run) == 0
    line = command_line(root)
    assert "--source board:cyton:/dev/neurograsp-amplifier" in line
    assert "--hand=/dev/neurograsp-hand" in line
    rules = (root / RULES).read_text()
    assert 'ATTRS{serial}=="7583", ENV{ID_USB_INTERFACE_NUM}=="00", SYMLINK+="neurograsp-hand"' in rules
    assert 'ATTRS{serial}=="DM01", SYMLINK+="neurograsp-amplifier"' in rules
    assert 'KERNEL=="gpiochip4"' in rules
    allowed = [text for text in (root / UNIT).read_text().splitlines() if text.startswith("DeviceAllow")]
    assert allowed == [f"DeviceAllow=char-{kind} rw" for kind in ("gpiochip", "ttyACM", "ttyUSB")]


def test_installed_again_by_its_name_a_port_keeps_it(
    root: Path, ports: list[Port], monkeypatch: pytest.MonkeyPatch
) -> None:
    ports.append(ARDUINO)
    assert install(root, run=("--source", "synthetic", "--hand", "/dev/ttyACM0")) == 0
    before = (root / RULES).read_text(), (root / UNIT).read_text()
    real = os.path.realpath
    link = {"/dev/neurograsp-hand": "/dev/ttyACM0"}
    monkeypatch.setattr("os.path.realpath", lambda path, **how: link.get(path) or real(path, **how))
    assert install(root, run=("--source", "synthetic", "--hand", "/dev/neurograsp-hand")) == 0
    assert ((root / RULES).read_text(), (root / UNIT).read_text()) == before


def test_a_device_of_another_kind_keeps_its_profile(root: Path, ports: list[Port]) -> None:
    ports.append(DONGLE)
    assert install(root, run=("--source", "synthetic", "--hand", "sts_fingers:/dev/ttyUSB0")) == 0
    assert "--hand sts_fingers:/dev/neurograsp-hand" in command_line(root)


def test_a_port_that_is_not_plugged_in_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ("--source", "synthetic", "--hand", "/dev/ttyACM0")
    assert install(root, run=run) == 0
    assert "/dev/ttyACM0 is not plugged in" in capsys.readouterr().err
    assert install(root, "--usb", "hand=2341:0043", run=run) == 0
    assert "--hand /dev/neurograsp-hand" in command_line(root)


@pytest.mark.parametrize(
    ("run", "network"),
    [
        (("--source", "relay:10.0.0.2:7007"), True),
        (("--source", "lsl:amp"), True),
        (("--source", "board:galea:10.0.0.2"), True),
        (("--source", "synthetic", "--hand", "socket://10.0.0.2:7000"), True),
        (("--source", "board:cyton:/dev/ttyS1"), False),
        (("--source", "board:synthetic"), False),
    ],
)
def test_a_network_only_where_one_is_needed(root: Path, run: tuple[str, ...], network: bool) -> None:
    assert install(root, run=run) == 0
    assert ("PrivateNetwork=yes" not in (root / UNIT).read_text()) is network


def test_the_log_and_the_feed_go_where_the_service_may_write(root: Path) -> None:
    run = ("--source", "synthetic", "--log", "/var/lib/neurograsp/sessions", "--feed", "--arm-by", "monitor")
    assert install(root, run=run) == 0
    assert "--log /var/lib/neurograsp/sessions --feed --arm-by monitor" in command_line(root)


def test_a_lost_device_ends_the_run_before_the_watchdog_does(root: Path) -> None:
    assert install(root, "--watchdog", "8") == 0
    assert command_line(root).endswith("--reconnect 4")
    assert install(root, run=("--source", "synthetic", "--reconnect", "0")) == 0
    assert command_line(root).endswith("--reconnect 0")


@pytest.mark.parametrize(
    ("options", "run", "words"),
    [
        ([], ["--arm"], "arm the hand by itself"),
        ([], ["--arm-by", "key"], "nobody types"),
        ([], ["--arm-by", 'gpio:x", RUN+="y:1'], "gpio:CHIP:LINE"),
        ([], ["--arm-by", "monitor"], "needs --feed"),
        ([], ["--hand", "/dev/neurograsp-hand"], "--usb hand="),
        ([], ["--reconnect", "10"], "watchdog"),
        ([], ["--bundle", "gal.bundle"], "whole path"),
        ([], ["--bundle", "/var/lib/../../tmp/x"], "whole path"),
        ([], ["--bundle", "/home/pi/gal.bundle"], "sees no /home"),
        ([], ["--calibration", "/tmp/me.json"], "sees no /tmp"),
        ([], ["--hand", "sim:claw.toml"], "whole path"),
        ([], ["--out", "/etc/session.json"], "/var/lib/neurograsp/sessions"),
        ([], ["--log", "sessions"], "whole path"),
        ([], ["--log", "/var/log/neurograsp"], "/var/lib/neurograsp/sessions"),
        ([], ["--feed", "/tmp/feed"], "sees no /tmp"),
        ([], ["--cpu", "1"], "--cpus 2,3"),
        ([], ["--calibration", "/etc/a\nUser=root"], "cannot be printed"),
        (["--watchdog", "0.5"], [], "--watchdog"),
        (["--watchdog", "nan"], [], "--watchdog"),
        (["--tries", "-1"], [], "--tries"),
        (["--cpus", "two"], [], "2,3"),
        (["--usb", "2341:0043"], [], "hand=2341:0043"),
        (["--program", "neurograsp"], [], "no path for a unit"),
        (["--program", "/opt/a b"], [], "no path for a unit"),
        (["--program", "/tmp/neurograsp"], [], "cannot see /tmp"),
        (["--program", "/home/pi/.venv-board/bin/neurograsp"], [], "cannot see /home"),
        (["--program", "/opt/nowhere"], [], "no such program"),
    ],
)
def test_what_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], options: list[str], run: list[str], words: str
) -> None:
    cpus = ["--cpus", "2,3"] if "--cpu" in run else []
    assert install(root, *cpus, *options, run=("--source", "synthetic", *run)) == 2
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert words in line
    assert not (root / "etc").exists()


def test_options_that_run_does_not_know_are_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        install(root, run=("--source", "synthetic", "--sped", "2"))
    assert ended.value.code == 2
    assert "neurograsp run: error: unrecognized arguments: --sped 2" in capsys.readouterr().err
    assert not (root / "etc").exists()


def test_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "BOOTED", tmp_path / "none")
    for command in (["install", "--", "--source", "synthetic"], ["remove"]):
        assert main(["service", *command]) == 2
        assert "systemd does not run this system" in capsys.readouterr().err


def test_without_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "BOOTED", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["neurograsp", "service", "install", "--", "--hand", "a b"])
    assert main(["service", "install", "--", "--source", "synthetic"]) == 2
    assert "/neurograsp service install -- --hand 'a b'" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="its files belong to a user")
def test_a_program_that_the_services_user_cannot_reach(root: Path) -> None:
    (root / "opt").chmod(0o700)
    program = root / PROGRAM.lstrip("/")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=r"may not enter .*docs/service\.md"):
        system.check_program(Path("/"), str(program))


def test_a_program_of_a_user_is_not_started_by_root(root: Path) -> None:
    program = root / PROGRAM.lstrip("/")
    if os.geteuid() == 0:
        os.chown(program.parent, 1000, 1000)
    with pytest.raises(UsageError, match="not root alone may change it"):
        system.check_program(Path("/"), str(program))


@pytest.mark.skipif(os.geteuid() != 0, reason="its files belong to a user")
@pytest.mark.parametrize(
    "change",
    [
        lambda opt: os.chown(opt, 1000, 1000),
        lambda opt: opt.chmod(0o775),
        lambda opt: opt.chmod(0o757),
        lambda opt: (opt / "neurograsp/bin/neurograsp").chmod(0o777),
        lambda opt: (opt / "neurograsp/bin/python").symlink_to(theirs(opt)),
    ],
)
def test_what_a_user_could_change_on_the_way_to_it(root: Path, change: Callable[[Path], None]) -> None:
    opt, program = root / "opt", root / PROGRAM.lstrip("/")
    opt.chmod(0o1777)  # as /tmp: nobody replaces there what is another one's
    with pytest.raises(UsageError, match="may not enter"):
        system.check_program(Path("/"), str(program))
    change(opt)
    with pytest.raises(UsageError, match="not root alone may change it"):
        system.check_program(Path("/"), str(program))


def theirs(opt: Path) -> Path:
    python = opt / "python3"
    python.touch()
    os.chown(python, 1000, 1000)
    return python


@pytest.mark.skipif(os.geteuid() != 0, reason="its files belong to a user")
def test_the_code_that_the_program_runs_is_looked_at_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = root / "code/system.py"
    code.parent.mkdir()
    code.touch()
    os.chown(code, 1000, 1000)
    monkeypatch.setattr(system, "__file__", str(code))
    with pytest.raises(UsageError, match=r"code/system.py: not root alone may change it"):
        system.check_program(Path("/"), "/bin/true")


@pytest.fixture
def live(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As if `root` were the system that runs; the commands that it is told, of which one may fail."""
    told: list[str] = []

    def tell(*command: str) -> None:
        told.append(command[0])
        if told.count(command[0]) == 1 and command[0] == "systemd-sysusers":
            raise CheckFailed("no")

    monkeypatch.setattr(system, "is_live", lambda _: True)
    monkeypatch.setattr(system, "check_system", lambda _: None)
    monkeypatch.setattr(system, "check_program", lambda *_: None)
    monkeypatch.setattr(system, "tell", tell)
    return told


def test_a_command_that_failed_is_made_up_for(
    root: Path, live: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("--source", "synthetic", "--hand", "/dev/neurograsp-hand")
    assert install(root, "--usb", "hand=2341:0043", run=run) == 1
    assert files(root) == {UNIT, RULES, SYSUSERS}
    live.clear()
    assert install(root, "--dry-run", "--usb", "hand=2341:0043", run=run) == 0
    assert live == []
    live.append("systemd-sysusers")
    assert install(root, "--usb", "hand=2341:0043", run=run) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert live[1:] == ["systemd-sysusers", "systemctl", "udevadm", "udevadm"]
    live.clear()
    assert main(["service", "remove", "--root", str(root)]) == 0
    assert live == ["systemctl", "systemctl", "udevadm"]
    live.clear()
    assert main(["service", "remove", "--root", str(root), "--dry-run"]) == 0
    assert live == []
    assert main(["service", "remove", "--root", str(root)]) == 0
    assert live == ["systemctl"]


def test_where_the_folder_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "remove", "--root", str(tmp_path / "none")]) == 2
    assert "no such folder" in capsys.readouterr().err
