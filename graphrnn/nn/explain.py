"""Which choices were made for a network, and why, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphrnn.kernels import choose_backend
from graphrnn.nn.memory import explain_memory

if TYPE_CHECKING:
    from graphrnn.nn.ctrnn import CTRNN

__all__ = ["explain"]


def explain(rnn: CTRNN) -> str:
    """What `CTRNN.explain` says."""
    values = rnn.hidden.values
    late = rnn.delays
    choice = choose_backend(rnn.backend, values.device, values.dtype, rnn.precision)
    lines = [
        f"{rnn.net!r} on {values.device} in {str(values.dtype).removeprefix('torch.')}",
        f"recurrence: backend {choice.name!r}, {choice.reason}"
        if not rnn.dynamics
        else f"recurrence: step by step, with {', '.join(type(one).__name__ for one in rnn.dynamics)}",
    ]
    form = "torch" if rnn.dynamics else choice.name
    for which, layer in zip(("input", "hidden", "readout"), rnn.layers, strict=True):
        pattern = late.pattern if late is not None and which == "hidden" else None
        lines.append(f"{which}: {layer.explain(form, precision=rnn.precision, pattern=pattern)}")
    tau = "learnable" if rnn.leak.learnable else "fixed"
    law = "from the signs of the neurons" if rnn.hidden.constraint is not None else "off"
    lines.append(f"time constants: {tau}; Dale's law: {law}")
    if late is not None:
        lines.append(f"delays: {late.extra_repr()}, read in one product over the last {late.window} steps")
    lines.append(explain_memory(rnn))
    return "\n".join(lines)
