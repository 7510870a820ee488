"""Other programs read what graphrnn wrote and find the same edges, in the same direction."""

import json
import re
import sys
import warnings

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
import torch
from cases import NETWORKS
from test_io import error_of

import graphrnn as gr
from graphrnn._optional import optional
from graphrnn.connectome.edges import neuron_names


def network():
    """An asymmetric network whose hidden synapses have weights."""
    net = NETWORKS["asymmetric"]
    return net.with_weights(hidden=np.arange(1, net.hidden.size + 1) / 7)


NET = network()
NAMES = neuron_names(NET).tolist()
EDGES = {
    (NAMES[pre], NAMES[post]): weight
    for pre, post, weight in zip(NET.hidden.pre, NET.hidden.post, NET.hidden.weight.tolist(), strict=True)
}
assert any((post, pre) not in EDGES for pre, post in EDGES)
ALL = NET.input.size + NET.hidden.size + NET.readout.size


def hidden(edges):
    """The edges among neurons, without those of channels."""
    return {(pre, post): weight for pre, post, weight in edges if pre in NAMES and post in NAMES}


def written(tmp_path, ending):
    path = tmp_path / f"net{ending}"
    gr.io.write(NET, path)
    return path


@pytest.mark.parametrize("ending", [".graphml", ".gexf"])
def test_networkx(ending, tmp_path):
    reader = nx.read_graphml if ending == ".graphml" else nx.read_gexf
    graph = reader(written(tmp_path, ending))
    assert type(graph) is nx.DiGraph
    assert hidden(graph.edges(data="weight")) == EDGES
    assert graph.number_of_edges() == ALL
    areas = nx.get_node_attributes(graph, "area")
    assert [areas[name] for name in NAMES] == [NET.areas[i].name for i in NET.area_index]
    assert set(nx.get_edge_attributes(graph, "kind").values()) == {p.kind for p in NET.projections}


def test_networkx_in_memory():
    assert hidden(NET.to_networkx().edges(data="weight")) == EDGES


@pytest.mark.parametrize("ending", [".graphml", ".gexf", ".gml", ".json"])
def test_networkx_keeps_what_it_was_given_in_its_own_files(ending, tmp_path):
    graph, path = NET.to_networkx(), tmp_path / f"net{ending}"
    if ending == ".json":
        path.write_text(json.dumps(nx.node_link_data(graph)))
        back = nx.node_link_graph(json.loads(path.read_text()))
    else:
        getattr(nx, f"write_{ending[1:]}")(graph, path)
        back = getattr(nx, f"read_{ending[1:]}")(path)
    if ending == ".gexf":  # which networkx writes without attributes of the graph
        assert edges_by_name(gr.Connectome.from_networkx(back)) == EDGES
        return
    net = gr.Connectome.from_networkx(back)
    assert net == NET
    assert net.provenance == NET.provenance


def test_a_graph_whose_record_was_changed():
    graph = NET.to_networkx()
    graph.graph["graphrnn"] = "{"
    assert error_of(lambda: gr.Connectome.from_networkx(graph)) == (
        "`Connectome.from_networkx(...)` needs the graph's attribute 'graphrnn' as `to_networkx` made it. "
        "Delete it: del graph.graph['graphrnn']."
    )
    del graph.graph["graphrnn"]
    assert edges_by_name(gr.Connectome.from_networkx(graph)) == EDGES


def test_igraph(tmp_path):
    igraph = pytest.importorskip("igraph", reason="an oracle that not everybody has")
    graph = igraph.Graph.Read_GraphML(str(written(tmp_path, ".graphml")))
    assert graph.is_directed()
    ids = graph.vs["id"]
    assert hidden((ids[e.source], ids[e.target], e["weight"]) for e in graph.es) == EDGES


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_pandas(ending, tmp_path):
    path = written(tmp_path, ending)
    nodes = path.with_name(f"net.nodes{ending}")
    if ending == ".parquet":
        pytest.importorskip("pyarrow", reason="Parquet is an extra")
        edges, neurons = pd.read_parquet(path), pd.read_parquet(nodes)
    else:
        edges, neurons = (pd.read_csv(p, sep="\t" if ending == ".tsv" else ",") for p in (path, nodes))
    assert hidden(edges[["pre", "post", "weight"]].itertuples(index=False, name=None)) == EDGES
    assert len(edges) == ALL
    assert neurons.loc[neurons["role"] == "area", "neuron"].tolist() == NAMES


def test_pandas_makes_the_same_network_again(tmp_path):
    gr.io.write(NETWORKS["measured_without_levels"], tmp_path / "net.csv")
    edges, neurons = pd.read_csv(tmp_path / "net.csv"), pd.read_csv(tmp_path / "net.nodes.csv")
    assert gr.Connectome.from_edges(edges, neurons) == NETWORKS["measured_without_levels"]


def test_scipy_and_numpy(tmp_path):
    expected = NET.hidden.matrix.toarray()
    assert expected[NAMES.index("PFC/0"), NAMES.index("V1/0")] == EDGES.get(
        ("V1/0", "PFC/0"), 0
    )  # (post, pre)
    np.testing.assert_array_equal(scipy.io.mmread(written(tmp_path, ".mtx")).toarray(), expected)
    np.testing.assert_array_equal(scipy.io.loadmat(written(tmp_path, ".mat"))["hidden"].toarray(), expected)
    np.testing.assert_array_equal(np.load(written(tmp_path, ".npy")), expected)
    scipy.sparse.save_npz(tmp_path / "scipy.npz", NET.hidden.matrix)
    back = gr.io.read(tmp_path / "scipy.npz")
    np.testing.assert_array_equal(back.hidden.matrix.toarray(), expected)


def test_libsonata(tmp_path):
    sonata = pytest.importorskip("libsonata", reason="an oracle that not everybody has")
    path = str(written(tmp_path, ".h5"))
    nodes = sonata.NodeStorage(path)
    assert nodes.population_names == {"inputs", "neurons", "readouts"}
    neurons = nodes.open_population("neurons")
    assert neurons.size == NET.n_neurons
    every = sonata.Selection([(0, neurons.size)])
    assert list(neurons.get_attribute("name", every)) == NAMES
    areas = list(neurons.get_enumeration("area", every))
    values = list(neurons.enumeration_values("area"))
    assert [values[code] for code in areas] == [NET.areas[i].name for i in NET.area_index]
    storage = sonata.EdgeStorage(path)
    assert storage.population_names == {"inputs__neurons", "neurons__neurons", "neurons__readouts"}
    edges = storage.open_population("neurons__neurons")
    assert (edges.source, edges.target, edges.size) == ("neurons", "neurons", NET.hidden.size)
    rows = sonata.Selection([(0, edges.size)])
    found = zip(
        edges.source_nodes(rows),
        edges.target_nodes(rows),
        edges.get_attribute("syn_weight", rows),
        strict=True,
    )
    assert {(NAMES[pre], NAMES[post]): weight for pre, post, weight in found} == EDGES
    for node in range(neurons.size):  # through the indices
        into, out = edges.afferent_edges([node]), edges.efferent_edges([node])
        assert sorted(edges.source_nodes(into)) == sorted(NET.hidden.pre[NET.hidden.post == node])
        assert sorted(edges.target_nodes(out)) == sorted(NET.hidden.post[NET.hidden.pre == node])
    pre, post = int(NET.hidden.pre[3]), int(NET.hidden.post[3])
    assert edges.connecting_edges([pre], [post]).flatten().tolist() == [3]


def test_sonata_of_others_in_two_files(tmp_path):
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    with h5py.File(tmp_path / "nodes.h5", "w") as file:
        for name, size in (("lgn", 3), ("v1", 2)):
            file[f"nodes/{name}/node_type_id"] = np.full(size, 100)
            file[f"nodes/{name}/0/x"] = np.arange(size, dtype=np.float32)
        file["nodes/v1/0/layer"] = ["L4", "L5"]
    with h5py.File(tmp_path / "edges.h5", "w") as file:
        for end, population, ids in (("source", "lgn", [2, 0]), ("target", "v1", [0, 1])):
            file[f"edges/lgn_to_v1/{end}_node_id"] = np.array(ids)
            file[f"edges/lgn_to_v1/{end}_node_id"].attrs["node_population"] = population
        file["edges/lgn_to_v1/0/syn_weight"] = [0.5, -2.0]
    net = gr.io.read(tmp_path / "edges.h5", nodes=tmp_path / "nodes.h5")
    assert [(area.name, area.size) for area in net.areas] == [("lgn", 3), ("v1", 2)]
    assert (net.hidden.post.tolist(), net.hidden.pre.tolist()) == ([3, 4], [2, 0])
    assert net.hidden.weight.tolist() == [0.5, -2.0]
    bare = gr.io.read(tmp_path / "edges.h5")
    assert bare.names.tolist() == ["lgn/0", "lgn/2", "v1/0", "v1/1"]
    assert edges_by_name(bare) == {("lgn/2", "v1/0"): 0.5, ("lgn/0", "v1/1"): -2.0}


def test_a_population_of_sonata_without_the_attribute_is_an_area(tmp_path):
    h5py = pytest.importorskip("h5py", reason="SONATA is an extra")
    with h5py.File(tmp_path / "net.h5", "w") as file:
        for name, size in (("lgn", 3), ("v1", 2)):
            file[f"nodes/{name}/node_type_id"] = np.full(size, 100)
        file["nodes/v1/0/pop_name"] = ["e4", "i4"]
    net = gr.io.read(tmp_path / "net.h5", columns={"area": "pop_name"})
    assert [(area.name, area.size) for area in net.areas] == [("lgn", 3), ("e4", 1), ("i4", 1)]


def edges_by_name(net):
    names = neuron_names(net).tolist()
    pairs = zip(net.hidden.pre, net.hidden.post, net.hidden.weight.tolist(), strict=True)
    return {(names[pre], names[post]): weight for pre, post, weight in pairs}


@pytest.fixture
def pyg():
    with warnings.catch_warnings():  # what it says while it is imported, and of areas without synapses
        warnings.simplefilter("ignore")
        yield pytest.importorskip("torch_geometric", reason="PyTorch Geometric is an extra")


@pytest.mark.parametrize("name", NETWORKS)
def test_pytorch_geometric_gives_everything_back(pyg, name):
    for hetero in (False, True):
        graph = gr.io.to_pyg(NETWORKS[name], hetero=hetero)
        assert graph.validate()
        back = gr.io.from_pyg(graph)
        assert back == NETWORKS[name]


def test_pytorch_geometric_finds_the_same_edges(pyg):
    data = gr.io.to_pyg(NET)
    convert = pytest.importorskip("torch_geometric.utils").to_networkx
    graph = convert(data, node_attrs=["names"], edge_attrs=["edge_weight"])
    names = nx.get_node_attributes(graph, "names")
    assert hidden((names[a], names[b], weight) for a, b, weight in graph.edges(data="edge_weight")) == EDGES
    hetero = gr.io.to_pyg(NET, hetero=True)
    assert set(hetero.node_types) == {"stimulus", "V1", "PFC", "choice"}
    forward = hetero["V1", "forward", "PFC"]
    pairs = {(f"V1/{pre}", f"PFC/{post}") for pre, post in forward.edge_index.T.tolist()}
    assert pairs == {pair for pair in EDGES if pair[0].startswith("V1") and pair[1].startswith("PFC")}


def test_graphs_of_pytorch_geometric_from_elsewhere(pyg):
    data = pyg.data.Data(
        edge_index=torch.tensor([[0, 2], [1, 0]]), edge_attr=torch.tensor([[0.5], [2.0]]), num_nodes=4
    )
    net = gr.io.from_pyg(data)
    assert (net.n_neurons, net.hidden.post.tolist(), net.hidden.pre.tolist()) == (4, [0, 1], [2, 0])
    assert net.hidden.weight.tolist() == [2.0, 0.5]
    hetero = pyg.data.HeteroData()
    hetero["L4"].num_nodes, hetero["L5"].num_nodes = 2, 3
    hetero["L4", "excites", "L5"].edge_index = torch.tensor([[1], [2]])
    net = gr.io.from_pyg(hetero)
    assert ([area.name for area in net.areas], net.hidden.types) == (["L4", "L5"], ("excites",))
    assert (net.hidden.post.tolist(), net.hidden.pre.tolist()) == ([4], [1])
    data.edge_attr = torch.ones(2, 3)
    assert error_of(gr.io.from_pyg, data) == (
        "`io.from_pyg(...)` needs one weight for each edge; `edge_attr` has the shape (2, 3). Choose one, "
        "such as edge_weight = edge_attr[:, 0], or take edge_attr out."
    )
    data.edge_weight = data.edge_attr[:, 0] * 3
    assert gr.io.from_pyg(data).hidden.weight.tolist() == [3.0, 3.0]
    data.edge_index[0, 0] = 9
    assert error_of(gr.io.from_pyg, data) == (
        "`io.from_pyg(...)` needs `edge_index` from 0 to 3; it runs from 2 to 9. "
        "Set num_nodes to the number of nodes."
    )
    assert error_of(gr.io.from_pyg, NET) == (
        "`io.from_pyg(...)` needs a Data or HeteroData of torch-geometric; it got Connectome."
    )


@pytest.fixture
def torch_sparse():
    try:
        return optional("this test", "torch_sparse")
    except ImportError:
        pytest.skip("torch-sparse is an extra")


class TestTorchSparse:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, None], ids=str)
    def test_there_and_back_with_weights(self, torch_sparse, dtype):
        tensor = NET.to_torch_sparse(dtype=dtype, weights=True)
        assert isinstance(tensor, torch_sparse.SparseTensor)
        assert tensor.dtype() == (dtype or torch.get_default_dtype())
        expected = NET.hidden.matrix.toarray()
        assert (expected != expected.T).any()
        np.testing.assert_array_equal(
            tensor.to_dense().numpy(), expected.astype(tensor.to_dense().numpy().dtype)
        )
        back = gr.Connectome.from_matrix(tensor).hidden
        assert (back.post.tolist(), back.pre.tolist()) == (NET.hidden.post.tolist(), NET.hidden.pre.tolist())
        np.testing.assert_array_equal(back.weight, torch.tensor(NET.hidden.weight, dtype=tensor.dtype()))

    def test_multiplies_from_pre_to_post(self, torch_sparse):
        rates = torch.rand(NET.n_neurons, 2, dtype=torch.float64)
        expected = torch.from_numpy(NET.hidden.matrix.toarray()) @ rates
        tensor = NET.to_torch_sparse(dtype=torch.float64, weights=True)
        torch.testing.assert_close(tensor.matmul(rates), expected)
        assert not torch.allclose(tensor.t().matmul(rates), expected)

    def test_is_the_matrix_that_the_package_makes_of_the_same_pairs(self, torch_sparse):
        post, pre = (torch.tensor(ends, dtype=torch.int64) for ends in (NET.hidden.post, NET.hidden.pre))
        made = torch_sparse.SparseTensor(
            row=post, col=pre, value=torch.tensor(NET.hidden.weight), sparse_sizes=NET.hidden.shape
        )
        ours = NET.to_torch_sparse(dtype=made.dtype(), weights=True)
        assert ours.sizes() == made.sizes()
        assert all(torch.equal(a, b) for a, b in zip(ours.coo(), made.coo(), strict=True))

    @pytest.mark.parametrize("which", ["input", "hidden", "readout"])
    def test_a_mask_of_ones(self, torch_sparse, which):
        tensor = NET.to_torch_sparse(which)
        expected = NET.to_torch(which).to_dense()
        assert torch.equal(tensor.to_dense(), expected)
        assert tensor.nnz() == expected.sum()

    @pytest.mark.parametrize("rows", [[], [0], [0, 1, 4], [5], range(6)], ids=str)
    def test_rows_without_synapses(self, torch_sparse, rows):
        matrix = np.arange(1.0, 37).reshape(6, 6)
        matrix[list(rows)] = 0
        net = gr.Connectome.from_matrix(matrix)
        tensor = net.to_torch_sparse(dtype=torch.float64, weights=True)
        np.testing.assert_array_equal(tensor.to_dense().numpy(), matrix)
        assert gr.Connectome.from_matrix(tensor).hidden == net.hidden

    def test_entries_without_values_are_synapses_without_weights(self, torch_sparse):
        mask = torch.tensor([[False, True], [False, False]])
        tensor = torch_sparse.SparseTensor.from_dense(mask, has_value=False)
        back = gr.Connectome.from_matrix(tensor).hidden
        assert (back.post.tolist(), back.pre.tolist(), back.weight) == ([0], [1], None)

    def test_zeros_that_it_holds_are_synapses(self, torch_sparse):
        ends = torch.tensor([0, 1])
        tensor = torch_sparse.SparseTensor(
            row=ends, col=1 - ends, value=torch.tensor([0.0, 2.0]), sparse_sizes=(3, 3)
        )
        back = gr.Connectome.from_matrix(tensor).hidden
        assert (back.post.tolist(), back.pre.tolist(), back.weight.tolist()) == ([0, 1], [1, 0], [0.0, 2.0])

    def test_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "torch_sparse", None)
        message = (
            "`net.to_torch_sparse(...)` needs the package torch-sparse, which is not installed. "
            "Install it with `pip install --no-build-isolation 'graphrnn[torch-sparse]'`."
        )
        with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
            NET.to_torch_sparse()

    @pytest.mark.parametrize(("which", "wrong"), [("output", "'output'"), (None, "None")])
    def test_says_what_matrices_there_are(self, which, wrong):
        assert error_of(lambda: NET.to_torch_sparse(which)) == (
            f"`net.to_torch_sparse(...)` needs `which` to be one of input, hidden, readout; it got {wrong}."
        )

    def test_says_that_there_are_no_weights(self, torch_sparse):
        assert error_of(lambda: NET.to_torch_sparse("input", weights=True)) == (
            "`net.to_torch_sparse(...)` found no weights in this connectome. "
            "Leave weights=False for a mask of ones."
        )


@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_torch(layout):
    tensor = NET.to_torch(layout=layout, dtype=torch.float64, weights=True)
    back = gr.Connectome.from_matrix(tensor)
    assert back.hidden == gr.Connectome.from_matrix(NET.hidden.matrix.toarray()).hidden
    np.testing.assert_array_equal(back.hidden.matrix.toarray(), NET.hidden.matrix.toarray())


def test_a_matrix_of_truth_values_has_no_weights():
    net = gr.Connectome.from_matrix(NET.hidden.mask.astype(bool))
    assert (net.hidden.weight, net.hidden.pre.tolist()) == (None, NET.hidden.pre.tolist())


def test_gephi_leaves_a_weight_of_one_out(tmp_path):
    """The standard of GEXF gives an edge without a weight that of 1."""
    path = tmp_path / "from-gephi.gexf"
    path.write_text(
        '<gexf xmlns="http://gexf.net/1.3" version="1.3"><graph defaultedgetype="directed"><nodes>'
        '<node id="a"/><node id="b"/></nodes><edges><edge id="0" source="a" target="b" weight="2.5"/>'
        '<edge id="1" source="b" target="a"/></edges></graph></gexf>'
    )
    hidden = gr.io.read(path).hidden
    assert dict(zip(hidden.pre.tolist(), hidden.weight.tolist(), strict=True)) == {0: 2.5, 1: 1.0}
