"""`neurograsp inspect`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograsp.edge_runtime.cli.trust import add_public_key, open_trusted

if TYPE_CHECKING:
    from neurograsp.edge_runtime.bundle import Bundle
    from neurograsp.edge_runtime.contract.decision_spec import Proportional
    from neurograsp.edge_runtime.contract.manifest import StreamFacts
    from neurograsp.edge_runtime.contract.signal_spec import Stage
    from neurograsp.edge_runtime.network_graph import Graph, Operator, Tensor

HELP = "verify a bundle and show what is inside"
EXAMPLE = "neurograsp inspect runs/gal.bundle"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="bundle folder or archive")
    add_public_key(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from neurograsp.edge_runtime.bundle import verify_golden

    bundle = open_trusted(arguments.bundle, arguments.public_key)
    steps = verify_golden(bundle)
    if arguments.json:
        print(json.dumps(as_json(bundle, steps)))
        return 0
    print(render(bundle, steps))
    return 0


def as_json(bundle: "Bundle", steps: int) -> dict[str, Any]:
    """Manifest, networks and the outcome of the golden vectors; see docs/schemas/inspect.schema.json."""
    from neurograsp.edge_runtime.network_graph import read_graph
    from neurograsp.firmware_bridge.strict import encode

    return {
        "path": str(bundle.path),
        "sha256": bundle.sha256,
        "signature": bundle.signature,
        "bytes": {name: len(data) for name, data in bundle.files.items()},
        "golden": {"reproduced": True, "largest_difference_steps": steps},
        "manifest": encode(bundle.manifest),
        "networks": {
            name: _network_json(read_graph(data, f"{bundle.path}: {name}"))
            for name, data in bundle.files.items()
            if name.endswith(".tflite")
        },
    }


def _network_json(graph: "Graph") -> dict[str, Any]:
    return {
        "macs": graph.macs,
        "weight_bytes": graph.weight_bytes,
        "arena_bytes": graph.arena_bytes,
        "operators": [
            {
                "name": one.name,
                "macs": one.macs,
                "inputs": [_tensor_json(tensor) for tensor in one.inputs],
                "outputs": [_tensor_json(tensor) for tensor in one.outputs],
            }
            for one in graph.operators
        ],
    }


def _tensor_json(tensor: "Tensor") -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "kind": tensor.kind,
        "scales": list(tensor.scales),
        "zero_points": list(tensor.zero_points),
        "bytes": tensor.size,
        "constant": tensor.constant,
    }


def render(bundle: "Bundle", steps: int) -> str:
    """The bundle in a few lines, and its network operator by operator."""
    from neurograsp.edge_runtime.network_graph import read_graph

    manifest = bundle.manifest
    graph = read_graph(bundle.files["model.tflite"], f"{bundle.path}: model.tflite")
    signal, network, decision = manifest.signal, manifest.network, manifest.decision
    unit = "no unit" if signal.lsb_uv is None else f"{signal.lsb_uv:g} uV a count"
    stages = " -> ".join(map(_stage, signal.stages))
    rows = [
        ("bundle", f"{manifest.name} ({bundle.path})"),
        ("sha256", bundle.sha256),
        ("signature", bundle.signature),
        ("signal", f"{len(signal.channels)} channels, {signal.rate_hz:g} Hz, {unit}"),
        ("filter", f"{stages}; every {signal.decimation} frames"),
        (
            "window",
            f"{signal.window} x {len(signal.channels)}, {signal.window_s * 1000:.0f} ms, "
            f"every {signal.hop_s * 1000:.0f} ms",
        ),
        (
            "network",
            f"{network.name}, {network.parameters} parameters, {network.macs / 1e6:.2f} M "
            f"multiplications, int8 by {network.method}",
        ),
        (
            "memory",
            f"{graph.weight_bytes / 1000:.1f} kB of weights, {graph.arena_bytes / 1000:.1f} kB of other "
            "tensors at once",
        ),
        ("hop by hop", _stream(manifest.stream)),
        (
            "actions",
            ", ".join(
                f"{name} -> {command} at p >= {on:.2f}"
                for name, command, on in zip(signal.actions.names, signal.actions.commands, decision.on)
                if name != signal.actions.rest
            ),
        ),
        ("thresholds", f"from {decision.calibrated_on}"),
        ("commands", _commands(decision.proportional)),
        (
            "trained on",
            f"{', '.join(manifest.provenance.train)}; validated on "
            f"{manifest.provenance.validated_on}; seed {manifest.provenance.seed}",
        ),
        ("files", ", ".join(f"{name} {len(data) / 1000:.1f} kB" for name, data in bundle.files.items())),
        ("golden", f"reproduced; {steps} steps between kernels, {manifest.golden.xnnpack_steps} allowed"),
    ]
    lines = [f"  {name:<12}{text}" for name, text in rows]
    head = f"  {'operator':<20}{'output':<16}{'scale':>12}{'zero point':>12}{'multiplications':>17}"
    return "\n".join([*lines, "", head, *(_operator(one) for one in graph.operators)])


def _commands(rule: "Proportional | None") -> str:
    if rule is None:
        return "at 100 % of speed and force"
    return f"at {rule.least} to {rule.most} % of {rule.of}, the most from p >= {rule.full:g} on"


def _operator(operator: "Operator") -> str:
    """A line of the table; of scales one a channel, the first."""
    (output, *_) = operator.outputs
    shape = " x ".join(str(size) for size in output.shape)
    scale = f"{output.scales[0]:.6g}" if output.scales else "-"
    zero_point = str(output.zero_points[0]) if output.zero_points else "-"
    return f"  {operator.name:<20}{shape:<16}{scale:>12}{zero_point:>12}{operator.macs:>17}"


def _stream(stream: "StreamFacts | None") -> str:
    if stream is None:
        return "no: every window is computed whole"
    whole = "nothing" if stream.window_from is None else f"all from {stream.window_from} on"
    return (
        f"{stream.macs / 1e6:.3g} M of {stream.window_macs / 1e6:.3g} M multiplications, "
        f"{stream.state_bytes / 1000:.3g} kB carried on, {whole} computed whole"
        + (f", newest {stream.unused_frames} frames unused" if stream.unused_frames else "")
    )


def _stage(stage: "Stage") -> str:
    """What it is, with its frequencies if it has any: mixed channels and a moving average have none."""
    hz = getattr(stage, "frequency_hz", None)
    if hz is None:
        return stage.kind
    ends = hz if isinstance(hz, tuple) else (hz,)
    return f"{stage.kind} {'-'.join(f'{end:g}' for end in ends)} Hz"
