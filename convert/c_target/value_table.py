"""What LiteRT makes of every int8 value, of an operator that looks at one value at a time."""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert.tflite_file import packed
from neurograsp.edge_runtime.classifier import interpreter
from neurograsp.edge_runtime.network_graph import schema


def value_table(model: Any, operator: Any) -> npt.NDArray[np.int8]:
    """Run the operator alone, under the reference kernels.

    Args:
        model: the schema's `ModelT`, left as it is.
        operator: one of its operators, of one input and one output.

    Returns:
        (256,) int8: of -128, -127, ... 127.
    """
    alone = copy.copy(model)
    graph = copy.copy(model.subgraphs[0])
    ends = [copy.copy(graph.tensors[index]) for index in (operator.inputs[0], operator.outputs[0])]
    empty = schema().BufferT()
    for tensor in ends:
        tensor.shape, tensor.shapeSignature, tensor.buffer = [1, 256], None, 0
    only = copy.copy(operator)
    only.inputs, only.outputs = [0], [1]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = ends, [only], [0], [1]
    alone.subgraphs, alone.buffers, alone.signatureDefs, alone.metadata = [graph], [empty], None, None
    made = interpreter(packed(alone), "value table", reference_kernels=True)
    values = np.arange(-128, 128, dtype=np.int8)
    made.set_tensor(made.get_input_details()[0]["index"], values[None])
    made.invoke()
    table: npt.NDArray[np.int8] = made.get_tensor(made.get_output_details()[0]["index"])[0]
    return table
