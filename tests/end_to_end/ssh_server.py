"""A real sshd on the loopback, for this user alone: own keys, own configuration, own known hosts."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PRIVILEGE_SEPARATION = Path("/run/sshd")


def missing() -> str:
    """Why there can be no server here; empty where there can."""
    if SSHD is None or shutil.which("ssh") is None:
        return "no openssh-server and openssh-client"
    if os.geteuid() == 0 and not PRIVILEGE_SEPARATION.is_dir():
        with suppress(OSError):
            PRIVILEGE_SEPARATION.mkdir(mode=0o755)
        return "" if PRIVILEGE_SEPARATION.is_dir() else f"no {PRIVILEGE_SEPARATION}"
    return ""


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


class SshServer:
    """Args:
    folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host_key = make_key(folder / "host_key")
        self.key = make_key(folder / "key")
        (folder / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"{getpass.getuser()}@127.0.0.1:{self.port}"
        self.config = folder / "ssh_config"
        self.known_hosts = folder / "known_hosts"
        self.know_host()
        self.write_config()
        self._process: subprocess.Popen[bytes] | None = None

    def know_host(self, port: int | None = None) -> None:
        public = self.host_key.with_suffix(".pub").read_text().split(" ", 2)[:2]
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{port or self.port} {' '.join(public)}\n")

    def write_config(self, key: Path | None = None) -> None:
        self.config.write_text(
            f"IdentityFile {key or self.key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
        )

    def start(self) -> "SshServer":
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nPidFile none\nUsePAM no\nStrictModes no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "MaxStartups 100:30:200\n"
        )
        assert SSHD is not None
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)], stderr=(self.folder / "sshd.log").open("ab")
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid
