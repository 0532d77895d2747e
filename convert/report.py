"""`report.html` of a bundle: what was compared, what was kept and why. One file, no scripts."""

from collections.abc import Sequence
from html import escape
from typing import Any

from neurograsp.edge_runtime.contract.manifest import Manifest

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
td, th { padding: .25rem .75rem; border-bottom: 1px solid #ccc; text-align: right; }
td:first-child, th:first-child { text-align: left; }
code { overflow-wrap: anywhere; }
"""


def render_report(manifest: Manifest) -> str:
    """The page for a manifest whose files are not hashed yet (the page is one of them)."""
    signal, network, scores = manifest.signal, manifest.network, manifest.scores
    rest = signal.actions.rest
    thresholds = [
        (name, command, f"{on:.3f}", f"{off:.3f}")
        for name, command, on, off in zip(
            signal.actions.names, signal.actions.commands, manifest.decision.on, manifest.decision.off
        )
        if name != rest
    ]
    candidates = [
        (
            name,
            _number(figures["auc_macro"], 4),
            _number(figures["agreement"], 3),
            _number(figures["probability_difference"], 4),
            f"{figures['bytes'] / 1000:.1f}",
        )
        for name, figures in scores["candidates"].items()
    ]
    gates = [
        (gate["name"], "pass" if gate["passed"] else "FAIL", gate["figure"], gate["limit"])
        for gate in scores["gates"]
    ]
    provenance = manifest.provenance
    facts = [
        ("network", f"{network.name}, {network.parameters} parameters, {network.macs} multiplications"),
        ("window", f"{signal.window} x {len(signal.channels)}, {signal.window_s * 1000:.0f} ms"),
        ("hop", f"{signal.hop_s * 1000:.0f} ms"),
        ("trained on", ", ".join(provenance.train)),
        ("validated on", provenance.validated_on),
        ("seed", str(provenance.seed)),
        ("data SHA-256", provenance.data_sha256),
        ("versions", ", ".join(f"{name} {version}" for name, version in provenance.versions.items())),
    ]
    body = [
        f"<h1>{escape(manifest.name)}</h1>",
        "<p>Research use only. Not a medical device.</p>",
        "<h2>Quantization</h2>",
        f"<p>Kept: <b>{escape(scores['chosen'])}</b>. {escape(scores['reason'])}.</p>",
        table(("on validation", "AUC", "agrees with float", "mean |dp|", "kB"), candidates),
        "<h2>Gates</h2>",
        table(("gate", "", "found", "allowed"), gates),
        "<h2>Where the noise comes from</h2>",
        _noise(scores["layers"]),
        "<h2>Decision layer</h2>",
        f"<p>Thresholds from {escape(manifest.decision.calibrated_on)}. "
        f"{_controller(scores['decision'])}</p>",
        table(("action", "command", "on", "off"), thresholds),
        "<h2>Where it comes from</h2>",
        table(("what", ""), facts),
    ]
    return page(manifest.name, "\n".join(body))


def _noise(layers: list[dict[str, Any]]) -> str:
    if not layers:
        return "<p>The int8 network has other operators than the float one: not compared.</p>"
    rows = [
        (layer["operator"], " x ".join(str(n) for n in layer["shape"]), _number(layer["sqnr_db"], 1))
        for layer in layers
    ]
    return (
        "<p>After each operator, all before it included: power of the float network's values over that of "
        "the int8 network's error, on windows of the first validation recording.</p>"
        + table(("operator", "output", "dB"), rows)
    )


def page(title: str, body: str) -> str:
    return (
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        f'<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """An HTML table; every cell is escaped."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table><tr>{cells}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _controller(decision: dict[str, Any]) -> str:
    if decision["event_tpr"] is None:
        return "They hold no labelled rest, so false activations cannot be counted."
    return (
        f"On the same recordings: {decision['n_events']} events, {_number(decision['event_tpr'], 3)} of them "
        f"found, {_number(decision['false_activations_per_min'], 2)} false activations a minute of rest, "
        f"median latency {_number(decision['detection_latency_ms_p50'], 0)} ms."
    )


def _number(value: Any, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"
