"""Delayed match to sample."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch

from graphrnn import _checks
from graphrnn.tasks.task import Task, Trials

__all__ = ["DelayedMatchToSample"]


@dataclass(frozen=True)
class DelayedMatchToSample(Task):
    """Is the test stimulus the same as the sample shown before the delay?

    There is one input channel per stimulus, at 1 while that stimulus is shown. Half of the trials are
    matches (choice 1); in the others the test is one of the other stimuli.

    Args:
        n_trials: Number of trials.
        dt: Time step in ms.
        noise: Strength of the input noise, see `Task`.
        seed: Seed of everything drawn.
        n_stimuli: How many different stimuli there are, at least 2.
        fixation: ms before the sample; may be 0.
        sample: ms of the first stimulus.
        delay: ms without a stimulus; may be 0.
        test: ms of the second stimulus.
        decision: ms that are scored, without a stimulus.

    Example:
        >>> from graphrnn.tasks import DelayedMatchToSample
        >>> task = DelayedMatchToSample(12, dt=20, n_stimuli=3)
        >>> task.input_names, task.readout_names
        (('stimulus 0', 'stimulus 1', 'stimulus 2'), ('non-match', 'match'))
        >>> int(task.correct.sum())
        6

    Source:
        Miller, Erickson & Desimone (1996), Journal of Neuroscience 16, 5154.
    """

    _: KW_ONLY
    n_stimuli: int = 2
    fixation: float = 100.0
    sample: float = 200.0
    delay: float = 400.0
    test: float = 200.0
    decision: float = 200.0

    readout_names: ClassVar[tuple[str, ...]] = ("non-match", "match")
    _period_names: ClassVar[tuple[str, ...]] = ("fixation", "sample", "delay", "test", "decision")

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.count(self._call("n_stimuli"), "n_stimuli", self.n_stimuli, minimum=2)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the input channels, one per stimulus."""
        return tuple(f"stimulus {number}" for number in range(self.n_stimuli))

    def _draw(self, generator: torch.Generator) -> Trials:
        sample, other, match = self._balanced(generator, self.n_stimuli, self.n_stimuli - 1, 2)
        test = torch.where(match == 1, sample, (sample + 1 + other) % self.n_stimuli)
        inputs = self._silence()
        for period, shown in (("sample", sample), ("test", test)):
            one_hot = torch.nn.functional.one_hot(shown, self.n_stimuli).float()
            inputs[:, self.periods[period]] = one_hot.unsqueeze(1)
        return Trials(inputs, match, {"sample": sample, "test": test})
