"""A network for elsewhere: one time step as plain torch operators, and parameters as safetensors."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphrnn._files import check_target, replacing
from graphrnn._optional import optional
from graphrnn.connectome import Synapses
from graphrnn.kernels import ACTIVATIONS
from graphrnn.nn.ctrnn import CTRNN

__all__ = ["Step", "export_step", "read_parameters", "write_parameters"]

_FORMAT = "graphrnn parameters 1"


class Step(nn.Module):
    """One time step of a trained CTRNN, without noise, made of operators that every exporter knows.

        v ← (1 - α) v + α (W f(v) + W_in x + b),   r = f(v),   readout = W_out r + b_out

    A product with a sparse matrix is gathered, multiplied and summed by target, so that a step costs what
    its synapses cost, and no sparse tensor stands in the way: `torch.export` and ONNX have neither
    the sparse layouts of torch nor the kernels of graphrnn. The weights are copies and constants; training
    goes on in the CTRNN. Post-activation noise is not part of v, so a run that starts from v alone is exact
    where there is none.

    Args:
        rnn: the network.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import Step
        >>> rnn = gr.CTRNN(gr.MultiArea(dims=[2, 20, 1]), seed=0).eval()
        >>> step, v = Step(rnn), torch.zeros(4, 20)
        >>> x = torch.randn(4, 5, 2)
        >>> for t in range(5):
        ...     readout, rates, v = step(x[:, t], v)
        >>> torch.allclose(readout, rnn(x)[0][:, -1], atol=1e-6)
        True
    """

    alpha: Tensor
    bias: Tensor
    readout_bias: Tensor

    def __init__(self, rnn: CTRNN) -> None:
        super().__init__()
        if not isinstance(rnn, CTRNN):
            raise TypeError(f"`Step(rnn)` needs a CTRNN; it got {type(rnn).__name__}.")
        if rnn.dynamics:
            names = ", ".join(type(one).__name__ for one in rnn.dynamics)
            raise ValueError(
                f"`Step(rnn)` has no place for further dynamics, and this network has {names}. "
                "Export one without."
            )
        if rnn.delays is not None:
            raise ValueError(
                "`Step(rnn)` starts from v alone, and the delays of this network read rates of earlier steps "
                "too. Train a CTRNN with delays=False for it."
            )
        self._activation = ACTIVATIONS[rnn.activation].function
        self.register_buffer("alpha", rnn.leak.alpha.detach().clone())
        for name, layer in (("bias", rnn.hidden), ("readout_bias", rnn.readout)):
            zero = layer.values.new_zeros(layer.pattern.shape[0])
            self.register_buffer(name, zero if layer.bias is None else layer.bias.detach().clone())
        self.input = _Product(rnn.net.input, rnn.input.weights)
        self.hidden = _Product(rnn.net.hidden, rnn.hidden.weights)
        self.readout = _Product(rnn.net.readout, rnn.readout.weights)

    def forward(self, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step.

        Args:
            x: (batch, input).
            v: (batch, neuron) the state before the step; 0, or the CTRNN's `v0`, at the start.

        Returns:
            readout (batch, readout), rates (batch, neuron) and v after the step.
        """
        drive = self.hidden(self._activation(v)) + self.input(x) + self.bias
        v = (1 - self.alpha) * v + self.alpha * drive
        rates = self._activation(v)
        return self.readout(rates) + self.readout_bias, rates, v


class _Product(nn.Module):
    """y = W x for x (batch, pre), by gathering and adding."""

    weight: Tensor
    post: Tensor
    pre: Tensor

    def __init__(self, synapses: Synapses, weight: Tensor) -> None:
        super().__init__()
        self._n = synapses.shape[0]
        self.register_buffer("weight", weight.detach().clone())
        for name in ("post", "pre"):
            index = torch.tensor(getattr(synapses, name), dtype=torch.int64, device=weight.device)
            self.register_buffer(name, index)

    def forward(self, x: Tensor) -> Tensor:
        per_synapse = x.index_select(1, self.pre) * self.weight
        return x.new_zeros(x.shape[0], self._n).index_add(1, self.post, per_synapse)


def export_step(rnn: CTRNN, path: str | os.PathLike[str]) -> None:
    """Write one time step of a network as a program that runs without graphrnn.

    The program has the inputs x (batch, input) and v (batch, neuron) and the outputs of `Step`; the batch may
    have any size. A whole sequence cannot be exported: its kernels are graphrnn's own. TorchScript is not
    written, because torch has given it up and its files hold pickles.

    Args:
        rnn: the network.
        path: a file that ends in .pt2, for `torch.export.load`, or .onnx, for ONNX runtimes (needs the
            packages onnx and onnxscript: `pip install graphrnn[onnx]`).

    Raises:
        ValueError: for another extension or a missing folder.
        ImportError: for .onnx where its packages are missing.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import export_step
        >>> rnn = gr.CTRNN(gr.MultiArea(dims=[2, 20, 1]), seed=0)
        >>> export_step(rnn, "step.pt2")
        >>> program = torch.export.load("step.pt2").module()
        >>> [tuple(out.shape) for out in program(torch.randn(7, 2), torch.zeros(7, 20))]
        [(7, 1), (7, 20), (7, 20)]
    """
    path = Path(path)
    call = f"export_step(rnn, {str(path)!r})"
    extension = path.suffix.lower()
    if extension in (".pt", ".pth", ".ts", ".torchscript"):
        raise ValueError(
            f"`{call}` does not write TorchScript: torch has given it up and its files hold pickles. "
            "Write .pt2 or "
            ".onnx."
        )
    if extension not in (".pt2", ".onnx"):
        raise ValueError(f"`{call}` needs a file name that ends in .pt2 (torch.export) or .onnx.")
    check_target(call, path)
    content = _exported(rnn) if extension == ".pt2" else _onnx(call, rnn)
    with replacing(call, path) as file:
        file.write(content)


def _example(rnn: CTRNN) -> tuple[Step, tuple[Tensor, Tensor], Any]:
    step = Step(rnn).eval()
    like = rnn.hidden.values
    given = (like.new_zeros(2, rnn.net.n_inputs), like.new_zeros(2, rnn.net.n_neurons))
    batch = torch.export.Dim("batch", min=1)
    return step, given, ({0: batch}, {0: batch})


def _exported(rnn: CTRNN) -> bytes:
    step, given, shapes = _example(rnn)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(step, given, dynamic_shapes=shapes), buffer)
    return buffer.getvalue()


def _onnx(call: str, rnn: CTRNN) -> bytes:
    optional(call, "onnx")
    optional(call, "onnxscript")
    step, given, shapes = _example(rnn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own deprecated calls
        program = torch.onnx.export(
            step,
            given,
            input_names=["x", "v"],
            output_names=["readout", "rates", "v_after"],
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program.")
    content: bytes = program.model_proto.SerializeToString()
    return content


def write_parameters(rnn: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the `state_dict` of a network to a .safetensors file, which cannot hold code.

    Args:
        rnn: a CTRNN, or any module whose state is made of tensors.
        path: the file; an existing one is replaced at once.

    Raises:
        ValueError: for another extension or a missing folder.
        ImportError: where the package safetensors is missing: `pip install graphrnn[safetensors]`.

    Example:
        >>> import torch
        >>> import graphrnn as gr
        >>> from graphrnn.nn import read_parameters, write_parameters
        >>> net = gr.MultiArea(dims=[2, 20, 1]).compile(seed=0)
        >>> rnn, other = gr.CTRNN(net), gr.CTRNN(net)
        >>> write_parameters(rnn, "trained.safetensors")
        >>> read_parameters(other, "trained.safetensors")
        >>> torch.equal(other.hidden.values, rnn.hidden.values)
        True
    """
    path = _safe_path("write_parameters(rnn, ...)", path)
    call = f"write_parameters(rnn, {str(path)!r})"
    package = optional(call, "safetensors.torch")
    check_target(call, path)
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in rnn.state_dict().items()}
    content = package.save(state, metadata={"format": _FORMAT})
    with replacing(call, path) as file:
        file.write(content)


def read_parameters(rnn: nn.Module, path: str | os.PathLike[str]) -> None:
    """Put the parameters of a .safetensors file into a network, or leave the network as it was.

    Args:
        rnn: the network, built as it was when the file was written.
        path: the file.

    Raises:
        ValueError: for a missing, damaged or foreign file, and one of another network.
        ImportError: where the package safetensors is missing.
    """
    path = _safe_path("read_parameters(rnn, ...)", path)
    call = f"read_parameters(rnn, {str(path)!r})"
    package = optional(call, "safetensors")
    try:
        with package.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except OSError as error:
        raise ValueError(f"`{call}` cannot read this file: {error.strerror or error}.") from error
    except Exception as error:  # whatever broken bytes make its reader raise
        raise ValueError(
            f"`{call}` cannot read this file: it is truncated, damaged or no safetensors file. Take "
            "another copy."
        ) from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"`{call}` found parameters that graphrnn did not write. Load them with safetensors."
        )
    own = rnn.state_dict()
    _check_same(call, state, own)
    rnn.load_state_dict(state)


def _check_same(call: str, saved: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    hint = "Build the network as it was built for the file."
    for name in [*own, *saved]:
        here, there = own.get(name), saved.get(name)
        if here is None or there is None:
            who = "the model" if here is None else "it"
            raise ValueError(f"`{call}` holds another network: {who} has no {name!r}. {hint}")
        if here.shape != there.shape:
            raise ValueError(
                f"`{call}` holds another network: its {name!r} has shape {tuple(there.shape)}, the model's "
                f"{tuple(here.shape)}. {hint}"
            )


def _safe_path(call: str, path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise ValueError(f"`{call}` needs a file name that ends in .safetensors; it got {path.name!r}.")
    return path
