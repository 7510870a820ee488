"""Pictures of a network: each draws at any size, and what it shows is what the tables say."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from PIL import Image
from test_plots import (
    KIND_COLORS,
    arcs_of,
    assert_texts_stand_free,
    boxes,
    host_of,
    one_neuron,
    saved,
    sixty,
    small,
    texts_of,
    unconnected,
    unlevelled,
)

import graphrnn as gr
from graphrnn.plots import crossings, names, ridges, spectra, style
from graphrnn.plots.routes import curve


def with_weights(net, seed=0):
    rng = np.random.default_rng(seed)
    return net.with_weights(
        **{which: rng.normal(size=net.synapses(which).size) for which in ("input", "hidden", "readout")}
    )


def one_area():
    graph = gr.AreaGraph()
    graph.add_area("V1", 40, excitatory=0.8)
    graph.project("V1", "V1", 0.2)
    return graph


def million():
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 10)
    for name in ("V1", "V4", "IT"):
        graph.add_area(name, 20_000, excitatory=0.8)
        graph.project(name, name, gr.FixedIndegree(12))
    graph.project("V1", "V4", gr.FixedIndegree(3))
    graph.project("IT", "V1", gr.FixedIndegree(2))
    graph.project("stimulus", "V1")
    return graph


PICTURES = {
    "area_graph": gr.plots.area_graph,
    "area_graph, free": lambda net: gr.plots.area_graph(net, layout="free"),
    "area_graph, weight": lambda net: gr.plots.area_graph(net, width="weight", strongest=10),
    "area_matrix": lambda net: gr.plots.area_matrix(net, "probability"),
    "area_matrix, log": lambda net: gr.plots.area_matrix(net, "count", log=True),
    "area_matrix, weight": lambda net: gr.plots.area_matrix(net, "mean_weight"),
    "degrees": gr.plots.degrees,
    "degrees, out, projection": lambda net: gr.plots.degrees(net, direction="out", per="projection"),
    "densities": gr.plots.densities,
    "hierarchy": gr.plots.hierarchy,
    "layers": lambda net: gr.plots.layers([("hidden", net.hidden.matrix)], net=net),
    "masks": gr.plots.masks,
    "overview": gr.plots.overview,
    "rates": lambda net: gr.plots.rates(np.ones((9, net.n_neurons)), net, dt=10.0),
    "spectrum": gr.plots.spectrum,
    "spectrum, area": lambda net: gr.plots.spectrum(net, per="area"),
    "weight_change": lambda net: gr.plots.weight_change(net, with_weights(net, 1)),
    "weight_histograms": gr.plots.weight_histograms,
    "weights": gr.plots.weights,
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
SIZES = {
    name: with_weights(make().compile(seed=0))
    for name, make in {"one area": one_area, "60 areas": sixty}.items()
}


def test_no_picture_is_left_out():
    drawn = {name.partition(",")[0] for name in PICTURES}
    of_tables = {"psychometric", "training"}
    assert drawn | of_tables | {"KIND_COLORS"} == set(gr.plots.__all__)


@every_picture
@pytest.mark.parametrize("net", SIZES.values(), ids=SIZES)
def test_a_picture_of_one_area_and_of_60_with_long_names_is_legible(net, draw):
    figure = draw(net)
    assert figure.get_size_inches()[0] * 25.4 < 181
    assert_texts_stand_free(figure, slack=1.5)


@pytest.fixture(scope="module")
def large():
    net = with_weights(million().compile(seed=0))
    assert net.hidden.size + net.input.size > 1_000_000
    return net


@every_picture
def test_a_picture_of_a_million_synapses_draws(large, draw):
    saved(draw(large), dpi=100)


@pytest.mark.parametrize("make", [one_neuron, unconnected, unlevelled])
def test_pictures_of_next_to_nothing_draw(make):
    thing = make()
    net = thing if isinstance(thing, gr.Connectome) else thing.compile(seed=0)
    for name, draw in PICTURES.items():
        if "weight" not in name:
            assert_texts_stand_free(draw(net), slack=1.5)


def nothing():
    none = gr.Synapses((0, 0), np.zeros(0, np.int32), np.zeros(0, np.int32))
    return gr.Connectome((), (), (), (), none, none, none, np.zeros(0), np.zeros(0))


@pytest.mark.parametrize("name", ["masks", "degrees", "densities", "hierarchy", "overview", "area_matrix"])
def test_a_network_without_neurons_is_refused(name):
    with pytest.raises(ValueError, match="neuron") as e:
        getattr(gr.plots, name)(nothing())
    assert str(e.value) == (
        f"`plots.{name}(net)` needs at least one neuron; this network has none. Add an area to its graph."
    )


def test_a_graph_without_areas_is_refused():
    with pytest.raises(ValueError, match="area") as e:
        gr.plots.area_graph(nothing())
    assert str(e.value) == (
        "`plots.area_graph(graph, ...)` needs at least one area; this graph has none. "
        "Add one with graph.add_area(name, size)."
    )


# Colour is not alone.


def test_kinds_differ_in_hatch_and_marker():
    from graphrnn.plots.style import KIND_HATCHES, KIND_MARKERS

    for table in (KIND_HATCHES, KIND_MARKERS):
        assert set(table) == set(KIND_COLORS)
        assert len(set(table.values())) == len(KIND_COLORS)


def heads(figure):
    """Arrowheads by the colour of their edge or face."""
    found = [p for p in host_of(figure).patches if type(p).__name__ == "Polygon" and p.get_zorder() == 2.1]
    assert found
    return found


def test_backward_heads_are_hollow_and_lateral_ones_have_four_corners():
    shapes = {}
    for head in heads(gr.plots.area_graph(small())):
        hollow = tuple(head.get_facecolor()[:3]) == (1.0, 1.0, 1.0)
        color = head.get_edgecolor() if hollow else head.get_facecolor()
        kind = next(k for k, c in KIND_COLORS.items() if np.allclose(to_rgb(c), color[:3]))
        shapes[kind] = (hollow, len(head.get_xy()) - 1)
    assert shapes["forward"] == (False, 3)
    assert shapes["backward"] == (True, 3)
    assert shapes["lateral"] == (False, 4)


# Area graph.


def test_of_many_projections_the_strongest_are_drawn_in_full_and_none_is_left_out():
    graph = sixty()
    net = graph.compile(seed=0)
    figure = gr.plots.area_graph(net, strongest=50)
    arcs = arcs_of(figure)
    assert set(arcs) == {f"{p.pre} → {p.post}" for p in net.projections}
    between = [p for p in net.projections if p.kind in ("forward", "backward", "lateral")]
    full = {name for name, arc in arcs.items() if arc.get_alpha() is None}
    shown = [p for p in between if f"{p.pre} → {p.post}" in full]
    assert len(shown) == 50
    number = gr.statistics.area_matrix(net)
    weakest = min(number.loc[p.post, p.pre] for p in shown)
    others = [number.loc[p.post, p.pre] for p in between if p not in shown]
    assert max(others) <= weakest
    words = [t.get_text() for t in texts_of(figure)]
    assert f"{len(others)} of {len(between)}, of at most {max(others):.0f} synapses" in words


def test_width_can_be_the_summed_weight():
    net = small().compile(seed=0)
    weight = np.full(net.hidden.size, -2.0)
    block = (net.area_index[net.hidden.post] == 1) & (net.area_index[net.hidden.pre] == 0)
    weight[block] = 200.0 / block.sum()
    arcs = arcs_of(gr.plots.area_graph(net.with_weights(hidden=weight), width="weight"))
    ratio = arcs["V1 → V2"].get_linewidth() / arcs["V1 → V1"].get_linewidth()
    within = gr.statistics.area_matrix(net).loc["V1", "V1"]
    assert ratio == pytest.approx(np.sqrt(200.0 / (2 * within)))


def test_weights_for_width_must_be_there():
    with pytest.raises(TypeError) as e:
        gr.plots.area_graph(small(), width="weight")
    assert str(e.value) == (
        '`plots.area_graph(graph, width="weight")` needs a Connectome, which has weights; it got AreaGraph. '
        "A trained network's is rnn.to_connectome()."
    )
    with pytest.raises(ValueError, match="weights") as e:
        gr.plots.area_graph(small().compile(seed=0), width="weight")
    assert str(e.value) == (
        '`plots.area_graph(graph, width="weight")` needs weights; this network has none. '
        "A trained network's are in rnn.to_connectome()."
    )


def crossing_pairs(start, end):
    """Brute force: two open segments cross where their line parameters lie strictly inside both."""
    found = 0
    for i, j in itertools.combinations(range(len(start)), 2):
        matrix = np.column_stack([end[i] - start[i], start[j] - end[j]])
        if abs(np.linalg.det(matrix)) > 1e-12:
            s, t = np.linalg.solve(matrix, start[j] - start[i])
            found += 1e-9 < s < 1 - 1e-9 and 1e-9 < t < 1 - 1e-9
    return found


@pytest.mark.parametrize("seed", range(3))
def test_crossings_are_those_of_all_pairs(seed):
    place = np.random.default_rng(seed).random((8, 2))
    pairs = np.array(list(itertools.combinations(range(8), 2)))
    start, end = place[pairs[:, 0]], place[pairs[:, 1]]
    assert crossings.count_crossings(start, end) == crossing_pairs(start, end) > 0


def test_a_free_layout_of_a_grid_has_no_crossing_and_is_the_same_each_time():
    arcs = [(f"{i}{j}", f"{i + 1}{j}") for i in range(2) for j in range(3)]
    arcs += [(f"{i}{j}", f"{i}{j + 1}") for i in range(3) for j in range(2)]
    nodes = [f"{i}{j}" for i in range(3) for j in range(3)]
    place = crossings.free_places(nodes, arcs, 0.1)
    assert place == crossings.free_places(nodes, arcs, 0.1)
    ends = np.array([[place[a], place[b]] for a, b in arcs])
    assert crossings.count_crossings(ends[:, 0], ends[:, 1]) == 0


def test_a_free_layout_of_four_areas_each_joined_to_each_has_no_crossing():
    arcs = [*itertools.combinations("abcd", 2), ("in", "a"), ("d", "out")]
    place = crossings.free_places([*"abcd", "in", "out"], arcs, 0.16)
    ends = np.array([[place[a], place[b]] for a, b in arcs])
    assert crossings.count_crossings(ends[:, 0], ends[:, 1]) == 0


def fork():
    """Two areas side by side, each with a loop and with arcs from below and above."""
    graph = gr.AreaGraph()
    for name, level in (("V1", 0), ("V2", 1), ("MT", 1), ("PFC", 2)):
        graph.add_area(name, 20, level=level)
        graph.project(name, name, 0.3)
    for pre, post in (("V1", "V2"), ("V1", "MT"), ("V2", "PFC"), ("MT", "PFC"), ("PFC", "V2")):
        graph.project(pre, post, 0.3)
    return graph


@pytest.mark.parametrize("layout", ["levels", "free"])
def test_loops_are_clear_of_other_arcs(layout):
    curves = {
        name: curve(arc.get_path().vertices)
        for name, arc in arcs_of(gr.plots.area_graph(fork(), layout=layout)).items()
    }
    loops = [name for name in curves if len(set(name.split(" → "))) == 1]
    assert len(loops) == 4
    for one, other in itertools.product(loops, set(curves) - set(loops)):
        apart = curves[one][:, None] - curves[other]
        assert np.hypot(apart[..., 0], apart[..., 1]).min() > 2.0, (one, other)


@pytest.mark.parametrize("layout", ["levels", "free"])
def test_the_loop_of_a_lone_area_stays_on_the_paper(layout):
    net = one_area().compile(seed=0)
    pixels = np.asarray(Image.open(io.BytesIO(saved(gr.plots.area_graph(net, layout=layout)))).convert("L"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert pixels.min() < 100
    assert edge.min() > 250


def test_nodes_without_arcs_stand_in_a_row_below_the_others():
    place = crossings.free_places([*"abcde"], [("a", "b"), ("b", "c"), ("d", "d")], 0.1)
    assert place["d"] == (0.25, 0.0)
    assert place["e"] == (0.75, 0.0)
    assert all(place[name][1] >= 0.12 for name in "abc")
    assert len(set(place.values())) == 5


def test_a_free_layout_of_long_names_is_at_most_a_page_wide():
    names = [f"area of an unusually long name {i}" for i in range(9)]
    graph = gr.AreaGraph()
    for name in names:
        graph.add_area(name, 5)
    for pre, post in itertools.pairwise(names):
        graph.project(pre, post)
    for number in (4, 9):
        figure = gr.plots.area_graph(graph.subgraph(names[:number]), layout="free")
        assert figure.get_size_inches()[0] * 25.4 < 181
        assert_texts_stand_free(figure)
    assert {"9", f"{names[8]}  (5)"} <= {text.get_text() for text in texts_of(figure)}


def test_boxes_of_a_free_layout_stand_apart_and_arcs_end_at_them():
    figure = gr.plots.area_graph(small(), layout="free")
    found = {
        n: b.get_path().transformed(b.get_patch_transform()).get_extents() for n, b in boxes(figure).items()
    }
    for a, b in itertools.combinations(found.values(), 2):
        assert max(a.x0 - b.x1, b.x0 - a.x1, a.y0 - b.y1, b.y0 - a.y1) > 0
    tips = np.array([head.get_xy()[0] for head in heads(figure)])
    for post, box in found.items():
        middle, half = np.array([box.x0 + box.x1, box.y0 + box.y1]) / 2, np.array([box.width, box.height]) / 2
        gap = np.maximum(np.abs(tips - middle) - half, 0).max(axis=1)
        assert (gap < 1.5).sum() == small().in_degree(post), post


def test_opposite_arcs_of_a_free_layout_pass_on_two_sides():
    graph = gr.AreaGraph()
    for name in "AB":
        graph.add_area(name, 10)
    graph.project("A", "B", 0.5)
    graph.project("B", "A", 0.5)
    there, back = (arcs_of(gr.plots.area_graph(graph, layout="free"))[n] for n in ("A → B", "B → A"))
    middle = [path.get_path().vertices[1:3].mean(axis=0) for path in (there, back)]
    assert np.hypot(*(middle[0] - middle[1])) > 3


def test_areas_of_a_level_stand_in_an_order_without_crossings():
    groups = [["a", "b", "c"], ["x", "y", "z"]]
    arcs = [("a", "z"), ("b", "y"), ("c", "x")]
    order = crossings.ordered(groups, arcs, stacked=False)
    at = {name: i for group in order for i, name in enumerate(group)}
    assert [at[a] - at[b] for a, b in arcs] == [0, 0, 0]
    assert crossings.ordered(groups, [("a", "x"), ("b", "y")], stacked=False) == groups


def test_many_free_nodes_are_numbered_with_a_key():
    graph = gr.AreaGraph()
    for i in range(20):
        graph.add_area(f"area {i}", 5)
        if i:
            graph.project(f"area {i - 1}", f"area {i}", 0.5)
    words = {t.get_text() for t in texts_of(gr.plots.area_graph(graph, layout="free"))}
    assert {"1", "20", "area 0  (5)", "area 19  (5)"} <= words


# Matrices.


@pytest.mark.parametrize("quantity", ["count", "probability", "in_degree", "mean_weight"])
def test_an_area_matrix_shows_the_table(quantity):
    net = with_weights(small().compile(seed=0))
    table = gr.statistics.area_matrix(net, quantity).to_numpy(float)
    figure = gr.plots.area_matrix(net, quantity, log=False)
    image = host_of(figure).child_axes[0].images[0].get_array()
    exists = net.counts() > 0
    np.testing.assert_array_equal(np.ma.getmaskarray(image), ~exists)
    np.testing.assert_array_equal(np.asarray(image)[exists], table[exists])


def test_an_area_matrix_takes_logarithms_on_request_or_where_numbers_span_much():
    from matplotlib.colors import LogNorm

    graph = gr.AreaGraph()
    graph.add_area("A", 100)
    graph.add_area("B", 100)
    graph.project("A", "A", gr.FixedTotalNumber(9000))
    graph.project("A", "B", gr.FixedTotalNumber(9))
    net = graph.compile(seed=0)
    for log, wanted in ((None, True), (False, False), (True, True)):
        norm = host_of(gr.plots.area_matrix(net, log=log)).child_axes[0].images[0].norm
        assert isinstance(norm, LogNorm) is wanted
    norm = host_of(gr.plots.area_matrix(with_weights(net), "mean_weight")).child_axes[0].images[0].norm
    assert not isinstance(norm, LogNorm)
    negative = net.with_weights(hidden=np.full(net.hidden.size, -1.0))
    with pytest.raises(ValueError, match="logarithm") as e:
        gr.plots.area_matrix(negative, "mean_weight", log=True)
    assert str(e.value) == (
        "`plots.area_matrix(net, ...)` cannot take the logarithm of 'mean_weight'; some entries are negative."
    )


def test_a_weak_weight_is_seen_on_white_and_strong_ones_differ_in_hue():
    colors = style.signed_colors()
    weak, negative, positive = (colors(x)[:3] for x in (0.5, 0.0, 1.0))
    assert max(weak) - min(weak) < 0.01
    assert max(weak) < 0.7
    assert negative[2] > 3 * negative[0]
    assert positive[0] > 3 * positive[2]


@pytest.mark.parametrize(
    ("weights", "ends"),
    [
        ([-1.0, 2.0], (-2.0, 2.0)),
        ([1.0, 2.0], (0.0, 2.0)),
        ([0.0, 2.0], (0.0, 2.0)),
        ([-2.0, -1.0], (-2.0, 0.0)),
        ([0.0, -2.0], (-2.0, 0.0)),
        ([0.0, 0.0], (0.0, 1.0)),
    ],
)
def test_shades_of_weights_of_one_sign_begin_or_end_at_0(weights, ends):
    """Each weight has the colour that it has beside weights of the other sign."""
    axes = host_of(gr.plots.weights(two_synapses(weights))).child_axes[0]
    drawn = axes.images[0]
    assert (drawn.norm.vmin, drawn.norm.vmax) == pytest.approx(ends, rel=0.02)
    full = style.signed_colors()
    limit = max(-drawn.norm.vmin, drawn.norm.vmax)
    for weight in (drawn.norm.vmin, *weights, drawn.norm.vmax):
        beside = full(0.5 + np.clip(weight / limit, -1, 1) / 2)
        np.testing.assert_allclose(drawn.cmap(drawn.norm(weight)), beside, atol=0.01)


def test_the_shades_of_negative_quantities_between_areas_end_at_0():
    for weights, ends in (([-1.0, -2.0], (-2.0, 0.0)), ([-1.0, 2.0], (-2.0, 2.0))):
        axes = host_of(gr.plots.area_matrix(two_synapses(weights), "mean_weight")).child_axes[0]
        assert (axes.images[0].norm.vmin, axes.images[0].norm.vmax) == ends


def two_synapses(weights):
    graph = gr.AreaGraph()
    for name in "AB":
        graph.add_area(name, 1)
        graph.project(name, name)
    return graph.compile(seed=0).with_weights(hidden=weights)


@pytest.mark.parametrize(
    ("weights", "points"),
    [([-9.0, *[1.0] * 198, 9.0], "both"), ([*[1.0] * 199, 9.0], "max"), ([1.0] * 200, "neither")],
)
def test_the_bar_of_colours_ends_in_a_point_where_weights_are_beyond(weights, points):
    matrix = np.zeros((20, 20))
    matrix.flat[:200] = weights
    axes = host_of(gr.plots.weights(gr.Connectome.from_matrix(matrix))).child_axes[0]
    assert axes.images[0].colorbar.extend == points


def test_the_weight_matrix_shows_each_weight_and_borders():
    net = with_weights(small().compile(seed=0))
    axes = host_of(gr.plots.weights(net)).child_axes[0]
    image = axes.images[0].get_array()
    np.testing.assert_allclose(image.filled(0), net.hidden.matrix.toarray())
    rows, columns = (lines.get_segments() for lines in axes.collections)
    assert [s[0][1] for s in rows] == [s[0][0] for s in columns] == [12, 17]


@pytest.mark.parametrize("name", ["weights", "weight_histograms"])
def test_pictures_of_weights_say_that_there_are_none(name):
    with pytest.raises(ValueError, match="weights") as e:
        getattr(gr.plots, name)(small().compile(seed=0))
    assert str(e.value) == (
        f"`plots.{name}(net)` needs weights; this network has none. "
        "A trained network's are in rnn.to_connectome()."
    )


# Rows of histograms.


def rows_of(figure):
    """(gid, heights from the base in bins) of each row."""
    axes = host_of(figure).child_axes[0]
    return {
        p.get_gid(): np.asarray(p.get_data().values) - p.get_data().baseline
        for p in axes.patches
        if p.get_gid()
    }


@pytest.mark.parametrize("direction", ["in", "out"])
def test_degrees_are_those_of_the_network(direction):
    net = small().compile(seed=0)
    degree = net.hidden.in_degree if direction == "in" else net.hidden.out_degree
    rows = rows_of(gr.plots.degrees(net, direction=direction))
    edges = ridges.whole_edges(int(degree.min()), int(degree.max()))
    for area in net.areas:
        counts = np.histogram(degree[area.slice], edges)[0]
        np.testing.assert_allclose(rows[area.name], 0.92 * counts / counts.max())


def test_degrees_per_projection_are_sums_of_its_block():
    net = small().compile(seed=0)
    dense = net.hidden.mask.toarray()
    found = {name: (kind, degree) for name, kind, degree in gr.plots.distributions._of_projections(net, "in")}
    for p in net.projections:
        if p.kind in ("input", "readout"):
            continue
        block = dense[net.slice(p.post), net.slice(p.pre)]
        assert found[f"{p.pre} → {p.post}"][0] == p.kind
        np.testing.assert_array_equal(found[f"{p.pre} → {p.post}"][1], block.sum(axis=1))
    for name, _, degree in gr.plots.distributions._of_projections(net, "out"):
        pre, post = name.split(" → ")
        if pre not in ("stimulus",) and post != "choice":
            np.testing.assert_array_equal(degree, dense[net.slice(post), net.slice(pre)].sum(axis=0))


@pytest.mark.parametrize(("low", "high"), [(0, 0), (3, 8), (0, 59), (7, 400)])
def test_bins_of_whole_numbers_hold_equally_many(low, high):
    edges = ridges.whole_edges(low, high)
    assert edges[0] < low
    assert edges[-1] > high
    held = np.histogram(np.arange(int(edges[0] + 1), int(edges[-1]) + 1), edges)[0]
    assert len(set(held.tolist())) == 1


def test_weights_stand_by_kind_and_sign():
    net = with_weights(one_area().compile(seed=0))
    words = {t.get_text() for t in texts_of(gr.plots.weight_histograms(net))}
    excitatory = net.sign[net.hidden.pre] == 1
    assert {"within excitatory", "within inhibitory"} <= words
    for chosen in (excitatory, ~excitatory):
        assert any(word.startswith(f"n {chosen.sum():,}, mean ") for word in words)


def test_outermost_bars_that_hold_weights_beyond_the_axis_say_so():
    net = with_weights(small().compile(seed=0))
    weight = np.full(net.hidden.size, 0.5)
    weight[1::2] = -1.0
    even = net.with_weights(hidden=weight, input=np.ones(net.input.size), readout=np.ones(net.readout.size))
    note = {"outermost bars: weights beyond too"}
    assert note & {text.get_text() for text in texts_of(gr.plots.weight_histograms(net))}
    assert not note & {text.get_text() for text in texts_of(gr.plots.weight_histograms(even))}
    changed = gr.plots.weight_change(even, net)
    assert "outermost bars: changes beyond too" in {text.get_text() for text in texts_of(changed)}


def test_weight_change_is_after_minus_before():
    net = small().compile(seed=0)
    before = net.with_weights(hidden=np.ones(net.hidden.size))
    after = net.with_weights(hidden=np.where(net.area_index[net.hidden.post] == 0, 1.5, 1.0))
    words = {t.get_text() for t in texts_of(gr.plots.weight_change(before, after))}
    assert "0.5 (50 %)" in words
    assert "0 (0 %)" in words
    with pytest.raises(ValueError, match="same synapses") as e:
        gr.plots.weight_change(before, with_weights(small().compile(seed=1)))
    assert str(e.value) == (
        "`plots.weight_change(before, after)` needs the same synapses before and after; these are two "
        "different networks."
    )


def test_training_changes_what_the_picture_shows():
    net = small().compile(seed=0)
    rnn = gr.CTRNN(net, generator=torch.Generator().manual_seed(0))
    before = rnn.to_connectome()
    with torch.no_grad():
        rnn.hidden.values += 0.25
    words = [t.get_text() for t in texts_of(gr.plots.weight_change(before, rnn.to_connectome()))]
    assert sum(word.startswith("0.25 (") for word in words) == 4  # projections between neurons


# Spectrum.


def dots(axes):
    return next(line for line in axes.lines if line.get_gid() == "eigenvalues").get_xydata()


def test_the_spectrum_is_that_of_numpy_with_the_unit_circle():
    net = with_weights(small().compile(seed=0))
    (axes,) = host_of(gr.plots.spectrum(net)).child_axes
    wanted = np.linalg.eigvals(net.hidden.matrix.toarray())
    np.testing.assert_allclose(np.sort_complex(dots(axes) @ [1, 1j]), np.sort_complex(wanted), atol=1e-9)
    circles = {p.get_gid(): p.get_radius() for p in axes.patches}
    assert circles["unit circle"] == 1
    assert circles["random"] == pytest.approx(np.linalg.norm(net.hidden.matrix.toarray()) / np.sqrt(25))


def test_dots_of_small_and_large_areas_are_equally_large():
    graph = gr.AreaGraph()
    for name, size in (("small", 20), ("large", 90)):
        graph.add_area(name, size)
        graph.project(name, name, 0.5)
    figure = gr.plots.spectrum(graph.compile(seed=0), per="area")
    dots = [line for line in figure.findobj(Line2D) if line.get_gid() == "eigenvalues"]
    assert [len(line.get_xdata()) for line in dots] == [20, 90]
    assert len({line.get_markersize() for line in dots}) == 1


def test_the_spectrum_of_blocks_is_that_of_each_area():
    net = with_weights(small().compile(seed=0))
    dense = net.hidden.matrix.toarray()
    for axes, area in zip(host_of(gr.plots.spectrum(net, per="area")).child_axes, net.areas, strict=True):
        wanted = np.linalg.eigvals(dense[area.slice, area.slice])
        np.testing.assert_allclose(np.sort_complex(dots(axes) @ [1, 1j]), np.sort_complex(wanted), atol=1e-9)


def test_a_large_spectrum_shows_the_leading_ones_and_says_so(monkeypatch):
    monkeypatch.setattr(spectra, "_DENSE_UP_TO", 30)
    graph = gr.AreaGraph()
    graph.add_area("A", 300, excitatory=0.8)
    graph.project("A", "A", 0.2)
    net = graph.compile(seed=0)
    figure = gr.plots.spectrum(net)
    (axes,) = host_of(figure).child_axes
    signs = net.hidden.mask.toarray() * np.where(net.sign < 0, -1, 1)
    wanted = np.linalg.eigvals(signs)
    first = dots(axes)[0] @ [1, 1j]
    assert abs(first) == pytest.approx(np.abs(wanted).max(), rel=3e-3)
    words = [t.get_text() for t in texts_of(figure)]
    assert f"|λ| ≤ {np.abs(wanted).max():.3g}; {len(dots(axes))} leading ones of 300" in words
    assert "eigenvalues of the mask with signs; circles: 1 and, dashed, σ√N" in words


def test_wiring_without_cycles_has_eigenvalues_of_zero():
    graph = gr.AreaGraph()
    for name in ("A", "B"):
        graph.add_area(name, 700)
    graph.project("A", "B", gr.FixedIndegree(3))
    (axes,) = host_of(gr.plots.spectrum(graph.compile(seed=0))).child_axes
    assert not dots(axes).any()


# Densities and hierarchy.


def test_densities_show_what_the_table_says_and_ring_what_is_unlikely():
    graph = small()
    net = graph.compile(seed=0)
    table = gr.statistics.projections(net)
    upper, lower = host_of(gr.plots.densities(net)).child_axes
    for axes, scale in ((upper, 1.0), (lower, table["density_asked"])):
        shown = np.concatenate([line.get_xydata() for line in axes.lines if line.get_gid() in KIND_COLORS])
        wanted = np.column_stack([table["density_asked"], table["density"] / scale])
        np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(wanted, axis=0))
    rings = [line for line in upper.lines if line.get_gid() == "unlikely"]
    assert len(rings[0].get_xdata()) == table["unlikely"].sum()


def test_a_density_that_its_rule_could_hardly_draw_is_ringed():
    import dataclasses

    graph = gr.AreaGraph()
    graph.add_area("A", 50)
    graph.project("A", "A", 0.5)
    net = graph.compile(seed=0)
    lied = [dataclasses.replace(p, rule="Bernoulli(0.1)", asked=250.0) for p in net.projections]
    figure = gr.plots.densities(dataclasses.replace(net, projections=tuple(lied)))
    words = {t.get_text() for t in texts_of(figure)}
    assert "hardly drawn by its rule" in words
    assert "hardly drawn by its rule" not in {t.get_text() for t in texts_of(gr.plots.densities(net))}


def test_measured_projections_ask_for_no_density():
    words = {t.get_text() for t in texts_of(gr.plots.densities(unlevelled()))}
    assert "without 3 projections of which no density was asked" in words


def test_hierarchy_shows_levels_and_shares():
    net = small().compile(seed=0)
    levels, shares = host_of(gr.plots.hierarchy(net)).child_axes
    given = next(line for line in levels.lines if line.get_gid() == "given")
    assert given.get_xdata().tolist() == sorted(area.level for area in net.areas)
    table = gr.statistics.areas(net)
    for bars in shares.containers:
        widths = [bar.get_width() for bar in bars]
        assert sorted(widths) == pytest.approx(sorted(table[f"share_{bars.get_label()}"]))


def test_levels_follow_from_wiring():
    graph = gr.AreaGraph()
    for name in ("PFC", "V1", "V2", "alone"):
        graph.add_area(name, 10)
    graph.project("V1", "V2", 0.5)
    graph.project("V2", "PFC", 0.5)
    levels, _ = host_of(
        gr.plots.hierarchy(graph.compile(seed=0).select(kind=["forward", "backward"]))
    ).child_axes
    net = gr.Connectome.from_edges(
        pd.DataFrame({"pre": ["v", "w"], "post": ["w", "p"]}),
        pd.DataFrame({"neuron": list("pvwx"), "area": ["PFC", "V1", "V2", "alone"]}),
    )
    levels, _ = host_of(gr.plots.hierarchy(net)).child_axes
    inferred = next(line for line in levels.lines if line.get_gid() == "inferred")
    np.testing.assert_allclose(inferred.get_xdata(), [0, 0, 1, 2], atol=1e-9)
    order = [t.get_text() for t in levels.texts]
    assert order[2:] == ["V2", "PFC"]


# Names.


def test_names_that_are_too_wide_lose_their_common_words_first():
    given = ["ventral temporal area 01 left", "ventral temporal area 02 left"]
    assert names.shortened(given, 6.5, 500) == given
    assert names.shortened(given, 6.5, 60) == ["…01 left", "…02 left"]
    (short,) = names.shortened(["Pneumonoultramicroscopicsilicovolcanoconiosis"], 6.5, 50)
    assert short.startswith("Pn")
    assert short.endswith("sis")
    assert "…" in short


def test_overview_has_three_panels_with_letters():
    figure = gr.plots.overview(small().compile(seed=0))
    assert len(host_of(figure).child_axes) == 3
    assert {"a", "b", "c"} <= {t.get_text() for t in texts_of(figure)}
    assert any(isinstance(p, PathPatch) for p in host_of(figure).child_axes[0].patches)
    assert {"input", "hidden", "readout"} <= {
        axes.get_label() for axes in host_of(figure).child_axes[1].child_axes
    }
