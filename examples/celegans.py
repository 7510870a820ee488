"""The wiring of C. elegans, seen before it is trusted: tables, and the picture of the README."""

import matplotlib.figure

import graphrnn as gr

net = gr.datasets.celegans()
areas = gr.statistics.areas(net)
print(areas[["neurons", "synapses_within", "density_within", "in_degree_mean", "out_degree_mean"]].round(3))

# The hierarchy is steep: of all synapses, how many run with it and how many against it?
projections = gr.statistics.projections(net)
by_kind = projections.groupby("kind")["synapses"].sum()
print(by_kind)
assert by_kind.sum() == net.hidden.size == 2266
assert by_kind["forward"] > 3 * by_kind["backward"]

# The two CAN neurons have no chemical synapse; every other area is wired in.
silent = areas[(areas["without_input"] == areas["neurons"]) & (areas["without_output"] == areas["neurons"])]
assert list(silent.index) == ["CAN"]

figure = matplotlib.figure.Figure(figsize=(9.4, 5.2))
left, right = figure.subplots(
    1,
    2,
    gridspec_kw={"left": 0, "right": 1, "bottom": 0.01, "top": 0.99, "wspace": 0.0, "width_ratios": [3, 2]},
)
gr.plots.masks(net, ax=left)
gr.plots.area_graph(net, ax=right)
figure.savefig("celegans.png", dpi=200)
