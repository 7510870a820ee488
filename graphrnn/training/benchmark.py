"""The backends on a network of one's own: speed, memory, and how far the machine's limit is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.connectome import Connectome
from graphrnn.kernels import (
    BACKENDS,
    GATHER_WIDTH,
    Choice,
    available_backends,
    check_precision,
    choose_backend,
    gather,
)
from graphrnn.nn import CTRNN
from graphrnn.training.memory import peak_memory
from graphrnn.training.timing import machine, time_in_turns
from graphrnn.training.training_step import TrainingStep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BackendResult", "Benchmark", "benchmark"]

_DENSE_WORK = 10**10  # neurons² · time · batch up to which the dense reference takes part, about a second
_GATHERED = 2 * 10**7  # rows per timed gather: enough to start the threads for
_GATHER = "gather"
# Up to which relative difference between backends it is rounding.
_ROUNDING = {"exact": 1e-3, "tf32": 1e-2, "bf16": 5e-2}


@dataclass(frozen=True)
class BackendResult:
    """Training steps of one backend."""

    backend: str
    seconds: tuple[float, ...]  # of each round
    loss: float  # of the first step
    gradient: float  # norm of the gradient of the recurrent weights in the first step
    memory: int | None  # bytes at most above those before; None where not measured
    explained: str  # what `CTRNN.explain` says

    @property
    def median(self) -> float:
        """Seconds per training step."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Benchmark:
    """What `benchmark` found, with all that the figures depend on."""

    neurons: int
    synapses: int
    time_steps: int
    batch: int
    threads: int
    device: str
    auto: Choice  # what "auto" takes, and why
    results: tuple[BackendResult, ...]
    gather_seconds: tuple[float, ...]  # per synapse and row of 16 rates, of each round; empty if unknown
    left_out: dict[str, str]  # backend → why
    precision: str = "exact"
    dt: float = 10.0  # ms, which makes steps of the network's delays

    @property
    def synapse_steps(self) -> int:
        """S · T · B of one training step."""
        return self.synapses * self.time_steps * self.batch

    @property
    def limit(self) -> float | None:
        """Seconds in which the machine gathers the rates of one training step; None if unknown.

            limit = 3 · S · T · ⌈B / 16⌉ · g

        A step makes three sparse products over all synapses and time steps: W r, its transpose for the
        gradient of the rates, and the gradient of the values. Each needs a row of 16 rates, one cache
        line, per synapse and tile of 16 trials. g is the median time of such a row in a plain loop.
        """
        if not self.gather_seconds or not self.synapses:
            return None
        rows = self.synapses * self.time_steps * -(-self.batch // GATHER_WIDTH)
        return 3 * rows * statistics.median(self.gather_seconds)

    @property
    def disagreement(self) -> float:
        """Largest relative difference between the backends' losses and gradients of the first step."""
        losses, gradients = zip(*((result.loss, result.gradient) for result in self.results), strict=True)
        return max(_spread(losses), _spread(gradients))

    @property
    def agrees(self) -> bool:
        """Whether all backends computed the same, but for rounding."""
        return self.disagreement <= _ROUNDING[self.precision]

    @property
    def table(self) -> pd.DataFrame:
        """A row per backend: `step` in seconds, `synapse_steps` per second, `of_limit`, `memory`, `auto`."""
        import pandas as pd

        rows = [
            {
                "step": result.median,
                "synapse_steps": self.synapse_steps / result.median,
                "of_limit": float("nan") if self.limit is None else self.limit / result.median,
                "memory": float("nan") if result.memory is None else float(result.memory),
                "auto": result.backend == self.auto.name,
            }
            for result in self.results
        ]
        names = pd.Index([result.backend for result in self.results], name="backend")
        return pd.DataFrame(rows, index=names)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, and the machine."""
        limit = {"limit": self.limit, "synapse_steps": self.synapse_steps}
        return {**asdict(self), "auto": self.auto._asdict(), **limit, "machine": machine(self.device)}


def benchmark(
    network: Any,
    *,
    backends: Sequence[str] | None = None,
    time_steps: int = 100,
    batch: int = 64,
    rounds: int = 5,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    precision: str = "exact",
    dt: float = 10.0,
    memory: bool = True,
) -> Benchmark:
    """Times whole training steps of a network on every available backend, in turns.

    A step is the forward pass, a squared error on the readouts (on the rates, where there are none), the
    backward pass and Adam, in float32. Peak memory is measured in a new process per backend, above what
    was in use when the network was loaded; see `peak_memory`.

    Args:
        network: a `Connectome`, or an area graph or structure, which is compiled.
        backends: names; default all that are available, `reference` only while dense is still quick.
        time_steps: T of a sequence.
        batch: trials in a step.
        rounds: how often each backend is timed; the median counts.
        threads: of the CPU; None for torch's choice.
        device: "cpu" or "cuda".
        precision: "exact", "tf32" or "bf16", as in `CTRNN`.
        dt: time step in ms. A network with delays is timed with them, in steps of this length.
        memory: whether to measure it.

    Returns:
        A `Benchmark`, whose `table` is a pandas DataFrame.

    Raises:
        ValueError, TypeError: for a backend that is not available, an argument out of range.

    Example:
        >>> import graphrnn as gr
        >>> from graphrnn.training import benchmark
        >>> net = gr.MultiArea(dims=[2, 100, 1]).compile(seed=0)
        >>> found = benchmark(net, time_steps=10, batch=4, memory=False)
        >>> bool((found.table["step"] > 0).all())
        True
    """
    call = "benchmark(...)"
    _checks.count(call, "time_steps", time_steps)
    _checks.count(call, "batch", batch)
    _checks.count(call, "rounds", rounds)
    if threads is not None:
        _checks.count(call, "threads", threads)
    if backends is not None and len(backends) == 0:
        raise ValueError(
            "`benchmark(backends=[])` needs at least one backend. Leave it out to time all that are "
            "available."
        )
    check_precision(call, precision, torch.float32)
    _checks.positive(call, "dt", dt)
    net = network if isinstance(network, Connectome) else network.compile(0)
    device = torch.device(device)
    how = {"precision": precision, "dt": dt}
    before = torch.get_num_threads()
    torch.set_num_threads(before if threads is None else threads)
    try:
        return _benchmark(net, backends, time_steps, batch, rounds, device, memory, how)
    finally:
        torch.set_num_threads(before)


def _benchmark(
    net: Connectome,
    asked: Sequence[str] | None,
    time_steps: int,
    batch: int,
    rounds: int,
    device: torch.device,
    memory: bool,
    how: dict[str, Any],
) -> Benchmark:
    work = net.n_neurons**2 * time_steps * batch
    precision = how["precision"]
    backends, left_out = _chosen(asked, device, work, precision)
    steps = {name: TrainingStep(net, name, time_steps, batch, device, **how) for name in backends}
    losses = {name: float(step()) for name, step in steps.items()}
    gradients = {name: step.gradient for name, step in steps.items()}
    explained = {name: step.rnn.explain() for name, step in steps.items()}
    contenders: dict[str, Callable[[], Any]] = dict(steps)
    plain_loop, rows = _plain_loop(next(iter(steps.values())).rnn)
    if plain_loop is not None:
        contenders[_GATHER] = plain_loop
    seconds = time_in_turns(contenders, rounds=rounds, device=device)
    gathered = seconds.pop(_GATHER, [])
    steps.clear()  # their memory is needed next
    contenders.clear()
    peaks = peak_memory(net, backends, time_steps, batch, device, **how) if memory else {}
    return Benchmark(
        neurons=net.n_neurons,
        synapses=net.hidden.size,
        time_steps=time_steps,
        batch=batch,
        threads=torch.get_num_threads(),
        device=str(device),
        auto=choose_backend("auto", device, torch.float32, precision),
        results=tuple(
            BackendResult(
                backend=name,
                seconds=tuple(seconds[name]),
                loss=losses[name],
                gradient=gradients[name],
                memory=peaks.get(name),
                explained=explained[name],
            )
            for name in backends
        ),
        gather_seconds=tuple(value / rows for value in gathered),
        left_out=left_out,
        **how,
    )


def _chosen(
    asked: Sequence[str] | None, device: torch.device, dense_work: int, precision: str
) -> tuple[list[str], dict[str, str]]:
    """The backends to time, and why the others are not."""
    if asked is not None:
        names = (choose_backend(name, device, torch.float32, precision).name for name in asked)
        return list(dict.fromkeys(names)), {}
    available = list(available_backends(device, torch.float32, precision))
    left_out = {
        name: str(backend.unavailable(device, torch.float32, precision))
        for name, backend in BACKENDS.items()
        if name not in available
    }
    if dense_work > _DENSE_WORK:
        available.remove("reference")
        left_out["reference"] = "dense, and this network is large; name it to time it all the same"
    return available, left_out


def _spread(numbers: Sequence[float]) -> float:
    """Largest difference between numbers, relative to the largest of them."""
    if len({str(number) for number in numbers}) == 1:  # NaN equals itself here
        return 0.0
    if not all(math.isfinite(number) for number in numbers):
        return math.inf
    return (max(numbers) - min(numbers)) / max(abs(number) for number in numbers)


def _plain_loop(rnn: CTRNN) -> tuple[Callable[[], Any] | None, int]:
    """The gather that a sparse product of this network cannot do without, and its rows."""
    values = torch.ones_like(rnn.hidden.values)
    missing = BACKENDS["native"].unavailable(torch.device("cpu"), torch.float32)
    if not len(values) or (values.device.type == "cpu" and missing is not None):
        return None, 0
    pattern, n, threads = rnn.hidden.pattern, rnn.net.n_neurons, torch.get_num_threads()
    if rnn.delays is not None:  # the columns count through the window
        places = pattern.crow.new_empty(rnn.delays.window * n + 1)
        pattern = rnn.delays.pattern._replace(t_crow=places)
    rates = values.new_ones(pattern.shape[1], GATHER_WIDTH)
    out = values.new_empty(n, GATHER_WIDTH)
    repeat = max(1, _GATHERED // len(values))

    def plain_loop() -> Tensor:
        return gather(values, pattern, rates, out=out, repeat=repeat, threads=threads)

    return plain_loop, repeat * len(values)
