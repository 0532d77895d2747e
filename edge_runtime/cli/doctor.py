"""`neurograsp doctor`: looks, never writes."""

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

COMPILERS = ("cc", "gcc", "clang")

HELP = "check this machine and, if given, a bundle and a hand; changes nothing"
EXAMPLE = "neurograsp doctor --bundle runs/gal.bundle"

Row = tuple[Literal["ok", "warn", "fail"], str, str]
"""Level, what was found, and the fix ("" when there is nothing to fix)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="verify this bundle too")
    add_public_key(parser)
    parser.add_argument("--hand", help="say hello to this hand too; it is not armed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    checks: list[Callable[[], Row]] = [python, kernel, litert, brainflow, compiler, ports, clock, governor]
    if arguments.bundle is not None:
        checks.append(lambda: bundle(arguments.bundle, arguments.public_key))
    if arguments.hand is not None:
        checks.append(lambda: hand(arguments.hand))
    rows = [check() for check in checks]
    failed = any(level == "fail" for level, _, _ in rows)
    if arguments.json:
        print(json.dumps({"rows": [{"level": a, "what": b, "fix": c} for a, b, c in rows], "ok": not failed}))
        return int(failed)
    for level, what, fix in rows:
        print(f"  {level:<5} {what}" + (f"\n        fix: {fix}" if fix else ""))
    return int(failed)


def python() -> Row:
    what = f"Python {platform.python_version()} on {platform.machine()}"
    if sys.maxsize < 2**32:
        return "fail", f"{what}, 32 bit", "use a 64-bit system; LiteRT has no 32-bit build"
    return "ok", what, ""


def kernel() -> Row:
    from neurograsp.edge_runtime.dsp import kernel as kernels

    if kernels.compiled is None:
        return (
            "warn",
            "filter kernel: numpy (slower, same bits)",
            "sudo apt install gcc python3-dev, then reinstall neurograsp",
        )
    return "ok", "filter kernel: C", ""


def litert() -> Row:
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except (ImportError, OSError) as error:
        return "fail", f"LiteRT does not load: {error}", "pip install --force-reinstall ai-edge-litert"
    from importlib.metadata import version

    return "ok", f"LiteRT {version('ai-edge-litert')}", ""


def brainflow() -> Row:
    from neurograsp.edge_runtime.contract.errors import MissingExtra, NeurograspError
    from neurograsp.edge_runtime.sources.brainflow_board import BUILD_PAGE, load_brainflow

    try:
        load_brainflow()
    except MissingExtra:
        return (
            "warn",
            "BrainFlow is not installed: no boards, no playback",
            "pip install '.[brainflow]' in the source checkout",
        )
    except NeurograspError as error:
        return "fail", str(error), f"build it: {BUILD_PAGE}"
    from importlib.metadata import version

    return "ok", f"BrainFlow {version('brainflow')}", ""


def compiler() -> Row:
    if not any(shutil.which(name) for name in COMPILERS):
        return "warn", "no C compiler: no simulated hand", "sudo apt install gcc"
    return "ok", "C compiler, for the simulated hand", ""


def ports() -> Row:
    from serial.tools.list_ports import comports

    found = [port.device for port in comports()]
    if not found:
        return "ok", "no serial port (none is needed for --hand sim)", ""
    closed = [port for port in found if not os.access(port, os.R_OK | os.W_OK)]
    if closed:
        return (
            "warn",
            f"no permission for {', '.join(closed)}",
            "sudo usermod -aG dialout $USER, log in again",
        )
    return "ok", f"serial ports: {', '.join(found)}", ""


def clock() -> Row:
    import time

    resolution = time.get_clock_info("monotonic").resolution
    if resolution > 1e-3:
        return "fail", f"monotonic clock steps of {resolution * 1000:g} ms", "use another kernel clock source"
    return "ok", f"monotonic clock, {resolution * 1e9:g} ns", ""


def governor() -> Row:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    try:
        name = path.read_text().strip()
    except OSError:
        return "ok", "CPU governor: not offered by this machine", ""
    if name in ("powersave", "ondemand", "conservative"):
        return "warn", f"CPU governor {name}: ticks may be late", "sudo cpupower frequency-set -g performance"
    return "ok", f"CPU governor {name}", ""


def bundle(path: Path, public_key: Path | None) -> Row:
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.contract.errors import BundleError, ConfigError, MissingExtra

    try:
        opened = open_trusted(path, public_key)
        steps = verify_golden(opened)
    except BundleError as error:
        return "fail", str(error), "copy the bundle again, or convert the run again"
    except (ConfigError, MissingExtra) as error:
        return "fail", f"bundle {path}: {error}", "repair the public key of this machine"
    signature = {"none": "not signed", "not checked": "signature not checked", "valid": "signature valid"}
    what = f"hashes match, {signature[opened.signature]}, golden vectors reproduced ({steps} steps)"
    return "ok", f"bundle {path}: {what}", ""


def hand(url: str) -> Row:
    from neurograsp.edge_runtime.cli.hands import open_hand
    from neurograsp.edge_runtime.contract.errors import NeurograspError, UsageError

    try:
        with open_hand(url) as opened:
            if opened.link is None:
                raise UsageError(f"--hand {url}: name a hand to say hello to")
            state = opened.link.state.state.name
    except UsageError:
        raise
    except NeurograspError as error:
        return "fail", f"hand: {error}", "see the message; `neurograsp ports` lists the ports"
    return "ok", f"hand {opened.name}: answers, {state}", ""
