"""`neurograsp replay`."""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.replay.against import Disagreement
    from neurograsp.edge_runtime.replay.same import Comparison
    from neurograsp.edge_runtime.telemetry.moments import OpenLog

HELP = "a session's log once more: does the bundle decide the same, or where would another one differ"
EXAMPLE = "neurograsp replay session.mcap --against runs/new.bundle"

SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, metavar="FILE", help="what `neurograsp run --log` wrote")
    bundle = parser.add_mutually_exclusive_group()
    bundle.add_argument(
        "--bundle", type=Path, help="where the session's bundle is now (default: where it was)"
    )
    bundle.add_argument(
        "--against",
        type=Path,
        metavar="BUNDLE",
        help="another bundle: show where it would have asked for something else",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="with --against: thresholds of `neurograsp calibrate` for that bundle",
    )
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.cli.calibrated import applied_calibration
    from neurograsp.edge_runtime.cli.session_clock import clock_shown
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.edge_runtime.replay.against import replay_against
    from neurograsp.edge_runtime.replay.same import replay_same
    from neurograsp.edge_runtime.telemetry.moments import OpenLog

    if arguments.calibration is not None and arguments.against is None:
        raise UsageError("--calibration goes with --against; the session's own thresholds are in its log")
    log = OpenLog(arguments.log)
    if arguments.against is None:
        bundle = own_bundle(log, arguments.bundle, arguments.public_key)
        began = time.perf_counter()
        with clock_shown(log):
            comparison = replay_same(log, bundle.pipeline(log.decision))
        report = about(log, bundle, comparison.seconds, time.perf_counter() - began)
        report |= {"same": same_json(comparison), "against": None}
        print(json.dumps(report) if arguments.json else same_text(report, comparison, log))
        return 0 if comparison.same else 1
    bundle = open_trusted(arguments.against, arguments.public_key)
    decision = applied_calibration(arguments.calibration, bundle).decision
    began = time.perf_counter()
    with clock_shown(log):
        disagreement = replay_against(log, bundle.pipeline(decision))
    report = about(log, bundle, disagreement.seconds, time.perf_counter() - began)
    report |= {"same": None, "against": against_json(disagreement)}
    print(json.dumps(report) if arguments.json else against_text(report, disagreement))
    return 0


def own_bundle(log: "OpenLog", named: Path | None, public_key: Path | None) -> "Bundle":
    """The bundle that the session ran.

    Raises:
        BundleError: it is not there, or another one is.
    """
    from neurograsp.edge_runtime.contract.errors import BundleError

    path = named or Path(log.session.bundle)
    wanted = log.session.bundle_sha256
    if named is None and not path.exists():
        raise BundleError(
            f"{path}: the session's bundle is not there; say with --bundle where the one of SHA-256 "
            f"{wanted[:12]} is now"
        )
    bundle = open_trusted(path, public_key)
    if bundle.sha256 != wanted:
        raise BundleError(
            f"{path}: its SHA-256 is {bundle.sha256[:12]}, and the session ran {wanted[:12]}; name that one "
            "with --bundle, or compare with this one by --against"
        )
    return bundle


def about(log: "OpenLog", bundle: "Bundle", seconds: float, took_s: float) -> dict[str, Any]:
    """What was replayed; see docs/schemas/replay.schema.json."""
    return {
        "log": str(log.path),
        "started_at": log.session.started_at,
        "seconds": seconds,
        "cut": log.cut,
        "bundle": {"path": str(bundle.path), "sha256": bundle.sha256},
        "recorded_bundle": {"path": log.session.bundle, "sha256": log.session.bundle_sha256},
        "took_s": took_s,
        "times_real_time": seconds / took_s if took_s > 0 else 0.0,
    }


def same_json(comparison: "Comparison") -> dict[str, Any]:
    return {"same": comparison.same, **asdict(comparison)}


def against_json(disagreement: "Disagreement") -> dict[str, Any]:
    return asdict(disagreement)


def heading(report: dict[str, Any]) -> list[str]:
    """What both ways of replaying begin with."""
    lines = [
        f"  session    {report['started_at']}, {report['seconds']:.2f} s",
        f"  bundle     {report['bundle']['path']} ({report['bundle']['sha256'][:12]})",
        f"  replayed   in {report['took_s']:.2f} s, {report['times_real_time']:.0f} times real time",
    ]
    if report["cut"]:
        lines.append(f"  the log    ends early: {report['cut']}")
    return lines


def same_text(report: dict[str, Any], comparison: "Comparison", log: "OpenLog") -> str:
    """The comparison for people, with the first differences."""
    lines = heading(report)
    lines.append(
        f"  compared   {comparison.ticks} ticks, {comparison.decisions} decisions, "
        f"{comparison.commands} commands"
    )
    if not comparison.ticks:
        return "\n".join([*lines, "", "NOT COMPARED: the log holds no tick."])
    if comparison.missing:
        lines.append(
            f"  missing    {comparison.missing} ticks are not in the log, the first before "
            f"{comparison.whole_until_s or 0.0:.2f} s: what follows has another past than in the run"
        )
    if comparison.broke_off:
        lines.append(f"  left out   the last tick, in which the run broke off: {comparison.broke_off}")
    if comparison.same:
        return "\n".join([*lines, "", "SAME: every decision and command, byte for byte."])
    lines.append("")
    if not comparison.n_differences:
        lines.append(
            f"SAME UP TO {comparison.whole_until_s or 0.0:.2f} s, where ticks are missing; "
            f"{comparison.n_behind} differences behind that say nothing."
        )
        return "\n".join(lines)
    lines.append(f"DIFFERENT: {comparison.n_differences} differences; the first:")
    lines += table(
        ("time", "of", "recorded", "replayed"),
        [
            (f"{one.at_s:.2f} s", one.what, one.recorded, one.replayed)
            for one in comparison.differences[: min(SHOWN, comparison.n_differences)]
        ],
    )
    lines += ["", *(f"  {hint}" for hint in hints(comparison, log))]
    return "\n".join(lines)


def hints(comparison: "Comparison", log: "OpenLog") -> list[str]:
    """Where the differences may come from."""
    from importlib.metadata import version

    found = []
    if {one.what for one in comparison.differences} == {"scores"}:
        found.append(
            "Only scores differ: another kind of processor rounds in other places. Replay on the kind of "
            "machine that recorded."
        )
    here, there = version("neurograsp"), log.session.neurograsp
    if here != there:
        found.append(f"The session was recorded by neurograsp {there}, and this is {here}.")
    return found


def against_text(report: dict[str, Any], disagreement: "Disagreement") -> str:
    """Where the bundles differ, for people."""
    one = disagreement
    share = f"{100 * one.agreed_s / one.seconds:.1f} %" if one.seconds else "-"
    lines = [
        *heading(report),
        f"  instead of {report['recorded_bundle']['path']} ({report['recorded_bundle']['sha256'][:12]})",
        f"  agreement  {share} of the time the same is asked of the hand",
        f"  movements  {counts(one.starts_before)} became {counts(one.starts_after)}",
        f"  stops      {one.stops_before} became {one.stops_after}",
    ]
    if one.missing:
        lines.append(f"  missing    {one.missing} ticks are not in the log; they are a gap for this bundle")
    if not one.stretches:
        return "\n".join([*lines, "", "The same was asked of the hand throughout."])
    lines += ["", f"Other commands in {len(one.stretches)} stretches of time" + more(len(one.stretches))]
    lines += table(
        ("from", "for", "recorded", "why", "replayed", "why"),
        [
            (
                f"{row.begin_s:.2f} s",
                f"{row.end_s - row.begin_s:.2f} s",
                row.before.label,
                row.before.reason,
                row.after.label,
                row.after.reason,
            )
            for row in one.stretches[:SHOWN]
        ],
    )
    return "\n".join(lines)


def more(n_rows: int) -> str:
    return f"; the first {SHOWN}, all with --json:" if n_rows > SHOWN else ":"


def counts(starts: dict[str, int]) -> str:
    """Movements by command."""
    listed = ", ".join(f"{name} {n}" for name, n in sorted(starts.items()))
    return f"{sum(starts.values())} ({listed})" if starts else "none"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Columns as wide as they have to be."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in (head, *rows)
    ]
