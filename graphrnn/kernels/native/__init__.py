"""Backend `native`: the whole sequence and its gradient in one call of a compiled library, on a CPU."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from graphrnn.kernels.activations import ACTIVATIONS
from graphrnn.kernels.contract import Gradients, Matrix, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.delays import window_of, window_of_pattern
from graphrnn.kernels.native import crossover
from graphrnn.kernels.native import library as native
from graphrnn.kernels.native.crossover import Crossover
from graphrnn.kernels.native.layout import layout
from graphrnn.kernels.pattern import Pattern

__all__ = ["NativeBackend"]

# Chosen in the library itself; fixed by tests alone.
TILE_BYTES = TEAM = 0
ISA = -1  # 0 generic, 1 AVX2, 2 AVX-512; -1 for the best that the machine has
CACHE_BYTES = 0  # of one core; 0 to ask the machine


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
        n, batch = problem.v0.shape
        rates = problem.v0.new_empty(problem.steps, n, batch)
        readout = problem.readout
        outputs = Outputs(
            rates,
            torch.empty_like(rates) if save_states else None,
            rates.new_empty(n, batch),
            None if readout is None else rates.new_empty(len(rates), readout.pattern.shape[0], batch),
        )
        call = _Arguments(problem, rates, self._crossover.rows)
        for name, matrix, shape in _layers(problem):
            call.layer(name, matrix, shape, plain=True, transposed=False)
        call.take(x=problem.x, drive=problem.drive, noise=problem.rate_noise, **outputs._asdict())
        call.run("graphrnn_forward")
        return outputs

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        rates = rates.contiguous()
        leaves = (
            problem.hidden.values,
            *(None if matrix is None else matrix.values for matrix in (problem.input, problem.readout)),
            problem.x,
            problem.bias,
            rates,
            problem.alpha,
            problem.v0,
            problem.r0,
        )
        gradients = Gradients(
            *(
                rates.new_empty(leaf.shape) if needed and leaf is not None else None
                for leaf, needed in zip(leaves, wanted, strict=True)
            )
        )
        call = _Arguments(problem, rates, self._crossover.rows)
        call.take(x=problem.x, rates=rates, states=states)
        call.take(**{f"grad_{name}": tensor for name, tensor in grads._asdict().items()})
        call.take(
            **{f"grad_{name}": tensor for name, tensor in gradients._asdict().items() if "values" not in name}
        )
        sums = (wanted.values, wanted.input_values, False)  # those of the readout run over its transpose
        returns = (True, wanted.x, True)
        for (name, matrix, shape), gradient, plain, back in zip(
            _layers(problem), gradients[:3], sums, returns, strict=True
        ):
            call.layer(name, matrix, shape, plain, back)
            getattr(call.fields, name).grad_values = call.pointer(gradient)
        call.fields.noisy = problem.rate_noise is not None
        call.run("graphrnn_backward")
        return gradients


def _layers(problem: Problem) -> tuple[tuple[str, Matrix | None, tuple[int, int]], ...]:
    """The matrices by their names in the library, with the shape that stands for one that is not there."""
    n = len(problem.alpha)
    return (
        ("hidden", problem.hidden, (n, n)),
        ("input", problem.input, (n, 0)),
        ("readout", problem.readout, (0, n)),
    )


class _Arguments:
    """One call of the library, which keeps the tensors alive that it points to."""

    def __init__(self, problem: Problem, rates: Tensor, shared: int) -> None:
        self.shared = shared
        self.kept: list[Tensor] = []
        self.fields = fields = native.Call()
        fields.steps, fields.neurons, fields.batch = rates.shape
        fields.is_double = rates.dtype == torch.float64
        fields.activation = list(ACTIVATIONS).index(problem.activation)
        fields.threads = torch.get_num_threads()
        fields.window = window_of(problem.r0)
        fields.isa = ISA
        fields.cache_bytes, fields.tile_bytes, fields.team = CACHE_BYTES, TILE_BYTES, TEAM
        self.take(bias=problem.bias, alpha=problem.alpha, v0=problem.v0, r0=problem.r0)
        fields.release, fields.acquire, fields.interrupted = _interpreter()

    def take(self, **tensors: Tensor | None) -> None:
        """Points fields of the call to tensors."""
        for name, tensor in tensors.items():
            if tensor is not None:
                setattr(self.fields, name, self.pointer(tensor))

    def run(self, name: str) -> None:
        """Calls a function of the library."""
        native.call(name, ctypes.byref(self.fields))

    def pointer(self, tensor: Tensor | None) -> int | None:
        """The address of a tensor, which is kept alive, and made contiguous where it is not."""
        if tensor is None:
            return None
        self.kept.append(tensor.contiguous())
        return self.kept[-1].data_ptr()

    def layer(
        self, name: str, matrix: Matrix | None, shape: tuple[int, int], plain: bool, transposed: bool
    ) -> None:
        """Points a layer of the call to a matrix, its transpose or both, whichever is needed."""
        to, window = getattr(self.fields, name), self.fields.window if name == "hidden" else 1
        if matrix is None:
            to.matrix.n_rows, to.matrix.n_cols = to.transposed.n_cols, to.transposed.n_rows = shape
            return
        crow, col, t_crow, t_col, perm = matrix.pattern
        n_rows, n_cols = matrix.pattern.shape
        to.values = self.pointer(matrix.values)
        if plain:
            to.matrix = self._pattern(crow, col, n_cols, window, ahead=False)
        else:
            to.matrix.n_rows, to.matrix.n_cols = n_rows, n_cols
        if transposed:
            to.transposed = self._pattern(t_crow, t_col, n_rows, window, ahead=True)
            to.permutation = self.pointer(perm)

    def _pattern(self, start: Tensor, col: Tensor, n_cols: int, window: int, ahead: bool) -> native.Pattern:
        found = layout(start, col, n_cols, self.shared, window=window, ahead=ahead)
        self.kept.extend(found.tensors)
        return found.fields


@cache
def _interpreter() -> tuple[int | None, ...]:
    """Where the interpreter gives its lock back, takes it again, and looks for signals."""
    api = ctypes.pythonapi
    functions = (api.PyEval_SaveThread, api.PyEval_RestoreThread, api.PyErr_CheckSignals)
    return tuple(ctypes.cast(function, ctypes.c_void_p).value for function in functions)
