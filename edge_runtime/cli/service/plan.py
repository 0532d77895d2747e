"""From a command line of `neurograsp service` to the files that it stands for."""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from neurograsp.edge_runtime.cli.service.reach import devices, gpio_chip, named_ports, network

HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 (they are named, not used)
"""What the service does not see, or sees an empty one of."""

SWITCH = re.compile(r"serial:/.+|gpio:[\w/.-]+:\d+|monitor")


@dataclass(frozen=True)
class Plan:
    """Attributes:
    program: absolute path of the command.
    bundle: what is going to run.
    files: text of each, by its path; None: it is not to be there.
    notes: for the person.
    """

    program: str
    bundle: Path
    files: dict[PurePosixPath, str | None]
    notes: tuple[str, ...]


def add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_options",
        nargs="*",
        metavar="-- RUN_OPTIONS",
        help="options of `neurograsp run`; without --bundle it is /var/lib/neurograsp/current",
    )
    parser.add_argument(
        "--usb",
        action="append",
        default=[],
        metavar="ROLE=VENDOR:PRODUCT[:SERIAL]",
        help="name what has these numbers /dev/neurograsp-ROLE (hand, amplifier, switch); those of the "
        "ports in RUN_OPTIONS that are plugged in now are found without",
    )
    parser.add_argument(
        "--program",
        metavar="PATH",
        help="the command as it is called on the system that is meant (default: this one)",
    )
    parser.add_argument("--cpus", metavar="N,...", help="processors that the process may use (default: all)")
    parser.add_argument(
        "--watchdog",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="end and start again a run that has done no healthy tick for so long (default 10)",
    )
    parser.add_argument(
        "--tries",
        type=int,
        default=20,
        metavar="N",
        help="give up after so many starts within 10 minutes (default 20); 0: never",
    )


def plan_of(arguments: argparse.Namespace) -> Plan:
    """Raises UsageError for what a service cannot or must not do."""
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.service.device_names import GPIO_GROUP, parse_usb, rules_text
    from neurograsp.edge_runtime.service.names import BUNDLE
    from neurograsp.edge_runtime.service.unit import Unit, sysusers_text, unit_text

    if not 1 <= arguments.watchdog <= 3600:
        raise UsageError("--watchdog must be 1 to 3600 seconds")
    if not 0 <= arguments.tries <= 1000:
        raise UsageError("--tries must be 0 to 1000")
    words = list(arguments.run_options)
    if not any(word.partition("=")[0] == "--bundle" for word in words):
        words = ["--bundle", str(BUNDLE), *words]
    wanted = _parsed(words)
    _refuse_surprises(wanted)
    _check_paths(wanted)
    if wanted.reconnect is None:
        words += ["--reconnect", f"{arguments.watchdog / 2:g}"]
    elif wanted.reconnect >= arguments.watchdog:
        raise UsageError(
            f"--reconnect {wanted.reconnect:g}: the watchdog ends a run without frames after "
            f"{arguments.watchdog:g} s; look less long, or give --watchdog more"
        )
    named = dict(map(parse_usb, arguments.usb))
    words, found, notes = named_ports(words, wanted, named)
    chip = gpio_chip(wanted.arm_by)
    cpus = _cpus(arguments.cpus, wanted.cpu)
    program = arguments.program or str(Path(sys.executable).parent / "neurograsp")
    _check_program(program)
    unit = Unit(
        program=program,
        words=tuple(words),
        devices=tuple(devices(wanted)),
        network=network(wanted),
        cpus=cpus,
        watchdog_s=arguments.watchdog,
        tries=arguments.tries,
        slots=PurePosixPath(wanted.bundle.parent) if wanted.bundle.name == BUNDLE.name else None,
    )
    groups = ["dialout"] + ([GPIO_GROUP] if chip else [])
    texts = files(unit_text(unit), sysusers_text(groups), rules_text(found, chip))
    return Plan(program, wanted.bundle, texts, notes)


def files(unit: str | None, sysusers: str | None, rules: str | None) -> dict[PurePosixPath, str | None]:
    """All that `install` may write, and `remove` may take away."""
    from neurograsp.edge_runtime.service.names import RULES, SYSUSERS, UNIT_FILE

    return {UNIT_FILE: unit, SYSUSERS: sysusers, RULES: rules or None}


def say(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"neurograsp service: {note}", file=sys.stderr)


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """By the parser of `neurograsp run`, which ends the program where it does not understand."""
    from neurograsp.edge_runtime.cli import run
    from neurograsp.edge_runtime.cli.parser import Parser

    parser = Parser(prog="neurograsp run", allow_abbrev=False)
    parser.example = run.EXAMPLE
    parser.add_argument("--verbose", "-v", action="store_true")
    run.add_arguments(parser)
    return parser.parse_args(words)


def _refuse_surprises(wanted: argparse.Namespace) -> None:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if wanted.arm:
        raise UsageError(
            "--arm: a service starts by itself, after a crash or a power cut too, and would arm the hand by "
            "itself; take --arm-by with a switch, which must be seen open first, or with a monitor"
        )
    if wanted.arm_by is not None and not SWITCH.fullmatch(wanted.arm_by):
        raise UsageError(
            f"--arm-by {wanted.arm_by}: nobody types into a service; take serial:PORT, gpio:CHIP:LINE or "
            "monitor"
        )
    if wanted.arm_by == "monitor" and wanted.feed is None:
        raise UsageError("--arm-by monitor needs --feed, over which a monitor asks")


def _check_paths(wanted: argparse.Namespace) -> None:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.service.names import RUNTIME, SESSIONS

    given = [value for value in vars(wanted).values() if isinstance(value, Path)]
    if wanted.source.startswith("playback:"):
        given.append(Path(wanted.source.partition(":")[2]))
    profile = re.match(r"(?:sim:)?(.+\.toml)(?::|$)", wanted.hand)
    if profile:
        given.append(Path(profile[1]))
    outputs = {name: getattr(wanted, name) for name in ("out", "log", "feed") if getattr(wanted, name)}
    for path in [*given, *map(Path, outputs.values())]:
        if not path.is_absolute() or ".." in path.parts:
            raise UsageError(f"{path}: give the whole path: the service starts in another folder")
        if _inside(path, *HIDDEN):
            raise UsageError(
                f"{path}: the service sees no {_inside(path, *HIDDEN)}; copy it to /var/lib/neurograsp"
            )
    for name, text in outputs.items():
        if not _inside(Path(text), str(SESSIONS), str(RUNTIME)):
            raise UsageError(f"--{name} {text}: the service may write below {SESSIONS} and {RUNTIME} only")


def _inside(path: Path, *folders: str) -> str | None:
    return next((folder for folder in folders if path.is_relative_to(folder)), None)


def _check_program(program: str) -> None:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if not re.fullmatch(r"/[A-Za-z0-9/._+@-]+", program) or "/../" in program:
        raise UsageError(f"{program}: no path for a unit; install to one of letters, digits and ._+@-")
    hidden = _inside(Path(program), *HIDDEN)
    if hidden:
        raise UsageError(
            f"{program}: the service cannot see {hidden}; install to /opt/neurograsp (docs/service.md)"
        )


def _cpus(text: str | None, loop: int | None) -> tuple[int, ...]:
    from neurograsp.edge_runtime.contract.errors import UsageError

    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", text):
        raise UsageError(f"--cpus {text}: expected numbers of processors, such as 2,3")
    cpus = tuple(sorted({int(number) for number in text.split(",")}))
    if loop is not None and loop not in cpus:
        raise UsageError(f"--cpu {loop}: is not among --cpus {text}")
    return cpus
