"""Commands that look at a network: describe, compile."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from graphrnn import datasets, io, statistics
from graphrnn.cli import tables
from graphrnn.cli.messages import about
from graphrnn.cli.trained import run_of
from graphrnn.connectome import Connectome
from graphrnn.graph import AreaGraph

__all__ = [
    "WHAT_FILE",
    "compile_network",
    "compiled",
    "describe",
    "folder",
    "network",
    "write_tables",
]

WHAT_FILE = (
    "a .toml area graph, a .npz, .csv or other network, a folder that graphrnn train wrote, or celegans"
)
_REPORTED = {  # what is counted, and what became of it
    "merged": ("edge", "merged into another of the same pair"),
    "dropped": ("edge", "left out, because an end is no neuron of the table"),
    "unknown": ("cell", "at the end of an edge, but not in the table of neurons"),
    "not_neurons": ("cell", "left out as no neuron"),
    "without_area": ("cell", "without an area"),
    "gap_junctions": ("row", "of gap junctions"),
}


def network(options: argparse.Namespace) -> Connectome:
    """The network that FILE means: an area graph is compiled, a run gives its trained network."""
    run = run_of(options.file)
    before = getattr(options, "before", False)
    if run is not None:
        return run.before if before else run.after
    if before:
        raise ValueError(
            f"needs a folder that graphrnn train wrote for --before; {options.file!r} holds no training."
        )
    thing = _read(options)
    with about(options.file):
        return compiled(thing, options.seed)


def compiled(thing: Connectome | AreaGraph, seed: int) -> Connectome:
    """A network as it is, or an area graph with its synapses drawn."""
    return thing.compile(seed=seed) if isinstance(thing, AreaGraph) else thing


def _read(options: argparse.Namespace) -> Connectome | AreaGraph:
    if options.file == "celegans":
        return datasets.celegans()
    if not Path(options.file).is_file():
        raise ValueError(f"found no file {options.file!r}. Give {WHAT_FILE}.")
    try:
        with about(options.file):
            return io.read(options.file)
    except ValueError as error:  # only `convert` takes options of reading
        told = str(error).replace("unknown='drop'", "--unknown drop").replace("matrix='...'", "--matrix NAME")
        way_out = f"with graphrnn convert {options.file} net.npz --"
        raise ValueError(re.sub("(with|by) --", way_out, told, count=1)) from error


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
    """Print the tables of areas and projections, the checks, and what training changed."""
    run = run_of(options.file)
    net = network(options)
    out = None if options.out is None else folder(options.out)
    print(tables.heading(net))
    print("\n" + tables.area_tables(statistics.areas(net)))
    if net.projections:
        print("\n" + tables.projection_table(statistics.projections(net)))
    if run is not None:
        print("\n" + tables.change_table(run.before, run.after))
    print("\n" + tables.findings(statistics.check(net)))
    if net.report:
        print(f"\n{_reported(net)}")
    if out is not None:
        write_tables(net, out)
        print(f"\nwrote {out / 'areas.csv'} and {out / 'projections.csv'}")
    return 0


def _reported(net: Connectome) -> str:
    """What was merged, left out or set apart when the wiring was read."""
    lines = ["When the wiring was read:"]
    for what, number in net.report.items():
        thing, fate = _REPORTED.get(what, ("", what))
        lines.append(f"  {tables.of(number, thing) if thing else number} {fate}")
    return "\n".join(lines)


def compile_network(options: argparse.Namespace) -> int:
    """Draw an area graph into a .npz file."""
    if Path(options.output).suffix.lower() != ".npz":
        raise ValueError(f"needs a file name that ends in .npz for --output; it got {options.output!r}.")
    if Path(options.file).is_dir():
        raise ValueError(f"needs an area graph, a .toml file; {options.file!r} is a folder.")
    graph = _read(options)
    if not isinstance(graph, AreaGraph):
        raise ValueError(
            f"needs an area graph, a .toml file; the synapses of {options.file!r} are drawn already."
        )
    net = network(options)
    if not Path(options.output).parent.is_dir():
        raise ValueError(f"found no folder {str(Path(options.output).parent)!r}. Create it first.")
    io.write(net, options.output)
    print(f"wrote {options.output}: {tables.heading(net)}")
    return 0
