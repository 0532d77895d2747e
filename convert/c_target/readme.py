"""What the folder of C sources says about itself."""

from neurograsp.convert.c_target.network_c import NetworkInC
from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.network_graph import read_graph

_TEXT = """# {name}

Filter and int8 network of one bundle in C99: no allocation, no floating point, no dependency. Written by
`neurograsp convert --target c` from the bundle with SHA-256
`{sha256}`.

They give scores and decide nothing. Thresholds, dwell, refractory time, electrode checks and every safety of
a hand are the caller's. Research use only, not a medical device.

## Use

    #include "ng_decoder.h"

    ng_decoder_reset();                        /* at the start, and at every gap in the counts */
    if (ng_decoder_push(counts, logits)) {{    /* every {frame_ms:g} ms a frame of {channels} counts */
        /* every {hop_ms:g} ms {actions} logits */
    }}

{network} A real logit is
`(logits[i] - NG_LOGIT_ZERO_POINT) * NG_LOGIT_SCALE`, and `{output}` makes probabilities of them.
`ng_signal.h` has the channels and the actions in order. Compile `kernel.c`, `ng_filter.c` and `ng_signal.c`
for the filter, and `ng_layers.c`, `ng_network.c` and `ng_decoder.c` besides for the network.

| what | |
| --- | --- |
| constants of the network: weights, biases, multipliers, tables | {constants} bytes |
| its tensors | {arena} bytes of memory |
| its states from hop to hop | {states} bytes of memory |
| its multiplications for the logits of one hop | {macs} |

## Test

`make test` runs the golden vectors of the bundle: {frames} frames of counts through filter and network, which
must give bit for bit what they give on a board under LiteRT's reference kernels. On a microcontroller compile
the same files without `main.c` and call `golden_filter` and `golden_network` (`golden_test.h`): each returns
0. An AVR wants `-std=gnu99`, or the golden vectors fill its memory.

## TFLite Micro and CMSIS-NN

`ng_model.c` is the `.tflite` itself. `ng_model.h` lists the operators for a `MicroMutableOpResolver`, inputs
and outputs, and the bytes of the tensors; an arena needs TFLite Micro's own bookkeeping besides. Built with
`OPTIMIZED_KERNEL_DIR=cmsis_nn`, TFLite Micro runs it on CMSIS-NN. Give it the frames of `ng_filter_push`. Its
dense layers round twice where LiteRT rounds once: a logit in some thousand may be a step off the golden
vectors.
"""

_HOP_BY_HOP = (
    "The network takes {hop} frames at a time and keeps states; the first logits come after {window} frames."
)
_WHOLE = "The network takes windows of {window} frames."


def readme(bundle: Bundle, written: NetworkInC, blob: bytes, *, hop_by_hop: bool) -> str:
    """Text in Markdown.

    Args:
        bundle: where the sources come from.
        written: its network in C.
        blob: the `.tflite` that this was written from.
        hop_by_hop: whether it keeps states.
    """
    manifest = bundle.manifest
    signal = manifest.signal
    network = (_HOP_BY_HOP if hop_by_hop else _WHOLE).format(hop=signal.hop, window=signal.window)
    return _TEXT.format(
        name=_plain(manifest.name),
        sha256=bundle.sha256,
        frame_ms=round(1000 / signal.rate_hz, 3),
        hop_ms=round(1000 * signal.hop_s, 3),
        channels=len(signal.channels),
        actions=len(signal.actions.names),
        network=network,
        output=signal.actions.output,
        constants=written.constant_bytes,
        arena=written.arena_bytes,
        states=written.state_bytes,
        macs=read_graph(blob, "C").macs,
        frames=len(bundle.golden.counts),
    )


def _plain(text: str) -> str:
    """Names come from the bundle."""
    return "".join(c if c.isalnum() or c in " ,._-" else "?" for c in text)
