"""How much disk the board's installation takes, and which packages take it.

    python benchmarks/install_size.py
    python benchmarks/install_size.py --extra monitor --extra recorder

Installs this checkout with pip into fresh environments as `make install-board` does, runs `neurograsp doctor`
there, and counts every file. pip itself stays outside. Exits with 1 where a limit is passed. Of an extra:
what it brings, alone, with its bytecode.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import Distribution, distributions
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LIMIT_MB = {"": 130, "[brainflow]": 220}
SHOWN_MB = 1.0


def constraints(kind: str = "board") -> str:
    """The lock file's versions without their hashes, which a folder such as this checkout has none of."""
    lock = (REPOSITORY / f"requirements/{kind}.lock").read_text()
    return "\n".join(re.findall(r"^\S+==[^\\\n]+", lock, re.MULTILINE))


def install(environment: Path, extra: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pinned = environment.with_suffix(".txt")
    pinned.write_text(constraints())
    python = environment / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    subprocess.run([*pip, "--constraint", pinned, f"{REPOSITORY}{extra}"], check=True)
    for left in ("build", "neurograsp.egg-info"):
        shutil.rmtree(REPOSITORY / left, ignore_errors=True)
    # Leaves the bytecode of what is imported, as in use.
    subprocess.run([environment / "bin/neurograsp", "doctor"], check=True, stdout=subprocess.DEVNULL)


def measure_extra(environment: Path, extra: str) -> None:
    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = environment.with_suffix(".txt")
    pinned.write_text(constraints("workstation"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", environment]
    subprocess.run([*pip, "--constraint", pinned, *wanted[extra]], check=True)
    packages = {package.name: size_of(package) for package in distributions(path=[str(environment)])}
    print(f"extra {extra}: {megabytes(list(environment.rglob('*'))):.1f} MB in {len(packages)} packages")
    show(packages, 0.0)


def show(packages: dict[str, float], least_mb: float = SHOWN_MB) -> None:
    for name, size in sorted(packages.items(), key=lambda one: -one[1]):
        if size >= least_mb:
            print(f"  {size:6.1f} MB  {name}")


def megabytes(files: list[Path]) -> float:
    """Space on disk of the files that are there, in 2^20 bytes as `du -m` counts."""
    return sum(file.lstat().st_blocks * 512 for file in files if file.is_symlink() or file.is_file()) / 2**20


def size_of(package: Distribution) -> float:
    return megabytes([Path(str(package.locate_file(file))) for file in package.files or ()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--extra", action="append", metavar="NAME", help="what this extra brings, alone")
    extras = parser.parse_args().extra
    passed = False
    if extras:
        with tempfile.TemporaryDirectory() as folder:
            for extra in extras:
                measure_extra(Path(folder) / extra, extra)
        return
    with tempfile.TemporaryDirectory() as folder:
        for number, (extra, limit) in enumerate(LIMIT_MB.items()):
            environment = Path(folder) / f"environment{number}"
            install(environment, extra)
            total = megabytes(list(environment.rglob("*")))
            passed |= total > limit
            print(f"neurograsp{extra}: {total:.0f} MB, at most {limit}")
            (packages,) = environment.glob("lib/python*/site-packages")
            sizes = {package.name: size_of(package) for package in distributions(path=[str(packages)])}
            show(sizes)
    sys.exit(passed)


if __name__ == "__main__":
    main()
