"""What can be typed: commands, options and their help."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from graphrnn.cli import bench, convert, networks, pictures, runs
from graphrnn.cli.settings import TASKS

__all__ = ["parser"]

_FILE = networks.WHAT_FILE
_EXAMPLES = """\
examples:
  graphrnn demo                                     the worm learns to decide; see graphrnn-demo/
  graphrnn describe celegans                        tables of areas and projections, and checks
  graphrnn compile network.toml -o net.npz --seed 1
  graphrnn plot net.npz --what masks -o masks.png
  graphrnn plot --list                              the names of all pictures
  graphrnn convert net.npz net.graphml
  graphrnn train net.npz --task perceptual-decision --out run
  graphrnn describe run                             what training changed
  graphrnn bench net.npz --batch 64 --steps 100     how fast it trains, by backend
  graphrnn bench --calibrate                        suit dense blocks to this machine, or its GPU

`graphrnn COMMAND --help` shows the options of a command.
"""


class _Version(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="print the version and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"graphrnn {version('graphrnn')}")
        except PackageNotFoundError:
            print("graphrnn, not installed: it runs from its source folder")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; the namespace that it makes has the function to call as `run`."""
    top = argparse.ArgumentParser(
        prog="graphrnn",
        description="Sparse, multi-area recurrent neural networks: area graph, masks, training, statistics.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(
        name: str, run: Callable[[argparse.Namespace], int], summary: str, example: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        made.add_argument("--traceback", action="store_true", help="on an error, show where it arose")
        return made

    _demo(command("demo", runs.demo, "train the wiring of C. elegans on a decision", "graphrnn demo"))
    _describe(
        command(
            "describe",
            networks.describe,
            "print tables of areas and projections, and what looks like a mistake",
            "graphrnn describe network.toml --seed 1 --out tables",
        )
    )
    _compile(
        command(
            "compile",
            networks.compile_network,
            "draw the synapses of an area graph, once, into a file",
            "graphrnn compile network.toml -o net.npz --seed 1",
        )
    )
    _plot(
        command(
            "plot",
            pictures.plot,
            "draw a picture of a network, or of its training",
            "graphrnn plot celegans --what area-graph -o areas.pdf\n"
            "  graphrnn plot celegans --what area-matrix --quantity probability -o matrix.png\n"
            "  graphrnn plot run --what weight-change -o change.png\n\n"
            f"{pictures.list_pictures()}",
        )
    )
    convert.add_arguments(
        command(
            "convert",
            convert.convert,
            "turn one kind of file into another",
            "graphrnn convert synapses.csv net.graphml --nodes neurons.csv --column area=cell_class",
        )
    )
    _train(
        command(
            "train",
            runs.train,
            "train a network on a task",
            "graphrnn train celegans --task perceptual-decision --out run \\\n"
            "      --input-area sensory --readout-area motor-head motor-cord",
        )
    )
    _bench(
        command(
            "bench",
            bench.bench,
            "time training steps of a network on every backend",
            "graphrnn bench network.toml --batch 64 --steps 100 --threads 2",
        )
    )
    return top


def _at_least(minimum: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise argparse.ArgumentTypeError(f"needs a whole number of at least {minimum}; it got {text}")
        return value

    number.__name__ = "whole number"  # argparse puts it into its message for what is no number
    return number


def _number(text: str) -> float:
    return float(text)


_number.__name__ = "number"


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"needs a finite number above 0; it got {text!r}")
    return number


_above_zero.__name__ = "number"


def _seed(command: argparse.ArgumentParser, what: str, default: object = 0) -> None:
    command.add_argument(
        "--seed", type=_at_least(0), default=default, metavar="N", help=f"seed of {what} (default 0)"
    )


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out", default="graphrnn-demo", metavar="DIR", help="folder for the results (default graphrnn-demo)"
    )
    _seed(command, "weights, noise and trials")
    command.add_argument("--epochs", type=_at_least(1), default=12, metavar="N", help="epochs (default 12)")
    command.add_argument(
        "--trials", type=_at_least(1), default=2000, metavar="N", help="trials in an epoch (default 2000)"
    )


def _describe(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help=_FILE)
    _seed(command, "the synapses of an area graph")
    command.add_argument(
        "--out", metavar="DIR", help="also write the whole tables there, areas.csv and projections.csv"
    )


def _compile(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="GRAPH.toml", help="an area graph")
    command.add_argument("-o", "--output", required=True, metavar="NET.npz", help="the file to write")
    _seed(command, "the synapses")


class _List(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help="list all pictures and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(pictures.list_pictures())
        parser.exit()


def _plot(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help=_FILE)
    command.add_argument("--list", action=_List)
    command.add_argument(
        "--what",
        required=True,
        choices=list(pictures.PICTURES),
        metavar="PICTURE",
        help="the picture, by name",
    )
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FIGURE",
        help="the file to write; its ending says the format: .png, .pdf, .svg",
    )
    command.add_argument(
        "--before", action="store_true", help="of a training run, draw the network before training"
    )
    _seed(command, "the synapses of an area graph")
    some = command.add_argument_group("what some pictures take")
    some.add_argument("--layout", choices=["levels", "free"], help="of area-graph (default levels)")
    some.add_argument("--width", choices=["count", "weight"], help="of arcs in area-graph (default count)")
    some.add_argument(
        "--strongest",
        type=_at_least(0),
        metavar="N",
        help="projections that area-graph draws in full (default 120)",
    )
    some.add_argument(
        "--quantity", metavar="NAME", help="of area-matrix: count (default), probability, in_degree, fln, …"
    )
    some.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        help="logarithmic shades of area-matrix, or histograms",
    )
    some.add_argument("--direction", choices=["in", "out"], help="of degrees (default in)")
    some.add_argument(
        "--per",
        choices=["area", "projection", "network"],
        help="a row or panel of degrees or spectrum for each",
    )


def _train(command: argparse.ArgumentParser) -> None:
    command.argument_default = argparse.SUPPRESS  # what is not typed comes from FILE, or else is the default
    command.add_argument(
        "file", metavar="FILE", help=f"{_FILE}; or a .toml with a whole run, see docs/runs.md"
    )
    command.add_argument("--task", choices=sorted(TASKS), help="the task; needed but for a whole run")
    command.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    command.add_argument(
        "--resume", action="store_true", default=False, help="go on with the checkpoint that is in DIR"
    )
    ends = command.add_argument_group("ends, where the network has none of the size that the task needs")
    ends.add_argument(
        "--input-area",
        nargs="+",
        default=None,
        metavar="AREA",
        help="add an input `stimulus` that reaches these areas",
    )
    ends.add_argument(
        "--readout-area",
        nargs="+",
        default=None,
        metavar="AREA",
        help="add a readout `choice` of these areas",
    )
    network = command.add_argument_group("the network")
    network.add_argument(
        "--activation", metavar="NAME", help="relu, tanh, sigmoid, softplus, retanh, identity"
    )
    network.add_argument("--dt", type=_number, metavar="MS", help="time step (default 20)")
    network.add_argument(
        "--tau",
        type=_number,
        metavar="MS",
        help="time constant of all areas (default: their own, or else 100)",
    )
    network.add_argument("--noise", type=_number, metavar="SIGMA", help="noise in training (default 0.05)")
    network.add_argument(
        "--dale",
        action="store_true",
        default=argparse.SUPPRESS,
        help="keep to the signs of the neurons (Dale's law)",
    )
    course = command.add_argument_group("the training")
    course.add_argument("--epochs", type=_at_least(1), metavar="N", help="epochs (default 12)")
    course.add_argument("--trials", type=_at_least(1), metavar="N", help="trials in an epoch (default 2000)")
    course.add_argument("--batch-size", type=_at_least(1), metavar="N", help="trials in a step (default 64)")
    course.add_argument("--learning-rate", type=_above_zero, metavar="X", help="of Adam (default 0.001)")
    course.add_argument(
        "--threads",
        type=_at_least(1),
        metavar="N",
        help="CPU threads (default: 1 up to 1,000 neurons, then torch's choice)",
    )
    course.add_argument("--device", metavar="NAME", help="cpu (default), cuda or cuda:1")
    _seed(command, "synapses, weights, noise and trials", argparse.SUPPRESS)


def _bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", nargs="?", help=_FILE)
    command.add_argument(
        "--calibrate",
        action="store_true",
        help="first measure from where on dense blocks pay on this machine, and keep that; needs no FILE",
    )
    command.add_argument(
        "--backend",
        nargs="+",
        metavar="NAME",
        help="backends to time (default: all that are available; `reference` on small networks alone)",
    )
    command.add_argument(
        "--batch", type=_at_least(1), default=64, metavar="N", help="trials in a step (default 64)"
    )
    command.add_argument(
        "--steps", type=_at_least(1), default=100, metavar="N", help="time steps of a trial (default 100)"
    )
    command.add_argument(
        "--rounds", type=_at_least(1), default=5, metavar="N", help="training steps to time (default 5)"
    )
    command.add_argument(
        "--threads", type=_at_least(1), metavar="N", help="CPU threads (default: torch's choice)"
    )
    command.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default), cuda or cuda:1")
    command.add_argument(
        "--precision",
        choices=("exact", "tf32", "bf16"),
        default="exact",
        help="what the inputs of products are rounded to (default exact)",
    )
    command.add_argument(
        "--dt", type=_above_zero, default=10.0, metavar="MS", help="time step, for delays (default 10)"
    )
    command.add_argument(
        "--json", metavar="FILE", help="also write all figures there, with the machine's name"
    )
    _seed(command, "the synapses of an area graph")
