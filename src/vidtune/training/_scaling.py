"""Loss scaling for fp16: its smallest numbers are too large for most gradients, so these are made larger on their way.

The loss is multiplied by a power of two before the backward pass, and each gradient is divided by it, in float32, when
it reaches its weight; nothing after that knows. Where the scale was too large for a gradient, the step is left out and
the scale is halved; after many good steps it is doubled (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import torch

from vidtune.training._checkpoint import TrainState

_GOOD_STEPS = 2000
_SMALLEST = 1.0


class LossScale:
    """The scale of a run; it does nothing unless the run computes in fp16.

    Args:
        precision: Of the run.
        parameters: What is trained.
        state: Where the run stands; holds the scale.
    """

    def __init__(self, precision: str, parameters: Iterable[torch.nn.Parameter], state: TrainState) -> None:
        self._is_on = precision == "fp16"
        self._value = state.loss_scale
        self._num_good = state.num_good_steps
        if self._is_on:
            for parameter in parameters:
                parameter.register_hook(self._down)  # type: ignore[no-untyped-call]

    def _down(self, gradient: torch.Tensor) -> torch.Tensor:
        return gradient / self._value

    def up(self, loss: torch.Tensor) -> torch.Tensor:
        """Return the loss as it goes into the backward pass."""
        return loss * self._value if self._is_on else loss

    def forgives(self, grad_norm: float) -> bool:
        """Whether gradients that are not finite may be the scale's fault, so that the step is left out."""
        return self._is_on and not math.isfinite(grad_norm) and self._value > _SMALLEST

    def after(self, state: TrainState, grad_norm: float) -> TrainState:
        """Return the state with the scale for the next step."""
        if not self._is_on:
            return state
        self._num_good += 1
        if not math.isfinite(grad_norm):
            self._value, self._num_good = self._value / 2, 0
        elif self._num_good == _GOOD_STEPS:
            self._value, self._num_good = self._value * 2, 0
        return replace(state, loss_scale=self._value, num_good_steps=self._num_good)
