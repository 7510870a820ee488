"""A trained network as a connectome, and other weights for the same synapses."""

import numpy as np
import torch
from cases import NETWORKS, each_network

import graphrnn as gr


@each_network
def test_a_network_gives_back_its_wiring_with_its_weights(net):
    rnn = gr.CTRNN(net, dt=1.0, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    trained = rnn.to_connectome()
    for which, layer in zip(("input", "hidden", "readout"), rnn.layers, strict=True):
        np.testing.assert_array_equal(
            trained.synapses(which).matrix.toarray(), layer.weight.detach().to_dense()
        )
        assert trained.synapses(which).weight.dtype == np.float64
        assert trained.synapses(which).digest() == net.synapses(which).digest()
    np.testing.assert_array_equal(trained.tau, rnn.leak.tau.numpy())
    assert trained.projections == net.projections
    assert trained.hidden.types == net.hidden.types
    again = gr.CTRNN(trained, dt=1.0, init="weights", dtype=torch.float64)
    torch.testing.assert_close(again.hidden.weights, rnn.hidden.weights, rtol=0, atol=0)


def test_learned_weights_and_time_constants_are_those_in_force():
    net = NETWORKS["excitatory_inhibitory"]
    rnn = gr.CTRNN(net, dale=True, learn_tau=True, generator=torch.Generator().manual_seed(0))
    before = rnn.to_connectome()
    optimizer = torch.optim.Adam(rnn.parameters(), lr=0.05)
    readout, _, _ = rnn(torch.ones(3, 5, 2))
    readout.square().sum().backward()
    optimizer.step()
    after = rnn.to_connectome()
    assert (before.hidden.weight != after.hidden.weight).any()
    assert (before.tau != after.tau).any()
    assert (after.hidden.weight * after.sign[after.hidden.pre] >= 0).all()
    assert not np.isnan(after.tau).any()
    assert net.hidden.weight is None
