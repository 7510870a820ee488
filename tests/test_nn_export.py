"""A network for elsewhere: the exported step against the network itself, parameters as safetensors."""

import sys

import numpy as np
import pytest
import torch
from cases import NETWORKS, each_network

import graphrnn as gr
from graphrnn.nn import CTRNN, Step, export_step, read_parameters, write_parameters


def build(net, seed=0, **options):
    rnn = CTRNN(net, dt=1.0, generator=torch.Generator().manual_seed(seed), **options).eval()
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.add_(0.1)
    return rnn


def run(step, x, v):
    readouts = []
    for t in range(x.shape[1]):
        readout, rates, v = step(x[:, t], v)
        readouts.append(readout)
    return torch.stack(readouts, 1), rates, v


def error_of(call, *arguments):
    with pytest.raises((ValueError, TypeError, ImportError)) as error:
        call(*arguments)
    return str(error.value)


# the step


@each_network
@pytest.mark.parametrize("activation", ["relu", "softplus", "retanh"])
def test_steps_in_a_row_are_the_sequence(net, activation):
    rnn = build(net, activation=activation, dtype=torch.float64, delays=False)
    x = torch.randn(3, 6, net.n_inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    readout, rates, state = rnn(x)
    stepped, last, v = run(Step(rnn), x, torch.zeros(3, net.n_neurons, dtype=torch.float64))
    torch.testing.assert_close(stepped, readout, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(last, rates[:, -1], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(v, state.v, rtol=1e-10, atol=1e-12)


def test_constraints_and_learned_time_constants_are_in_the_step():
    net = NETWORKS["excitatory_inhibitory"]
    rnn = build(net, dale=True, learn_tau="neuron", bias=False, dtype=torch.float64)
    x = torch.randn(2, 5, 2, dtype=torch.float64)
    readout = run(Step(rnn), x, torch.zeros(2, net.n_neurons, dtype=torch.float64))[0]
    torch.testing.assert_close(readout, rnn(x)[0])


def test_a_step_is_a_copy_without_parameters():
    rnn = build(NETWORKS["asymmetric"])
    step = Step(rnn)
    x, v = torch.randn(2, 3), torch.randn(2, 12)
    before = step(x, v)[0]
    with torch.no_grad():
        rnn.hidden.values.zero_()
        rnn.hidden.bias.zero_()
    assert torch.equal(step(x, v)[0], before)
    assert list(step.parameters()) == []


@pytest.mark.parametrize("name", ["asymmetric", "excitatory_inhibitory", "no_synapses", "empty_projections"])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_an_exported_step_computes_the_same_for_any_batch(name, batch, tmp_path):
    net = NETWORKS[name]
    rnn = build(net)
    export_step(rnn, tmp_path / "step.pt2")
    program = torch.export.load(tmp_path / "step.pt2").module()
    x, v = torch.randn(batch, net.n_inputs), torch.randn(batch, net.n_neurons)
    for mine, theirs in zip(program(x, v), Step(rnn)(x, v), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.filterwarnings("ignore")  # of onnx' own packages
def test_onnx_runs_elsewhere(tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    net = NETWORKS["asymmetric"]
    rnn = build(net, activation="tanh")
    export_step(rnn, tmp_path / "step.onnx")
    session = runtime.InferenceSession(tmp_path / "step.onnx")
    assert [node.name for node in session.get_outputs()] == ["readout", "rates", "v_after"]
    for batch in (1, 5):
        x, v = torch.randn(batch, 3), torch.randn(batch, 12)
        found = session.run(None, {"x": x.numpy(), "v": v.numpy()})
        for mine, theirs in zip(found, Step(rnn)(x, v), strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-5, atol=1e-6)


def test_messages_of_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rnn = build(NETWORKS["asymmetric"])
    assert error_of(export_step, rnn, "step.pt") == (
        "`export_step(rnn, 'step.pt')` does not write TorchScript: torch has given it up and its "
        "files hold pickles. "
        "Write .pt2 or .onnx."
    )
    assert error_of(export_step, rnn, "step.txt") == (
        "`export_step(rnn, 'step.txt')` needs a file name that ends in .pt2 (torch.export) or .onnx."
    )
    assert error_of(export_step, rnn, "no/step.pt2") == (
        "`export_step(rnn, 'no/step.pt2')` found no folder 'no'. Create it first."
    )
    assert error_of(Step, rnn.hidden) == "`Step(rnn)` needs a CTRNN; it got SparseLayer."
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert error_of(export_step, rnn, "step.onnx") == (
        "`export_step(rnn, 'step.onnx')` needs the package onnx, which is not installed. Install it "
        "with `pip install 'graphrnn[onnx]'`."
    )
    assert list(tmp_path.iterdir()) == []


# safetensors


@pytest.mark.parametrize(
    "options", [{}, {"dale": True, "learn_tau": True, "initial_state": "learn", "bias": False}]
)
def test_parameters_come_back_in_every_bit(options, tmp_path):
    pytest.importorskip("safetensors")
    net = NETWORKS["excitatory_inhibitory"]
    rnn, other = build(net, **options), build(net, seed=1, **options)
    write_parameters(rnn, tmp_path / "rnn.safetensors")
    read_parameters(other, tmp_path / "rnn.safetensors")
    own, read = rnn.state_dict(), other.state_dict()
    assert own.keys() == read.keys()
    assert all(torch.equal(own[name], read[name]) for name in own)


def test_safetensors_itself_reads_them(tmp_path):
    torch_files = pytest.importorskip("safetensors.torch")
    rnn = build(NETWORKS["asymmetric"])
    write_parameters(rnn, tmp_path / "rnn.safetensors")
    read = torch_files.load_file(tmp_path / "rnn.safetensors")
    assert torch.equal(read["hidden.values"], rnn.hidden.values)


def test_parameters_of_other_synapses_are_refused_and_change_nothing(tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "rnn.safetensors"
    graph = gr.AreaGraph()
    graph.add_area("a", 6)
    graph.project("a", "a", gr.FixedTotalNumber(9))
    write_parameters(build(graph.compile(seed=0)), path)
    other = build(graph.compile(seed=1))
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    call = f"`read_parameters(rnn, {str(path)!r})`"
    assert error_of(read_parameters, other, path) == (
        "`load_state_dict(...)` found hidden values of other synapses: the pattern, the signs or the form of "
        "Dale's law differ from this network's. Build the CTRNN from the connectome that they were saved "
        "with, with the same `dale`."
    )
    assert error_of(read_parameters, build(NETWORKS["one_area"]), path) == (
        f"{call} holds another network: its 'v0' has shape (6,), the model's (10,). Build the network "
        "as it was built "
        "for the file."
    )
    assert error_of(read_parameters, build(graph.compile(seed=0), bias=False), path) == (
        f"{call} holds another network: the model has no 'hidden.bias'. Build the network as it was "
        "built for the "
        "file."
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


@pytest.mark.parametrize(
    "content", [b"", b"hello there", b"\xff" * 64, b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "]
)
def test_damaged_files_are_refused(content, tmp_path):
    pytest.importorskip("safetensors")
    path = tmp_path / "rnn.safetensors"
    path.write_bytes(content)
    call = f"`read_parameters(rnn, {str(path)!r})`"
    assert error_of(read_parameters, build(NETWORKS["asymmetric"]), path) in (
        f"{call} cannot read this file: it is truncated, damaged or no safetensors file. Take another copy.",
        f"{call} found parameters that graphrnn did not write. Load them with safetensors.",
    )


def test_other_messages_of_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rnn = build(NETWORKS["asymmetric"])
    assert error_of(write_parameters, rnn, "rnn.pt") == (
        "`write_parameters(rnn, ...)` needs a file name that ends in .safetensors; it got 'rnn.pt'."
    )
    assert error_of(write_parameters, rnn, "no/a.safetensors") == (
        "`write_parameters(rnn, 'no/a.safetensors')` found no folder 'no'. Create it first."
    )
    assert error_of(read_parameters, rnn, "a.safetensors").startswith(
        "`read_parameters(rnn, 'a.safetensors')` cannot read this file: No such file"
    )
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert error_of(read_parameters, rnn, "a.safetensors") == (
        "`read_parameters(rnn, 'a.safetensors')` needs the package safetensors, which is not "
        "installed. Install it with `pip install 'graphrnn[safetensors]'`."
    )
