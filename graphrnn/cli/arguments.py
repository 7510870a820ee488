"""What can be typed: commands, options and their help."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

from graphrnn.cli import networks, runs

__all__ = ["parser"]

_FILE = "a .toml area graph, a .npz network, or celegans"
_EXAMPLES = """\
examples:
  graphrnn demo                                     the worm learns to decide; see graphrnn-demo/
  graphrnn describe celegans                        tables of areas and projections
  graphrnn compile network.toml -o net.npz --seed 1
  graphrnn plot net.npz --what masks -o masks.png
  graphrnn train net.npz --task perceptual-decision --out run

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
            "print tables of areas and projections",
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
            networks.plot,
            "draw a picture of a network",
            "graphrnn plot celegans --what area-graph -o areas.pdf",
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


def _seed(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--seed", type=_at_least(0), default=0, metavar="N", help=f"seed of {what} (default 0)"
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


def _plot(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help=_FILE)
    command.add_argument("--what", required=True, choices=sorted(networks.PICTURES), help="the picture")
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FIGURE",
        help="the file to write; its ending says the format: .png, .pdf, .svg",
    )
    _seed(command, "the synapses of an area graph")


def _train(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help=_FILE)
    command.add_argument("--task", required=True, choices=sorted(runs.TASKS), help="the task")
    command.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    command.add_argument("--resume", action="store_true", help="go on with the checkpoint that is in DIR")
    ends = command.add_argument_group("ends, where the network has none of the size that the task needs")
    ends.add_argument(
        "--input-area", nargs="+", metavar="AREA", help="add an input `stimulus` that reaches these areas"
    )
    ends.add_argument(
        "--readout-area", nargs="+", metavar="AREA", help="add a readout `choice` of these areas"
    )
    network = command.add_argument_group("the network")
    network.add_argument(
        "--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, softplus, retanh, identity"
    )
    network.add_argument("--dt", type=_number, default=20.0, metavar="MS", help="time step (default 20)")
    network.add_argument(
        "--tau",
        type=_number,
        metavar="MS",
        help="time constant of all areas (default: their own, or else 100)",
    )
    network.add_argument(
        "--noise", type=_number, default=0.05, metavar="SIGMA", help="noise in training (default 0.05)"
    )
    network.add_argument("--dale", action="store_true", help="keep to the signs of the neurons (Dale's law)")
    course = command.add_argument_group("the training")
    course.add_argument("--epochs", type=_at_least(1), default=12, metavar="N", help="epochs (default 12)")
    course.add_argument(
        "--trials", type=_at_least(1), default=2000, metavar="N", help="trials in an epoch (default 2000)"
    )
    course.add_argument(
        "--batch-size", type=_at_least(1), default=64, metavar="N", help="trials in a step (default 64)"
    )
    course.add_argument(
        "--learning-rate", type=_above_zero, default=1e-3, metavar="X", help="of Adam (default 0.001)"
    )
    course.add_argument(
        "--threads",
        type=_at_least(1),
        metavar="N",
        help="CPU threads (default: 1 up to 1,000 neurons, then torch's choice)",
    )
    course.add_argument("--device", default="cpu", metavar="NAME", help="cpu (default), cuda or cuda:1")
    _seed(command, "synapses, weights, noise and trials")
