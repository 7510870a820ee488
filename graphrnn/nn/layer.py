"""A linear layer whose only parameters are its synapses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphrnn.connectome import Synapses
from graphrnn.kernels import Pattern, explain_backend, sparse_matmul
from graphrnn.nn.dale import Dale

__all__ = ["SparseLayer"]


class SparseLayer(nn.Module):
    """y = W x + b, where W (post, pre) has one weight per synapse and nothing else.

    Absent synapses do not exist: no optimizer can reach them. `values` are the raw parameters,
    `weight` is what a constraint made of them; without a constraint both are the same numbers. They
    start at 0: give them initial values.

    Args:
        synapses: the pattern, (post, pre).
        bias: whether each target has a bias, initially 0.
        constraint: None or a `Dale`.
        device: torch device.
        dtype: float32 or float64; default torch's default dtype.

    Example:
        >>> import torch
        >>> from graphrnn import Synapses
        >>> from graphrnn.nn import SparseLayer
        >>> layer = SparseLayer(Synapses.from_pairs((2, 3), post=[0, 1], pre=[2, 0]), bias=False)
        >>> _ = torch.nn.init.constant_(layer.values, 0.5)
        >>> layer.weight.to_dense().tolist()
        [[0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]
        >>> layer(torch.ones(4, 3, 8)).shape  # (time, pre, batch) → (time, post, batch)
        torch.Size([4, 2, 8])
    """

    crow: Tensor
    col: Tensor
    t_crow: Tensor
    t_col: Tensor
    perm: Tensor
    digest: Tensor
    bias: nn.Parameter | None
    constraint: Dale | None

    def __init__(
        self,
        synapses: Synapses,
        *,
        bias: bool,
        constraint: Dale | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        pattern = Pattern.from_pairs(synapses.post, synapses.pre, synapses.shape)
        for name, tensor in zip(pattern._fields, pattern, strict=True):
            self.register_buffer(name, tensor.to(device), persistent=False)
        self.register_buffer("digest", _digest(synapses, constraint).to(device))
        self.values = nn.Parameter(torch.zeros(synapses.size, device=device, dtype=dtype))
        self.register_parameter("bias", None)
        if bias:
            self.bias = nn.Parameter(torch.zeros(synapses.shape[0], device=device, dtype=dtype))
        self.constraint = None if constraint is None else constraint.to(device)

    @property
    def pattern(self) -> Pattern:
        """Where the synapses are, as the kernels need it."""
        return Pattern(self.crow, self.col, self.t_crow, self.t_col, self.perm)

    @property
    def weights(self) -> Tensor:
        """(synapse,) the weights in the order of the synapses, after the constraint."""
        return self.values if self.constraint is None else self.constraint(self.values)

    @property
    def weight(self) -> Tensor:
        """W (post, pre) as a coalesced `torch.sparse_coo_tensor`; the non-zeros are the synapses."""
        indices = torch.stack([self.pattern.post, self.pattern.pre])
        return torch.sparse_coo_tensor(
            indices, self.weights, self.pattern.shape, is_coalesced=True, check_invariants=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """(time, post, batch) from x (time, pre, batch)."""
        y = sparse_matmul(self.weights, self.pattern, x)
        return y if self.bias is None else y + self.bias[:, None]

    def explain(self, backend: str = "torch") -> str:
        """How many synapses there are, in which form, dense or sparse, they are multiplied, and why.

        Args:
            backend: the backend of the recurrence that multiplies them; the default also says what
                calling the layer itself does.
        """
        post, pre = self.pattern.shape
        count = f"{self.pattern.n_synapses:,} of {post * pre:,} possible synapses"
        return f"{count}; {explain_backend(backend, self.pattern)}"

    def check_saved(self, state: Mapping[str, Any], prefix: str) -> None:
        """Refuse values that were saved for other synapses.

        Raises:
            ValueError: where the saved digest is of another pattern or other signs.
        """
        saved = state.get(f"{prefix}digest")
        if isinstance(saved, Tensor) and saved.tolist() != self.digest.tolist():
            name = prefix.removesuffix(".").rpartition(".")[2]
            raise ValueError(
                f"`load_state_dict(...)` found {name} values of other synapses: the pattern or the signs "
                "differ from this network's. Build the CTRNN from the connectome that they were saved with."
            )

    def extra_repr(self) -> str:
        post, pre = self.pattern.shape
        return f"{pre} → {post}, {self.pattern.n_synapses} synapses, bias={self.bias is not None}"


def _digest(synapses: Synapses, constraint: Dale | None) -> Tensor:
    """16 bytes that stand for the pattern and the signs: values mean nothing without either."""
    digest = hashlib.blake2b(synapses.digest(), digest_size=16)
    if constraint is not None:
        digest.update(constraint.sign.cpu().numpy().tobytes())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)
