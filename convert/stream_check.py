"""That a network computed hop by hop gives the logits of the window network, bit for bit."""

import numpy as np
import numpy.typing as npt

from neurograsp.convert.streaming import Streamed
from neurograsp.edge_runtime.classifier import Classifier
from neurograsp.edge_runtime.contract.errors import CheckFailed
from neurograsp.edge_runtime.stream_classifier import StreamClassifier

HOPS = 1000
REFERENCE_MACS = 2 * 10**9
"""Of the window network under the reference kernels, which are slow; but `FEWEST` hops at least."""

FEWEST = 8


def check_stream(streamed: Streamed, whole: bytes, frames: npt.NDArray[np.int8], seed: int) -> dict[str, int]:
    """Compare on recorded frames and on random ones of the whole range, under both sets of kernels.

    Args:
        streamed: what to check.
        whole: the window network it was made from.
        frames: (n_frames, n_channels) int8, recorded; repeated where they are few.
        seed: of the random frames.

    Returns:
        hops compared, of each kind of frames, under the "reference" and the "fast" kernels.

    Raises:
        CheckFailed: a logit differs, or none does where the frames come one too late.
    """
    compared = {}
    affordable = REFERENCE_MACS // max(streamed.window_macs, 1)
    for kernels, n_hops in (("reference", max(FEWEST, min(HOPS, affordable))), ("fast", HOPS)):
        reference_kernels = kernels == "reference"
        network = Classifier(whole, reference_kernels=reference_kernels)
        stream = StreamClassifier(streamed.blob, reference_kernels=reference_kernels)
        window, hop = network.input_shape[1], streamed.hop
        n_frames = window + (n_hops - 1) * hop
        noise = np.random.default_rng(seed).integers(-128, 128, (n_frames + 1, frames.shape[1]), np.int8)
        recorded = np.resize(frames, (n_frames, frames.shape[1]))
        for what, line in (("recorded", recorded), ("random", noise[1:])):
            wanted = np.stack(
                [network.logits(line[end - window : end]) for end in range(window, n_frames + 1, hop)]
            )
            found = stream.follow(line, window)
            different = (found != wanted).any(axis=1)
            if different.any():
                raise CheckFailed(
                    f"hop by hop the network gives other logits than window by window, in "
                    f"{np.count_nonzero(different)} of {n_hops} hops of {what} frames under the {kernels} "
                    "kernels; convert with --whole-windows"
                )
        if len(np.unique(wanted, axis=0)) > 1 and np.array_equal(stream.follow(noise[:-1], window), wanted):
            raise CheckFailed("the comparison of hops with windows does not see frames that come too late")
        compared[kernels] = n_hops
    return compared
