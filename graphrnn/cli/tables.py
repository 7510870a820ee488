"""Tables as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphrnn.connectome import Connectome

__all__ = ["area_tables", "heading", "projection_table", "text_table"]

_WIDEST = 36  # characters of one cell
_SHARES = ("forward", "backward", "lateral", "within", "unclassified", "input")


def heading(net: Connectome) -> str:
    """One line on the whole network."""
    parts = [
        f"{_of(net.n_neurons, 'neuron')} in {_of(len(net.areas), 'area')}, {_of(net.hidden.size, 'synapse')}"
    ]
    for node in (*net.inputs, *net.readouts):
        parts.append(f"{node.name} ({_of(node.size, node.role)})")
    if net.seed is not None:
        parts.append(f"seed {net.seed}")
    return "; ".join(parts)


def _of(number: int, thing: str) -> str:
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
    parts = [text_table(names, rows), legend]
    if kinds:
        parts += ["", "Of the synapses onto an area, % that are", text_table(["area", *kinds], shares)]
    return "\n".join(parts)


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
        "95 % interval",
        "in-degree",
        "out-degree",
    ]
    rows = []
    for row in projections.itertuples():
        density = [_number(row.density_asked), _number(row.density)]
        interval = f"{row.density_low:.3g} to {row.density_high:.3g}"
        degrees = [_number(row.in_degree_mean), _number(row.out_degree_mean)]
        rows.append(
            [row.pre, row.post, row.kind, row.rule, _count(row.synapses), *density, interval, *degrees]
        )
    legend = (
        "asked, density: of all possible synapses; degrees: mean synapses onto a target, from a source neuron"
    )
    return f"{text_table(names, rows, left=4)}\n{legend}"


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


def _number(number: float) -> str:
    return "–" if math.isnan(number) else f"{number:.3g}"


def _percent(number: float) -> str:
    return "–" if math.isnan(number) else f"{100 * number:.1f}"


def _range(row: Any, degree: str) -> str:
    return f"{row[f'{degree}_mean']:.1f} ({row[f'{degree}_min']:.0f} to {row[f'{degree}_max']:.0f})"
