"""Structures draw the graph that their arguments say, and its masks."""

# ruff: noqa: E501 - a message stands in one line, as the user reads it

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

import graphrnn as gr
from graphrnn.connectome import Connectome
from graphrnn.rules import AllToAll, Bernoulli, BySign

DOCUMENTED = [[1, 0.1, 0, 0], [0.1, 1, 0.1, 0], [0, 0.1, 1, 0.1], [0, 0, 0.1, 1]]

STRUCTURES = {
    "default": gr.MultiArea(seed=3),
    "documented": gr.MultiArea(
        n_areas=4, area_connectivities=DOCUMENTED, input_areas=[0], readout_areas=[2, 3], seed=3
    ),
    "unequal": gr.MultiArea(
        n_areas=[5, 20, 15], area_connectivities=[0.5, 0.2, 0.9], dims=[2, 40, 3], seed=3
    ),
    "one area": gr.MultiArea(n_areas=1, dims=[1, 7, 1], seed=3),
    "one neuron": gr.MultiArea(n_areas=1, dims=[1, 1, 1], seed=3),
    "signed": gr.MultiAreaEI(n_areas=[30, 10], inter_area_connections=[True, False, True, False], dims=[2, 40, 2], seed=3),
    "excitatory readout": gr.MultiAreaEI(inh_readout=False, seed=3),
    "groups": gr.MultiIO(input_dims=[1, 4], input_table=[[1, 0], [0.5, 1]], n_areas=[60, 40], seed=3),
    "neurons": gr.MultiIO(dims=[1, 4, 1], input_table=[[1, 0, 1, 0]], readout_table=[[0, 1, 1, 1]], seed=3),
    "random": gr.RandomInput(input_spar=0.4, readout_spar=0.3, hidden_spar=0.2, seed=3),
    "disjoint": gr.RandomInput(input_spar=0.4, readout_spar=0.3, overlap=False, seed=3),
}  # fmt: skip
every_structure = pytest.mark.parametrize("struct", STRUCTURES.values(), ids=STRUCTURES.keys())


def dense(masks):
    return [mask.toarray() for mask in masks]


# MultiArea


def test_the_documented_example():
    struct = gr.MultiArea(
        n_areas=4,
        area_connectivities=np.array(DOCUMENTED),
        input_areas=[0],
        readout_areas=[2, 3],
        dims=[1, 100, 1],
        seed=0,
    )
    assert (struct.n_areas, struct.hidden_size, struct.input_dim, struct.output_dim) == (4, 100, 1, 1)
    assert [list(nodes) for nodes in struct.node_assignment] == [
        list(range(i, i + 25)) for i in (0, 25, 50, 75)
    ]
    np.testing.assert_array_equal(struct.area_connectivities, DOCUMENTED)

    masks = struct.get_masks()
    assert isinstance(masks, list)
    assert all(isinstance(m, scipy.sparse.coo_array) and m.dtype == np.float32 for m in masks)
    input_mask, hidden_mask, readout_mask = dense(masks)
    np.testing.assert_array_equal(input_mask[:, 0], np.repeat([1, 0, 0, 0], 25))
    np.testing.assert_array_equal(readout_mask[0], np.repeat([0, 0, 1, 1], 25))
    assert set(np.unique(hidden_mask)) == {0, 1}
    blocks = hidden_mask.reshape(4, 25, 4, 25).sum((1, 3))
    for (i, j), density in np.ndenumerate(DOCUMENTED):
        if density in (0, 1):
            assert blocks[i, j] == 625 * density
        else:
            assert scipy.stats.binomtest(int(blocks[i, j]), 625, density).pvalue > 1e-4


def test_entry_i_j_is_from_area_j_to_area_i():
    struct = gr.MultiArea(
        n_areas=[1, 2, 3],
        area_connectivities=[[0, 0, 1], [1, 1, 0], [0, 0, 0]],
        input_areas=[1],
        readout_areas=[0, 2],
        dims=[2, 6, 1],
    )
    input_mask, hidden_mask, readout_mask = dense(struct.get_masks())
    np.testing.assert_array_equal(
        hidden_mask,
        [
            [0, 0, 0, 1, 1, 1],  # area 0 receives from area 2
            [1, 1, 1, 0, 0, 0],  # area 1 receives from areas 0 and 1
            [1, 1, 1, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],  # area 2 receives nothing
            [0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ],
    )
    np.testing.assert_array_equal(input_mask, [[0, 0], [1, 1], [1, 1], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(readout_mask, [[1, 0, 0, 1, 1, 1]])
    assert [(p.pre, p.post, p.kind) for p in struct.compile().projections] == [
        ("input", "area 1", "input"),
        ("area 2", "area 0", "backward"),
        ("area 0", "area 1", "forward"),
        ("area 1", "area 1", "within"),
        ("area 0", "readout", "readout"),
        ("area 2", "readout", "readout"),
    ]


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_a_list_of_densities_fills_the_matrix(form):
    two = gr.MultiArea(n_areas=3, area_connectivities=form([0.3, 0.2]), dims=[1, 9, 1])
    np.testing.assert_array_equal(two.area_connectivities, [[1, 0.2, 0.2], [0.3, 1, 0.2], [0.3, 0.3, 1]])
    three = gr.MultiArea(n_areas=3, area_connectivities=form([0.3, 0.2, 0.5]), dims=[1, 9, 1])
    np.testing.assert_array_equal(
        three.area_connectivities, [[0.5, 0.2, 0.2], [0.3, 0.5, 0.2], [0.3, 0.3, 0.5]]
    )


def test_defaults():
    struct = gr.MultiArea()
    assert (struct.n_areas, struct.dims, struct.input_areas, struct.readout_areas) == (
        2,
        (1, 100, 1),
        None,
        None,
    )
    np.testing.assert_array_equal(struct.area_connectivities, [[1, 0.1], [0.1, 1]])
    input_mask, _, readout_mask = struct.get_masks()
    assert (input_mask.nnz, readout_mask.nnz) == (100, 100)


def test_a_density_of_0_is_no_projection_and_one_of_1_all_to_all():
    graph = gr.MultiArea(area_connectivities=[0.5, 0.0]).graph
    assert not graph.has_edge("area 1", "area 0")
    assert graph.edges["area 0", "area 1"]["rule"] == Bernoulli(0.5)
    assert graph.edges["area 0", "area 0"]["rule"] == AllToAll()


def test_no_input_and_no_readout():
    input_mask, _, readout_mask = gr.MultiArea(input_areas=[], readout_areas=[], dims=[2, 10, 3]).get_masks()
    assert (input_mask.nnz, input_mask.shape, readout_mask.nnz, readout_mask.shape) == (
        0,
        (10, 2),
        0,
        (3, 10),
    )


def test_the_matrix_is_read_only_and_apart_from_the_users():
    given = np.array(DOCUMENTED)
    struct = gr.MultiArea(n_areas=4, area_connectivities=given)
    given[0, 0] = 0.25
    assert struct.area_connectivities[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        struct.area_connectivities[0, 0] = 0.5


# structures are values


@every_structure
def test_equal_arguments_make_equal_structures(struct):
    same = dataclasses.replace(struct)
    assert same == struct
    assert hash(same) == hash(struct)
    assert same is not struct
    other = dataclasses.replace(struct, seed=4)
    assert other != struct
    assert {struct: 1}[same] == 1


def test_other_arguments_make_other_structures():
    struct = gr.MultiArea(seed=0)
    assert struct == gr.MultiArea(
        n_areas=[50, 50], area_connectivities=np.array([[1, 0.1], [0.1, 1]]), seed=0
    )
    assert struct != gr.MultiArea(area_connectivities=[0.1, 0.2], seed=0)
    assert struct != gr.MultiArea(n_areas=[40, 60], seed=0)
    assert struct != gr.MultiAreaEI(seed=0)
    assert struct != "MultiArea(seed=0)"


@every_structure
def test_structures_are_frozen(struct):
    with pytest.raises(dataclasses.FrozenInstanceError):
        struct.dims = [1, 10, 1]


@every_structure
@pytest.mark.parametrize("copied", [lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy, copy.copy])
def test_copies_are_equal_and_work(struct, copied):
    twin = copied(struct)
    assert twin == struct
    assert repr(twin) == repr(struct)
    assert twin.compile() == struct.compile()


@every_structure
def test_repr_makes_it_again(struct):
    assert eval(repr(struct), vars(gr) | {n: getattr(gr, n) for n in gr.__all__ if n[0] in "MR"}) == struct


def test_repr_says_what_was_chosen():
    assert repr(gr.MultiArea(seed=5)) == "MultiArea(seed=5)"
    struct = gr.MultiArea(
        n_areas=[10, 30], area_connectivities=[0.2, 0.0], input_areas=[0], dims=[1, 40, 1], seed=5
    )
    assert repr(struct) == (
        "MultiArea(area_connectivities=[0.2, 0.0], area_sizes=[10, 30], input_areas=[0], dims=[1, 40, 1], seed=5)"
    )


def test_replace_keeps_what_is_not_replaced():
    struct = gr.MultiArea(area_connectivities=[0.3, 0.2], seed=5)
    larger = dataclasses.replace(struct, dims=[2, 200, 1])
    assert (larger.seed, [len(nodes) for nodes in larger.node_assignment]) == (5, [100, 100])
    np.testing.assert_array_equal(larger.area_connectivities, [[1, 0.2], [0.3, 1]])

    more = dataclasses.replace(struct, n_areas=4)
    assert more == gr.MultiArea(n_areas=4, area_connectivities=[0.3, 0.2], seed=5)

    unequal = gr.MultiArea(n_areas=[30, 70], seed=5)
    assert dataclasses.replace(unequal, seed=6).sizes == (30, 70)
    assert dataclasses.replace(unequal, n_areas=[10, 90]).sizes == (10, 90)
    assert dataclasses.replace(unequal, n_areas=4, area_sizes=None).sizes == (25,) * 4
    assert dataclasses.replace(unequal, n_areas=[50, 60], dims=[1, 110, 1]).sizes == (50, 60)


def test_a_slice_of_the_matrix_is_only_a_matrix():
    struct = gr.MultiArea(n_areas=4, area_connectivities=[0.3, 0.2], seed=5)
    assert gr.MultiArea(n_areas=2, area_connectivities=struct.area_connectivities[:2, :2]).n_areas == 2
    message = (
        "`MultiArea(area_connectivities=...)` needs [forward, backward], [forward, backward, within] or a matrix "
        "of shape (3, 3); it has shape (4, 4)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        gr.MultiArea(n_areas=3, area_connectivities=1.0 * struct.area_connectivities, dims=[1, 9, 1])


# the seed


@every_structure
def test_graph_masks_and_compile_agree(struct):
    net = struct.compile()
    assert net.seed == struct.seed == 3
    assert net == struct.compile() == struct.compile(seed=3) == struct.graph.compile(struct.seed)
    for mask, compiled in zip(struct.get_masks(), net.get_masks(), strict=True):
        np.testing.assert_array_equal(abs(mask.toarray()), compiled.toarray())
    assert [mask.shape for mask in struct.get_masks()] == [
        (struct.hidden_size, struct.input_dim),
        (struct.hidden_size, struct.hidden_size),
        (struct.output_dim, struct.hidden_size),
    ]


def test_a_seed_is_settled_once():
    struct = gr.MultiArea()
    other = gr.MultiArea()
    assert struct == other == dataclasses.replace(struct)
    assert struct.compile() == struct.compile() == pickle.loads(pickle.dumps(struct)).compile()
    assert struct.compile().seed != other.compile().seed
    assert struct.compile() != other.compile()
    drawn = [gr.MultiArea(seed=np.random.default_rng(7)).seed for _ in range(2)]
    assert drawn[0] == drawn[1] == int(np.random.default_rng(7).integers(2**63))


def test_another_seed_draws_another_network():
    struct = gr.RandomInput(input_spar=0.5, readout_spar=0.5, hidden_spar=0.1, seed=0)
    other = struct.compile(seed=1)
    assert other != struct.compile()
    assert other == dataclasses.replace(struct, seed=1).compile()


def test_the_graph_is_the_users_to_change():
    struct = gr.MultiArea(seed=0)
    struct.graph.remove_node("area 1")
    assert struct.graph.areas == ["area 0", "area 1"]


def test_masks_go_back_into_a_connectome():
    struct = STRUCTURES["signed"]
    net, back = struct.compile(), Connectome.from_masks(*struct.get_masks())
    assert (back.input, back.hidden, back.readout) == (net.input, net.hidden, net.readout)
    np.testing.assert_array_equal(back.sign, net.sign)


@every_structure
def test_graphs_go_through_files(struct, tmp_path):
    gr.io.write(struct.graph, tmp_path / "graph.toml")
    assert gr.io.read(tmp_path / "graph.toml").compile(seed=3) == struct.compile()


def test_plot_masks_draws_this_structure(tmp_path):
    figure = STRUCTURES["documented"].plot_masks()
    figure.savefig(tmp_path / "masks.png")
    assert (tmp_path / "masks.png").stat().st_size > 1000


# one area


@pytest.mark.parametrize("n_areas", [1, [100]])
@pytest.mark.parametrize("given", [[0.1, 0.1], [0, 0], [[1.0]], [0, 0, 1.0]])
def test_one_area_covers_the_single_network(n_areas, given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        struct = gr.MultiArea(n_areas=n_areas, area_connectivities=given, input_areas=[0], readout_areas=[0])
    assert [mask.nnz for mask in struct.get_masks()] == [100, 10_000, 100]


@pytest.mark.parametrize(
    ("make", "message", "within"),
    [
        (
            lambda: gr.MultiArea(n_areas=1, area_connectivities=[0.3, 0.2]),
            "`MultiArea(area_connectivities=[0.3, 0.2])` gives densities between areas, but there is one area. "
            "They are ignored; use n_areas of 2 or more for them.",
            1.0,
        ),
        (
            lambda: gr.MultiArea(n_areas=1, area_connectivities=[0.3, 0.2, 0.5]),
            "`MultiArea(area_connectivities=[0.3, 0.2, 0.5])` gives densities between areas, but there is one "
            "area. They are ignored; use n_areas of 2 or more for them.",
            0.5,
        ),
        (
            lambda: gr.MultiArea(n_areas=1, area_connectivities=DOCUMENTED),
            "`MultiArea(area_connectivities=...)` is a matrix for 4 areas, but there is one area. It is ignored, "
            "and the area is connected all to all; use n_areas=4 for it.",
            1.0,
        ),
        (
            lambda: gr.MultiArea(n_areas=1, input_areas=[0, 2]),
            "`MultiArea(input_areas=[0, 2])` names other areas than 0, but there is one area. It is ignored, and "
            "all neurons receive input.",
            1.0,
        ),
        (
            lambda: gr.MultiArea(n_areas=1, readout_areas=[2, 3]),
            "`MultiArea(readout_areas=[2, 3])` names other areas than 0, but there is one area. It is ignored, "
            "and all neurons are read out.",
            1.0,
        ),
        (
            lambda: gr.MultiAreaEI(n_areas=1, inter_area_connections=[True, False, True, True]),
            "`MultiAreaEI(inter_area_connections=[True, False, True, True])` forbids projections between areas, "
            "but there is one area. It is ignored; use n_areas of 2 or more for it.",
            1.0,
        ),
    ],
)
def test_one_area_ignores_with_a_warning_what_conflicts(make, message, within):
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$") as caught:
        struct = make()
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(struct.area_connectivities, [[within]])
    input_mask, _, readout_mask = struct.get_masks()
    assert (input_mask.nnz, readout_mask.nnz) == (100, 100)
    assert dataclasses.replace(struct, seed=1).n_areas == 1  # and says it only once


# MultiAreaEI


@pytest.mark.parametrize("allowed", list(itertools.product([True, False], repeat=4)))
def test_which_signs_connect_between_areas(allowed):
    struct = gr.MultiAreaEI(
        n_areas=[4, 3],
        area_connectivities=[1.0, 1.0],
        exc_pct=0.5,
        inter_area_connections=list(allowed),
        dims=[1, 7, 2],
        seed=0,
    )
    excitatory = [True, True, False, False, True, False, False]
    area = [0, 0, 0, 0, 1, 1, 1]
    pairs = [(True, True), (True, False), (False, True), (False, False)]  # (pre, post): E→E, E→I, I→E, I→I
    expected = np.zeros((7, 7))
    for post, pre in itertools.product(range(7), repeat=2):
        if area[post] == area[pre] or allowed[pairs.index((excitatory[pre], excitatory[post]))]:
            expected[post, pre] = 1 if excitatory[pre] else -1
    input_mask, hidden_mask, readout_mask = dense(struct.get_masks())
    np.testing.assert_array_equal(hidden_mask, expected)
    np.testing.assert_array_equal(readout_mask, [[1, 1, -1, -1, 1, -1, -1]] * 2)
    np.testing.assert_array_equal(input_mask, np.ones((7, 1)))
    for plain, signed in zip(dense(struct.get_sparsity_masks()), dense(struct.get_masks()), strict=True):
        np.testing.assert_array_equal(plain, abs(signed))
    assert struct.graph.has_edge("area 0", "area 1") == any(allowed)


def test_densities_hold_for_each_allowed_pair_of_signs():
    struct = gr.MultiAreaEI(
        area_connectivities=[0.3, 0.2, 0.6],
        inter_area_connections=[True, True, False, True],
        dims=[1, 1000, 1],
        seed=0,
    )
    hidden = struct.get_masks()[1].toarray()
    parts = {"E": np.arange(400), "I": np.arange(400, 500)}
    for post, pre in itertools.product("EI", repeat=2):
        sign = 1 if pre == "E" else -1
        for (i, j), density in np.ndenumerate([[0.6, 0.2], [0.3, 0.6]]):
            block = hidden[np.ix_(parts[post] + 500 * i, parts[pre] + 500 * j)] * sign
            wanted = 0 if i != j and (pre, post) == ("I", "E") else density
            if wanted == 0:
                assert not block.any()
            else:
                assert scipy.stats.binomtest(int(block.sum()), block.size, wanted).pvalue > 1e-4


def test_rules_of_the_two_ends():
    graph = gr.MultiAreaEI(
        inter_area_connections=[True, False, True, False], area_connectivities=[0.3, 0.2]
    ).graph
    assert graph.edges["area 0", "area 1"]["rule"] == BySign(ee=0.3, ie=0.3)
    assert graph.edges["area 1", "area 0"]["rule"] == BySign(ee=0.2, ie=0.2)
    assert graph.edges["area 0", "area 0"]["rule"] == AllToAll()


@pytest.mark.parametrize(
    ("exc_pct", "size", "excitatory"), [(0.8, 50, 40), (0.29, 100, 29), (0.8, 3, 2), (1, 5, 5), (0, 5, 0)]
)
def test_excitatory_neurons_are_rounded_down_and_first(exc_pct, size, excitatory):
    for inh_readout in (True, False):
        struct = gr.MultiAreaEI(
            n_areas=1, exc_pct=exc_pct, inh_readout=inh_readout, dims=[1, size, 3], seed=0
        )
        net = struct.compile()
        np.testing.assert_array_equal(net.sign, np.repeat([1, -1], [excitatory, size - excitatory]))
        readout = struct.get_masks()[2].toarray()
        silent = 0 if not inh_readout else -1
        np.testing.assert_array_equal(readout, [np.repeat([1, silent], [excitatory, size - excitatory])] * 3)


# MultiIO


def test_groups_reach_the_areas_of_the_table():
    struct = gr.MultiIO(
        input_dims=[1, 2],
        readout_dims=[2, 1, 1],
        input_table=[[True, False], [True, True]],
        readout_table=np.array([[1, 0], [0, 1], [0, 0]]),
        input_names=["odour", "image"],
        n_areas=[2, 1],
        dims=[3, 3, 4],
    )
    graph = struct.graph
    assert (graph.inputs, graph.readouts) == (["odour", "image"], ["readout 0", "readout 1", "readout 2"])
    input_mask, hidden_mask, readout_mask = dense(struct.get_masks())
    np.testing.assert_array_equal(input_mask, [[1, 1, 1], [1, 1, 1], [0, 1, 1]])
    np.testing.assert_array_equal(hidden_mask, np.ones((3, 3)))
    np.testing.assert_array_equal(readout_mask, [[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_a_column_per_neuron_as_in_nn4n():
    struct = gr.MultiIO(
        dims=[3, 5, 2],
        input_dims=[1, 2],
        n_areas=[2, 3],
        area_connectivities=[1.0, 0.0],
        input_table=np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 1]]),
        readout_table=[[0, 0, 1, 1, 0]],
    )
    input_mask, hidden_mask, readout_mask = dense(struct.get_masks())
    np.testing.assert_array_equal(input_mask.T, [[1, 1, 0, 0, 0], [0, 1, 1, 0, 1], [0, 1, 1, 0, 1]])
    np.testing.assert_array_equal(readout_mask, [[0, 0, 1, 1, 0]] * 2)
    assert hidden_mask[:2, 2:].sum() == 0
    assert struct.graph.edges["input 0", "area 0"]["rule"] == AllToAll()
    assert not struct.graph.has_edge("input 0", "area 1")


def test_a_table_of_densities():
    struct = gr.MultiIO(input_dims=[20, 30], input_table=[[0.2], [1]], dims=[50, 100, 1], seed=0)
    input_mask = struct.get_masks()[0].toarray()
    assert scipy.stats.binomtest(int(input_mask[:, :20].sum()), 2000, 0.2).pvalue > 1e-4
    assert input_mask[:, 20:].all()


def test_dims_follow_from_groups_and_groups_from_dims():
    assert gr.MultiIO().dims == (1, 100, 1)
    assert gr.MultiIO(input_dims=[1, 2], readout_dims=[3]).dims == (3, 100, 3)
    struct = gr.MultiIO(dims=[4, 10, 2])
    assert (struct.input_dims, struct.readout_dims) == ((4,), (2,))
    assert dataclasses.replace(struct, input_dims=[1, 3]).graph.inputs == ["input 0", "input 1"]


# RandomInput


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize(("input_spar", "readout_spar"), [(0.3, 0.5), (0.29, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_so_many_neurons_receive_and_are_read_out(overlap, input_spar, readout_spar):
    struct = gr.RandomInput(
        input_spar=input_spar, readout_spar=readout_spar, overlap=overlap, dims=[2, 100, 3], seed=0
    )
    input_mask, hidden_mask, readout_mask = dense(struct.get_masks())
    receive, read = input_mask.any(1), readout_mask.any(0)
    assert (receive.sum(), read.sum()) == (round(100 * input_spar), round(100 * readout_spar))
    assert input_mask.sum() == 2 * receive.sum()
    assert readout_mask.sum() == 3 * read.sum()
    assert hidden_mask.all()
    if not overlap:
        assert not (receive & read).any()


def test_all_neurons_by_default():
    struct = gr.RandomInput(seed=0)
    assert struct.graph.areas == ["input and readout neurons"]
    assert [mask.nnz for mask in struct.get_masks()] == [100, 10_000, 100]


def test_the_overlap_is_that_of_two_independent_sets():
    both = []
    for seed in range(2000):
        graph = gr.RandomInput(input_spar=0.4, readout_spar=0.5, dims=[1, 20, 1], seed=seed).graph
        both.append(
            graph.nodes["input and readout neurons"]["size"] if "input and readout neurons" in graph else 0
        )
    expected = scipy.stats.hypergeom(20, 8, 10).pmf(np.arange(9)) * 2000
    observed = np.bincount(both, minlength=9)
    few = expected < 5
    fold = [*observed[~few], observed[few].sum()], [*expected[~few], expected[few].sum()]
    assert scipy.stats.chisquare(*fold).pvalue > 1e-3


def test_hidden_density_is_one_for_all_parts():
    net = gr.RandomInput(
        input_spar=0.3, readout_spar=0.5, hidden_spar=0.1, dims=[1, 300, 1], seed=0
    ).compile()
    assert len(net.areas) == 4
    assert {p.kind for p in net.projections} == {"input", "within", "lateral", "readout"}
    sizes = [area.size for area in net.areas]
    for (i, j), n in np.ndenumerate(net.counts()):
        assert scipy.stats.binomtest(int(n), sizes[i] * sizes[j], 0.1).pvalue > 1e-4


def test_no_hidden_synapses():
    assert gr.RandomInput(hidden_spar=0.0, dims=[1, 10, 1]).compile().hidden.size == 0


# errors

LIST = "[forward, backward], [forward, backward, within]"
ERRORS = [
    # sizes and seed
    (lambda: gr.MultiArea(dims=[1, 100]), TypeError, "`MultiArea(dims=[1, 100])` needs three whole numbers, [input, hidden, readout]; it got [1, 100]."),
    (lambda: gr.MultiArea(dims=100), TypeError, "`MultiArea(dims=100)` needs three whole numbers, [input, hidden, readout]; it got 100."),
    (lambda: gr.MultiArea(dims=None), TypeError, "`MultiArea(dims=None)` needs three whole numbers, [input, hidden, readout]; it got None."),
    (lambda: gr.RandomInput(dims=[1, 0, 1]), ValueError, "`RandomInput(dims=[1, 0, 1])` needs `dims[1]` of at least 1; it got 0."),
    (lambda: gr.RandomInput(dims=[1, 10, 1.5]), TypeError, "`RandomInput(dims=[1, 10, 1.5])` needs a whole number for `dims[2]`; it got 1.5."),
    (lambda: gr.MultiArea(seed=-1), ValueError, "`MultiArea(seed=-1)` needs `seed` to be None, a numpy Generator or a whole number from 0 to 2**63 - 1; it got -1."),
    (lambda: gr.MultiArea().compile(seed="a"), ValueError, "`MultiArea(...).compile(seed)` needs `seed` to be None, a numpy Generator or a whole number from 0 to 2**63 - 1; it got 'a'."),
    (lambda: gr.MultiArea(n_areas="two"), TypeError, "`MultiArea(n_areas='two')` needs a number of areas or a list of their sizes; it got 'two'."),
    (lambda: gr.MultiArea(n_areas=2.0), TypeError, "`MultiArea(n_areas=2.0)` needs a number of areas or a list of their sizes; it got 2.0."),
    (lambda: gr.MultiArea(n_areas=True), TypeError, "`MultiArea(n_areas=True)` needs a number of areas or a list of their sizes; it got True."),
    (lambda: gr.MultiArea(n_areas=0), ValueError, "`MultiArea(n_areas=0)` needs `n_areas` of at least 1; it got 0."),
    (lambda: gr.MultiArea(n_areas=3), ValueError, "`MultiArea(n_areas=3)` needs a hidden size that 3 divides; dims has 100 neurons. Choose another number, or a list of sizes such as [34, 33, 33]."),
    (lambda: gr.MultiArea(n_areas=30), ValueError, "`MultiArea(n_areas=30)` needs a hidden size that 30 divides; dims has 100 neurons. Choose another number, or a list of sizes of 3 and 4 neurons."),
    (lambda: gr.MultiArea(n_areas=101), ValueError, "`MultiArea(n_areas=101)` needs at least 101 neurons; dims has 100. Lower n_areas or enlarge the hidden layer."),
    (lambda: gr.MultiArea(n_areas=[]), TypeError, "`MultiArea(n_areas=[])` needs a list with the size of each area; it got []."),
    (lambda: gr.MultiArea(n_areas=[30, 60]), ValueError, "`MultiArea(n_areas=[30, 60])` needs sizes that sum to the hidden size; they sum to 90 and dims has 100 neurons. Change the sizes or dims."),
    (lambda: gr.MultiArea(n_areas=[100, 0]), ValueError, "`MultiArea(n_areas=[100, 0])` needs `n_areas[1]` of at least 1; it got 0."),
    (lambda: gr.MultiArea(area_sizes=30), TypeError, "`MultiArea(area_sizes=30)` needs a list with the size of each area; it got 30."),
    (lambda: dataclasses.replace(gr.MultiArea(n_areas=[30, 70]), n_areas=4), ValueError, "`MultiArea(n_areas=4, area_sizes=[30, 70])` needs one size per area; there are 2. Give `n_areas` the list of sizes, or area_sizes=None for areas of one size."),
    (lambda: dataclasses.replace(gr.MultiArea(n_areas=[30, 70]), dims=[1, 50, 1]), ValueError, "`MultiArea(area_sizes=[30, 70])` needs sizes that sum to the hidden size; they sum to 100 and dims has 50 neurons. Change the sizes or dims."),
    # densities
    (lambda: gr.MultiArea(area_connectivities="dense"), TypeError, f"`MultiArea(area_connectivities='dense')` needs {LIST} or a matrix (n_areas, n_areas), in numbers; it got 'dense'."),
    (lambda: gr.MultiArea(area_connectivities=0.1), TypeError, f"`MultiArea(area_connectivities=0.1)` needs {LIST} or a matrix (n_areas, n_areas), in numbers; it got 0.1."),
    (lambda: gr.MultiArea(area_connectivities=[[1, 0], [1]]), TypeError, f"`MultiArea(area_connectivities=[[1, 0], [1]])` needs {LIST} or a matrix (n_areas, n_areas), in numbers; it got [[1, 0], [1]]."),
    (lambda: gr.MultiArea(area_connectivities=[[{}] * 9] * 9), TypeError, f"`MultiArea(area_connectivities=...)` needs {LIST} or a matrix (n_areas, n_areas), in numbers; it got a list."),
    (lambda: gr.MultiArea(area_connectivities=[0.1]), ValueError, f"`MultiArea(area_connectivities=[0.1])` needs {LIST} or a matrix of shape (2, 2); it has shape (1,)."),
    (lambda: gr.MultiArea(area_connectivities=np.eye(3)), ValueError, f"`MultiArea(area_connectivities=...)` needs {LIST} or a matrix of shape (2, 2); it has shape (3, 3)."),
    (lambda: gr.MultiArea(n_areas=1, area_connectivities=[0.1]), ValueError, f"`MultiArea(area_connectivities=[0.1])` needs {LIST} or a matrix of shape (1, 1); it has shape (1,)."),
    (lambda: gr.MultiArea(area_connectivities=[1.5, 0.1]), ValueError, "`MultiArea(area_connectivities=[1.5, 0.1])` needs densities from 0 to 1; entry [0] is 1.5."),
    (lambda: gr.MultiArea(area_connectivities=[[1, 0], [-0.1, 1]]), ValueError, "`MultiArea(area_connectivities=[[1, 0], [-0.1, 1]])` needs densities from 0 to 1; entry [1, 0] is -0.1."),
    (lambda: gr.MultiArea(area_connectivities=[float("nan"), 0.1]), ValueError, "`MultiArea(area_connectivities=[nan, 0.1])` needs densities from 0 to 1; entry [0] is nan."),
    # areas
    (lambda: gr.MultiArea(input_areas=0), TypeError, "`MultiArea(input_areas=0)` needs a list of area indices, or None for all areas; it got 0."),
    (lambda: gr.MultiArea(readout_areas=["area 0"]), TypeError, "`MultiArea(readout_areas=['area 0'])` needs a list of area indices, or None for all areas; it got ['area 0']."),
    (lambda: gr.MultiArea(input_areas=[True]), TypeError, "`MultiArea(input_areas=[True])` needs a list of area indices, or None for all areas; it got [True]."),
    (lambda: gr.MultiArea(input_areas=[2]), ValueError, "`MultiArea(input_areas=[2])` needs area indices from 0 to 1; it got 2."),
    (lambda: gr.MultiArea(readout_areas=[-1]), ValueError, "`MultiArea(readout_areas=[-1])` needs area indices from 0 to 1; it got -1."),
    (lambda: gr.MultiArea(n_areas=1, readout_areas=[-1]), ValueError, "`MultiArea(readout_areas=[-1])` needs area indices from 0 to 0; it got -1."),
    (lambda: gr.MultiArea(input_areas=[1, 1]), ValueError, "`MultiArea(input_areas=[1, 1])` needs each area once; 1 is listed more often."),
    # signs
    (lambda: gr.MultiAreaEI(exc_pct=1.2), ValueError, "`MultiAreaEI(exc_pct=1.2)` needs `exc_pct` from 0 to 1; it got 1.2."),
    (lambda: gr.MultiAreaEI(exc_pct="most"), TypeError, "`MultiAreaEI(exc_pct='most')` needs a number for `exc_pct`; it got 'most'."),
    (lambda: gr.MultiAreaEI(inter_area_connections=[True]), TypeError, "`MultiAreaEI(inter_area_connections=[True])` needs four of True or False, for E→E, E→I, I→E and I→I; it got [True]."),
    (lambda: gr.MultiAreaEI(inter_area_connections=[1, 1, 0, 1]), TypeError, "`MultiAreaEI(inter_area_connections=[1, 1, 0, 1])` needs four of True or False, for E→E, E→I, I→E and I→I; it got [1, 1, 0, 1]."),
    (lambda: gr.MultiAreaEI(inter_area_connections=True), TypeError, "`MultiAreaEI(inter_area_connections=True)` needs four of True or False, for E→E, E→I, I→E and I→I; it got True."),
    (lambda: gr.MultiAreaEI(inh_readout=1), TypeError, "`MultiAreaEI(inh_readout=1)` needs True or False for `inh_readout`; it got 1."),
    # groups
    (lambda: gr.MultiIO(input_dims=3), TypeError, "`MultiIO(input_dims=3)` needs a list with the number of channels of each input; it got 3."),
    (lambda: gr.MultiIO(readout_dims=[]), TypeError, "`MultiIO(readout_dims=[])` needs a list with the number of channels of each readout; it got []."),
    (lambda: gr.MultiIO(readout_dims=[1, 0]), ValueError, "`MultiIO(readout_dims=[1, 0])` needs `readout_dims[1]` of at least 1; it got 0."),
    (lambda: gr.MultiIO(input_dims=[1, "a"]), TypeError, "`MultiIO(input_dims=[1, 'a'])` needs a whole number for `input_dims[1]`; it got 'a'."),
    (lambda: gr.MultiIO(dims=[1, 9, 1], input_dims=[1, 2]), ValueError, "`MultiIO(dims=[1, 9, 1], input_dims=[1, 2])` needs dims[0] to be the sum of input_dims, 3; it is 1. Change one of them or leave one out."),
    (lambda: gr.MultiIO(dims=[1, 9, 1], readout_dims=[2]), ValueError, "`MultiIO(dims=[1, 9, 1], readout_dims=[2])` needs dims[2] to be the sum of readout_dims, 2; it is 1. Change one of them or leave one out."),
    (lambda: gr.MultiIO(input_table="all"), TypeError, "`MultiIO(input_table='all')` needs a table with a row per group and a column per area or per neuron, in numbers; it got 'all'."),
    (lambda: gr.MultiIO(input_table=[1, 0]), ValueError, "`MultiIO(input_table=[1, 0])` needs a row for each of 1 groups and a column for each area (1) or each neuron (100); it has shape (2,)."),
    (lambda: gr.MultiIO(readout_dims=[1, 1], readout_table=[[1]]), ValueError, "`MultiIO(readout_table=[[1]])` needs a row for each of 2 groups and a column for each area (1) or each neuron (100); it has shape (1, 1)."),
    (lambda: gr.MultiIO(input_table=[[2]]), ValueError, "`MultiIO(input_table=[[2]])` needs densities from 0 to 1; entry [0, 0] is 2."),
    (lambda: gr.MultiIO(dims=[1, 3, 1], input_table=[[1, 0, 0.5]]), ValueError, "`MultiIO(input_table=[[1, 0, 0.5]])` needs 0 or 1 for each neuron; it has 0.5. Densities go with a column per area."),
    (lambda: gr.MultiIO(input_names=["a", "b"]), TypeError, "`MultiIO(input_names=['a', 'b'])` needs a list with a name for each of 1 inputs."),
    (lambda: gr.MultiIO(readout_names="a"), TypeError, "`MultiIO(readout_names='a')` needs a list with a name for each of 1 readouts."),
    (lambda: gr.MultiIO(readout_names=[""]), ValueError, "`MultiIO(readout_names=[''])` needs a `name` that is not empty."),
    (lambda: gr.MultiIO(readout_names=[1]), TypeError, "`MultiIO(readout_names=[1])` needs a string for `name`; it got 1."),
    (lambda: gr.MultiIO(input_names=["x"], readout_names=["x"]), ValueError, "`MultiIO(input_names=['x'], readout_names=['x'])` needs names that differ from each other and from the areas'; 'x' occurs twice."),
    (lambda: gr.MultiIO(input_names=["area 0"]), ValueError, "`MultiIO(input_names=['area 0'], readout_names=None)` needs names that differ from each other and from the areas'; 'area 0' occurs twice."),
    # random input
    (lambda: gr.RandomInput(input_spar=1.1), ValueError, "`RandomInput(input_spar=1.1)` needs `input_spar` from 0 to 1; it got 1.1."),
    (lambda: gr.RandomInput(readout_spar=-0.1), ValueError, "`RandomInput(readout_spar=-0.1)` needs `readout_spar` from 0 to 1; it got -0.1."),
    (lambda: gr.RandomInput(hidden_spar=None), TypeError, "`RandomInput(hidden_spar=None)` needs a number for `hidden_spar`; it got None."),
    (lambda: gr.RandomInput(overlap="no"), TypeError, "`RandomInput(overlap='no')` needs True or False for `overlap`; it got 'no'."),
    (lambda: gr.RandomInput(input_spar=0.6, readout_spar=0.5, overlap=False), ValueError, "`RandomInput(input_spar=0.6, readout_spar=0.5, overlap=False)` needs 60 input and 50 readout neurons that share none; there are 100 neurons. Lower a fraction or allow overlap."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "error", "message"),
    ERRORS,
    ids=[message.partition("`")[2].partition("`")[0] for *_, message in ERRORS],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        make()
