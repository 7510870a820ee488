"""What a connection rule is: the contract between a projection and the way it picks its synapses."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Draw", "Ints", "Population", "Rule"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Population:
    """One end of a projection, as a rule sees it.

    Args:
        name: the node's name, for messages.
        size: number of neurons.
        sign: (neuron,) +1 excitatory, -1 inhibitory, or None where the node has no signs.
        positions: (neuron, dimension) coordinates, or None.
    """

    name: str
    size: int
    sign: NDArray[np.int8] | None = None
    positions: NDArray[np.float64] | None = None


class Draw(NamedTuple):
    """The synapses of one projection: `post[i]` receives from `pre[i]`, sorted by (post, pre)."""

    post: Ints
    pre: Ints
    weight: NDArray[np.float64] | None = None


@dataclass(frozen=True, repr=False)
class Rule(ABC):
    """A connection rule.

    A rule of your own is a frozen dataclass on `Rule` with `sample` and `expected`.
    """

    @abstractmethod
    def sample(
        self, pre: Population, post: Population, rng: np.random.Generator, *, skip_diagonal: bool = False
    ) -> Draw:
        """Draw the synapses from `pre` to `post`.

        Args:
            pre: the source.
            post: the target.
            rng: the projection's own random stream.
            skip_diagonal: leave out neuron i → neuron i; only where `pre` and `post` are one area.

        Returns:
            The synapses, sorted by (post, pre), each pair at most once.

        Raises:
            ValueError: where the rule cannot hold between these populations.
        """

    @abstractmethod
    def expected(self, pre: Population, post: Population, *, skip_diagonal: bool = False) -> float:
        """The number of synapses that `sample` draws on average; NaN where no number was asked for."""

    def __repr__(self) -> str:
        shown: list[str] = []
        for i, field in enumerate(dataclasses.fields(self)):
            value = getattr(self, field.name)
            if value is None or value is field.default or value == field.default:
                continue
            text = getattr(value, "__qualname__", repr(value))  # of a function its name, not its address
            shown.append(text if i == 0 else f"{field.name}={text}")
        return f"{type(self).__name__}({', '.join(shown)})"
