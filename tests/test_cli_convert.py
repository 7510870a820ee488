import sys
from pathlib import Path

import pytest
from cases import NETWORKS

import graphrnn as gr
from graphrnn.cli import main


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text("a,b,n\n1,2,3\n1,2,4\n2,9,1\n")
    Path("commas.csv").write_text("pre;post;weight\n1;2;1,5\n")
    Path("cells.csv").write_text("id,klass\n1,S\n2,M\n")


def run(capsys, *words):
    code = main(["convert", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_table_of_others_becomes_a_network(capsys):
    words = ["edges.csv", "net.npz", "--nodes", "cells.csv", "--unknown", "drop"]
    words += [f"--column={pair}" for pair in ("pre=a", "post=b", "weight=n", "area=klass")]
    assert run(capsys, *words) == (0, "wrote net.npz: 2 neurons in 2 areas, 1 synapse\n", "")
    net = gr.io.read("net.npz")
    assert (net.hidden.weight.tolist(), dict(net.report)) == ([7.0], {"merged": 1, "dropped": 1})
    assert [file["name"] for file in net.provenance.steps[0]["files"]] == ["edges.csv", "cells.csv"]
    run(capsys, "edges.csv", "bare.npz", "--column=pre=a", "--column=post=b", "--column=weight=")
    assert gr.io.read("bare.npz").hidden.weight is None


def test_columns_that_are_left_out_are_named(capsys):
    Path("worm.csv").write_text("pre,post,Connections\na,b,3\n")
    assert run(capsys, "worm.csv", "net.npz")[1] == (
        "wrote net.npz: 2 neurons in 1 area, 1 synapse\n"
        "left out the columns Connections (--column OURS=THEIRS takes one)\n"
    )


def test_a_chain_of_whole_formats_loses_nothing(capsys):
    net = NETWORKS["measured"]
    gr.io.write(net, "a.npz")
    for source, target in [("a.npz", "b.graphml"), ("b.graphml", "c.gexf"), ("c.gexf", "d.npz")]:
        assert run(capsys, source, target)[0] == 0
    assert gr.io.read("d.npz") == net
    assert gr.io.read("d.npz").provenance == net.provenance
    assert Path("d.npz").read_bytes() == Path("a.npz").read_bytes()


def test_an_area_graph_is_converted(capsys):
    graph = gr.AreaGraph()
    graph.add_area("V1", 4)
    graph.project("V1", "V1", gr.FixedIndegree(2))
    gr.io.write(graph, "g.toml")
    out = run(capsys, "g.toml", "g.graphml")[1]
    assert out == "wrote g.graphml: an area graph of 1 area and 1 projection\n"
    assert gr.io.read("g.graphml").edges["V1", "V1"]["rule"] == gr.FixedIndegree(2)


def test_the_worm_is_converted(capsys):
    assert run(capsys, "celegans", "worm.npz")[1] == (
        "wrote worm.npz: 302 neurons in 14 areas, 2266 synapses\n"
    )
    assert gr.io.read("worm.npz") == gr.datasets.celegans()
    assert run(capsys, "celegans", "worm.mtx")[1].splitlines()[1] == (
        "it holds the hidden matrix alone; .npz keeps areas, names, inputs and readouts too"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["celegans", "x.npz", "--matrix", "W", "--column", "area=klass"],
            "takes no --column or --matrix for celegans, which comes with graphrnn. Leave it out.",
        ),
        (["no.csv", "x.npz"], "no.csv: found no such file. Give the path of a file."),
        (
            ["edges.csv", "x.npz", "--column", "pre"],
            "needs OURS=THEIRS for --column, such as pre=from_id; it got 'pre'.",
        ),
        (
            ["edges.csv", "x.npz"],
            "edges.csv: needs a column for pre and post in its table of edges; it has 'a', 'b', "
            "'n'. Say which with --column pre=NAME --column post=NAME, or put a row of names at the top "
            "where there is none; in a matrix with names before its rows and above its columns, empty the "
            "first cell.",
        ),
        (
            ["edges.csv", "x.npz", "--column=pre=a", "--column=post=b", "--nodes", "cells.csv"],
            "edges.csv: needs both ends of every edge in the table of nodes; '9' of edge 3 is not there "
            "(1 such edges in all). Add the neuron, or leave these edges out with --unknown drop.",
        ),
        (
            ["commas.csv", "x.npz"],
            "needs numbers in the column 'weight' of 'commas.csv'; edge 1 has '1,5'. Write it with a decimal "
            "point, or leave the cell empty where none is known, or read without the column by --column "
            "weight=.",
        ),
        (
            ["edges.csv", "x.npz", "--matrix", "W"],
            "edges.csv: takes only --nodes, --column, --duplicates, --unknown, --orientation for a .csv "
            "file; it got --matrix.",
        ),
        (
            ["edges.csv", "x.toml", "--column", "pre=a", "--column", "post=b"],
            "x.toml: writes an AreaGraph; it got Connectome. Write the network to a .npz file.",
        ),
    ],
)
def test_what_cannot_be_converted_is_named(capsys, words, message):
    assert run(capsys, *words) == (2, "", f"graphrnn convert: error: {message}\n")


def test_a_package_that_is_missing_is_named_with_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, _, err = run(capsys, "edges.csv", "x.parquet", "--column", "pre=a", "--column", "post=b")
    assert (code, err) == (
        2,
        "graphrnn convert: error: x.parquet: needs the package pyarrow, which is not installed. Install it "
        "with `pip install 'graphrnn[parquet]'`.\n",
    )
    assert not Path("x.parquet").exists()
