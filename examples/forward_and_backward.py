"""Forward below the diagonal, backward above it: masks and area graphs of 2, 3 and 4 areas.

Run it in any folder; it leaves three pictures there, those of docs/forward-and-backward.md.
"""

import matplotlib.figure

import graphrnn as gr

FORWARD, BACKWARD, WITHIN = 0.2, 0.05, 1.0

for n_areas in (2, 3, 4):
    struct = gr.MultiArea(
        n_areas=n_areas,
        area_connectivities=[FORWARD, BACKWARD, WITHIN],
        input_areas=[0],
        readout_areas=[n_areas - 1],
        dims=[2, 30 * n_areas, 2],
        seed=0,
    )
    net = struct.compile()
    hidden = net.hidden_mask.toarray()
    for i, post in enumerate(struct.node_assignment):
        for j, pre in enumerate(struct.node_assignment):
            density = hidden[post][:, pre].mean()
            asked = WITHIN if i == j else FORWARD if i > j else BACKWARD
            assert abs(density - asked) < 0.05, (i, j, density, asked)

    figure = matplotlib.figure.Figure(figsize=(7.1, 3.6))
    left, right = figure.subplots(
        1, 2, gridspec_kw={"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 0.98, "wspace": 0.02}
    )
    gr.plots.masks(net, ax=left)
    gr.plots.area_graph(net, ax=right)
    figure.savefig(f"forward-and-backward-{n_areas}.png", dpi=200)
    print(f"{n_areas} areas: {net.counts().tolist()} synapses, (post, pre)")
