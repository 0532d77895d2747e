"""What is inside a `.tflite`, and that it is integer throughout."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.contract.signal_spec import INPUT_SCALE


@dataclass(frozen=True)
class ModelFacts:
    """What is inside a `.tflite`.

    Attributes:
        operators: names of the operators, each once, sorted.
        input_shape: (1, n_time, n_channels, 1).
        input_scale: real value of one step.
        input_zero_point: step of the real value 0.
        output_scale: as for the input.
        output_zero_point: as for the input.
    """

    operators: tuple[str, ...]
    input_shape: tuple[int, ...]
    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int


def check_full_int8(blob: bytes) -> ModelFacts:
    """Refuse a model that is not integer throughout.

    Args:
        blob: a `.tflite`.

    Raises:
        CheckFailed: a tensor is no integer, an operator is not builtin, the graph has branches, or the
            input or output is not as `neurograsp.convert.quantize` makes them.
    """
    schema = importlib.import_module("ai_edge_litert.schema_py_generated")
    interpreter = _interpreter(blob)
    flatbuffer = schema.Model.GetRootAs(blob)
    if flatbuffer.SubgraphsLength() != 1:
        raise CheckFailed(
            f"int8 check: {flatbuffer.SubgraphsLength()} subgraphs, of which only the first can be looked "
            "into: build the network without loops and conditions"
        )
    graph = flatbuffer.Subgraphs(0)
    empty = _without_data(graph)
    for tensor in interpreter.get_tensor_details():
        if tensor["index"] in empty:
            continue
        kind = np.dtype(tensor["dtype"])
        if np.issubdtype(kind, np.floating):
            raise CheckFailed(
                f"int8 check: tensor {tensor['name']!r} is {kind}: put BatchNorm between a convolution and "
                "its ReLU, none after a dense layer"
            )
        if not np.issubdtype(kind, np.integer):
            raise CheckFailed(
                f"int8 check: tensor {tensor['name']!r} is {kind}: leave out what compares or selects"
            )
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    operators = set()
    for i in range(graph.OperatorsLength()):
        code = flatbuffer.OperatorCodes(graph.Operators(i).OpcodeIndex())
        if code.CustomCode() is not None:
            raise CheckFailed(f"int8 check: operator {code.CustomCode().decode()!r} is not a builtin one")
        operators.add(names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())])
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
    for end, tensor in (("input", entry), ("output", exit_)):
        if tensor["dtype"] != np.int8:
            raise CheckFailed(f"int8 check: the {end} is {np.dtype(tensor['dtype'])}, not int8")
    input_scale, input_zero_point = entry["quantization"]
    if (input_scale, input_zero_point) != (INPUT_SCALE, 0):
        raise CheckFailed(
            f"int8 check: the input has scale {input_scale} and zero point {input_zero_point}, "
            f"not {INPUT_SCALE} and 0"
        )
    output_scale, output_zero_point = exit_["quantization"]
    return ModelFacts(
        operators=tuple(sorted(operators)),
        input_shape=tuple(int(n) for n in entry["shape"]),
        input_scale=float(input_scale),
        input_zero_point=int(input_zero_point),
        output_scale=float(output_scale),
        output_zero_point=int(output_zero_point),
    )


def _without_data(graph: Any) -> set[int]:
    """Tensors that only say which scales the gates of an LSTM have; no operator reads or writes them."""
    scales: set[int] = set()
    data: set[int] = set()
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        scales.update(operator.Intermediates(k) for k in range(operator.IntermediatesLength()))
        data.update(operator.Inputs(k) for k in range(operator.InputsLength()))
        data.update(operator.Outputs(k) for k in range(operator.OutputsLength()))
    return scales - data


def _interpreter(blob: bytes) -> Any:
    litert = importlib.import_module("ai_edge_litert.interpreter")
    try:
        interpreter = litert.Interpreter(
            model_content=blob,
            num_threads=1,
            experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise CheckFailed(f"LiteRT cannot open the network: {str(error).splitlines()[0]}") from error
    return interpreter
