"""RandomInput: some neurons receive input and some are read out."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from graphrnn import _checks
from graphrnn._streams import stream
from graphrnn.graph import AreaGraph
from graphrnn.structures.areas import density_rule
from graphrnn.structures.base import BaseStruct

__all__ = ["RandomInput"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RandomInput(BaseStruct):
    """Neurons of which a random part receives input and a random part is read out.

    Exactly ⌊input_spar · N⌋ of the N neurons receive all input channels, and ⌊readout_spar · N⌋ reach all
    readout channels; each set is as likely as any other of its size. With `overlap` the two sets are
    independent, so the number of neurons in both is hypergeometric; without it they share none. Each
    possible hidden synapse exists with probability `hidden_spar`.

    As the neurons are otherwise alike, they are numbered by what they do, which makes areas of them:
    "input neurons", "input and readout neurons", "readout neurons" and "other neurons", without the empty
    ones and all of one level.

    Args:
        input_spar: fraction of neurons that receive input; default 1. The names are nn4n's.
        readout_spar: fraction of neurons that are read out; default 1.
        hidden_spar: density of the hidden synapses; default 1.
        overlap: whether a neuron may both receive input and be read out; default True.
        dims: [input, hidden, readout] sizes, each at least 1; default [1, 100, 1].
        seed: seed of the wiring, settled once; None for fresh entropy.

    Raises:
        ValueError: for a fraction out of range, or more input and readout neurons than there are where
            they may not overlap.
        TypeError: for an argument of another type.

    Example:
        >>> import graphrnn as gr
        >>> struct = gr.RandomInput(input_spar=0.3, readout_spar=0.2, overlap=False, seed=0)
        >>> struct.graph.areas
        ['input neurons', 'readout neurons', 'other neurons']
        >>> struct.get_masks()[0].nnz
        30
    """

    input_spar: float = 1.0
    readout_spar: float = 1.0
    hidden_spar: float = 1.0
    overlap: bool = True

    def _settle(self) -> list[str]:
        ignored = super()._settle()
        for name in ("input_spar", "readout_spar", "hidden_spar"):
            self._set(name, _checks.fraction(self._call(name), name, getattr(self, name)))
        _checks.boolean(self._call("overlap"), "overlap", self.overlap)
        received, read = self._counts()
        if not self.overlap and received + read > self.hidden_size:
            raise ValueError(
                f"`{self._call('input_spar', 'readout_spar', 'overlap')}` needs {received} input and {read} "
                f"readout neurons that share none; there are {self.hidden_size} neurons. Lower a "
                "fraction or allow overlap."
            )
        return ignored

    def _counts(self) -> tuple[int, int]:
        received, read = (
            math.floor(part * self.hidden_size + 1e-9)  # 0.29 * 100 is 28.999…
            for part in (self.input_spar, self.readout_spar)
        )
        return received, read

    def _draw(self, seed: int) -> AreaGraph:
        n = self.hidden_size
        received, read = self._counts()
        both = 0
        if self.overlap:
            both = int(stream(seed, "RandomInput", "overlap").hypergeometric(received, n - received, read))
        groups = {
            "input neurons": received - both,
            "input and readout neurons": both,
            "readout neurons": read - both,
            "other neurons": n - received - read + both,
        }
        sizes = {name: size for name, size in groups.items() if size}
        graph = AreaGraph()
        graph.add_input("input", self.input_dim)
        for name, size in sizes.items():
            graph.add_area(name, size, level=0.0)
        graph.add_readout("readout", self.output_dim)
        for name in sizes:
            if name.startswith("input"):
                graph.project("input", name)
            if "readout" in name:
                graph.project(name, "readout")
        rule = density_rule(self.hidden_spar)
        if rule is not None:
            for pre, post in itertools.product(sizes, repeat=2):
                graph.project(pre, post, rule)
        return graph
