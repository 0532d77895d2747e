"""`neurograsp convert`."""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from neurograsp.edge_runtime.contract.errors import UsageError
from neurograsp.edge_runtime.contract.run_folder import Method
from neurograsp.firmware_bridge.strict import encode

if TYPE_CHECKING:
    from neurograsp.convert.convert_run import Converted

HELP = "quantize a trained run to int8 and write a verified bundle"
EXAMPLE = "neurograsp convert runs/gal --out runs/gal.bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="RUN",
        type=Path,
        help="what `neurograsp train --out` wrote; with --target c a bundle too",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--target",
        choices=("bundle", "c"),
        default="bundle",
        help="c: filter and network as C sources for a microcontroller; default: bundle",
    )
    parser.add_argument("--method", choices=get_args(Method), help="default: as the run was configured")
    parser.add_argument(
        "--whole-windows", action="store_true", help="leave out the form that is computed hop by hop"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="gates.KEY=VALUE",
        help="another limit than the run was configured with, repeatable",
    )
    parser.add_argument("--sign", type=Path, metavar="KEY", help="private key that `neurograsp keygen` wrote")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    if arguments.target == "c":
        return _to_c(arguments)
    converted = _convert(arguments, arguments.out)
    if arguments.json:
        print(json.dumps(_facts(converted)))
        return 0
    _print(converted)
    signed = "" if arguments.sign is None else ", signed"
    print(f"bundle: {converted.path} (sha256 {converted.sha256[:16]}...{signed})")
    return 0


def _convert(arguments: argparse.Namespace, out: Path) -> "Converted":
    from neurograsp.convert.convert_run import convert_run
    from neurograsp.edge_runtime.signature import read_private_key

    return convert_run(
        arguments.source,
        out,
        arguments.method,
        lambda step: print(f"{step} ...", file=sys.stderr),
        whole_windows=arguments.whole_windows,
        overrides=arguments.set,
        key=None if arguments.sign is None else read_private_key(arguments.sign),
    )


def _to_c(arguments: argparse.Namespace) -> int:
    """A bundle as C, or a run by way of a bundle that is not kept."""
    from neurograsp.convert.c_target.export import export_c, refuse_what_is_foreign
    from neurograsp.edge_runtime.bundle import MANIFEST, open_bundle

    source, out = arguments.source, arguments.out
    if arguments.sign is not None:
        raise UsageError("--sign: signs a bundle, and --target c writes none")
    refuse_what_is_foreign(out)
    with tempfile.TemporaryDirectory() as folder:
        if source.is_file() or (source / MANIFEST).is_file():
            if arguments.method is not None or arguments.set:
                raise UsageError(f"--method and --set: {source} is a bundle, quantized already")
        else:
            source = Path(folder) / "bundle"
            converted = _convert(arguments, source)
            if not arguments.json:
                _print(converted)
        exported = export_c(open_bundle(source), out, whole_windows=arguments.whole_windows)
    if arguments.json:
        print(json.dumps({**asdict(exported), "path": str(out)}))
        return 0
    form = "hop by hop" if exported.hop_by_hop else "window by window"
    print(f"C sources, {form}: {out}")
    print(
        exported.golden
        or "not run here: no C compiler, or no place to run it; run `make test` in it where there is"
    )
    return 0


def _facts(converted: "Converted") -> dict[str, Any]:
    return {
        "bundle": str(converted.path),
        "sha256": converted.sha256,
        "chosen": converted.chosen,
        "reason": converted.reason,
        "candidates": converted.candidates,
        "gates": [encode(gate) for gate in converted.gates],
        "refit": converted.refit,
        "stream": None if converted.stream is None else encode(converted.stream),
    }


def _print(converted: "Converted") -> None:
    print(f"  {'on validation':<18}{'AUC':>8}{'agrees':>9}{'|dp|':>8}{'kB':>8}")
    for name, figures in converted.candidates.items():
        auc = "-" if figures["auc_macro"] is None else f"{figures['auc_macro']:.4f}"
        print(
            f"  {name:<18}{auc:>8}{figures['agreement']:>9.3f}{figures['probability_difference']:>8.4f}"
            f"{figures['bytes'] / 1000:>8.1f}"
        )
    print(f"kept {converted.chosen}: {converted.reason}")
    for gate in converted.gates:
        print(f"  {'pass' if gate.passed else 'FAIL'}  {gate.name:<14}{gate.figure} ({gate.limit})")
    if converted.refit is not None:
        print(
            "in the bundle: the network after it was trained on these recordings too; "
            f"int8 agrees with float in {converted.refit['agreement']:.3f}, "
            f"|dp| {converted.refit['probability_difference']:.4f}"
        )
    if converted.stream is not None:
        stream = converted.stream
        print(
            f"hop by hop: {stream.macs / 1e6:.3g} M of {stream.window_macs / 1e6:.3g} M multiplications, "
            f"{stream.state_bytes / 1000:.3g} kB carried on; the same logits in "
            f"{' and '.join(str(n) for n in stream.checked_hops.values())} hops of each kind"
        )
