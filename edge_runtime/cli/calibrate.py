"""`neurograsp calibrate`."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.calibration import Outcome
    from neurograsp.edge_runtime.contract.calibration import Calibration
    from neurograsp.edge_runtime.event_scores import ControllerScores, ScoredStream

HELP = "choose a bundle's thresholds for a person and a day, by false activations a minute"
EXAMPLE = "neurograsp calibrate --bundle runs/mine.bundle --source board:cyton:/dev/ttyUSB0 --out today.json"

SETTLE_S = 3.0
MOST_OVER = 2.0
"""Times the rest: a source that loses frames is listened to for so long before it is given up."""

MOST_REST_S = 1800.0
DEFAULT_REST_S = 60.0
DEFAULT_TARGET = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, help="bundle folder or archive")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--source", help="listen now, while the person rests: as for `neurograsp run`, no hand takes part"
    )
    where.add_argument(
        "--recording", type=Path, nargs="+", metavar="FILE", help="labelled recordings, or folders of them"
    )
    parser.add_argument(
        "--rest-s", type=float, metavar="S", help=f"seconds of rest, of --source (default {DEFAULT_REST_S:g})"
    )
    parser.add_argument(
        "--target",
        type=float,
        metavar="N",
        help="false activations a minute of rest (default: what the bundle was trained for)",
    )
    parser.add_argument("--speed", type=float, default=1.0, help="of playback; 1 is real time")
    parser.add_argument("--start", type=float, default=0.0, help="seconds of the recording to leave out")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="calibration file to write")
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.bundle import verify_golden
    from neurograsp.edge_runtime.calibration import check_enough_rest, choose
    from neurograsp.edge_runtime.contract.calibration import SCHEMA, Calibration, render_calibration
    from neurograsp.edge_runtime.drift import make_reference
    from neurograsp.edge_runtime.files import check_writable, write_whole

    check_options(arguments)
    rest_s = DEFAULT_REST_S if arguments.rest_s is None else arguments.rest_s
    check_writable(arguments.out)
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    own, signal = bundle.manifest.decision, bundle.manifest.signal
    target = arguments.target or own.target_fa_per_min or DEFAULT_TARGET
    if arguments.source is not None:
        check_enough_rest(rest_s, target)
    verify_golden(bundle)
    if arguments.source is not None:
        words, streams, rest = from_source(arguments, rest_s, bundle)
    else:
        words, streams, rest = from_recordings(arguments.recording, bundle)
    print_now("choosing thresholds ...")
    outcome = choose(streams, signal.actions, own, target)
    after = outcome.after
    calibration = Calibration(
        schema=SCHEMA,
        bundle_sha256=bundle.sha256,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=words,
        target_fa_per_min=target,
        rest_s=60 * after.rest_min,
        false_activations=after.false_activations,
        n_events=after.n_events,
        hits=after.hits,
        on=outcome.decision.on,
        off=outcome.decision.off,
        drift=make_reference(rest, signal.hop_s),
    )
    write_whole(arguments.out, render_calibration(calibration))
    report = describe(arguments.out, calibration, bundle, outcome)
    print(json.dumps(report) if arguments.json else render(report))
    return 0


def check_options(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that are impossible, alone or together."""
    from neurograsp.edge_runtime.contract.errors import UsageError

    playback = arguments.source is not None and arguments.source.startswith("playback:")
    if not 0.1 <= arguments.speed <= 1000:
        raise UsageError("--speed must be 0.1 to 1000")
    if (arguments.speed != 1 or arguments.start) and not playback:
        raise UsageError("--speed and --start are for --source playback:FILE")
    if arguments.recording is not None and arguments.rest_s is not None:
        raise UsageError("--rest-s is for --source; recordings have labels")
    if arguments.rest_s is not None and not 0 < arguments.rest_s <= MOST_REST_S:
        raise UsageError(f"--rest-s must be above 0, and at most {MOST_REST_S:g}")
    if arguments.target is not None and not 0.01 <= arguments.target <= 100:
        raise UsageError("--target must be 0.01 to 100 false activations a minute")
    if arguments.out.is_dir():
        raise UsageError(f"--out {arguments.out}: a folder; name a file")


def from_source(
    arguments: argparse.Namespace, rest_s: float, bundle: "Bundle"
) -> "tuple[str, list[ScoredStream], npt.NDArray[np.int8]]":
    """Listen to somebody at rest, without any hand.

    Returns:
        what was listened to in words, its scores, and the hops (n, hop, n_channels) of it.

    Raises:
        SourceError: the source is lost or silent.
        CheckFailed: all of it came in pieces shorter than a window.
    """
    from neurograsp.edge_runtime.calibration import Listener, UntilHeard
    from neurograsp.edge_runtime.cli.sources import open_source
    from neurograsp.edge_runtime.loop import ControlLoop
    from neurograsp.edge_runtime.sources.watched import START_S

    signal = bundle.manifest.signal
    source = open_source(arguments.source, signal, arguments.speed, arguments.start)
    pipeline, listener = bundle.pipeline(), Listener(signal, SETTLE_S)
    pipeline.watch(listener.push)
    wall_s = (SETTLE_S + rest_s) / arguments.speed
    print_now(f"rest now, for {wall_s:.0f} s: sit as you will, and mean to do nothing")
    heard = UntilHeard(source, listener, rest_s)
    ControlLoop(heard, pipeline, None, arming=None).run(MOST_OVER * wall_s + START_S)
    print_now("done")
    if pipeline.quality.bad:
        names = ", ".join(sorted(pipeline.quality.bad))
        print_now(f"bad at times: {names}; look at these electrodes, and calibrate again")
    stream = listener.stream()
    return (
        f"{listener.heard_s:.0f} s of rest from {arguments.source}",
        [stream],
        listener.hops(stream.in_rest),
    )


def from_recordings(
    paths: Sequence[Path], bundle: "Bundle"
) -> "tuple[str, list[ScoredStream], npt.NDArray[np.int8]]":
    """Play labelled recordings through the bundle's pipeline; returns as `from_source` does.

    Raises:
        RecordingError: one cannot be read, does not fit the bundle, is given twice, or none has labelled
            rest.
    """
    import numpy as np

    from neurograsp.edge_runtime.calibration import listen_to
    from neurograsp.edge_runtime.contract.errors import ConfigError, RecordingError

    point = next(iter(entry_points(group="neurograsp.labelled")), None)
    if point is None:
        raise ConfigError("no reader of labelled recordings is installed; install neurograsp again")
    reader = point.load()
    found = [one for path in paths for one in reader(path, bundle.manifest, str(bundle.path))]
    twice = sorted(name for name, n in Counter(one.name for one in found).items() if n > 1)
    if twice:
        raise RecordingError(f"{', '.join(twice)}: given twice; its rest counts once")
    heard = [listen_to(bundle, one) for one in found]
    streams = [stream for stream, _ in heard]
    names = ", ".join(one.name for one in found)
    if not any(stream.rest_s for stream in streams):
        raise RecordingError(f"{names}: no labelled rest, so no false activations can be counted")
    provenance = bundle.manifest.provenance
    seen = {*provenance.train, *(provenance.validation if provenance.refit else ())}
    trained_on = sorted(seen.intersection(one.name for one in found))
    if trained_on:
        print_now(
            f"the bundle was trained on {', '.join(trained_on)}: expect more false activations than this says"
        )
    return f"recordings {names}", streams, np.concatenate([rest for _, rest in heard])


def print_now(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def describe(out: Path, calibration: "Calibration", bundle: "Bundle", outcome: "Outcome") -> dict[str, Any]:
    """The calibration as plain values; see docs/schemas/calibrate.schema.json."""
    drift = calibration.drift
    return {
        "calibration": str(out),
        "bundle": {"path": str(bundle.path), "sha256": bundle.sha256},
        "source": calibration.source,
        "target_fa_per_min": calibration.target_fa_per_min,
        "rest_s": calibration.rest_s,
        "before": {"on": list(bundle.manifest.decision.on), **figures(outcome.before)},
        "after": {"on": list(outcome.decision.on), **figures(outcome.after)},
        "drift": None if drift is None else {"level": drift.level, "spread": drift.spread},
    }


def figures(scores: "ControllerScores") -> dict[str, Any]:
    """False activations a minute, between bounds of the rule's confidence each, and events found."""
    from neurograsp.edge_runtime.thresholds import poisson_lower_bound, poisson_upper_bound

    n = scores.false_activations
    return {
        "false_activations": n,
        "false_activations_per_min": scores.false_activations_per_min,
        "at_least_per_min": poisson_lower_bound(n) / scores.rest_min,
        "at_most_per_min": poisson_upper_bound(n) / scores.rest_min,
        "held_in_rest": scores.held_in_rest,
        "n_events": scores.n_events,
        "event_tpr": scores.event_tpr,
    }


def render(report: dict[str, Any]) -> str:
    """The calibration in a few lines."""
    rows = [
        ("source", report["source"]),
        ("rest", f"{report['rest_s']:.0f} s; at most {report['target_fa_per_min']:g} a minute wanted"),
        ("bundle's own", sentence(report["before"])),
        ("calibrated", sentence(report["after"])),
        ("drift", "will be watched" if report["drift"] else "will not be watched, see docs/calibration.md"),
        ("written", report["calibration"]),
    ]
    lines = [f"  {name:<13}{text}" for name, text in rows]
    bundle = report["bundle"]["path"]
    again = f"neurograsp run --bundle {bundle} --calibration {report['calibration']} --source ..."
    return "\n".join([*lines, "", f"Go on with:\n  {again}"])


def sentence(one: dict[str, Any]) -> str:
    low, high = min(one["on"]), max(one["on"])
    at = f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
    found = "" if one["event_tpr"] is None else f"; {one['event_tpr']:.0%} of {one['n_events']} events found"
    return (
        f"p >= {at}: {one['false_activations_per_min']:.2f} false activations a minute "
        f"({one['at_least_per_min']:.2f} to {one['at_most_per_min']:.2f}), active in "
        f"{one['held_in_rest']:.1%} of the rest{found}"
    )
