"""A real systemd as PID 1 of namespaces of its own, with this machine's programs and files.

Its /dev, /etc, /opt, /var, /run and control groups are its own and end with it. It knows no units but
`LIBRARY` and those that a test writes: nothing of this machine is started a second time.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SYSTEMD = Path("/usr/lib/systemd/systemd")
UNITS = Path("/usr/lib/systemd/system")
LIBRARY = ("basic", "exit", "final", "local-fs", "multi-user", "paths", "shutdown", "slices", "sockets")
LIBRARY += ("sysinit", "timers", "umount")
GROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
BOOT_S = 20.0
REPOSITORY = Path(__file__).parents[3]
PROGRAM = "/opt/neurograsp/bin/neurograsp"

SCRIPT = r"""
set -eu
mount --make-rprivate /
own=$(mktemp -d)
mount -t tmpfs tmpfs "$own"
for folder in etc opt var; do
    up=$own/$folder/up work=$own/$folder/work
    mkdir -p "$up" "$work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$up,workdir=$work" overlay "/$folder"
done
mkdir -p "$own/dev/pts" "$own/dev/shm"
cd /dev
cp -a null zero full random urandom tty ptmx console "$own/dev"
mount --bind /dev/pts "$own/dev/pts"
mount --rbind "$own/dev" /dev
cd /
mount -t tmpfs tmpfs /etc/systemd/system
mount -t tmpfs tmpfs /usr/lib/systemd/system-generators
mount --bind "$1" /usr/lib/systemd/system
mount -t tmpfs tmpfs /run
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no
"""

INSTALL = r"""
set -eu
python=$1 base=$2 packages=$3
mkdir -p /opt/python /opt/neurograsp/bin "/opt/neurograsp/lib/$python"
mount --bind "$base" /opt/python
ln -s "/opt/python/bin/$python" /opt/neurograsp/bin/python
ln -s "$packages" "/opt/neurograsp/lib/$python/site-packages"
echo home = /opt/python/bin >/opt/neurograsp/pyvenv.cfg
cat >/opt/neurograsp/bin/neurograsp <<EOT
#!/opt/neurograsp/bin/python
import sys
from neurograsp.edge_runtime.cli import main
sys.exit(main())
EOT
chmod 755 /opt/neurograsp/bin/neurograsp
"""
"""This environment at another place: the one that a service may not enter stays where it is."""


@dataclass
class Booted:
    """Attributes:
    pid: of that systemd, as this system counts.
    """

    pid: int

    def run(
        self, *command: str | Path, given: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """In that system, as root."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-u", "-i", "-C", "--", *map(str, command)]
        return subprocess.run(
            enter, input=given, capture_output=True, text=True, timeout=timeout, check=False, cwd="/"
        )

    def write(self, path: str, text: str) -> None:
        done = self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat >"$1"', "sh", path, given=text)
        assert done.returncode == 0, done.stderr

    def install_program(self) -> None:
        """`PROGRAM`, of the environment that runs the test."""
        python = f"python{sysconfig.get_python_version()}"
        done = self.run("sh", "-c", INSTALL, "sh", python, sys.base_prefix, sysconfig.get_path("purelib"))
        assert done.returncode == 0, done.stderr

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        told = self.run("systemctl", "show", "--property", ",".join(names), unit).stdout
        return dict(line.partition("=")[::2] for line in told.splitlines())

    def wait_for(self, unit: str, seconds: float, **wanted: str) -> None:
        """Until the unit's properties are as wanted."""
        end = time.monotonic() + seconds
        while (told := self.show(unit, *wanted)) != wanted:
            assert time.monotonic() < end, (told, wanted)
            time.sleep(0.1)


@contextmanager
def booted(folder: Path) -> Iterator[Booted | None]:
    """None where this machine does not let it be: no root, no systemd, no namespaces."""
    group = next((Path(path) for path in GROUPS if (Path(path) / "cgroup.procs").exists()), None)
    if os.geteuid() != 0 or not SYSTEMD.exists() or not shutil.which("nsenter") or group is None:
        yield None
        return
    library = folder / "library"
    library.mkdir()
    for name in LIBRARY:
        shutil.copy(UNITS / f"{name}.target", library)
    own = group / f"neurograsp-test-{os.getpid()}"
    try:
        own.mkdir()
        # The shell goes into the group first: a namespace of groups begins where its first process is.
        enter = ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', own]
        unshare = ["unshare", "-m", "-p", "-f", "-u", "-i", "-C", "--mount-proc", "--kill-child"]
        process = subprocess.Popen(
            [*enter, *unshare, "sh", "-c", SCRIPT, "sh", library],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        yield None
        return
    try:
        yield _up(process)
    finally:
        process.kill()
        process.wait()
        _remove(own)


def _up(process: "subprocess.Popen[bytes]") -> Booted | None:
    end = time.monotonic() + BOOT_S
    while time.monotonic() < end and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            system = Booted(int(children[0]))
            if system.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"):
                return system
        time.sleep(0.1)
    return None


def _remove(group: Path) -> None:
    """A control group and those in it, once their processes are gone."""
    end = time.monotonic() + 5
    while group.exists() and time.monotonic() < end:
        for inner, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):
                Path(inner).rmdir()
        time.sleep(0.02)
