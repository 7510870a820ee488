"""What a network's runs take in memory, before they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphrnn.kernels import Memory, choose_backend, memory_of

if TYPE_CHECKING:
    from graphrnn.nn.ctrnn import CTRNN

__all__ = ["explain_memory", "memory_of_runs"]

LATE = 20  # bytes per synapse: a second pattern, and the order of the synapses in it
WINDOWS = 6  # of (window, neuron, batch): r0, what a backend makes of it, and the same on the way back


def memory_of_runs(rnn: CTRNN, training: bool) -> Memory | None:
    """Bytes of a training step, or of a forward pass alone; None where no backend keeps account of them."""
    values = rnn.hidden.values
    name = choose_backend(rnn.backend, values.device, values.dtype, rnn.precision).name
    if name == "reference" or rnn.dynamics:
        return None
    found = memory_of(
        name,
        training=training,
        checkpoint=rnn.checkpoint,
        noise=sum(sigma > 0 for sigma in (rnn.preact_noise, rnn.postact_noise)) if training else 0,
        states=rnn.postact_noise > 0 or rnn.leak.learnable,
        density=rnn.hidden.pattern.density,
        dtype=values.dtype,
    )
    # What makes weights of values keeps a copy and its gradient, plasticity also where the weights began.
    copies = 2 * (rnn.hidden.constraint is not None) + 4 * (rnn.hidden.plasticity is not None)
    item, late, window = values.element_size(), 0, 0
    if rnn.delays is not None:
        late, window = LATE + 2 * item, WINDOWS * rnn.delays.window
    return found._replace(synapse=found.synapse + copies * item + late, trial=found.trial + window * item)


def explain_memory(rnn: CTRNN) -> str:
    """The figures in one line."""
    training, forward = (memory_of_runs(rnn, training) for training in (True, False))
    if training is None or forward is None:
        return "memory: not accounted for step by step" if rnn.dynamics else "memory: neurons squared"
    return (
        f"memory: a training step with Adam takes at most {training.synapse:.3g} bytes per synapse, and per "
        f"neuron and trial {training.step:.3g} bytes a time step and {training.trial:.4g} more; a forward "
        f"pass alone {forward.synapse:.3g}, {forward.step:.3g} and {forward.trial:.4g}"
    )
