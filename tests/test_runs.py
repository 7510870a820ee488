"""Runs of like elements are read as the parser of XML reads them, wherever a piece of the file ends."""

# ruff: noqa: E501  files stand here in full

import random
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from fuzz_readers import damaged
from hypothesis import given, settings
from hypothesis import strategies as st

import graphrnn as gr
from graphrnn.io import _runs, _xml, gexf, graphml
from graphrnn.io._choices import Choices

GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    '<key id="k0" for="all" attr.name="weight"/><key id="k1" for="edge" attr.name="type"/>'
    '<key id="k2" for="node" attr.name="area"><default>V1</default></key><graph edgedefault="directed">{}</graph></graphml>'
)
GEXF = (
    '<gexf><graph defaultedgetype="directed"><attributes class="edge"><attribute id="k0" title="weight"/>'
    '<attribute id="k1" title="type"/></attributes><attributes class="node"><attribute id="k2" title="area"/>'
    "</attributes>{}</graph></gexf>"
)

VALUES = [
    "a", "a", "b", "b", "c", "1.5", "-2", "nan", "", " ", "é中\U0001f9e0", "&amp;&#x41;&#66;&lt;", "&#10;", ">", "x\ty", "x\r\ny", "x\ry", "\ue0001",
]  # fmt: skip
SPACES = ["", "", "", "\n", " ", "\r\n\t", "\xa0"]
OTHERS = [
    '<!-- a <edge source="a" target="b"/> b -->', "<?pi <edge ?>", '<![CDATA[<edge source="a" target="b"/>]]>', '<desc>a<edge source="a" target="b"/>b</desc>',
    '<key id="k1" for="edge" attr.name="delay"/>', "<nodes>", "</nodes>", "<nodes></nodes>", "<edges/>", "text", '<data key="graphrnn">{}</data>',
    '<edge source="a" target="b"><edge source="a" target="b"/></edge>', '<edge source="a" target="b"><desc/></edge>',
    '<edge directed="false" source="a" target="b"/>', '<edge type="mutual" source="a" target="b"/>', '<edge source="a"/>', "<node/>",
    '<attributes class="edge"><attribute id="k0" title="delay"/></attributes>', "<viz:size value='2'/>", "<default>7</default>",
    "<description>{}</description>", '<node id="n"><graph/></node>',
]  # fmt: skip
DATA = [
    '<data key="{key}">{value}</data>',
    '<data\nkey="{key}" odd="{value}" >{value}</data >',
    '<y:data key="{key}">{value}</y:data>',
]
ODD_DATA = [
    '<data key="{key}"/>', '<data key="{key}"><![CDATA[<edge >]]></data>', '<data key="{key}"><data key="k1">{value}</data> </data>',
    '<data key="{key}">{value}<!-- <edge > -->{value}</data>', "<data>{value}</data>", 'b="{value}"', '<data key="{value}">2</data>',
]  # fmt: skip
ATTVALUES = [
    '<attvalue for="{key}" value="{value}"/>', '<attvalue value="{value}" for="{key}" ></attvalue>', '<viz:color r="{value}"/>',
]  # fmt: skip
ODD_ATTVALUES = [
    '<attvalue id="{key}" value="{value}"/>',
    '<attvalue for="{key}">{value}</attvalue>',
    "{value}",
    "<!-- <edge > -->",
]


def form_of(rng, what, children, odd_ones):
    """An element with places for values, `{value}`."""
    needed = ["source", "target"] if what == "edge" else ["id"]
    odd = rng.sample(["label", "weight", "type", "directed", "odd", "y:key"], rng.choice([0, 0, 1, 2]))
    names = rng.sample(needed + odd, len(needed + odd))
    cells = {"directed": "true", "type": rng.choice(["directed", "kind"])}
    gap = rng.choice([" ", " ", "\n\t"])
    own = "".join(f'{gap}{name}="{cells.get(name, "{value}")}"' for name in names)
    if rng.random() < 0.05:
        own = own.replace('"', "'")
    space = rng.choice(SPACES)
    inside = ""
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        child = rng.choice(odd_ones if rng.random() < 0.05 else children)
        inside += space + child.replace("{key}", rng.choice(["k0", "k1", "k2", "k3"]))
    if children is ATTVALUES and rng.random() < 0.8:
        inside = f"{space}<attvalues>{inside}{space}</attvalues>"
    return f"<{what}{own}>{inside}{space}</{what}>" if inside else f"<{what}{own}{gap}/>"


def document_of(rng, module):
    """A graph whose nodes and edges have a few forms, between which other things may stand."""
    children = (DATA, ODD_DATA) if module is graphml else (ATTVALUES, ODD_ATTVALUES)
    disorder = rng.choice([0, 0, 0.03, 0.2])
    parts = []
    for what in ("node", "edge", rng.choice(["node", "edge"])):
        forms = [form_of(rng, what, *children) for _ in range(rng.choice([1, 1, 2, 3]))]
        space, values = rng.choice(SPACES), VALUES[: rng.choice([7, 13, len(VALUES)])]
        some = []
        for _ in range(rng.randrange(40)):
            pieces = rng.choice(forms).split("{value}")
            some += [pieces[0], *(rng.choice(values) + piece for piece in pieces[1:]), space]
            some += [rng.choice(OTHERS)] if rng.random() < disorder else []
        parts.append(f"<{what}s>{''.join(some)}</{what}s>" if module is gexf else "".join(some))
    return (GRAPHML if module is graphml else GEXF).format("".join(parts))


def sizes_of(rng):
    """Bounds that let runs begin and end anywhere in a small file."""
    return {
        "_BLOCK": rng.choice([1, 100, 5000, 20000]), "_WINDOW": rng.choice([100, 200, 500, 5000]), "_ELEMENT": rng.choice([200, 1000]),
        "_LONG": rng.choice([1, 1, 1, 100]), "_STEP": rng.choice([1, 1, 1, 100]), "_FORMS": rng.choice([1, 3, 9]), "_LESSONS": rng.choice([5, 99]),
    }  # fmt: skip


def column(cells):
    """What an attribute of nodes or edges says, with the words in their order."""
    texts = hasattr(cells, "codes")
    values = list(map(repr, cells.codes if texts else cells.values))
    return dict(zip(cells.rows, values, strict=True)), list(cells.index) if texts else cells.wrong


def state_of(reader):
    """All that a reader knows."""
    found = reader.found
    columns = {what: [(t, column(c)) for t, c in cells.items()] for what, cells in found._cells.items()}
    ends = [list(part) for part in (found._place.items(), found._ids, found._pre, found._post)]
    own = {name: value for name, value in vars(reader).items() if name not in ("found", "_key")}
    return columns, ends, found.defaults, found.about, own


def outcome(module, path, in_runs):
    """What a reader knows after a file, or what it says of it; and how many elements the parser passed on."""
    in_utf8, reader = _xml._in_utf8, module._Reader("read", Choices())
    start, counts = reader.start, Counter()

    def counted(tag, attributes):
        counts[tag] += 1
        start(tag, attributes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "start", counted)
        patch.setattr(_xml, "_LARGE", 0)
        patch.setattr(_xml, "_in_utf8", lambda file: in_runs and in_utf8(file))
        patch.setattr(_xml, "_PLACE", random.Random(0))  # of two faults the same one is met first
        try:
            _xml.parse("read", path, reader)
        except ValueError as error:
            return str(error), counts
    return state_of(reader), counts


DEEP = "its elements nest deeper than 50"


def assert_same(module, path, content, **sizes):
    """By runs and by the parser alone a file comes to the same; how many elements the parser passed on in runs."""
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(_runs, name, size)
        found, counts = outcome(module, path, True)
    expected, _ = outcome(module, path, False)
    assert found == expected
    return counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


MODULES = st.sampled_from([graphml, gexf])
SEEDS = st.integers(0, 1 << 40).map(random.Random)


@settings(max_examples=600, deadline=None)
@given(module=MODULES, rng=SEEDS)
def test_runs_are_read_as_the_parser_reads(folder, module, rng):
    content = document_of(rng, module).encode()
    assert_same(module, folder / f"net.{module.__name__.rpartition('.')[2]}", content, **sizes_of(rng))


@settings(max_examples=600, deadline=None)
@given(module=MODULES, rng=SEEDS)
def test_damaged_files_are_refused_as_the_parser_refuses_them(folder, module, rng):
    content = document_of(rng, module).encode()
    content = damaged(content, [content], rng)
    assert_same(module, folder / f"net.{module.__name__.rpartition('.')[2]}", content, **sizes_of(rng))


def graphml_of(lines):
    return GRAPHML.format("".join(lines)).encode()


@pytest.mark.parametrize(("first", "second"), [("two", "three"), ("three", "two")])
def test_the_first_text_that_is_no_number_is_named(folder, first, second):
    edge = '<edge source="a" target="b"><data key="k0">{}</data></edge>'
    other = '<edge source="a" target="b" ><data key="k0">{}</data></edge>'
    lines = [
        other.format(1),
        edge.format(1),
        *[edge.format(2)] * 9,
        edge.format(first),
        *[other.format(2)] * 9,
        other.format(second),
    ]
    for wrong in lines, [*lines[:2], *reversed(lines[2:])]:
        assert_same(graphml, folder / "net.graphml", graphml_of(wrong))


@pytest.mark.parametrize(
    "around", ["<!-- {} -->", "<?pi {} ?>", "<![CDATA[{}]]>", '<key id="k" for="edge"/>{}']
)
def test_what_only_looks_like_a_run_is_none(folder, around):
    edges = [f'<edge source="{i}" target="b"><data key="k">{i}</data></edge>' for i in range(99)]
    lines = [*edges[:33], around.format("".join(edges[33:66])), *edges[66:]]
    assert_same(graphml, folder / "net.graphml", graphml_of(lines))


def test_another_element_changes_what_values_mean(folder):
    edges = '<edge source="a" target="b"><data key="k0">1</data></edge>' * 33
    lines = [edges, '<key id="k0" for="edge" attr.name="delay"/>', edges]
    assert_same(graphml, folder / "net.graphml", graphml_of(lines))


def test_names_are_numbered_as_they_come(folder):
    edge = '<edge source="{}" target="{}"/>'
    lines = [edge.format("z", "y"), *(edge.format(f"s{i}", f"t{i % 3}") for i in range(99))]
    assert assert_same(graphml, folder / "net.graphml", graphml_of(lines))["edge"] == 2


NODE = '<node id="Mü {}" label="ü"/>'


@pytest.mark.parametrize(
    ("encoding", "in_runs"), [("utf-8", True), ("utf-8-sig", True), ("latin-1", False), ("utf-16", False)]
)
def test_only_utf_8_is_read_in_runs(folder, encoding, in_runs):
    text = (
        '<gexf><graph defaultedgetype="directed"><nodes>'
        + "".join(map(NODE.format, range(99)))
        + "</nodes></graph></gexf>"
    )
    if encoding == "latin-1":
        text = f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}'
    assert assert_same(gexf, folder / "net.gexf", text.encode(encoding))["node"] == (2 if in_runs else 99)


@pytest.mark.parametrize("between", ["\n", "\r\n", "\r", "", "\n é中\n\U0001f9e0"])
@pytest.mark.parametrize(
    "wrong", [b"&", b"\xff", "\uffff".encode(), b"\0", b"\x1b", b"<", b"]]>", b"</graph>", b'"', b"\xc3"]
)
def test_the_place_of_damage_between_runs_is_named(folder, between, wrong):
    edges = [f'<edge source="{i}" target="b"><data key="k0">{i}</data></edge>{between}' for i in range(99)]
    at = edges[66].index("b")
    for text in edges[66], edges[66][:at], edges[66][: edges[66].index("data") + 14]:
        lines = "".join(edges[:66]), text, "".join(edges[66:])
        content = GRAPHML.format("".join(lines)).encode()
        place = content.index(b'source="66"') + len(text) - 13
        assert_same(graphml, folder / "net.graphml", content[:place] + wrong + content[place:])


def test_what_is_not_whole_is_refused_before_an_element_is_looked_at(folder):
    nodes = "".join(map(NODE.format, range(99)))
    text = f'<gexf><!-- {"<" * 2000} --><graph defaultedgetype="directed"><nodes>{nodes}<node id="&"/></nodes></graph></gexf>'
    assert assert_same(gexf, folder / "net.gexf", text.encode())["node"] == 0


@pytest.mark.parametrize("between", ["\xa0", "<!-- c -->\n", "\n"])
def test_texts_between_edges_mean_nothing_however_many(folder, monkeypatch, between):
    monkeypatch.setattr(_xml, "_TEXT", 1000)
    lines = [f'<edge source="{k}" target="b"/>{between}' for k in range(999)]
    assert assert_same(graphml, folder / "net.graphml", graphml_of(lines))["edge"] <= 4 + 999 * (
        "!" in between
    )


def test_names_without_end_among_runs(folder):
    edges = "".join(f'<edge source="{k}" target="b"/>' for k in range(90_000))
    names = "".join(f"<a{k}/>" for k in range(5000))
    (folder / "names.graphml").write_bytes(GRAPHML.format(names + edges).encode())
    assert (folder / "names.graphml").stat().st_size > _xml._LARGE
    with pytest.raises(ValueError, match="it has more than 1000 names of elements and attributes"):
        gr.io.read(folder / "names.graphml")


ALIKE, ODD = '<edge source="{0}" target="b"/>', '<edge source="{0}" target="b" odd{1}="c"/>'


@pytest.mark.parametrize(
    ("head", "edge"), [("", ALIKE), ("", ODD), ('<?xml version="1.0" encoding="latin-1"?>', ODD)]
)
def test_a_large_file_that_is_not_whole_is_refused_first_whatever_its_form(folder, monkeypatch, head, edge):
    lines = [head + GRAPHML.partition("{}")[0], *(edge.format(k, k % 97) for k in range(99_000)), "<edge &/>"]
    content = "\n".join([*lines, GRAPHML.partition("{}")[2]])
    assert len(content) > max(_xml._LARGE, 2 * _runs._MANY)
    (folder / "odd.graphml").write_bytes(content.encode())
    met = []
    monkeypatch.setattr(graphml._Reader, "start", lambda *given: met.append(given))
    with pytest.raises(ValueError, match=r"not well-formed \(invalid token\): line 99002, column 6\."):
        gr.io.read(folder / "odd.graphml")
    assert not met


GEPHI = """<?xml version='1.0' encoding='UTF-8'?>
<gexf xmlns="http://gexf.net/1.3" version="1.3" xmlns:viz="http://gexf.net/1.3/viz">
  <meta lastmodifieddate="2024-01-01"><creator>Gephi 0.10.1</creator><description></description></meta>
  <graph defaultedgetype="directed" mode="static">
    <attributes class="edge" mode="static"><attribute id="delay" title="delay" type="double"></attribute></attributes>
    <nodes>
{}    </nodes>
    <edges>
{}    </edges>
  </graph>
</gexf>
"""
GEPHI_NODE = """      <node id="n{0}" label="n{0}">
        <viz:size value="10.0"></viz:size>
        <viz:position x="{0}.5" y="-1"></viz:position>
        <viz:color r="192" g="192" b="{0}"></viz:color>
      </node>
"""
GEPHI_EDGE = """      <edge id="{0}" source="n{0}" target="n{1}" weight="{0}.5">
        <attvalues>
          <attvalue for="delay" value="{1}.0"></attvalue>
        </attvalues>
      </edge>
"""
IGRAPH = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<!-- Created by igraph 0.10.2 -->
  <key id="v_name" for="node" attr.name="name" attr.type="string"/>
  <key id="e_weight" for="edge" attr.name="weight" attr.type="double"/>
  <graph id="G" edgedefault="directed">
{}{}  </graph>
</graphml>
"""
IGRAPH_NODE = """    <node id="n{0}">
      <data key="v_name">n{0}</data>
    </node>
"""
IGRAPH_EDGE = """    <edge source="n{0}" target="n{1}">
      <data key="e_weight">{0}.5</data>
    </edge>
"""


def write_network(path):
    weights = [[0.5 * (1 + i + j) if (i + j) % 3 else 0 for i in range(20)] for j in range(20)]
    gr.io.write(gr.Connectome.from_matrix(weights), path)


def write_networkx(path):
    graph = nx.gnp_random_graph(30, 0.5, seed=1, directed=True)
    nx.set_edge_attributes(graph, {edge: {"weight": 0.5 * sum(edge)} for edge in graph.edges})
    nx.set_edge_attributes(graph, {edge: {"delay": 1.0} for edge in graph.edges if sum(edge) % 3 == 0})
    (nx.write_graphml if path.suffix == ".graphml" else nx.write_gexf)(graph, path)


def as_written(document, node, edge):
    nodes, edges = (
        "".join(map(one.format, range(count), range(1, 99))) for one, count in ((node, 98), (edge, 97))
    )
    return lambda path: path.write_text(document.format(nodes, edges), newline="\n")


@pytest.mark.parametrize(
    ("name", "write"),
    [("own.graphml", write_network), ("own.gexf", write_network), ("networkx.graphml", write_networkx), ("networkx.gexf", write_networkx),
     ("gephi.gexf", as_written(GEPHI, GEPHI_NODE, GEPHI_EDGE)), ("igraph.graphml", as_written(IGRAPH, IGRAPH_NODE, IGRAPH_EDGE))],
)  # fmt: skip
def test_what_programs_write_is_read_in_runs(folder, name, write):
    write(folder / name)
    module = graphml if name.endswith("graphml") else gexf
    counts = assert_same(module, folder / name, (folder / name).read_bytes())
    assert counts["node"] <= 2  # the first one, and that with marks
    assert counts["edge"] <= 4


def test_forms_are_learned_until_there_are_enough(folder):
    lines = [f'<edge source="a" target="b" odd{i % 30}="{i}"/>' for i in range(3000)]
    counts = assert_same(graphml, folder / "net.graphml", graphml_of(lines))
    assert counts["edge"] > 1000


@pytest.mark.parametrize(("module", "ending"), [(graphml, ".graphml"), (gexf, ".gexf")])
def test_a_large_file_is_read_in_runs(folder, module, ending, monkeypatch):
    net = gr.Connectome.from_matrix(np.random.default_rng(0).normal(size=(160, 160)))
    gr.io.write(net, folder / f"large{ending}")
    assert (folder / f"large{ending}").stat().st_size > _xml._LARGE
    met, start = Counter(), module._Reader.start

    def counted(self, tag, attributes):
        met[tag] += 1
        start(self, tag, attributes)

    monkeypatch.setattr(module._Reader, "start", counted)
    assert gr.io.read(folder / f"large{ending}") == net
    assert met["edge"] == met["node"] == 2  # the first one, and that with marks


@pytest.mark.parametrize("head", [b"", b'<?xml version="1.0" encoding="latin-1"?>'])
@pytest.mark.parametrize(
    "opened", ["<a>", "<a><!--</a></a>-->", "<a>/>", "<a b='/>'>", "<a><![CDATA[</a>]]>", "<a><?b </a>?>"]
)
def test_elements_within_each_other_are_refused_before_they_take_memory(folder, opened, head):
    count = 20_000_000 // len(opened)
    ends = head + b"<graphml><graph>", b"</graph></graphml>"
    (folder / "deep.graphml").write_bytes(ends[0] + opened.encode() * count + b"</a>" * count + ends[1])
    parsed, parse = [], _xml._parse_looking_deep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _xml, "_parse_looking_deep", lambda parser, block: parsed.append(block) or parse(parser, block)
        )
        with pytest.raises(ValueError, match=DEEP):
            gr.io.read(folder / "deep.graphml")
    assert len(parsed) <= 2  # blocks of half a MB


def test_comments_do_not_end_the_reading_in_runs(folder, monkeypatch):
    lines = [f'<edge source="{k % 7}" target="{k % 11}"/>' for k in range(90_000)]
    lines[100:5000] = ["<!-- a comment -->" + line for line in lines[100:5000]]
    nodes = "".join(f'<node id="{k}"/>' for k in range(11))
    text = f'<graphml><graph edgedefault="directed">{nodes}{"".join(lines)}</graph></graphml>'
    (folder / "noted.graphml").write_text(text)
    assert len(text) > _xml._LARGE
    met, start = Counter(), graphml._Reader.start

    def counted(self, tag, attributes):
        met[tag] += 1
        start(self, tag, attributes)

    monkeypatch.setattr(graphml._Reader, "start", counted)
    assert gr.io.read(folder / "noted.graphml").hidden.size == 77
    assert met["edge"] < 10_000
