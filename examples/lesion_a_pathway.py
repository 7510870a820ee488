"""What does a pathway do? Train a two-area network on a decision, then silence its projections by kind."""

import torch

import graphrnn as gr

graph = gr.AreaGraph()
graph.add_input("stimulus", 2)
graph.add_area("sensory", 60, tau=20.0, excitatory=0.8)
graph.add_area("decision", 60, tau=100.0, excitatory=0.8)
graph.add_readout("choice", 2)
graph.project("stimulus", "sensory")
graph.project("sensory", "decision", gr.BySign(ee=0.2, ei=0.2))  # only excitatory neurons project far
graph.project("decision", "sensory", gr.BySign(ee=0.1, ei=0.1))
for area in graph.areas:
    graph.project(area, area, 0.5, self_connections=False)
graph.project("decision", "choice")
net = graph.compile(seed=0)

torch.manual_seed(0)
rnn = gr.CTRNN(net, dt=20.0, dale=True, preact_noise=0.05)
train, test = (
    gr.tasks.PerceptualDecision(n_trials=n, dt=20.0, seed=seed) for seed, n in enumerate((2000, 500))
)
optimizer = torch.optim.Adam(rnn.parameters(), lr=5e-3)
gr.training.fit(rnn, train, epochs=6, optimizer=optimizer, progress=False)
intact = gr.training.evaluate(rnn, test).accuracy
print(f"intact: {intact:.3f}")


def lesioned(kind: str) -> float:
    """Accuracy without the synapses of one kind; the values of all others stay."""
    kept = net.select(kind=[k for k in ("forward", "backward", "within") if k != kind]).hidden_mask
    keep = torch.as_tensor(kept.toarray(), dtype=torch.bool)[rnn.hidden.pattern.post, rnn.hidden.pattern.pre]
    before = rnn.hidden.values.detach().clone()
    with torch.no_grad():
        rnn.hidden.values.mul_(keep)
    accuracy = gr.training.evaluate(rnn, test).accuracy
    with torch.no_grad():
        rnn.hidden.values.copy_(before)
    return accuracy


for kind in ("forward", "backward", "within"):
    print(f"without {kind}: {lesioned(kind):.3f}")
assert intact > 0.75
assert lesioned("forward") < 0.6, "nothing reaches the readout without the forward projection"
assert gr.training.evaluate(rnn, test).accuracy == intact
