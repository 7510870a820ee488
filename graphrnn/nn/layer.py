"""A linear layer whose only parameters are its synapses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from graphrnn.connectome import Synapses
from graphrnn.kernels import Matrix, Pattern, explain_backend, sparse_matmul
from graphrnn.nn.dale import Dale
from graphrnn.nn.plasticity import follow

__all__ = ["STRUCTURE", "SparseLayer"]

STRUCTURE = ("plasticity", "anchor", "pairs")  # what a state_dict has only where it is used


class SparseLayer(nn.Module):
    """y = W x + b, where W (post, pre) has one weight per synapse and nothing else.

    Absent synapses do not exist: no optimizer can reach them. `values` are the raw parameters,
    `weight` is what a constraint and the plasticity made of them; without either both are the same numbers.
    They start at 0: give them initial weights with `set_weights`.

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
        >>> layer.set_weights(torch.full((2,), 0.5))
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
    plasticity: Tensor | None
    anchor: Tensor | None
    pairs: Tensor | None
    place: Tensor | None
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
        self.constraint = constraint
        self._set_pattern(synapses, constraint, device)
        for name in STRUCTURE:
            self.register_buffer(name, None)
        self.register_buffer("place", None, persistent=False)
        self.register_parameter(
            "values", nn.Parameter(torch.zeros(synapses.size, device=device, dtype=dtype))
        )
        self.register_parameter("bias", None)
        if bias:
            self.bias = nn.Parameter(torch.zeros(synapses.shape[0], device=device, dtype=dtype))

    def _set_pattern(self, synapses: Synapses, constraint: Dale | None, device: Any) -> None:
        pattern = Pattern.from_pairs(synapses.post, synapses.pre, synapses.shape)
        for name, tensor in zip(pattern._fields, pattern, strict=True):
            self.register_buffer(name, tensor.to(device), persistent=False)
        self.register_buffer("digest", _digest(synapses, constraint).to(device))
        self.constraint = None if constraint is None else constraint.to(device)

    @property
    def pattern(self) -> Pattern:
        """Where the synapses are, as the kernels need it."""
        return Pattern(*map(self._buffers.__getitem__, Pattern._fields))  # type: ignore[arg-type]

    @property
    def values(self) -> Tensor:
        """(synapse,) the raw parameters: an `nn.Parameter`, or after `split` its parts joined."""
        whole = self._parameters.get("values")
        if whole is not None:
            return whole
        if getattr(self, "place", None) is None:
            raise AttributeError("values")  # as any attribute that is not there yet
        return torch.cat([*self.parts])[self.place]

    @property
    def parts(self) -> list[nn.Parameter]:
        """The parameters that make up `values`: one, or after `split` one per group."""
        whole = self._parameters.get("values")
        if whole is not None:
            return [whole]
        return [p for name, p in self._parameters.items() if name.startswith("values_") and p is not None]

    @property
    def weights(self) -> Tensor:
        """(synapse,) the weights in the order of the synapses, after the constraint and the plasticity."""
        weights = self.values if self.constraint is None else self.constraint(self.values)
        plasticity = self._buffers["plasticity"]
        if plasticity is None or self.anchor is None:
            return weights
        return follow(weights, self.anchor, plasticity)

    @property
    def matrix(self) -> Matrix:
        """W as the kernels need it: weights and pattern."""
        return Matrix(self.weights, self.pattern)

    @property
    def weight(self) -> Tensor:
        """W (post, pre) as a coalesced `torch.sparse_coo_tensor`; the non-zeros are the synapses."""
        indices = torch.stack([self.pattern.post, self.pattern.pre])
        return torch.sparse_coo_tensor(
            indices, self.weights, self.pattern.shape, is_coalesced=True, check_invariants=False
        )

    @torch.no_grad()
    def set_weights(self, weights: Tensor) -> None:
        """Give the synapses these weights, from which their plasticity then counts.

        Args:
            weights: (synapse,), of the signs that a constraint asks for; it sees their moduli only.
        """
        values = weights if self.constraint is None else self.constraint.values_of(weights)
        self._write(values)
        if self.anchor is not None:
            self.anchor = values.clone() if self.constraint is None else self.constraint(values)

    def _write(self, values: Tensor) -> None:
        if self.place is None:
            self.parts[0].copy_(values)
            return
        by_part = torch.empty_like(values)
        by_part[self.place] = values.to(by_part)
        for part, piece in zip(self.parts, torch.split(by_part, [len(p) for p in self.parts]), strict=True):
            part.copy_(piece)

    @torch.no_grad()
    def set_plasticity(self, plasticity: Tensor) -> None:
        """Let each synapse follow its training as far as `plasticity` says; no weight changes by this.

        Args:
            plasticity: (synapse,) from 0, frozen, to 1, free.
        """
        before = torch.ones_like(plasticity) if self.plasticity is None else self.plasticity
        changed = plasticity != before
        if not changed.any():
            return
        weights, values = self.weights.detach(), self.values.detach()
        anew = weights if self.constraint is None else self.constraint.values_of(weights, near=values)
        self._write(torch.where(changed & (before < 1), anew, values))
        free = bool((plasticity == 1).all())
        anchor = weights.clone() if self.anchor is None else torch.where(changed, weights, self.anchor)
        self.anchor = None if free else anchor
        self.plasticity = None if free else plasticity.clone()

    @torch.no_grad()
    def split(self, group: Tensor | None) -> list[nn.Parameter]:
        """Keep the values as several parameters, so that an optimizer can treat them differently.

        A `state_dict` has them merged, whatever the groups.

        Args:
            group: (synapse,) the number of each synapse's group, 0, 1, …; None for one parameter again.

        Returns:
            The parameters, one per group; new ones, unknown to an optimizer made before.
        """
        if group is None and self.place is None:
            return self.parts
        values, learns = self.values.detach(), self.parts[0].requires_grad
        for name in [name for name in self._parameters if name.startswith("values")]:
            del self._parameters[name]
        self.place, pieces = (None, {"values": values}) if group is None else _grouped(group, values)
        for name, piece in pieces.items():
            self.register_parameter(name, nn.Parameter(piece.clone(), requires_grad=learns))
        return self.parts

    @torch.no_grad()
    def set_synapses(
        self,
        synapses: Synapses,
        constraint: Dale | None,
        old: Tensor,
        *,
        group: Tensor | None = None,
        plasticity: Tensor | None = None,
    ) -> list[tuple[nn.Parameter, nn.Parameter, Tensor]]:
        """Take other synapses. Those that stay keep their values; the new ones have weight 0.

        Args:
            synapses: the new pattern, of the same shape.
            constraint: Dale's law for the new pattern, of the form that it had.
            old: (synapse,) which of the present synapses each is; -1 for a new one.
            group: (synapse,) the group of each, where the values are split; that of one that stays must not
                change.
            plasticity: (synapse,) of each, where any is not 1.

        Returns:
            For each parameter: what it was, what it is now (another one only where its length changed), and
            (synapse,) which of its old elements each new one is, -1 for none.
        """
        stays = old >= 0
        device = self.crow.device

        def carried(tensor: Tensor) -> Tensor:
            return (
                torch.where(stays, tensor[old.clamp(min=0)], 0) if len(tensor) else tensor.new_zeros(len(old))
            )

        values = carried(self.values.detach())
        sources = {"values": old}
        pieces = {"values": values}
        if self.place is not None and group is not None:
            starts = torch.tensor([0, *(len(part) for part in self.parts)], device=device).cumsum(0)
            within = torch.where(stays, self.place[old.clamp(min=0)] - starts[group], -1)
            self.place, pieces = _grouped(group, values, len(self.parts))
            _, sources = _grouped(group, within, len(self.parts))
        if plasticity is not None:
            anchor = self.weights.detach() if self.anchor is None else self.anchor
            self.plasticity, self.anchor = plasticity.clone(), carried(anchor)
        self._set_pattern(synapses, constraint, device)
        self.keep_pairs()
        moves = []
        for name, piece in pieces.items():
            before = self._parameters[name]
            assert before is not None
            if len(before) == len(piece):
                before.copy_(piece)
                before.grad = None
            else:  # autograd may remember the length that a parameter had
                self._parameters[name] = nn.Parameter(piece, requires_grad=before.requires_grad)
            now = self._parameters[name]
            assert now is not None
            moves.append((before, now, sources[name]))
        return moves

    def keep_pairs(self) -> None:
        """From now on a `state_dict` holds the synapses too, because they may change."""
        pattern = self.pattern
        self.pairs = torch.stack([pattern.post, pattern.pre]).int()

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Puts everything back at the end, parameters and synapses."""
        parameters, buffers, constraint = dict(self._parameters), dict(self._buffers), self.constraint
        try:
            yield
        finally:
            self._parameters.clear()
            self._parameters.update(parameters)
            self._buffers.clear()
            self._buffers.update(buffers)
            self.constraint = constraint

    def forward(self, x: Tensor) -> Tensor:
        """(time, post, batch) from x (time, pre, batch)."""
        y = sparse_matmul(self.weights, self.pattern, x)
        return y if self.bias is None else y + self.bias[:, None]

    def explain(
        self, backend: str = "torch", *, precision: str = "exact", pattern: Pattern | None = None
    ) -> str:
        """How many synapses there are, in which form, dense or sparse, they are multiplied, and why.

        It is "none" where one of the two sides is empty, as without readouts.

        Args:
            backend: the backend of the recurrence that multiplies them; the default also says what
                calling the layer itself does.
            precision: of the products.
            pattern: what they go through instead of the layer's own, as under delays.
        """
        post, pre = self.pattern.shape
        if not post * pre:
            return "none"
        count = f"{self.pattern.n_synapses:,} of {post * pre:,} possible synapses"
        return f"{count}; {explain_backend(backend, pattern or self.pattern, precision)}"

    def check_saved(self, state: Mapping[str, Any], prefix: str, constraint: Any = None) -> Synapses | None:
        """Refuse values that were saved for other synapses.

        Args:
            state: a `state_dict`.
            prefix: of this layer's names in it.
            constraint: what makes the `Dale` of other synapses, for a layer whose synapses can change.

        Returns:
            The synapses to take before the state is loaded; None where they are those of the layer.

        Raises:
            ValueError: where the saved digest is of another pattern, of other signs or of another form of
                Dale's law.
        """
        saved, pairs = (state.get(f"{prefix}{name}") for name in ("digest", "pairs"))
        own, other = self.digest, None
        if isinstance(pairs, Tensor) and constraint is not None:
            post, pre = pairs.cpu().numpy()
            other = Synapses(self.pattern.shape, post, pre)
            own = _digest(other, constraint(other))
        if isinstance(saved, Tensor) and saved.tolist() != own.tolist():
            name = prefix.removesuffix(".").rpartition(".")[2]
            raise ValueError(
                f"`load_state_dict(...)` found {name} values of other synapses: the pattern, the signs or "
                "the form of Dale's law differ from this network's. Build the CTRNN from the connectome that "
                "they were saved with, with the same `dale`."
            )
        return None if other is None or self.digest.tolist() == own.tolist() else other

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.place is not None:
            for number in range(len(self.parts)):
                del destination[f"{prefix}values_{number}"]
            destination[f"{prefix}values"] = self.values if keep_vars else self.values.detach()

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        values = state.get(f"{prefix}values")
        if isinstance(values, Tensor):  # else it is a part of a state and says nothing of what is left out
            for name in STRUCTURE:
                saved = state.get(f"{prefix}{name}")
                dtype = torch.int32 if name == "pairs" else self.parts[0].dtype
                room = None if saved is None else self.crow.new_empty(saved.shape, dtype=dtype)
                self._buffers[name] = room
            if self.place is not None and values.shape == self.place.shape:
                by_part = torch.empty_like(values)
                by_part[self.place.to(values.device)] = values
                del state[f"{prefix}values"]
                for number, piece in enumerate(torch.split(by_part, [len(part) for part in self.parts])):
                    state[f"{prefix}values_{number}"] = piece
        super()._load_from_state_dict(state, prefix, *args)

    def extra_repr(self) -> str:
        post, pre = self.pattern.shape
        return f"{pre} → {post}, {self.pattern.n_synapses} synapses, bias={self.bias is not None}"


def _grouped(group: Tensor, values: Tensor, n: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """Where each entry of `values` lies in the pieces laid end to end, and the pieces, one per group."""
    order = torch.argsort(group, stable=True)
    sizes = torch.bincount(group, minlength=n).tolist()
    pieces = {f"values_{number}": piece for number, piece in enumerate(torch.split(values[order], sizes))}
    return torch.argsort(order), pieces


def _digest(synapses: Synapses, constraint: Dale | None) -> Tensor:
    """16 bytes that stand for the pattern, the signs and the form: values mean nothing without them."""
    digest = hashlib.blake2b(synapses.digest(), digest_size=16)
    if constraint is not None:
        digest.update(constraint.sign.cpu().numpy().tobytes())
        digest.update(constraint.form.encode())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)
