"""What a CTRNN keeps: state_dict, digests, copies, pickles, precisions; torch's machinery around it."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

import graphrnn as gr
from graphrnn.kernels import choose_backend, explain_backend
from graphrnn.nn import CTRNN
from graphrnn.nn.memory import explain_memory


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def two_areas(seed=3, excitatory=0.75, sizes=(12, 6)):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 3)
    graph.add_area("V1", sizes[0], tau=20.0, excitatory=excitatory)
    graph.add_area("PFC", sizes[1], tau=80.0, excitatory=0.5)
    graph.add_readout("choice", 2)
    graph.project("stimulus", "V1", 0.7)
    graph.project("V1", "V1", 0.4)
    graph.project("V1", "PFC", gr.FixedIndegree(3))
    graph.project("PFC", "V1", gr.FixedIndegree(2))
    graph.project("PFC", "choice")
    return graph.compile(seed=seed)


def build(net=None, seed=0, **options):
    return CTRNN(two_areas() if net is None else net, generator=seeded(seed), **options)


class Reader(torch.nn.Module):
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn
        self.head = torch.nn.Linear(2, 1)


def snapshot(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# state_dict ----------------------------------------------------------------------------------------

FIXED = ["v0", "leak.time_constant"]
LEARNED = ["v0", "leak.raw", "leak.start", "leak.bounds"]
LAYERS = [
    "input.values",
    "input.digest",
    "hidden.values",
    "hidden.bias",
    "hidden.digest",
    "readout.values",
    "readout.bias",
    "readout.digest",
]


def test_keys_of_the_state_dict():
    assert list(build().state_dict()) == FIXED + LAYERS
    assert list(build(learn_tau=True, initial_state="learn", dale=True).state_dict()) == LEARNED + LAYERS
    without = [key for key in LAYERS if "bias" not in key]
    assert list(build(bias=False).state_dict()) == FIXED + without


@pytest.mark.parametrize("options", [{}, {"dale": True, "learn_tau": "neuron", "initial_state": "learn"}])
def test_a_saved_network_computes_the_same_after_loading(options, tmp_path):
    rnn, other = build(**options), build(seed=1, **options)
    with torch.no_grad():
        for parameter in rnn.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(4)))
    torch.save(rnn.state_dict(), tmp_path / "rnn.pt")
    loaded = torch.load(tmp_path / "rnn.pt", weights_only=True)
    assert str(other.load_state_dict(loaded)) == "<All keys matched successfully>"
    x = torch.randn(2, 5, 3, generator=seeded(2))
    assert torch.equal(rnn(x)[0], other(x)[0])


OTHER_SYNAPSES = (
    "`load_state_dict(...)` found {} values of other synapses: the pattern, the signs or the form of Dale's "
    "law differ from this network's. Build the CTRNN from the connectome that they were saved with, with the "
    "same `dale`."
)


def refused(target, state, message):
    before = snapshot(target)
    for options in ({}, {"strict": False}, {"assign": True}):
        with pytest.raises(ValueError, match=re.escape(message)) as error:
            target.load_state_dict(state, **options)
        assert str(error.value) == message
        assert same(snapshot(target), before)


@pytest.mark.parametrize("wrap", [lambda rnn: rnn, Reader, lambda rnn: Reader(Reader(rnn))])
def test_values_of_other_synapses_are_refused_before_anything_is_copied(wrap):
    target = wrap(build(two_areas(seed=3)))
    refused(target, wrap(build(two_areas(seed=4), seed=1)).state_dict(), OTHER_SYNAPSES.format("input"))


def test_values_of_another_hidden_matrix_with_as_many_synapses_are_refused():
    masks = [np.ones((3, 1)), np.eye(3), np.ones((1, 3))]
    turned = [masks[0], np.eye(3)[::-1], masks[2]]
    refused(
        build(CTRNN(sparsity_masks=masks).net),
        build(CTRNN(sparsity_masks=turned).net, seed=1).state_dict(),
        OTHER_SYNAPSES.format("hidden"),
    )


def test_values_of_other_signs_are_refused():
    net, other = two_areas(), two_areas(excitatory=0.5)
    assert net.hidden == other.hidden
    message = OTHER_SYNAPSES.format("hidden")
    refused(build(net, dale=True), build(other, seed=1, dale=True).state_dict(), message)
    refused(build(net, dale=True), build(net, seed=1).state_dict(), message)
    refused(build(net), build(net, seed=1, dale=True).state_dict(), message)
    refused(build(net, dale="abs"), build(net, seed=1, dale="rectify").state_dict(), message)


def test_time_constants_that_would_mean_others_here_are_refused():
    refused(
        build(learn_tau=True, tau_bounds=(15, 90)),
        build(seed=1, learn_tau=True, tau_bounds=(15, 120)).state_dict(),
        "`load_state_dict(...)` found time constants learned within tau_bounds=(15, 120); this network's are "
        "(15, 90). Build the CTRNN with those of the file.",
    )
    refused(
        build(dt=40.0, tau=50.0),
        build(seed=1).state_dict(),
        "`CTRNN(dt=40)` needs a time step of at most the shortest τ, 20 ms. Shorten dt or lengthen τ.",
    )


def test_a_learned_tau_survives_another_dt_and_another_precision():
    rnn = build(learn_tau=True, tau_bounds=(15, 90))
    with torch.no_grad():
        rnn.leak.raw.add_(0.3)
    other = build(learn_tau=True, tau_bounds=(15, 90), dt=5.0, dtype=torch.float64)
    other.load_state_dict(rnn.state_dict())
    torch.testing.assert_close(other.leak.tau.float(), rnn.leak.tau)


# copies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda rnn: pickle.loads(pickle.dumps(rnn))])
def test_copies_and_pickles_compute_the_same_and_stand_alone(duplicate):
    rnn = build(dale=True, learn_tau=True)
    rnn(torch.zeros(1, 2, 3))[0].sum().backward()
    other = duplicate(rnn)
    x = torch.randn(2, 5, 3, generator=seeded(2))
    assert torch.equal(rnn(x)[0], other(x)[0])
    assert other.net == rnn.net
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert rnn.hidden.values.all()
    elsewhere = build(two_areas(seed=4), dale=True, learn_tau=True)
    refused(other, elsewhere.state_dict(), OTHER_SYNAPSES.format("input"))


# precision and place -------------------------------------------------------------------------------


def test_double_converts_what_is_computed_with_and_nothing_else():
    options = {"dale": True, "learn_tau": True, "initial_state": "learn"}
    rnn = build(**options)
    x = torch.randn(2, 5, 3, generator=seeded(2))
    single = rnn(x)[0]
    for convert in (rnn.double, lambda: rnn.to(torch.float64)):
        convert()
        assert {p.dtype for p in rnn.parameters()} == {torch.float64}
        assert rnn.hidden.crow.dtype == rnn.hidden.perm.dtype == torch.int32
        assert rnn.hidden.digest.dtype == torch.uint8
        assert rnn.hidden.constraint.sign.dtype == torch.int8
        double = rnn(x.double())[0]
        assert double.dtype == torch.float64
        torch.testing.assert_close(double.float(), single)
        rnn.float()
        assert torch.equal(rnn(x)[0], single)


def test_dtype_and_the_default_dtype_are_honoured():
    assert build(dtype=torch.float64).readout.bias.dtype == torch.float64
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        rnn = build()
    finally:
        torch.set_default_dtype(before)
    assert rnn(torch.zeros(1, 2, 3, dtype=torch.float64))[2].v.dtype == torch.float64


def test_everything_follows_the_device():
    with torch.device("meta"):
        inside = CTRNN(two_areas())
    given = CTRNN(two_areas(), device="meta")
    moved = build(dale=True, learn_tau=True).to("meta")
    for rnn in (inside, given, moved):
        tensors = [*rnn.parameters(), *rnn.buffers()]
        assert {tensor.device.type for tensor in tensors} == {"meta"}
        assert rnn.hidden.pattern.crow.device.type == "meta"


@pytest.mark.cuda
def test_cuda_equals_the_cpu():
    options = {"dale": True, "learn_tau": True, "spectral_radius": 1.0}
    rnn = build(**options)
    x = torch.randn(2, 5, 3, generator=seeded(2))
    readout, _, state = rnn(x)
    there = copy.deepcopy(rnn).cuda()
    readout_there, _, state_there = there(x.cuda())
    torch.testing.assert_close(readout_there.cpu(), readout)
    torch.testing.assert_close(state_there.v.cpu(), state.v)
    noisy = CTRNN(two_areas(), device="cuda", preact_noise=0.1, dale=True)
    draws = [noisy(x.cuda(), generator=torch.Generator("cuda").manual_seed(0))[1] for _ in range(2)]
    assert torch.equal(*draws)


# torch's own machinery -----------------------------------------------------------------------------


def test_autocast_leaves_the_precision_of_the_network_alone():
    rnn = build(learn_tau=True)
    x = torch.randn(2, 5, 3, generator=seeded(1)).bfloat16()
    plain = rnn(x.float())
    for backend in ("torch", "reference"):
        rnn.backend = backend
        with torch.autocast("cpu", dtype=torch.bfloat16):
            readout, rates, state = rnn(x)
        assert readout.dtype == rates.dtype == state.v.dtype == torch.float32
        torch.testing.assert_close(rates, plain[1])
        (readout.sum() + rates.sum()).backward()
        assert rnn.hidden.values.grad.isfinite().all()


def test_compiles_in_one_graph():
    rnn = build(dale=True, learn_tau=True).eval()
    x = torch.randn(2, 5, 3, generator=seeded(1))
    compiled = torch.compile(rnn, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x)[0], rnn(x)[0])
    gradients = [
        torch.autograd.grad(run(x)[0].square().sum(), list(rnn.parameters())) for run in (compiled, rnn)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_works_inside_other_modules():
    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = torch.nn.Linear(5, 3)
            self.rnn = build(preact_noise=0.1)

        def forward(self, x):
            return self.rnn(self.encode(x))[0]

    reader = Reader()
    assert reader.train().rnn.training
    assert not reader.eval().rnn.training
    reader(torch.randn(2, 4, 5)).sum().backward()
    assert reader.encode.weight.grad.abs().sum() > 0
    assert len(list(reader.double().parameters())) == 2 + 5
    assert reader(torch.randn(2, 4, 5, dtype=torch.float64)).dtype == torch.float64


# what it says --------------------------------------------------------------------------------------


def test_explain_names_backend_forms_and_reasons():
    rnn = build(dale=True, learn_tau=True)
    pattern = {which: getattr(rnn, which).pattern for which in ("input", "hidden", "readout")}
    sizes = {
        which: f"{p.n_synapses} of {p.shape[0] * p.shape[1]} possible synapses"
        for which, p in pattern.items()
    }
    choice = choose_backend("auto", "cpu", torch.float32)
    assert rnn.explain().splitlines() == [
        f"{rnn.net!r} on cpu in float32",
        f"recurrence: backend {choice.name!r}, {choice.reason}",
        *(f"{which}: {sizes[which]}; {explain_backend(choice.name, pattern[which])}" for which in pattern),
        "time constants: learnable; Dale's law: from the signs of the neurons",
        explain_memory(rnn),
    ]
    density = pattern["hidden"].density
    assert f"density {density:.3g}: products sparse" in rnn.hidden.explain()

    lines = build(backend="reference").explain().splitlines()
    assert lines[1] == "recurrence: backend 'reference', asked for by name"
    assert lines[3] == f"hidden: {sizes['hidden']}; one dense matrix, differentiated by torch"
    assert lines[2].endswith("one dense matrix, differentiated by torch")
    assert lines[-2] == "time constants: fixed; Dale's law: off"


def test_explain_calls_what_is_not_there_none():
    lines = gr.CTRNN(gr.datasets.celegans()).explain().splitlines()
    assert (lines[2], lines[4]) == ("input: none", "readout: none")
    assert lines[3].startswith("hidden: 2,266 of 91,204 possible synapses; ")


def test_repr_shows_network_and_layers():
    text = repr(build())
    assert "Connectome(18 neurons in 2 areas" in text
    assert "dt=10, activation='relu'" in text
    assert "(readout): SparseLayer(18 → 2, 12 synapses, bias=True)" in text
