"""Pictures of area graphs, masks, weights, rates and training, drawn with matplotlib.

Every function returns the `matplotlib.figure.Figure` that it drew in, and none shows it: save it with
`fig.savefig("masks.pdf")`, or leave it as the last line of a notebook cell. With `ax=` the picture goes
into the place of an axes of yours, all of it, names and legend included, and the returned figure is the
one that the axes belongs to. A picture fits a paper's column (85 mm) and is up to a page wide (180 mm) only
where many areas or long names need it. matplotlib's global state, pyplot included, is left alone.
"""

from __future__ import annotations

from graphrnn.plots.activity import rates
from graphrnn.plots.areas import area_graph
from graphrnn.plots.distributions import degrees, weight_change, weight_histograms
from graphrnn.plots.drawn import densities
from graphrnn.plots.heat import area_matrix, weights
from graphrnn.plots.layered import layers
from graphrnn.plots.learning import psychometric, training
from graphrnn.plots.levels import hierarchy
from graphrnn.plots.matrices import masks
from graphrnn.plots.overviews import overview
from graphrnn.plots.spectra import spectrum
from graphrnn.plots.style import KIND_COLORS

__all__ = [
    "KIND_COLORS",
    "area_graph",
    "area_matrix",
    "degrees",
    "densities",
    "hierarchy",
    "layers",
    "masks",
    "overview",
    "psychometric",
    "rates",
    "spectrum",
    "training",
    "weight_change",
    "weight_histograms",
    "weights",
]
