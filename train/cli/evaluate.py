"""`neurograsp evaluate`."""

import argparse
import json
from pathlib import Path

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted
from neurograsp.train.cli.options import listed_names

HELP = "score a bundle on recordings, through the board's own pipeline"
EXAMPLE = "neurograsp evaluate runs/gal.bundle examples/data/way-eeg-gal-windows --sessions 7 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder or archive")
    parser.add_argument("recordings", type=Path, nargs="+", help="recording files, or folders of them")
    parser.add_argument("--subjects", type=listed_names, help="only these, such as 1,2")
    parser.add_argument("--sessions", type=listed_names, help="only these, such as 7,8")
    parser.add_argument(
        "--skip-s",
        type=float,
        default=0.0,
        metavar="S",
        help="leave out windows that end so soon after a change of labels: people follow a cue late",
    )
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html, demo.png and metrics.json there"
    )
    parser.add_argument(
        "--session", type=Path, metavar="FILE", help="with --report: what `neurograsp run --out FILE` wrote"
    )
    parser.add_argument(
        "--run",
        type=Path,
        metavar="RUN",
        dest="training",
        help="with --report: the run folder that the bundle was made from, for its learning curves",
    )


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.contract.errors import UsageError
    from neurograsp.train.bundle_scores import score_bundle
    from neurograsp.train.cli.progress import track
    from neurograsp.train.cli.tables import operating_table, score_table
    from neurograsp.train.datasets import open_recordings
    from neurograsp.train.operating_points import operating_points

    if arguments.session is not None and arguments.report is None:
        raise UsageError("--session FILE goes into the report; add --report DIR")
    if arguments.training is not None and arguments.report is None:
        raise UsageError("--run RUN goes into the report; add --report DIR")
    if not 0 <= arguments.skip_s < float("inf"):
        raise UsageError("--skip-s must be zero or more seconds")
    bundle = open_trusted(arguments.bundle, arguments.public_key)
    recordings = [
        recording
        for path in arguments.recordings
        for recording in open_recordings(path, arguments.subjects, arguments.sessions)
    ]
    scores = score_bundle(bundle, recordings, track, arguments.skip_s)
    if arguments.report is not None:
        from neurograsp.train.report import write_report

        written = write_report(
            bundle, recordings, scores, arguments.session, arguments.report, arguments.training
        )
    if arguments.json:
        print(json.dumps(scores.to_json(), allow_nan=False))
        return 0
    said = ", ".join(f"{name} ({worth})" for name, worth in scores.unseen.items())
    print(f"{bundle.path} on {said}:")
    print(score_table(scores.figures, bundle.manifest.labels, scores.intervals, scores.margins))
    if scores.swept:
        print(operating_table(operating_points(scores.swept), tuple(scores.figures)))
    if len(scores.by_subject) > 1:
        print(
            "AUC by subject: "
            + ", ".join(
                f"{subject} {figures['int8']['auc_macro']:.3f}"
                for subject, figures in scores.by_subject.items()
                if figures["int8"]["auc_macro"] is not None
            )
        )
    if arguments.report is not None:
        print(f"report: {written}")
    return 0
