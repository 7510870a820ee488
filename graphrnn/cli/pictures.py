"""Pictures by name, and the command that draws them into files."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrnn.cli import networks
from graphrnn.cli.messages import about
from graphrnn.cli.trained import Run, run_of
from graphrnn.connectome import Connectome
from graphrnn.statistics.projections import realised

__all__ = ["PICTURES", "list_pictures", "plot", "save_picture"]

_WHICH = ("input", "hidden", "readout")
_FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class _Picture:
    """What a picture shows, how to draw it from a network or a run, and the options that it takes."""

    summary: str
    draw: Callable[..., Any]
    options: tuple[str, ...] = ()
    of: str = "any"  # "weights": a network with weights, "run": a training run


def _network(name: str) -> Callable[..., Any]:
    """A picture of a network, by its name in `graphrnn.plots`."""

    def draw(net: Connectome, **options: Any) -> Any:
        from graphrnn import plots

        return getattr(plots, name)(net, **options)

    return draw


def _layers(net: Connectome) -> Any:
    from graphrnn import plots

    there = [one for one in _WHICH if 0 not in net.synapses(one).shape]
    return plots.layers([(one, net.synapses(one).matrix) for one in there], net=net)


def _densities(net: Connectome) -> Any:
    from graphrnn import plots

    if net.projections and all(math.isnan(asked) for asked in realised(net)["density_asked"]):
        raise ValueError(
            "needs a projection of which a density was asked, to hold the realised one against; there is "
            "none. Measured wiring has densities in --what area-matrix --quantity probability."
        )
    return plots.densities(net)


def _weight_change(run: Run) -> Any:
    from graphrnn import plots

    pairs = [[net.synapses(one).digest() for one in _WHICH] for net in (run.before, run.after)]
    if pairs[0] != pairs[1]:
        raise ValueError(
            "needs the same synapses before and after training for --what weight-change; "
            "rewiring moved some. Draw --what weights, with and without --before."
        )
    return plots.weight_change(run.before, run.after)


def _rates(run: Run) -> Any:
    from graphrnn import plots

    return plots.rates(run.one_trial(), run.wiring, dt=run.settings.dt)


def _training(run: Run) -> Any:
    from graphrnn import plots

    return plots.training(run.table("training.csv"))


def _psychometric(run: Run) -> Any:
    from graphrnn import plots

    return plots.psychometric(run.table("psychometric.csv"))


PICTURES: dict[str, _Picture] = {
    "overview": _Picture("area graph, masks and in-degrees on one page", _network("overview")),
    "area-graph": _Picture(
        "areas and projections, by level or with --layout free",
        _network("area_graph"),
        ("layout", "width", "strongest"),
    ),
    "masks": _Picture("input, hidden and readout masks, coloured by kind", _network("masks")),
    "area-matrix": _Picture(
        "one quantity between each pair of areas, such as --quantity probability",
        _network("area_matrix"),
        ("quantity", "log"),
    ),
    "degrees": _Picture(
        "histograms of degrees, per area or --per projection", _network("degrees"), ("direction", "per")
    ),
    "densities": _Picture("realised against asked density of each projection", _densities),
    "hierarchy": _Picture("level of each area and the kinds of its synapses", _network("hierarchy")),
    "spectrum": _Picture(
        "eigenvalues with the unit circle, of the whole network or --per area", _network("spectrum"), ("per",)
    ),
    "weights": _Picture(
        "hidden weights as a matrix with borders of areas", _network("weights"), of="weights"
    ),
    "weight-histograms": _Picture(
        "weights by kind and by sign of the source", _network("weight_histograms"), ("log",), "weights"
    ),
    "layers": _Picture("input, hidden and readout weights with their histograms", _layers, of="weights"),
    "weight-change": _Picture(
        "how far training moved the weights of each projection", _weight_change, of="run"
    ),
    "rates": _Picture("rates by area in one trial of the task", _rates, of="run"),
    "training": _Picture("loss and accuracy by epoch", _training, of="run"),
    "psychometric": _Picture("choices by coherence, with the fitted curve", _psychometric, of="run"),
}
_HEADINGS = {
    "any": "pictures of any network:",
    "weights": "of a network with weights, such as a folder that graphrnn train wrote:",
    "run": "of such a folder alone:",
}
_OPTIONS = ("layout", "width", "strongest", "quantity", "log", "direction", "per")


def list_pictures() -> str:
    """A line per picture."""
    wide = max(len(name) for name in PICTURES)
    line = "  {:<" + str(wide) + "}  {}"
    lines = []
    for of, heading in _HEADINGS.items():
        lines.append(heading)
        lines += [line.format(name, p.summary) for name, p in PICTURES.items() if p.of == of]
    return "\n".join(lines)


def plot(options: argparse.Namespace) -> int:
    """Draw a picture into a file."""
    if Path(options.output).suffix.lower() not in _FORMATS:
        raise ValueError(
            f"needs a file name that ends in {', '.join(_FORMATS)} for --output; it got {options.output!r}."
        )
    save_picture(_drawn(options), Path(options.output))
    print(f"wrote {options.output}")
    return 0


def _drawn(options: argparse.Namespace) -> Any:
    """The figure that was asked for."""
    picture = PICTURES[options.what]
    given = {name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None}
    for name in given:
        if name not in picture.options:
            takers = " or ".join(other for other, p in PICTURES.items() if name in p.options)
            raise ValueError(f"takes --{name} for {takers} only; this is {options.what}. Leave it out.")
    if picture.of == "run":
        run = run_of(options.file)
        if run is None:
            raise ValueError(
                f"needs a folder that graphrnn train wrote for --what {options.what}; "
                f"it got {options.file!r}."
            )
        if options.before:
            raise ValueError(
                f"takes --before for pictures of one network only; this is {options.what}. Leave it out."
            )
        return picture.draw(run)
    net = networks.network(options)
    if picture.of == "weights" and all(net.synapses(one).weight is None for one in _WHICH):
        raise ValueError(
            f"needs a network with weights for --what {options.what}; {options.file!r} has none. "
            "Give a folder that graphrnn train wrote."
        )
    with about(options.file, vars(options)):
        return picture.draw(net, **given)


def save_picture(figure: Any, path: Path) -> None:
    """A figure as a file, fine enough for print."""
    if not path.parent.is_dir():
        raise ValueError(f"found no folder {str(path.parent)!r}. Create it first.")
    figure.savefig(path, dpi=300)
