import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import graphrnn as gr
from graphrnn.cli import main, networks, pictures, tables
from graphrnn.training import load_checkpoint

TOML = """\
[[input]]
name = "evidence"
size = 2

[[area]]
name = "V1"
size = 20
excitatory = 0.8

[[area]]
name = "PFC"
size = 10
excitatory = 0.8

[[readout]]
name = "answer"
size = 2

[[projection]]
pre = "evidence"
post = "V1"

[[projection]]
pre = "V1"
post = "PFC"
rule = 0.5

[[projection]]
pre = "PFC"
post = "V1"
rule = { type = "FixedIndegree", k = 3 }

[[projection]]
pre = "PFC"
post = "answer"
"""
ENDINGS = ", ".join(gr.io._FORMATS)
QUICK = ["--epochs", "1", "--trials", "64", "--threads", "1"]
TRAIN = ["train", "net.toml", "--task", "perceptual-decision", "--out", "run"]
RUN = ["network.npz", "settings.json", "checkpoint.pt", "training.csv", "training.png", "layers.png"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.toml").write_text(TOML)
    return tmp_path


def run(capsys, *words):
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def columns(line):
    return re.split(r" {2,}", line.strip())


def test_describe_prints_every_area_and_projection(capsys):
    code, out, err = run(capsys, "describe", "net.toml", "--seed", "3")
    net = gr.io.read("net.toml").compile(seed=3)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == (
        f"30 neurons in 2 areas, {net.hidden.size} synapses; evidence (2 inputs); answer (2 readouts); seed 3"
    )
    assert [columns(line)[0] for line in lines[3:5]] == ["V1", "PFC"]
    names, v1 = columns(lines[2]), columns(lines[3])
    table = gr.statistics.areas(net).loc["V1"]
    cells = dict(zip(names, v1, strict=True))
    assert (cells["neurons"], cells["exc"], cells["inh"], cells["reciprocity"]) == ("20", "16", "4", "–")
    assert (cells["in-degree"], table["in_degree_mean"], table["in_degree_max"]) == ("3.0 (3 to 3)", 3, 3)
    assert "Of the synapses onto an area, % that are" in lines
    projections = lines[lines.index(next(line for line in lines if line.startswith("pre"))) + 1 :]
    assert [columns(line)[:3] for line in projections[: len(net.projections)]] == [
        [p.pre, p.post, p.kind] for p in net.projections
    ]
    assert lines[-1] == "Checks: nothing found"


def test_describe_takes_the_worm_and_writes_whole_tables(capsys, folder):
    code, out, _ = run(capsys, "describe", "celegans", "--out", "tables/worm")
    assert code == 0
    assert out.startswith("302 neurons in 14 areas, 2266 synapses\n")
    assert (
        "\nWhen the wiring was read:\n  120 edges left out, because an end is no neuron of the table\n" in out
    )
    net = gr.datasets.celegans()
    areas = pd.read_csv(folder / "tables" / "worm" / "areas.csv", index_col="area")
    pd.testing.assert_frame_equal(areas, gr.statistics.areas(net), check_dtype=False, check_index_type=False)
    projections = pd.read_csv(folder / "tables" / "worm" / "projections.csv")
    pd.testing.assert_frame_equal(projections, gr.statistics.projections(net), check_dtype=False)


def test_describe_a_network_without_synapses(capsys):
    graph = gr.AreaGraph()
    graph.add_area("alone", 1)
    gr.io.write(graph.compile(seed=0), "net.npz")
    code, out, _ = run(capsys, "describe", "net.npz")
    assert code == 0
    assert out.startswith("1 neuron in 1 area, 0 synapses; seed 0\n")
    assert "Of the synapses onto an area" not in out
    assert "Checks: 1 thing to look at\n  'alone': no synapse runs onto" in out


def test_what_cannot_be_described_is_to_be_converted(capsys):
    Path("edges.csv").write_text("a,b\n1,2\n")
    assert run(capsys, "describe", "edges.csv") == (
        2,
        "",
        "graphrnn describe: error: edges.csv: needs a column for pre and post in its table of edges; it has "
        "'a', 'b'. Say which with graphrnn convert edges.csv net.npz --column pre=NAME --column post=NAME, "
        "or put a row of names at the top where there is none; in a matrix with "
        "names before its rows and above its columns, empty the first cell.\n",
    )


def test_edges_of_strangers_are_to_be_dropped_by_convert(capsys):
    Path("edges.csv").write_text("pre,post\n1,2\n1,9\n")
    Path("edges.nodes.csv").write_text("neuron\n1\n2\n")
    assert run(capsys, "describe", "edges.csv") == (
        2,
        "",
        "graphrnn describe: error: edges.csv: needs both ends of every edge in the table of nodes; '9' of "
        "edge 2 is not there (1 such edges in all). Add the neuron, or leave these edges out with graphrnn "
        "convert edges.csv net.npz --unknown drop.\n",
    )
    assert run(capsys, "convert", "edges.csv", "net.npz", "--unknown", "drop")[0] == 0
    assert run(capsys, "describe", "net.npz")[0] == 0


def test_compile_draws_what_the_library_draws(capsys):
    code, out, _ = run(capsys, "compile", "net.toml", "-o", "net.npz", "--seed", "7")
    net = gr.io.read("net.toml").compile(seed=7)
    assert code == 0
    assert gr.io.read("net.npz") == net
    assert out == (
        f"wrote net.npz: 30 neurons in 2 areas, {net.hidden.size} synapses; evidence (2 inputs); "
        "answer (2 readouts); seed 7\n"
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a training run in `run`."""
    place = tmp_path_factory.mktemp("trained")
    (place / "net.toml").write_text(TOML)
    words = ["train", str(place / "net.toml"), "--task", "perceptual-decision", "--out", str(place / "run")]
    assert main([*words, "--epochs", "2", "--trials", "128", "--threads", "1", "--seed", "3"]) == 0
    return place / "run"


def test_describe_shows_what_training_changed(capsys, trained):
    capsys.readouterr()
    code, out, err = run(capsys, "describe", str(trained))
    assert (code, err) == (0, "")
    lines = out[out.index("What training changed") :].splitlines()
    assert columns(lines[1]) == ["weights", "synapses", "mean |w| before", "after", "mean |change|"]
    net = gr.io.read(trained / "network.npz")
    rnn = gr.CTRNN(net, dt=20.0, preact_noise=0.05)
    load_checkpoint(trained / "checkpoint.pt", rnn)
    row = next(columns(line) for line in lines if line.startswith("forward"))
    after = rnn.to_connectome().select(kind="forward").hidden.weight
    assert row[1] == str(after.size)
    assert float(row[3]) == pytest.approx(abs(after).mean(), rel=5e-3)
    assert run(capsys, "describe", str(trained / "checkpoint.pt"))[1] == out


def test_the_change_of_weights_compares_the_synapses_that_rewiring_left():
    before, after = (
        gr.Connectome.from_matrix(np.array(weights))
        for weights in ([[0, 2, 0], [0, 0, 1], [4, 0, 0]], [[0, 3, 0], [8, 0, 0], [4, 0, 0]])
    )
    lines = tables.change_table(before, after).splitlines()
    assert columns(lines[2]) == ["within", "3", "2.33", "5", "16.7 %"]
    assert (
        lines[3]
        == "mean |change|: in % of the mean |w| before, of the synapses that stayed; rewiring moved 1"
    )


def test_a_run_begins_with_the_weights_that_its_seed_gives(trained):
    this = trained_run(trained)
    rnn = gr.CTRNN(this.wiring, dt=20.0, preact_noise=0.05, generator=torch.Generator().manual_seed(3))
    assert this.before == rnn.to_connectome()
    assert this.before != this.after


def trained_run(folder):
    from graphrnn.cli.trained import run_of

    return run_of(str(folder))


@pytest.mark.parametrize("what", pictures.PICTURES)
def test_plot_draws_every_picture_of_a_run(capsys, folder, trained, what):
    capsys.readouterr()
    assert run(capsys, "plot", str(trained), "--what", what, "-o", "p.png") == (0, "wrote p.png\n", "")
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", [name for name, p in pictures.PICTURES.items() if p.of == "any"])
def test_plot_draws_every_picture_of_a_graph(capsys, folder, what):
    assert run(capsys, "plot", "net.toml", "--what", what, "-o", "p.png") == (0, "wrote p.png\n", "")


def test_plot_hands_options_on(capsys, folder):
    for words in (
        ["area-graph", "--layout", "free", "--strongest", "1"],
        ["area-matrix", "--quantity", "probability", "--log"],
        ["degrees", "--direction", "out", "--per", "projection"],
        ["spectrum", "--per", "area"],
    ):
        assert run(capsys, "plot", "net.toml", "--what", *words, "-o", "q.png")[0] == 0
        assert run(capsys, "plot", "net.toml", "--what", words[0], "-o", "p.png")[0] == 0
        assert (folder / "p.png").read_bytes() != (folder / "q.png").read_bytes()


def test_a_run_can_be_drawn_as_it_was_before_training(capsys, folder, trained):
    for name, words in (("p.png", []), ("q.png", ["--before"])):
        assert run(capsys, "plot", str(trained), "--what", "weights", "-o", name, *words)[0] == 0
    assert (folder / "p.png").read_bytes() != (folder / "q.png").read_bytes()
    message = "takes --before for pictures of one network only; this is training. Leave it out."
    words = ["plot", str(trained), "--what", "training", "--before", "-o", "p.png"]
    assert run(capsys, *words) == (2, "", f"graphrnn plot: error: {message}\n")


def test_a_damaged_checkpoint_is_named(capsys, folder, trained):
    shutil.copytree(trained, folder / "cut")
    (folder / "cut" / "checkpoint.pt").write_bytes((trained / "checkpoint.pt").read_bytes()[:999])
    message = (
        "cut/checkpoint.pt: cannot read this file: it is truncated, damaged or not a checkpoint of graphrnn."
    )
    assert run(capsys, "describe", "cut") == (2, "", f"graphrnn describe: error: {message}\n")


def test_list_names_every_picture(capsys):
    with pytest.raises(SystemExit) as end:
        main(["plot", "--list"])
    out, _ = capsys.readouterr()
    assert end.value.code == 0
    listed = re.findall(r"^  (\S+)  +\S", out, re.MULTILINE)
    assert sorted(listed) == sorted(pictures.PICTURES)


@pytest.mark.parametrize("what", ["masks", "area-graph"])
@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("b.PDF", b"%PDF"), ("c.svg", b"<?xml")])
def test_plot_writes_a_picture(capsys, folder, what, name, start):
    code, out, _ = run(capsys, "plot", "net.toml", "--what", what, "-o", name)
    assert (code, out) == (0, f"wrote {name}\n")
    assert (folder / name).read_bytes().startswith(start)


def test_layers_leave_out_the_ends_that_a_network_has_not():
    figure = pictures.PICTURES["layers"].draw(gr.datasets.celegans())
    assert [axes.get_label() for axes in figure.axes[0].child_axes if axes.images] == ["hidden"]
    assert len(figure.axes[0].child_axes) == 2


def test_legends_of_describe_speak_of_the_columns_that_are_there(capsys):
    worm, drawn = (run(capsys, "describe", name)[1] for name in ("celegans", "net.toml"))
    for word in ("silent", "from input", "E/I balance"):
        assert (word in worm, word in drawn) == (False, True), word


def test_describe_says_of_edges_cells_and_rows_what_became_of_them(capsys):
    edges = pd.DataFrame(
        {
            "pre": ["a", "a", "a", "a", "x"],
            "post": ["b", "b", "b", "m", "a"],
            "type": ["c", "c", "gap", "c", "c"],
        }
    )
    cells = pd.DataFrame({"neuron": ["a", "b", "m"], "area": ["A", "B", "muscle"]})
    gr.io.write(
        gr.measured.connectome(edges, cells, not_neurons=["muscle"], unknown="drop", duplicates="count"),
        "m.npz",
    )
    assert run(capsys, "describe", "m.npz")[1].endswith(
        "\n\nWhen the wiring was read:\n"
        "  2 edges merged into another of the same pair\n"
        "  1 cell left out as no neuron\n"
        "  1 cell at the end of an edge, but not in the table of neurons\n"
        "  2 edges left out, because an end is no neuron of the table\n"
        "  1 row of gap junctions\n"
    )


def test_train_leaves_all_of_a_run(capsys, folder):
    code, out, _ = run(capsys, "train", "net.toml", "--task", "perceptual-decision", "--out", "run", *QUICK)
    assert code == 0
    files = [*RUN, "psychometric.csv", "psychometric.png"]
    assert sorted(path.name for path in (folder / "run").iterdir()) == sorted(files)
    assert out.splitlines()[-1] == f"wrote to run: {', '.join(files)}"
    assert re.search(
        r"^\d+\.\d% of 1200 held-out trials are decided rightly; 17% of them hold no evidence$",
        out,
        re.MULTILINE,
    )
    net = gr.io.read("run/network.npz")
    assert net == gr.io.read("net.toml").compile(seed=0)
    load_checkpoint("run/checkpoint.pt", gr.CTRNN(net, dt=20.0))


@pytest.mark.parametrize("task", ["delayed-match-to-sample", "context-decision"])
def test_train_adds_ends_to_areas(capsys, folder, task):
    ends = ["--input-area", "sensory", "--readout-area", "motor-head", "motor-cord"]
    code, out, _ = run(capsys, "train", "celegans", "--task", task, "--out", "run", *ends, *QUICK)
    assert code == 0
    net = gr.io.read("run/network.npz")
    assert {p.post for p in net.projections if p.kind == "input"} == {"sensory"}
    assert {p.pre for p in net.projections if p.kind == "readout"} == {"motor-head", "motor-cord"}
    assert out.splitlines()[-1] == f"wrote to run: {', '.join(RUN)}"


def test_train_goes_on_where_it_stopped(capsys):
    words = ["train", "net.toml", "--task", "perceptual-decision", *QUICK, "--seed", "5"]
    assert main([*words, "--out", "once", "--epochs", "3"]) == 0
    assert main([*words, "--out", "twice"]) == 0
    assert main([*words, "--out", "twice", "--epochs", "3", "--resume"]) == 0
    once, twice = (pd.read_csv(f"{name}/training.csv").drop(columns="seconds") for name in ("once", "twice"))
    pd.testing.assert_frame_equal(once, twice, check_exact=True)
    assert len(once) == 3
    capsys.readouterr()


GO_ON = "Go on with the same, or give another folder."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "found a checkpoint in 'run'. Go on with --resume, or give another folder."),
        (
            ["--resume", "--tau", "50"],
            f"found a run with tau None in 'run'; this call has 50.0. {GO_ON}",
        ),
        (
            ["--resume", "--trials", "65"],
            f"found a run with trials 64 in 'run'; this call has 65. {GO_ON}",
        ),
        (["--resume"], "found a run of another network in 'run'. Give the same FILE, or another folder."),
    ],
)
def test_two_runs_do_not_mix_in_one_folder(capsys, folder, words, message):
    assert main([*TRAIN, *QUICK]) == 0
    before = {path: path.read_bytes() for path in (folder / "run").iterdir()}
    (folder / "net.toml").write_text(TOML.replace("0.5", "0.6"))
    capsys.readouterr()
    assert run(capsys, *TRAIN, *QUICK, *words) == (2, "", f"graphrnn train: error: {message}\n")
    assert {path: path.read_bytes() for path in (folder / "run").iterdir()} == before


def test_train_keeps_to_the_signs_on_request(capsys):
    words = ["train", "net.toml", "--task", "perceptual-decision", "--out", "run", "--dale", "--tau", "50"]
    assert main([*words, *QUICK]) == 0
    rnn = gr.CTRNN(gr.io.read("run/network.npz"), dt=20.0, tau=50.0, dale=True)
    load_checkpoint("run/checkpoint.pt", rnn)


def test_the_demo_learns_to_decide(capsys, folder):
    code, out, err = run(capsys, "demo", "--trials", "1000", "--epochs", "6")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith(
        "C. elegans: 302 neurons in 14 areas, 2266 synapses; stimulus (2 inputs); choice (2"
    )
    areas = [columns(line)[0] for line in lines[3:17]]
    assert areas == [area.name for area in gr.datasets.celegans().areas]
    clear = re.search(r"^at coherences of 12.8 % and above: (\d+\.\d)%$", out, re.MULTILINE)
    assert float(clear[1]) >= 90
    files = [
        "areas.csv",
        "projections.csv",
        *RUN,
        "psychometric.csv",
        "psychometric.png",
        "area-graph.png",
        "masks.png",
    ]
    assert lines[-1] == f"wrote to graphrnn-demo: {', '.join(files)}"
    assert sorted(path.name for path in (folder / "graphrnn-demo").iterdir()) == sorted(files)
    assert "training on perceptual-decision: 6 epochs of 1000 trials\n" in err
    net = gr.io.read("graphrnn-demo/network.npz")
    assert {p.post for p in net.projections if p.kind == "input"} == {"sensory"}
    motor = {"motor-head", "motor-sublateral", "motor-cord", "motor-sex", "pharynx-motor"}
    assert {p.pre for p in net.projections if p.kind == "readout"} == motor
    again = run(capsys, "demo", "--trials", "1000", "--epochs", "6", "--out", "again")[1]
    assert again.splitlines()[:-1] == lines[:-1]


def test_a_demo_that_did_not_learn_says_so(capsys):
    code, _, err = run(capsys, "demo", "--trials", "1", "--epochs", "1", "--out", "short")
    assert code == 1
    assert err.splitlines()[-1] == "graphrnn demo: fewer than 90% are right. Train longer, with --epochs."


GIVE = (
    "Give a .toml area graph, a .npz, .csv or other network, a folder that graphrnn train wrote, or celegans."
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["describe", "no.toml"],
            f"found no file 'no.toml'. {GIVE}",
        ),
        (
            ["describe", "celegan"],
            f"found no file 'celegan'. {GIVE}",
        ),
        (
            ["describe", "bad.toml"],
            "bad.toml: cannot read this file as TOML: expected '=' after a key in a key/value "
            "pair (at line 1, column 6). Correct it there.",
        ),
        (
            ["describe", "typo.toml"],
            "typo.toml: does not know the key 'excitatroy' in area 'V1'. Did you mean 'excitatory'?",
        ),
        (
            ["describe", "cut.npz"],
            "cut.npz: cannot read this file: it is truncated, damaged or no .npz file of plain arrays. Take "
            "another copy.",
        ),
        (
            ["describe", "empty.toml"],
            "empty.toml: needs at least one area.",
        ),
        (
            ["describe", "notes.txt"],
            f"notes.txt: needs a file name that ends in one of {ENDINGS}; it ends in .txt.",
        ),
        (
            ["describe", "celegans", "--out", "net.toml"],
            "needs a folder for --out; 'net.toml' is a file. Give another name.",
        ),
        (
            ["compile", "net.toml", "-o", "net.pt"],
            "needs a file name that ends in .npz for --output; it got 'net.pt'.",
        ),
        (
            ["compile", "celegans", "-o", "net.npz"],
            "needs an area graph, a .toml file; the synapses of 'celegans' are drawn already.",
        ),
        (
            ["compile", "net.toml", "-o", "no/net.npz"],
            "found no folder 'no'. Create it first.",
        ),
        (
            ["plot", "net.toml", "--what", "masks", "-o", "fig.gif"],
            "needs a file name that ends in .png, .pdf, .svg for --output; it got 'fig.gif'.",
        ),
        (
            ["plot", "net.toml", "--what", "masks", "-o", "no/fig.png"],
            "found no folder 'no'. Create it first.",
        ),
        ([*TRAIN, "--input-area", "V1"], "found 2 inputs in the network already. Leave out --input-area."),
        (
            [*TRAIN, "--readout-area", "V1"],
            "found 2 readouts in the network already. Leave out --readout-area.",
        ),
        (
            ["train", "net.toml", "--task", "context-decision", "--out", "run"],
            "needs 6 inputs for context-decision; the network has 2. Draw 6 in the area graph, or choose "
            "another task.",
        ),
        (
            ["train", "celegans", *TRAIN[2:], "--input-area", "sensory"],
            "needs 2 readouts for perceptual-decision; the network has 0. Draw 2 in the area graph, or add "
            "them with --readout-area; the areas are sensory, interneuron-3, interneuron-4, interneuron-2, "
            "interneuron-1, interneuron-pharynx-link, pharynx-inter, pharynx-polymodal, motor-head, "
            "motor-sublateral, motor-cord, motor-sex, pharynx-motor, CAN.",
        ),
        (
            ["train", "celegans", *TRAIN[2:], "--input-area", "sensori"],
            "found no area named 'sensori'. Did you mean 'sensory'?",
        ),
        (
            [*TRAIN, "--activation", "swish"],
            "needs --activation to be one of relu, tanh, sigmoid, softplus, retanh, identity; "
            "it got 'swish'.",
        ),
        (
            [*TRAIN, "--dt", "-1"],
            "needs --dt to be finite and above 0; it got -1.0.",
        ),
        (
            [*TRAIN, "--noise", "-1"],
            "needs --noise to be finite and not below 0; it got -1.0.",
        ),
        (
            ["describe", "big.toml"],
            "big.toml: FixedIndegree(300) needs at least 300 neurons in 'PFC'; it has 10. Lower the "
            "in-degree or enlarge the area.",
        ),
        (
            ["describe", "half"],
            "needs checkpoint.pt, network.npz, settings.json of a training run in 'half'; not there: "
            "checkpoint.pt, settings.json. Give a folder that graphrnn train wrote.",
        ),
        (
            ["describe", "half/other.pt"],
            "needs checkpoint.pt, network.npz, settings.json of a training run in 'half'; not there: "
            "checkpoint.pt, settings.json. Give a folder that graphrnn train wrote.",
        ),
        (
            ["compile", "half", "-o", "net.npz"],
            "needs an area graph, a .toml file; 'half' is a folder.",
        ),
        (
            ["plot", "net.toml", "--what", "weights", "-o", "w.png"],
            "needs a network with weights for --what weights; 'net.toml' has none. Give a folder that "
            "graphrnn train wrote.",
        ),
        (
            ["plot", "net.toml", "--what", "weight-change", "-o", "w.png"],
            "needs a folder that graphrnn train wrote for --what weight-change; it got 'net.toml'.",
        ),
        (
            ["plot", "celegans", "--what", "densities", "-o", "w.png"],
            "needs a projection of which a density was asked, to hold the realised one against; "
            "there is none. Measured wiring has densities in --what area-matrix --quantity probability.",
        ),
        (
            ["plot", "net.toml", "--what", "masks", "--log", "-o", "w.png"],
            "takes --log for area-matrix or weight-histograms only; this is masks. Leave it out.",
        ),
        (
            ["plot", "net.toml", "--what", "spectrum", "--per", "projection", "-o", "w.png"],
            "needs --per to be one of network, area; it got 'projection'.",
        ),
        (
            ["plot", "net.toml", "--what", "area-matrix", "--quantity", "mean_weight", "-o", "w.png"],
            "net.toml: needs weights; this network has none.",
        ),
        (
            ["plot", "net.toml", "--what", "area-graph", "--width", "weight", "-o", "w.png"],
            "net.toml: needs weights; this network has none.",
        ),
        (
            ["plot", "net.toml", "--what", "masks", "--before", "-o", "w.png"],
            "needs a folder that graphrnn train wrote for --before; 'net.toml' holds no training.",
        ),
    ],
)
def test_a_mistake_gives_one_sentence_and_code_2(capsys, folder, words, message):
    (folder / "bad.toml").write_text("size 3")
    (folder / "typo.toml").write_text(TOML.replace("excitatory", "excitatroy", 1))
    (folder / "empty.toml").write_text("")
    (folder / "notes.txt").write_text("hello")
    (folder / "big.toml").write_text(TOML.replace("k = 3", "k = 300"))
    (folder / "half").mkdir()
    gr.io.write(gr.datasets.celegans(), "half/network.npz")
    (folder / "half" / "other.pt").write_bytes(b"")
    gr.io.write(gr.datasets.celegans(), "whole.npz")
    (folder / "cut.npz").write_bytes((folder / "whole.npz").read_bytes()[:5000])
    before = sorted(folder.iterdir())
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert sorted(folder.iterdir()) == before
    assert err == f"graphrnn {words[0]}: error: {message}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "graphrnn: error: the following arguments are required: COMMAND"),
        (
            ["plot", "net.toml", "-o", "x.png"],
            "graphrnn plot: error: the following arguments are required: --what",
        ),
        (["demo", "--seed", "-1"], "argument --seed: needs a whole number of at least 0; it got -1"),
        (["demo", "--epochs", "many"], "argument --epochs: invalid whole number value: 'many'"),
        ([*TRAIN, "--dt", "fast"], "argument --dt: invalid number value: 'fast'"),
    ],
)
def test_a_call_that_cannot_be_understood_gives_code_2(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        main(words)
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    assert err.splitlines()[-1].endswith(message)


@pytest.mark.parametrize("command", ["demo", "describe", "compile", "plot", "train", "bench"])
def test_help_shows_an_example_that_can_be_typed(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    out, _ = capsys.readouterr()
    assert end.value.code == 0
    assert f"\nexample:\n  graphrnn {command}" in out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"\n  graphrnn {command}" in capsys.readouterr().out


def test_an_unknown_device_is_refused(capsys):
    code, _, err = run(capsys, *TRAIN, "--device", "abacus")
    assert code == 2
    assert err.startswith("graphrnn train: error: found no device 'abacus' for --device: ")


def test_an_interrupt_gives_code_130(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(networks, "describe", interrupted)
    assert run(capsys, "describe", "celegans") == (130, "", "graphrnn describe: interrupted\n")


def test_an_interrupted_training_says_how_to_go_on(capsys, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(gr.training, "evaluate", interrupted)
    code, _, err = run(capsys, *TRAIN, *QUICK)
    assert code == 130
    assert err.splitlines()[-2:] == [
        "the checkpoint in 'run' holds the last whole epoch; go on with --resume",
        "graphrnn train: interrupted",
    ]


def test_a_traceback_is_shown_on_request(capsys):
    with pytest.raises(ValueError, match="found no file"):
        main(["describe", "no.toml", "--traceback"])


def test_a_file_that_may_not_be_written_is_named(capsys, monkeypatch):
    def refused(options):
        raise PermissionError(13, "Permission denied", "tables/areas.csv")

    monkeypatch.setattr(networks, "describe", refused)
    message = "graphrnn describe: error: cannot use 'tables/areas.csv': Permission denied.\n"
    assert run(capsys, "describe", "celegans") == (2, "", message)


ROOT = Path(__file__).parent.parent  # so that the tests run without an installation
PROGRAM = "import sys; from graphrnn.cli import main; sys.exit(main())"


def test_the_process_ends_with_the_code_and_no_traceback():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, "describe", "no.toml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    message = f"graphrnn describe: error: found no file 'no.toml'. {GIVE}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "describe", "celegans"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def test_resuming_where_nothing_is_says_so(capsys, folder):
    words = ["train", "net.toml", "--task", "perceptual-decision", "--out", "none", "--resume", *QUICK]
    code, _, err = run(capsys, *words)
    assert code == 0
    assert "found no checkpoint in 'none' yet; starting from the beginning\n" in err


@pytest.mark.parametrize("rate", ["nan", "0", "-1", "inf"])
def test_a_learning_rate_is_above_zero(capsys, folder, rate):
    words = ["train", "net.toml", "--task", "perceptual-decision", "--out", "x", f"--learning-rate={rate}"]
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert f"needs a finite number above 0; it got '{rate}'" in capsys.readouterr().err
    assert not (folder / "x").exists()
