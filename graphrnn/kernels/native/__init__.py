"""Backend `native`: the whole sequence and its gradient in one call of a compiled library, on a CPU."""

from __future__ import annotations

import ctypes
from functools import cache, lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import (
    Gradients,
    OutputGradients,
    Outputs,
    Problem,
    Wanted,
    notes_of,
    numbers_of,
)
from graphrnn.kernels.delays import window_of, window_of_pattern
from graphrnn.kernels.native import crossover
from graphrnn.kernels.native import library as native
from graphrnn.kernels.native.crossover import Crossover
from graphrnn.kernels.native.layout import groups_of, layout, plain_groups
from graphrnn.kernels.native.memory import empty
from graphrnn.kernels.pattern import Pattern

__all__ = ["NativeBackend"]

# Chosen in the library itself; fixed by tests alone.
TILE_BYTES = TEAM = 0
ISA = -1  # 0 generic, 1 AVX2, 2 AVX-512; -1 for the best that the machine has
CACHE_BYTES = 0  # of one core; 0 to ask the machine

DRIVE = Wanted._fields.index("drive")
GRADIENTS = slice(-len(Gradients._fields), None)  # of `native.TENSORS`
OUTPUT = native.TENSORS.index("output")
ACTIVATION = {name: number for number, name in enumerate(ACTIVATIONS)}

Strides = tuple[int, ...]


class NativeBackend:
    """The recurrence in vector instructions, the batch in tiles over the cores.

    Args:
        shared: rows of a group of eight from which on a column is a block; default the machine's crossover.
    """

    name = "native"

    def __init__(self, shared: int | None = None) -> None:
        self.shared = shared

    @property
    def _crossover(self) -> Crossover:
        return crossover.current() if self.shared is None else Crossover(self.shared, measured=True)

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        if device.type != "cpu":
            return "it runs on CPUs alone"
        if dtype not in (torch.float32, torch.float64):
            return f"it needs float32 or float64, not {str(dtype)[6:]}"
        if precision != "exact":
            return "it multiplies exactly"
        return native.missing()

    def explain(self, pattern: Pattern, precision: str = "exact") -> str:
        blocks_pay, window = self._crossover, window_of_pattern(pattern)
        found = layout(pattern.crow, pattern.col, pattern.shape[1], blocks_pay.rows, window=window)
        dense = found.in_blocks / max(pattern.n_synapses, 1)
        return (
            f"density {pattern.density:.3g}: {dense:.0%} of the synapses in dense blocks, the others sparse; "
            f"{blocks_pay}"
        )

    def forward(self, problem: Problem, save_states: bool) -> Outputs:
        v0, readout, steps = problem.v0, problem.readout, problem.steps
        n, batch = v0.shape
        shape = steps, n, batch
        setup = self._setup(problem, shape, plain=(True, True, True), transposed=(False, False, False))
        output = None
        if readout is not None:
            output = _empty((steps, readout.pattern.shape[0], batch), setup.strides[OUTPUT], v0)
        states = empty(shape, v0.dtype) if save_states else None
        outputs = Outputs(empty(shape, v0.dtype), states, v0.new_empty(n, batch), output)
        _run("graphrnn_forward", setup, numbers_of(problem), outputs)
        return outputs

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        inputs = numbers_of(problem)
        # Where no drive was kept, it had the shape of the rates.
        leaves = (*inputs[:DRIVE], rates, *inputs[DRIVE + 1 : -1])
        plain = (wanted.values, wanted.input_values, False)  # those of the readout run over its transpose
        setup = self._setup(problem, rates.shape, plain, transposed=(True, wanted.x, True))
        gradients = Gradients(
            *(
                _empty(leaf.shape, strides, leaf) if needed and leaf is not None else None
                for leaf, needed, strides in zip(leaves, wanted, setup.strides[GRADIENTS], strict=True)
            )
        )
        _run("graphrnn_backward", setup, (*inputs, rates, states, None, None, *grads), gradients)
        return gradients

    def _setup(
        self,
        problem: Problem,
        shape: tuple[int, ...],
        plain: tuple[bool, ...],
        transposed: tuple[bool, ...],
    ) -> _Setup:
        """What this call has in common with others, made now or before.

        Args:
            problem: what is run through.
            shape: (time, neuron, batch).
            plain: whether W, W_in and W_out are read as they are.
            transposed: and whether their transposes are.
        """
        numbers = (  # the first fields of `native.Setup`
            *shape,
            problem.v0.dtype == torch.float64,
            ACTIVATION[problem.activation],
            torch.get_num_threads(),
            *(ISA, TILE_BYTES, TEAM),
            problem.rate_noise is not None,
            _same_start(problem.v0),
            _order(problem.x),
            CACHE_BYTES,
            window_of(problem.r0),
        )
        settings = numbers, plain, transposed, self._crossover.rows
        missing = problem.input is None, problem.readout is None  # whose pattern follows that of W
        notes = notes_of(*problem) if problem.notes is None else problem.notes
        found: _Setup = notes.get((settings, missing), lambda: _make_setup(problem, *settings))
        return found


def _same_start(v0: Tensor) -> bool:
    """Whether (neuron, batch) is one column, expanded, which the library reads as it is."""
    return v0.stride() == (1, 0) and not v0.is_neg()


@lru_cache(maxsize=64)
def _orders(steps: int, rows: int, batch: int) -> tuple[Strides, ...]:
    """The strides of a tensor (time, row, batch) in each order of axes that the library reads and writes."""
    return (rows * batch, batch, 1), (rows, 1, steps * rows), (batch * rows, 1, rows)


def _order(x: Tensor | None) -> int:
    """The order of the input, and so of the output; 0, that of the rates, for any other."""
    if x is None:
        return 0
    orders, found = _orders(*x.shape), x.stride()
    return orders.index(found) if found in orders else 0


def _empty(shape: tuple[int, ...], strides: Strides | None, like: Tensor) -> Tensor:
    return like.new_empty(shape) if strides is None else like.new_empty_strided(shape, strides)


def _run(name: str, setup: _Setup, given: tuple[Tensor | None, ...], made: tuple[Tensor | None, ...]) -> None:
    """Calls a function of the library; the tensors that it points to stay alive meanwhile.

    Args:
        name: of the function.
        setup: what its call has in common with others.
        given: the first of `native.TENSORS`, copied where the library cannot read them as they lie.
        made: those that follow, which it writes to.
    """
    addresses, copies = [], []
    for tensor, strides in zip(given, setup.strides, strict=False):
        if tensor is None:
            addresses.append(0)
            continue
        fits = tensor.is_contiguous() if strides is None else tensor.stride() == strides
        if fits and not tensor.is_neg():
            addresses.append(tensor.data_ptr())
        else:
            copies.append(_empty(tensor.shape, strides, tensor).copy_(tensor))
            addresses.append(copies[-1].data_ptr())
    addresses += [0 if tensor is None else tensor.data_ptr() for tensor in made]
    native.call(name, ctypes.byref(setup.fields), native.addresses(addresses))


class _Setup(NamedTuple):
    """What many calls have in common, and the tensors that it points to."""

    fields: native.Setup
    tensors: list[Tensor]
    strides: tuple[Strides | None, ...]  # that each of `native.TENSORS` needs; None for any contiguous one


def _make_setup(
    problem: Problem,
    numbers: tuple[int, ...],
    plain: tuple[bool, ...],
    transposed: tuple[bool, ...],
    shared: int,
) -> _Setup:
    fields = native.Setup(*numbers)
    fields.release, fields.acquire, fields.interrupted = _interpreter()
    strides = _strides_of(fields, problem)
    setup = _Setup(fields, [], tuple(map(strides.get, native.TENSORS)))
    n = fields.neurons
    neurons = groups_of(*problem.hidden.pattern[:2])  # of the rows of all matrices where those are neurons
    layers = fields.hidden, fields.input, fields.readout
    ends = (True, True), (True, False), (False, True)  # whether rows are neurons, and columns
    windows = fields.window, 1, 1
    for layer, matrix, inner, *given in zip(
        layers, problem[:3], ends, windows, zip(plain, transposed, strict=True), strict=True
    ):
        if matrix is None:
            layer.matrix.n_rows, layer.matrix.n_cols = (n if neuron else 0 for neuron in inner)
            layer.transposed.n_rows, layer.transposed.n_cols = layer.matrix.n_cols, layer.matrix.n_rows
            continue
        sizes = zip(inner, matrix.pattern.shape, strict=True)
        groups = [neurons if neuron else plain_groups(size) for neuron, size in sizes]
        _fill(setup.tensors, layer, shared, matrix.pattern, groups, *given)
    return setup


def _strides_of(fields: native.Setup, problem: Problem) -> dict[str, Strides]:
    """What those tensors need that are not as the others are, by name."""
    found: dict[str, Strides] = {"v0": (1, 0)} if fields.same_start else {}
    for matrix, axis, name in ((problem.input, 1, "x"), (problem.readout, 0, "output")):
        if matrix is not None:
            strides = _orders(fields.steps, matrix.pattern.shape[axis], fields.batch)[fields.order]
            found |= {name: strides, f"grad_{name}": strides}
    return found


def _fill(
    kept: list[Tensor],
    layer: native.Layer,
    shared: int,
    pattern: Pattern,
    groups: list[Tensor],
    window: int,
    directions: tuple[bool, bool],
) -> None:
    """Points a layer to a matrix, its transpose or both, whichever is needed, and keeps what it points to."""
    crow, col, t_crow, t_col, perm = pattern
    n_rows, n_cols = pattern.shape
    layer.matrix.n_rows, layer.matrix.n_cols = n_rows, n_cols
    layer.transposed.n_rows, layer.transposed.n_cols = n_cols, n_rows
    plain, transposed = directions
    if plain:
        found = layout(crow, col, n_cols, shared, groups=groups[0], window=window)
        layer.matrix = found.fields
        kept.extend(found.tensors)
    if transposed:
        found = layout(t_crow, t_col, n_rows, shared, groups=groups[1], window=window, ahead=True)
        order = perm.detach().contiguous()
        layer.transposed, layer.permutation = found.fields, order.data_ptr()
        kept.extend((*found.tensors, order))


@cache
def _interpreter() -> tuple[int | None, ...]:
    """Where the interpreter gives its lock back, takes it again, and looks for signals."""
    api = ctypes.pythonapi
    functions = (api.PyEval_SaveThread, api.PyEval_RestoreThread, api.PyErr_CheckSignals)
    return tuple(ctypes.cast(function, ctypes.c_void_p).value for function in functions)
