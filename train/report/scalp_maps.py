"""Scalp maps: where the signals that the decoders listen to are strongest."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neurograsp.edge_runtime.bundle import Bundle
from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.bundle_scores import scorers
from neurograsp.train.datasets import Recording
from neurograsp.train.models.filterbank_linear import FilterbankLinear
from neurograsp.train.patterns import Pattern, of_baseline, of_network
from neurograsp.train.report.page import figure, heading, paragraph, plots
from neurograsp.train.report.style import new_figure, png, short
from neurograsp.train.scalp import scalp_places
from neurograsp.train.windows import cut

MOST_WINDOWS = 1000
MOST_FILTERS = 6
COLUMNS = 3
WIDTH_IN, ROW_IN = 5.4, 2.15


def scalp_section(bundle: Bundle, recordings: Sequence[Recording]) -> list[str]:
    """Maps of the baseline and of the network's spatial filters, or why there are none."""
    signal = bundle.manifest.signal
    title = heading("Where the signal comes from")
    try:
        scalp_places(signal.channels)
    except ConfigError:
        more = ", ..." if len(signal.channels) > 4 else ""
        shown = ", ".join(short(name) for name in signal.channels[:4]) + more
        return [
            title,
            paragraph(
                f"No scalp maps: where on the head the electrodes {shown} are is not known (or they are "
                "not on a head)."
            ),
        ]
    windows = _windows(bundle, recordings)
    maps = []
    if "linear.npz" in bundle.files:
        linear = FilterbankLinear.load(io.BytesIO(bundle.files["linear.npz"]))
        found = of_baseline(linear, windows, signal)
        if found:
            caption = (
                "Linear baseline: of each action the kind of feature that follows its score most closely."
            )
            alt = f"scalp maps of the linear baseline, one for each of {len(found)} actions"
            maps.append(figure(draw_maps(found, signal.channels), alt, caption))
    text = "The bundle carries no float network to take spatial filters from."
    if "float.tflite" in bundle.files:
        blob, scorer = bundle.files["float.tflite"], scorers(bundle)["float"]
        found = of_network(blob, scorer, windows, signal, MOST_FILTERS)
        text = "The network has no layer of spatial filters: it never weighs all channels of one moment."
        if found:
            text = ""
            caption = (
                f"The network's spatial filters that matter most, {len(found)} of them: with their part "
                "taken out of the signal the logits move by so much. Red and blue may be swapped."
            )
            alt = f"scalp maps of the network's {len(found)} most important spatial filters"
            maps.append(figure(draw_maps(found, signal.channels), alt, caption))
    explained = (
        "Patterns, not weights (Haufe et al. 2014): how strongly each electrode carries what is listened to. "
        "Strength at the front or the temples speaks of eyes or muscles. Each map has its own scale. "
        f"{text}"
    )
    return [title, paragraph(explained.strip()), plots(*maps)]


def draw_maps(found: Sequence[Pattern], channels: Sequence[str]) -> bytes:
    """A map a pattern, red and blue to its own largest value."""
    import mne

    columns, info = scalp_places(channels)
    rows = -(-len(found) // COLUMNS)
    drawn = new_figure(WIDTH_IN, ROW_IN * rows)
    panels = drawn.subplots(rows, COLUMNS, squeeze=False).reshape(-1)
    for axes, pattern in zip(panels, found):
        values = pattern.values[columns]
        limit = float(np.abs(values).max()) or 1.0
        mne.viz.plot_topomap(
            values, info, axes=axes, show=False, vlim=(-limit, limit), cmap="RdBu_r", contours=4
        )
        what, _, detail = pattern.title.partition("\n")
        axes.set_title(f"{short(what, 20)}\n{detail}".strip(), loc="center", fontsize=10)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    return png(drawn)


def _windows(bundle: Bundle, recordings: Sequence[Recording]) -> npt.NDArray[np.int8]:
    """Evenly spaced windows of all recordings."""
    signal = bundle.manifest.signal
    each = -(-MOST_WINDOWS // len(recordings))
    taken = []
    for recording in recordings:
        x = cut(recording, signal).x
        taken.append(x[:: -(-len(x) // each)])
    return np.concatenate(taken)
