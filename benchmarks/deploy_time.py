"""How long `neurograsp deploy` takes, part by part, through a real sshd on the loopback: docs/deploy.md.

    python benchmarks/deploy_time.py [--bundle BUNDLE] [--times 5]

Board and workstation are this machine. Without a service, so `trial` is the switch and its confirmation
alone: with one, add its start and `--settle`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from neurograsp.edge_runtime.machine import describe_machine

sys.path.extend(str(Path(__file__).parents[1] / folder) for folder in ("tests", "tests/end_to_end"))

from slot_bundles import SAMPLE, make_bundle
from ssh_server import SshServer, missing

PROGRAM = Path(sys.executable).with_name("neurograsp")
PARTS = ("connect", "send", "test", "trial", "total")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, help="default: the one in the package, under other names")
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), arguments.bundle, arguments.times)
    print(describe_machine())
    for part in PARTS:
        values = sorted(one[part] for one in seconds)
        print(f"  {part:<8} median {statistics.median(values):6.2f} s, at most {values[-1]:6.2f} s")
    return 0


def measure(folder: Path, bundle: Path | None, times: int) -> list[dict[str, float]]:
    """Of each deployment; each is the first on a board of its own, since no bundle is sent twice."""
    server = SshServer(folder).start()
    try:
        return [
            deploy(
                server, folder / f"slots{number}", bundle or make_bundle(folder, f"{SAMPLE.name}-{number}")
            )
            for number in range(times)
        ]
    finally:
        server.stop()


def deploy(server: SshServer, root: Path, bundle: Path) -> dict[str, float]:
    command = ["deploy", server.address, bundle, "--root", root, "--program", PROGRAM, "--service", "none"]
    done = subprocess.run(
        [str(word) for word in (PROGRAM, *command, "--ssh-config", server.config, "--json")],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds: dict[str, float] = json.loads(done.stdout)["boards"][0]["seconds"]
    return seconds


if __name__ == "__main__":
    sys.exit(main())
