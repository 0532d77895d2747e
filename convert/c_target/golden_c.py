"""The golden vectors as C."""

from typing import Any

import numpy as np
import numpy.typing as npt

from neurograsp.convert.c_target.c_text import GENERATED, array, defines, header
from neurograsp.edge_runtime.bundle import Golden

_FLASH = """#include <stdint.h>

#include "ng_signal.h"

/* An AVR keeps constants in memory unless it is told to leave them in flash, as GNU C can (-std=gnu99). */
#if defined(__AVR__) && defined(__FLASH)
#define NG_FLASH __flash
#else
#define NG_FLASH
#endif

"""


def golden_files(golden: Golden) -> dict[str, str]:
    """`ng_golden.h` and `ng_golden.c`, which `golden_filter.c` and `golden_network.c` read."""
    sizes: dict[str, int | str] = {
        "NG_GOLDEN_FRAMES": len(golden.counts),
        "NG_GOLDEN_KEPT": len(golden.filtered),
        "NG_GOLDEN_WINDOWS": len(golden.logits),
    }
    declared = (
        "\nextern const NG_FLASH int32_t ng_golden_counts[NG_GOLDEN_FRAMES][NG_CHANNELS];\n"
        "extern const NG_FLASH int8_t ng_golden_filtered[NG_GOLDEN_KEPT][NG_CHANNELS];\n"
        "extern const NG_FLASH int8_t ng_golden_logits[NG_GOLDEN_WINDOWS][NG_ACTIONS];\n"
    )
    arrays: dict[str, npt.NDArray[Any]] = {
        "counts": golden.counts.astype(np.int32),
        "filtered": golden.filtered,
        "logits": golden.logits,
    }
    defined = [
        array(f"ng_golden_{name}", values, qualifiers="const NG_FLASH") for name, values in arrays.items()
    ]
    return {
        "ng_golden.h": header("ng_golden.h", _FLASH + defines(sizes) + declared),
        "ng_golden.c": "\n".join([GENERATED, '#include "ng_golden.h"\n', *defined]),
    }
