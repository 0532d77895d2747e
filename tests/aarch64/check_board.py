"""What a 64-bit Raspberry Pi would run, run here: `make check-aarch64`, which prepares it first (board.py).

Not collected by `make test`. Each Python is a group of its own, so that both go side by side.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from board import CROSS_COMPILER, REPOSITORY, SUITES, Board

from neurograsp.edge_runtime.cli.demo import PRETRAINED, PRETRAINED_RECORDING
from neurograsp.edge_runtime.sources.brainflow_library import BUILD_PAGE
from neurograsp.firmware_bridge.host_firmware import SimulatedHand

CACHE = REPOSITORY / ".aarch64"
FINGERPRINT = Path(__file__).with_name("fingerprint.py")
PLAYBACK = f"playback:{PRETRAINED_RECORDING.relative_to(REPOSITORY)}"
CYTON = "board:cyton:/dev/ttyUSB0"
CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
TOKEN = "a secret of both machines"
BUNDLE = str(PRETRAINED.relative_to(REPOSITORY))

CROSS_CC = """#!/bin/sh
exec {} -static-libubsan "$@"
"""
"""A program of this machine: what it compiles is the board's."""

RUNTIME_TESTS = tuple(
    f"tests/{folder}/test_{name}.py"
    for folder, names in {
        "edge_runtime": "arming backoff bundle classifier decide pipeline stream_classifier",
        "edge_runtime/contract": "manifest specs",
        "edge_runtime/doctor": "doctor_attached doctor_command doctor_machine doctor_software",
        "edge_runtime/dsp": "chunking",
        "edge_runtime/recording": "stream",
        "edge_runtime/sources": "brainflow_library clocked counter edf_file file_player relay_protocol "
        "stamps synthetic watched",
        "firmware_bridge": "frames protocol transports vectors",
    }.items()
    for name in names.split()
)
"""Tests of the device's side that neither train nor start a process."""

FIRMWARE_TESTS = (
    "tests/edge_runtime/test_actuation.py",
    "tests/edge_runtime/test_loop.py",
    "tests/firmware/test_contract_core.py",
    "tests/firmware/test_link.py",
    "tests/firmware/test_safety.py",
)
"""Tests with the firmware's C compiled for the board."""

LIMIT_MB = 130
"""Of the base install, 2^20 bytes each."""

LEFT_OUT = (
    "bomb",
    "the_decisions_of_whole_windows",
    "nothing_is_written",
    "the_workstation_is_not_needed",
    "test_busy_port",
)
"""Parts of names of tests that take long under emulation, start Python, which qemu-user cannot, or look for
this process among those of the machine, where it is qemu's."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(python, marks=pytest.mark.xdist_group(python)) for python in SUITES],
)
def board(request: pytest.FixtureRequest) -> Board:
    return Board(request.param, CACHE / request.param)


Done = subprocess.CompletedProcess[str]


def command(board: Board, *arguments: str, packages: tuple[Path, ...] = ()) -> Done:
    """`neurograsp` on the board, from the base install and these packages."""
    return board.run((board.base, *packages), "-m", "neurograsp.edge_runtime.cli", *arguments)


def rows(done: Done) -> dict[str, dict[str, str]]:
    """What `doctor --json` found, by check."""
    assert done.stdout, done.stderr
    return {row["check"]: row for row in json.loads(done.stdout)["rows"]}


def fingerprint(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def workstation() -> dict[str, Any]:
    program = [sys.executable, FINGERPRINT]
    return fingerprint(subprocess.run(program, capture_output=True, text=True, check=False))


def test_the_base_install_is_all_there_is(board: Board) -> None:
    absent = ("tensorflow", "scipy", "sklearn", "matplotlib", "mne", "brainflow", "rich")
    code = (
        "import importlib.util, json, platform, shutil, sys\n"
        f"found = [name for name in {absent} if importlib.util.find_spec(name)]\n"
        "tools = [name for name in ('cc', 'gcc', 'clang') if shutil.which(name)]\n"
        "print(json.dumps([platform.machine(), sys.version_info[:2], found, tools]))\n"
    )
    done = board.run((board.base,), "-c", code)
    version = [int(part) for part in board.python.split(".")]
    assert json.loads(done.stdout) == ["aarch64", version, [], []]


def test_the_base_install_is_small(board: Board) -> None:
    files = [path for path in board.base.rglob("*") if path.is_file()]
    assert sum(path.stat().st_blocks * 512 for path in files) < LIMIT_MB * 2**20


def test_the_bits_are_those_of_the_workstation(board: Board, workstation: dict[str, Any]) -> None:
    """Of the filter on either kernel, and of the golden vectors under LiteRT's reference kernels."""
    here = fingerprint(board.run((board.base,), FINGERPRINT))
    assert here["machine"] == "aarch64"
    assert here["golden"] == workstation["golden"]
    assert set(here["filter"]) == {"numpy"}
    assert set(here["filter"].values()) == set(workstation["filter"].values())
    if board.has_kernel:
        compiled = fingerprint(board.run((board.kernel, board.base), FINGERPRINT))
        assert compiled["filter"] == {"numpy": here["filter"]["numpy"], "C": here["filter"]["numpy"]}


def test_the_command_explains_itself(board: Board) -> None:
    done = command(board, "--help")
    assert done.returncode == 0, done.stderr
    assert "neurograsp demo --pretrained" in done.stdout


def test_doctor(board: Board) -> None:
    done = command(board, "doctor", "--bundle", BUNDLE, "--json")
    found = rows(done)
    assert done.returncode == 0, found
    assert found["litert"]["what"].endswith("XNNPACK is active")
    assert found["golden vectors"]["level"] == "ok"
    assert {name for name, row in found.items() if row["level"] == "warn"} >= {
        *("filter kernel", "brainflow", "compiler")
    }
    assert BUILD_PAGE in found["brainflow"]["fix"]


@pytest.mark.parametrize("source", ["synthetic", PLAYBACK])
def test_the_loop_runs_without_brainflow(source: str, board: Board) -> None:
    arguments = ("--bundle", BUNDLE, "--source", source, "--hand", "none", "--seconds", "2")
    done = command(board, "run", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["decisions"] > 0


def test_without_brainflow_one_line_says_what_to_do(board: Board, tmp_path: Path) -> None:
    done = command(board, "record", "--source", CYTON, "--actions", "grip", "--out", str(tmp_path))
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    assert "BrainFlow is not installed: its wheel has no library for aarch64" in line
    assert BUILD_PAGE in line
    assert "--source relay:HOST:PORT" in line


def test_it_records_a_board_of_another_machine(board: Board, tmp_path: Path) -> None:
    """BrainFlow's synthetic board and the relay are here, the receiver is there."""
    environment = {**os.environ, "NEUROGRASP_RELAY_TOKEN": TOKEN}
    source = ("relay", "--source", "board:synthetic", "--port", "0")
    with subprocess.Popen([*CLI, *source], env=environment, text=True, stderr=subprocess.PIPE) as relay:
        try:
            assert relay.stderr is not None
            said = relay.stderr.readline()
            found = re.search(r"port (\d+); Ctrl-C ends", said)
            assert found, said
            done = board.run(
                (board.base,),
                *("-m", "neurograsp.edge_runtime.cli", "record", "--json"),
                *("--source", f"relay:127.0.0.1:{found[1]}", "--out", str(tmp_path), "--actions", "grip"),
                *("--repeats", "1", "--cue-s", "1", "--rest-s", "1"),
                NEUROGRASP_RELAY_TOKEN=TOKEN,
            )
        finally:
            relay.kill()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (len(told["channels"]), told["rate_hz"], told["lost"]) == (16, 250, 0)


def test_the_wheel_of_brainflow_is_found_out(board: Board, tmp_path: Path) -> None:
    """The real one, which pip installs on a board without a word."""
    done = command(board, "doctor", "--json", packages=(board.brainflow,))
    row = rows(done)["brainflow"]
    assert done.returncode == 1
    assert row["level"] == "fail"
    assert "its library is for x86_64, this machine is aarch64" in row["what"]
    assert BUILD_PAGE in row["fix"]

    arguments = ("record", "--source", CYTON, "--actions", "grip", "--out", str(tmp_path))
    done = command(board, *arguments, packages=(board.brainflow,))
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "BrainFlow's library for aarch64 is not installed: the one that is there is for x86_64" in line
    assert BUILD_PAGE in line


def test_it_talks_to_the_firmware_of_a_hand(board: Board, tmp_path: Path) -> None:
    """Over a pseudo-terminal; the firmware is a process of this machine."""
    with SimulatedHand(tmp_path / "trace.csv") as hand:
        done = command(board, "hand", "ping", "--hand", hand.url, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["round_trip_ms"]["n"] > 0


@pytest.fixture(scope="module")
def cross_compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = shutil.which(CROSS_COMPILER)
    if program is None:
        pytest.skip(f"{CROSS_COMPILER} is not installed: the firmware is not run on the board")
    folder = tmp_path_factory.mktemp("programs")
    (folder / "cc").write_text(CROSS_CC.format(program))
    (folder / "cc").chmod(0o755)
    return folder


def passed(done: Done) -> int:
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    count = re.search(r"(\d+) passed", done.stdout)
    return 0 if count is None else int(count[1])


def run_tests(board: Board, *names: str, programs: str = "") -> int:
    """Run tests of the repository on the board; how many passed."""
    packages = [*([board.kernel] if board.has_kernel else []), board.base, board.tools]
    kept = " and ".join(f"not {name}" for name in LEFT_OUT)
    options = ("-m", "pytest", "-m", "not slow and not long", "-k", kept)
    return passed(board.run(packages, *options, *names, programs=programs, CI="1"))


def test_tests_of_the_runtime(board: Board) -> None:
    assert run_tests(board, *RUNTIME_TESTS) > 450


def test_tests_with_the_firmware(board: Board, cross_compiler: Path) -> None:
    assert run_tests(board, *FIRMWARE_TESTS, programs=str(cross_compiler)) > 1200


@pytest.mark.xdist_group("3.13")
def test_one_command_installs_a_board_without_a_compiler(tmp_path: Path) -> None:
    """On this machine, in an empty environment."""
    for name in ("make", "sh", "rm", "touch"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / name).symlink_to(program)
    environment = {**os.environ, "PATH": str(tmp_path)}
    for variable in [name for name in environment if name.startswith("MAKE")]:
        del environment[variable]
    venv = tmp_path / "venv"
    make = ["make", "install-board", f"BOARD={venv}", f"PYTHON={sys.executable}"]
    subprocess.run(make, cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    doctor = [venv / "bin/neurograsp", "doctor", "--bundle", PRETRAINED, "--json"]
    found = rows(subprocess.run(doctor, env=environment, capture_output=True, text=True, check=False))
    assert found["filter kernel"]["what"].startswith("filter kernel: numpy")
    assert found["compiler"]["level"] == "warn"
    assert found["golden vectors"]["level"] == "ok"
