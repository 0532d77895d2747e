"""`neurograsp compare`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurograsp.edge_runtime.contract.run_folder import RunFacts

HELP = "put training runs side by side"
EXAMPLE = "neurograsp compare runs/gal runs/gal-wide"

MODELS = ("float", "linear")
SHOWN = {
    "auc_macro": "AUC",
    "auc_frame": "AUC in frame",
    "balanced_accuracy": "bal. acc.",
    "event_tpr": "events found",
    "false_activations_per_min": "false/min",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders that train wrote")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.train.run_files import read_facts, read_metrics

    runs = {str(path): (read_facts(path), read_metrics(path)) for path in arguments.runs}
    alike = len({facts.validation for facts, _ in runs.values()}) == 1
    if arguments.json:
        rows = {path: {**describe(facts), "scores": metrics} for path, (facts, metrics) in runs.items()}
        print(json.dumps({"runs": rows, "same_validation": alike}, allow_nan=False))
        return 0
    print(render(runs))
    if not alike:
        print("The runs validate on different recordings: their scores say nothing about which is better.")
    return 0


def describe(facts: "RunFacts") -> dict[str, Any]:
    """What was trained on what."""
    return {
        "name": facts.name,
        "network": facts.network,
        "parameters": facts.parameters,
        "macs": facts.macs,
        "window_s": facts.signal.window_s,
        "seed": facts.seed,
        "train": list(facts.train),
        "validation": list(facts.validation),
    }


def render(runs: dict[str, tuple["RunFacts", dict[str, Any]]]) -> str:
    """A column a run: what it is, then float / linear of each measure on its validation recordings."""
    from neurograsp.train.cli.tables import cell

    lines = {
        "network": [facts.network for facts, _ in runs.values()],
        "parameters": [f"{facts.parameters:,}" for facts, _ in runs.values()],
        "million MACs a window": [f"{facts.macs / 1e6:.2f}" for facts, _ in runs.values()],
        "window": [f"{facts.signal.window_s:.2f} s" for facts, _ in runs.values()],
        "seed": [str(facts.seed) for facts, _ in runs.values()],
        "trained on": [_span(facts.train) for facts, _ in runs.values()],
        "validated on": [_span(facts.validation) for facts, _ in runs.values()],
    }
    for measure, label in SHOWN.items():
        lines[f"{label}, float / linear"] = [
            " / ".join(cell(measure, figures[measure].get(model)) for model in MODELS)
            for _, figures in runs.values()
        ]
    width = max(len(label) for label in lines)
    columns = [max(len(path), *(len(row[i]) for row in lines.values())) for i, path in enumerate(runs)]
    header = f"  {'':<{width}}" + "".join(f"  {path:>{n}}" for path, n in zip(runs, columns))
    body = [
        f"  {label:<{width}}" + "".join(f"  {text:>{n}}" for text, n in zip(row, columns))
        for label, row in lines.items()
    ]
    return "\n".join([header, *body])


def _span(names: tuple[str, ...]) -> str:
    """The recordings in a few characters."""
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} to {names[-1]} ({len(names)})"
