"""The filter's integers as C."""

from collections.abc import Sequence

import numpy as np

from neurograsp.convert.c_target.c_text import GENERATED, array, comment, defines, header
from neurograsp.edge_runtime.contract.signal_spec import FirStage, SignalSpec, SosStage, Stage


def signal_files(spec: SignalSpec) -> dict[str, str]:
    """`ng_signal.h` and `ng_signal.c`, which `ng_filter.c` reads."""
    facts: dict[str, int | str] = {
        "NG_CHANNELS": len(spec.channels),
        "NG_ADC_BITS": spec.adc_bits,
        "NG_DECIMATION": spec.decimation,
        "NG_WINDOW": spec.window,
        "NG_HOP": spec.hop,
        "NG_ACTIONS": len(spec.actions.names),
    }
    told = [f"{spec.rate_hz:g} frames a second; windows of {spec.window_s:g} s, every {spec.hop_s:g} s"]
    told += [f"channel {i}: {name}" for i, name in enumerate(spec.channels)]
    told += [f"logit {i}: {name}" for i, name in enumerate(spec.actions.names)]
    head = header("ng_signal.h", "\n".join(map(comment, told)) + "\n\n" + defines(facts))
    return {"ng_signal.h": head, "ng_signal.c": _source(spec)}


def _source(spec: SignalSpec) -> str:
    parts = [GENERATED, '#include "ng_filter.h"\n']
    rows = []
    for number, stage in enumerate(spec.stages):
        definitions, row = _stage(number, stage)
        parts += definitions
        rows.append(f"  {row},\n")
    # C knows no array without an element.
    rows = rows or ["  {NG_SOS, 0, 0, 0, 0, 0},\n"]
    parts.append(f"const uint8_t ng_n_stages = {len(spec.stages)};\n")
    parts.append(f"const ng_stage ng_stages[] = {{\n{''.join(rows)}}};\n")
    for name in ("offset", "multiplier", "shift"):
        values = np.array(getattr(spec.scale, name), np.int32)
        parts.append(array(f"ng_scale_{name}", values, qualifiers="const"))
    return "\n".join(parts)


def _stage(number: int, stage: Stage) -> tuple[list[str], str]:
    """Definitions, and the row of the table of stages."""
    weights, state, cursor = f"weights{number}", f"state{number}", f"cursor{number}"
    if isinstance(stage, SosStage):
        n = len(stage.coefficients)
        definitions = [
            _weights(f"{stage.kind} {_hz(stage.frequency_hz)}", weights, stage.coefficients),
            f"static int32_t {state}[{n} * 6 * NG_CHANNELS];\n",
        ]
        return definitions, f"{{NG_SOS, {weights}[0], {n}, 0, {state}, 0}}"
    if isinstance(stage, FirStage):
        n = len(stage.taps)
        edge = () if stage.frequency_hz is None else (stage.frequency_hz,)
        definitions = [
            _weights(f"{stage.kind} {_hz(edge)}, one in {stage.factor}", weights, stage.taps),
            f"static int32_t {state}[{n} * NG_CHANNELS];\nstatic uint32_t {cursor}[2];\n",
        ]
        return definitions, f"{{NG_FIR, {weights}, {n}, {stage.factor}, {state}, {cursor}}}"
    return [_weights(stage.kind, weights, stage.weights)], f"{{NG_MIX, {weights}[0], 0, 0, 0, 0}}"


def _weights(told: str, name: str, values: Sequence[int] | Sequence[Sequence[int]]) -> str:
    return f"{comment(told)}\n{array(name, np.array(values, np.int32))}"


def _hz(frequencies: Sequence[float]) -> str:
    return ", ".join(f"{one:g} Hz" for one in frequencies)
