"""Commands that train: train, demo."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrnn import _checks, datasets, io, statistics
from graphrnn.cli import networks, pictures, tables
from graphrnn.cli.config import read_run
from graphrnn.cli.messages import about
from graphrnn.cli.settings import TASKS, Settings, build, course, make_task, read_settings
from graphrnn.connectome import Connectome

if TYPE_CHECKING:
    import torch

    from graphrnn.nn import CTRNN
    from graphrnn.tasks import Task

__all__ = ["demo", "train"]

_CLEAR = 12.8  # % coherence from which on the demo's decisions must be right
_ENOUGH = 0.9  # of them
_HELD_OUT = {"validation": 300, "test": 1200}  # trials
_SMALL = 1000  # neurons up to which a second thread gains nothing, and on a busy machine is a brake


def train(options: argparse.Namespace) -> int:
    """Train a network on a task."""
    with about(options.file):
        run = read_run(options.file)
    names = set(Settings.__dataclass_fields__) - {"out"}
    given = {name: value for name, value in vars(options).items() if name in names}
    if run is None and "task" not in given:
        raise ValueError(f"needs --task, one of {', '.join(TASKS)}, or a file with a whole run.")
    settings = Settings(**({} if run is None else run[1]) | given | {"out": Path(options.out)})
    with nullcontext() if run is None else about(options.file, vars(options)):
        options.task = _checks.known("graphrnn train", "task", settings.task, TASKS)
        options.seed = settings.seed
        net = networks.network(options) if run is None else networks.compiled(run[0], settings.seed)
        net = _with_ends(net, make_task(settings, "training", 1), options)
        rnn = build(net, settings)
        how = course(rnn, settings)
    out = networks.folder(options.out)
    if (out / "checkpoint.pt").exists():
        _check_resume(net, settings)
    elif settings.resume:
        _say(f"found no checkpoint in {options.out!r} yet; starting from the beginning")
    print(tables.heading(net))
    try:
        written, _ = _run(rnn, settings, how)
    except KeyboardInterrupt:
        if (out / "checkpoint.pt").exists():
            _say(f"the checkpoint in {options.out!r} holds the last whole epoch; go on with --resume")
        raise
    _print_written(out, written)
    return 0


def demo(options: argparse.Namespace) -> int:
    """C. elegans learns a perceptual decision: sensory neurons see the evidence, motor neurons answer."""
    from graphrnn import plots

    settings = Settings(
        out=networks.folder(options.out),
        epochs=options.epochs,
        trials=options.trials,
        seed=options.seed,
    )
    net = datasets.celegans()
    motor = [area.name for area in net.areas if "motor" in area.name]
    net = net.with_input("stimulus", 2, to="sensory", seed=options.seed)
    net = net.with_readout("choice", 2, pre=motor, seed=options.seed)
    print(f"C. elegans: {tables.heading(net)}\n")
    print(tables.area_tables(statistics.areas(net)) + "\n")
    rnn = build(net, settings)
    written, right = _run(rnn, settings, course(rnn, settings))
    networks.write_tables(net, settings.out)
    for what, figure in (("area-graph", plots.area_graph(net)), ("masks", plots.masks(net))):
        pictures.save_picture(figure, settings.out / f"{what}.png")
        written.append(f"{what}.png")
    _print_written(settings.out, ["areas.csv", "projections.csv", *written])
    if right < _ENOUGH:
        print(
            f"graphrnn demo: fewer than {_ENOUGH:.0%} are right. Train longer, with --epochs.",
            file=sys.stderr,
        )
        return 1
    return 0


def _with_ends(net: Connectome, task: Task, options: argparse.Namespace) -> Connectome:
    """The network with the input and the readout that were asked for, fit for the task."""
    for what, has, areas in (
        ("input", net.n_inputs, options.input_area),
        ("readout", net.n_readouts, options.readout_area),
    ):
        if areas and has:
            raise ValueError(f"found {has} {what}s in the network already. Leave out --{what}-area.")
    if options.input_area:
        net = net.with_input("stimulus", task.input_size, to=options.input_area, seed=options.seed)
    if options.readout_area:
        net = net.with_readout("choice", task.readout_size, pre=options.readout_area, seed=options.seed)
    for what, has, needs in (
        ("input", net.n_inputs, task.input_size),
        ("readout", net.n_readouts, task.readout_size),
    ):
        if has != needs:
            way_out = (
                f"add them with --{what}-area; the areas are {_some(net)}"
                if not has
                else "choose another task"
            )
            raise ValueError(
                f"needs {needs} {what}s for {options.task}; the network has {has}. "
                f"Draw {needs} in the area graph, or {way_out}."
            )
    return net


def _check_resume(net: Connectome, settings: Settings) -> None:
    """Refuse to mix two runs in one folder."""
    out = settings.out
    if not settings.resume:
        raise ValueError(f"found a checkpoint in {str(out)!r}. Go on with --resume, or give another folder.")
    there = {**Settings(out).kept, **read_settings(out)}  # an older graphrnn wrote fewer of them
    for name, here in settings.kept.items():
        if there[name] != here:
            raise ValueError(
                f"found a run with {name} {there[name]} in {str(out)!r}; this call has {here}. "
                "Go on with the same, or give another folder."
            )
    if io.read(out / "network.npz") != net:
        raise ValueError(
            f"found a run of another network in {str(out)!r}. Give the same FILE, or another folder."
        )


def _some(net: Connectome) -> str:
    names = [area.name for area in net.areas]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _run(rnn: CTRNN, settings: Settings, how: dict[str, Any]) -> tuple[list[str], float]:
    """Train, test on held-out trials, keep all of it; returns the files and the share of right decisions."""
    from graphrnn import plots
    from graphrnn.training import evaluate, fit

    out = settings.out
    start = time.perf_counter()
    io.write(rnn.net, out / "network.npz")
    (out / "settings.json").write_text(json.dumps(settings.kept, indent=1) + "\n")
    _say(
        f"training on {settings.task}: {tables.of(settings.epochs, 'epoch')} of "
        f"{tables.of(settings.trials, 'trial')}"
    )
    with _threads(1 if settings.threads is None and rnn.net.n_neurons <= _SMALL else settings.threads):
        history = fit(
            rnn,
            make_task(settings, "training", settings.trials),
            validation=make_task(settings, "validation", _HELD_OUT["validation"]),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            clip=settings.clip,
            patience=settings.patience,
            checkpoint=out / "checkpoint.pt",
            resume=settings.resume,
            seed=settings.seed,
            **how,
        )
        test = make_task(settings, "test", _HELD_OUT["test"])
        result = evaluate(rnn, test)
    if settings.rewiring is not None:
        io.write(rnn.net, out / "rewired.npz")
    _say(f"trained in {time.perf_counter() - start:.0f} s; drawing pictures")
    history.metrics.to_csv(out / "training.csv", index=False)
    pictures.save_picture(plots.training(history.metrics), out / "training.png")
    pictures.save_picture(rnn.plot_layers(), out / "layers.png")
    written = ["network.npz", "settings.json", "checkpoint.pt", "training.csv", "training.png", "layers.png"]
    written += ["rewired.npz"] if settings.rewiring is not None else []
    right = result.accuracy
    print(f"{right:.1%} of {_HELD_OUT['test']} held-out trials are decided rightly{_by_luck(test)}")
    if hasattr(test, "psychometric"):
        table = test.psychometric(result.decisions)
        table.to_csv(out / "psychometric.csv", index=False)
        pictures.save_picture(plots.psychometric(table), out / "psychometric.png")
        written += ["psychometric.csv", "psychometric.png"]
        right = _print_by_coherence(test, result.decisions)
    return written, right


def _by_luck(task: Any) -> str:
    """A word on trials without evidence, which nobody decides better than half."""
    conditions = task.conditions
    share = float((conditions["coherence"] == 0).mean()) if "coherence" in conditions else 0.0
    return f"; {share:.0%} of them hold no evidence" if share else ""


def _print_by_coherence(task: Any, decisions: torch.Tensor) -> float:
    """The share of right decisions at each coherence; returns that at all clear ones."""
    trials = task.conditions
    trials["right"] = (decisions == task.correct).numpy()
    share = trials.groupby("coherence")["right"].mean()
    print(
        tables.text_table(
            ["coherence", *(f"{coherence:g} %" for coherence in share.index)],
            [["right", *(f"{value:.1%}" for value in share)]],
        )
    )
    clear = float(trials.loc[trials["coherence"] >= _CLEAR, "right"].mean())
    print(f"at coherences of {_CLEAR} % and above: {clear:.1%}\n")
    return clear


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _print_written(out: Path, names: list[str]) -> None:
    print(f"wrote to {out}: {', '.join(names)}")
