"""A whole run from one file: what it holds, what it refuses, and the example that ships."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import graphrnn as gr
from graphrnn.cli import main
from graphrnn.cli.trained import run_of
from graphrnn.training import load_checkpoint

EXAMPLES = Path(__file__).parent.parent / "examples"
RUN = """
[task]
name = "perceptual-decision"
coherences = [51.2]

[[network.input]]
name = "stimulus"
size = 2

[[network.area]]
name = "V1"
size = 10
excitatory = 0.8

[[network.area]]
name = "PFC"
size = 6
excitatory = 0.5

[[network.readout]]
name = "choice"
size = 2

[[network.projection]]
pre = "stimulus"
post = "V1"

[[network.projection]]
pre = "V1"
post = "V1"
rule = 0.5

[[network.projection]]
pre = "V1"
post = "PFC"
rule = { type = "ExcitatoryOnly", rule = 0.6 }

[[network.projection]]
pre = "PFC"
post = "choice"

[model]
dt = 50.0
dale = "rectify"
spectral_radius = 0.9
learn_tau = "area"

[training]
epochs = 2
trials = 60
optimizer = "adamw"
weight_decay = 0.1
threads = 1

[training.groups]
by = "kind"

[training.groups.options.forward]
learning_rate = 0.0
weight_decay = 0.0

[[plasticity]]
plasticity = 0.0
kind = "within"

[[penalty]]
type = "Rates"
strength = 0.1

[[penalty]]
type = "Weights"
name = "wiring"
strength = 0.01
kind = ["forward", "within"]

[rewiring]
every = 1
fraction = 0.2
which = "readout"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(RUN)
    return tmp_path


def test_every_table_takes_effect(folder, capsys):
    assert main(["train", "run.toml", "--out", "out"]) == 0
    log = pd.read_csv("out/training.csv")
    assert list(log["epoch"]) == [1, 2]
    assert (log["penalty_rates"] > 0).all()
    assert (log["penalty_wiring"] > 0).all()
    settings = json.loads((folder / "out/settings.json").read_text())
    assert settings["task_options"] == {"coherences": [51.2]}
    assert settings["dale"] == "rectify"
    net, rewired = gr.io.read("out/network.npz"), gr.io.read("out/rewired.npz")
    assert rewired.hidden == net.hidden
    assert rewired.readout.size == net.readout.size
    rnn = gr.CTRNN(net, dt=50.0, dale="rectify", learn_tau="area")
    load_checkpoint("out/checkpoint.pt", rnn)
    assert rnn.net.readout == rewired.readout
    start = gr.CTRNN(net, dt=50.0, dale="rectify", learn_tau="area", spectral_radius=0.9, generator=_seed())
    assert np.array_equal(start.hidden.weights.detach(), rnn.hidden.weights.detach())  # frozen, or at rate 0
    assert not np.array_equal(start.input.weights.detach(), rnn.input.weights.detach())
    assert "--" not in capsys.readouterr().out


def test_synapses_that_rewiring_moved_are_not_compared(folder, capsys):
    (folder / "run.toml").write_text(RUN.replace('which = "readout"', 'which = "hidden"'))
    assert main(["train", "run.toml", "--out", "out"]) == 0
    assert main(["describe", "out"]) == 0
    assert ", of the synapses that stayed; rewiring moved" in capsys.readouterr().out
    assert main(["plot", "out", "--what", "weight-change", "-o", "change.png"]) == 2
    assert capsys.readouterr().err == (
        "graphrnn plot: error: needs the same synapses before and after training for --what weight-change; "
        "rewiring moved some. Draw --what weights, with and without --before.\n"
    )


def _seed():
    return torch.Generator().manual_seed(0)


def test_what_is_typed_wins_over_the_file_and_a_run_is_resumed(folder):
    assert main(["train", "run.toml", "--out", "out", "--epochs", "1", "--dt", "25", "--seed", "3"]) == 0
    settings = json.loads((folder / "out/settings.json").read_text())
    assert (settings["dt"], settings["seed"]) == (25.0, 3)
    assert len(pd.read_csv("out/training.csv")) == 1
    assert main(["train", "run.toml", "--out", "out", "--resume", "--dt", "25", "--seed", "3"]) == 0
    assert len(pd.read_csv("out/training.csv")) == 2


def test_a_run_in_rounded_products_keeps_that_it_is_one(folder):
    losses = {}
    for precision in ("exact", "bf16"):
        text = RUN.replace("[model]\n", f'[model]\nprecision = "{precision}"\n')
        (folder / "rounded.toml").write_text(text)
        assert main(["train", "rounded.toml", "--out", precision]) == 0
        settings = json.loads((folder / precision / "settings.json").read_text())
        assert settings["model"]["precision"] == precision
        losses[precision] = pd.read_csv(f"{precision}/training.csv")["loss"].to_numpy()
    assert np.allclose(losses["bf16"], losses["exact"], rtol=0.05)
    assert not np.array_equal(losses["bf16"], losses["exact"])


def test_a_network_in_a_file_of_its_own(folder):
    graph = gr.AreaGraph()
    graph.add_input("x", 2)
    graph.add_area("A", 8)
    graph.add_readout("y", 2)
    graph.project("x", "A")
    graph.project("A", "y")
    gr.io.write(graph, "net.toml")
    text = '[task]\nname = "perceptual-decision"\n[network]\nfile = "net.toml"\n'
    text += "[training]\ntrials = 20\nepochs = 1\n"
    (folder / "other.toml").write_text(text)
    assert main(["train", "other.toml", "--out", "out"]) == 0
    gr.io.write(graph.compile(seed=1), "net.npz")
    (folder / "other.toml").write_text(text.replace("net.toml", "net.npz"))
    assert main(["train", "other.toml", "--out", "out2"]) == 0


HERE = "run.toml:"
FAULTS = [
    ("[model]", "[modle]", f"{HERE} found no table named 'modle'. Did you mean 'model'?"),
    ("dale =", "dael =", f"{HERE} found no key in [model] named 'dael'. Did you mean 'dale'?"),
    ("epochs =", "epoch =", f"{HERE} found no key in [training] named 'epoch'. Did you mean 'epochs'?"),
    (
        'kind = "within"',
        'kinds = "within"',
        f"{HERE} found no key in [[plasticity]] named 'kinds'. Did you mean",
    ),
    ("plasticity = 0.0\n", "", f"{HERE} needs a number for `plasticity` in every [[plasticity]]."),
    (
        "[[plasticity]]",
        "[plasticity]",
        f"{HERE} needs a table for `plasticity`. Write [[plasticity]] and its",
    ),
    ('name = "perceptual-decision"', "", f"{HERE} needs the `name` of the task in [task]."),
    ("perceptual-decision", "decision", f"{HERE} found no task named 'decision'."),
    ("coherences", "coherence", f"{HERE} found no key in [task] named 'coherence'. Did you mean"),
    (
        "adamw",
        "lbfgs",
        f"{HERE} needs `optimizer` to be one of adam, adamw, rmsprop, sgd; it got 'lbfgs'.",
    ),
    ("options.forward", "options.lateral", f"{HERE} found no group named 'lateral'."),
    (
        'type = "Rates"',
        'type = "Rate"',
        f"{HERE} found no penalty named 'Rate'. Did you mean 'Rates'?",
    ),
    ('type = "Rates"\n', "", f"{HERE} needs a `type` in every [[penalty]]: Rates, RateSpread,"),
    ("strength = 0.1\n", "", f"{HERE} needs the `strength` of [[penalty]] Rates."),
    (
        "strength = 0.1\n",
        "strength = 0.1\nnrom = 1\n",
        f"{HERE} found no key in [[penalty]] Rates named",
    ),
    (
        "[[plasticity]]",
        "[[dynamics]]\n[[plasticity]]",
        f"{HERE} needs a `type` in every [[dynamics]]: Adaptation, ShortTermPlasticity.",
    ),
    (
        "[[plasticity]]",
        '[[dynamics]]\ntype = "Adaptation"\n[[plasticity]]',
        f"{HERE} needs the `strength` of [[dynamics]] Adaptation.",
    ),
    (
        "[[plasticity]]",
        '[[dynamics]]\ntype = "Adaptation"\nstrength = 1\ntua = 3\n[[plasticity]]',
        f"{HERE} found no key in [[dynamics]] Adaptation named 'tua'. Did you mean 'tau'?",
    ),
    ("every = 1", "often = 1", f"{HERE} found no key in [rewiring] named 'often'."),
    ("every = 1", "every = 0", f"{HERE} needs `every` of at least 1; it got 0."),
]


@pytest.mark.parametrize(("text", "fault", "wanted"), FAULTS)
def test_a_fault_in_the_file_is_one_sentence(text, fault, wanted, folder, capsys):
    assert text in RUN
    (folder / "run.toml").write_text(RUN.replace(text, fault, 1))
    assert main(["train", "run.toml", "--out", "out"]) == 2
    assert f"graphrnn train: error: {wanted}" in capsys.readouterr().err


def test_without_a_task_and_without_a_run(folder, capsys):
    (folder / "net.toml").write_text('[[area]]\nname = "A"\nsize = 3\n')
    assert main(["train", "net.toml", "--out", "out"]) == 2
    assert capsys.readouterr().err == (
        "graphrnn train: error: needs --task, one of perceptual-decision, delayed-match-to-sample, "
        "context-decision, or a file with a whole run.\n"
    )


def test_two_areas_with_delays_learn_from_the_example(capsys):
    """20 ms forward, 60 ms back; masks and delays are intact at the end."""
    assert main(["train", str(EXAMPLES / "delays.toml"), "--out", "run"]) == 0
    right = re.search(r"([\d.]+)% of 1200 held-out trials", capsys.readouterr().out)
    assert float(right[1]) >= 90.0
    net = gr.io.read("run/network.npz")
    area = net.area_index
    late = np.array([[0.0, 60.0], [20.0, 0.0]])  # ms, (post, pre)
    assert np.array_equal(net.hidden.delay, late[area[net.hidden.post], area[net.hidden.pre]])
    rnn = gr.CTRNN(net, dt=20.0)
    load_checkpoint("run/checkpoint.pt", rnn)
    assert rnn.net == net
    assert rnn.delays.window == 4
    weight = rnn.hidden.weight.detach().to_dense().numpy()
    assert np.array_equal(weight != 0, net.hidden_mask.toarray() != 0)
    blind = gr.CTRNN(net, dt=20.0, delays=False)
    with pytest.raises(ValueError, match="holds another network: the model has no 'delays"):
        load_checkpoint("run/checkpoint.pt", blind)


def test_an_excitatory_inhibitory_network_learns_from_the_example(capsys):
    """80 to 20, Dale's law, excitation alone between the areas; signs and masks are intact at the end."""
    assert main(["train", str(EXAMPLES / "excitatory_inhibitory.toml"), "--out", "run"]) == 0
    right = re.search(r"([\d.]+)% of 1200 held-out trials", capsys.readouterr().out)
    assert float(right[1]) >= 90.0
    net = gr.io.read("run/network.npz")
    assert (net.sign == 1).sum() == 80
    assert (net.sign == -1).sum() == 20
    rnn = gr.CTRNN(net, dt=20.0, dale="rectify")
    load_checkpoint("run/checkpoint.pt", rnn)
    assert rnn.net == net
    weight = rnn.hidden.weight.detach().to_dense().numpy()
    assert (weight * net.sign >= 0).all()
    assert (rnn.readout.weight.detach().to_dense().numpy() * net.sign >= 0).all()
    assert not weight[net.hidden_mask.toarray() == 0].any()
    between = net.area_index[:, None] != net.area_index
    assert not weight[between & (net.sign == -1)].any()
    assert (weight[between & (net.sign == 1)] > 0).any()
    assert not np.diag(weight).any()
    assert ((weight != 0).sum() / net.hidden.size) > 0.5


def test_dynamics_in_the_file_are_those_of_the_network(folder, capsys):
    tables = """
[[dynamics]]
type = "Adaptation"
strength = 0.3

[[dynamics]]
type = "ShortTermPlasticity"
tau_depression = 100.0
"""
    (folder / "run.toml").write_text(RUN + tables)
    assert main(["train", "run.toml", "--out", "out"]) == 0
    capsys.readouterr()
    rnn = run_of("out").rnn
    tired, used = rnn.dynamics
    assert (tired.strength.item(), used.tau_depression.item()) == (pytest.approx(0.3), 100.0)
