"""The context-dependent decision: two pairs of evidence channels and a cue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch

from graphrnn.tasks.evidence import evidence, percentages
from graphrnn.tasks.task import Task, Trials

__all__ = ["ContextDecision"]


@dataclass(frozen=True)
class ContextDecision(Task):
    """Two pairs of evidence channels, motion and colour: a context cue says which pair decides.

    Each pair has the means (1 ± c / 100) / 2 during the stimulus, with its own coherence and its own
    stronger side; the cue of the relevant pair is at 1, without noise, during the whole trial. The
    right choice is the stronger side of the relevant pair.

    Args:
        n_trials: Number of trials.
        dt: Time step in ms.
        noise: Strength of the noise in the evidence channels, see `Task`.
        seed: Seed of everything drawn.
        coherences: Percentages from 0 to 100, used by both pairs.
        fixation: ms before the stimulus; may be 0.
        stimulus: ms of evidence.
        delay: ms between evidence and decision; may be 0.
        decision: ms that are scored, without evidence.

    Example:
        >>> from graphrnn.tasks import ContextDecision
        >>> task = ContextDecision(72, dt=20)
        >>> task.input_size, task.readout_size, len(task)
        (6, 2, 72)
        >>> list(task.conditions.columns)[:3]
        ['context', 'motion_coherence', 'colour_coherence']

    Source:
        Mante, Sussillo, Shenoy & Newsome (2013), Nature 503, 78; input channels as in Song, Yang &
        Wang (2016), PLoS Computational Biology 12, e1004792.
    """

    _: KW_ONLY
    coherences: Sequence[float] = (5.0, 15.0, 50.0)
    fixation: float = 100.0
    stimulus: float = 500.0
    delay: float = 0.0
    decision: float = 200.0

    _cues: ClassVar[int] = 2
    _period_names: ClassVar[tuple[str, ...]] = ("fixation", "stimulus", "delay", "decision")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "coherences", percentages(type(self).__name__, self.coherences))

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the input channels: four of evidence, two cues."""
        return ("motion 0", "motion 1", "colour 0", "colour 1", "context motion", "context colour")

    def _draw(self, generator: torch.Generator) -> Trials:
        levels = torch.tensor(self.coherences, dtype=torch.float64)
        n = len(levels)
        context, motion, colour, motion_choice, colour_choice = self._balanced(generator, 2, n, n, 2, 2)
        pairs = [evidence(levels[motion], motion_choice), evidence(levels[colour], colour_choice)]
        inputs = self._silence()
        inputs[:, self.periods["stimulus"], :4] = torch.cat(pairs, dim=-1).unsqueeze(1).float()
        inputs[:, :, 4:] = torch.nn.functional.one_hot(context, 2).float().unsqueeze(1)
        columns = {
            "context": context,
            "motion_coherence": levels[motion],
            "colour_coherence": levels[colour],
            "motion_choice": motion_choice,
            "colour_choice": colour_choice,
        }
        return Trials(inputs, torch.where(context == 0, motion_choice, colour_choice), columns)
