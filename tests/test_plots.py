"""Pictures say what the data says: colours, borders, widths and places are read back from what was drawn."""

import io
import itertools
import re
import subprocess
import sys
import time
import tracemalloc

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from scipy.sparse import coo_array

import graphrnn as gr
from graphrnn.connectome import KINDS
from graphrnn.plots import KIND_COLORS, bins, names, routes


def small():
    """Three areas of unlike sizes with every kind but unclassified."""
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("V1", 12, level=0)
    graph.add_area("V2", 5, level=1)
    graph.add_area("V3", 8, level=1)
    graph.add_readout("choice", 3)
    graph.project("stimulus", "V1", 0.7)
    graph.project("V1", "V1", 0.3)
    graph.project("V1", "V2", 0.4)
    graph.project("V3", "V1", 0.4)
    graph.project("V2", "V3", 0.4)
    graph.project("V3", "choice", 0.8)
    return graph


def one_neuron():
    graph = gr.AreaGraph()
    graph.add_area("only", 1)
    graph.project("only", "only")
    return graph


def unconnected():
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 1)
    graph.add_area("V1", 3)
    graph.add_area("V2", 4)
    graph.project("stimulus", "V1", 0.0)
    graph.project("V1", "V2", 0.0)
    return graph


def chain(n):
    """Every area to every other, itself included."""
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    for i in range(n):
        graph.add_area(f"A{i}", 10 * (i + 1))
    graph.add_readout("choice", 2)
    graph.project("stimulus", "A0")
    graph.project(f"A{n - 1}", "choice")
    for pre, post in itertools.product(graph.areas, repeat=2):
        graph.project(pre, post, 0.2)
    return graph


def sixty(per_level=1):
    graph = gr.AreaGraph()
    rng = np.random.default_rng(0)
    graph.add_input("visual input of the left eye", 10)
    for i in range(60):
        size = int(rng.integers(3, 30))
        graph.add_area(f"ventral temporal area {i:02d} left", size, level=i // per_level)
    areas = graph.areas
    graph.project("visual input of the left eye", areas[0])
    for pre, post in itertools.product(areas, repeat=2):
        if pre == post or rng.random() < 0.1:
            graph.project(pre, post, 0.2)
    return graph


def unlevelled():
    neurons = pd.DataFrame({"neuron": list("abcdef"), "area": list("SSIIMM")})
    edges = pd.DataFrame({"pre": list("abcde"), "post": list("cdefa")})
    return gr.Connectome.from_edges(edges, neurons)


GRAPHS = {
    "small": small,
    "one neuron": one_neuron,
    "unconnected": unconnected,
    "2 areas": lambda: chain(2),
    "3 areas": lambda: chain(3),
    "4 areas": lambda: chain(4),
    "10 areas": lambda: chain(10),
    "60 areas": sixty,
    "60 areas in 10 levels": lambda: sixty(6),
}


def saved(figure, **options):
    """The figure drawn once, as bytes: any warning on the way is an error."""
    target = io.BytesIO()
    figure.savefig(target, **({"format": "png", "dpi": 40} | options))
    return target.getvalue()


def host_of(figure):
    return figure.axes[0]


def panels(figure):
    return {axes.get_label(): axes for axes in host_of(figure).child_axes}


def texts_of(figure):
    """What is written in the figure; ticks outside an axis exist but are not drawn."""
    unseen = set()
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not (axes.axison and low - slack <= tick.get_loc() <= high + slack):
                    unseen |= {tick.label1, tick.label2}
    found = figure.findobj(matplotlib.text.Text)
    return [text for text in found if text.get_text() and text.get_visible() and text not in unseen]


def boxes_of(figure):
    """(text, its box in points) for all that is written in the figure."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    scale = 72 / figure.dpi
    shown = [(t.get_text(), matplotlib.text.Text.get_window_extent(t, renderer)) for t in texts_of(figure)]
    return [(text, tuple(scale * v for v in box.extents)) for text, box in shown if box.width]


def assert_texts_stand_free(figure, slack=1.0):
    """No two texts overlap by more than the slack (points), and none leaves the figure."""
    shown = boxes_of(figure)
    assert shown
    width, height = 72 * figure.get_size_inches()
    for text, (left, bottom, right, top) in shown:
        assert min(left, bottom, width - right, height - top) > -slack, text
    for (a, p), (b, q) in itertools.combinations(shown, 2):
        apart = max(p[0] - q[2], q[0] - p[2], p[1] - q[3], q[1] - p[3])
        assert apart > -slack, (a, b, apart)


# What all pictures keep to.


def pictures():
    net = small().compile(seed=0)
    rng = np.random.default_rng(0)
    heavy = net.with_weights(hidden=rng.normal(size=net.hidden.size))
    table = pd.DataFrame(
        {"signed_coherence": [-10, 0, 10], "fraction_choice_1": [0.1, 0.4, 1.0], "trials": 20}
    )
    history = pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5], "accuracy": [0.5, 0.7]})
    return {
        "masks": lambda ax: gr.plots.masks(net, ax=ax),
        "layers": lambda ax: gr.plots.layers([("hidden", net.hidden_mask)], net=net, ax=ax),
        "area_graph": lambda ax: gr.plots.area_graph(net, ax=ax),
        "rates": lambda ax: gr.plots.rates(rng.random((20, 25)), net, dt=10.0, ax=ax),
        "psychometric": lambda ax: gr.plots.psychometric(table, ax=ax),
        "training": lambda ax: gr.plots.training(history, ax=ax),
        "area_graph, free": lambda ax: gr.plots.area_graph(net, layout="free", ax=ax),
        "area_matrix": lambda ax: gr.plots.area_matrix(net, "probability", ax=ax),
        "degrees": lambda ax: gr.plots.degrees(net, per="projection", ax=ax),
        "densities": lambda ax: gr.plots.densities(net, ax=ax),
        "hierarchy": lambda ax: gr.plots.hierarchy(net, ax=ax),
        "spectrum": lambda ax: gr.plots.spectrum(net, ax=ax),
        "spectrum, area": lambda ax: gr.plots.spectrum(net, per="area", ax=ax),
        "weight_change": lambda ax: gr.plots.weight_change(heavy, heavy, ax=ax),
        "weight_histograms": lambda ax: gr.plots.weight_histograms(heavy, ax=ax),
        "weights": lambda ax: gr.plots.weights(heavy, ax=ax),
    }


PICTURES = pictures()


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_a_figure_of_a_column_and_saves_as_raster_and_vector(draw):
    figure = draw(None)
    assert isinstance(figure, Figure)
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(85, abs=0.2)
    assert saved(figure)[1:4] == b"PNG"
    assert saved(figure, format="pdf")[:4] == b"%PDF"


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_an_axes_given_is_drawn_in_and_stays_where_it_is(draw):
    figure = Figure(figsize=(8, 4), dpi=100)
    left, right = figure.subplots(1, 2)
    place = right.get_position().bounds
    assert draw(right) is figure
    assert right.get_position().bounds == place
    assert not any((left.has_data(), left.child_axes, left.texts))
    assert right.child_axes or right.patches or right.lines
    saved(figure)
    if right.child_axes:
        area = right.get_position()
        for panel in right.child_axes:
            inside = panel.get_position()
            assert (
                min(inside.x0 - area.x0, area.x1 - inside.x1, inside.y0 - area.y0, area.y1 - inside.y1)
                > -1e-6
            )


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_an_axes_that_is_none_is_refused(draw):
    with pytest.raises(
        TypeError, match=r"needs a matplotlib Axes for `ax`; it got str\. Leave it out for a new"
    ):
        draw("here")


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_an_axes_of_a_subfigure_gives_the_figure(draw):
    figure = Figure(figsize=(6, 6))
    axes = figure.subfigures(1, 2)[1].subplots()
    assert draw(axes) is figure


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_texts_stand_free(draw):
    assert_texts_stand_free(draw(None))


def test_global_state_is_left_alone():
    program = (
        "import io, sys, numpy, matplotlib; before = dict(matplotlib.rcParams)\n"
        "import graphrnn as gr\n"
        "g = gr.AreaGraph(); g.add_area('a', 5); g.project('a', 'a'); net = g.compile(seed=0)\n"
        "for figure in (gr.plots.masks(net), gr.plots.area_graph(g),\n"
        "               gr.plots.layers([('w', net.hidden_mask)]),\n"
        "               gr.plots.rates(numpy.ones((4, 5)), net, dt=1.0)): figure.savefig(io.BytesIO())\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "False"), run.stderr


# Colours.


def lightness(color):
    linear = np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)])
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(y) - 16


def test_every_kind_has_a_colour_and_the_three_main_ones_differ_in_lightness():
    assert set(KIND_COLORS) == set(KINDS)
    assert len(set(KIND_COLORS.values())) == len(KINDS)
    values = sorted(lightness(KIND_COLORS[kind]) for kind in ("within", "backward", "forward"))
    assert np.diff(values).min() > 15
    red, green, blue = (np.array(to_rgb(KIND_COLORS[kind])) for kind in ("backward", "forward", "within"))
    assert [color.argmax() for color in (red, green, blue)] == [0, 1, 2]


# Masks.


@pytest.mark.parametrize("which", ["input", "hidden", "readout"])
def test_every_synapse_has_the_colour_of_its_kind_and_no_other_pair_has_any(which):
    net = small().compile(seed=3)
    image = np.asarray(panels(gr.plots.masks(net))[which].images[0].get_array())
    synapses = net.synapses(which)
    assert image.shape[:2] == synapses.shape
    assert (image[..., 3] > 0).sum() == synapses.size > 0
    kind = {(p.pre, p.post): p.kind for p in net.projections}
    owner = [[n.name for n in nodes for _ in range(n.size)] for nodes in net.ends(which)]
    for post, pre in zip(synapses.post, synapses.pre, strict=True):
        wanted = (*to_rgb(KIND_COLORS[kind[owner[1][pre], owner[0][post]]]), 1.0)
        assert image[post, pre] == pytest.approx(wanted, abs=1e-6)


def test_a_saved_mask_shows_the_pixel_in_its_place():
    """An asymmetric mask of one forward synapse: post is the row, counted from above."""
    net = gr.Connectome.from_edges(
        pd.DataFrame({"pre": ["a"], "post": ["d"]}),
        pd.DataFrame({"neuron": list("abcd"), "area": list("SSMM"), "level": [0, 0, 1, 1]}),
    )
    figure = gr.plots.masks(net)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    axes = panels(figure)["hidden"]
    for post, pre in itertools.product(range(4), repeat=2):
        x, y = axes.transData.transform((pre + 0.4, post + 0.4)).astype(int)
        wanted = to_rgb(KIND_COLORS["forward"]) if (post, pre) == (3, 0) else (1, 1, 1)
        assert pixels[pixels.shape[0] - 1 - y, x] == pytest.approx(wanted, abs=0.01)


def test_masks_have_a_line_at_each_border_of_areas():
    figure = gr.plots.masks(small().compile(seed=0))
    wanted = {"input": ([12, 17], []), "hidden": ([12, 17], [12, 17]), "readout": ([], [12, 17])}
    for which, axes in panels(figure).items():
        rows, columns = (lines.get_segments() for lines in axes.collections)
        assert ([s[0][1] for s in rows], [s[0][0] for s in columns]) == wanted[which]


def test_masks_name_areas_axes_and_kinds():
    words = {t.get_text() for t in texts_of(gr.plots.masks(small().compile(seed=0)))}
    assert {"V1", "V2", "V3", "stimulus", "choice", "pre", "post", "input", "readout"} <= words
    assert {"within", "forward", "backward", "lateral", "hidden (25 × 25)"} <= words
    assert "unclassified" not in words


def test_kinds_without_levels_are_unclassified():
    words = {t.get_text() for t in texts_of(gr.plots.masks(unlevelled()))}
    assert {"unclassified", "forward"} & words == {"unclassified"}


def test_panels_are_in_proportion_and_thin_ones_stay_legible():
    graph = gr.AreaGraph()
    graph.add_input("wide", 20)
    graph.add_area("A", 100)
    graph.add_readout("thin", 1)
    graph.project("wide", "A")
    graph.project("A", "thin")
    box = {which: axes.bbox for which, axes in panels(gr.plots.masks(graph.compile(seed=0))).items()}
    assert box["hidden"].width == pytest.approx(box["hidden"].height)
    assert box["input"].width / box["hidden"].width == pytest.approx(0.2)
    assert box["readout"].height / box["hidden"].height == pytest.approx(0.06)
    assert (box["input"].y0, box["readout"].x0) == (box["hidden"].y0, box["hidden"].x0)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_masks_of_any_network_draw_with_names_that_stand_free(graph):
    assert_texts_stand_free(gr.plots.masks(graph().compile(seed=0)))


@pytest.fixture(scope="module")
def million():
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 10)
    for name in ("V1", "V4", "IT"):
        graph.add_area(name, 20_000)
        graph.project(name, name, gr.FixedIndegree(12))
    graph.project("V1", "V4", gr.FixedIndegree(3))
    graph.project("IT", "V1", gr.FixedIndegree(2))
    graph.project("stimulus", "V1")
    net = graph.compile(seed=0)
    weight = np.random.default_rng(0).normal(size=net.hidden.size)
    return net, coo_array((weight, (net.hidden.post, net.hidden.pre)), shape=net.hidden.shape)


def measured(draw):
    """Seconds and peak megabytes of numpy and Python while a picture is drawn and saved."""
    tracemalloc.start()
    start = time.perf_counter()
    saved(draw(), dpi=300)
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak / 1e6


def test_a_million_synapses_draw_without_a_dense_matrix(million):
    net, weight = million
    assert net.hidden.size + net.input.size > 1_000_000
    for draw in (
        lambda: gr.plots.masks(net),
        lambda: gr.plots.layers([("hidden", weight)], net=net),
        lambda: gr.plots.area_graph(net),
    ):
        seconds, megabytes = measured(draw)
        assert seconds < 15, seconds  # about 1 s; a dense mask of bytes alone would take 3,600 MB
        assert megabytes < 400, megabytes


def test_binned_masks_keep_every_synapse_and_its_kind(million):
    net, _ = million
    kinds = {(p.pre, p.post): p.kind for p in net.projections}
    counts = bins.kind_counts(net.hidden, net.areas, net.areas, kinds)
    assert counts.shape[:2] == (600, 600)
    of_kind = dict(zip(KINDS, counts.sum(axis=(0, 1)), strict=True))
    assert of_kind["within"] == 3 * 12 * 20_000
    assert (of_kind["forward"], of_kind["backward"], of_kind["lateral"]) == (60_000, 40_000, 0)
    block = counts[:200, 400:]  # V1 from IT
    assert block.sum() == block[..., KINDS.index("backward")].sum() == 40_000
    image = np.asarray(panels(gr.plots.masks(net))["hidden"].images[0].get_array())
    strong = image[:200, 400:][image[:200, 400:, 3] > 0]
    assert strong[:, :3] == pytest.approx(
        np.broadcast_to(to_rgb(KIND_COLORS["backward"]), strong[:, :3].shape), abs=1e-6
    )


@pytest.mark.parametrize("size", [599, 600, 601, 1300])
def test_pixels_equal_the_dense_matrix_summed_in_tiles(size):
    rng = np.random.default_rng(size)
    dense = rng.random((size, size)) < 0.01
    dense[0, -1] = dense[-1, 0] = True
    weights = coo_array(np.where(dense, rng.normal(size=(size, size)), 0.0))
    net = gr.Connectome.from_masks(None, dense.astype(np.float32), None)
    step = bins.steps(net.hidden.shape)[0]
    assert step == -(-size // 600)
    starts = np.arange(0, size, step)

    def tiles(matrix):
        return np.add.reduceat(np.add.reduceat(matrix.astype(np.float64), starts, 0), starts, 1)

    counts = bins.kind_counts(net.hidden, net.areas, net.areas, {})
    np.testing.assert_array_equal(counts.sum(axis=2), tiles(dense))
    np.testing.assert_array_equal(bins.pairs_per_pixel(net.hidden.shape), tiles(np.ones((size, size))))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(
            bins.weight_means(weights), tiles(weights.toarray()) / tiles(dense), atol=1e-12
        )


def test_a_mixed_pixel_has_the_mean_colour_and_its_density_as_opacity():
    palette = np.eye(3)
    counts = np.array([[[1.0, 1.0, 0.0], [0.0, 0.0, 4.0]], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    image, full = bins.mix_colors(counts, np.full((2, 2), 4.0), palette)
    assert full == pytest.approx(np.quantile([0.5, 1.0, 0.25], 0.95))
    assert image[0, 0] == pytest.approx([0.5, 0.5, 0, np.sqrt(0.5 / full)], abs=1e-6)
    assert image[0, 1] == pytest.approx([0, 0, 1, 1], abs=1e-6)
    assert image[1, 0, 3] == 0


def test_masks_refuse_what_is_no_connectome():
    with pytest.raises(TypeError) as e:
        gr.plots.masks(small())
    assert str(e.value) == (
        "`plots.masks(net)` needs a Connectome; it got AreaGraph. Compile it first: graph.compile(seed=0)."
    )
    with pytest.raises(TypeError) as e:
        gr.plots.masks(np.eye(3))
    assert (
        str(e.value) == "`plots.masks(net)` needs a Connectome; it got ndarray. Make one with graph.compile."
    )


# Layers.


def weighted(net, which, seed=0):
    synapses = net.synapses(which)
    data = np.random.default_rng(seed).normal(size=synapses.size)
    return coo_array((data, (synapses.post, synapses.pre)), shape=synapses.shape)


def test_layers_show_each_weight_in_place_and_a_histogram_of_all():
    net = small().compile(seed=0)
    layers = [(which, weighted(net, which)) for which in ("input", "hidden", "readout")]
    figure = gr.plots.layers(layers, net=net)
    matrices = [axes for axes in host_of(figure).child_axes if axes.images]
    histograms = [axes for axes in host_of(figure).child_axes if axes.containers]
    assert len(matrices) == len(histograms) == 3
    for (_, weight), matrix, histogram in zip(layers, matrices, histograms, strict=True):
        image = matrix.images[0].get_array()
        np.testing.assert_array_equal(np.ma.getmaskarray(image), weight.toarray() == 0)
        np.testing.assert_allclose(image.filled(0), weight.toarray())
        low, high = matrix.images[0].get_clim()
        assert low == -high < 0
        assert sum(bar.get_height() for bar in histogram.containers[0]) == weight.nnz
    assert len(matrices[1].collections[0].get_segments()) == 2
    assert_texts_stand_free(figure)


def test_layers_of_many_areas_have_borders_and_leave_out_names_that_do_not_fit():
    net = sixty().compile(seed=0)
    figure = gr.plots.layers([("hidden", weighted(net, "hidden"))], net=net)
    assert len(host_of(figure).child_axes[0].collections[0].get_segments()) == 59
    assert not any("area 01" in t.get_text() for t in texts_of(figure))
    assert_texts_stand_free(figure)


def test_a_bar_has_the_colour_of_its_weights():
    weight = np.diag(np.linspace(-1, 1, 50))
    figure = gr.plots.layers([("w", weight)])
    matrix, histogram = host_of(figure).child_axes
    image = matrix.images[0]
    for bar in histogram.containers[0]:
        middle = bar.get_x() + bar.get_width() / 2
        assert bar.get_facecolor() == pytest.approx(image.cmap(image.norm(middle)), abs=0.02)


def test_a_stored_zero_is_a_synapse_of_a_sparse_layer():
    weight = coo_array((np.array([0.0, 1.0]), (np.array([0, 1]), np.array([0, 0]))), shape=(2, 2))
    figure = gr.plots.layers([("w", weight)])
    assert "2 synapses\nmean 0.5, sd 0.5" in [t.get_text() for t in texts_of(figure)]
    assert np.ma.getmaskarray(host_of(figure).child_axes[0].images[0].get_array()).sum() == 2


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros((4, 3)), "no synapses"),
        (np.zeros((4, 0)), "no synapses"),
        (np.full((1, 1), -2.0), "1 synapse\nmean −2, sd 0"),
        (np.ones((2, 3), bool), "6 synapses\nmean 1, sd 0"),
    ],
)
def test_layers_with_few_or_no_weights(matrix, said):
    figure = gr.plots.layers([("w", matrix)])
    saved(figure)
    assert said in [t.get_text() for t in texts_of(figure)]


def test_layers_of_a_network_without_ends():
    net = one_neuron().compile(seed=0)
    layers = [(which, weighted(net, which)) for which in ("input", "hidden", "readout")]
    saved(gr.plots.layers(layers, net=net))


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (
            [],
            ValueError,
            "`plots.layers(layers)` needs a list of (title, matrix) pairs; the list is empty.",
        ),
        (
            np.eye(2),
            TypeError,
            "`plots.layers(layers)` needs a list of (title, matrix) pairs; it got ndarray.",
        ),
        (
            [np.eye(2)],
            TypeError,
            "`plots.layers(layers)` needs a list of (title, matrix) pairs; one of its entries is a ndarray.",
        ),
        (
            [("w", np.ones(3))],
            TypeError,
            "`plots.layers(layers)` needs a list of (title, matrix) pairs, each matrix scipy sparse or "
            "numpy in two "
            "dimensions; 'w' is float64 of shape (3,).",
        ),
        (
            [("w", np.full((2, 2), np.nan))],
            ValueError,
            "`plots.layers(layers)` needs finite weights; 'w' has NaN or infinite ones.",
        ),
    ],
)
def test_layers_refuse_what_is_no_list_of_matrices(layers, error, message):
    with pytest.raises(error) as e:
        gr.plots.layers(layers)
    assert str(e.value) == message


def test_layers_refuse_a_matrix_that_does_not_fit_the_network():
    net = small().compile(seed=0)
    with pytest.raises(ValueError, match="input") as e:
        gr.plots.layers([("input", net.input_mask.T)], net=net)
    assert str(e.value) == (
        "`plots.layers(layers, net=net)` needs the input matrix of shape (25, 2), (post, pre); it has "
        "shape (2, 25)."
    )


# Area graph.


def arcs_of(figure):
    return {
        patch.get_gid(): patch
        for patch in host_of(figure).patches
        if isinstance(patch, PathPatch) and patch.get_gid()
    }


def boxes(figure):
    return {p.get_gid(): p for p in host_of(figure).patches if p.get_gid() and not isinstance(p, PathPatch)}


def centre(patch):
    box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


@pytest.mark.parametrize("make", [lambda g: g, lambda g: g.compile(seed=0)], ids=["graph", "connectome"])
def test_each_projection_is_an_arc_in_the_colour_of_its_kind(make):
    graph = small()
    figure = gr.plots.area_graph(make(graph))
    arcs = arcs_of(figure)
    assert set(arcs) == {f"{pre} → {post}" for pre, post in graph.edges}
    for pre, post in graph.edges:
        assert arcs[f"{pre} → {post}"].get_edgecolor()[:3] == pytest.approx(
            to_rgb(KIND_COLORS[graph.kind(pre, post)])
        )
    assert set(boxes(figure)) == set(graph)


def test_higher_levels_stand_higher_between_inputs_and_readouts():
    at = {name: centre(box) for name, box in boxes(gr.plots.area_graph(small())).items()}
    height = {name: y for name, (_, y) in at.items()}
    assert height["stimulus"] < height["V1"] < height["V2"] == height["V3"] < height["choice"]
    assert at["V2"][0] < at["V3"][0]


@pytest.mark.parametrize("n", [2, 3, 4, 10, 60])
def test_forward_arcs_pass_on_the_right_and_backward_arcs_on_the_left(n):
    graph = chain(n) if n < 60 else sixty()
    figure = gr.plots.area_graph(graph)
    place = {name: centre(box) for name, box in boxes(figure).items()}
    for name, arc in arcs_of(figure).items():
        pre, post = name.split(" → ")
        side = arc.get_path().vertices[:, 0] - place[pre][0]
        kind = graph.kind(pre, post)
        if kind in ("forward", "input", "readout"):
            assert (side > 0).all()
        elif kind == "backward":
            assert (side < 0).all()


def test_arrow_heads_touch_their_targets():
    figure = gr.plots.area_graph(small())
    found = boxes(figure)
    heads = [
        p
        for p in host_of(figure).patches
        if isinstance(p, matplotlib.patches.Polygon) and not p.get_gid() and p.get_zorder() < 5  # legend
    ]
    tips = np.array([head.get_xy()[0] for head in heads])
    assert len(tips) == small().number_of_edges()
    for post in ("V1", "V2", "V3", "choice"):
        box = found[post].get_path().transformed(found[post].get_patch_transform()).get_extents()
        gap = np.maximum(
            np.abs(tips - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]) - [box.width / 2, box.height / 2], 0
        )
        assert (gap.max(axis=1) < 0.1).sum() == small().in_degree(post)


def test_width_grows_with_the_square_root_of_the_number_of_synapses():
    graph = gr.AreaGraph()
    for name in ("A", "B", "C"):
        graph.add_area(name, 100)
    graph.project("A", "B", gr.FixedTotalNumber(9000))
    graph.project("B", "C", gr.FixedTotalNumber(2250))
    graph.project("C", "A", gr.FixedTotalNumber(0))
    declared, drawn = (arcs_of(gr.plots.area_graph(g)) for g in (graph, graph.compile(seed=0)))
    for arcs in (declared, drawn):
        assert arcs["A → B"].get_linewidth() == pytest.approx(2 * arcs["B → C"].get_linewidth())
        assert arcs["A → B"].get_linestyle() == "solid" or arcs["A → B"].get_linestyle() == "-"
        assert arcs["C → A"].get_linestyle() not in ("solid", "-")


def test_a_number_that_nobody_knows_is_dashed_and_said():
    graph = gr.AreaGraph()
    rng = np.random.default_rng(0)
    for name in ("A", "B"):
        graph.add_area(name, 20, positions=rng.random((20, 2)))
    graph.project("A", "B", gr.DistanceDependent(gr.Gaussian(0.2)))
    words = {t.get_text() for t in texts_of(gr.plots.area_graph(graph))}
    assert {"number not known", "no synapse"} & words == {"number not known"}
    assert "number not known" not in {
        t.get_text() for t in texts_of(gr.plots.area_graph(graph.compile(seed=0)))
    }


def test_numbers_by_sign_are_those_that_compile_draws():
    graph = gr.AreaGraph()
    graph.add_area("A", 50, excitatory=0.8)
    graph.add_area("B", 50, excitatory=0.8)
    graph.project("A", "B", gr.BySign(gr.FixedIndegree(5), gr.FixedIndegree(2), None, None))
    graph.project("B", "B", gr.FixedIndegree(20), self_connections=False)
    from graphrnn.plots.areas import _read

    declared, drawn = (
        {(a.pre, a.post): a.number for a in _read(g)[1]} for g in (graph, graph.compile(seed=0))
    )
    assert declared == drawn
    assert declared["A", "B"] == 40 * 5 + 10 * 2


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_area_graphs_of_any_size_draw_with_names_that_stand_free(graph):
    figure = gr.plots.area_graph(graph())
    assert_texts_stand_free(figure)
    assert figure.get_size_inches()[0] * 25.4 < 181
    extents = [
        box.get_path().transformed(box.get_patch_transform()).get_extents() for box in boxes(figure).values()
    ]
    for a, b in itertools.combinations(extents, 2):
        assert max(a.x0 - b.x1, b.x0 - a.x1, a.y0 - b.y1, b.y0 - a.y1) > 0


def test_a_graph_without_levels_or_projections_draws():
    assert_texts_stand_free(gr.plots.area_graph(unlevelled()))
    graph = nx.DiGraph()
    graph.add_node("lonely", size=3)
    assert_texts_stand_free(gr.plots.area_graph(graph))


def test_a_plain_digraph_that_compiles_is_drawn():
    graph = nx.DiGraph()
    graph.add_nodes_from(["A", "B"], size=10)
    graph.add_edge("B", "A", rule=0.5)
    arc = arcs_of(gr.plots.area_graph(graph))["B → A"]
    assert arc.get_edgecolor()[:3] == pytest.approx(to_rgb(KIND_COLORS["backward"]))


def test_area_graph_refuses_other_things():
    with pytest.raises(TypeError) as e:
        gr.plots.area_graph(nx.Graph())
    assert str(e.value) == (
        "`plots.area_graph(graph)` needs an AreaGraph, a networkx.DiGraph or a Connectome; it got Graph. "
        "Make one with AreaGraph()."
    )
    graph = nx.DiGraph()
    graph.add_node("A")
    with pytest.raises(ValueError, match="needs a `size`, its number of neurons"):
        gr.plots.area_graph(graph)


def test_names_that_look_like_mathematics_are_names():
    graph = gr.AreaGraph()
    for name in ("$x$", "a_b^c", "_hidden", "100%"):
        graph.add_area(name, 5)
        graph.project(name, name)
    net = graph.compile(seed=0)
    for figure in (
        gr.plots.area_graph(graph),
        gr.plots.masks(net),
        gr.plots.rates(np.random.default_rng(0).random((9, 20)), net, dt=1.0),
    ):
        saved(figure)
        shown = [t for t in figure.findobj(matplotlib.text.Text) if t.get_text() == "$x$"]
        assert [t.get_parse_math() for t in shown] == [False] * len(shown) != []


def test_arcs_of_one_column_do_not_run_behind_boxes():
    figure = gr.plots.area_graph(chain(4))
    found = {
        n: b.get_path().transformed(b.get_patch_transform()).get_extents() for n, b in boxes(figure).items()
    }
    for name, arc in arcs_of(figure).items():
        points = routes.curve(arc.get_path().vertices)
        for other, box in found.items():
            if other not in name.split(" → "):
                inside = (
                    (points[:, 0] > box.x0)
                    & (points[:, 0] < box.x1)
                    & (points[:, 1] > box.y0)
                    & (points[:, 1] < box.y1)
                )
                assert not inside.any(), (name, other)


# Names along an axis.


def test_spread_moves_names_apart_and_no_further_than_needed():
    np.testing.assert_allclose(names.spread(np.array([10.0, 50.0]), 5, 100), [10, 50])
    np.testing.assert_allclose(names.spread(np.array([50.0, 50.0]), 10, 100), [45, 55])
    np.testing.assert_allclose(names.spread(np.array([0.0, 1.0, 90.0]), 10, 100), [5, 15, 90])
    np.testing.assert_allclose(names.spread(np.full(3, 100.0), 10, 100), [75, 85, 95])
    crowded = names.spread(np.zeros(50), 10, 100)
    np.testing.assert_allclose(np.diff(crowded), 2)


# Rates.


def test_rates_show_the_mean_of_each_area_and_every_neuron():
    net = small().compile(seed=0)
    values = np.random.default_rng(0).random((40, 25))
    figure = gr.plots.rates(values, net, dt=5.0)
    means, raster, _ = host_of(figure).child_axes
    lines = {line.get_gid(): line for line in means.lines}
    for area in net.areas:
        np.testing.assert_allclose(lines[area.name].get_ydata(), values[:, area.slice].mean(axis=1))
        np.testing.assert_allclose(lines[area.name].get_xdata(), np.arange(40) * 5.0)
    np.testing.assert_allclose(raster.images[0].get_array(), values.T)
    assert raster.images[0].get_extent() == [0, 200, 25, 0]
    assert [s[0][1] for s in raster.collections[0].get_segments()] == [12, 17]


def test_rates_take_tensors_with_a_gradient_and_negative_rates():
    net = small().compile(seed=0)
    values = torch.randn(7, 25, generator=torch.Generator().manual_seed(0), requires_grad=True)
    image = host_of(gr.plots.rates(values, net, dt=1)).child_axes[1].images[0]
    np.testing.assert_allclose(image.get_array(), values.detach().numpy().T, rtol=1e-6)
    low, high = image.get_clim()
    assert low == -high


@pytest.mark.parametrize("graph", [one_neuron, sixty])
def test_rates_of_one_step_and_of_many_areas(graph):
    net = graph().compile(seed=0)
    for values in (np.zeros((1, net.n_neurons)), np.random.default_rng(0).random((50, net.n_neurons))):
        assert_texts_stand_free(gr.plots.rates(values, net, dt=1.0))


def test_many_neurons_are_shown_as_means():
    graph = gr.AreaGraph()
    graph.add_area("A", 1201)
    values = np.random.default_rng(0).random((10, 1201))
    image = host_of(gr.plots.rates(values, graph.compile(seed=0), dt=1.0)).child_axes[1].images[0].get_array()
    assert image.shape == (401, 10)
    np.testing.assert_allclose(image[0], values[:, :3].mean(axis=1))
    np.testing.assert_allclose(image[-1], values[:, 1200:].mean(axis=1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.zeros((2, 5, 25)),
            "`plots.rates(rates, net, dt=dt)` needs the rates of one trial, (time, neuron); it got shape "
            "(2, 5, 25). "
            "Choose one: rates[0].",
        ),
        (
            np.zeros((25, 5)),
            "`plots.rates(rates, net, dt=dt)` needs rates of shape (time, 25), (time, neuron); it got "
            "(25, 5).",
        ),
        (
            np.full((5, 25), np.nan),
            "`plots.rates(rates, net, dt=dt)` needs finite rates; some are NaN or infinite.",
        ),
    ],
)
def test_rates_refuse_other_shapes(values, message):
    with pytest.raises(ValueError, match="rates") as e:
        gr.plots.rates(values, small().compile(seed=0), dt=1.0)
    assert str(e.value) == message


def test_rates_refuse_a_time_step_of_nothing():
    message = "`plots.rates(rates, net, dt=dt)` needs `dt` to be finite and above 0; it got 0."
    with pytest.raises(ValueError, match=re.escape(message)):
        gr.plots.rates(np.zeros((5, 25)), small().compile(seed=0), dt=0)


# Learning.


def psychometric_table(bias, width, trials=2000):
    coherence = np.array([-51.2, -25.6, -12.8, -6.4, -3.2, 3.2, 6.4, 12.8, 25.6, 51.2])
    fraction = 1 / (1 + np.exp(-(coherence - bias) / width))
    return pd.DataFrame({"signed_coherence": coherence, "fraction_choice_1": fraction, "trials": trials})


@pytest.mark.parametrize(("bias", "width"), [(0.0, 5.0), (4.0, 10.0), (-8.0, 2.0)])
def test_the_psychometric_curve_recovers_bias_and_width(bias, width):
    figure = gr.plots.psychometric(psychometric_table(bias, width))
    (axes,) = host_of(figure).child_axes
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    wanted = 1 / (1 + np.exp(-(curve.get_xdata() - bias) / width))
    np.testing.assert_allclose(curve.get_ydata(), wanted, atol=2e-3)


def test_error_bars_are_wilson_intervals():
    from scipy.stats import binomtest

    table = pd.DataFrame(
        {"signed_coherence": [-5.0, 5.0], "fraction_choice_1": [0.0, 0.75], "trials": [12, 40]}
    )
    (axes,) = host_of(gr.plots.psychometric(table)).child_axes
    bars = axes.containers[0][2][0].get_segments()
    for bar, (k, n) in zip(bars, [(0, 12), (30, 40)], strict=True):
        interval = binomtest(k, n).proportion_ci(method="wilson")
        assert bar[:, 1] == pytest.approx([interval.low, interval.high], abs=1e-6)


@pytest.mark.parametrize("fraction", [[0.0, 0.0, 1.0, 1.0], [0.0] * 4, [1.0] * 4, [1.0, 1.0, 0.0, 0.0]])
def test_psychometric_curves_without_errors_or_without_sense_draw(fraction):
    table = pd.DataFrame({"signed_coherence": [-10, -5, 5, 10], "fraction_choice_1": fraction, "trials": 30})
    saved(gr.plots.psychometric(table))


@pytest.mark.parametrize(("fraction", "never"), [(0.0, 1), (1.0, 0)])
def test_where_one_choice_was_never_taken_there_is_no_curve(fraction, never):
    table = pd.DataFrame({"signed_coherence": [-5.0, 5.0], "fraction_choice_1": fraction, "trials": 30})
    figure = gr.plots.psychometric(table)
    (axes,) = host_of(figure).child_axes
    assert max(len(line.get_xdata()) for line in axes.lines) == 2  # the points and the two dashed lines
    assert f"choice {never} was never taken" in [text.get_text() for text in texts_of(figure)]
    assert_texts_stand_free(figure)


def test_psychometric_at_coherence_zero_alone_draws():
    saved(
        gr.plots.psychometric(
            pd.DataFrame({"signed_coherence": [0], "fraction_choice_1": [0.5], "trials": [9]})
        )
    )


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (
            {"signed_coherence": []},
            TypeError,
            "`plots.psychometric(table)` needs a pandas DataFrame with columns signed_coherence, "
            "fraction_choice_1, "
            "trials; it got dict.",
        ),
        (
            pd.DataFrame({"signed_coherence": [1.0], "trials": [3]}),
            ValueError,
            "`plots.psychometric(table)` needs a column 'fraction_choice_1'; the table has "
            "'signed_coherence', 'trials'.",
        ),
        (
            pd.DataFrame({"signed_coherence": [1.0], "fraction_choice_1": [1.5], "trials": [3]}),
            ValueError,
            "`plots.psychometric(table)` needs at least one row, finite coherences, fractions from 0 to "
            "1 and at least "
            "one trial per row. `task.psychometric(decisions)` makes such a table.",
        ),
    ],
)
def test_psychometric_refuses_other_tables(table, error, message):
    with pytest.raises(error) as e:
        gr.plots.psychometric(table)
    assert str(e.value) == message


def test_training_draws_the_columns_that_there_are():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.0, 0.6, 0.5], "validation_loss": [1.1, 0.8, 0.9]})
    (loss,) = host_of(gr.plots.training(history)).child_axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[1.0, 0.6, 0.5], [1.1, 0.8, 0.9]]
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "validation"]
    whole = history.assign(accuracy=[0.5, 0.7, 0.8], validation_accuracy=[0.5, 0.6, np.nan])
    assert len(host_of(gr.plots.training(whole)).child_axes) == 2
    assert len(host_of(gr.plots.training(history.assign(accuracy=np.nan))).child_axes) == 1
    assert_texts_stand_free(gr.plots.training(whole))


@pytest.mark.parametrize("loss", [[0.5], [1.0, 1e-4], [0.0, 0.0], [np.nan, 1.0], [np.nan], [-1.0, 2.0]])
def test_training_of_any_loss_draws(loss):
    saved(gr.plots.training(pd.DataFrame({"epoch": range(1, len(loss) + 1), "loss": loss})))


@pytest.mark.parametrize("losses", [(0.7482, 0.7357), (0.00012, 0.00013), (12345.0, 12346.5), (0.7, 0.70001)])
def test_the_word_loss_stays_on_the_page_however_long_the_numbers_beside_it(losses):
    history = pd.DataFrame({"epoch": [1], "loss": losses[:1], "validation_loss": losses[1:]})
    figure = gr.plots.training(history)
    assert_texts_stand_free(figure)
    assert "loss" in [text.get_text() for text in texts_of(figure)]


def test_training_refuses_other_tables():
    with pytest.raises(TypeError) as e:
        gr.plots.training([1, 2])
    assert str(e.value) == (
        "`plots.training(history)` needs a pandas DataFrame with columns epoch, loss; it got list."
    )
    with pytest.raises(ValueError, match="row") as e:
        gr.plots.training(pd.DataFrame({"epoch": [], "loss": []}))
    assert str(e.value) == "`plots.training(history)` needs at least one epoch; the table has no row."
