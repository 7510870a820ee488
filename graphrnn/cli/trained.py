"""Trained networks: the folder that `graphrnn train` leaves, before and after training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrnn import io
from graphrnn.cli.messages import about
from graphrnn.cli.settings import Settings, build, make_task, read_settings
from graphrnn.connectome import Connectome

if TYPE_CHECKING:
    from graphrnn.nn import CTRNN

__all__ = ["Run", "run_of"]

_FILES = ("checkpoint.pt", "network.npz", "settings.json")
_LEFT = ", ".join(_FILES)


@dataclass(frozen=True)
class Run:
    """A training run: its folder, its network before and after training."""

    folder: Path
    settings: Settings
    wiring: Connectome

    @cached_property
    def before(self) -> Connectome:
        """The network with the weights that it began with; they follow from the seed."""
        return build(self.wiring, self.settings).to_connectome()

    @cached_property
    def after(self) -> Connectome:
        """The network with the weights in the checkpoint."""
        return self.rnn.to_connectome()

    @cached_property
    def rnn(self) -> CTRNN:
        """The trained network itself."""
        from graphrnn.training import load_checkpoint

        rnn = build(self.wiring, self.settings)
        path = self.folder / "checkpoint.pt"
        with about(str(path)):
            load_checkpoint(path, rnn)
        return rnn.eval()

    def table(self, name: str) -> Any:
        """A table that training left."""
        import pandas as pd

        path = self.folder / name
        if not path.is_file():
            raise ValueError(f"found no {str(path)!r}; training on {self.settings.task} did not leave one.")
        return pd.read_csv(path)

    def one_trial(self) -> Any:
        """(time, neuron) rates in one trial of the task, without noise."""
        import torch

        trial = make_task(self.settings, "picture", 1)
        with torch.no_grad():
            _, rates, _ = self.rnn(trial.inputs)
        return rates[0]


def run_of(name: str) -> Run | None:
    """The run that a folder or its checkpoint stands for; None for the name of anything else."""
    path = Path(name)
    if path.is_dir():
        folder = path
    elif path.suffix.lower() == ".pt" and path.is_file():
        folder = path.parent
    else:
        return None
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if missing:
        raise ValueError(
            f"needs {_LEFT} of a training run in {str(folder)!r}; not there: {', '.join(missing)}. "
            "Give a folder that graphrnn train wrote."
        )
    if path.is_file() and path.name != "checkpoint.pt":
        raise ValueError(
            f"needs the checkpoint.pt of a training run; {name!r} is another file. Give its folder."
        )
    given = read_settings(folder)
    unknown = sorted(set(given) - set(Settings.__dataclass_fields__))
    if unknown:
        raise ValueError(
            f"does not know the setting {unknown[0]!r} in {str(folder / 'settings.json')!r}. "
            "Give another folder."
        )
    path = folder / "network.npz"
    with about(str(path)):
        wiring = io.read(path)
    assert isinstance(wiring, Connectome)  # what a .npz file holds
    return Run(folder, Settings(**{**given, "out": folder}), wiring)
