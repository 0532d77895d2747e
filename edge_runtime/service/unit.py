"""The systemd unit and the system user of the service, as text. docs/service.md has the reasons."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.realtime import PRIORITY
from neurograsp.edge_runtime.service.names import CACHE, ENVIRONMENT, RUNTIME, SESSIONS, STATE, USER

PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
WINDOW_S = 600
"""In which `tries` starts are allowed."""


@dataclass(frozen=True)
class Unit:
    """What differs from one board to the next.

    Attributes:
        program: absolute path of the command `neurograsp`.
        words: arguments of `neurograsp run`.
        devices: of DeviceAllow=, such as `char-ttyACM`.
        network: whether the source or the hand is reached over a network.
        slots: folder of `neurograsp deploy`, whose `current` is run; None: the bundle is no slot's.
        cpus: processors that the process may use; empty: all.
        watchdog_s: a run without a healthy tick for so long is ended and started again.
        tries: starts within `WINDOW_S` before it is given up; 0: never.
    """

    program: str
    words: tuple[str, ...]
    devices: tuple[str, ...]
    network: bool = False
    slots: PurePosixPath | None = None
    cpus: tuple[int, ...] = ()
    watchdog_s: float = 10.0
    tries: int = 20


TEMPLATE = """\
[Unit]
Description=Neurograsp control loop
{after}
# So many starts within so many seconds, then it is given up.
StartLimitIntervalSec={window}
StartLimitBurst={tries}

[Service]
Type=notify
NotifyAccess=main
{resolve}
ExecStart={command}
WorkingDirectory={STATE}
Environment=PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1
Environment=PYTHONPYCACHEPREFIX={CACHE}/bytecode XDG_CACHE_HOME={CACHE}
EnvironmentFile=-{ENVIRONMENT}

# Fed by healthy ticks of the control loop alone. Whatever starts again is disarmed.
WatchdogSec={watchdog}
Restart=on-failure
RestartSec=5
# A wrong command line, something not installed, a bad bundle: not healed by another start.
RestartPreventExitStatus=2 3 4
SuccessExitStatus=130
TimeoutStartSec=90
TimeoutStopSec=10
# The first signal is for the loop, which stops the hand; who writes the log ends after it.
KillMode=mixed

User={USER}
Group={USER}
UMask=0077
StateDirectory={sessions}
StateDirectoryMode=0700
CacheDirectory={CACHE.name}
CacheDirectoryMode=0700
RuntimeDirectory={RUNTIME.name}
RuntimeDirectoryMode=0750

LimitRTPRIO={PRIORITY}
LimitMEMLOCK=infinity
LimitCORE=0
OOMScoreAdjust=-500
TasksMax=128
{affinity}

DevicePolicy=closed
{devices}
{network}

ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes
PrivateIPC=yes
PrivateUsers=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
"""A line that has nothing to say is left out."""

RESOLVE = """\
# By root, to whom the slots belong, with nothing that the service's user could have touched.
ExecStartPre=-+/usr/bin/env -i {program} slot resolve --root {slots}"""
ONLINE = "Wants=network-online.target\nAfter=network-online.target"
NETWORK = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"
NO_NETWORK = "RestrictAddressFamilies=AF_UNIX\nPrivateNetwork=yes\nIPAddressDeny=any"


def unit_text(unit: Unit) -> str:
    """Raises UsageError for an argument that a unit cannot hold."""
    fields = {
        "after": ONLINE if unit.network else "",
        "window": WINDOW_S if unit.tries else 0,
        "tries": unit.tries,
        "resolve": "" if unit.slots is None else _resolve(unit.program, unit.slots),
        "command": _command_line(unit.program, unit.words),
        "watchdog": f"{unit.watchdog_s:g}",
        "sessions": SESSIONS.relative_to("/var/lib"),
        "affinity": f"CPUAffinity={' '.join(map(str, unit.cpus))}" if unit.cpus else "",
        "devices": "\n".join(f"DeviceAllow={device} rw" for device in unit.devices),
        "network": NETWORK if unit.network else NO_NETWORK,
    }
    names = {"STATE": STATE, "CACHE": CACHE, "RUNTIME": RUNTIME, "ENVIRONMENT": ENVIRONMENT, "USER": USER}
    lines = []
    for line in TEMPLATE.splitlines():
        filled = line.format(PRIORITY=PRIORITY, **names, **fields)
        if filled or not line:
            lines.append(filled)
    return "\n".join(lines) + "\n"


def sysusers_text(groups: Sequence[str]) -> str:
    """For systemd-sysusers: the user of the service, and groups that may open its devices."""
    lines = [f'u {USER} - "Neurograsp control loop" {STATE}', *(f"m {USER} {group}" for group in groups)]
    return "\n".join(lines) + "\n"


def exec_word(word: str) -> str:
    """An argument as ExecStart= wants it: not a specifier, not a variable, not cut at a space.

    Raises:
        UsageError: it has characters that do not belong on a command line.
    """
    if not word.isprintable():
        raise UsageError(f"{word!r}: has characters that cannot be printed; a unit cannot hold them")
    doubled = word.replace("%", "%%").replace("$", "$$")
    if PLAIN.fullmatch(doubled):
        return doubled
    escaped = doubled.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _resolve(program: str, slots: PurePosixPath) -> str:
    return RESOLVE.format(program=program, slots=exec_word(str(slots)))


def _command_line(program: str, words: Sequence[str]) -> str:
    """Each option on a line of its own."""
    text = f"{program} run"
    for word in words:
        text += (" \\\n    " if word.startswith("--") else " ") + exec_word(word)
    return text
