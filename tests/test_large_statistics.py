"""The tables of a large network, by hand: `pytest -m large -s tests/test_large_statistics.py`."""

import pytest
from test_large import measured

TABLES = """
import json, resource, time
import numpy as np, pandas
import graphrnn as gr

N_AREAS, WEIGHTS = {n_areas}, {weights}
size = 100_000 // N_AREAS
graph = gr.AreaGraph()
graph.add_input("in", 10)
for i in range(N_AREAS):
    graph.add_area(f"area {{i}}", size, excitatory=0.8)
graph.add_readout("out", 10)
graph.project("in", "area 0")
graph.project(f"area {{N_AREAS - 1}}", "out")
within = 3e6 / N_AREAS
for i in range(N_AREAS):
    graph.project(f"area {{i}}", f"area {{i}}", gr.FixedTotalNumber(int(within)))
    for j in range(N_AREAS):
        if j != i:
            graph.project(f"area {{i}}", f"area {{j}}", 7e6 / (N_AREAS * (N_AREAS - 1)) / size**2)
net = graph.compile(seed=0)
if WEIGHTS:
    strength = np.random.default_rng(0).uniform(0.0, 1.0, net.hidden.size)
    net = net.with_weights(hidden=net.sign[net.hidden.pre] * strength, input=np.ones(net.input.size))
started = time.perf_counter()
gr.statistics.areas(net)
gr.statistics.projections(net)
tables = time.perf_counter() - started
gr.statistics.check(net, long_range_inhibition=False)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([net.n_neurons, net.hidden.size, tables, seconds - tables, peak]))
"""


@pytest.mark.large
@pytest.mark.parametrize("weights", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("n_areas", [10, 60])
def test_the_tables_of_a_hundred_thousand_neurons_and_ten_million_synapses(n_areas, weights):
    neurons, synapses, tables, check, gigabytes = measured(TABLES.format(n_areas=n_areas, weights=weights))
    print(  # noqa: T201
        f"\n{neurons:,} neurons in {n_areas} areas, {synapses:,} synapses, weights {weights}: "
        f"tables {tables:.1f} s, check {check:.1f} s, {gigabytes:.2f} GB"
    )
    assert synapses == pytest.approx(10_000_000, rel=1e-3)
    assert tables < 10
    assert gigabytes < 4
