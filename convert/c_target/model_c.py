"""The `.tflite` itself as C, for TFLite Micro."""

import numpy as np

from neurograsp.convert.c_target.c_text import GENERATED, array, comment, defines, header
from neurograsp.edge_runtime.network_graph import read_graph

_DECLARATIONS = """
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const uint8_t ng_model[NG_MODEL_BYTES];

#ifdef __cplusplus
}
#endif
"""


def model_files(blob: bytes) -> dict[str, str]:
    """`ng_model.h` and `ng_model.c`.

    Args:
        blob: the `.tflite`.
    """
    graph = read_graph(blob, "C")
    operators = sorted({operator.name for operator in graph.operators})
    told = [f"operators for MicroMutableOpResolver: {', '.join(operators)}"]
    for end, first, tensors in (("input", "frames", graph.inputs), ("output", "logits", graph.outputs)):
        for i, one in enumerate(tensors):
            shape = " x ".join(map(str, one.shape))
            told.append(
                f"{end} {i}: {f'state {i}' if i else first}, {shape}, zero point {one.zero_points[0]}"
            )
    if len(graph.inputs) > 1:
        told.append("a state is all zero points at first, and then what came out at the step before")
    sizes: dict[str, int | str] = {
        "NG_MODEL_BYTES": len(blob),
        "NG_MODEL_OPERATORS": len(operators),
        "NG_MODEL_TENSORS_BYTES": graph.arena_bytes,
    }
    body = "\n".join(map(comment, told)) + "\n\n" + defines(sizes) + _DECLARATIONS
    data = array(
        "ng_model",
        np.frombuffer(blob, np.uint8),
        qualifiers="#ifdef __GNUC__\n__attribute__((aligned(16)))\n#endif\nconst",
    )
    return {
        "ng_model.h": header("ng_model.h", body),
        "ng_model.c": "\n".join([GENERATED, '#include "ng_model.h"\n', data]),
    }
