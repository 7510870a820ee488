"""Networks for the tests of the kernels, their random numbers, and how runs are compared.

from kernel_cases import NETWORKS, assert_same, draw, outputs_and_gradients
"""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from graphrnn.kernels import BACKENDS, Matrix, Pattern, Wanted, delayed_pattern, recurrence

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
SLOW = frozenset({"triton"})  # where its kernels are interpreted; it takes fewer of the same tests
ALL = frozenset({"input", "bias", "drive", "readout"})
ONE_BY_ONE = ("values", "drive", "alpha", "v0", "r0", "x", "bias", "readout_bias")


def skip_where_missing(backend, device="cpu"):
    """Skips a test of a backend that this machine, or this installation, does not offer."""
    if backend in BACKENDS:
        why = BACKENDS[backend].unavailable(torch.device(device), torch.float32)
        if why is not None:
            pytest.skip(f"backend {backend}: {why}")


def random_mask(n_post, n_pre, density, seed=0):
    return np.random.default_rng(seed).random((n_post, n_pre)) < density


def without_rows(mask, rows):
    mask[rows] = False
    return mask


# name: mask (post, pre), time steps, batch
NETWORKS = {
    "asymmetric": (np.tri(6, k=-1, dtype=bool), 5, 3),
    "sparse": (random_mask(30, 30, 0.1), 7, 4),
    "half dense": (random_mask(12, 12, 0.3), 6, 2),
    "dense": (np.ones((8, 8), bool), 5, 3),
    "one neuron": (np.ones((1, 1), bool), 4, 2),
    "one neuron without synapse": (np.zeros((1, 1), bool), 4, 2),
    "empty": (np.zeros((5, 5), bool), 4, 3),
    "empty rows": (without_rows(random_mask(16, 16, 0.15), slice(4, 9)), 5, 3),
    "empty columns": (without_rows(random_mask(16, 16, 0.15), slice(4, 9)).T, 5, 3),
    "batch 1": (random_mask(20, 20, 0.1), 5, 1),
    "time 1": (random_mask(20, 20, 0.1), 1, 3),
    "batch 1, time 1": (random_mask(9, 9, 0.1), 1, 1),
}


def pattern_of(mask, device="cpu"):
    return Pattern.from_pairs(*np.nonzero(mask), mask.shape).to(device)


class Network(NamedTuple):
    """Patterns by the names of their values, what can have a gradient by the names in `Wanted`, and noise."""

    patterns: dict
    leaves: dict
    rate_noise: torch.Tensor | None

    def to(self, *where):
        patterns = {
            name: pattern.to(self.leaves["v0"].to(*where).device) for name, pattern in self.patterns.items()
        }
        leaves = {name: leaf.to(*where) for name, leaf in self.leaves.items()}
        return Network(patterns, leaves, None if self.rate_noise is None else self.rate_noise.to(*where))

    def arguments(self, leaves=None):
        """The arguments of `recurrence`, from other leaves if there are some."""
        leaf = {**self.leaves, **(leaves or {})}
        matrix = {
            name: Matrix(leaf[f"{name}_values"], self.patterns[f"{name}_values"])
            for name in ("input", "readout")
            if f"{name}_values" in leaf
        }
        one_by_one = {name: leaf.get(name) for name in ONE_BY_ONE}
        return {"pattern": self.patterns["values"], "rate_noise": self.rate_noise, **matrix, **one_by_one}


def draw(mask, steps, batch, parts=ALL, *, noisy=False, n_inputs=3, n_readouts=2, density=0.6, seed=0):
    """A network in float64 with the parts that are named, all numbers random."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    n = len(mask)
    masks = {"values": mask}
    if "input" in parts:
        masks["input_values"] = random_mask(n, n_inputs, density, seed + 1)
    if "readout" in parts:
        masks["readout_values"] = random_mask(n_readouts, n, density, seed + 2)
    leaves = {
        name: normal(int(m.sum())) / max(m.sum() / max(len(m), 1), 1) ** 0.5 for name, m in masks.items()
    }
    if "input" in parts:
        leaves["x"] = normal(steps, n_inputs, batch)
    if "bias" in parts:
        leaves["bias"] = 0.3 * normal(n)
    if "drive" in parts:
        leaves["drive"] = normal(steps, n, batch)
    leaves["alpha"] = 0.1 + 0.9 * torch.rand(n, generator=generator, dtype=torch.float64)
    leaves |= {"v0": normal(n, batch), "r0": normal(n, batch)}
    noise = 0.3 * normal(steps, n, batch) if noisy else None
    if "readout" in parts and "bias" in parts:
        leaves["readout_bias"] = normal(n_readouts)
    return Network({name: pattern_of(m) for name, m in masks.items()}, leaves, noise)


def laid_out(tensor, order):
    """The same tensor with its axes in another order in memory."""
    return tensor.permute(order).contiguous().permute(*np.argsort(order))


def with_delays(network, late):
    """The same network with a delay in steps for each synapse, in the order of the pattern, and a past."""
    pattern = network.patterns["values"]
    made = delayed_pattern(pattern.post, pattern.pre, late, pattern.shape[0])
    generator = torch.Generator().manual_seed(made.window)
    past = torch.randn((made.window, *network.leaves["v0"].shape), generator=generator, dtype=torch.float64)
    leaves = {**network.leaves, "values": network.leaves["values"][made.order], "r0": past}
    return network._replace(patterns={**network.patterns, "values": made.pattern}, leaves=leaves), made.order


def weighed(run):
    """A loss in which all entries of all outputs weigh differently."""
    outputs = [output for output in run if output is not None]
    return sum((torch.linspace(-1, 2, o.numel()).to(o).reshape(o.shape) * o).sum() for o in outputs)


def outputs_and_gradients(network, *, wanted=Wanted._fields, loss=weighed, **options):
    """Outputs and the gradients of a loss, by name; None for what the loss does not depend on."""
    wanted = [name for name in wanted if name in network.leaves]
    leaves = {name: network.leaves[name].detach().requires_grad_() for name in wanted}
    run = recurrence(**network.arguments(leaves), **options)
    gradients = torch.autograd.grad(loss(run), leaves.values(), allow_unused=True)
    return {**run._asdict(), **{f"gradient of {name}": g for name, g in zip(wanted, gradients, strict=True)}}


def assert_close(actual, expected, tolerance):
    """Equal to a tolerance relative to the largest entry."""
    assert actual.shape == expected.shape
    if expected.numel():
        error = (actual.double() - expected.double()).abs().max().item()
        assert error <= tolerance * expected.abs().max().item(), error


def assert_same(actual, expected, tolerance):
    """Two results of `outputs_and_gradients`; tolerance 0 for the same bits."""
    assert actual.keys() == expected.keys()
    for name in actual:
        try:
            assert (actual[name] is None) == (expected[name] is None)
            if actual[name] is not None:
                assert_close(actual[name], expected[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


# Of the effect of rounding: what numbers that another order of a sum rounds the other way may do.
FLIPPED = 0.3


def assert_rounds_as_the_reference(network, backend, precision, device="cpu", **options):
    """Equal but for the few numbers that lie so near between two that they are rounded the other way."""
    network = network.to(torch.float32)
    exact = outputs_and_gradients(network, backend="reference", **options)
    expected = outputs_and_gradients(network, backend="reference", precision=precision, **options)
    actual = outputs_and_gradients(network.to(device), backend=backend, precision=precision, **options)
    for name, value in expected.items():
        assert (actual[name] is None) == (value is None), name
        if value is not None:
            error = (actual[name].cpu() - value).norm()
            assert error <= FLIPPED * (exact[name] - value).norm() + 1e-5 * value.norm(), name
