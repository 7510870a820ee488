"""Weights both ways: onto a connectome, from a trained CTRNN."""

import re

import numpy as np
import pytest
import scipy.sparse
import torch
from cases import NETWORKS, each_network

import graphrnn as gr

WHICH = ("input", "hidden", "readout")


def drawn(net, dtype=np.float64):
    rng = np.random.default_rng(0)
    return {which: rng.normal(size=net.synapses(which).size).astype(dtype) for which in WHICH}


@each_network
@pytest.mark.parametrize("form", ["list", "dense", "sparse"])
def test_weights_land_on_their_synapses(net, form):
    weights = drawn(net)
    given = dict(weights)
    for which in WHICH:
        synapses = net.synapses(which)
        matrix = scipy.sparse.coo_array((weights[which], (synapses.post, synapses.pre)), synapses.shape)
        given[which] = {"list": weights[which], "dense": matrix.toarray(), "sparse": matrix.T.tocsr().T}[form]
    weighted = net.with_weights(**given)
    for which in WHICH:
        np.testing.assert_array_equal(weighted.synapses(which).weight, weights[which])
        assert weighted.synapses(which).digest() == net.synapses(which).digest()
        np.testing.assert_array_equal(weighted.synapses(which).delay, net.synapses(which).delay)
    assert weighted.provenance.steps[-1]["choices"] == {"matrices": list(WHICH)}


def test_what_is_not_given_stays():
    net = NETWORKS["explicit_weights"]
    changed = net.with_weights(hidden=np.ones(net.hidden.size, np.float32))
    assert changed.input == net.input
    assert changed.hidden.weight.dtype == np.float32
    assert net.with_weights() == net


def test_an_entry_that_is_missing_from_a_matrix_is_a_weight_of_zero():
    net = NETWORKS["one_area"]
    matrix = scipy.sparse.coo_array(([2.0], ([3], [4])), shape=(10, 10))
    dense = net.with_weights(hidden=matrix).hidden.matrix.toarray()
    np.testing.assert_array_equal(dense, matrix.toarray())
    assert net.with_weights(hidden=matrix).hidden.size == 100


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"hidden": [1.0, 2.0]},
            "`net.with_weights(...)` needs one weight in `hidden` for each of 39 synapses; it got 2. "
            "Their order is that of net.hidden.post and net.hidden.pre.",
        ),
        (
            {"input": np.ones((3, 12))},
            "`net.with_weights(...)` needs `input` as one weight for each of 10 synapses, or as a matrix "
            "(post, pre) of shape (12, 3); it got shape (3, 12).",
        ),
        (
            {"readout": np.ones((2, 12))},
            "`net.with_weights(...)` needs weights on synapses that exist; 14 entries of `readout` that are "
            "not 0 lie where there is none. A matrix here is (post, pre); build a network of its pattern "
            "with Connectome.from_masks.",
        ),
        (
            {"readout": np.full(10, np.inf)},
            "`net.with_weights(...)` needs finite weights in `readout`, or NaN where none is known; "
            "10 are infinite.",
        ),
        (
            {"hidden": np.full(39, True)},
            "`net.with_weights(...)` needs real numbers in `hidden`; it got bool.",
        ),
    ],
)
def test_messages(given, message):
    net = NETWORKS["asymmetric"]
    assert (net.hidden.size, net.input.size) == (39, 10)
    with pytest.raises((ValueError, TypeError), match="^" + re.escape(message) + "$"):
        net.with_weights(**given)


# from a CTRNN


@each_network
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_ctrnn_comes_back_with_its_weights(net, dtype):
    rnn = gr.CTRNN(net, dt=1.0, dtype=dtype, generator=torch.Generator().manual_seed(0))
    back = rnn.to_connectome()
    for which, layer in zip(WHICH, rnn.layers, strict=True):
        dense = layer.weight.to_dense().detach().numpy()
        np.testing.assert_array_equal(back.synapses(which).matrix.toarray(), dense)
        assert back.synapses(which).weight.dtype == dense.dtype
        assert back.synapses(which).digest() == net.synapses(which).digest()
    np.testing.assert_array_equal(back.tau, rnn.leak.tau.numpy())
    again = gr.CTRNN(back, dt=1.0, init="weights", dtype=dtype)
    for mine, theirs in zip(rnn.layers, again.layers, strict=True):
        assert torch.equal(mine.values, theirs.values)
    assert torch.equal(again.leak.alpha, rnn.leak.alpha)


def test_a_trained_network_under_dales_law_runs_the_same_from_its_connectome(tmp_path):
    net = NETWORKS["excitatory_inhibitory"]
    rnn = gr.CTRNN(net, dale=True, learn_tau="neuron", generator=torch.Generator().manual_seed(0))
    x = torch.randn(4, 20, 2, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(rnn.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        (rnn(x)[0] - 1).square().mean().backward()
        optimizer.step()
    gr.io.write(rnn.to_connectome(), tmp_path / "trained.npz")
    back = gr.io.read(tmp_path / "trained.npz")
    assert (np.sign(back.hidden.weight) * back.sign[back.hidden.pre] >= 0).all()
    again = gr.CTRNN(back, dale=True, init="weights", bias=True)
    with torch.no_grad():
        again.hidden.bias.copy_(rnn.hidden.bias)
        again.readout.bias.copy_(rnn.readout.bias)
    torch.testing.assert_close(again(x)[0], rnn(x)[0], rtol=1e-5, atol=1e-6)
    assert back.provenance.steps[-1]["step"] == "CTRNN.to_connectome"
    assert back.provenance.steps[-1]["choices"] == {
        "activation": "relu",
        "dt": 10.0,
        "dale": True,
        "learn_tau": True,
        "torch": torch.__version__,
    }


def test_what_was_written_back_is_a_copy():
    rnn = gr.CTRNN(NETWORKS["asymmetric"])
    before = rnn.to_connectome()
    kept = before.hidden.weight.copy()
    with torch.no_grad():
        rnn.hidden.values.add_(1)
    np.testing.assert_array_equal(before.hidden.weight, kept)
    assert rnn.to_connectome() != before
