"""What is installed where, and what a board never has to import."""

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from toys import REPOSITORY

from neurograsp.edge_runtime.dsp import kernel

HEAVY = (
    "tensorflow",
    "tf_keras",
    "scipy",
    "matplotlib",
    "mne",
    "sklearn",
    "brainflow",
    "rich",
    "optuna",
    "ray",
)
BOARD_MODULES = (
    "neurograsp.edge_runtime.bundle",
    "neurograsp.edge_runtime.bench",
    "neurograsp.edge_runtime.cli.bench",
    "neurograsp.edge_runtime.cli.calibrate",
    "neurograsp.edge_runtime.cli.run",
    "neurograsp.edge_runtime.cli.sources",
    "neurograsp.edge_runtime.cli.doctor",
    "neurograsp.edge_runtime.cli.slot",
    "neurograsp.edge_runtime.deploy.board",
    "neurograsp.edge_runtime.deploy.selftest",
    "neurograsp.edge_runtime.calibration",
    "neurograsp.edge_runtime.event_scores",
    "neurograsp.edge_runtime.loop",
    "neurograsp.edge_runtime.sources.brainflow_board",
    "neurograsp.edge_runtime.sources.lsl_stream",
    "neurograsp.edge_runtime.sources.relay_server",
    "neurograsp.edge_runtime.sources.relay_source",
    "neurograsp.firmware_bridge.link",
)
LEFT_BEHIND = (
    "edge_runtime/dsp/_kernel.o",
    "edge_runtime/__pycache__/loop.cpython-311.pyc",
    "firmware_bridge/firmware/NeuroHand/extras/ports/host/build/neurohand",
    "firmware_bridge/firmware/NeuroHand/src/hand_frames.o",
    "tests/__pycache__/toys.cpython-311.pyc",
    "runs/grasp/run.json",
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


@pytest.mark.parametrize(
    "command", ["run", "hand", "bench", "calibrate", "train", "search", "evaluate", "convert", "demo"]
)
def test_help_is_light(command: str) -> None:
    code = (
        "import contextlib\nfrom neurograsp.edge_runtime.cli import main\n"
        f"with contextlib.suppress(SystemExit):\n    main(['{command}', '--help'])\n"
    )
    assert loaded_by(code).isdisjoint(HEAVY)


def test_a_profile_is_checked_with_what_the_standard_library_has() -> None:
    code = "from neurograsp.edge_runtime.cli import main\nmain(['hand', 'profile', 'arm'])"
    assert loaded_by(code).isdisjoint({*HEAVY, "numpy", "serial", "ai_edge_litert"})


def test_every_command_and_reader_loads() -> None:
    for point in entry_points(group="neurograsp.commands"):
        command = point.load()
        assert command.HELP
        assert command.EXAMPLE.startswith(f"neurograsp {point.name}")
    for group in ("neurograsp.readers", "neurograsp.labelled"):
        for point in entry_points(group=group):
            assert callable(point.load())


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def tracked(*folders: str) -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", *folders], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return listing.stdout.splitlines()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files, and what builds and editors leave between them."""
    folder = tmp_path_factory.mktemp("source")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    for name in LEFT_BEHIND:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"left behind")
    return folder


def build(source: Path, out: Path, *kinds: str, **environment: str) -> None:
    """Without kinds: the sdist, and the wheel from the sdist."""
    subprocess.run(
        [sys.executable, "-m", "build", *kinds, "--no-isolation", "--outdir", out, source],
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "315532800", **environment},
    )


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(source, folder)
    return folder


def inside_wheel(folder: Path) -> set[str]:
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_the_tracked_modules_and_no_more(built: Path) -> None:
    inside = {name for name in inside_wheel(built) if ".dist-info/" not in name}
    compiled = {name for name in inside if name.endswith(".so")}
    packaged = tracked("train", "convert", "edge_runtime", "firmware_bridge")
    assert inside - compiled == {f"neurograsp/{name}" for name in packaged}
    # Without Python.h the numpy twin is all there is.
    kernels = {"_kernel"} if kernel.compiled is not None else set()
    assert {Path(name).name.split(".")[0] for name in compiled} == kernels
    assert all(".abi3." in name for name in compiled)


@pytest.mark.slow
def test_what_is_left_between_the_sources_is_not_packaged(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path, "--wheel")
    assert inside_wheel(tmp_path).isdisjoint(f"neurograsp/{name}" for name in LEFT_BEHIND)


@pytest.mark.slow
def test_a_kernel_that_does_not_compile_leaves_its_twin(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "source"
    shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    build(copy, tmp_path, "--wheel", CC="false")
    modules = {name for name in inside_wheel(tmp_path) if name.startswith("neurograsp/edge_runtime/dsp/")}
    assert "neurograsp/edge_runtime/dsp/twin.py" in modules
    assert not any(name.endswith(".so") for name in modules)


def test_the_sdist_holds_what_its_makefile_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        root = archive.getnames()[0]
        inside = {one.name.removeprefix(f"{root}/") for one in archive if not one.isdir()}
        recording = archive.extractfile(f"{root}/examples/data/way-eeg-gal-windows/subj1_series7.npz")
        assert recording is not None
        assert recording.read(2) == b"PK"
    made = {name for name in inside if name in ("PKG-INFO", "setup.cfg") or ".egg-info/" in name}
    of_the_checkout = {name for name in tracked() if name.startswith((".ci/", ".git", ".typing/"))}
    assert inside - made == set(tracked()) - of_the_checkout


def test_the_wheel_says_whose_data_is_in_it(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
        notices = name.replace("METADATA", "licenses")
        files = metadata.get_all("License-File", [])
        texts = {file: archive.read(f"{notices}/{file}").decode() for file in files}
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-4.0 AND MIT AND ODC-By-1.0"
    assert {"LICENSE", "SAFETY.md"} < set(texts)
    for data in ("way-eeg-gal", "bundles"):
        text = texts[f"edge_runtime/samples/{data}/README.md"]
        assert "CC BY 4.0" in text
        assert "10.1038/sdata.2014.47" in text
