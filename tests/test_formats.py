"""What each format carries comes back, bit for bit; docs/formats.md has the same table in words."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
from cases import NETWORKS, each_network
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_io import drawn, plain

import graphrnn as gr
from graphrnn.connectome.edges import measured_projections, neuron_names

pytest.importorskip("pyarrow", reason="Parquet is an extra")
pytest.importorskip("h5py", reason="SONATA is an extra")

WHOLE = [".npz", ".parquet", ".graphml", ".gexf", ".h5"]  # all of a network
TABLES = [".csv", ".tsv", ".csv.gz"]  # all but rules, seed, report, provenance and number types
MATRICES = [".npy", ".mtx", ".mat"]  # the hidden synapses
GRAPHS = [".csv", ".tsv", ".tsv.gz", ".parquet", ".graphml", ".gexf"]  # area graphs
MATRICES_OF = ("input", "hidden", "readout")


def there_and_back(thing, folder, ending, **choices):
    path = folder / f"net{ending}"
    gr.io.write(thing, path)
    return gr.io.read(path, **choices)


def assert_same_bits(net, back):
    assert back == net
    for which in MATRICES_OF:
        for field in dataclasses.fields(gr.Synapses):
            mine, theirs = (getattr(n.synapses(which), field.name) for n in (net, back))
            if isinstance(mine, np.ndarray):
                assert (mine.dtype, mine.tobytes()) == (theirs.dtype, theirs.tobytes())


def plain_synapses(net, which):
    """What a text table says of a matrix: number types are not in it."""
    part = net.synapses(which)
    weight = (
        None if part.weight is None or np.isnan(part.weight).all() else part.weight.astype(float).tolist()
    )
    delay = None if part.delay is None or not part.size else part.delay.astype(float).tolist()
    types = None if part.type is None or not part.size else [part.types[code] for code in part.type]
    return part.shape, part.post.tolist(), part.pre.tolist(), str(weight), delay, types


def table_content(net):
    names = {node.name for nodes in (net.areas, net.inputs, net.readouts) for node in nodes}
    counts = {(p.pre, p.post) for p in net.projections}
    for which in MATRICES_OF:
        posts, pres = net.ends(which)
        table = net.counts(which)
        counts -= {
            (b.name, a.name) for i, a in enumerate(posts) for j, b in enumerate(pres) if not table[i, j]
        }
    assert names
    return (
        net.areas,
        net.inputs,
        net.readouts,
        {(p.pre, p.post): p.kind for p in net.projections if (p.pre, p.post) in counts},
        [plain_synapses(net, which) for which in MATRICES_OF],
        net.sign.tolist(),
        str(net.tau.tolist()),
        neuron_names(net).tolist(),
        None if net.positions is None else str(net.positions.tolist()),
    )


@each_network
@pytest.mark.parametrize("ending", WHOLE)
def test_a_whole_format_gives_everything_back(net, ending, tmp_path):
    assert_same_bits(net, there_and_back(net, tmp_path, ending))


@each_network
@pytest.mark.parametrize("ending", TABLES)
def test_a_text_table_gives_back_what_it_holds(net, ending, tmp_path):
    back = there_and_back(net, tmp_path, ending)
    assert table_content(back) == table_content(net)
    assert (back.seed, dict(back.report)) == (None, {})


@each_network
@pytest.mark.parametrize("ending", MATRICES)
def test_a_matrix_gives_back_the_hidden_synapses(net, ending, tmp_path):
    if net.hidden.weight is not None:  # a matrix needs a weight for every synapse
        net = net.with_weights(hidden=np.nan_to_num(net.hidden.weight, nan=0.1))
    back = there_and_back(net, tmp_path, ending)
    assert plain_synapses(back, "hidden")[:4] == plain_synapses(net, "hidden")[:4]
    assert (back.n_neurons, [area.name for area in back.areas]) == (net.n_neurons, ["hidden"])


@pytest.mark.parametrize("ending", GRAPHS)
def test_an_area_graph_comes_back(ending, tmp_path):
    graph = drawn()
    back = there_and_back(graph, tmp_path, ending)
    kept = (
        slice(2) if ending in (".csv", ".tsv", ".tsv.gz") else slice(3)
    )  # a table has no place for the graph's own
    assert type(back) is gr.AreaGraph
    assert plain(back)[kept] == plain(graph)[kept]


@pytest.mark.parametrize("ending", WHOLE)
def test_provenance_survives(ending, tmp_path):
    net = gr.datasets.celegans().with_step("my cleaning", choices={"minimum": 2})
    assert there_and_back(net, tmp_path, ending).provenance == net.provenance


def test_the_first_step_of_a_file_of_others_names_it(tmp_path):
    gr.io.write(NETWORKS["measured_without_levels"], tmp_path / "net.csv")
    (step,) = gr.io.read(tmp_path / "net.csv", duplicates="error").provenance.steps
    assert step["step"] == "io.read"
    assert step["choices"] == {
        "duplicates": "error",
        "unknown": "error",
        "columns": {
            name: name for name in ("neuron", "area", "tau", "edges_in", "pre", "post", "delay", "kind")
        },
    }
    assert [file["name"] for file in step["files"]] == ["net.csv", "net.nodes.csv"]


def odd_numbers():
    """float32 and int8 weights, weights without a synapse, unused types, infinite positions."""
    none = np.zeros(0, np.int32)
    return gr.Connectome(
        areas=(gr.Node("a", "area", 0, 2, level=3.5),),
        inputs=(gr.Node("i", "input", 0, 2),),
        readouts=(gr.Node("r", "readout", 0, 1),),
        projections=(
            gr.Projection("i", "a", "input", "Own()", 4, 1 / 3),
            gr.Projection("a", "a", "within", "measured", 4),
        ),
        input=gr.Synapses((2, 2), [0, 0], [0, 1], np.array([np.nan, 0.1], np.float32)),
        hidden=gr.Synapses((2, 2), [0, 1], [1, 1], np.array([-3, 4], np.int8), None, [1, 1], ("b", "ü", "a")),
        readout=gr.Synapses((1, 2), none, none, np.zeros(0, np.float16)),
        sign=[0, 1],
        tau=[np.nan, 1e-300],
        names=["i/0", "r/0"],  # as the channels would be called
        positions=[[np.nan, -0.0], [np.inf, 1 / 3]],
        seed=2**70,
        report={"dropped": 3},
    )


@pytest.mark.parametrize("ending", WHOLE)
def test_number_types_come_back(ending, tmp_path):
    assert_same_bits(odd_numbers(), there_and_back(odd_numbers(), tmp_path, ending))


ODD = [
    "1",
    "007",
    "1.0",
    "NA",
    "nan",
    "null",
    " a ",
    'q"uote',
    "a,b",
    "a;b",
    "a\tb",
    "a\nb",
    "c\rd",
    "<x>&",
    "=1+1",
]
ODD += [
    "a/0",
    "hidden/0",
    "720575940610453042",
    "9" * 60,
    "Größe",
    "🧠",
    "pre",
    "#",
    "'",
    "\\",
    "None",
    "-1",
    "{}",
]
WORDS = st.sampled_from(ODD) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9
)
PHASES = [Phase.explicit, Phase.generate]
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def networks(draw):
    """Networks of odd names, lone areas, optional weights, delays, types, signs, levels and positions."""
    names = draw(st.lists(WORDS, min_size=1, max_size=5, unique=True))
    split = draw(st.integers(1, len(names)))
    nodes = {"area": names[:split], "input": names[split : split + 1], "readout": names[split + 1 :]}
    axes = {}
    for role, members in nodes.items():
        stop, made = 0, []
        for name in members:
            level = draw(st.none() | FINITE) if role == "area" else None
            size = draw(st.integers(1, 3))
            made.append(gr.Node(name, role, stop, stop + size, level))
            stop += size
        axes[role] = (tuple(made), stop)
    n = axes["area"][1]
    parts = {}
    for which, (post, pre) in {
        "input": ("area", "input"),
        "hidden": ("area", "area"),
        "readout": ("readout", "area"),
    }.items():
        shape = (axes[post][1], axes[pre][1])
        possible = shape[0] * shape[1]
        keys = np.array(
            sorted(draw(st.sets(st.integers(0, possible - 1), max_size=8)) if possible else ()), np.int64
        )
        m = len(keys)
        weight = draw(st.none() | st.lists(FINITE | st.just(np.nan), min_size=m, max_size=m))
        delay = draw(st.none() | st.lists(st.floats(0, 1e9), min_size=m, max_size=m))
        types = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
        code = draw(st.none() | st.lists(st.integers(0, len(types) - 1), min_size=m, max_size=m))
        parts[which] = gr.Synapses(
            shape,
            keys // max(shape[1], 1),
            keys % max(shape[1], 1),
            None if weight is None else np.array(weight, float),
            None if delay is None else np.array(delay, float),
            None if code is None else np.array(code, np.int16),
            () if code is None else tuple(sorted(types)),
        )
    dimension = draw(st.integers(0, 3))
    projections = [
        *measured_projections(axes["area"][0], axes["input"][0], parts["input"]),
        *measured_projections(axes["area"][0], axes["area"][0], parts["hidden"]),
        *measured_projections(axes["readout"][0], axes["area"][0], parts["readout"]),
    ]
    return gr.Connectome(
        areas=axes["area"][0],
        inputs=axes["input"][0],
        readouts=axes["readout"][0],
        projections=tuple(projections),
        **parts,
        sign=draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n)),
        tau=draw(st.lists(st.floats(1e-9, 1e9) | st.just(np.nan), min_size=n, max_size=n)),
        names=draw(st.none() | st.lists(WORDS, min_size=n, max_size=n, unique=True)),
        positions=np.array(draw(st.lists(FINITE, min_size=n * dimension, max_size=n * dimension))).reshape(
            n, dimension
        )
        if dimension
        else None,
    )


@pytest.mark.parametrize("ending", [*WHOLE, *TABLES])
@given(net=networks())
@settings(max_examples=25, suppress_health_check=list(HealthCheck), phases=PHASES)
def test_any_network_comes_back(ending, net, tmp_path_factory):
    back = there_and_back(net, tmp_path_factory.mktemp("any"), ending)
    assert table_content(back) == table_content(net)
    if ending not in TABLES:
        for which in MATRICES_OF:
            assert back.synapses(which) == net.synapses(which)
    folder = tmp_path_factory.mktemp("again")
    assert there_and_back(back, folder, ending) == back


@given(net=networks())
@settings(max_examples=20, suppress_health_check=list(HealthCheck), phases=PHASES)
def test_any_matrix_comes_back(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    weight = net.hidden.weight
    if weight is not None:
        net = net.with_weights(hidden=np.where(np.isnan(weight) | (weight == 0), 0.1, weight))
    for ending in MATRICES:
        back = there_and_back(net, folder, ending)
        assert plain_synapses(back, "hidden")[:4] == plain_synapses(net, "hidden")[:4]


@pytest.mark.parametrize("ending", [".graphml", ".gexf", ".csv"])
def test_nothing_is_lost_between_blocks(ending, tmp_path, monkeypatch):
    monkeypatch.setattr("graphrnn.io._xml._LINES", 2)
    monkeypatch.setattr("graphrnn.io._text_table._CHUNK", 2)
    monkeypatch.setattr("graphrnn.io._pieces._BLOCK", 16)
    net = NETWORKS["measured_without_levels"]
    assert table_content(there_and_back(net, tmp_path, ending)) == table_content(net)


# Files of others.


def text_file(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def edges_of(net):
    names = neuron_names(net)
    weight = [None] * net.hidden.size if net.hidden.weight is None else net.hidden.weight.tolist()
    return {
        (str(names[a]), str(names[b])): w
        for a, b, w in zip(net.hidden.pre, net.hidden.post, weight, strict=True)
    }


@pytest.mark.parametrize(
    "text",
    [
        "pre,post,weight\n10,9,2\n9,720575940610453042,-0.5\n",
        "source,target,syn_count\n10,9,2\n9,720575940610453042,-0.5\n",
        "\ufeffpre_pt_root_id;post_pt_root_id;Weight;note\r\n10;9;2;x\r\n9;720575940610453042;-0.5;y\r\n",
        ",from,to,weight\n0,10,9,2\n1,9,720575940610453042,-0.5\n",
        "pre, post, weight\n10, 9, 2\n9, 720575940610453042, -0.5\n",
        'id,"Source","Target",weight\n7,10,9,2\n\n8,9,"720575940610453042",-0.5\n',
    ],
)
def test_columns_are_recognised(text, tmp_path):
    net = gr.io.read(text_file(tmp_path / "synapses.csv", text))
    assert edges_of(net) == {("10", "9"): 2.0, ("9", "720575940610453042"): -0.5}
    assert net.names.tolist() == ["9", "10", "720575940610453042"]  # in the order of the numbers
    assert [area.name for area in net.areas] == ["hidden"]


def test_the_record_names_the_columns_that_were_taken_and_those_that_were_not(tmp_path):
    edges = text_file(tmp_path / "e.csv", "pre_root_id,post_root_id,neuropil,syn_count,nt\n7,8,EB,3,ACH\n")
    nodes = text_file(tmp_path / "n.csv", "root_id,name,group,side\n7,x,A,left\n8,y,B,right\n")
    net = gr.io.read(edges, nodes=nodes, columns={"area": "side"})
    assert (net.names.tolist(), [area.name for area in net.areas]) == (["7", "8"], ["left", "right"])
    choices = net.provenance.steps[0]["choices"]
    assert choices["columns"] == {
        "neuron": "root_id",
        "area": "side",
        "pre": "pre_root_id",
        "post": "post_root_id",
        "weight": "syn_count",
    }
    assert choices["columns left out"] == ["name", "group", "neuropil", "nt"]
    assert (choices["duplicates"], choices["unknown"]) == ("sum", "error")


def test_directed_is_no_type_of_synapse(tmp_path):
    text = "Source,Target,Type,Id,Weight\na,b,Directed,0,2.0\nb,c,Directed,1,1.0\n"
    net = gr.io.read(text_file(tmp_path / "gephi.csv", text))
    assert (edges_of(net), net.hidden.type) == ({("a", "b"): 2.0, ("b", "c"): 1.0}, None)
    asked = gr.io.read(tmp_path / "gephi.csv", columns={"type": "Type"})
    assert asked.hidden.types == ("Directed",)


def test_columns_are_given(tmp_path):
    edges = text_file(tmp_path / "synapses.tsv", "weight\ta\tb\tn\n9\tx\ty\t2\n8\ty\tz\t3\n")
    nodes = text_file(tmp_path / "cells.csv", "cell_id,klass,area\nz,M,1\nx,S,2\ny,S,3\n")
    net = gr.io.read(
        edges,
        nodes=nodes,
        columns={"pre": "a", "post": "b", "weight": "n", "neuron": "cell_id", "area": "klass"},
    )
    assert edges_of(net) == {("x", "y"): 2.0, ("y", "z"): 3.0}
    assert [(area.name, area.size) for area in net.areas] == [("M", 1), ("S", 2)]
    bare = gr.io.read(edges, columns={"pre": "a", "post": "b", "weight": None})
    assert bare.hidden.weight is None


def test_parallel_edges_are_added_up_and_counted(tmp_path):
    text = "pre,post,weight,type\na,b,1,chemical\nb,a,2,chemical\na,b,4,electrical\na,b,8,electrical\n"
    net = gr.io.read(text_file(tmp_path / "e.csv", text))
    assert edges_of(net) == {("a", "b"): 13.0, ("b", "a"): 2.0}
    assert dict(net.report) == {"merged": 2}
    assert {net.hidden.types[code] for code in net.hidden.type} == {"chemical", "chemical+electrical"}


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        ("sum", [13.0, 2.0]),
        ("mean", [13 / 3, 2.0]),
        ("max", [8.0, 2.0]),
        ("min", [1.0, 2.0]),
        ("count", [3.0, 1.0]),
    ],
)
def test_the_rule_for_parallel_edges_is_a_choice(tmp_path, rule, weights):
    edges = text_file(tmp_path / "e.csv", "pre,post,weight\na,b,1\nb,a,2\na,b,4\na,b,8\n")
    net = gr.io.read(edges, duplicates=rule)
    assert edges_of(net) == dict(zip([("a", "b"), ("b", "a")], weights, strict=True))
    assert net.provenance.steps[0]["choices"]["duplicates"] == rule
    by_pandas = pd.read_csv(edges)
    neurons = pd.DataFrame({"neuron": ["a", "b"], "area": "hidden"})
    assert net.hidden == gr.Connectome.from_edges(by_pandas, neurons, duplicates=rule).hidden


def test_rows_without_weights_are_counted(tmp_path):
    edges = text_file(tmp_path / "e.csv", "pre,post\na,b\nb,a\na,b\n")
    assert edges_of(gr.io.read(edges, duplicates="count")) == {("a", "b"): 2.0, ("b", "a"): 1.0}
    gr.io.write(gr.io.read(edges), tmp_path / "e.parquet")
    again = gr.io.read(tmp_path / "e.parquet", duplicates="count")
    assert edges_of(again) == {("a", "b"): 1.0, ("b", "a"): 1.0}


def test_edges_of_strangers_can_be_dropped(tmp_path):
    edges = text_file(tmp_path / "e.csv", "pre,post\na,b\nb,glia\nmuscle,a\n")
    nodes = text_file(tmp_path / "n.csv", "name\na\nb\n")
    net = gr.io.read(edges, nodes=nodes, unknown="drop")
    assert (edges_of(net), dict(net.report)) == ({("a", "b"): None}, {"dropped": 2})


def test_a_labelled_matrix_is_read_in_both_orientations(tmp_path):
    path = text_file(
        tmp_path / "fln.csv", ',V1,"V2, ventral",MT\nV1,0,0.5,0\n"V2, ventral",0.25,0,0\nMT,1e-3,0,2\n'
    )
    net = gr.io.read(path)
    expected = {
        ("V2, ventral", "V1"): 0.5,
        ("V1", "V2, ventral"): 0.25,
        ("V1", "MT"): 1e-3,
        ("MT", "MT"): 2.0,
    }
    assert edges_of(net) == expected
    turned = gr.io.read(path, orientation="pre_post")
    assert edges_of(turned) == {(post, pre): weight for (pre, post), weight in expected.items()}
    mask = gr.io.read(text_file(tmp_path / "mask.csv", "post,a,b\na,0,1\nb,0,0\n"))
    assert edges_of(mask) == {("b", "a"): None}


def test_a_table_that_was_not_read_is_not_on_record(tmp_path):
    path = text_file(tmp_path / "fln.csv", ",a,b\na,0,2\nb,0,0\n")
    text_file(tmp_path / "fln.nodes.csv", "neuron,area\na,x\nb,y\n")  # for lists of edges alone
    net = gr.io.read(path)
    assert [area.name for area in net.areas] == ["hidden"]
    assert [file["name"] for file in net.provenance.steps[0]["files"]] == ["fln.csv"]
    told = gr.io.read(path, nodes=tmp_path / "fln.nodes.csv")
    assert [area.name for area in told.areas] == ["x", "y"]
    assert [file["name"] for file in told.provenance.steps[0]["files"]] == ["fln.csv", "fln.nodes.csv"]


def test_a_matrix_takes_names_and_areas_from_a_table(tmp_path):
    np.save(tmp_path / "w.npy", np.array([[0, 2.0, 0], [0, 0, 0], [3.0, 0, 0]]))
    text_file(tmp_path / "n.csv", "name,region,sign\na,M,1\nb,S,-1\nc,M,-1\n")
    net = gr.io.read(tmp_path / "w.npy", nodes=tmp_path / "n.csv")
    assert edges_of(net) == {("b", "a"): 2.0, ("a", "c"): 3.0}
    assert (net.names.tolist(), net.sign.tolist()) == (["a", "c", "b"], [1, -1, -1])  # area after area


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_a_sparse_matrix_of_scipy_keeps_its_zeros(layout, tmp_path):
    matrix = scipy.sparse.coo_array(([0.0, 2.5], ([0, 1], [1, 2])), shape=(3, 3)).asformat(layout)
    scipy.sparse.save_npz(tmp_path / "m.npz", matrix)
    net = gr.io.read(tmp_path / "m.npz")
    assert (net.hidden.post.tolist(), net.hidden.pre.tolist()) == ([0, 1], [1, 2])
    assert net.hidden.weight.tolist() == [0.0, 2.5]


def test_one_of_several_variables_is_named(tmp_path):
    scipy.io.savemat(tmp_path / "c.mat", {"a": np.eye(2), "b": np.array([[0, 2.0], [0, 0]]), "n": 3})
    net = gr.io.read(tmp_path / "c.mat", matrix="b")
    assert (net.hidden.post.tolist(), net.hidden.pre.tolist()) == ([0], [1])


def test_dataframes_saved_by_pandas_are_read(tmp_path):
    edges = pd.DataFrame(
        {"source": [3, 3, 9], "target": [9, 2**60 + 1, 3], "count": np.array([1, 2, 3], np.uint8)}
    )
    edges.to_parquet(tmp_path / "e.parquet")
    net = gr.io.read(tmp_path / "e.parquet")
    expected = {("3", "9"): 1.0, ("3", str(2**60 + 1)): 2.0, ("9", "3"): 3.0}
    assert edges_of(net) == expected
    edges.to_csv(tmp_path / "e.csv")
    assert edges_of(gr.io.read(tmp_path / "e.csv")) == expected


def test_densities_between_areas_make_an_area_graph(tmp_path):
    text_file(tmp_path / "g.csv", "pre,post,density\nV1,V2,0.1\nV2,V1,0.05\n")
    text_file(tmp_path / "g.nodes.csv", "name,size,level\nV1,40,0\nV2,20,1\n")
    graph = gr.io.read(tmp_path / "g.csv")
    assert graph.edges["V1", "V2"]["rule"] == gr.Bernoulli(0.1)
    assert (graph.nodes["V2"]["size"], graph.kind("V2", "V1")) == (20, "backward")
    steps = graph.compile(seed=0).provenance.steps
    assert [step["step"] for step in steps] == ["io.read", "graph.compile"]
    assert [file["name"] for file in steps[0]["files"]] == ["g.csv", "g.nodes.csv"]
    gr.io.write(graph, tmp_path / "g.graphml")
    assert gr.io.read(tmp_path / "g.graphml").graph == graph.graph


def test_a_multigraph_of_networkx_is_added_up():
    net = NETWORKS["measured_without_levels"]
    import networkx as nx

    graph = nx.MultiDiGraph(net.to_networkx())
    assert gr.Connectome.from_networkx(graph) == net
    for pre, post, data in list(net.to_networkx().edges(data=True)):
        graph.add_edge(pre, post, **data)
    assert gr.Connectome.from_networkx(graph).report["merged"] == net.hidden.size


@pytest.mark.parametrize("through", ["memory", ".graphml", ".gexf"])
def test_parallel_edges_are_merged_by_one_rule(through, tmp_path):
    """Weights are added, delays have to agree, and types are joined."""
    import networkx as nx

    graph = nx.MultiDiGraph()
    graph.add_nodes_from("abc", area="A")
    graph.add_edge("b", "a", weight=1.5, type="gaba", delay=2.0)
    graph.add_edge("b", "a", weight=2.0, type="ach", delay=2.0)
    graph.add_edge("c", "b", weight=-1.0, type="ach", delay=1.0)
    path = tmp_path / f"multi{through}"

    def merged():
        if through == "memory":
            return gr.Connectome.from_networkx(graph)
        getattr(nx, f"write_{through[1:]}")(graph, path)
        return gr.io.read(path)

    net = merged()
    assert edges_of(net) == {("b", "a"): 3.5, ("c", "b"): -1.0}
    assert [net.hidden.types[i] for i in net.hidden.type] == ["ach+gaba", "ach"]
    assert (net.hidden.delay.tolist(), dict(net.report)) == ([2.0, 1.0], {"merged": 1})
    out = nx.MultiDiGraph(net.to_networkx())
    assert out["b"]["a"][0] == {"kind": "within", "weight": 3.5, "delay": 2.0, "type": "ach+gaba"}
    graph.add_edge("b", "a", weight=1.0, type="ach", delay=3.0)
    with pytest.raises(ValueError, match="cannot merge parallel edges whose delays differ"):
        merged()


KILLED = """
import os, signal, sys
import graphrnn as gr
net = gr.datasets.celegans()
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
gr.io.write(net, sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a signal of POSIX")
@pytest.mark.parametrize("ending", [".csv", ".npz", ".h5"])
def test_a_killed_writer_leaves_the_old_files(ending, tmp_path):
    net = NETWORKS["measured"]
    gr.io.write(net, tmp_path / f"net{ending}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    command = [sys.executable, "-c", KILLED, str(tmp_path / f"net{ending}")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    torn = left.keys() - before.keys()
    assert torn  # it was in the middle of writing
    assert all(name.endswith(".tmp") for name in torn)
    assert {name: left[name] for name in before} == before
    assert table_content(gr.io.read(tmp_path / f"net{ending}")) == table_content(net)


def test_a_full_disk_leaves_both_old_files(tmp_path, monkeypatch):
    path = tmp_path / "net.csv"
    gr.io.write(NETWORKS["asymmetric"], path)
    before = [(tmp_path / name).read_bytes() for name in ("net.csv", "net.nodes.csv")]

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left"):
        gr.io.write(NETWORKS["measured"], path)
    assert [(tmp_path / name).read_bytes() for name in ("net.csv", "net.nodes.csv")] == before
    assert sorted(os.listdir(tmp_path)) == ["net.csv", "net.nodes.csv"]
