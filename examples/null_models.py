"""Is the worm wired as its degrees alone would have it? Measured tables, null models, a comparison.

The tables are those of C. elegans that come with graphrnn; any two tables of neurons and synapses do.
"""

from importlib import resources

import matplotlib.figure
import numpy as np
from scipy.sparse import csr_array

import graphrnn as gr

N_NULL = 50

# From tables to a connectome. Cells that the table of neurons does not list are muscles and glia: they go.
# A gap junction becomes two directed synapses. What was decided, and on which files, stays with the network.
tables = resources.files("graphrnn.datasets").joinpath("celegans")
with resources.as_file(tables) as folder:
    worm = gr.measured.connectome(
        folder / "synapses.csv",
        folder / "neurons.csv",
        columns={"synapses": "weight"},
        unknown="drop",
        gap_junctions="both",
    )
print(worm)
print(worm.provenance)
assert dict(worm.report) == {"merged": 253, "unknown": 9, "dropped": 126, "gap_junctions": 569}
worm = worm.select(type=[name for name in worm.hidden.types if "chemical" in name])  # the directed ones


def wiring(net):
    """Who reaches whom, but for self-connections, (post, pre)."""
    matrix = csr_array(net.hidden_mask)
    matrix.setdiag(0)
    matrix.eliminate_zeros()
    return matrix


def reciprocal(net):
    """Fraction of synapses whose reverse exists too."""
    W = wiring(net)
    return W.multiply(W.T).sum() / W.sum()


def loops(net):
    """Feed-forward loops: a → b → c with the shortcut a → c."""
    W = wiring(net)
    return (W @ W).multiply(W).sum()


MEASURES = {"reciprocated synapses (fraction)": reciprocal, "feed-forward loops": loops}
MODELS = {
    "counts of projections": {"keep": "counts"},
    "in-degrees, within projections": {"keep": "in_degrees"},
    "degrees, whole network": {"keep": "degrees", "within": "network"},
    "degrees, within projections": {"keep": "degrees"},
}
null = {
    label: [worm.rewired(**options, seed=seed) for seed in range(N_NULL)] for label, options in MODELS.items()
}

figure = matplotlib.figure.Figure(figsize=(7.1, 2.4), layout="constrained")
panels = figure.subplots(1, 2, sharey=True)
for ax, (name, measure) in zip(panels, MEASURES.items(), strict=True):
    measured = measure(worm)
    ax.axvline(measured, color="#D1352B", linewidth=1.2)
    ax.text(
        measured,
        1.02,
        "the worm",
        color="#D1352B",
        ha="center",
        va="bottom",
        transform=ax.get_xaxis_transform(),
    )
    for row, (label, drawn) in enumerate(null.items()):
        values = np.array([measure(net) for net in drawn])
        z = (measured - values.mean()) / values.std(ddof=1)
        print(f"{name}, {label} kept: worm {measured:.4g}, null {values.mean():.4g}, z = {z:.1f}")
        assert z > 3  # both are more common in the worm than under any of these
        jitter = np.linspace(-0.25, 0.25, values.size)
        ax.plot(values, row + jitter, ".", color="#23408F", markersize=3, alpha=0.6)
    ax.set_xlabel(name)
    ax.set_xlim(0, 1.12 * measured)
    ax.set_ylim(-0.6, len(MODELS) - 0.4)
    ax.spines[["top", "right"]].set_visible(False)
panels[0].set_yticks(range(len(MODELS)), MODELS)
panels[0].set_ylabel("kept by the null model")
figure.savefig("null_models.png", dpi=200)
