"""Commands that train: train, demo."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrnn import datasets, io, statistics
from graphrnn._streams import stream
from graphrnn.cli import networks, tables
from graphrnn.connectome import Connectome

if TYPE_CHECKING:
    import torch

    from graphrnn.nn import CTRNN
    from graphrnn.tasks import Task

__all__ = ["TASKS", "demo", "train"]

TASKS = {
    "perceptual-decision": "PerceptualDecision",
    "delayed-match-to-sample": "DelayedMatchToSample",
    "context-decision": "ContextDecision",
}
_CLEAR = 12.8  # % coherence from which on the demo's decisions must be right
_ENOUGH = 0.9  # of them
_HELD_OUT = {"validation": 300, "test": 1200}  # trials
_SMALL = 1000  # neurons up to which a second thread gains nothing, and on a busy machine is a brake


@dataclass(frozen=True)
class _Settings:
    """What a training run is made of; the defaults are those of the demo."""

    out: Path
    task: str = "perceptual-decision"
    activation: str = "relu"
    dt: float = 20.0
    tau: float | None = None
    noise: float = 0.05
    dale: bool = False
    epochs: int = 12
    trials: int = 2000
    batch_size: int = 64
    learning_rate: float = 1e-3
    threads: int | None = None
    device: str = "cpu"
    seed: int = 0
    resume: bool = False

    @property
    def kept(self) -> dict[str, Any]:
        """What makes the run what it is; the rest may change when it goes on."""
        free = ("out", "epochs", "threads", "device", "resume")
        return {name: value for name, value in asdict(self).items() if name not in free}


def train(options: argparse.Namespace) -> int:
    """Train a network on a task."""
    names = set(_Settings.__dataclass_fields__) - {"out"}
    settings = _Settings(
        **{name: value for name, value in vars(options).items() if name in names}, out=Path(options.out)
    )
    net = _with_ends(networks.network(options), _task(settings, "training", 1), options)
    rnn = _rnn(net, settings)
    out = networks.folder(options.out)
    if (out / "checkpoint.pt").exists():
        _check_resume(net, settings)
    elif settings.resume:
        _say(f"found no checkpoint in {options.out!r} yet; starting from the beginning")
    print(tables.heading(net))
    try:
        written, _ = _run(rnn, settings)
    except KeyboardInterrupt:
        if (out / "checkpoint.pt").exists():
            _say(f"the checkpoint in {options.out!r} holds the last whole epoch; go on with --resume")
        raise
    _print_written(out, written)
    return 0


def demo(options: argparse.Namespace) -> int:
    """C. elegans learns a perceptual decision: sensory neurons see the evidence, motor neurons answer."""
    settings = _Settings(
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
    written, right = _run(_rnn(net, settings), settings)
    networks.write_tables(net, settings.out)
    for what, draw in networks.PICTURES.items():
        networks.save_picture(draw(net), settings.out / f"{what}.png")
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


def _check_resume(net: Connectome, settings: _Settings) -> None:
    """Refuse to mix two runs in one folder."""
    out = settings.out
    if not settings.resume:
        raise ValueError(f"found a checkpoint in {str(out)!r}. Go on with --resume, or give another folder.")
    try:
        there = json.loads((out / "settings.json").read_text())
    except ValueError as error:
        raise ValueError(
            f"cannot read {str(out / 'settings.json')!r} as JSON: {error}. Give another folder."
        ) from error
    if not isinstance(there, dict):
        raise ValueError(f"found no settings in {str(out / 'settings.json')!r}. Give another folder.")
    for name, here in settings.kept.items():
        if there.get(name) != here:
            raise ValueError(
                f"found a run with {name} {there.get(name)} in {str(out)!r}; this call has {here}. "
                "Go on with the same, or give another folder."
            )
    if io.read(out / "network.npz") != net:
        raise ValueError(
            f"found a run of another network in {str(out)!r}. Give the same FILE, or another folder."
        )


def _some(net: Connectome) -> str:
    names = [area.name for area in net.areas]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _task(settings: _Settings, purpose: str, trials: int) -> Task:
    from graphrnn import tasks

    kind: type[Task] = getattr(tasks, TASKS[settings.task])
    return kind(trials, dt=settings.dt, seed=stream(settings.seed, "graphrnn train", purpose))


def _rnn(net: Connectome, settings: _Settings) -> CTRNN:
    import torch

    from graphrnn.nn import CTRNN

    return CTRNN(
        net,
        dt=settings.dt,
        tau=settings.tau,
        activation=settings.activation,
        preact_noise=settings.noise,
        dale=settings.dale,
        generator=torch.Generator().manual_seed(settings.seed),
    ).to(_device(settings.device))


def _run(rnn: CTRNN, settings: _Settings) -> tuple[list[str], float]:
    """Train, test on held-out trials, keep all of it; returns the files and the share of right decisions."""
    import torch

    from graphrnn import plots
    from graphrnn.training import evaluate, fit

    out = settings.out
    start = time.perf_counter()
    io.write(rnn.net, out / "network.npz")
    (out / "settings.json").write_text(json.dumps(settings.kept, indent=1) + "\n")
    _say(f"training on {settings.task}: {settings.epochs} epochs of {settings.trials} trials")
    with _threads(1 if settings.threads is None and rnn.net.n_neurons <= _SMALL else settings.threads):
        history = fit(
            rnn,
            _task(settings, "training", settings.trials),
            validation=_task(settings, "validation", _HELD_OUT["validation"]),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            optimizer=torch.optim.Adam(rnn.parameters(), lr=settings.learning_rate),
            checkpoint=out / "checkpoint.pt",
            resume=settings.resume,
            seed=settings.seed,
        )
        test = _task(settings, "test", _HELD_OUT["test"])
        result = evaluate(rnn, test)
    _say(f"trained in {time.perf_counter() - start:.0f} s; drawing pictures")
    history.metrics.to_csv(out / "training.csv", index=False)
    networks.save_picture(plots.training(history.metrics), out / "training.png")
    networks.save_picture(rnn.plot_layers(), out / "layers.png")
    written = ["network.npz", "settings.json", "checkpoint.pt", "training.csv", "training.png", "layers.png"]
    right = result.accuracy
    print(f"{right:.1%} of {_HELD_OUT['test']} held-out trials are decided rightly{_by_luck(test)}")
    if hasattr(test, "psychometric"):
        table = test.psychometric(result.decisions)
        table.to_csv(out / "psychometric.csv", index=False)
        networks.save_picture(plots.psychometric(table), out / "psychometric.png")
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


def _device(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the device `meta` holds nothing
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"found no device {name!r} for --device: {' '.join(str(error).split())}") from error
    return device


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
