"""What every structure shares: sizes, a seed, and the ways out."""

from __future__ import annotations

import dataclasses
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from graphrnn import _checks
from graphrnn._streams import Seed, resolve_seed
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.structures.densities import Densities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BaseStruct", "is_listed"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BaseStruct(ABC):
    """A network given by a few choices.

    A structure is a value: two are equal where all their arguments are, the seed included, and
    `dataclasses.replace` makes a changed copy. Without a seed each structure draws its own wiring, once:
    two such are equal as specifications, and `compile().seed` tells their networks apart. A structure of
    your own is a frozen dataclass on this one that draws its graph in `_draw`.

    Args:
        dims: [input, hidden, readout] sizes, each at least 1; default [1, 100, 1].
        seed: seed of the wiring: a whole number, a numpy Generator to draw one from, or None for fresh
            entropy. It is settled once, so that `graph`, `compile`, `get_masks` and `plot_masks` agree.

    Example:
        >>> import dataclasses
        >>> import graphrnn as gr
        >>> struct = gr.MultiArea(seed=1)
        >>> dataclasses.replace(struct, n_areas=4)
        MultiArea(n_areas=4, seed=1)
    """

    dims: Sequence[int] | None = (1, 100, 1)
    seed: Seed = None
    _settled_seed: int = field(init=False)  # what happened, not what was chosen: no part of the value

    def __post_init__(self) -> None:
        for ignored in self._settle():
            warnings.warn(ignored, UserWarning, stacklevel=3)

    def _settle(self) -> list[str]:
        """Check the arguments and put each into its final form; the texts say what was ignored."""
        call = self._call("dims")
        if not is_listed(self.dims) or len(self.dims) != 3:
            raise TypeError(
                f"`{call}` needs three whole numbers, [input, hidden, readout]; it got {self.dims!r}."
            )
        self._set("dims", tuple(_checks.count(call, f"dims[{i}]", n) for i, n in enumerate(self.dims)))
        settled = resolve_seed(self._call("seed"), self.seed)
        self._set("_settled_seed", settled)
        if self.seed is not None:
            self._set("seed", settled)
        return []

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _call(self, *names: str) -> str:
        """The call as the user wrote it, with these arguments; what would fill lines is left out."""
        shown = []
        for name in names:
            text = repr(_plain(getattr(self, name)))
            shown.append(f"{name}={text}" if len(text) <= 40 and "\n" not in text else f"{name}=...")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def input_dim(self) -> int:
        """Number of input channels."""
        return self._dim(0)

    @property
    def hidden_size(self) -> int:
        """Number of neurons."""
        return self._dim(1)

    @property
    def output_dim(self) -> int:
        """Number of readout channels."""
        return self._dim(2)

    def _dim(self, axis: int) -> int:
        return self.dims[axis] if self.dims is not None else 0

    @property
    def graph(self) -> AreaGraph:
        """The areas and projections: a new graph on every call, free to be changed."""
        return self._draw(self._root(None))

    @abstractmethod
    def _draw(self, seed: int) -> AreaGraph:
        """The graph for this seed; only structures with areas of random size look at the seed."""

    def _root(self, seed: Seed) -> int:
        return resolve_seed(
            f"{type(self).__name__}(...).compile(seed)", self._settled_seed if seed is None else seed
        )

    def compile(self, seed: Seed = None) -> Connectome:
        """Draw the synapses.

        Args:
            seed: None for the structure's own seed, or another one.

        Example:
            >>> import graphrnn as gr
            >>> struct = gr.MultiArea(seed=1)
            >>> struct.compile().seed, struct.compile(seed=2).seed
            (1, 2)
        """
        root = self._root(seed)
        return self._draw(root).compile(root)

    def get_masks(self) -> list[Any]:
        """The input (neuron, input), hidden (post, pre) and readout (readout, neuron) masks.

        They are `scipy.sparse.coo_array`s of float32. nn4n returns the same three transposed.

        Example:
            >>> import graphrnn as gr
            >>> [mask.shape for mask in gr.MultiArea(dims=[2, 50, 3], seed=0).get_masks()]
            [(50, 2), (50, 50), (3, 50)]
        """
        return list(self.compile().get_masks())

    def plot_masks(self, *, ax: Any = None) -> Figure:
        """A picture of the three masks with the borders of areas; arguments as in `graphrnn.plots.masks`."""
        from graphrnn import plots

        return plots.masks(self.compile(), ax=ax)

    def _chosen(self) -> dict[str, Any]:
        """The arguments by name, in their final form."""
        return {part.name: getattr(self, part.name) for part in dataclasses.fields(self) if part.init}

    def _key(self) -> tuple[Any, ...]:
        values = self._chosen().values()
        return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseStruct) or type(self) is not type(other):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __reduce__(self) -> tuple[Any, ...]:
        given = {name: _plain(value) for name, value in self._chosen().items()}
        return _made, (type(self), given, self._settled_seed)

    def __repr__(self) -> str:
        default = {part.name: _plain(part.default) for part in dataclasses.fields(self)}
        own_first = sorted(self._chosen().items(), key=lambda item: item[0] in ("dims", "seed"))
        given = ((name, _plain(value)) for name, value in own_first)
        shown = (f"{name}={value!r}" for name, value in given if value != default[name])
        return f"{type(self).__name__}({', '.join(shown)})"


def is_listed(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list, a tuple, a range or an array of one dimension."""
    return isinstance(value, list | tuple | range) or (isinstance(value, np.ndarray) and value.ndim == 1)


def _plain(value: Any) -> Any:
    """An argument as the user could write it, in lists."""
    if isinstance(value, Densities) and value.written:
        value = value.written
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _made(structure: type[BaseStruct], given: dict[str, Any], settled_seed: int) -> BaseStruct:
    struct = structure(**given)
    object.__setattr__(struct, "_settled_seed", settled_seed)
    return struct
