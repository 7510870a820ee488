"""The four-area network of the MultiArea documentation: masks, a CTRNN, a training step, pictures."""

import torch

import graphrnn as gr

# entry [i, j] is the density of the projection from area j to area i
connectivities = [
    [1.0, 0.1, 0.0, 0.0],
    [0.1, 1.0, 0.1, 0.0],
    [0.0, 0.1, 1.0, 0.1],
    [0.0, 0.0, 0.1, 1.0],
]
struct = gr.MultiArea(
    n_areas=4,
    area_connectivities=connectivities,
    input_areas=[0],
    readout_areas=[2, 3],
    dims=[1, 100, 1],
    seed=0,
)
struct.plot_masks().savefig("masks.png", dpi=200)

torch.manual_seed(0)
rnn = gr.CTRNN(sparsity_masks=struct.get_masks())
layer = rnn.layers[1]
print(layer)

optimizer = torch.optim.Adam(rnn.parameters(), lr=1e-2, weight_decay=1e-3)
x, target = torch.randn(16, 50, 1), torch.randn(16, 50, 1)
for _ in range(20):
    optimizer.zero_grad()
    loss = ((rnn(x)[0] - target) ** 2).mean()
    loss.backward()
    optimizer.step()

mask = torch.as_tensor(struct.get_masks()[1].toarray(), dtype=torch.bool)
weight = layer.weight.to_dense()
assert not weight[~mask].any(), "an absent synapse has a weight"
assert weight[mask].all(), "a synapse has none"
rnn.plot_layers().savefig("layers.png", dpi=200)
print(f"{int(mask.sum())} synapses before, {int((weight != 0).sum())} after training; loss {loss.item():.3f}")
