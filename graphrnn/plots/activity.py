"""Rates of one trial: the mean of each area over time above the rates of all neurons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.plots.names import Names, name_size, spread
from graphrnn.plots.style import (
    COLUMN,
    INK,
    NAME,
    PAGE,
    TEXT,
    canvas,
    check_ax,
    check_connectome,
    panel,
    plain_axes,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["rates"]

_CALL = "plots.rates(rates, net, dt=dt)"
_PIXELS = 600
_LEAST = 5.0  # points that a name needs at the end of a line


def rates(rates: Any, net: Connectome, *, dt: float, ax: Axes | None = None) -> Figure:
    """The rates of one trial: the mean of each area over time, and below it every neuron by area.

    A line has the colour of its area's name.

    Args:
        rates: (time, neuron) numpy array or torch tensor, such as `rates[0]` of what a CTRNN returns.
            Beyond 600 neurons or time steps a pixel shows the mean of those under it.
        net: the network; it says which neuron lies in which area.
        dt: duration of a time step in ms.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a Connectome, or a `dt` that is no number.
        ValueError: for rates of another shape, rates that are not finite, or a `dt` of 0 or below.

    Example:
        >>> import graphrnn as gr
        >>> import numpy as np
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> net = graph.compile(seed=0)
        >>> figure = gr.plots.rates(np.random.default_rng(0).random((50, 30)), net, dt=10.0)
        >>> figure.savefig("rates.png")
    """
    check_connectome(_CALL, net)
    check_ax(_CALL, ax)
    dt = _checks.positive(_CALL, "dt", dt)
    values = _checked(rates, net)
    wide = PAGE if len(net.areas) > 12 else COLUMN
    size = name_size(len(net.areas), 0.6 * wide)
    names = Names(net.areas, "left", 0.6 * wide, size)
    left = max(names.depth + 4, 36.0)
    figure, host, width, height = canvas(ax, wide, 0.95 * wide)
    named = 0.3 * height / len(net.areas) > _LEAST
    right = max(text_width(area.name, size) for area in net.areas) + 12 if named else 0.0
    right = max(right, 40.0)
    across = max(width - left - right, 20.0)
    upper, lower = (max(share * (height - 44), 10.0) for share in (0.36, 0.64))
    duration = len(values) * dt
    _means(panel(host, left, 34 + lower, across, upper), values, net, dt, upper, size if named else 0.0)
    axes = panel(host, left, 24, across, lower)
    image = _raster(axes, values, net, duration)
    Names(net.areas, "left", lower, size).draw(axes, _shades(len(net.areas)))
    bar = panel(host, left + across + 6, 24, 5, min(lower, 60.0))
    figure.colorbar(image, cax=bar, label="rate")
    bar.tick_params(labelsize=NAME - 0.5, width=0.5, length=2, pad=1.5, color=INK, labelcolor=INK)
    bar.yaxis.label.set(size=TEXT, color=INK)
    bar.locator_params(nbins=3)
    for outline in bar.spines.values():
        outline.set_linewidth(0.5)
    return figure


def _checked(rates: Any, net: Connectome) -> NDArray[np.float64]:
    if hasattr(rates, "detach"):  # a torch tensor, perhaps on another device and part of a graph
        rates = rates.detach().cpu()
    values = np.asarray(rates, np.float64)
    if values.ndim == 3:
        raise ValueError(
            f"`{_CALL}` needs the rates of one trial, (time, neuron); it got shape {values.shape}. "
            "Choose one: rates[0]."
        )
    if values.ndim != 2 or values.shape[1] != net.n_neurons or not len(values):
        raise ValueError(
            f"`{_CALL}` needs rates of shape (time, {net.n_neurons}), (time, neuron); it got {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"`{_CALL}` needs finite rates; some are NaN or infinite.")
    return values


def _means(
    axes: Axes, values: NDArray[np.float64], net: Connectome, dt: float, height: float, size: float
) -> None:
    """A line per area, with its name at its end unless `size` is 0."""
    plain_axes(axes)
    time = np.arange(len(values)) * dt
    lines = [values[:, area.slice].mean(axis=1) for area in net.areas]
    shades = _shades(len(lines))
    for line, color, area in zip(lines, shades, net.areas, strict=True):
        axes.plot(time, line, color=color, linewidth=1.0, gid=area.name)
    axes.set_xlim(0, len(values) * dt)
    axes.set_ylabel("mean rate", labelpad=2)
    axes.tick_params(labelbottom=False)
    axes.locator_params(nbins=4)
    if not size:
        return
    low, high = axes.get_ylim()
    ends = np.array([(line[-1] - low) / (high - low) * height for line in lines])
    order = np.argsort(ends, kind="stable")
    size = min(size, height / len(lines))
    place = spread(ends[order], size * 1.1, height)
    for at, i in zip(place, order, strict=True):
        axes.annotate(
            net.areas[i].name,
            xy=(time[-1] + dt, lines[i][-1]),
            xytext=(1 + 6 / 1000, at / height),
            textcoords="axes fraction",
            va="center_baseline",
            size=size,
            color=shades[i],
            parse_math=False,
            annotation_clip=False,
        )


def _shades(n: int) -> list[Any]:
    """The colours of the areas, from the first, dark, to the last, light."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.75, n)))


def _raster(axes: Axes, values: NDArray[np.float64], net: Connectome, duration: float) -> Any:
    image = _block_means(_block_means(values).T)
    signed = values.min() < 0
    limit = float(np.quantile(np.abs(image), 0.995)) or 1.0
    drawn = axes.imshow(
        image,
        extent=(0, duration, net.n_neurons, 0),
        aspect="auto",
        interpolation="nearest",
        cmap="coolwarm" if signed else "magma",
        vmin=-limit if signed else 0.0,
        vmax=limit,
    )
    axes.tick_params(labelsize=NAME, width=0.6, length=2.5, pad=2, color=INK, labelcolor=INK)
    axes.set_yticks([])
    axes.spines[:].set(linewidth=0.6, color=INK)
    line: dict[str, Any] = {
        "colors": INK if signed else "white",
        "linewidth": 0.5 if len(net.areas) <= 12 else 0.25,
    }
    axes.hlines([area.start for area in net.areas[1:]], 0, duration, **line)
    axes.set_xlabel("time (ms)", size=TEXT, color=INK, labelpad=2)
    axes.locator_params(axis="x", nbins=5)
    return drawn


def _block_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over equal runs of rows, so that few enough are left for a picture."""
    step = math.ceil(len(values) / _PIXELS)
    starts = np.arange(0, len(values), step)
    lengths = np.diff(np.append(starts, len(values)))
    return np.asarray(np.add.reduceat(values, starts, axis=0) / lengths[:, None])
