"""Files: a Connectome in `.npz`, an AreaGraph in `.toml`. The extension says which."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph
from graphrnn.io import npz, toml

__all__ = ["read", "write"]

_FORMATS: dict[str, ModuleType] = {".npz": npz, ".toml": toml}


def read(path: str | os.PathLike[str]) -> Connectome | AreaGraph:
    """A Connectome from a `.npz` file, or an AreaGraph from a `.toml` file.

    Args:
        path: the file; its extension says what it holds.

    Raises:
        ValueError: for another extension, a missing, truncated, damaged or foreign file, and what
            docs/toml.md forbids. Nothing in a file is executed.

    Example:
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 30)
        >>> net = graph.compile(seed=0)
        >>> gr.io.write(net, "net.npz")
        >>> gr.io.read("net.npz") == net
        True
    """
    call = f"io.read({str(path)!r})"
    thing: Connectome | AreaGraph = _format(call, path).read(call, _existing(call, path))
    return thing


def write(thing: Connectome | AreaGraph, path: str | os.PathLike[str]) -> None:
    """Write a Connectome to a `.npz` file, or an AreaGraph to a `.toml` file; `read` gives it back, equal.

    The file is written beside its place, flushed to the disk and then moved there: after a crash
    `path` holds either what it held before or all of `thing`.

    Args:
        thing: what to write.
        path: the file; an existing one is replaced.

    Raises:
        TypeError: for a thing that this kind of file does not hold.
        ValueError: for another extension, a missing folder, or a graph that TOML cannot express (a rule or
            a distance profile of your own, an attribute that is neither text, number nor list).

    Example:
        >>> from pathlib import Path
        >>> import graphrnn as gr
        >>> graph = gr.AreaGraph()
        >>> graph.add_area("V1", 200, tau=20.0)
        >>> graph.project("V1", "V1", gr.FixedIndegree(10))
        >>> gr.io.write(graph, "network.toml")
        >>> print(Path("network.toml").read_text())
        format = 1
        <BLANKLINE>
        [[area]]
        name = "V1"
        size = 200
        tau = 20.0
        <BLANKLINE>
        [[projection]]
        pre = "V1"
        post = "V1"
        rule = { type = "FixedIndegree", k = 10 }
        <BLANKLINE>
    """
    call = f"io.write(..., {str(path)!r})"
    _format(call, path).write(call, thing, Path(path))


def _format(call: str, path: Any) -> ModuleType:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`{call}` needs the path of a file; it got {type(path).__name__}.")
    extension = Path(path).suffix.lower()
    if extension not in _FORMATS:
        raise ValueError(
            f"`{call}` needs a file name that ends in .npz (a Connectome) or .toml (an AreaGraph); "
            f"it ends in {extension or 'neither'}."
        )
    return _FORMATS[extension]


def _existing(call: str, path: str | os.PathLike[str]) -> Path:
    if not Path(path).is_file():
        what = "a folder there" if Path(path).is_dir() else "no such file"
        raise ValueError(f"`{call}` found {what}. Give the path of a file.")
    return Path(path)
