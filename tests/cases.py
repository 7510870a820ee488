"""The small networks that all tests run over: `NETWORKS`, name → Connectome, one function each.

from cases import each_network

@each_network
def test_something(net): ...
"""

import numpy as np
import pandas as pd
import pytest

import graphrnn as gr


def asymmetric():
    """Two areas of different sizes; nothing in it equals its transpose."""
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 3)
    graph.add_area("V1", 7)
    graph.add_area("PFC", 5)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.5)
    graph.project("V1", "PFC", gr.FixedIndegree(3))
    graph.project("PFC", "V1", gr.FixedTotalNumber(4))
    graph.project("V1", "V1", 0.4, self_connections=False)
    graph.project("PFC", "choice")
    return graph.compile(seed=1)


def one_area():
    graph = gr.AreaGraph()
    graph.add_input("in", 1)
    graph.add_area("area", 10)
    graph.add_readout("out", 1)
    graph.project("in", "area")
    graph.project("area", "area")
    graph.project("area", "out")
    return graph.compile(seed=2)


def one_neuron():
    graph = gr.AreaGraph()
    graph.add_input("in", 1)
    graph.add_area("neuron", 1)
    graph.add_readout("out", 1)
    graph.project("in", "neuron")
    graph.project("neuron", "neuron", gr.OneToOne())
    graph.project("neuron", "out")
    return graph.compile(seed=3)


def no_synapses():
    """A lone neuron that nothing reaches: no inputs, no readouts."""
    graph = gr.AreaGraph()
    graph.add_area("neuron", 1)
    return graph.compile(seed=4)


def area_without_input():
    """`C` sends and receives nothing, `A` hears no input node."""
    graph = gr.AreaGraph()
    graph.add_input("in", 2)
    for name in "ABC":
        graph.add_area(name, 4)
    graph.add_readout("out", 1)
    graph.project("in", "B", 0.6)
    graph.project("A", "B", 0.5)
    graph.project("B", "B", 0.5)
    graph.project("B", "out")
    return graph.compile(seed=5)


def empty_projections():
    graph = gr.AreaGraph()
    graph.add_input("in", 2)
    graph.add_area("a", 4)
    graph.add_area("b", 5)
    graph.add_readout("out", 1)
    graph.project("in", "a", 0.0)
    graph.project("a", "b", gr.FixedIndegree(0))
    graph.project("b", "a", gr.Explicit(pre=[], post=[]))
    graph.project("a", "a", 0.5)
    graph.project("b", "out", gr.FixedTotalNumber(0))
    return graph.compile(seed=6)


def excitatory_inhibitory():
    """Signs, time constants, and a rule that differs by sign."""
    graph = gr.AreaGraph()
    graph.add_input("in", 2)
    graph.add_area("V1", 20, tau=20.0, excitatory=0.8)
    graph.add_area("PFC", 10, tau=100.0, excitatory=0.8)
    graph.add_readout("out", 2)
    graph.project("in", "V1")
    graph.project("V1", "PFC", gr.BySign(ee=0.3, ei=gr.FixedIndegree(2)))
    graph.project("PFC", "V1", gr.BySign(ee=gr.FixedOutdegree(3)))
    for area in ("V1", "PFC"):
        graph.project(
            area, area, gr.BySign(ee=0.2, ei=0.5, ie=0.9, ii=gr.FixedIndegree(1)), self_connections=False
        )
    graph.project("PFC", "out", gr.FixedIndegree(4))
    return graph.compile(seed=7)


def with_positions():
    """A ring, a sheet and an area that has no place."""
    graph = gr.AreaGraph()
    graph.add_area("ring", 16, positions=np.arange(16.0))
    graph.add_area("sheet", 9, positions=np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2))
    graph.add_area("nowhere", 3)
    graph.project("ring", "ring", gr.DistanceDependent(gr.Gaussian(2.0), wrap=16.0), self_connections=False)
    graph.project("sheet", "sheet", gr.DistanceDependent(gr.Exponential(1.0, p=0.9), max_distance=2.0))
    graph.project("sheet", "nowhere", 0.5)
    graph.project("nowhere", "ring", gr.FixedOutdegree(5))
    return graph.compile(seed=8)


def lateral_levels():
    """Two areas on one level below a third: all four kinds, one of them given."""
    graph = gr.AreaGraph()
    graph.add_input("left ear", 1)
    graph.add_input("right ear", 2)
    graph.add_area("left", 6, level=0)
    graph.add_area("right", 6, level=0)
    graph.add_area("top", 4, level=1.5)
    graph.add_readout("where", 2)
    graph.add_readout("what", 3)
    graph.project("left ear", "left")
    graph.project("right ear", "right", 0.7)
    for pre, post in (("left", "right"), ("right", "left"), ("left", "top"), ("top", "left"), ("top", "top")):
        graph.project(pre, post, 0.4)
    graph.project("right", "top", 0.4, kind="lateral")
    graph.project("top", "where")
    graph.project("left", "what", 0.5)
    graph.project("top", "what", 0.5)
    return graph.compile(seed=9)


def explicit_weights():
    """Some projections have weights, others have none."""
    graph = gr.AreaGraph()
    graph.add_input("in", 2)
    graph.add_area("a", 4, excitatory=0.5)
    graph.add_area("b", 3, tau=50.0)
    graph.add_readout("out", 1)
    graph.project("in", "a", gr.Explicit(pre=[1, 0], post=[3, 2], weight=[0.25, -1.5]))
    graph.project(
        "a", "b", gr.Explicit.from_matrix(np.array([[0, 1.5, 0, -2], [0, 0, 0, 0], [0.5, 0, 0, 1e-3]]))
    )
    graph.project("b", "a", gr.FixedIndegree(2))
    graph.project("b", "b", gr.Explicit(pre=[2, 0], post=[0, 1], weight=[3.0, -0.5]))
    graph.project("a", "out", gr.Explicit(pre=[0, 3], post=[0, 0]))
    return graph.compile(seed=10)


def measured():
    """As C. elegans comes: named neurons, parallel edges of two types, one area without a level."""
    rng = np.random.default_rng(11)
    neurons = pd.DataFrame(
        {
            "neuron": [f"n{i:02}" for i in range(24)],
            "area": np.repeat(["sensory", "inter", "motor", "pharynx"], [6, 8, 7, 3]),
            "level": np.repeat([0.0, 1.0, 2.0, np.nan], [6, 8, 7, 3]),
            "sign": rng.choice([1, -1, 0], 24),
        }
    ).sample(frac=1, random_state=1)
    edges = pd.DataFrame(rng.choice(neurons["neuron"], (120, 2)), columns=["pre", "post"])
    edges["weight"] = rng.integers(1, 20, 120)
    edges["type"] = rng.choice(["chemical", "electrical"], 120)
    net = gr.Connectome.from_edges(edges, neurons)
    return net.with_input("stimulus", 2, to="sensory", seed=0).with_readout(
        "choice", 2, pre=["motor", "inter"]
    )


def measured_without_levels():
    """Nothing known but who reaches whom, and how late."""
    neurons = pd.DataFrame(
        {"neuron": list("abcde"), "area": ["x", "y", "x", "z", "y"], "tau": [5, 6, 7, 8, None]}
    )
    edges = pd.DataFrame({"pre": list("aabce"), "post": list("bddaa"), "delay": [1.0, 2.0, 0.5, 1.5, 0.0]})
    return gr.Connectome.from_edges(edges, neurons)


def bare_masks():
    """Three signed masks and no word about areas."""
    rng = np.random.default_rng(12)
    hidden = (rng.random((8, 8)) < 0.4) * rng.choice([1, -1], 8)
    return gr.Connectome.from_masks(rng.random((8, 2)) < 0.5, hidden, rng.random((3, 8)) < 0.5)


NETWORKS = {
    make.__name__: make()
    for make in (
        asymmetric,
        one_area,
        one_neuron,
        no_synapses,
        area_without_input,
        empty_projections,
        excitatory_inhibitory,
        with_positions,
        lateral_levels,
        explicit_weights,
        measured,
        measured_without_levels,
        bare_masks,
    )
}

each_network = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
