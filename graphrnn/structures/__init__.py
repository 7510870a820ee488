"""Ready-made networks: frozen dataclasses that are the specification and can draw its graph.

The names of classes and arguments are those of nn4n. Every structure has `graph`, `compile`, `get_masks`
and `plot_masks`, and a `seed` that they share.
"""

from __future__ import annotations

from graphrnn.structures.base import BaseStruct
from graphrnn.structures.multi_area import MultiArea
from graphrnn.structures.multi_area_ei import MultiAreaEI
from graphrnn.structures.multi_io import MultiIO
from graphrnn.structures.random_input import RandomInput

__all__ = ["BaseStruct", "MultiArea", "MultiAreaEI", "MultiIO", "RandomInput"]
