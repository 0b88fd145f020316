"""What the loop asks of a way to lay a model out over processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Holding:
    """What one process keeps between two steps."""

    held_bytes: int
    """Of the weights, as they lie in this process."""

    total_bytes: int
    """Of the weights of the whole model."""

    num_held: int
    """Trained numbers whose gradients and moments it keeps."""

    num_trained: int
    """Trained numbers in all."""

    num_processes: int


class Sharding(Protocol):
    """One way. Every method but ``holding`` is called by all processes, in the same order."""

    takes_equal_turns: bool
    """Whether all processes must go through the same parts of the model in each round of forward passes."""

    parameters: dict[str, torch.nn.Parameter]
    """What is trained, by name, as the optimizer is to be given it."""

    def take(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Be given the optimizer of ``parameters``; returns the one whose learning rates are set."""

    def holding(self) -> Holding:
        """Return what this process holds."""

    def compute(self, function: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return ``function(*args, **kwargs)``, with the model's weights at hand wherever it calls a layer."""

    def backward(self, loss: torch.Tensor, *, is_last: bool) -> None:
        """Add the gradients of one forward pass of a step, of which ``is_last`` is this process's last."""

    def finish_gradients(self, max_norm: float | None) -> float:
        """Sum the gradients over all processes, scale them down to ``max_norm``, and return their norm before."""

    def step(self) -> None:
        """Let the optimizer change the weights; gradients stay."""

    def clear_gradients(self) -> None:
        """Forget the gradients."""

    def tensors(self) -> tuple[Tensors, Tensors]:
        """Return whole weights and moments of what is trained, by name, to the main process; nothing to others."""

    def restore(self, weights: Tensors, moments: Tensors) -> None:
        """Put back what ``tensors`` returned; all processes are given all of it."""

    def whole(self) -> AbstractContextManager[None]:
        """Within it, what is delivered is whole in the main process's model, to be written."""

    def answering(self) -> AbstractContextManager[None]:
        """Within it, the main process alone can let the model generate."""
