"""Every argument of a CTRNN that cannot be: one clear sentence, in full."""

import numpy as np
import pytest
import torch

import graphrnn as gr
from graphrnn.kernels import available_backends
from graphrnn.nn import CTRNN, State
from graphrnn.nn._arguments import no_cuda


def network(excitatory=None, weights=False):
    graph = gr.AreaGraph()
    graph.add_input("stimulus", 2)
    graph.add_area("A", 3, tau=20.0, excitatory=excitatory)
    graph.add_area("B", 2, tau=50.0)
    graph.add_readout("choice", 1)
    graph.project("stimulus", "A")
    graph.project("A", "A")
    graph.project("A", "B")
    graph.project("B", "choice")
    return graph.compile(seed=0)


def feedforward():
    graph = gr.AreaGraph()
    graph.add_area("A", 2)
    graph.add_area("B", 2)
    graph.project("A", "B")
    return graph.compile(seed=0)


def message(kind, call):
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    return str(error.value)


NUMBER = "`CTRNN(...)` needs a number for `{}`; it got 'x'."
POSITIVE = "`CTRNN(...)` needs `{}` to be finite and above 0; it got {}."
NOT_NEGATIVE = "`CTRNN(...)` needs `{}` to be finite and not below 0; it got {}."
BOOLEAN = "`CTRNN(...)` needs True or False for `{}`; it got 1."
PER_NEURON_TAU = (
    "`CTRNN(tau=...)` needs one number, a mapping from areas to numbers, or one number per neuron, (5,)"
)
PER_NEURON_STATE = "`CTRNN(initial_state=...)` needs None, 'learn' or one number per neuron, (5,)"
LEARN_TAU = "`CTRNN(learn_tau=...)` needs False, True or one of network, area, neuron; it got {}."

REFUSED = [
    (TypeError, {"dt": "x"}, NUMBER.format("dt")),
    (ValueError, {"dt": 0}, POSITIVE.format("dt", 0)),
    (ValueError, {"dt": float("nan")}, POSITIVE.format("dt", "nan")),
    (
        ValueError,
        {"dt": 30},
        "`CTRNN(dt=30)` needs a time step of at most the shortest τ, 20 ms. Shorten dt or lengthen τ.",
    ),
    (TypeError, {"preact_noise": "x"}, NUMBER.format("preact_noise")),
    (ValueError, {"preact_noise": -0.1}, NOT_NEGATIVE.format("preact_noise", -0.1)),
    (ValueError, {"postact_noise": float("inf")}, NOT_NEGATIVE.format("postact_noise", "inf")),
    (ValueError, {"gain": -1}, POSITIVE.format("gain", -1)),
    (ValueError, {"spectral_radius": 0.0}, POSITIVE.format("spectral_radius", 0.0)),
    (TypeError, {"spectral_radius": "x"}, NUMBER.format("spectral_radius")),
    (TypeError, {"bias": 1}, BOOLEAN.format("bias")),
    (TypeError, {"dale": 1}, BOOLEAN.format("dale")),
    (
        ValueError,
        {"dale": "exp"},
        "`CTRNN(...)` needs `dale` to be one of abs, rectify, softplus; it got 'exp'.",
    ),
    (TypeError, {"positivity_constraints": 1}, BOOLEAN.format("positivity_constraints")),
    (TypeError, {"batch_first": 1}, BOOLEAN.format("batch_first")),
    (
        ValueError,
        {"activation": "elu"},
        "`CTRNN(...)` needs `activation` to be one of relu, tanh, sigmoid, softplus, retanh, identity; "
        "it got 'elu'.",
    ),
    (
        ValueError,
        {"init": "zeros"},
        "`CTRNN(...)` needs `init` to be one of fan_in, weights; it got 'zeros'.",
    ),
    (
        ValueError,
        {"init": "weights"},
        "`CTRNN(init='weights')` needs a network with weights; this one has none. "
        "Leave init out to draw them.",
    ),
    (
        ValueError,
        {"backend": "fast"},
        "There is no backend `fast`. Take "
        f"{' or '.join(f'`{name}`' for name in ('auto', *available_backends()))}.",
    ),
    (
        TypeError,
        {"dtype": torch.float16},
        "`CTRNN(...)` needs `dtype` to be torch.float32 or torch.float64; it got torch.float16.",
    ),
    (
        TypeError,
        {"dtype": "double"},
        "`CTRNN(...)` needs `dtype` to be torch.float32 or torch.float64; it got 'double'.",
    ),
    (
        TypeError,
        {"generator": 3},
        "`CTRNN(...)` needs a torch.Generator or None for `generator`; it got int. "
        "Make one with torch.Generator().manual_seed(0).",
    ),
    (
        ValueError,
        {"generator": torch.Generator(), "device": "meta"},
        "`CTRNN(...)` needs a generator on the network's device, meta; it got one on cpu. "
        "Make it with torch.Generator('meta').",
    ),
    (
        ValueError,
        {"seed": 0},
        "`CTRNN(seed=...)` is the seed of the wiring, and this network is wired already. For the same "
        "initial weights each time pass generator=torch.Generator().manual_seed(...).",
    ),
    # time constants
    (ValueError, {"tau": 0}, "`CTRNN(tau=...)` needs `tau` to be finite and above 0; it got 0."),
    (TypeError, {"tau": "slow"}, "`CTRNN(tau=...)` needs a number for `tau`; it got 'slow'."),
    (TypeError, {"tau": True}, "`CTRNN(tau=...)` needs a number for `tau`; it got True."),
    (ValueError, {"tau": {"V": 20}}, "`CTRNN(tau=...)` found no area named 'V'. There is 'A', 'B'."),
    (ValueError, {"tau": {"A": -1}}, "`CTRNN(tau=...)` needs `tau` to be finite and above 0; it got -1."),
    (ValueError, {"tau": [20, 30]}, f"{PER_NEURON_TAU}; it got shape (2,)."),
    (TypeError, {"tau": ["a", "b"]}, f"{PER_NEURON_TAU}; it got ['a', 'b']."),
    (ValueError, {"tau": [20, 30, 40, 50, np.nan]}, f"{PER_NEURON_TAU}, all finite; 1 are NaN or infinite."),
    (
        ValueError,
        {"tau": [20, 30, 40, 50, -5]},
        "`CTRNN(tau=...)` needs every τ above 0 ms; the shortest is -5.",
    ),
    (ValueError, {"learn_tau": "areas"}, LEARN_TAU.format("'areas'")),
    (ValueError, {"learn_tau": 1}, LEARN_TAU.format(1)),
    (ValueError, {"learn_tau": None}, LEARN_TAU.format(None)),
    (
        ValueError,
        {"learn_tau": "network"},
        "`CTRNN(learn_tau=...)` needs one initial τ for the neurons that share a learnable one; "
        "theirs differ. Learn one per area or per neuron, or pass one `tau`.",
    ),
    (
        ValueError,
        {"learn_tau": True, "dt": 20},
        "`CTRNN(learn_tau=...)` needs every initial τ above dt / 0.99 = 20.202 ms, so that α can move; "
        "the shortest is 20 ms. Shorten dt or lengthen τ.",
    ),
    (
        ValueError,
        {"tau_bounds": (15, 90)},
        "`CTRNN(tau_bounds=...)` bounds a τ that is learned; learn_tau is False. "
        "Add learn_tau='area' or leave tau_bounds out.",
    ),
    (
        TypeError,
        {"learn_tau": True, "tau_bounds": 15},
        "`CTRNN(tau_bounds=15)` needs two numbers, the shortest and the longest τ in ms.",
    ),
    (
        TypeError,
        {"learn_tau": True, "tau_bounds": (15, "x")},
        "`CTRNN(tau_bounds=(15, 'x'))` needs a number for `tau_bounds`; it got 'x'.",
    ),
    (
        ValueError,
        {"learn_tau": True, "tau_bounds": (5, 90)},
        "`CTRNN(tau_bounds=(5, 90))` needs dt < shortest < longest τ, with dt = 10 ms.",
    ),
    (
        ValueError,
        {"learn_tau": True, "tau_bounds": (25, 90)},
        "`CTRNN(tau_bounds=(25, 90))` needs bounds around the initial τ, which runs from 20 to 50 ms.",
    ),
    # initial state
    (TypeError, {"initial_state": "zeros"}, f"{PER_NEURON_STATE}; it got 'zeros'."),
    (ValueError, {"initial_state": 0.5}, f"{PER_NEURON_STATE}; it got shape ()."),
    (ValueError, {"initial_state": np.zeros((1, 5))}, f"{PER_NEURON_STATE}; it got shape (1, 5)."),
    (
        ValueError,
        {"initial_state": torch.tensor([0, np.nan, 0, np.inf, 0])},
        f"{PER_NEURON_STATE}, all finite; 2 are NaN or infinite.",
    ),
    # signs
    (
        ValueError,
        {"dale": True},
        "`CTRNN(dale=True)` needs a sign for every neuron that has synapses; 5 of 5 neurons have synapses "
        "but no sign, or both signs. Give their areas a fraction `excitatory` or the table of neurons a "
        "column `sign`; in a signed mask each column, (post, pre), needs one sign.",
    ),
]


@pytest.mark.parametrize(("kind", "options", "wanted"), REFUSED, ids=[f"{o}" for _, o, _ in REFUSED])
def test_an_argument_that_cannot_be(kind, options, wanted):
    assert message(kind, lambda: CTRNN(network(), **options)) == wanted


def test_a_device_that_torch_does_not_know():
    assert message(ValueError, lambda: CTRNN(network(), device="abacus")) == (
        "`CTRNN(...)` needs `device` to be one that torch knows, such as 'cpu' or 'cuda'; it got 'abacus'."
    )


@pytest.mark.parametrize(
    ("built", "why"),
    [
        (None, "was built without CUDA. Install a build with it"),
        ("12.6", "finds none. Look whether `nvidia-smi` lists one and its driver is new"),
    ],
)
def test_a_gpu_that_is_not_there(built, why, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built)
    assert message(ValueError, lambda: CTRNN(network(), device="cuda")) == (
        f"`CTRNN(...)` needs a GPU for device='cuda'; torch {torch.__version__} {why}, or compute on the CPU."
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("move", [lambda rnn: rnn.to("cuda"), lambda rnn: rnn.cuda()])
def test_a_network_stays_where_it_is_without_a_gpu(move):
    rnn = CTRNN(network())
    before = {name: tensor.clone() for name, tensor in rnn.state_dict().items()}
    text = message(ValueError, lambda: move(rnn))
    assert text == f"`rnn.to('cuda')` needs a GPU; {no_cuda()}, or stay on the CPU."
    assert all(torch.equal(tensor, before[name]) for name, tensor in rnn.state_dict().items())


def test_other_errors_of_a_move_are_left_alone():
    rnn = CTRNN(network())

    def fails(_):
        raise RuntimeError("something else")

    assert message(RuntimeError, lambda: rnn._apply(fails)) == "something else"


def test_dales_law_on_a_half_signed_network():
    assert message(ValueError, lambda: CTRNN(network(0.5), dale="rectify")) == (
        "`CTRNN(dale='rectify')` needs a sign for every neuron that has synapses; 2 of 5 "
        "neurons have synapses but no sign, or both signs. Give their areas a fraction `excitatory` or the "
        "table of neurons a column `sign`; in a signed mask each column, (post, pre), needs one sign."
    )


def test_a_spectral_radius_without_a_loop():
    assert message(ValueError, lambda: CTRNN(feedforward(), spectral_radius=0.9)) == (
        "`CTRNN(spectral_radius=0.9)` needs a loop among the hidden synapses; without one every "
        "eigenvalue is 0. Leave spectral_radius out or add a projection that closes a loop."
    )


def test_negative_weights_from_an_excitatory_neuron():
    import pandas as pd

    neurons = pd.DataFrame({"neuron": ["a"], "area": ["A"], "sign": [1]})
    net = gr.Connectome.from_edges(pd.DataFrame({"pre": ["a"], "post": ["a"], "weight": [-1.0]}), neurons)
    assert message(ValueError, lambda: CTRNN(net, init="weights", dale=True)) == (
        "`CTRNN(init='weights')` under Dale's law found 1 negative weights from excitatory neurons. "
        "Correct the signs of the neurons or leave out dale=True."
    )


NEITHER = (
    "`CTRNN(...)` needs either a network (Connectome, area graph or structure) or "
    "`sparsity_masks=[input, hidden, readout]`, not both and not neither."
)
THREE = "`CTRNN(sparsity_masks=...)` needs a list of three, [input, hidden, readout]."
NO_NETWORK = (
    "`CTRNN(network)` needs a Connectome, an area graph or a structure; it got {}. "
    "For masks use CTRNN(sparsity_masks=[input, hidden, readout])."
)
EYE = np.eye(3)


class Impostor:
    def compile(self, seed):
        return "compiled"


def test_what_is_no_network():
    import networkx as nx

    assert message(TypeError, CTRNN) == NEITHER
    assert message(TypeError, lambda: CTRNN(network(), sparsity_masks=[EYE] * 3)) == NEITHER
    assert message(TypeError, lambda: CTRNN(sparsity_masks=EYE)) == THREE
    assert message(TypeError, lambda: CTRNN(sparsity_masks=[EYE, EYE])) == THREE
    for wrong in ([EYE] * 3, 100, nx.DiGraph(), torch.nn.Linear(2, 2)):
        assert message(TypeError, lambda wrong=wrong: CTRNN(wrong)) == NO_NETWORK.format(type(wrong).__name__)
    assert message(TypeError, lambda: CTRNN(Impostor())) == (
        "`CTRNN(network)` needs `network.compile(seed)` to give a Connectome; it gave str."
    )


def test_the_transposed_masks_of_nn4n_are_refused_with_the_way_out():
    masks = network().get_masks()
    for layer, index in (("input", 0), ("readout", 2)):
        turned = [mask.T if i == index else mask for i, mask in enumerate(masks)]
        text = message(ValueError, lambda turned=turned: CTRNN(sparsity_masks=turned))
        assert text.startswith(f"`CTRNN(sparsity_masks=...)` needs the {layer} mask to be")
        assert text.endswith(
            "Its transpose fits: every mask here is (post, pre); nn4n's are transposed, so pass mask.T."
        )


# calling it ----------------------------------------------------------------------------------------

X = torch.zeros(4, 6, 2)
X_SHAPE = (
    "`rnn(x)` needs x of shape (batch, time, 2) or (time, 2), where 2 is the number of the network's input "
    "channels; it got {}."
)
STATE_SHAPE = "`rnn(x, state)` needs a state of shape (batch, neuron) = (4, 5) for this x; it got {}."


def with_generator(generator):
    return lambda rnn: rnn(X, generator=generator)


CALLS = [
    (
        TypeError,
        lambda rnn: rnn([[0.0, 0.0]]),
        "`rnn(x)` needs a torch tensor; it got list. Use torch.as_tensor(x).",
    ),
    (ValueError, lambda rnn: rnn(torch.zeros(4, 6, 3)), X_SHAPE.format("(4, 6, 3)")),
    (ValueError, lambda rnn: rnn(torch.zeros(2)), X_SHAPE.format("(2,)")),
    (ValueError, lambda rnn: rnn(torch.zeros(1, 4, 6, 2)), X_SHAPE.format("(1, 4, 6, 2)")),
    (
        ValueError,
        lambda rnn: rnn(torch.zeros(4, 0, 2)),
        "`rnn(x)` needs at least one time step and one trial; it got x of shape (4, 0, 2).",
    ),
    (
        ValueError,
        lambda rnn: rnn(torch.zeros(0, 2)),
        "`rnn(x)` needs at least one time step and one trial; it got x of shape (0, 2).",
    ),
    (
        TypeError,
        lambda rnn: rnn(X.double()),
        "`rnn(x)` needs x in the network's precision, torch.float32; it got torch.float64. "
        "Convert it with .to(torch.float32).",
    ),
    (
        TypeError,
        lambda rnn: rnn(X.long()),
        "`rnn(x)` needs x in the network's precision, torch.float32; it got torch.int64. "
        "Convert it with .to(torch.float32).",
    ),
    (
        ValueError,
        lambda rnn: rnn(X.to("meta")),
        "`rnn(x)` needs x on the network's device, cpu; it got meta. Move it with .to('cpu').",
    ),
    (ValueError, lambda rnn: rnn(X, torch.zeros(5)), STATE_SHAPE.format("(5,)")),
    (ValueError, lambda rnn: rnn(X, torch.zeros(3, 5)), STATE_SHAPE.format("(3, 5)")),
    (
        ValueError,
        lambda rnn: rnn(X, State(torch.zeros(4, 5), torch.zeros(4, 2))),
        STATE_SHAPE.format("(4, 2)"),
    ),
    (
        ValueError,
        lambda rnn: rnn(X[0], torch.zeros(4, 5)),
        "`rnn(x, state)` needs a state of shape (neuron,) = (5,) for this x; it got (4, 5).",
    ),
    (
        TypeError,
        lambda rnn: rnn(X, (torch.zeros(4, 5), torch.zeros(4, 5))),
        "`rnn(x, state)` needs the state that a former call returned, or v as a tensor; it got tuple.",
    ),
    (
        TypeError,
        lambda rnn: rnn(X, torch.zeros(4, 5).double()),
        "`rnn(x, state)` needs the state in the network's precision, torch.float32; it got torch.float64. "
        "Convert it with .to(torch.float32).",
    ),
    (
        TypeError,
        with_generator(np.random.default_rng(0)),
        "`rnn(x, generator=...)` needs a torch.Generator or None for `generator`; it got Generator. "
        "Make one with torch.Generator().manual_seed(0).",
    ),
]


@pytest.mark.parametrize(("kind", "call", "wanted"), CALLS)
def test_a_call_that_cannot_be(kind, call, wanted):
    rnn = CTRNN(network())
    assert message(kind, lambda: call(rnn)) == wanted
    assert rnn(X)[0].shape == (4, 6, 1)


def test_x_in_the_wrong_layout_without_batch_first():
    rnn = CTRNN(network(), batch_first=False)
    assert message(ValueError, lambda: rnn(torch.zeros(6, 4, 3))) == (
        "`rnn(x)` needs x of shape (time, batch, 2) or (time, 2), where 2 is the number of the network's "
        "input channels; it got (6, 4, 3)."
    )
