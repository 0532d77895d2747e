"""What is installed where, and what a board never has to import."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from toys import REPOSITORY

HEAVY = ("tensorflow", "tf_keras", "scipy", "matplotlib", "mne", "sklearn", "brainflow", "rich")
BOARD_MODULES = (
    "neurograsp.edge_runtime.bundle",
    "neurograsp.edge_runtime.cli.run",
    "neurograsp.edge_runtime.cli.doctor",
    "neurograsp.edge_runtime.event_scores",
    "neurograsp.edge_runtime.loop",
    "neurograsp.edge_runtime.sources.brainflow_board",
    "neurograsp.firmware_bridge.link",
)


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running `code`."""
    report = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    output = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True).stdout
    return {name.split(".")[0] for name in output.splitlines()[-1].split()}


def test_the_board_imports_nothing_heavy() -> None:
    loaded = loaded_by("\n".join(f"import {module}" for module in BOARD_MODULES))
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)


def test_the_board_never_imports_the_workstation() -> None:
    code = "\n".join(f"import {module}" for module in BOARD_MODULES)
    report = f"{code}\nimport sys\nprint(*[m for m in sys.modules if m.startswith('neurograsp')])"
    names = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True).stdout
    assert "neurograsp.edge_runtime.loop" in names
    assert "neurograsp.train" not in names
    assert "neurograsp.convert" not in names


@pytest.mark.parametrize("command", ["run", "train", "evaluate", "convert", "demo"])
def test_help_is_light(command: str) -> None:
    code = (
        "import contextlib\nfrom neurograsp.edge_runtime.cli import main\n"
        f"with contextlib.suppress(SystemExit):\n    main(['{command}', '--help'])\n"
    )
    assert loaded_by(code).isdisjoint(HEAVY)


def test_every_command_and_reader_loads() -> None:
    for point in entry_points(group="neurograsp.commands"):
        command = point.load()
        assert command.HELP
        assert command.EXAMPLE.startswith(f"neurograsp {point.name}")
    for point in entry_points(group="neurograsp.readers"):
        assert callable(point.load())


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_wheel_holds_the_tracked_modules_and_no_more(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "train", "convert", "edge_runtime", "firmware_bridge"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    source = tmp_path / "source"
    for name in [*tracked.stdout.split(), "pyproject.toml", "setup.py", "README.md", "LICENSE"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((REPOSITORY / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    compiled = {name for name in inside if name.endswith(".so")}
    assert inside - compiled == {f"neurograsp/{name}" for name in tracked.stdout.split()}
    assert {Path(name).name.split(".")[0] for name in compiled} == {"_kernel"}
    assert all(".abi3." in name for name in compiled)
