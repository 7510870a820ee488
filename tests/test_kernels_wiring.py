"""Synapses that are drawn on a device: how many, where, how evenly, and in which memory."""

import re

import pytest
import torch
from kernel_cases import DEVICES

from graphrnn.kernels import Matrix, Pattern, random_pattern, recurrence, wiring


def drawn(shape, in_degree, seed=0, device="cpu", **options):
    generator = torch.Generator(device).manual_seed(seed)
    return random_pattern(shape, in_degree, generator=generator, device=device, **options)


@pytest.fixture(params=[2**22, 64], ids=["at once", "in chunks"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(wiring, "CHUNK", request.param)


SHAPES = {
    "square": ((50, 50), 7),
    "wide": ((20, 300), 5),
    "tall": ((300, 20), 9),
    "crowded": ((30, 40), 25),
    "all": ((6, 9), 9),
    "one neuron": ((1, 1), 1),
    "no synapse": ((5, 4), 0),
    "no target": ((0, 4), 2),
    "no source": ((3, 0), 0),
    "a number for each": ((6, 10), torch.tensor([0, 1, 10, 6, 0, 3])),
}


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", SHAPES)
def test_is_a_pattern_with_these_in_degrees(case, device):
    """The same five tensors that `from_pairs`, which refuses repeated and unsorted ones, makes of it."""
    shape, in_degree = SHAPES[case]
    pattern = drawn(shape, in_degree, device=device).to("cpu")
    assert pattern.shape == shape
    expected = in_degree if isinstance(in_degree, torch.Tensor) else torch.full((shape[0],), in_degree)
    assert torch.equal(pattern.crow.diff().long(), expected)
    again = Pattern.from_pairs(pattern.post.numpy(), pattern.pre.numpy(), shape)
    for name, tensor, other in zip(Pattern._fields, pattern, again, strict=True):
        assert tensor.dtype == torch.int32
        assert torch.equal(tensor, other), name


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("in_degree", [1, 7, 30, 49])
def test_no_neuron_projects_to_itself_where_it_must_not(in_degree):
    pattern = drawn((50, 50), in_degree, self_connections=False)
    assert (pattern.post != pattern.pre).all()
    assert (pattern.crow.diff() == in_degree).all()
    again = Pattern.from_pairs(pattern.post.numpy(), pattern.pre.numpy(), (50, 50))
    assert all(torch.equal(tensor, other) for tensor, other in zip(pattern, again, strict=True))


@pytest.mark.parametrize("self_connections", [True, False])
@pytest.mark.parametrize("in_degree", [2, 6], ids=["sparse", "crowded"])
def test_every_set_of_sources_is_as_likely(in_degree, self_connections):
    """Sources of the 9 neurons of 20,000 networks: pairs of them occur as often as chance has it."""
    n, times = 9, 20_000
    generator = torch.Generator().manual_seed(1)
    candidates = n if self_connections else n - 1
    together = torch.zeros(n, n, n)
    for _ in range(20):
        many = random_pattern((times // 20, candidates), in_degree, generator=generator)
        mask = many.dense(torch.ones(many.n_synapses))
        together[0, :candidates, :candidates] += mask.T @ mask
    pairs = in_degree * (in_degree - 1) / (candidates * (candidates - 1))
    eye = torch.eye(candidates, dtype=torch.bool)
    found = together[0, :candidates, :candidates] / times
    for where, p in ((eye, in_degree / candidates), (~eye, pairs)):
        assert ((found[where] - p).abs() < 5 * (p * (1 - p) / times) ** 0.5).all()
    if not self_connections:
        counts = torch.zeros(n, n)
        for _ in range(2000):
            pattern = random_pattern((n, n), in_degree, self_connections=False, generator=generator)
            counts += pattern.dense(torch.ones(pattern.n_synapses))
        p = in_degree / candidates
        others = counts[~torch.eye(n, dtype=torch.bool)] / 2000
        assert ((others - p).abs() < 5 * (p * (1 - p) / 2000) ** 0.5).all()


def test_out_degrees_are_those_of_chance():
    pattern = drawn((20_000, 5000), 20)
    out = pattern.t_crow.diff().double()
    assert out.sum() == 20_000 * 20
    expected = 20_000 * 20 / 5000 * (1 - 20 / 5000)  # binomial
    assert abs(out.var() / expected - 1) < 5 * (2 / 5000) ** 0.5


def test_binomial_in_degrees_are_the_bernoulli_rule():
    generator = torch.Generator().manual_seed(2)
    n, p = 400, 0.1
    counts = torch.binomial(torch.full((n,), float(n)), torch.tensor(p).expand(n), generator=generator)
    pattern = random_pattern((n, n), counts, generator=generator)
    assert torch.equal(pattern.crow.diff().float(), counts)
    assert abs(pattern.n_synapses - p * n * n) < 5 * (p * (1 - p) * n * n) ** 0.5


@pytest.mark.parametrize("device", DEVICES)
def test_the_seed_decides(device):
    first, again, other = (drawn((500, 500), 10, seed, device) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.col, other.col)
    torch.manual_seed(0)
    assert torch.equal(random_pattern((500, 500), 10, device=device).col, first.col)
    assert first.crow.device.type == device


def test_memory_does_not_outgrow_the_pattern(monkeypatch):
    """Beside the five tensors nothing is larger than a few numbers per synapse of a chunk, or per neuron."""
    monkeypatch.setattr(wiring, "CHUNK", 2**10)
    n, in_degree, sizes = 500, 100, []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.untyped_storage().nbytes())
            return result

    with Watch():
        pattern = drawn((n, n), in_degree)
    own = 4 * pattern.n_synapses
    assert {size for size in sizes if size > 8 * 2**10} == {own}


def test_runs_through_the_recurrence():
    pattern = drawn((60, 60), 6)
    values = torch.randn(pattern.n_synapses, generator=torch.Generator().manual_seed(3), requires_grad=True)
    start, drive, alpha = torch.zeros(60, 4), torch.ones(5, 60, 4), torch.full((60,), 0.2)
    found = []
    for backend in ("auto", "reference"):
        matrix = Matrix(values, pattern)
        run = recurrence(*matrix, drive, alpha, start, start, activation="tanh", backend=backend)
        found.append(torch.autograd.grad(run.rates.square().sum(), values)[0])
    torch.testing.assert_close(*found)


CANDIDATES = "needs `in_degree` from 0 to {}, the number of candidates; it got {}."
WHOLE = (
    "needs `in_degree` as one whole number or as whole numbers of shape (post,) = (2,); it got {}. "
    "Round them."
)
MISTAKES = [
    (ValueError, (5, 5), 6, {}, CANDIDATES.format(5, "6 to 6")),
    (ValueError, (5, 5), 5, {"self_connections": False}, CANDIDATES.format(4, "5 to 5")),
    (ValueError, (2, 5), torch.tensor([1, -1]), {}, CANDIDATES.format(5, "-1 to 1")),
    (
        ValueError,
        (2, 5),
        1,
        {"self_connections": False},
        "needs a square pattern for self_connections=False; it got (2, 5). Leave it out.",
    ),
    (
        ValueError,
        (2**20, 2**20),
        2**11,
        {},
        "keeps indices in 32 bits, for fewer than 2147483648 synapses and neurons; it got 2147483648 "
        "synapses between 1048576 and 1048576 neurons. Take a smaller `in_degree`.",
    ),
    (
        ValueError,
        (2, 5),
        1,
        {"generator": torch.Generator(), "device": "meta"},
        "needs a generator on meta, where it draws; it got one on cpu. Make it with torch.Generator('meta').",
    ),
    (TypeError, (2, 5), torch.tensor([1.5, 1.0]), {}, WHOLE.format("float32 of shape (2,)")),
    (TypeError, (2, 5), torch.tensor([1]), {}, WHOLE.format("int64 of shape (1,)")),
    (TypeError, (2, 5), 1.0, {}, "needs a whole number for `in_degree`; it got 1.0."),
    (ValueError, (2, 5), -1, {}, "needs `in_degree` of at least 0; it got -1."),
]


@pytest.mark.parametrize(("kind", "shape", "in_degree", "options", "message"), MISTAKES)
def test_mistakes(kind, shape, in_degree, options, message):
    with pytest.raises(kind, match=f"^{re.escape(f'`random_pattern(...)` {message}')}$"):
        random_pattern(shape, in_degree, **options)
