"""Figures of scale, by hand: `pytest -m large -s tests/test_large.py`."""

import json
import subprocess
import sys

import pytest

COMPILE = """
import json, resource, time
import graphrnn as gr

graph = gr.AreaGraph()
for i in range(10):
    graph.add_area(f"area {i}", 100_000, excitatory=0.8)
p = 1e-4
rules = [
    gr.Bernoulli(p), gr.FixedIndegree(10), gr.FixedOutdegree(10), gr.FixedTotalNumber(1_000_000),
    gr.BySign(ee=p, ei=p, ie=p, ii=p),
]
for i in range(10):
    for j in range(10):
        graph.project(f"area {j}", f"area {i}", rules[(i + j) % 5])
started = time.perf_counter()
net = graph.compile(seed=0)
seconds = time.perf_counter() - started
assert net.hidden.post.dtype == "int32"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([net.n_neurons, net.hidden.size, seconds, peak]))
"""


def measured(script):
    """What a script prints as its last line; a process of its own, so that the peak is its own."""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


@pytest.mark.large
def test_a_million_neurons_with_a_hundred_million_synapses_compile():
    neurons, synapses, seconds, gigabytes = measured(COMPILE)
    print(f"\n{neurons:,} neurons, {synapses:,} synapses: {seconds:.1f} s, {gigabytes:.2f} GB")  # noqa: T201
    assert neurons == 1_000_000
    assert synapses == pytest.approx(100_000_000, rel=1e-3)
    assert seconds < 90
    assert gigabytes < 8
