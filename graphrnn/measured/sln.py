"""A hierarchy from the layers in which projections start."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrnn import _checks
from graphrnn.measured.pairs import numbers_of_pairs

__all__ = ["kinds_from_sln", "levels_from_sln"]


def kinds_from_sln(sln: Any, *, forward: float = 0.65, backward: float = 0.35) -> dict[tuple[str, str], str]:
    """The kind of each projection from its SLN, the fraction of its neurons in supragranular layers.

    Above `forward` it is forward, below `backward` it is backward, between (both ends included) it is
    lateral.

    Args:
        sln: from 0 to 1 by (pre, post); a DataFrame with columns `pre`, `post`, `sln`; or one with rows post
            and columns pre, NaN where there is no projection.
        forward: threshold from 0 to 1.
        backward: threshold from 0 to `forward`.

    Returns:
        Kinds by (pre, post), for `Connectome.with_kinds` and `area_graph(kinds=...)`.

    Raises:
        ValueError: for an SLN out of range or thresholds that cross.

    Example:
        >>> import graphrnn as gr
        >>> gr.measured.kinds_from_sln({("V1", "V2"): 0.73, ("V2", "V1"): 0.15, ("V3", "V2"): 0.5})
        {('V1', 'V2'): 'forward', ('V2', 'V1'): 'backward', ('V3', 'V2'): 'lateral'}

    Source:
        Markov et al., J. Comp. Neurol. 522 (2014). Thresholds: Schmidt, Bakker, Hilgetag, Diesmann & van
        Albada, Brain Struct. Funct. 223 (2018).
    """
    call = "kinds_from_sln(...)"
    above, below = (_checks.fraction(call, n, v) for n, v in (("forward", forward), ("backward", backward)))
    if below > above:
        raise ValueError(
            f"`{call}` needs `backward` of at most `forward`; it got backward={below:g} and "
            f"forward={above:g}."
        )
    found = _fractions(call, sln)
    return {
        pair: "forward" if value > above else "backward" if value < below else "lateral"
        for pair, value in found.items()
        if pair[0] != pair[1]
    }


def levels_from_sln(sln: Any, *, clip: float = 0.01) -> dict[str, float]:
    """A level for each area, whose differences fit the SLN of the projections best.

        logit(SLN) ≈ level of post - level of pre

    in least squares over all projections. The lowest area has level 0.

    Args:
        sln: as in `kinds_from_sln`.
        clip: SLN below this or above 1 - clip count as that, because the logit of 0 or 1 is infinite.

    Raises:
        ValueError: for an SLN out of range, no projection, or areas in several parts that no projection
            joins.

    Example:
        >>> import graphrnn as gr
        >>> levels = gr.measured.levels_from_sln({("V1", "V2"): 0.9, ("V2", "V1"): 0.1, ("V2", "V4"): 0.9})
        >>> {area: round(level, 2) for area, level in levels.items()}
        {'V1': 0.0, 'V2': 2.2, 'V4': 4.39}

    Source:
        The linear form of the regression in Markov et al., J. Comp. Neurol. 522 (2014), and Chaudhuri,
        Knoblauch, Gariel, Kennedy & Wang, Neuron 88 (2015), who weight projections by their neurons.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    call = "levels_from_sln(...)"
    clip = _checks.positive(call, "clip", clip)
    if clip >= 0.5:
        raise ValueError(f"`{call}` needs `clip` below 0.5; it got {clip:g}.")
    found = {pair: value for pair, value in _fractions(call, sln).items() if pair[0] != pair[1]}
    if not found:
        raise ValueError(f"`{call}` needs the SLN of at least one projection between two areas.")
    areas = list(dict.fromkeys(end for pair in found for end in pair))
    place = {area: i for i, area in enumerate(areas)}
    pre = np.array([place[source] for source, _ in found])
    post = np.array([place[target] for _, target in found])
    joined = coo_array((np.ones(len(found)), (post, pre)), shape=(len(areas), len(areas)))
    n_parts, part = connected_components(joined, directed=False)
    if n_parts > 1:
        other = areas[int(np.argmax(part != part[0]))]
        raise ValueError(
            f"`{call}` needs projections that join all areas; none leads, either way and over any "
            "areas, from "
            f"{areas[0]!r} to {other!r}. Find the levels of each part alone."
        )
    fraction = np.clip(list(found.values()), clip, 1 - clip)
    difference = np.zeros((len(found), len(areas)))
    rows = np.arange(len(found))
    difference[rows, post] = 1.0
    difference[rows, pre] = -1.0
    level = np.linalg.lstsq(difference, np.log(fraction / (1 - fraction)), rcond=None)[0]
    return {area: float(value) for area, value in zip(areas, level - level.min(), strict=True)}


def _fractions(call: str, sln: Any) -> dict[tuple[str, str], float]:
    found = numbers_of_pairs(call, "sln", sln)
    for (pre, post), value in found.items():
        _checks.fraction(f"{call}, {pre!r} → {post!r}", "sln", value)
    return found
