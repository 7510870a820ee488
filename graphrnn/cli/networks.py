"""Commands that look at a network: describe, compile, plot."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphrnn import datasets, io, statistics
from graphrnn.cli import tables
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph

__all__ = [
    "PICTURES",
    "compile_network",
    "describe",
    "folder",
    "network",
    "plot",
    "save_picture",
    "write_tables",
]

_FORMATS = (".png", ".pdf", ".svg")
_REPORTED = {
    "dropped": "left out, because an end is no neuron of the table,",
    "merged": "merged into another of the same pair",
}


def network(options: argparse.Namespace) -> Connectome:
    """The network that FILE means; an area graph is compiled with the seed."""
    thing = _read(options)
    return thing.compile(seed=options.seed) if isinstance(thing, AreaGraph) else thing


def _read(options: argparse.Namespace) -> Connectome | AreaGraph:
    if options.file == "celegans":
        return datasets.celegans()
    if not Path(options.file).is_file():
        raise ValueError(
            f"found no file {options.file!r}. Give a .toml area graph, a .npz network, or celegans."
        )
    return io.read(options.file)


def folder(name: str) -> Path:
    """A folder to write to, made where it is missing."""
    path = Path(name)
    if path.exists() and not path.is_dir():
        raise ValueError(f"needs a folder for --out; {name!r} is a file. Give another name.")
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_tables(net: Connectome, out: Path) -> None:
    """The whole tables of areas and projections, as CSV."""
    statistics.areas(net).to_csv(out / "areas.csv")
    statistics.projections(net).to_csv(out / "projections.csv", index=False)


def describe(options: argparse.Namespace) -> int:
    """Print the tables of areas and projections."""
    net = network(options)
    out = None if options.out is None else folder(options.out)
    print(tables.heading(net))
    print("\n" + tables.area_tables(statistics.areas(net)))
    if net.projections:
        print("\n" + tables.projection_table(statistics.projections(net)))
    for what, number in net.report.items():
        print(f"\n{number} edges were {_REPORTED.get(what, what)} when the wiring was read")
    if out is not None:
        write_tables(net, out)
        print(f"\nwrote {out / 'areas.csv'} and {out / 'projections.csv'}")
    return 0


def compile_network(options: argparse.Namespace) -> int:
    """Draw an area graph into a .npz file."""
    if Path(options.output).suffix.lower() != ".npz":
        raise ValueError(f"needs a file name that ends in .npz for --output; it got {options.output!r}.")
    graph = _read(options)
    if not isinstance(graph, AreaGraph):
        raise ValueError(
            f"needs an area graph, a .toml file; the synapses of {options.file!r} are drawn already."
        )
    net = graph.compile(seed=options.seed)
    io.write(net, options.output)
    print(f"wrote {options.output}: {tables.heading(net)}")
    return 0


def plot(options: argparse.Namespace) -> int:
    """Draw a picture into a file."""
    if Path(options.output).suffix.lower() not in _FORMATS:
        raise ValueError(
            f"needs a file name that ends in {', '.join(_FORMATS)} for --output; it got {options.output!r}."
        )
    save_picture(PICTURES[options.what](network(options)), Path(options.output))
    print(f"wrote {options.output}")
    return 0


def save_picture(figure: Any, path: Path) -> None:
    """A figure as a file, fine enough for print."""
    if not path.parent.is_dir():
        raise ValueError(f"found no folder {str(path.parent)!r}. Create it first.")
    figure.savefig(path, dpi=300)


def _masks(net: Connectome) -> Any:
    from graphrnn import plots

    return plots.masks(net)


def _area_graph(net: Connectome) -> Any:
    from graphrnn import plots

    return plots.area_graph(net)


PICTURES: dict[str, Callable[[Connectome], Any]] = {"area-graph": _area_graph, "masks": _masks}
