"""Provenance: what a connectome says of how it was made, and what keeps it."""

import copy
import dataclasses
import hashlib
import json
import pickle
import platform
import re

import numpy as np
import pandas as pd
import pytest
from cases import NETWORKS, each_network
from hypothesis import given
from hypothesis import strategies as st

import graphrnn as gr
from graphrnn.connectome import Connectome, Provenance
from graphrnn.connectome.provenance import source_file


def measured():
    neurons = pd.DataFrame({"neuron": ["a", "b", "c"], "area": ["S", "S", "M"]})
    edges = pd.DataFrame({"pre": ["a", "a", "b", "x"], "post": ["c", "c", "c", "a"]})
    return Connectome.from_edges(edges, neurons, unknown="drop")


def steps_of(net):
    return [step["step"] for step in net.provenance.steps]


def test_a_compiled_network_has_no_steps_and_the_bits_it_had(tmp_path):
    net = NETWORKS["asymmetric"]
    assert net.provenance == Provenance()
    assert net.hidden.digest().hex() == "4fbe245d4a3cbb167815e60218612a5d"
    gr.io.write(net, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as arrays:
        assert "provenance" not in json.loads(arrays["metadata"].tobytes())


def test_tables_are_recorded_with_their_choices_and_counts():
    (step,) = measured().provenance.steps
    assert step == {
        "step": "Connectome.from_edges",
        "choices": {"duplicates": "sum", "unknown": "drop", "delays": "error"},
        "report": {"merged": 1, "dropped": 1},
        "versions": {
            "graphrnn": gr.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def test_each_change_appends_a_step():
    net = measured()
    changed = (
        net.select(kind="unclassified", pre="S")
        .subnetwork("S", neurons=np.array([True, False, True]))
        .with_input("x", 2, to="S", rule=0.5, seed=7)
        .with_readout("y", 1, rule=gr.FixedIndegree(1))
    )
    kept = changed.provenance.steps
    assert steps_of(changed) == [
        "Connectome.from_edges",
        "net.select",
        "net.subnetwork",
        "net.with_input",
        "net.with_readout",
    ]
    assert kept[1]["choices"] == {
        "kind": ["unclassified"],
        "pre": ["S"],
        "post": None,
        "sign": None,
        "type": None,
        "threshold": None,
    }
    assert kept[2]["choices"] == {"areas": ["S"], "neurons": [True, False, True]}
    assert kept[3]["choices"] == {"name": "x", "size": 2, "to": ["S"], "rule": 0.5}
    assert kept[4]["choices"] == {"name": "y", "size": 1, "pre": None, "rule": "FixedIndegree(1)"}
    assert [step.get("seed") for step in kept[3:]] == [7, 7]  # a network keeps the first seed it is given
    assert steps_of(net) == ["Connectome.from_edges"]


def test_equality_asks_what_a_network_is_and_not_how_it_came_to_be():
    net = NETWORKS["measured"]
    assert net.select() == net
    assert net.select().provenance != net.provenance


@each_network
def test_it_survives_npz_networkx_copies_and_pickles(net, tmp_path):
    net = net.with_step("by hand", choices={"note": "ü 1.0 → 2"})
    gr.io.write(net, tmp_path / "net.npz")
    twins = [
        gr.io.read(tmp_path / "net.npz"),
        Connectome.from_networkx(net.to_networkx()),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
    ]
    for twin in twins:
        assert twin == net
        assert twin.provenance == net.provenance


def test_tables_carry_it_on():
    net = measured().with_step("by hand")
    again = Connectome.from_edges(*net.to_edges())
    assert steps_of(again) == ["Connectome.from_edges", "by hand", "Connectome.from_edges"]
    assert "provenance" not in NETWORKS["asymmetric"].to_edges()[0].attrs


def test_other_ways_in_are_recorded():
    graph = NETWORKS["asymmetric"].to_networkx()
    del graph.graph["graphrnn"]
    net = Connectome.from_networkx(graph)
    assert (steps_of(net), net.provenance.steps[0]["choices"]) == (
        ["Connectome.from_networkx"],
        {"duplicates": "sum"},
    )
    assert steps_of(Connectome.from_masks(None, np.eye(2), None)) == ["Connectome.from_masks"]


def test_the_worm_says_which_tables_it_is_made_of():
    from_tables, step = gr.datasets.celegans().provenance.steps
    assert (from_tables["step"], step["step"]) == ("Connectome.from_edges", "datasets.celegans")
    assert [file["name"] for file in step["files"]] == ["neurons.csv", "synapses.csv"]
    assert step["choices"] == {"gap_junctions": False}


def test_files_are_named_by_their_bytes(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_bytes(b"pre,post\n")
    described = {"name": "edges.csv", "bytes": 9, "sha256": hashlib.sha256(b"pre,post\n").hexdigest()}
    assert source_file(path) == described
    one = measured().with_step("read", files=[path]).provenance
    two = measured().with_step("read", files=[described]).provenance
    assert one.steps[-1]["files"] == [described]
    assert one == two


def test_choices_become_json():
    provenance = Provenance().then(
        "x",
        choices={
            "nothing": None,
            "truth": np.bool_(True),
            "whole": np.int64(3),
            "real": np.float32(0.5),
            "nan": np.nan,
            "pair": {("S", "M"): 2},
            "some": {"b", "a"},
            "rule": gr.Bernoulli(0.1),
            "call": len,
            "array": np.arange(4).reshape(2, 2),
            "long": np.arange(1000),
            "many": list(range(65)),
        },
        seed=np.int64(4),
    )
    (step,) = provenance.steps
    long_hash = hashlib.sha256(np.arange(1000).tobytes()).hexdigest()
    many_hash = hashlib.sha256(json.dumps(list(range(65))).encode()).hexdigest()
    assert step["choices"] == {
        "nothing": None,
        "truth": True,
        "whole": 3,
        "real": 0.5,
        "nan": "nan",
        "pair": {"S → M": 2},
        "some": ["a", "b"],
        "rule": "Bernoulli(0.1)",
        "call": "len",
        "array": [0, 1, 2, 3],
        "long": {"shape": [1000], "dtype": "int64", "sha256": long_hash},
        "many": {"entries": 65, "sha256": many_hash},
    }
    assert step["seed"] == 4


def test_it_cannot_be_changed():
    provenance = measured().provenance
    provenance.steps[0]["choices"]["duplicates"] = "error"
    for step in provenance:
        step["step"] = "gone"
    assert provenance == measured().provenance
    assert hash(provenance) == hash(measured().provenance)
    with pytest.raises(dataclasses.FrozenInstanceError):
        provenance.records = ()


def test_it_reads_as_a_list():
    provenance = Provenance().then(
        "read", choices={"sep": ","}, files=[{"name": "e.csv", "bytes": 1, "sha256": "0123456789abcdef"}]
    )
    provenance = provenance.then("draw", seed=3, report={"dropped": 2})
    assert str(provenance) == (
        "1. read(sep=','); from e.csv (sha256 0123456789ab…)\n2. draw(); seed 3; 2 dropped"
    )
    assert repr(provenance) == "Provenance(read → draw)"
    assert (str(Provenance()), repr(Provenance())) == ("no steps recorded", "Provenance(no steps)")
    assert len(provenance) == 2


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("abc", "`Provenance.from_steps(...)` needs a list of steps; it got str."),
        ({"step": "x"}, "`Provenance.from_steps(...)` needs a list of steps; it got dict."),
        (3, "`Provenance.from_steps(...)` needs a list of steps; it got int."),
        (
            [{"choices": {}}],
            "`Provenance.from_steps(...)` needs steps that are mappings with a text as 'step'; "
            "it got {'choices': {}}.",
        ),
        (
            [{"step": "x", "files": {}}],
            "`Provenance.from_steps(...)` needs a list as 'files' of a step; it got dict.",
        ),
        (
            [{"step": "x", "choices": {"a": float("nan")}}],
            "`Provenance.from_steps(...)` needs steps that JSON can hold: "
            "Out of range float values are not JSON compliant.",
        ),
    ],
)
def test_a_step_that_is_none_is_refused(steps, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Provenance.from_steps(steps)


def test_other_messages(tmp_path):
    with pytest.raises((ValueError, TypeError)) as error:
        measured().with_step("read", files=[tmp_path / "none.csv"])
    assert str(error.value) == (
        f"`provenance.then('read')` cannot read the file {str(tmp_path / 'none.csv')!r}: "
        "No such file or directory."
    )
    with pytest.raises(TypeError) as error:
        dataclasses.replace(measured(), provenance=[])
    assert str(error.value) == (
        "`Connectome(...)` needs a Provenance as `provenance`; it got list. "
        "Make one with Provenance.from_steps."
    )


def test_a_file_with_a_broken_provenance_is_refused(tmp_path):
    path = tmp_path / "net.npz"
    gr.io.write(measured(), path)
    with np.load(path) as arrays:
        content = dict(arrays)
    metadata = json.loads(content.pop("metadata").tobytes())
    metadata["provenance"] = [7]
    np.savez(path, metadata=np.frombuffer(json.dumps(metadata).encode(), np.uint8), **content)
    with pytest.raises((ValueError, TypeError)) as error:
        gr.io.read(path)
    assert str(error.value) == (
        f"`io.read({str(path)!r})` found contradictions in this file: `Provenance.from_steps(...)` needs "
        "steps that are mappings with a text as 'step'; it got 7. Write it anew with io.write(net, path)."
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text(min_size=1), st.dictionaries(st.text(), json_values, max_size=4))
def test_any_choices_come_back(step, choices):
    provenance = Provenance().then(step, choices=choices)
    assert provenance.steps[0]["choices"] == choices
    assert Provenance.from_steps(provenance.steps) == provenance
    assert Provenance.from_records(provenance.records) == provenance
    assert Provenance.from_steps(json.loads(json.dumps(provenance.steps))) == provenance
    assert str(provenance)


@pytest.mark.parametrize("records", [["{"], [3], ["[1]"], 7])
def test_records_that_are_none_are_refused(records):
    with pytest.raises(ValueError, match=r"^`Provenance\.from_(records|steps)\(\.\.\.\)` needs "):
        Provenance.from_records(records)
