"""The service under a real systemd, in its sandbox: it starts, is watched, and starts again disarmed."""

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from booted import PROGRAM, REPOSITORY, Booted, booted

from neurograsp.edge_runtime.deploy.slots import Slots
from neurograsp.edge_runtime.service.device_names import UsbPort, rules_text
from neurograsp.edge_runtime.service.unit import exec_word
from neurograsp.firmware_bridge.strict import encode

pytestmark = pytest.mark.slow

BUNDLE = REPOSITORY / "edge_runtime/samples/bundles/grasp-and-lift"
UNIT = "neurograsp.service"
SLOTS = "/var/lib/neurograsp"
# Lets the service see a checkout that lies in a place hidden from it, and quickens what takes its time.
DROP_IN = f"""
[Service]
BindReadOnlyPaths={REPOSITORY}
StandardOutput=append:/var/log/neurograsp
StandardError=append:/var/log/neurograsp
RestartSec=0.2
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    if not all(folder.stat().st_mode & 1 for folder in (REPOSITORY / "x").parents):
        pytest.skip("this checkout is shut to other users")
    with booted(tmp_path_factory.mktemp("booted")) as one:
        if one is None:
            pytest.skip("no root, no systemd, or no namespaces")
        one.install_program()
        one.run("mkdir", "-p", SLOTS)
        for slot in ("a", "b"):
            one.run("cp", "-r", BUNDLE, f"{SLOTS}/{slot}")
        one.run("ln", "-s", "a", f"{SLOTS}/current")
        one.write(f"/etc/systemd/system/{UNIT}.d/test.conf", DROP_IN)
        yield one


@pytest.fixture
def installed(system: Booted) -> Iterator[Booted]:
    options = ("--watchdog", "4", "--", "--source", "synthetic", "--hand", "none")
    done = system.run(PROGRAM, "service", "install", *options)
    assert done.returncode == 0, done.stderr
    yield system
    assert system.run(PROGRAM, "service", "remove").returncode == 0


def test_it_starts_as_another_user_and_ends_well(installed: Booted) -> None:
    done = installed.run("systemctl", "start", UNIT)
    assert done.returncode == 0, installed.run("cat", "/var/log/neurograsp").stdout
    assert installed.show(UNIT, "ActiveState", "StatusText") == {
        "ActiveState": "active",
        "StatusText": "disarmed",
    }
    pid = installed.show(UNIT, "MainPID")["MainPID"]
    told = installed.run("cat", f"/proc/{pid}/status").stdout
    facts = dict(line.partition(":\t")[::2] for line in told.splitlines())
    assert facts["Uid"].split() == installed.run("id", "-u", "neurograsp").stdout.split() * 4
    assert facts["CapEff"] == "0" * 16
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    assert installed.run("systemctl", "stop", UNIT).returncode == 0
    assert installed.show(UNIT, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}


def test_a_run_that_hangs_is_ended_and_starts_again_disarmed(installed: Booted) -> None:
    assert installed.run("systemctl", "start", UNIT).returncode == 0
    assert installed.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT).returncode == 0
    installed.wait_for(UNIT, 60, NRestarts="1", ActiveState="active", StatusText="disarmed")
    # Where it hung is in the log.
    assert "Fatal Python error: Aborted" in installed.run("cat", "/var/log/neurograsp").stdout


def test_a_bundle_that_is_bad_is_not_tried_again(installed: Booted) -> None:
    installed.run("mv", f"{SLOTS}/a", f"{SLOTS}/away")
    try:
        assert installed.run("systemctl", "start", UNIT).returncode != 0
        installed.wait_for(UNIT, 30, ActiveState="failed", NRestarts="0", ExecMainStatus="4")
        assert "no such bundle" in installed.show(UNIT, "StatusText")["StatusText"]
    finally:
        installed.run("mv", f"{SLOTS}/away", f"{SLOTS}/a")


def test_a_bundle_on_trial_that_nobody_watches_is_not_started(installed: Booted) -> None:
    """As after a power cut on the way: the state is that of a deployment's switch."""
    installed.write(f"{SLOTS}/state.json", json.dumps(encode(Slots(good="a", trial="b", ticket="x"))))
    installed.run("ln", "-sfn", "b", f"{SLOTS}/current")
    assert installed.run("systemctl", "start", UNIT).returncode == 0
    assert installed.run("readlink", f"{SLOTS}/current").stdout == "a\n"
    # Root made it, and whoever deploys has to lock it too.
    assert installed.run("stat", "-c", "%a", f"{SLOTS}/lock").stdout == "644\n"
    assert installed.show(UNIT, "ActiveState")["ActiveState"] == "active"


def test_a_device_that_stays_away_is_given_up(system: Booted) -> None:
    options = ("--tries", "2", "--", "--source", "synthetic", "--hand", "socket://127.0.0.1:9")
    assert system.run(PROGRAM, "service", "install", *options).returncode == 0
    try:
        system.run("systemctl", "start", UNIT)
        system.wait_for(UNIT, 60, ActiveState="failed", NRestarts="2", ExecMainStatus="5")
        assert "refused" in system.show(UNIT, "StatusText")["StatusText"]
    finally:
        assert system.run(PROGRAM, "service", "remove").returncode == 0


def test_it_sees_and_writes_what_it_may(installed: Booted) -> None:
    """Through the service's own sandbox, by a program that tries."""
    probe = r"""
import os, socket
def attempt(what, do):
    try:
        do()
    except OSError as error:
        print(what, os.strerror(error.errno), sep=": ")
    else:
        print(what, "yes", sep=": ")
def touch(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
def rights(path):
    os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
attempt("sessions", lambda: touch("/var/lib/neurograsp/sessions/x"))
attempt("bundle", lambda: touch("/var/lib/neurograsp/current/x"))
attempt("slots", lambda: os.rename("/var/lib/neurograsp/current", "/var/lib/neurograsp/b"))
attempt("configuration", lambda: touch("/etc/x"))
attempt("home", lambda: os.listdir("/home"))
attempt("serial port", lambda: rights("/opt/serial"))
attempt("kernel log", lambda: rights("/opt/kmsg"))
attempt("network", lambda: socket.socket(socket.AF_INET))
"""
    installed.write("/opt/probe.py", probe)
    installed.run("mknod", "/opt/serial", "c", "4", "65")
    installed.run("mknod", "/opt/kmsg", "c", "1", "11")
    installed.run("chgrp", "dialout", "/opt/serial")
    installed.run("chmod", "660", "/opt/serial")
    installed.run("chmod", "666", "/opt/kmsg")
    installed.run("rm", "-f", "/var/log/neurograsp")
    installed.write(
        f"/etc/systemd/system/{UNIT}.d/probe.conf",
        "[Service]\nType=oneshot\nRestart=no\nDeviceAllow=char-ttyS rw\nExecStartPre=\nExecStart=\n"
        "ExecStart=/opt/python/bin/python3 /opt/probe.py\n",
    )
    installed.run("systemctl", "daemon-reload")
    try:
        installed.run("systemctl", "start", UNIT)
        told = installed.run("cat", "/var/log/neurograsp").stdout
    finally:
        installed.run("rm", f"/etc/systemd/system/{UNIT}.d/probe.conf")
    assert dict(line.split(": ") for line in told.splitlines()) == {
        "sessions": "yes",
        "bundle": "Read-only file system",
        "slots": "Read-only file system",
        "configuration": "Read-only file system",
        "home": "Permission denied",
        "serial port": "No such device or address",  # that is the driver's answer: it was let through
        "kernel log": "Operation not permitted",
        "network": "Address family not supported by protocol",
    }


def test_brainflow_the_simulated_hand_and_the_observer_run_in_it(system: Booted) -> None:
    """BrainFlow's library, LiteRT, the kernel of the filter, and the firmware with its compiler."""
    recording = REPOSITORY / "edge_runtime/samples/way-eeg-gal/subj1_series7.npz"
    system.run("cp", recording, "/var/lib/neurograsp/recording.npz")
    source = "playback:/var/lib/neurograsp/recording.npz"
    told = ("--verbose", "--log", "/var/lib/neurograsp/sessions", "--feed")
    done = system.run(PROGRAM, "service", "install", "--", "--source", source, *told)
    assert done.returncode == 0, done.stderr
    assert system.run("systemctl", "start", UNIT).returncode == 0
    system.wait_for(UNIT, 30, ActiveState="active", StatusText="armed")
    assert "feed" in system.run("ls", "/run/neurograsp").stdout
    assert system.run("systemctl", "stop", UNIT).returncode == 0
    said = system.run("cat", "/var/log/neurograsp").stdout
    assert "runtime armed" in said
    assert "without BrainFlow" not in said
    log = system.run("sh", "-c", "echo /var/lib/neurograsp/sessions/*.mcap").stdout.strip()
    # A log that was written to its end, for nobody else to read.
    assert "M   C   A   P" in system.run("sh", "-c", f"tail -c 8 {log} | od -An -c").stdout
    assert system.run("stat", "-c", "%U %a", log).stdout == "neurograsp 600\n"
    assert system.run(PROGRAM, "service", "remove").returncode == 0


def udev(system: Booted, device: str) -> dict[str, str]:
    """What udev makes of a device of `arduino.umockdev`, as Linux would show it."""
    described = Path(__file__).with_name("arduino.umockdev")
    done = system.run("umockdev-run", "-d", described, "--", "udevadm", "test", f"/sys/devices/{device}")
    assert "70-neurograsp.rules" not in "".join(re.findall(r".*(?:Invalid|Unknown|ignoring).*", done.stderr))
    return dict(line.partition("=")[::2] for line in done.stdout.splitlines())


def test_udev_gives_the_hand_its_name(system: Booted) -> None:
    if not (shutil.which("udevadm") and shutil.which("umockdev-run")):
        pytest.skip("no udev, or no umockdev")
    usb = "pci0000:00/0000:00:14.0/usb1/1-1"
    rules = Path(str(shutil.which("udevadm"))).parents[1] / "lib/udev/rules.d/60-serial.rules"
    system.write("/etc/udev/rules.d/60-serial.rules", rules.read_text())
    for port, named in (
        (UsbPort("2341", "0043", "7583", None, 0), True),
        (UsbPort("2341", "0043", "75"), False),
    ):
        system.write("/etc/udev/rules.d/70-neurograsp.rules", rules_text({"hand": port}, None))
        tty = udev(system, f"{usb}/1-1:1.0/tty/ttyACM0")
        assert ("/dev/neurograsp-hand" in tty["DEVLINKS"].split()) is named
        assert tty.get("ID_MM_PORT_IGNORE") == ("1" if named else None)
        assert udev(system, usb).get("ID_MM_DEVICE_IGNORE") == ("1" if named else None)


def test_arguments_arrive_as_they_were_written(system: Booted) -> None:
    draw = random.Random(1)
    letters = "ab %$\\\"'`;&|<>(){}[]*?#~!=^@:,.-+/äß水{n}${X}$X%n%%$$"
    words = [
        "",
        ";",
        "%",
        "$",
        "\\",
        '"',
        "'",
        "%n",
        "$HOME",
        "${HOME}",
        "a b",
        " ",
        "\\x41",
        "-",
        "#",
        "@/bin/sh",
    ]
    words += ["".join(draw.choice(letters) for _ in range(draw.randint(0, 12))) for _ in range(300)]
    system.write("/opt/say.py", "import json, sys; json.dump(sys.argv[1:], open('/opt/said', 'w'))\n")
    line = " ".join(exec_word(word) for word in words)
    text = f"[Service]\nType=oneshot\nExecStart=/opt/python/bin/python3 /opt/say.py {line}\n"
    system.write("/etc/systemd/system/say.service", text)
    system.run("systemctl", "daemon-reload")
    assert system.run("systemctl", "start", "say.service").returncode == 0
    assert json.loads(system.run("cat", "/opt/said").stdout) == words
