"""The graph table at scale, by hand: `pytest -m large -s tests/test_large_graph.py`."""

import pytest
from test_large import measured

GRAPH = """
import json, resource, time
import graphrnn as gr

graph = gr.AreaGraph()
for i in range(10):
    graph.add_area(f"area {i}", 10_000, excitatory=0.8)
for i in range(10):
    for j in range(10):
        graph.project(f"area {j}", f"area {i}", 0.004 if i == j else 0.0007)
net = graph.compile(seed=0)
started = time.perf_counter()
table = gr.statistics.graph(net)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
columns = table.loc[["clustering", "path_length"]].to_numpy().tolist()
print(json.dumps([net.n_neurons, net.hidden.size, seconds, peak, columns]))
"""


@pytest.mark.large
def test_the_graph_table_of_ten_million_synapses():
    neurons, synapses, seconds, peak, columns = measured(GRAPH)
    print(f"\n{neurons:,} neurons, {synapses:,} synapses: {seconds:.0f} s, {peak:.2f} GB")  # noqa: T201
    assert neurons == 100_000
    assert synapses == pytest.approx(10_300_000, rel=0.01)
    assert seconds < 120
    assert peak < 4
    assert all(0 < error < value / 10 for value, error in columns)
