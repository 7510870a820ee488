"""From measured data to a model: tables, SLN, weights between areas."""

from collections import Counter

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import graphrnn as gr
from graphrnn.connectome import Connectome
from graphrnn.connectome.provenance import source_file
from graphrnn.measured import area_graph, connectome, kinds_from_sln, levels_from_sln


def error_of(call, *arguments, **options):
    with pytest.raises((ValueError, TypeError)) as error:
        call(*arguments, **options)
    return str(error.value)


NEURONS = pd.DataFrame(
    {
        "neuron": ["s1", "s2", "i1", "m1", "mus", "odd"],
        "area": ["S", "S", "I", "M", "muscle", None],
        "transmitter": ["ach", "ach", "gaba", "ach", None, None],
    }
)
EDGES = pd.DataFrame(
    [
        ("s1", "i1", "chemical", 2.0),
        ("s1", "i1", "chemical", 4.0),
        ("i1", "m1", "chemical", 1.0),
        ("s1", "s2", "electrical", 3.0),
        ("s2", "s2", "electrical", 5.0),
        ("m1", "mus", "chemical", 9.0),
        ("m1", "odd", "chemical", 1.0),
        ("glia", "s1", "chemical", 1.0),
    ],
    columns=["pre", "post", "type", "weight"],
)
DROP = {"not_neurons": ["muscle"], "unknown": "drop"}


def links(net):
    names = net.names
    hidden = net.hidden
    weight = [None] * hidden.size if hidden.weight is None else hidden.weight.tolist()
    return {
        (str(names[pre]), str(names[post])): w
        for pre, post, w in zip(hidden.pre, hidden.post, weight, strict=True)
    }


# tables


def test_cells_that_are_no_neurons_are_dropped_and_reported():
    net = connectome(EDGES, NEURONS, **DROP)
    assert net.names.tolist() == ["s1", "s2", "i1", "m1"]
    assert links(net) == {
        ("s1", "i1"): 6.0,
        ("i1", "m1"): 1.0,
        ("s1", "s2"): 3.0,
        ("s2", "s1"): 3.0,
        ("s2", "s2"): 5.0,
    }
    assert dict(net.report) == {
        "merged": 1,
        "not_neurons": 1,
        "without_area": 1,
        "gap_junctions": 2,
        "unknown": 1,
        "dropped": 3,
    }
    choices = net.provenance.steps[-1]["choices"]
    assert choices["cells not_neurons"] == ["mus"]
    assert choices["cells without_area"] == ["odd"]
    assert choices["cells unknown"] == ["glia"]


def test_unknown_cells_can_be_kept():
    net = connectome(EDGES, NEURONS, not_neurons=["muscle"], unknown="keep")
    assert net.names[net.slice("unknown")].tolist() == ["odd", "glia"]
    assert {("m1", "odd"), ("glia", "s1")} < set(links(net))
    assert net.report["dropped"] == 1


@pytest.mark.parametrize(
    ("policy", "electrical"),
    [
        ("both", {("s1", "s2"), ("s2", "s1"), ("s2", "s2")}),
        ("as_listed", {("s1", "s2"), ("s2", "s2")}),
        ("drop", set()),
    ],
)
def test_gap_junctions(policy, electrical):
    net = connectome(EDGES, NEURONS, gap_junctions=policy, **DROP)
    assert {pair for pair in links(net) if pair[1].startswith("s")} == electrical
    if policy != "drop":
        assert set(links(net.select(type="electrical"))) == electrical


def test_gap_junctions_of_the_worm_as_its_loader_takes_them():
    from importlib import resources

    folder = resources.files("graphrnn.datasets").joinpath("celegans")
    with resources.as_file(folder) as path:
        net = connectome(
            path / "synapses.csv",
            path / "neurons.csv",
            columns={"synapses": "weight"},
            unknown="drop",
        )
    loaded = gr.datasets.celegans(gap_junctions=True)
    assert links(net.with_areas({})) == links(loaded)
    assert (net.report["gap_junctions"], net.report["dropped"]) == (569, 126)
    assert net.report["merged"] == loaded.report["merged"]
    step = net.provenance.steps[-1]
    assert [file["name"] for file in step["files"]] == ["synapses.csv", "neurons.csv"]
    with resources.as_file(folder) as path:
        assert step["files"][0] == source_file(path / "synapses.csv")


@pytest.mark.parametrize(
    ("rule", "weight"), [("sum", 6.0), ("mean", 3.0), ("max", 4.0), ("min", 2.0), ("count", 2.0)]
)
def test_parallel_rows_are_merged_by_a_stated_rule(rule, weight):
    net = connectome(EDGES, NEURONS, duplicates=rule, **DROP)
    assert links(net)["s1", "i1"] == weight
    assert links(net)["i1", "m1"] == 1.0


@pytest.mark.parametrize("rule", ["sum", "mean", "max", "min", "count"])
def test_merging_agrees_with_pandas(rule):
    rng = np.random.default_rng(0)
    edges = pd.DataFrame(rng.integers(0, 8, (300, 2)), columns=["pre", "post"])
    edges["weight"] = rng.normal(size=300)
    edges["delay"] = rng.uniform(1, 2, 300)
    neurons = pd.DataFrame({"neuron": range(8), "area": "a"})
    net = Connectome.from_edges(edges, neurons, duplicates=rule, delays="max")
    grouped = edges.groupby(["post", "pre"])
    np.testing.assert_allclose(net.hidden.weight, grouped["weight"].agg(rule).to_numpy())
    np.testing.assert_array_equal(net.hidden.delay, grouped["delay"].max().to_numpy())
    for how in ("min", "mean"):
        merged = Connectome.from_edges(edges, neurons, delays=how).hidden.delay
        np.testing.assert_allclose(merged, grouped["delay"].agg(how).to_numpy())


def test_rows_without_weights_can_be_counted():
    edges = pd.DataFrame({"pre": list("aab"), "post": list("bba")})
    net = connectome(edges, pd.DataFrame({"neuron": list("ab"), "area": "x"}), duplicates="count")
    assert links(net) == {("a", "b"): 2.0, ("b", "a"): 1.0}


def test_levels_kinds_and_signs_come_from_tables_of_their_own():
    net = connectome(
        EDGES,
        NEURONS,
        levels={"S": 0, "I": 1, "M": 1},
        kinds={("S", "I"): "lateral"},
        signs={"ach": 1, "gaba": -1},
        **DROP,
    )
    assert {(p.pre, p.post): p.kind for p in net.projections} == {
        ("S", "S"): "within",
        ("S", "I"): "lateral",
        ("I", "M"): "lateral",
    }
    assert net.sign.tolist() == [1, 1, -1, 1]
    by_area = NEURONS.drop(columns="transmitter").assign(sign=[1, 1, 1, 0, 0, 0])
    signed = connectome(EDGES, by_area, signs={"I": -1}, **DROP)
    assert signed.sign.tolist() == [1, 1, -1, 0]


def test_delays_are_made_of_distances():
    soma = NEURONS.assign(x=[0, 0, 3, 9, 9, 9], y=[0, 0, 4, 4, 0, 0])  # mm
    apart = connectome(EDGES, soma, **DROP).with_delays(velocity=5.0, shortest=0.0)
    assert dict(zip(links(apart), apart.hidden.delay, strict=True))["s1", "i1"] == 1.0
    net = connectome(EDGES, NEURONS, distances={("S", "I"): 7.0, ("I", "M"): 35.0}, velocity=7.0, **DROP)
    assert net.provenance.steps[-1]["choices"]["distances"] == {"S → I": 7.0, "I → M": 35.0}
    assert dict(zip(links(net), net.hidden.delay, strict=True)) == {
        ("s2", "s1"): 0.1,
        ("s1", "s2"): 0.1,
        ("s2", "s2"): 0.1,
        ("s1", "i1"): 1.0,
        ("i1", "m1"): 5.0,
    }
    assert net.provenance.steps[-1]["choices"]["velocity"] == 7.0


def test_areas_come_from_any_annotation():
    net = connectome(EDGES, NEURONS, area="transmitter", unknown="drop")
    assert [(a.name, a.size) for a in net.areas] == [("ach", 3), ("gaba", 1)]


@pytest.mark.parametrize(("extension", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_files_keep_names_that_look_like_something_else(tmp_path, extension, separator):
    """007 is no 7, NA is no missing value, an id of 18 digits keeps its last one."""
    names = ["007", "NA", "720575940600000001", "größe 1"]
    neurons = pd.DataFrame({"root_id": names, "cell type": "x", "level": 1.5})
    edges = pd.DataFrame({"source": names, "target": names[1:] + names[:1], "weight": [1, 2, 3, 4]})
    paths = [tmp_path / f"{what}{extension}" for what in ("edges", "neurons")]
    edges.to_csv(paths[0], sep=separator, index=False)
    neurons.to_csv(paths[1], sep=separator, index=False)
    net = connectome(
        paths[0],
        str(paths[1]),
        columns={"source": "pre", "target": "post", "root_id": "neuron"},
        area="cell type",
    )
    assert net.names.tolist() == names
    assert links(net) == dict(zip(zip(names, names[1:] + names[:1], strict=True), [1, 2, 3, 4], strict=True))
    assert net.areas[0].level == 1.5
    assert net.provenance.steps[-1]["files"] == [source_file(path) for path in paths]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_spreadsheets(tmp_path, separator):
    """A spreadsheet of half of Europe separates by semicolons."""
    for what, table in (("edges", EDGES), ("neurons", NEURONS)):
        table.to_csv(tmp_path / f"{what}.csv", sep=separator, index=False, encoding="utf-8-sig")
    net = connectome(tmp_path / "edges.csv", tmp_path / "neurons.csv", **DROP)
    assert net == connectome(EDGES, NEURONS, **DROP)


def test_the_record_says_all_and_tables_are_not_changed():
    before = EDGES.copy(), NEURONS.copy()
    net = connectome(EDGES, NEURONS, **DROP)
    pd.testing.assert_frame_equal(EDGES, before[0])
    pd.testing.assert_frame_equal(NEURONS, before[1])
    (step,) = net.provenance.steps
    assert step["step"] == "measured.connectome"
    assert step["report"] == dict(net.report)
    assert step["choices"]["columns left out"] == []
    counted = connectome(EDGES.rename(columns={"weight": "synapses"}), NEURONS.assign(side="L"), **DROP)
    assert counted.hidden.weight is None
    assert counted.provenance.steps[0]["choices"]["columns left out"] == ["synapses", "side"]
    assert set(step["choices"]) >= {
        "columns",
        "area",
        "not_neurons",
        "unknown",
        "gap_types",
        "gap_junctions",
        "duplicates",
        "delays",
        "levels",
        "kinds",
        "signs",
        "velocity",
        "shortest",
    }


TABLE_MESSAGES = [
    (
        {},
        "`measured.connectome(...)` needs an area for every neuron; 'odd' has none (1 such neurons "
        "in all). Give it "
        "one, or use unknown='drop' or 'keep'.",
    ),
    (
        {"neurons": NEURONS[:5], "not_neurons": ["muscle"]},
        "`measured.connectome(...)` needs both ends of every edge in the table of neurons; 'glia' is "
        "not there (2 "
        "such cells on 2 edges in all). Add them, or use unknown='drop' or 'keep'.",
    ),
    (
        {"edges": pd.concat([EDGES, EDGES[3:4].rename(columns={"pre": "post", "post": "pre"})])},
        "`measured.connectome(...)` would count gap junctions twice: the table lists 's1' – 's2' in "
        "both directions "
        "(1 such pairs in all). Use gap_junctions='as_listed', or list each once.",
    ),
    (
        {"edges": EDGES.rename(columns={"pre": "from"})},
        "`measured.connectome(...)` needs the column pre in the table of edges; its columns are "
        "from, post, type, "
        "weight. Name it with columns={'the name in the table': 'pre'}.",
    ),
    (
        {"neurons": NEURONS.assign(neuron=list("uvwxyz"), area="A")},
        "`measured.connectome(...)` found no end of any edge in the table of neurons: the edges name 's1', "
        "the neurons 'u'. Take both names from the same kind of ids.",
    ),
    (
        {"neurons": NEURONS.assign(neuron=[1e17, 2, 3, 4, 5, 6])},
        "`measured.connectome(...)` needs names or whole numbers in the column `neuron` of the neurons; it "
        "holds floats, which round an id as long as 100000000000000000. Read the table anew with dtype=str.",
    ),
    (
        {"columns": {"wieght": "weight"}},
        "`measured.connectome(...)` found no column 'wieght', which `columns` renames: the edges have pre, "
        "post, type, weight; the neurons have neuron, area, transmitter. Write "
        "columns={'the name in the table': 'pre'}.",
    ),
    (
        {"area": "region"},
        "`measured.connectome(...)` needs the column region in the table of neurons; its columns are "
        "neuron, area, "
        "transmitter. Name it with columns={'the name in the table': 'region'} or `area`.",
    ),
    (
        {"duplicates": "first"},
        "`measured.connectome(...)` needs `duplicates` to be one of sum, mean, max, min, count, "
        "error; it got "
        "'first'.",
    ),
    (
        {"not_neurons": "muscle"},
        "`measured.connectome(...)` needs a list of names as `not_neurons`; it got 'muscle'.",
    ),
    (
        {"signs": {"gaba": -2}},
        "`measured.connectome(...)` needs 1, -1 or 0 as the sign of 'gaba'; it got -2.",
    ),
    (
        {"signs": {"glu": 1}},
        "`measured.connectome(...)` found no transmitter named 'glu'. There is 'ach', 'gaba'.",
    ),
    (
        {"levels": {"X": 1}},
        "`measured.connectome(...)` found no area named 'X'. There is 'I', 'M', 'S', 'muscle'.",
    ),
    (
        {"levels": [1]},
        "`measured.connectome(...)` needs levels as a mapping from area names or a pandas Series; it "
        "got list.",
    ),
    (
        {"columns": {"weight": "type"}},
        "`measured.connectome(...)` needs columns of different names in the table of edges; two are "
        "'type' after "
        "`columns` renamed some. Drop one of them.",
    ),
    (
        {"edges": 3},
        "`measured.connectome(...)` needs a pandas DataFrame or the path of a .csv or .tsv file; it got int.",
    ),
    (
        {"edges": "edges.xlsx"},
        "`measured.connectome(...)` cannot read the file 'edges.xlsx': No such file or directory.",
    ),
]


@pytest.mark.parametrize(("options", "message"), TABLE_MESSAGES)
def test_messages_of_tables(options, message):
    given = {"edges": EDGES, "neurons": NEURONS, **options}
    if options and "neurons" not in options:
        given["unknown"] = "drop"
    assert error_of(connectome, **given) == message


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "e.xlsx").write_bytes(b"PK")
    assert error_of(connectome, tmp_path / "e.xlsx", NEURONS) == (
        "`measured.connectome(...)` reads .csv and .tsv files; 'e.xlsx' is neither. Read it with "
        "pandas, with dtype=str for ids, and pass the DataFrame."
    )
    (tmp_path / "e.csv").write_bytes(b"\xff\xfe\x00")
    assert error_of(connectome, tmp_path / "e.csv", NEURONS).startswith(
        "`measured.connectome(...)` cannot read 'e.csv' as a table: "
    )
    (tmp_path / "e.csv").write_bytes(b"")
    assert error_of(connectome, tmp_path / "e.csv", NEURONS) == (
        "`measured.connectome(...)` cannot read 'e.csv' as a table: No columns to parse from file."
    )


# SLN


def square(pairs, areas):
    table = pd.DataFrame(np.nan, index=areas, columns=areas)
    for (pre, post), value in pairs.items():
        table.loc[post, pre] = value
    return table


SLN = {
    ("A", "B"): 0.9,
    ("B", "A"): 0.1,
    ("B", "C"): 0.65,
    ("C", "B"): 0.35,
    ("A", "C"): 0.651,
    ("C", "A"): 0.349,
}


@pytest.mark.parametrize(
    "form",
    [
        lambda pairs: pairs,
        lambda pairs: square(pairs, list("CABD")),
        lambda pairs: pd.DataFrame([(*p, v) for p, v in pairs.items()], columns=["pre", "post", "sln"]),
    ],
    ids=["mapping", "square", "long"],
)
def test_kinds_follow_from_sln(form):
    kinds = kinds_from_sln(form(SLN))
    assert kinds == {
        ("A", "B"): "forward",
        ("B", "A"): "backward",
        ("B", "C"): "lateral",
        ("C", "B"): "lateral",
        ("A", "C"): "forward",
        ("C", "A"): "backward",
    }
    assert Counter(kinds_from_sln(form(SLN), forward=0.5, backward=0.5).values()) == {
        "forward": 3,
        "backward": 3,
    }


@pytest.mark.parametrize("seed", range(3))
def test_levels_are_found_again(seed):
    """SLN made of levels gives these levels back, whatever projections there are."""
    rng = np.random.default_rng(seed)
    level = dict(zip("ABCDEF", [0.0, *rng.uniform(0, 3, 5)], strict=True))
    graph = nx.gnp_random_graph(6, 0.3, seed=seed, directed=True)
    nx.add_path(graph, range(6))
    pairs = {("ABCDEF"[i], "ABCDEF"[j]) for i, j in graph.edges}
    sln = {(pre, post): 1 / (1 + np.exp(level[pre] - level[post])) for pre, post in pairs}
    found = levels_from_sln(sln)
    assert found.keys() == level.keys()
    assert found == pytest.approx(level, abs=1e-9)


def test_levels_fit_in_least_squares():
    """Two projections that disagree meet in the middle; 0 and 1 count as the clip."""
    found = levels_from_sln({("A", "B"): 1.0, ("B", "A"): 0.2})
    one, two = np.log(0.99 / 0.01), np.log(0.8 / 0.2)
    assert found["B"] - found["A"] == pytest.approx((one + two) / 2)
    assert min(found.values()) == 0


def test_levels_and_kinds_enter_a_connectome():
    net = Connectome.from_edges(
        pd.DataFrame({"pre": list("abc"), "post": list("bca")}),
        pd.DataFrame({"neuron": list("abc"), "area": list("ABC")}),
    )
    assert [p.kind for p in net.with_kinds(kinds_from_sln(SLN)).projections] == [
        "backward",
        "forward",
        "lateral",
    ]
    assert [p.kind for p in net.with_levels(levels_from_sln(SLN)).projections] == [
        "backward",
        "forward",
        "backward",
    ]


SLN_MESSAGES = [
    (
        lambda: kinds_from_sln(pd.DataFrame({"SOURCE": ["V1"], "TARGET": ["V2"], "SLN": [0.7]})),
        "`kinds_from_sln(...)` needs the columns pre, post and sln, or a table with rows post and columns "
        "pre; this one has SOURCE, TARGET, SLN. Rename them with DataFrame.rename.",
    ),
    (
        lambda: kinds_from_sln({("A", "B"): 1.2}),
        "`kinds_from_sln(...), 'A' → 'B'` needs `sln` from 0 to 1; it got 1.2.",
    ),
    (
        lambda: kinds_from_sln(SLN, forward=0.3),
        "`kinds_from_sln(...)` needs `backward` of at most `forward`; it got backward=0.35 and forward=0.3.",
    ),
    (
        lambda: kinds_from_sln([0.5]),
        "`kinds_from_sln(...)` needs `sln` as a mapping from (pre, post) areas to numbers, a "
        "DataFrame with columns "
        "pre, post and sln, or a DataFrame with rows post and columns pre; it got list.",
    ),
    (
        lambda: kinds_from_sln(pd.DataFrame({"pre": ["A"], "post": ["B"], "SLN": [1]})),
        "`kinds_from_sln(...)` needs the columns pre, post and sln, or a table with rows post and columns "
        "pre; this one has pre, post, SLN. Rename them with DataFrame.rename.",
    ),
    (
        lambda: kinds_from_sln(pd.DataFrame({"pre": ["A", "A"], "post": ["B", "B"], "sln": [0.1, 0.2]})),
        "`kinds_from_sln(...)` needs one number for each pair in `sln`; 'A' → 'B' has two.",
    ),
    (
        lambda: levels_from_sln({("A", "A"): 0.5}),
        "`levels_from_sln(...)` needs the SLN of at least one projection between two areas.",
    ),
    (
        lambda: levels_from_sln({("A", "B"): 0.5, ("C", "D"): 0.5}),
        "`levels_from_sln(...)` needs projections that join all areas; none leads, either way and "
        "over any areas, "
        "from 'A' to 'C'. Find the levels of each part alone.",
    ),
    (lambda: levels_from_sln(SLN, clip=0.5), "`levels_from_sln(...)` needs `clip` below 0.5; it got 0.5."),
]


@pytest.mark.parametrize(("call", "message"), SLN_MESSAGES)
def test_messages_of_sln(call, message):
    assert error_of(call) == message


# weights between areas

SIZES = {"A": 40, "B": 30, "C": 50}
FLN = {("A", "B"): 0.6, ("C", "B"): 0.4, ("B", "A"): 0.9, ("C", "A"): 0.1, ("A", "C"): 1.0}


def rules(graph):
    return {(pre, post): rule for pre, post, rule in graph.edges(data="rule")}


def test_fln_become_densities_under_a_total_in_degree():
    graph = area_graph(FLN, SIZES, total=10)
    for (pre, post), rule in rules(graph).items():
        assert rule.p == pytest.approx(10 * FLN[pre, post] / SIZES[pre])
    net = graph.compile(seed=0)
    mean = net.counts().sum(1) / list(SIZES.values())
    np.testing.assert_allclose(mean, 10, rtol=0.1)


@pytest.mark.parametrize("total", [7, 10, 13])
def test_in_degrees_are_whole_and_sum_to_the_total(total):
    fln = {("A", "B"): 1 / 3, ("C", "B"): 2 / 3, ("B", "A"): 0.5, ("C", "A"): 0.5, ("A", "C"): 1.0}
    net = area_graph(fln, SIZES, total=total, rule="indegree").compile(seed=0)
    np.testing.assert_array_equal(net.hidden.in_degree, total)
    k = {pair: rule.k for pair, rule in rules(area_graph(fln, SIZES, total=total, rule="indegree")).items()}
    for pair, number in k.items():
        assert abs(number - total * fln[pair]) < 1


@pytest.mark.parametrize(
    ("of", "total", "expected"), [("synapses", 600, 600), ("density", 0.1, 0.1 * 2 * 4700)]
)
def test_counts_share_a_number_of_synapses(of, total, expected):
    counts = {("A", "B"): 10, ("B", "A"): 20, ("C", "A"): 70}
    graph = area_graph(counts, SIZES, total=total, of=of, rule="number")
    numbers = {pair: rule.n for pair, rule in rules(graph).items()}
    assert sum(numbers.values()) == expected
    for pair, number in numbers.items():
        assert number == pytest.approx(expected * counts[pair] / 100, abs=1)


@pytest.mark.parametrize("empty", [np.nan, 0.0])
def test_streamlines_count_both_ways_and_weak_ones_go(empty):
    half = [[empty, 30.0, 2.0], [empty, empty, 5.0], [empty] * 3]
    counts = pd.DataFrame(half, index=list("ABC"), columns=list("ABC"))
    graph = area_graph(counts, SIZES, total=100, of="synapses", rule="number", symmetric=True, minimum=3)
    assert {pair: rule.n for pair, rule in rules(graph).items()} == {
        ("A", "B"): 43,
        ("B", "A"): 43,
        ("B", "C"): 7,
        ("C", "B"): 7,
    }


def test_kinds_levels_and_what_areas_have():
    bare = area_graph(FLN, SIZES, total=5)
    assert {p.kind for p in bare.compile(seed=0).projections} == {"unclassified"}
    graph = area_graph(
        FLN,
        SIZES,
        total=5,
        levels={"A": 0, "B": 1, "C": 2},
        kinds={("A", "B"): "lateral"},
        within={"A": 0.2},
        tau={"A": 20.0},
        excitatory=0.8,
    )
    net = graph.compile(seed=0)
    assert {(p.pre, p.post): p.kind for p in net.projections} == {
        ("A", "B"): "lateral",
        ("C", "B"): "backward",
        ("B", "A"): "backward",
        ("C", "A"): "backward",
        ("A", "C"): "forward",
        ("A", "A"): "within",
    }
    assert (net.tau[net.slice("A")] == 20).all()
    assert (net.sign == 1).sum() == 32 + 24 + 40
    assert rules(area_graph(FLN, SIZES, total=5, within=0.3))["C", "C"].p == 0.3


def test_what_asks_too_much_is_refused_or_cut_off():
    weights = {("A", "B"): 0.9, ("C", "B"): 0.1}
    assert error_of(area_graph, weights, SIZES, total=50) == (
        "`measured.area_graph(...)` would need 1350 synapses from 'A' to 'B', where 1200 are "
        "possible (1 such "
        "projections in all). Lower the total, enlarge the areas or use excess='cap'."
    )
    capped = rules(area_graph(weights, SIZES, total=50, excess="cap"))
    assert (capped["A", "B"].p, capped["C", "B"].p) == (1.0, pytest.approx(0.1))
    whole = rules(area_graph(weights, SIZES, total=50, excess="cap", rule="indegree"))
    assert (whole["A", "B"].k, whole["C", "B"].k) == (40, 5)


def test_the_provenance_goes_through_toml_and_compiling(tmp_path):
    graph = area_graph(FLN, SIZES, total=5, rule="indegree")
    gr.io.write(graph, tmp_path / "areas.toml")
    for drawn in (graph, gr.io.read(tmp_path / "areas.toml")):
        net = drawn.compile(seed=4)
        one, two = net.provenance.steps
        assert (one["step"], two["step"], two["seed"]) == ("measured.area_graph", "graph.compile", 4)
        assert one["choices"]["of"] == "indegree"
        assert one["choices"]["weights"] == [0, 0.9, 0.1, 0.6, 0, 0.4, 1.0, 0, 0]


AREA_MESSAGES = [
    (
        lambda: area_graph(FLN, {"A": 3, "B": 4}, total=1),
        "`measured.area_graph(...), sizes` found no area named 'C'. There is 'A', 'B'.",
    ),
    (
        lambda: area_graph({("A", "B"): -1}, SIZES, total=1),
        "`measured.area_graph(...), 'A' → 'B'` needs `weight` to be finite and not below 0; it got -1.0.",
    ),
    (
        lambda: area_graph(FLN, SIZES, total=2, of="density"),
        "`measured.area_graph(...)` needs `total` from 0 to 1; it got 2.",
    ),
    (
        lambda: area_graph(FLN, SIZES, total=2, rule="Bernoulli"),
        "`measured.area_graph(...)` needs `rule` to be one of density, indegree, number; it got 'Bernoulli'.",
    ),
    (
        lambda: area_graph(FLN, [1, 2], total=2),
        "`measured.area_graph(...)` needs `sizes` as a mapping from area names to numbers of "
        "neurons; it got list.",
    ),
    (
        lambda: area_graph(FLN, SIZES, total=2, within={"Q": 0.1}),
        "`measured.area_graph(...)` found no area named 'Q'. There is 'A', 'B', 'C'.",
    ),
]


@pytest.mark.parametrize(("call", "message"), AREA_MESSAGES)
def test_messages_of_area_weights(call, message):
    assert error_of(call) == message


def test_no_weight_is_no_projection():
    assert area_graph({}, SIZES, total=5).number_of_edges() == 0
    assert area_graph({("A", "B"): 0.0}, SIZES, total=5, of="synapses").number_of_edges() == 0


def test_names_of_areas_may_be_numbers():
    weights = pd.DataFrame([[np.nan, 1.0], [2.0, np.nan]], index=[1, "V.*"], columns=[1, "V.*"])
    graph = area_graph(weights, {"1": 5, "V.*": 6}, total=2, rule="indegree")
    assert set(rules(graph)) == {("V.*", "1"), ("1", "V.*")}
