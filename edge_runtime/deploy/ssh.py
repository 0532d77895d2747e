"""OpenSSH's client: how it is called, and what its errors mean.

The person's own configuration counts (aliases, keys, jump hosts), but for what would make it ask, wait
without end, forward anything, or accept a host key that is not known.
"""

import re
import shlex
from pathlib import Path

from neurograsp.edge_runtime.deploy.fleet import Address, Board
from neurograsp.edge_runtime.deploy.service import last_words

CONNECT_S = 10
ALIVE_S = 5
ALIVE_TRIES = 3
SSH_FAILED = 255
NOT_FOUND = 127
NOT_RUNNABLE = 126
USAGE = 2

OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    # Either would take a host key that no known_hosts file has.
    "VerifyHostKeyDNS": "no",
    "NoHostAuthenticationForLocalhost": "no",
    "ConnectTimeout": str(CONNECT_S),
    "ServerAliveInterval": str(ALIVE_S),
    "ServerAliveCountMax": str(ALIVE_TRIES),
    # One that stays behind as a master keeps stderr open.
    "ControlMaster": "no",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RequestTTY": "no",
    "EscapeChar": "none",
    "LogLevel": "ERROR",
}


def ssh_command(board: Board, config: Path | None) -> list[str]:
    """The command line; the board's words are quoted for its shell."""
    address = Address.parse(board.address)
    command = ["ssh", *(f"-o{name}={value}" for name, value in OPTIONS.items())]
    if config is not None:
        command += ["-F", str(config)]
    if address.user is not None:
        command += ["-l", address.user]
    if address.port is not None:
        command += ["-p", str(address.port)]
    return [*command, "--", address.host, shlex.join(board.command)]


def explain(board: Board, code: int, stderr: str) -> str:
    """Why ssh ended without a word of ours: one line with the remedy.

    Args:
        board: that was called.
        code: ssh's exit code; of the program on the board, or 255.
        stderr: of both.
    """
    address = Address.parse(board.address)
    port = f"-p {address.port} " if address.port else ""
    log_in = f"ssh {port}{shlex.quote(f'{address.user}@{address.host}' if address.user else address.host)}"
    last = last_words(stderr) or f"exit {code}"
    if code < 0:
        return f"ssh was ended by signal {-code}"
    if code in (NOT_FOUND, NOT_RUNNABLE):
        return (
            f"{board.program} does not run there ({last}); install Neurograsp on the board, and name its "
            "program with --program, such as neurograsp/.venv-board/bin/neurograsp"
        )
    if code == USAGE and "no command 'slot'" in stderr:
        return "its neurograsp is too old to be deployed to; bring it up to date (make install-board)"
    if code != SSH_FAILED:
        return f"its neurograsp ended with {code}: {last}"
    if "HOST IDENTIFICATION HAS CHANGED" in stderr:
        offending = re.search(r"^Offending \S+ key in (\S+):\d+", stderr, re.MULTILINE)
        file = f"-f {shlex.quote(offending[1])} " if offending else ""
        host = shlex.quote(address.host if address.port in (None, 22) else f"[{address.host}]:{address.port}")
        return (
            "its host key is another one than before: another machine answers, or it was installed anew. "
            f"If you know that it was: ssh-keygen {file}-R {host}, then log in once with {log_in} and "
            "compare the fingerprint"
        )
    if "host key is known" in stderr or "Host key verification failed" in stderr:
        return (
            f"its host key is not known here; log in once with {log_in}, and compare the fingerprint with "
            "what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub shows on the board"
        )
    if "Permission denied" in stderr or "Too many authentication failures" in stderr:
        return f"lets none of your keys in ({last}); ssh-copy-id, or ssh-add, until {log_in} asks for nothing"
    return f"cannot be reached: {last}"
