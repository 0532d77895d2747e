"""A service that a board may have instead of a systemd unit.

python hand_service.py restart|health ROOT [real]

Before each start it resolves the slots. It runs `current`: `real` is `neurograsp run`; otherwise a process
that reads the bundle's name and stays, or ends where the name is "sick". What it keeps is beside ROOT, which
may be a disk of its own that is full.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

CLI = (sys.executable, "-m", "neurograsp.edge_runtime.cli")
SYNTHETIC = ("--source", "synthetic", "--hand", "none", "--no-realtime", "--seconds", "600")


def kept(root: Path, name: str) -> Path:
    folder = root.with_name(f"{root.name}.service")
    folder.mkdir(exist_ok=True)
    return folder / name


def write(path: Path, text: str) -> None:
    """So that nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.rename(path)


def pid_of(root: Path) -> int | None:
    """Of the service, while it is there."""
    with suppress(OSError, ValueError):
        pid = int(kept(root, "pid").read_text())
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            return pid
    return None


def stop(root: Path) -> None:
    pid = pid_of(root)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        while pid_of(root) is not None:
            time.sleep(0.01)


def restart(root: Path, real: bool) -> None:
    stop(root)
    subprocess.run([*CLI, "slot", "resolve", "--root", str(root)], check=True, stdout=subprocess.DEVNULL)
    command = [*CLI, "run", "--bundle", str(root / "current"), *SYNTHETIC]
    light = [sys.executable, __file__, "run", str(root)]
    with kept(root, "service.log").open("ab") as log:
        process = subprocess.Popen(
            command if real else light,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    write(kept(root, "pid"), str(process.pid))


def run(root: Path) -> int:
    with zipfile.ZipFile(root / "current") as archive:
        name = json.loads(archive.read("manifest.json"))["name"]
    if name == "sick":
        return 1
    write(kept(root, "runs"), name)
    time.sleep(600)
    return 0


def health(root: Path) -> int:
    if pid_of(root) is None:
        print("it does not run")
        return 1
    print("disarmed")
    return 0


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "restart":
        restart(place, "real" in sys.argv)
    else:
        sys.exit(run(place) if what == "run" else health(place))
