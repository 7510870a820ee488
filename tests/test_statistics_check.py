"""Each check fires where it should and is silent where it should be."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from cases import NETWORKS
from statistics_cases import MEASURABLE, mixed

import graphrnn as gr
from graphrnn.statistics.check import _CHECKS


def sound():
    """A network in which nothing is to be found."""
    graph = gr.AreaGraph()
    graph.add_input("in", 2)
    graph.add_area("V1", 50, excitatory=0.8)
    graph.add_area("V2", 40, excitatory=0.8)
    graph.add_readout("out", 3)
    graph.project("in", "V1")
    graph.project("V1", "V1", 0.2, self_connections=False)
    graph.project("V2", "V2", 0.2, self_connections=False)
    graph.project("V1", "V2", gr.BySign(ee=gr.FixedIndegree(5), ei=gr.FixedIndegree(5)))
    graph.project("V2", "V1", gr.BySign(ee=gr.FixedIndegree(2)))
    graph.project("V2", "out")
    return graph


def found(net, code, **given):
    return [(one.where, one.message) for one in gr.statistics.check(net, **given) if one.code == code]


def codes(net, **given):
    return sorted({one.code for one in gr.statistics.check(net, **given)})


def test_nothing_is_found_in_a_sound_network():
    net = sound().compile(seed=0)
    findings = gr.statistics.check(net, long_range_inhibition=False)
    assert findings == ()
    assert str(findings) == "nothing found"
    assert findings.to_frame().columns.tolist() == ["code", "where", "message", "why"]
    rnn = gr.CTRNN(net, dale=True, generator=torch.Generator().manual_seed(0))
    assert gr.statistics.check(rnn.to_connectome(), long_range_inhibition=False) == ()


@pytest.mark.parametrize("net", MEASURABLE.values(), ids=MEASURABLE)
def test_every_network_can_be_checked(net):
    for finding in gr.statistics.check(net, long_range_inhibition=False):
        assert finding.code in _CHECKS
        assert all(finding)
        assert finding.why.endswith(".")
        assert "  " not in finding.message + finding.why


def test_drawn_networks_have_likely_densities():
    for name, net in MEASURABLE.items():
        assert found(net, "unlikely-density") == [], name


def test_an_area_that_no_input_reaches():
    net = NETWORKS["area_without_input"]
    assert found(net, "unreached-area") == [
        ("'A'", "no path from any input reaches its 4 neurons"),
        ("'C'", "no path from any input reaches its 4 neurons"),
    ]
    assert found(NETWORKS["measured_without_levels"], "unreached-area") == []  # it has no input to ask about
    graph = sound()
    graph.add_area("V3", 1)
    assert found(graph.compile(seed=0), "unreached-area") == [
        ("'V3'", "no path from any input reaches its 1 neuron")
    ]
    graph.project("V2", "V3")
    assert found(graph.compile(seed=0), "unreached-area") == []


def test_a_readout_that_nothing_reaches():
    graph = sound()
    graph.add_readout("bare", 4)
    assert found(graph.compile(seed=0), "unreached-readout") == [
        ("'bare'", "no synapse reaches 4 of its 4 channels")
    ]
    graph.project("V1", "bare", gr.Explicit(pre=[0], post=[2]))
    assert found(graph.compile(seed=0), "unreached-readout") == [
        ("'bare'", "no synapse reaches 3 of its 4 channels")
    ]
    graph.project("V1", "bare", replace=True)
    assert found(graph.compile(seed=0), "unreached-readout") == []
    graph.add_area("deaf", 5)
    graph.add_readout("cut off", 1)
    graph.project("deaf", "cut off")
    assert found(graph.compile(seed=0), "unreached-readout") == [
        ("'cut off'", "no path from any input leads to it")
    ]


def test_neurons_without_input():
    graph = sound()
    graph.project("in", "V1", gr.Explicit(pre=[0], post=[3]), replace=True)
    graph.project("V1", "V1", gr.Explicit(pre=[3], post=[4]), replace=True)
    graph.project("V2", "V1", gr.Explicit(pre=[3], post=[4]), replace=True)
    assert found(graph.compile(seed=0), "neurons-without-input") == [
        ("'V1'", "no synapse runs onto 48 of its 50 neurons")
    ]
    assert found(NETWORKS["no_synapses"], "neurons-without-input") == [
        ("'neuron'", "no synapse runs onto 1 of its 1 neuron")
    ]
    assert found(sound().compile(seed=0), "neurons-without-input") == []


def test_neurons_without_input_have_another_way_out_in_measured_wiring():
    worm = gr.datasets.celegans()
    drawn = NETWORKS["no_synapses"]
    ways = [
        {f.why for f in gr.statistics.check(net) if f.code == "neurons-without-input"}
        for net in (worm, drawn)
    ]
    assert ways == [
        {
            "Such a neuron stays at its bias. If the data are complete, ignore this, or reach it by "
            "net.with_input(name, size, to=...)."
        },
        {"Such a neuron stays at its bias. Raise a density, or use FixedIndegree, which leaves none out."},
    ]


def test_a_density_that_its_rule_could_hardly_have_drawn():
    net = sound().compile(seed=0)
    asked = [
        dataclasses.replace(p, rule="Bernoulli(0.3)") if p.pre == p.post == "V1" else p
        for p in net.projections
    ]
    ((where, message),) = found(dataclasses.replace(net, projections=tuple(asked)), "unlikely-density")
    assert where == "'V1' → 'V1'"
    assert re.fullmatch(
        r"its density is 0\.\d+, and Bernoulli\(0\.3\) draws 0\.\d+ to 0\.\d+ in 95 of 100 draws", message
    )
    keep = np.ones(net.readout.size, bool)
    keep[0] = False
    less = dataclasses.replace(net, readout=net.readout.take(keep))
    assert found(less, "unlikely-density") == [
        ("'V2' → 'out'", "its density is 0.9917, and AllToAll() draws 1")
    ]


def test_inhibition_over_long_ranges():
    graph = sound()
    graph.project("V2", "V1", gr.BySign(ii=gr.FixedIndegree(1)), replace=True)
    net = graph.compile(seed=0)
    assert found(net, "long-range-inhibition") == []  # nobody asked
    assert found(net, "long-range-inhibition", long_range_inhibition=False) == [
        ("'V2' → 'V1'", "10 of its synapses are from inhibitory neurons")
    ]
    net = NETWORKS["explicit_weights"]  # a has signs, b has none
    asked = found(
        net.with_weights(hidden=-np.ones(net.hidden.size)),
        "long-range-inhibition",
        long_range_inhibition=False,
    )
    assert [where for where, _ in asked] == ["'b' → 'a'", "'a' → 'b'"]
    assert asked[0][1] == "8 of its synapses are from inhibitory neurons or of negative weight"


def test_self_connections():
    graph = sound()
    graph.project("V1", "V1", gr.OneToOne(), replace=True)
    assert found(graph.compile(seed=0), "self-connections") == [
        ("'V1'", "50 neurons of 50 with a synapse onto itself")
    ]
    assert found(graph.compile(seed=0), "self-connections", ignore="self-connections") == []


@pytest.mark.parametrize("size", [50, 300])  # 90 neurons by LAPACK, 600 by ARPACK
def test_an_excitatory_outlier(size):
    graph = gr.AreaGraph()
    graph.add_area("a", size, excitatory=0.8)
    graph.add_area("b", size, excitatory=0.8)
    for pre in "ab":
        for post in "ab":
            graph.project(pre, post, 0.3, self_connections=False if pre == post else None)
    net = graph.compile(seed=0)
    assert "excitatory-outlier" not in codes(net)  # no weights yet
    weight = net.sign[net.hidden.pre] * np.random.default_rng(0).uniform(0.5, 1.5, net.hidden.size)
    ((where, message),) = found(net.with_weights(hidden=weight), "excitatory-outlier")
    assert where == "the hidden weights"
    first, bulk = map(float, re.findall(r"\d+\.\d+|\d+", message))
    values = np.linalg.eigvals(net.with_weights(hidden=weight).hidden.matrix.toarray())
    second, largest = np.sort(np.abs(values))[-2:]
    assert first == pytest.approx(largest, rel=0.01)
    assert bulk == pytest.approx(second, rel=0.3)
    balanced = np.where(weight < 0, 4 * weight, weight)
    assert "excitatory-outlier" not in codes(net.with_weights(hidden=balanced))
    inhibited = np.where(weight < 0, 12 * weight, weight)
    assert "excitatory-outlier" not in codes(net.with_weights(hidden=inhibited))
    assert "excitatory-outlier" not in codes(net.with_weights(hidden=np.abs(weight)))  # counts, not signs


def test_levels_that_contradict_kinds():
    assert found(NETWORKS["lateral_levels"], "level-against-kind") == [
        ("'right' → 'top'", "its kind is lateral, and levels 0 → 1.5 mean forward")
    ]
    assert found(mixed(), "level-against-kind") == []
    assert found(NETWORKS["measured"], "level-against-kind") == []  # without a level nothing is contradicted


def test_findings_print_and_tabulate():
    findings = gr.statistics.check(NETWORKS["area_without_input"])
    table = findings.to_frame()
    assert len(table) == len(findings)
    assert table.loc[0].tolist() == list(findings[0])
    first = str(findings).splitlines()[:2]
    assert first == [
        "'A': no path from any input reaches its 4 neurons [unreached-area]",
        "    They carry nothing about the input. Project to it from an input or an area that hears one.",
    ]
    assert repr(findings) == str(findings)


def test_codes_can_be_ignored():
    net = NETWORKS["area_without_input"]
    everything = codes(net)
    assert codes(net, ignore=everything) == []
    assert codes(net, ignore=everything[0]) == everything[1:]


def test_messages():
    net = mixed()
    with pytest.raises(ValueError, match="ignore") as error:
        gr.statistics.check(net, ignore="nonsense")
    assert str(error.value) == (
        f"`statistics.check(net, ...)` needs `ignore` to be one of {', '.join(_CHECKS)}; it got 'nonsense'."
    )
    with pytest.raises(TypeError) as error:
        gr.statistics.check(net, long_range_inhibition=None)
    assert str(error.value) == (
        "`statistics.check(net, ...)` needs True or False for `long_range_inhibition`; it got None."
    )
    with pytest.raises(TypeError) as error:
        gr.statistics.check(None)
    assert str(error.value) == (
        "`statistics.check(net)` needs a Connectome; it got NoneType. Make one with graph.compile."
    )


def test_the_docstring_describes_every_check():
    documented = re.findall(r"^ *`([\w-]+)` {2,}", gr.statistics.check.__doc__, re.MULTILINE)
    assert documented == list(_CHECKS)
