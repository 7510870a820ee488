"""What a training run is made of, and the network that follows from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrnn import _checks
from graphrnn._streams import stream
from graphrnn.cli.config import dynamics, known_keys, penalty
from graphrnn.connectome import Connectome

if TYPE_CHECKING:
    import torch

    from graphrnn.nn import CTRNN
    from graphrnn.tasks import Task

__all__ = [
    "TASKS",
    "Settings",
    "build",
    "course",
    "device",
    "make_task",
    "read_settings",
]

TASKS = {
    "perceptual-decision": "PerceptualDecision",
    "delayed-match-to-sample": "DelayedMatchToSample",
    "context-decision": "ContextDecision",
}


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; the defaults are those of the demo."""

    out: Path
    task: str = "perceptual-decision"
    activation: str = "relu"
    dt: float = 20.0
    tau: float | None = None
    noise: float = 0.05
    dale: bool | str = False
    epochs: int = 12
    trials: int = 2000
    batch_size: int = 64
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    clip: float | None = 1.0
    patience: int | None = None
    task_options: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)
    dynamics: list[dict[str, Any]] = field(default_factory=list)
    plasticity: list[dict[str, Any]] = field(default_factory=list)
    penalties: list[dict[str, Any]] = field(default_factory=list)
    rewiring: dict[str, Any] | None = None
    threads: int | None = None
    device: str = "cpu"
    seed: int = 0
    resume: bool = False

    @property
    def kept(self) -> dict[str, Any]:
        """What makes the run what it is; the rest may change when it goes on."""
        free = ("out", "epochs", "threads", "device", "resume", "patience")
        return {name: value for name, value in asdict(self).items() if name not in free}


def read_settings(out: Path) -> dict[str, Any]:
    """What `settings.json` in a run's folder says."""
    path = out / "settings.json"
    try:
        there = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"cannot read {str(path)!r} as JSON: {error}. Give another folder.") from error
    if not isinstance(there, dict):
        raise ValueError(f"found no settings in {str(path)!r}. Give another folder.")
    return there


def make_task(settings: Settings, purpose: str, trials: int) -> Task:
    """Trials of the run's task; those of another purpose are others."""
    from graphrnn import tasks

    kind: type[Task] = getattr(tasks, TASKS[settings.task])
    own = [name for name in kind.__dataclass_fields__ if name not in ("n_trials", "dt", "seed", "_")]
    known_keys("graphrnn train", "key in [task]", settings.task_options, own)
    seed = stream(settings.seed, "graphrnn train", purpose)
    return kind(trials, dt=settings.dt, seed=seed, **settings.task_options)


def build(net: Connectome, settings: Settings) -> CTRNN:
    """The network before training; the same settings give the same weights."""
    import torch

    from graphrnn.kernels import choose_backend
    from graphrnn.nn import CTRNN

    # Made on the CPU, so that a seed gives the same weights on every device; its backend may not run there.
    place, model = device(settings.device), dict(settings.model)
    backend = "auto" if place.type == "cpu" else model.pop("backend", "auto")
    rnn = CTRNN(
        net,
        dt=settings.dt,
        tau=settings.tau,
        activation=settings.activation,
        preact_noise=settings.noise,
        dale=settings.dale,
        dynamics=[dynamics("graphrnn train", table) for table in settings.dynamics] or None,
        generator=torch.Generator().manual_seed(settings.seed),
        **model,
    ).to(place)
    if backend != "auto":
        choose_backend(backend, place, rnn.hidden.values.dtype, rnn.precision)
        rnn.backend = backend
    for table in settings.plasticity:
        if "plasticity" not in table:
            raise ValueError("needs a number for `plasticity` in every [[plasticity]].")
        rnn.set_plasticity(**table)
    return rnn


def course(rnn: CTRNN, settings: Settings) -> dict[str, Any]:
    """What `fit` is told besides numbers: optimizer, penalties, rewiring."""
    return {
        "optimizer": _optimizer(rnn, settings),
        "penalties": _penalties(settings),
        "rewiring": _rewiring(settings),
    }


def _optimizer(rnn: CTRNN, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer of the run, with its groups of parameters."""
    import torch

    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
        "sgd": partial(torch.optim.SGD, momentum=0.9),
    }
    kind = kinds[_checks.one_of("graphrnn train", "optimizer", settings.optimizer, kinds)]
    decay = _checks.nonnegative("graphrnn train", "weight_decay", settings.weight_decay)
    rate = _checks.positive("graphrnn train", "learning_rate", settings.learning_rate)
    parameters: Any = rnn.parameters()
    if settings.groups:
        words = {"learning_rate": "lr", "weight_decay": "weight_decay"}
        options = {}
        for name, table in settings.groups.get("options", {}).items():
            known_keys("graphrnn train", f"key in [training.groups.options] {name}", table, words)
            options[name] = {words[key]: _checks.nonnegative(name, key, table[key]) for key in table}
        parameters = rnn.parameter_groups(settings.groups.get("by", "kind"), options)
    made: torch.optim.Optimizer = kind(parameters, lr=rate, weight_decay=decay)
    return made


def _penalties(settings: Settings) -> dict[str, Any]:
    """The penalties of the run, by name."""
    from graphrnn.training.penalties import named_penalties

    made = [penalty("graphrnn train", table) for table in settings.penalties]
    named = {name: made_one for name, made_one in made if name is not None}
    if len(named) < sum(name is not None for name, _ in made):
        raise ValueError("found two [[penalty]] of one `name`. Give each its own.")
    unnamed = named_penalties("graphrnn train", [made_one for name, made_one in made if name is None])
    return {**unnamed, **named}


def _rewiring(settings: Settings) -> Any:
    """How the run rewires its network; None where it does not."""
    from graphrnn.nn import Rewiring

    if settings.rewiring is None:
        return None
    known_keys("graphrnn train", "key in [rewiring]", settings.rewiring, Rewiring.__dataclass_fields__)
    return Rewiring(**settings.rewiring)


def device(name: str) -> torch.device:
    """The device of this name, if it is there."""
    import torch

    try:
        found = torch.device(name)
        torch.zeros(1, device=found).item()  # the device `meta` holds nothing
    except (RuntimeError, AssertionError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"found no device {name!r} for --device: {said}. Take --device cpu.") from error
    return found
