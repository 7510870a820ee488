"""Backend `triton`: fused kernels for a GPU, a whole sequence or a time step in each."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from graphrnn.kernels.contract import Backend, Gradients, OutputGradients, Outputs, Problem, Wanted
from graphrnn.kernels.csr import steps_per_chunk
from graphrnn.kernels.delays import window_of
from graphrnn.kernels.gpu import costs, plan
from graphrnn.kernels.gpu.available import missing
from graphrnn.kernels.gpu.launch import run
from graphrnn.kernels.gpu.layout import NO_TILES
from graphrnn.kernels.gpu.products import HiddenGradient, TritonProducts
from graphrnn.kernels.gpu.sweep import Dense, Form, Sweep, dense
from graphrnn.kernels.pattern import Pattern
from graphrnn.kernels.totals import Totals, drive_of, from_outputs, grad_start, output_of, readout_back

__all__ = ["TritonBackend"]


class TritonBackend:
    """The recurrence in Triton's kernels, on CUDA; on a CPU in Triton's interpreter, for tests.

    Args:
        small: largest number of columns of W (neurons, times steps under delays) at which one kernel goes
            through the whole sequence; default `plan.small`.
        threshold: synapses from which on a tile of W is dense; default by what the device costs.
        split: synapses of a row from which on it is cut; default by the number of all of them.
    """

    name = "triton"

    def __init__(
        self, small: int | None = None, threshold: int | None = None, split: int | None = None
    ) -> None:
        self._small, self._threshold, self._split = small, threshold, split

    @classmethod
    def ways(cls) -> dict[str, Backend]:
        """The backend in each form that its kernels have, whatever the network."""
        return {
            "one kernel for the sequence": cls(small=2**31),
            "a kernel for each step": cls(small=0, threshold=NO_TILES),
            "a kernel for each step, long rows cut": cls(small=0, threshold=NO_TILES, split=13),
            "dense tiles": cls(small=0, threshold=1),
            "dense tiles and synapses, long rows cut": cls(small=0, threshold=60, split=5),
        }

    def unavailable(self, device: torch.device, dtype: torch.dtype, precision: str = "exact") -> str | None:
        if device.type not in ("cpu", "cuda"):
            return f"Triton's kernels run on CUDA, not on {device.type}"
        if dtype not in (torch.float32, torch.float64):
            return f"its kernels need float32 or float64, not {str(dtype)[6:]}"
        return missing(device)

    def explain(self, pattern: Pattern, precision: str = "exact") -> str:
        small = plan.small(precision) if self._small is None else self._small
        return plan.explain(pattern, precision, small, self._threshold, self._split)

    def forward(self, problem: Problem, save_states: bool) -> Outputs:
        with _on(problem.v0.device):
            return self._forward(problem, save_states)

    def backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        with _on(problem.v0.device):
            return self._backward(problem, rates, states, grads, wanted)

    def _forward(self, problem: Problem, save_states: bool) -> Outputs:
        products = self._products(problem)
        weight = self._matrix(problem, products, transposed=False)
        entry, readout = (
            None if matrix is None else products.weight_matrix(matrix.pattern, matrix.values)
            for matrix in (problem.input, problem.readout)
        )
        window = window_of(problem.r0)
        v = problem.v0.clone(memory_format=torch.contiguous_format)
        rates = v.new_empty(problem.steps, *v.shape)
        states = torch.empty_like(rates) if save_states else None
        output = None
        if problem.readout is not None:
            output = v.new_empty(len(rates), problem.readout.pattern.shape[0], v.shape[1])
        leak, noise = problem.alpha.contiguous(), problem.rate_noise
        length = min(steps_per_chunk(rates), len(rates))
        path = v.new_empty(window + length, *v.shape)  # the rates of a chunk behind those that came before
        path[:window] = problem.rates_before
        for start in range(0, len(rates), length):
            chunk = slice(start, min(start + length, len(rates)))
            steps = chunk.stop - chunk.start
            sweep = Sweep(
                "forward",
                drive_of(products, problem, entry, rates[chunk], chunk).contiguous(),
                v,
                leak,
                path[: window + steps],
                None if noise is None else noise[chunk].contiguous(),
                None if states is None else states[chunk],
                noise is not None,
                problem.activation,
                problem.precision,
            )
            run(weight, sweep)
            rates[chunk] = path[window : window + steps]
            path[:window] = path[steps : steps + window].clone()
            if output is not None and readout is not None:
                output[chunk] = output_of(products, problem, readout, rates[chunk])
        return Outputs(rates, states, v, output)

    def _backward(
        self, problem: Problem, rates: Tensor, states: Tensor | None, grads: OutputGradients, wanted: Wanted
    ) -> Gradients:
        products, window = self._products(problem), window_of(problem.r0)
        weight = self._matrix(problem, products, transposed=True)
        back = readout_back(products, problem, grads)
        noisy = problem.rate_noise is not None and states is not None
        seen = (states if noisy and states is not None else rates).contiguous()
        leak = problem.alpha.contiguous()
        totals = Totals(products, problem, rates, wanted, HiddenGradient)
        # The loop carries (1 - α) g, where g = α ∂L/∂v is the gradient of the drive itself.
        carried = torch.zeros_like(problem.v0) if grads.v_last is None else leak[:, None] * grads.v_last
        carried = carried.contiguous()
        later = carried.new_zeros(window, *carried.shape)  # g of the steps after a chunk
        length = max(steps_per_chunk(rates), window)
        end = len(rates)
        while end > 0:
            chunk = slice(max(0, end - length), end)
            path = torch.cat((torch.empty_like(seen[chunk]), later))
            summand = from_outputs(products, grads, back, rates, chunk)
            sweep = Sweep(
                "backward",
                summand,
                carried,
                leak,
                path,
                seen[chunk],
                None,
                noisy,
                problem.activation,
                problem.precision,
            )
            run(weight, sweep)
            totals.add(chunk, path[:-window], states, grads.output)
            later, end = path[:window], chunk.start
        r0 = None
        if wanted.r0:
            hidden = products.transposed_matrix(problem.hidden.pattern, problem.hidden.values, window)
            r0 = grad_start(products, hidden, later, problem.rates_before)
        return totals.gradients()._replace(v0=carried / leak[:, None] if wanted.v0 else None, r0=r0)

    def _products(self, problem: Problem) -> TritonProducts:
        threshold = self._threshold
        if threshold is None:
            batch = 1 << (problem.v0.shape[1] - 1).bit_length()  # rounded up, so that few layouts are made
            threshold = costs.current(problem.v0.device).threshold(batch, problem.precision)
        return TritonProducts(problem.precision, threshold, self._split)

    def _matrix(self, problem: Problem, products: TritonProducts, transposed: bool) -> Form | Dense:
        values, pattern = problem.hidden
        window = window_of(problem.r0)
        n_cols = window * len(problem.alpha)
        if n_cols <= (plan.small(problem.precision) if self._small is None else self._small):
            if transposed:
                return dense(pattern.t_crow, pattern.t_col, n_cols, values.index_select(0, pattern.perm))
            return dense(pattern.crow, pattern.col, n_cols, values)
        if transposed:
            return products.transposed_matrix(pattern, values, window)
        return products.weight_matrix(pattern, values, window)


def _on(device: torch.device) -> AbstractContextManager[object]:
    """Triton launches on torch's current device, which need not be that of the tensors."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
