import dataclasses
import itertools
import json
import os
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pytest
from cases import NETWORKS, each_network
from hypothesis import given
from hypothesis import strategies as st

import graphrnn as gr
from graphrnn.connectome import Connectome, Projection, Synapses


def drawn():
    """A graph with every kind of node, rule and attribute that a file can hold, ends among the areas."""
    graph = gr.AreaGraph(name="drawn", note='two\nlines, "quotes" and \\', numbers=[1, 2.5, [True]])
    graph.add_area("V1", 12, level=1, tau=20.0, excitatory=0.75, positions=np.linspace(0, 1, 12))
    graph.add_input("stimulus", 2)
    graph.add_area("PFC", 7, level=2.5, tau=1e-3, excitatory=1 / 3)
    graph.add_readout("choice [left/right]", 2)
    graph.add_area("grün·3", 5, level=-1e22, positions=np.arange(15.0).reshape(5, 3) / 7)
    graph.add_input("cue", 1)
    graph.nodes["V1"]["colour"] = "blue"
    graph.project("cue", "PFC", 0.1 + 0.2)
    graph.project("stimulus", "V1")
    graph.project("V1", "PFC", gr.FixedIndegree(3), kind="lateral")
    graph.project("V1", "V1", gr.DistanceDependent(gr.Gaussian(0.1, p=0.9), wrap=1.0), self_connections=False)
    graph.project(
        "grün·3",
        "grün·3",
        gr.DistanceDependent(gr.Exponential(2.0), max_distance=3.0, wrap=(1.0, 2, 3.5)),
        self_connections=True,
    )
    graph.project("PFC", "V1", gr.BySign(ee=0.2, ei=gr.FixedTotalNumber(4), ie=gr.BySign(ie=gr.AllToAll())))
    graph.project("PFC", "PFC", gr.OneToOne())
    graph.project("V1", "choice [left/right]", gr.FixedIndegree(2), excitatory_only=True)
    graph.project("V1", "grün·3", gr.Explicit(pre=[3, 0], post=[1, 2], weight=[0.1, -2.5e-300]))
    graph.project("PFC", "grün·3", gr.Explicit(pre=list(range(5)) * 5, post=np.repeat(range(5), 5)))
    graph.project("grün·3", "PFC", gr.FixedOutdegree(2))
    graph.project("PFC", "choice [left/right]", gr.Bernoulli(1))
    graph.edges["PFC", "V1"]["color"] = {"rgb": [0, 0, 255], "empty": {}, "a b": []}
    return graph


def plain(graph):
    """All of a graph, in order, in a form that `==` compares."""

    def same(value):
        return (value.dtype, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value

    return (
        [(name, {key: same(value) for key, value in data.items()}) for name, data in graph.nodes(data=True)],
        list(graph.edges(data=True)),
        graph.graph,
    )


def network():
    return drawn().subgraph(["V1", "stimulus", "PFC", "choice [left/right]"]).copy().compile(seed=2**63 - 1)


def odd_types():
    """float32 weights with NaN, one neuron, positions with NaN, no seed, report, an empty matrix."""
    area = gr.Node("a", "area", 0, 1, level=3.5)
    none = np.zeros(0, np.int32)
    return Connectome(
        areas=(area,),
        inputs=(gr.Node("i", "input", 0, 2),),
        readouts=(),
        projections=(Projection("i", "a", "input", "Own()", np.int64(2), 1 / 3),),
        input=Synapses((1, 2), [0, 0], [0, 1], np.array([np.nan, 0.1], np.float32)),
        hidden=Synapses((1, 1), [0], [0], None, None, [1], ("a", "ü")),
        readout=Synapses((0, 1), none, none),
        sign=[0],
        tau=[np.nan],
        names=np.array(["lonely"], "<U20"),
        positions=[[np.nan, -0.0, np.inf]],
        report={"dropped": np.int64(3)},
    )


def one_area():
    graph = gr.AreaGraph()
    graph.add_area("a", 3)
    return graph.compile(seed=0)


every_network = pytest.mark.parametrize(
    "net", [*NETWORKS.values(), network(), odd_types()], ids=[*NETWORKS, "all rules", "odd types"]
)


def error_of(call, *arguments):
    with pytest.raises((ValueError, TypeError)) as error:
        call(*arguments)
    return str(error.value)


# .npz


@every_network
def test_a_network_comes_back_equal_in_every_bit(net, tmp_path):
    gr.io.write(net, tmp_path / "net.npz")
    back = gr.io.read(tmp_path / "net.npz")
    assert back == net
    for field in dataclasses.fields(Connectome):
        mine, theirs = getattr(net, field.name), getattr(back, field.name)
        assert type(mine) is type(theirs)
        if isinstance(mine, np.ndarray):
            assert (mine.dtype, mine.tobytes()) == (theirs.dtype, theirs.tobytes())
    for which in ("input", "hidden", "readout"):
        for field in dataclasses.fields(Synapses):
            mine, theirs = (getattr(n.synapses(which), field.name) for n in (net, back))
            if isinstance(mine, np.ndarray):
                assert (mine.dtype, mine.tobytes()) == (theirs.dtype, theirs.tobytes())
            else:
                assert mine == theirs
    assert repr(back.projections) == repr(net.projections).replace("np.int64(2)", "2")


def test_equal_networks_give_equal_files_that_numpy_reads(tmp_path):
    for name in ("a.npz", "b.npz"):
        gr.io.write(network(), tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["hidden.pre"], network().hidden.pre)
        metadata = json.loads(arrays["metadata"].tobytes())
    assert (metadata["format"], metadata["version"], metadata["seed"]) == (
        "graphrnn connectome",
        1,
        2**63 - 1,
    )


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    gr.io.write(one_area(), path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    message = error_of(gr.io.write, network(), path)
    assert message == f"`io.write(..., {str(path)!r})` cannot write this file: No space left on device."
    assert gr.io.read(path) == one_area()
    assert os.listdir(tmp_path) == ["net.npz"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.npz").symlink_to(tmp_path / "folder" / "net.npz")
    gr.io.write(one_area(), tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert gr.io.read(tmp_path / "folder" / "net.npz") == one_area()


def damaged(path):
    return (
        f"`io.read({str(path)!r})` cannot read this file: it is truncated, damaged or no .npz file of plain "
        "arrays. Take another copy. Or write it anew with io.write(net, path)."
    )


@pytest.fixture
def npz(tmp_path):
    path = tmp_path / "net.npz"
    gr.io.write(odd_types(), path)
    return path


def test_a_truncated_file_is_refused_wherever_it_ends(npz):
    whole = npz.read_bytes()
    for length in [0, 1, 4, *range(30, len(whole), 97), len(whole) - 1]:
        npz.write_bytes(whole[:length])
        assert error_of(gr.io.read, npz) == damaged(npz)


def test_a_flipped_bit_is_found_or_means_nothing(npz):
    whole, net = npz.read_bytes(), odd_types()
    messages = set()
    for position in range(0, len(whole), 13):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        npz.write_bytes(flipped)
        try:
            assert gr.io.read(npz) == net
        except ValueError as error:
            messages.add(str(error))
    assert damaged(npz) in messages
    assert all(m == damaged(npz) or "found contradictions in this file: " in m for m in messages)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), os.urandom(300)])
def test_what_is_no_npz_file_is_refused(tmp_path, content):
    path = tmp_path / "net.npz"
    path.write_bytes(content)
    expected = foreign(path) if content.startswith(b"PK") else damaged(path)  # an empty zip file
    assert error_of(gr.io.read, path) == expected


def foreign(path):
    return (
        f"`io.read({str(path)!r})` found arrays that graphrnn did not write. "
        "Load them with numpy.load, and give the matrix of weights to Connectome.from_matrix."
    )


def test_arrays_of_others_are_refused(tmp_path):
    path = tmp_path / "mask.npz"
    np.savez(path, mask=np.ones((3, 3)))
    assert error_of(gr.io.read, path) == foreign(path)
    np.savez(path, metadata=np.frombuffer(b'{"format": "theirs"}', np.uint8))
    assert error_of(gr.io.read, path) == foreign(path)


ENDINGS = ", ".join(gr.io._FORMATS)


class Trap:
    def __reduce__(self):
        return (os.mkdir, ("trapped",))


def test_a_pickle_is_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("net.npz", metadata=np.array([Trap()], object))
    assert error_of(gr.io.read, "net.npz") == damaged("net.npz")
    assert os.listdir() == ["net.npz"]


def edited(path, edit):
    """The file with other metadata or arrays: `edit` changes a dictionary of both in place."""
    with np.load(path) as arrays:
        content = dict(arrays)
    metadata = json.loads(content.pop("metadata").tobytes())
    edit(metadata, content)
    np.savez(path, metadata=np.frombuffer(json.dumps(metadata).encode(), np.uint8), **content)


def test_a_newer_format_is_named(npz):
    edited(npz, lambda metadata, arrays: metadata.update(version=2))
    assert error_of(gr.io.read, npz) == (
        f"`io.read({str(npz)!r})` found version 2 of the format; this graphrnn reads version 1. "
        "Read it with the graphrnn that wrote it, or a newer one."
    )


def without_pre(metadata, arrays):
    del arrays["hidden.pre"]


def one_tau_more(metadata, arrays):
    arrays["tau"] = np.ones(2)


def no_areas(metadata, arrays):
    metadata["areas"] = 3


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (without_pre, "'hidden.pre' is missing"),
        (
            one_tau_more,
            "`Connectome(...)` needs one entry per neuron in `tau`; it got shape (2,) for 1 neurons",
        ),
        (no_areas, "'int' object is not iterable"),
    ],
)
def test_contradictions_are_refused(npz, edit, reason):
    edited(npz, edit)
    assert error_of(gr.io.read, npz) == (
        f"`io.read({str(npz)!r})` found contradictions in this file: {reason}. "
        "Write it anew with io.write(net, path)."
    )


# .toml


def test_a_graph_comes_back_equal(tmp_path):
    gr.io.write(drawn(), tmp_path / "graph.toml")
    back = gr.io.read(tmp_path / "graph.toml")
    assert type(back) is gr.AreaGraph
    assert plain(back) == plain(drawn())
    gr.io.write(back, tmp_path / "again.toml")
    assert (tmp_path / "again.toml").read_bytes() == (tmp_path / "graph.toml").read_bytes()


def test_a_graph_from_a_file_draws_the_same_synapses(tmp_path):
    graph = drawn().subgraph(["V1", "stimulus", "PFC", "choice [left/right]"]).copy()
    gr.io.write(graph, tmp_path / "graph.toml")
    assert gr.io.read(tmp_path / "graph.toml").compile(seed=5) == graph.compile(seed=5)


def test_an_empty_graph_comes_back(tmp_path):
    gr.io.write(gr.AreaGraph(), tmp_path / "graph.toml")
    assert plain(gr.io.read(tmp_path / "graph.toml")) == plain(gr.AreaGraph())


@each_network
def test_the_areas_of_a_network_come_back(net, tmp_path):
    graph = gr.AreaGraph.from_connectome(net)
    gr.io.write(graph, tmp_path / "graph.toml")
    assert plain(gr.io.read(tmp_path / "graph.toml")) == plain(graph)


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.integers(1, 10**12)), max_size=4
    ),
    st.floats(0, 1),
    st.dictionaries(
        st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False) | st.text() | st.booleans()
    ),
)
def test_any_names_and_numbers_come_back(tmp_path_factory, nodes, density, attributes):
    graph = gr.AreaGraph()
    graph.graph.update(attributes)
    for name, size in dict(nodes).items():
        graph.add_area(name, size, level=density)
    for pre, post in itertools.combinations(dict(nodes), 2):
        graph.project(pre, post, density)
    path = tmp_path_factory.mktemp("any") / "graph.toml"
    gr.io.write(graph, path)
    assert plain(gr.io.read(path)) == plain(graph)


def test_long_lists_are_wrapped(tmp_path):
    graph = gr.AreaGraph()
    graph.add_area("a", 1000, positions=np.random.default_rng(0).normal(size=(1000, 2)))
    graph.project("a", "a", gr.Explicit(pre=range(1000), post=range(1000)))
    graph.graph["words"] = [f"word number {i}" for i in range(20)]
    gr.io.write(graph, tmp_path / "graph.toml")
    text = (tmp_path / "graph.toml").read_text()
    assert max(map(len, text.splitlines())) <= 110
    assert len(text.splitlines()) < 700
    assert plain(gr.io.read(tmp_path / "graph.toml")) == plain(graph)


TOML = """\
[[area]]
name = "V1"
size = 20

[[area]]
name = "PFC"
size = 10

[[input]]
name = "stimulus"
size = 2

[[readout]]
name = "choice"
size = 2

[[projection]]
pre = "V1"
post = "PFC"
rule = 0.1
"""


def read_text(tmp_path, text, name="net.toml"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    os.chdir(tmp_path)
    return gr.io.read(name)


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_left_out_has_the_defaults_of_the_graph(in_folder):
    graph = read_text(in_folder, TOML + '[[projection]]\npre = "stimulus"\npost = "V1"\n')
    assert list(graph) == ["stimulus", "V1", "PFC", "choice"]
    assert graph.edges["stimulus", "V1"] == {"rule": gr.AllToAll()}
    assert graph.nodes["V1"] == {"role": "area", "size": 20}
    assert graph.kind("V1", "PFC") == "forward"


def test_a_byte_order_mark_and_windows_lines_are_read(in_folder):
    (in_folder / "net.toml").write_bytes(b"\xef\xbb\xbf" + TOML.replace("\n", "\r\n").encode())
    assert plain(gr.io.read("net.toml")) == plain(read_text(in_folder, TOML, "plain.toml"))


PAIR = ", projection 'V1' → 'PFC'`"
RULES = (
    "AllToAll, OneToOne, Bernoulli, FixedIndegree, FixedOutdegree, FixedTotalNumber, DistanceDependent, "
    "BySign, ExcitatoryOnly, Explicit"
)
FAULTS = [
    # text, what stands in its place, the error after "`io.read('net.toml')"
    (
        "rule = 0.1",
        "rule = ",
        "` cannot read this file as TOML: invalid value (at line 20, column 8). Correct it there.",
    ),
    (
        "rule = 0.1",
        "x = " + 3000 * "[",
        "` cannot read this file as TOML: lists or tables nest too deeply. Correct it there.",
    ),
    (
        '[[area]]\nname = "V1"',
        '[[aera]]\nname = "V1"',
        "` does not know the key 'aera' in the file. Did you mean 'area'?",
    ),
    (
        "size = 20",
        "sise = 20",
        "` does not know the key 'sise' in area 'V1'. Did you mean 'size'?",
    ),
    (
        "size = 2\n",
        "size = 2\ntau = 20.0\n",
        "` does not know the key 'tau' in input 'stimulus'. Known are name, size, attributes.",
    ),
    ("size = 20", "", ", area 'V1'` needs `size`."),
    ('name = "V1"', "", ", area number 1` needs `name`."),
    ('name = "V1"', 'name = ""', ", area number 1` needs a `name` that is not empty."),
    ('name = "V1"', "name = 1", ", area number 1` needs a string for `name`; it got 1."),
    ("size = 20", "size = 0", ", node 'V1'` needs `size` of at least 1; it got 0."),
    (
        "size = 20",
        'size = "20"',
        ", node 'V1'` needs a whole number for `size`; it got '20'.",
    ),
    (
        "size = 20",
        "size = 20\ntau = -1",
        ", node 'V1'` needs `tau` to be finite and above 0; it got -1.",
    ),
    (
        "size = 20",
        'size = 20\npositions = ["a"]',
        ", node 'V1'` needs numbers as `positions`, as many for each neuron.",
    ),
    (
        "size = 20",
        "size = 20\npositions = [[1, 2], [3]]",
        ", node 'V1'` needs numbers as `positions`, as many for each neuron.",
    ),
    (
        "size = 20",
        "size = 20\npositions = 7",
        ", node 'V1'` needs `positions` of shape (20,) or (20, dimension); it got ().",
    ),
    (
        "size = 20",
        "size = 20\npositions = [1, 2]",
        ", node 'V1'` needs `positions` of shape (20,) or (20, dimension); it got (2,).",
    ),
    (
        'name = "stimulus"',
        'name = "V1"',
        "` needs a name of its own for area 'V1'; 'V1' occurs twice.",
    ),
    (
        "[[input]]",
        "[input]",
        "` needs a list of tables for 'input'. Write [[input]] before each of them.",
    ),
    (
        "size = 20",
        "size = 20\nattributes = 3",
        "` needs a table for `attributes` of area 'V1'; it got 3.",
    ),
    (
        "size = 20",
        "size = 20\nattributes = { tau = 20.0 }",
        "` cannot take 'tau' from the `attributes` of area 'V1': the name has a meaning. "
        "Write it into the table itself, or rename it.",
    ),
    (
        "[[area]]",
        "format = 2\n[[area]]",
        "` found format = 2; this graphrnn reads format 1. "
        "Read it with the graphrnn that wrote it, or a newer one.",
    ),
    ("[[area]]", "order = 3\n[[area]]", "` needs a list of names for `order`; it got 3."),
    (
        "[[area]]",
        'order = ["V1", "PFC"]\n[[area]]',
        "` needs every input, area and readout once in `order`; 'stimulus' is in only one of "
        "the two. Leave `order` out to take them as they are listed.",
    ),
    (
        "[[area]]",
        'order = ["V1", "PFC", "V1", "stimulus", "choice"]\n[[area]]',
        "` needs every input, area and readout once in `order`; a name is repeated. "
        "Leave `order` out to take them as they are listed.",
    ),
    ('post = "PFC"', "", ", projection number 1` needs `post`."),
    (
        'post = "PFC"',
        'post = "PCF"',
        ", projection 'V1' → 'PCF'` found no node named 'PCF'. Did you mean 'PFC'?",
    ),
    (
        'post = "PFC"',
        'post = "stimulus"',
        ", projection 'V1' → 'stimulus'` cannot end at input 'stimulus': nothing reaches an "
        "input. Name an area.",
    ),
    (
        "rule = 0.1",
        'rule = 0.1\n[[projection]]\npre = "V1"\npost = "PFC"',
        "` has projection 'V1' → 'PFC' twice; one projection joins an ordered pair. Remove one.",
    ),
    (
        "rule = 0.1",
        'kind = "sideways"',
        f"{PAIR} needs a kind that fits 'V1' → 'PFC': forward or backward or lateral or unclassified; "
        "it got 'sideways'.",
    ),
    (
        "rule = 0.1",
        "self_connections = false",
        f"{PAIR} has `self_connections`, which only a projection within an area has. Leave it out.",
    ),
    ("rule = 0.1", "rule = 1.5", f"{PAIR} needs `density` from 0 to 1; it got 1.5."),
    (
        "rule = 0.1",
        "rule = true",
        f"{PAIR} needs its rule to be a density, one of {RULES}, or a table with such a `type`; it got True.",
    ),
    (
        "rule = 0.1",
        "rule = { k = 3 }",
        f"{PAIR} needs its rule to be a density, one of {RULES}, or a table with such a `type`; "
        "it got {'k': 3}.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "FixedInDegree", k = 3 }',
        f"{PAIR} found no rule named 'FixedInDegree'. Did you mean 'FixedIndegree'?",
    ),
    ("rule = 0.1", 'rule = "FixedIndegree"', f"{PAIR} needs `k` in its rule FixedIndegree."),
    (
        "rule = 0.1",
        'rule = { type = "FixedIndegree", n = 3 }',
        f"{PAIR} does not know the key 'n' in its rule. Known are type, k.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "FixedIndegree", k = -3 }',
        f"{PAIR} has a rule that cannot be: `FixedIndegree(-3)` needs `k` of at least 0; it got -3.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "FixedIndegree", k = [3] }',
        f"{PAIR} has a rule that cannot be: `FixedIndegree((3,))` needs a whole number for `k`; it got (3,).",
    ),
    (
        "rule = 0.1",
        'rule = { type = "BySign", ee = { type = "FixedIndegree", k = 0.5 } }',
        f"{PAIR} has a rule that cannot be: `FixedIndegree(0.5)` needs a whole number for `k`; it got 0.5.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "DistanceDependent", profile = "Gauss" }',
        f"{PAIR} found no profile named 'Gauss'. Did you mean 'Gaussian'?",
    ),
    (
        "rule = 0.1",
        'rule = { type = "DistanceDependent", profile = 3 }',
        f"{PAIR} needs its profile to be one of Gaussian, Exponential, or a table with such a `type`; "
        "it got 3.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "DistanceDependent", profile = "Gaussian" }',
        f"{PAIR} needs `sigma` in its profile Gaussian.",
    ),
    (
        "rule = 0.1",
        'rule = { type = "Explicit", pre = [1, "a"], post = [1, 2] }',
        f"{PAIR} needs a list of numbers for `pre`; it got [1, 'a'].",
    ),
    (
        "rule = 0.1",
        'rule = { type = "Explicit", pre = [1], post = [1, 2] }',
        f"{PAIR} has a rule that cannot be: `Explicit(...)` needs as many `pre` as `post` indices; "
        "it got 1 and 2.",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[message for *_, message in FAULTS])
def test_a_fault_is_named_with_file_place_and_way_out(in_folder, old, new, message):
    assert old in TOML
    with pytest.raises((ValueError, TypeError)) as error:
        read_text(in_folder, TOML.replace(old, new, 1))
    assert str(error.value) == "`io.read('net.toml')" + message


def test_text_in_another_encoding_is_refused(in_folder):
    (in_folder / "net.toml").write_bytes('[[area]]\nname = "grün"'.encode("latin-1"))
    assert error_of(gr.io.read, "net.toml") == (
        "`io.read('net.toml')` cannot read this file: it is not UTF-8 text. Save it as UTF-8."
    )


@dataclass(frozen=True, repr=False)
class Mine(gr.Rule):
    def sample(self, pre, post, rng, *, skip_diagonal=False):
        raise NotImplementedError

    def expected(self, pre, post, *, skip_diagonal=False):
        return 0.0


class Ring(gr.FixedIndegree):
    pass


def profile(distance):
    return 1 / (1 + distance)


@pytest.mark.parametrize(
    ("rule", "what", "kinds"),
    [
        (Mine(), "rule Mine()", RULES),
        (Ring(3), "rule Ring(3)", RULES),
        (gr.BySign(ee=Mine()), "rule Mine()", RULES),
        (gr.DistanceDependent(profile), f"profile {profile!r}", "Gaussian, Exponential"),
    ],
)
def test_a_rule_of_your_own_cannot_be_written(in_folder, rule, what, kinds):
    graph = gr.AreaGraph()
    graph.add_area("a", 3)
    graph.project("a", "a", rule)
    assert error_of(gr.io.write, graph, "net.toml") == (
        f"`io.write(..., 'net.toml'), projection 'a' → 'a'` cannot write the {what}; a .toml file holds "
        f"{kinds}. Compile the graph and write the network to a .npz file."
    )
    assert os.listdir() == []


@pytest.mark.parametrize("value", [(1, 2), np.float64(3.0), {1: 2}, [None], object])
def test_an_attribute_that_toml_cannot_hold_is_named(in_folder, value):
    graph = gr.AreaGraph()
    graph.add_area("a", 3)
    graph.nodes["a"]["colour"] = value
    assert error_of(gr.io.write, graph, "net.toml") == (
        f"`io.write(..., 'net.toml')` cannot write the attribute 'colour' of area 'a', {value!r}; a .toml "
        "file holds text, numbers, True, False, and lists and dicts of them. Change it or remove it."
    )
    assert os.listdir() == []


def test_a_graph_that_could_not_be_read_is_not_written(in_folder):
    graph = gr.AreaGraph()
    graph.add_input("in", 1)
    graph.add_readout("out", 1)
    graph.add_edge("in", "out")
    assert error_of(gr.io.write, graph, "net.toml") == (
        "`io.write(..., 'net.toml'), projection 'in' → 'out'` cannot connect input 'in' to readout 'out'. "
        "Inputs reach areas and readouts read areas; put an area between them."
    )
    assert os.listdir() == []


# both


@pytest.mark.parametrize(
    ("thing", "name", "message"),
    [
        (
            gr.AreaGraph(),
            "x.npz",
            "writes a Connectome; it got AreaGraph. Write the graph to a .toml file, or compile it first: "
            "graph.compile(seed=0).",
        ),
        (
            one_area(),
            "x.toml",
            "writes an AreaGraph; it got Connectome. Write the network to a .npz file. Or write its areas, "
            "AreaGraph.from_connectome(net).",
        ),
        (
            nx.DiGraph(),
            "x.toml",
            "writes an AreaGraph; it got DiGraph. Make one from any networkx.DiGraph with "
            "AreaGraph.from_networkx(graph).",
        ),
        (
            one_area(),
            "x.pt",
            f"needs a file name that ends in one of {ENDINGS}; it ends in .pt.",
        ),
        (
            one_area(),
            "x",
            f"needs a file name that ends in one of {ENDINGS}; it ends in none of them.",
        ),
        (one_area(), "no/x.npz", "found no folder 'no'. Create it first."),
        (one_area(), "folder.npz", "needs a file; 'folder.npz' is a folder. Add a file name."),
    ],
)
def test_what_cannot_be_written_is_named(in_folder, thing, name, message):
    (in_folder / "folder.npz").mkdir()
    assert error_of(gr.io.write, thing, name) == f"`io.write(..., {name!r})` {message}"
    assert os.listdir() == ["folder.npz"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.npz", "`io.read('x.npz')` found no such file. Give the path of a file."),
        ("x.toml", "`io.read('x.toml')` found no such file. Give the path of a file."),
        ("folder.npz", "`io.read('folder.npz')` found a folder there. Give the path of a file."),
        (
            "x.pt",
            f"`io.read('x.pt')` needs a file name that ends in one of {ENDINGS}; it ends in .pt.",
        ),
        (3, "`io.read(3)` needs the path of a file; it got int."),
    ],
)
def test_what_cannot_be_read_is_named(in_folder, name, message):
    (in_folder / "folder.npz").mkdir()
    assert error_of(gr.io.read, name) == message
