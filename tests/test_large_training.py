"""The memory that a training step takes at scale; by hand: `pytest -m large -s`."""

import json
import subprocess
import sys

import pytest

STEP = """
import json, resource, sys, time
import torch
import graphrnn as gr

graph = gr.AreaGraph()
graph.add_input("stimulus", 10)
areas = [f"area {i}" for i in range(10)]
for area in areas:
    graph.add_area(area, 10_000, excitatory=0.8)
graph.add_readout("choice", 2)
graph.project("stimulus", areas[0])
graph.project(areas[-1], "choice")
for pre in areas:
    for post in areas:
        graph.project(pre, post, gr.FixedIndegree(5))

def peak():  # kB on Linux, bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9

report = {}
begin = time.perf_counter()
rnn = gr.CTRNN(graph, seed=0, **json.loads(sys.argv[1]))
report |= {"neurons": rnn.net.n_neurons, "synapses": rnn.net.hidden.size}
report |= {"GB after building": peak(), "seconds building": time.perf_counter() - begin}
optimizer = torch.optim.Adam(rnn.parameters(), lr=1e-3)
x, target = torch.randn(16, 10, 10), torch.zeros(16, 10, 2)
for step in range(2):
    begin = time.perf_counter()
    optimizer.zero_grad()
    loss = (rnn(x)[0] - target).square().mean()
    loss.backward()
    optimizer.step()
    report |= {f"seconds in step {step}": time.perf_counter() - begin}
report |= {"GB at the peak": peak(), "loss": loss.item(), "moved": bool(rnn.hidden.values.grad.any())}
print(json.dumps(report))
"""


@pytest.mark.large
@pytest.mark.parametrize(
    "options", [{}, {"dale": True, "learn_tau": True, "preact_noise": 0.1, "postact_noise": 0.1}]
)
def test_100_000_neurons_with_5_000_000_synapses_train_a_step_under_3_gb(options):
    run = subprocess.run(
        [sys.executable, "-c", STEP, json.dumps(options)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    sys.stdout.write(run.stdout)
    assert (report["neurons"], report["synapses"]) == (100_000, 5_000_000)
    assert report["moved"]
    assert report["GB at the peak"] < 3.0
