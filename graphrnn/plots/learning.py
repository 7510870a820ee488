"""What training did: loss and accuracy by epoch, and the psychometric curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphrnn.plots.style import COLUMN, FAINT, INK, NAME, canvas, check_ax, panel, plain_axes, single

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["psychometric", "training"]

_BLUE, _RED = "#23408F", "#D1352B"
Floats = NDArray[np.float64]


def psychometric(table: pandas.DataFrame, *, ax: Axes | None = None) -> Figure:
    """How often choice 1 was taken at each signed coherence, with the fitted curve.

        p(choice 1) = 1 / (1 + exp(-(c - bias) / width))

    Points carry 95 % Wilson intervals. The curve is the most likely one for the counts; where one choice was
    never taken no curve follows from them, and a line says so.

    Args:
        table: a row per signed coherence, as `task.psychometric(decisions)` gives it: `signed_coherence`
            in %, `fraction_choice_1`, `trials`.
        ax: an axes to draw in; None for a new figure.

    Raises:
        TypeError: for anything but a DataFrame.
        ValueError: for a missing column, no rows, a fraction outside 0 to 1 or trials below 1.

    Example:
        >>> import graphrnn as gr
        >>> import pandas as pd
        >>> table = pd.DataFrame(
        ...     {"signed_coherence": [-50, -10, 10, 50], "fraction_choice_1": [0, 0.3, 0.8, 1], "trials": 40}
        ... )
        >>> gr.plots.psychometric(table).savefig("psychometric.png")

    Source:
        Wilson, J. Am. Stat. Assoc. 22 (1927).
    """
    call = "plots.psychometric(table)"
    coherence, fraction, trials = _columns(call, table, ("signed_coherence", "fraction_choice_1", "trials"))
    check_ax(call, ax)
    if (
        not len(coherence)
        or not (np.isfinite(coherence) & (fraction >= 0) & (fraction <= 1) & (trials >= 1)).all()
    ):
        raise ValueError(
            f"`{call}` needs at least one row, finite coherences, fractions from 0 to 1 and at least one "
            "trial per row. `task.psychometric(decisions)` makes such a table."
        )
    figure, axes = single(ax)
    reach = max(float(np.abs(coherence).max()) * 1.05, 1e-9)
    axes.axhline(0.5, color=FAINT, linewidth=0.5, linestyle=(0, (4, 3)))
    axes.axvline(0.0, color=FAINT, linewidth=0.5, linestyle=(0, (4, 3)))
    if fraction.max() == 0 or fraction.min() == 1:
        note = f"choice {1 if fraction.max() == 0 else 0} was never taken"
    else:
        bias, width = _fit_logistic(coherence, fraction * trials, trials)
        c = np.linspace(-reach, reach, 801)
        axes.plot(c, _logistic(c, bias, width), color=_BLUE, linewidth=1.2, zorder=2)
        note = f"bias {bias:.2g} %\nwidth {width:.2g} %".replace("-", "−")
    low, high = _wilson(fraction, trials)
    errors = np.maximum(np.stack([fraction - low, high - fraction]), 0.0)
    axes.errorbar(
        coherence,
        fraction,
        errors,
        fmt="o",
        color=INK,
        markersize=3.2,
        elinewidth=0.7,
        capsize=0,
        zorder=3,
        clip_on=False,
    )
    axes.set(
        xlim=(-reach, reach),
        ylim=(-0.02, 1.02),
        yticks=[0, 0.25, 0.5, 0.75, 1],
        xlabel="signed coherence (%)",
    )
    axes.set_ylabel("fraction of choice 1")
    axes.text(
        0.03,
        0.9 if fraction.min() == 1 else 0.97,
        note,
        transform=axes.transAxes,
        size=NAME,
        color=_BLUE,
        va="top",
    )
    return figure


def training(history: pandas.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Loss by epoch, and accuracy below it where it was measured.

    Args:
        history: a row per epoch, as `fit(...).metrics` has it: `epoch`, `loss` and where there are
            `accuracy`, `validation_loss`, `validation_accuracy`.
        ax: an axes to draw in the place of; None for a new figure.

    Raises:
        TypeError: for anything but a DataFrame.
        ValueError: for a missing column or no rows.

    Example:
        >>> import graphrnn as gr
        >>> import pandas as pd
        >>> history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.7, 0.4, 0.3], "accuracy": [0.5, 0.8, 0.9]})
        >>> gr.plots.training(history).savefig("training.png")
    """
    call = "plots.training(history)"
    epoch, _ = _columns(call, history, ("epoch", "loss"))
    check_ax(call, ax)
    if not len(epoch):
        raise ValueError(f"`{call}` needs at least one epoch; the table has no row.")
    drawn = [
        (word, columns)
        for word in ("loss", "accuracy")
        if (
            columns := [
                (c, label)
                for c, label in ((word, "training"), (f"validation_{word}", "validation"))
                if _has(history, c)
            ]
        )
    ]
    from matplotlib.ticker import MaxNLocator

    figure, host, width, height = canvas(ax, COLUMN, 24.0 + 92.0 * len(drawn))
    each = (height - 24 - 6) / max(len(drawn), 1)
    for i, (word, columns) in enumerate(drawn):
        last = i == len(drawn) - 1
        axes = panel(host, 44, 24 + (len(drawn) - 1 - i) * each, max(width - 52, 20.0), max(each - 8, 10.0))
        plain_axes(axes)
        axes.set_ylabel(word)
        for column, label in columns:
            style = {"training": (_BLUE, "-"), "validation": (_RED, (0, (3, 1.5)))}[label]
            marker = "o" if len(epoch) <= 30 else None
            axes.plot(
                epoch, _numbers(history[column]), color=style[0], linestyle=style[1], linewidth=1.1,
                marker=marker, markersize=2.2, label=label, clip_on=False,
            )  # fmt: skip
        if word == "loss" and _positive_range(history, columns) > 30:
            axes.set_yscale("log")
        else:
            axes.locator_params(axis="y", steps=[1, 2, 5, 10])
            axes.ticklabel_format(axis="y", scilimits=(-3, 4))
        if word == "accuracy":
            axes.set_ylim(top=1.02)
        axes.tick_params(labelbottom=last)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(epoch.min() - 0.5, epoch.max() + 0.5)
        if last:
            axes.set_xlabel("epoch")
        if i == 0 and any(label == "validation" for _, label in columns):
            axes.legend(fontsize=NAME, frameon=False, labelcolor=INK, handlelength=2.2)
    return figure


def _columns(call: str, table: Any, names: tuple[str, ...]) -> list[Floats]:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        way_out = " Pass its `metrics`." if hasattr(table, "metrics") else ""
        raise TypeError(
            f"`{call}` needs a pandas DataFrame with columns {', '.join(names)}; "
            f"it got {type(table).__name__}.{way_out}"
        )
    for name in names:
        if name not in table:
            there = ", ".join(map(repr, table.columns)) or "none"
            raise ValueError(f"`{call}` needs a column {name!r}; the table has {there}.")
    return [_numbers(table[name]) for name in names]


def _numbers(column: Any) -> Floats:
    return np.asarray(column.to_numpy(np.float64, na_value=np.nan))


def _has(table: Any, name: str) -> bool:
    """Whether a column is there and has a number in it."""
    return name in table and bool(np.isfinite(_numbers(table[name])).any())


def _positive_range(table: Any, columns: list[tuple[str, str]]) -> float:
    """Largest over smallest, 1 where some are not above 0."""
    values = np.concatenate([_numbers(table[name]) for name, _ in columns])
    values = values[np.isfinite(values)]
    return float(values.max() / values.min()) if values.min() > 0 else 1.0


def _wilson(fraction: Floats, trials: Floats) -> tuple[Floats, Floats]:
    """The 95 % Wilson score interval of a binomial proportion."""
    z = 1.959964
    middle = (fraction + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(fraction * (1 - fraction) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return middle - half, middle + half


def _logistic(c: Floats, bias: float, width: float) -> Floats:
    from scipy.special import expit

    return np.asarray(expit((c - bias) / width))


def _fit_logistic(coherence: Floats, chosen: Floats, trials: Floats) -> tuple[float, float]:
    """The most likely bias and width.

    The width stays between a tenth of the smallest coherence and ten times the largest, for decisions without
    an error would make it 0.
    """
    from scipy.optimize import minimize
    from scipy.special import log_expit

    size = np.abs(coherence[coherence != 0])
    small, large = (float(size.min()), float(size.max())) if size.size else (1.0, 1.0)

    def loss(x: Floats) -> float:
        drive = (coherence - x[0] * large) / math.exp(x[1])
        return -float(
            (chosen * log_expit(drive) + (trials - chosen) * log_expit(-drive)).sum() / trials.sum()
        )

    limits = [(-1.0, 1.0), (math.log(small / 10), math.log(large * 10))]
    best = minimize(loss, np.array([0.0, math.log(large / 4)]), bounds=limits, method="L-BFGS-B")
    return float(best.x[0] * large), math.exp(best.x[1])
