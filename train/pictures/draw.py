"""Heat map, spectra, event-locked averages and the animated scalp map, as figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

import numpy as np

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.datasets import Labels
from neurograsp.train.pictures.arrays import Average, Float, Signal
from neurograsp.train.report.style import FAINT, INK, colour, dash, new_figure, short
from neurograsp.train.scalp import scalp_places

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_IN = 9.0
MOST_COLUMNS = 2000
MOST_LINES = 8
CLIPPED = 0.99
"""Colours span this quantile of the sizes, so that an artefact does not wash out everything else."""


def draw_heat(
    columns: Float,
    breaks: Sequence[int],
    channels: Sequence[str],
    unit: str,
    seconds: float,
    marks: Sequence[tuple[str, float, float]] = (),
) -> "Figure":
    """Channels by time, a thin line where frames are missing, and the labels above.

    Args:
        columns: see `arrays.heat`.
        breaks: columns at which frames are missing.
        channels: names of the rows.
        unit: of the signal.
        seconds: that the columns stand for.
        marks: name, start and stop in these seconds of each label.
    """
    names = list(dict.fromkeys(name for name, _, _ in marks))
    figure = new_figure(WIDTH_IN, 1.6 + 0.17 * (max(8, len(channels)) + len(names)))
    ratios = [max(0.5, len(names)), max(8, len(channels))]
    strip, axes = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
    for name, start, stop in marks:
        lane = names.index(name)
        strip.plot([start, stop], [lane, lane], color=colour(lane), lw=4, solid_capstyle="butt")
    strip.set_yticks(range(len(names)), [short(name) for name in names], fontsize=8)
    strip.set_ylim(len(names) - 0.5, -0.5)
    strip.set_visible(bool(names))
    strip.tick_params(labelbottom=False, length=0)
    strip.spines[["left", "bottom"]].set_visible(False)
    limit = float(np.quantile(np.abs(columns), CLIPPED)) or 1.0
    extent = (0.0, seconds, len(channels) - 0.5, -0.5)
    image = axes.imshow(
        columns, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", extent=extent, interpolation="nearest"
    )
    for column in breaks:
        axes.axvline(column * seconds / columns.shape[1], color=INK, lw=0.8)
    axes.grid(False)
    axes.set_yticks(range(len(channels)), [short(name) for name in channels], fontsize=8)
    axes.set_xlabel("s of signal" + ("; at a black line frames are missing" if len(breaks) else ""))
    figure.colorbar(image, ax=axes, label=f"{_shown(unit)} from the median", pad=0.01, extend="both")
    return figure


def draw_spectra(
    curves: Sequence[tuple[str, Float, Float]], unit: str, single: Sequence[str] | None = None
) -> "Figure":
    """Spectral densities in decibels over frequency.

    Args:
        curves: title, frequencies (n_hz,) and densities (n_hz, n_channels) of each signal.
        unit: of the signal.
        single: names of the channels, to draw each; None for the median and the range over channels.
    """
    figure = new_figure(WIDTH_IN, 4.4)
    axes = figure.subplots()
    for number, (title, hz, density) in enumerate(curves):
        level = 10 * np.log10(np.maximum(density[1:], 1e-20))
        style = ("-", "--", ":")[number]
        if single is None:
            axes.fill_between(
                hz[1:], level.min(axis=1), level.max(axis=1), color=colour(number), alpha=0.15, lw=0
            )
            axes.plot(
                hz[1:], np.median(level, axis=1), color=colour(number), label=f"{title}: median and range"
            )
        else:
            for column, name in enumerate(single):
                axes.plot(
                    hz[1:], level[:, column], color=colour(column), ls=style, label=f"{short(name)}, {title}"
                )
    axes.set_xscale("log")
    lowest, highest = float(curves[0][1][1]), max(float(hz[-1]) for _, hz, _ in curves)
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if lowest <= tick <= highest]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("Hz")
    axes.set_ylabel(f"dB of 1 {_shown(unit)}²/Hz")
    axes.legend(loc="best")
    return figure


def draw_averages(averages: dict[str, Average], channels: Sequence[str], unit: str) -> "Figure":
    """A panel a channel, a line with its 95 % interval a label."""
    columns = min(4, len(channels))
    rows = -(-len(channels) // columns)
    figure = new_figure(WIDTH_IN, 1.2 + 1.9 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    for axes, (column, name) in zip(panels, enumerate(channels)):
        for number, (label, one) in enumerate(averages.items()):
            mean, half = one.mean[:, column], one.half_width[:, column]
            axes.fill_between(one.time_s, mean - half, mean + half, color=colour(number), alpha=0.2, lw=0)
            named = f"{short(label)} ({one.n_epochs})"
            axes.plot(one.time_s, mean, color=colour(number), ls=dash(number), label=named)
        axes.axvline(0, color=FAINT, lw=0.8)
        axes.set_title(short(name), fontsize=10)
    for axes in panels[len(channels) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(channels) - columns) : len(channels)]:
        axes.set_xlabel("s from the event")
        axes.tick_params(labelbottom=True)
    panels[0].set_ylabel(_shown(unit))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)))
    return figure


def animate_scalp(
    signal: Signal,
    labels: Callable[[float], str],
    channels: Sequence[str],
    out: Path,
    frames_per_s: float,
    track: Callable[[Sequence[int]], Any] = iter,
    wanted: Path | None = None,
) -> int:
    """Write an animated map, GIF or MP4 by the name of `out`.

    Args:
        signal: what to show.
        labels: the text of a moment.
        channels: names of its columns.
        out: file to write.
        frames_per_s: maps a second of signal.
        track: hands out numbers and may show how far that is.
        wanted: the file's name in messages, where `out` is a temporary one.

    Returns:
        Number of maps.

    Raises:
        ConfigError: too few electrodes are known, or MP4 without ffmpeg, or one that fails.
    """
    wanted = wanted or out
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    columns, info = scalp_places(channels)
    every = max(1, round(signal.rate_hz / frames_per_s))
    moments = [
        (float(start_s) + row / signal.rate_hz, piece[row : row + every].mean(axis=0)[columns])
        for start_s, piece in zip(signal.start_s, signal.pieces)
        for row in range(0, len(piece) - every + 1, every)
    ]
    if not moments:
        raise ConfigError(f"{wanted}: no piece is long enough for one map; take more maps a second")
    middle = np.median([values for _, values in moments], axis=0)
    limit = float(np.quantile(np.abs([values - middle for _, values in moments]), CLIPPED)) or 1.0
    is_gif = out.suffix.lower() == ".gif"
    if not is_gif and not FFMpegWriter.isAvailable():
        raise ConfigError(f"{wanted}: MP4 needs ffmpeg (Debian: sudo apt install ffmpeg); or name a .gif")
    rate = signal.rate_hz / every
    writer = PillowWriter(fps=round(rate)) if is_gif else FFMpegWriter(fps=round(rate))
    import mne

    figure = new_figure(4.4, 4.2)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    bar = None
    look: dict[str, Any] = {"show": False, "vlim": (-limit, limit), "cmap": "RdBu_r", "contours": 4}
    try:
        with writer.saving(figure, str(out), dpi=100):
            for number in track(range(len(moments))):
                time_s, values = moments[number]
                axes.clear()
                image, _ = mne.viz.plot_topomap(values - middle, info, axes=axes, **look)
                axes.set_title(f"{time_s:.2f} s  {labels(time_s)}", loc="center", fontsize=11, color=INK)
                if bar is None:
                    named = f"{_shown(signal.unit)} from the median"
                    bar = figure.colorbar(image, ax=axes, shrink=0.7, label=named)
                writer.grab_frame()
    except (CalledProcessError, BrokenPipeError) as error:
        raise ConfigError(
            f"{wanted}: ffmpeg does not write it; see `ffmpeg -encoders`, or name a .gif"
        ) from error
    return len(moments)


def label_text(labels: Labels, start_s: Float, stop_s: Float) -> Callable[[float], str]:
    """The names of the labels at a moment."""

    def text(time_s: float) -> str:
        inside = np.flatnonzero((start_s <= time_s) & (time_s < stop_s))
        return ", ".join(dict.fromkeys(short(labels.names[labels.code[i]]) for i in inside))

    return text


def _shown(unit: str) -> str:
    return "µV" if unit == "uV" else unit
