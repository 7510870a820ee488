"""The launches of many steps as one: a CUDA graph, recorded once for a network and a length, and replayed.

A launch from Python takes about as long as a step of some thousand neurons. A graph holds addresses, so that
it has tensors of its own, which a run copies into and out of; they are as large as one chunk of time.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphrnn.kernels.gpu.sweep import Form, Sweep

__all__ = ["replayed"]

# Synapses times trials up to which a step is so short (50 µs of an H200, estimated) that launches count.
SHORT = 2**26
AT_MOST = 4  # of a layout, which has one direction: whole chunks and the last one, with and without noise

Launch = Callable[[Form, Sweep], None]


class _Recording(NamedTuple):
    """A graph and the tensors that it reads and writes."""

    replay: Callable[[], None]
    tiles: Tensor | None  # not the whole matrix, whose layout keeps this recording
    rest: Tensor | None
    sweep: Sweep

    def take(self, matrix: Form, sweep: Sweep) -> None:
        """Copies what a run reads."""
        read = ("summand", "state", "leak", "seen")
        pairs = [(self.tiles, matrix.tiles), (self.rest, matrix.rest)]
        pairs += [(getattr(self.sweep, name), getattr(sweep, name)) for name in read]
        for own, given in pairs:
            if own is not None and given is not None:
                own.copy_(given)
        start, _ = _start_and_steps(sweep)
        self.sweep.path[start] = sweep.path[start]

    def give(self, sweep: Sweep) -> None:
        """Copies what a run wrote."""
        _, steps = _start_and_steps(sweep)
        sweep.path[steps] = self.sweep.path[steps]
        sweep.state.copy_(self.sweep.state)
        if sweep.kept is not None and self.sweep.kept is not None:
            sweep.kept.copy_(self.sweep.kept)


def _start_and_steps(sweep: Sweep) -> tuple[slice, slice]:
    """Where a path holds what comes before the steps of the sweep, and where those."""
    steps = len(sweep.summand)
    window = len(sweep.path) - steps
    if sweep.mode == "forward":
        return slice(window), slice(window, None)
    return slice(steps, None), slice(steps)


_one_at_a_time = threading.Lock()  # a recording has one set of tensors, for all threads


def replayed(launch: Launch, matrix: Form, sweep: Sweep) -> None:
    """Does what `launch` does with a matrix and a sweep, from a graph where that pays and can be had."""
    if not _pays(matrix, sweep):
        launch(matrix, sweep)
        return
    with _one_at_a_time:
        found = _recording(launch, matrix, sweep)
        if found is not None:
            found.take(matrix, sweep)
            found.replay()
            found.give(sweep)
            return
    launch(matrix, sweep)


def _recording(launch: Launch, matrix: Form, sweep: Sweep) -> _Recording | None:
    """That of a layout and a kind of sweep, made the first time; None where none can be made."""
    recordings = matrix.layout.recordings
    assert recordings is not None
    key = tuple(_kind(value) for value in (*sweep, torch.cuda.current_stream().cuda_stream))
    if key not in recordings:
        while len(recordings) >= AT_MOST:
            recordings.pop(next(iter(recordings)))
        recordings[key] = _record(launch, matrix, sweep)
    return recordings[key]


def _pays(matrix: Form, sweep: Sweep) -> bool:
    if not sweep.state.is_cuda or matrix.layout.recordings is None:
        return False
    if torch.cuda.is_current_stream_capturing():
        return False
    synapses = sum(0 if values is None else values.numel() for values in matrix[1:])
    return len(sweep.summand) > 1 and synapses * sweep.state.shape[1] <= SHORT


def _kind(value: Any) -> Any:
    """What a recording depends on: of tensors not the numbers."""
    return (value.shape, value.dtype) if isinstance(value, Tensor) else value


def _record(launch: Launch, matrix: Form, sweep: Sweep) -> _Recording | None:
    try:
        with torch.inference_mode(False):  # whose tensors could not be written to outside of it
            return _recorded(launch, matrix, sweep)
    except RuntimeError as error:
        warnings.warn(
            f"`recurrence` could not record its steps in a CUDA graph ({str(error).splitlines()[0]}); it "
            "launches them one by one, which is slower and gives the same results.",
            stacklevel=2,
        )
        return None


def _recorded(launch: Launch, matrix: Form, sweep: Sweep) -> _Recording:
    own_matrix = Form(matrix.layout, *(_own(values) for values in matrix[1:]))
    tensors: dict[str, Any] = {name: x for name, x in sweep._asdict().items() if isinstance(x, Tensor)}
    own_sweep = sweep._replace(**{**tensors, **{name: _own(x) for name, x in tensors.items()}})
    replay = _capture(lambda: launch(own_matrix, own_sweep))
    return _Recording(replay, own_matrix.tiles, own_matrix.rest, own_sweep)


def _own(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.clone(memory_format=torch.contiguous_format)


def _capture(steps: Callable[[], None]) -> Callable[[], None]:
    """Records what `steps` launches; the first time, outside of the graph, it may compile kernels."""
    current, stream = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        steps()
    current.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # On a stream of this GPU, because torch's own is of the first that recorded; without regard to what other
    # threads do meanwhile; and back on the stream of before even where recording fails.
    recording = torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local")
    with torch.cuda.stream(current), recording:
        steps()
    return graph.replay
