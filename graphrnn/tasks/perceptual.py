"""The perceptual decision: one pair of evidence channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from graphrnn import _checks
from graphrnn.tasks.evidence import evidence, percentages
from graphrnn.tasks.task import NOISE_TAU, Task, Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PerceptualDecision"]


@dataclass(frozen=True)
class PerceptualDecision(Task):
    """Which of two noisy evidence channels is stronger?

    During the stimulus the two channels have the means

        baseline + (1 ± c / 100) / 2

    at coherence c in %, + for the right choice, and `baseline` otherwise; noise is on all the time.
    At coherence 0 the right choice is a coin toss. With the default noise and durations an ideal
    observer is right in 92 % of the trials at coherence 6.4 and in 99.8 % at 12.8.

    Args:
        n_trials: Number of trials.
        dt: Time step in ms.
        noise: Strength of the input noise, see `Task`.
        seed: Seed of everything drawn.
        coherences: Percentages from 0 to 100.
        baseline: Mean of both channels outside the stimulus.
        fixation: ms before the stimulus; may be 0.
        stimulus: ms of evidence.
        delay: ms between evidence and decision; may be 0.
        decision: ms that are scored, without evidence.

    Example:
        >>> from graphrnn.tasks import PerceptualDecision
        >>> task = PerceptualDecision(60, dt=20)
        >>> task.inputs.shape, task.input_names
        (torch.Size([60, 40, 2]), ('evidence 0', 'evidence 1'))
        >>> list(task.conditions.columns)
        ['coherence', 'signed_coherence', 'correct_choice']

    Source:
        Britten, Shadlen, Newsome & Movshon (1992), Journal of Neuroscience 12, 4745; as a task for
        networks Song, Yang & Wang (2016), PLoS Computational Biology 12, e1004792.
    """

    _: KW_ONLY
    coherences: Sequence[float] = (0.0, 3.2, 6.4, 12.8, 25.6, 51.2)
    baseline: float = 0.0
    fixation: float = 100.0
    stimulus: float = 500.0
    delay: float = 0.0
    decision: float = 200.0

    _period_names: ClassVar[tuple[str, ...]] = ("fixation", "stimulus", "delay", "decision")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "coherences", percentages(type(self).__name__, self.coherences))
        _checks.nonnegative(self._call("baseline"), "baseline", self.baseline)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the input channels: the evidence for either choice."""
        return ("evidence 0", "evidence 1")

    def _draw(self, generator: torch.Generator) -> Trials:
        levels = torch.tensor(self.coherences, dtype=torch.float64)
        which, choice = self._balanced(generator, len(levels), 2)
        coherence = levels[which]
        inputs = self._silence() + self.baseline
        inputs[:, self.periods["stimulus"]] += evidence(coherence, choice).unsqueeze(1)
        signed = torch.where(coherence == 0, 0.0, coherence * (2 * choice - 1))
        return Trials(inputs, choice, {"coherence": coherence, "signed_coherence": signed})

    def psychometric(self, decisions: Tensor) -> pd.DataFrame:
        """How often choice 1 was taken at each signed coherence (positive: evidence for choice 1).

        Args:
            decisions: The class chosen in each trial, (trial,), as `decisions` gives it.

        Returns:
            A row per signed coherence: `signed_coherence`, `fraction_choice_1`, `trials`.

        Raises:
            ValueError: There is not one decision per trial.

        Example:
            >>> from graphrnn.tasks import PerceptualDecision
            >>> task = PerceptualDecision(40, coherences=[10, 50])
            >>> print(task.psychometric(task.correct))
               signed_coherence  fraction_choice_1  trials
            0             -50.0                0.0      10
            1             -10.0                0.0      10
            2              10.0                1.0      10
            3              50.0                1.0      10
        """
        if tuple(decisions.shape) != (self.n_trials,):
            raise ValueError(
                "`PerceptualDecision.psychometric(decisions)` needs one decision per trial, "
                f"shape ({self.n_trials},); it got {tuple(decisions.shape)}. "
                "`task.decisions(readout)` makes them."
            )
        table = self.conditions[["signed_coherence"]].assign(chosen=decisions.cpu().numpy() == 1)
        groups = table.groupby("signed_coherence")["chosen"]
        return groups.agg(fraction_choice_1="mean", trials="size").reset_index()

    def ideal_accuracy(self, coherence: float) -> float:
        """How often an observer that sums the evidence of the stimulus period is right.

            Φ( c/100 · √(T / 100 ms) / (2 · noise) ),   T = duration of the stimulus

        No network can beat it.

        Args:
            coherence: In %, from 0 to 100.

        Example:
            >>> from graphrnn.tasks import PerceptualDecision
            >>> round(PerceptualDecision(1).ideal_accuracy(6.4), 3)
            0.924
        """
        if self.noise == 0:
            return 1.0 if coherence > 0 else 0.5
        duration = self._steps("stimulus") * self.dt
        z = coherence / 100.0 * math.sqrt(duration / NOISE_TAU) / (2.0 * self.noise)
        return 0.5 * math.erfc(-z / math.sqrt(2.0))
