"""Networks and small helpers that the tests of the tables share.

from statistics_cases import MEASURABLE, dense
"""

import numpy as np
from cases import NETWORKS

import graphrnn as gr


def mixed():
    """Every kind, signs in one area only, neurons without input or output, a rule of each sort."""
    graph = gr.AreaGraph()
    graph.add_input("left", 2)
    graph.add_area("low", 12, level=1, excitatory=0.75)
    graph.add_area("high", 7, level=2)
    graph.add_input("right", 1)
    graph.add_area("beside", 9, level=2)
    graph.add_area("alone", 3, level=5)
    graph.add_readout("choice", 2)
    graph.project("left", "low", 0.3)
    graph.project("right", "high")
    graph.project("right", "low", 0.2)
    graph.project("low", "low", 0.4)
    graph.project("low", "high", gr.FixedIndegree(3))
    graph.project("high", "low", 0.2)
    graph.project("high", "beside", gr.FixedOutdegree(2))
    graph.project("beside", "high", gr.FixedTotalNumber(5))
    graph.project("high", "high", self_connections=False)
    graph.project("beside", "beside", gr.OneToOne())
    graph.project("beside", "choice", 0.5)
    return graph.compile(seed=3)


def one_neuron():
    graph = gr.AreaGraph()
    graph.add_area("neuron", 1)
    graph.project("neuron", "neuron", self_connections=False)
    return graph.compile(seed=0)


def dense(net):
    return {which: net.synapses(which).mask.toarray().astype(int) for which in ("input", "hidden", "readout")}


def weighted(net, seed=0):
    rng = np.random.default_rng(seed)
    return net.with_weights(
        **{which: rng.normal(size=net.synapses(which).size) for which in ("input", "hidden", "readout")}
    )


CELEGANS = gr.datasets.celegans()
WHOLE_CELEGANS = CELEGANS.with_input("in", 3, to="sensory", rule=0.1, seed=1).with_readout(
    "out", 2, pre="motor-cord"
)
MEASURABLE = NETWORKS | {
    "mixed": mixed(),
    "loner": one_neuron(),
    "celegans": CELEGANS,
    "ends": WHOLE_CELEGANS,
}
MEASURABLE |= {f"{name}, weighted": weighted(net) for name, net in list(MEASURABLE.items())}


def weights(net, which="hidden"):
    """Dense weights, or all NaN where the network has none."""
    synapses = net.synapses(which)
    if synapses.weight is None:
        return np.where(synapses.mask.toarray() > 0, np.nan, 0.0)
    return synapses.matrix.toarray()
