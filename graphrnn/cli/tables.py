"""Tables as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphrnn._spectrum import spectral_radius
from graphrnn.connectome import Connectome

__all__ = ["area_tables", "change_table", "findings", "heading", "of", "projection_table", "text_table"]

_WIDEST = 36  # characters of one cell
_SHARES = ("forward", "backward", "lateral", "within", "unclassified", "input")


def heading(net: Connectome) -> str:
    """One line on the whole network."""
    parts = [
        f"{of(net.n_neurons, 'neuron')} in {of(len(net.areas), 'area')}, {of(net.hidden.size, 'synapse')}"
    ]
    for node in (*net.inputs, *net.readouts):
        parts.append(f"{node.name} ({of(node.size, node.role)})")
    if net.seed is not None:
        parts.append(f"seed {net.seed}")
    return "; ".join(parts)


def of(number: int, thing: str) -> str:
    """A number of things, in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def area_tables(areas: Any) -> str:
    """The table of `statistics.areas`, in two that fit a terminal: numbers and degrees, and sources."""
    signs = [("exc", "excitatory"), ("inh", "inhibitory")]
    signs = signs if any(areas[long].any() for _, long in signs) else []
    names = ["area", "neurons", *(short for short, _ in signs), "within", "density", "reciprocity"]
    names += ["in-degree", "out-degree", "no input", "no output"]
    rows = []
    for name, row in areas.iterrows():
        cells = [name, _count(row["neurons"]), *(_count(row[long]) for _, long in signs)]
        cells += [_count(row["synapses_within"]), _number(row["density_within"]), _number(row["reciprocity"])]
        cells += [_range(row, "in_degree"), _range(row, "out_degree")]
        rows.append([*cells, _count(row["without_input"]), _count(row["without_output"])])
    kinds = [kind for kind in _SHARES if (areas[f"share_{kind}"] > 0).any()]
    shares = [[name, *(_percent(row[f"share_{kind}"]) for kind in kinds)] for name, row in areas.iterrows()]
    legend = (
        "density, reciprocity: of the synapses within; degrees: mean (least to most), among neurons only;\n"
        "no input, no output: neurons with no synapse at all on that side"
    )
    parts = [text_table(names, rows), legend, "", _ways(areas)]
    if kinds:
        parts += ["", "Of the synapses onto an area, % that are", text_table(["area", *kinds], shares)]
    return "\n".join(parts)


def _ways(areas: Any) -> str:
    """How far areas are from inputs and readouts, what they share with others, and their radius."""
    weighted = areas["weight_spectral_radius"].notna().any()
    columns = {
        "from input": ("projections_from_input", _count_or_none),
        "to readout": ("projections_to_readout", _count_or_none),
        "silent": ("silent", _count_or_none),
        "convergence": ("convergence", _number),
        "divergence": ("divergence", _number),
        "E/I balance": ("ei_balance_mean", _number),
        "radius": ("weight_spectral_radius" if weighted else "spectral_radius", _number),
    }
    columns = {name: c for name, c in columns.items() if areas[c[0]].notna().any()}
    paths = "from input" in columns or "to readout" in columns
    if not paths:  # without inputs and readouts every neuron is on no path between them
        del columns["silent"]
    rows = [
        [name, *(show(row[column]) for column, show in columns.values())] for name, row in areas.iterrows()
    ]
    of_paths = "from input, to readout: projections on the shortest path; silent: neurons on no such path;\n"
    balance = "E/I balance: (E - I) / (E + I) of the synapses onto a neuron;\n"
    return (
        f"{text_table(['area', *columns], rows)}\n"
        f"{of_paths if paths else ''}"
        "convergence, divergence: synapses of a neuron from and to other areas;\n"
        f"{balance if 'E/I balance' in columns else ''}"
        f"radius: largest modulus of an eigenvalue of the {'weights' if weighted else 'mask'} within"
    )


def findings(found: Any) -> str:
    """What `statistics.check` found."""
    if not found:
        return "Checks: nothing found"
    lines = "\n".join(f"  {one}" for finding in found for one in str(finding).splitlines())
    return f"Checks: {len(found)} {'thing' if len(found) == 1 else 'things'} to look at\n{lines}"


def projection_table(projections: Any) -> str:
    """The table of `statistics.projections`."""
    names = [
        "pre",
        "post",
        "kind",
        "rule",
        "synapses",
        "asked",
        "density",
        "95 % of draws",
        "in-degree",
        "out-degree",
    ]
    rows = []
    for row in projections.itertuples():
        density = [_number(row.density_asked), _number(row.density)]
        fixed = math.isnan(row.rule_low) or row.rule_low == row.rule_high
        interval = "–" if fixed else f"{row.rule_low:.3g} to {row.rule_high:.3g}"
        interval += " !" if row.unlikely else ""
        degrees = [_number(row.in_degree_mean), _number(row.out_degree_mean)]
        rows.append(
            [row.pre, row.post, row.kind, row.rule, _count(row.synapses), *density, interval, *degrees]
        )
    legend = (
        "asked, density: of all possible synapses; 95 % of draws: the densities that the rule draws,\n"
        "– where it fixes the number, ! where it could hardly have drawn this one;\n"
        "degrees: mean synapses onto a target, from a source neuron"
    )
    return f"{text_table(names, rows, left=4)}\n{legend}"


def change_table(before: Connectome, after: Connectome) -> str:
    """What training did to the weights, by kind of projection, and to the spectral radius."""
    rows, moved = [], 0
    for kind in dict.fromkeys(p.kind for p in after.projections):
        (pairs, old), (pairs_after, new) = (_weights(net, kind) for net in (before, after))
        if not (old.size and new.size):
            continue
        first, last = old, new
        if not np.array_equal(pairs, pairs_after):  # rewiring moved some
            _, i, j = np.intersect1d(pairs, pairs_after, assume_unique=True, return_indices=True)
            first, last = old[i], new[j]
            moved += new.size - last.size
        size = np.abs(first).sum()
        share = np.abs(last - first).sum() / size if size else math.nan
        cells = [_number(float(np.abs(weight).mean())) for weight in (old, new)]
        rows.append([kind, _count(new.size), *cells, f"{_percent(float(share))} %"])
    names = ["weights", "synapses", "mean |w| before", "after", "mean |change|"]
    radius = [spectral_radius(net.hidden.matrix) for net in (before, after)]
    stayed = f", of the synapses that stayed; rewiring moved {moved}" if moved else ""
    return (
        f"What training changed\n{text_table(names, rows)}\n"
        f"mean |change|: in % of the mean |w| before{stayed}\n"
        f"spectral radius of the hidden weights: {_number(radius[0])} before, {_number(radius[1])} after"
    )


def _weights(net: Connectome, kind: str) -> tuple[Any, Any]:
    """The pairs of neurons that synapses of a kind join, as numbers, and their weights."""
    part, first = net.select(kind=kind), 0
    pairs, weights = [], []
    for synapses in (part.input, part.hidden, part.readout):
        rows, columns = synapses.shape
        if synapses.weight is not None:
            pairs.append(first + synapses.post.astype(np.int64) * columns + synapses.pre)
            weights.append(synapses.weight)
        first += rows * columns
    return np.concatenate([np.zeros(0, np.int64), *pairs]), np.concatenate([np.zeros(0), *weights])


def text_table(names: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Cells in columns: the first `left` columns begin together, the others end together."""
    cells = [[_short(cell) for cell in row] for row in [names, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = []
    for row in cells:
        padded = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def _short(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…"


def _count(number: float) -> str:
    return f"{number:.0f}"


def _count_or_none(number: float) -> str:
    return "–" if math.isnan(number) else f"{number:.0f}"


def _number(number: float) -> str:
    return "–" if math.isnan(number) else f"{number:.3g}"


def _percent(number: float) -> str:
    return "–" if math.isnan(number) else f"{100 * number:.1f}"


def _range(row: Any, degree: str) -> str:
    return f"{row[f'{degree}_mean']:.1f} ({row[f'{degree}_min']:.0f} to {row[f'{degree}_max']:.0f})"
