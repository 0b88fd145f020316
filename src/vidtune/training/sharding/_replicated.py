"""Every process holds the whole model, and gradients are summed: data parallel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vidtune.training._optimizer import optimizer_tensors, restore_optimizer, trained_parameters
from vidtune.training._world import World
from vidtune.training.sharding._protocol import Holding, Tensors


class Replicated:
    """See ``Sharding``.

    Args:
        model: With what is trained marked in it; the processes get that of the main one.
        world: The processes.
    """

    takes_equal_turns = False

    def __init__(self, model: torch.nn.Module, world: World) -> None:
        self.parameters = trained_parameters(model)
        self._model = model
        self._world = world
        self._optimizer: torch.optim.Optimizer

    def take(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        self._optimizer = optimizer
        return optimizer

    def holding(self) -> Holding:
        num_bytes = sum(parameter.nbytes for parameter in self._model.parameters())
        num_trained = sum(parameter.numel() for parameter in self.parameters.values())
        return Holding(num_bytes, num_bytes, num_trained, num_trained, self._world.size)

    def compute(self, function: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        return function(*args, **kwargs)

    def backward(self, loss: torch.Tensor, *, is_last: bool) -> None:
        torch.autograd.backward(loss)

    def finish_gradients(self, max_norm: float | None) -> float:
        self._world.sum_gradients(self.parameters.values())
        largest = math.inf if max_norm is None else max_norm
        return float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), largest))

    def step(self) -> None:
        self._optimizer.step()

    def clear_gradients(self) -> None:
        self._optimizer.zero_grad()

    def tensors(self) -> tuple[Tensors, Tensors]:
        if not self._world.is_main:
            return {}, {}
        return self.parameters, optimizer_tensors(self._optimizer, self.parameters)

    def restore(self, weights: Tensors, moments: Tensors) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(weights[name])
        device = next(iter(self.parameters.values())).device
        moved = {name: tensor.to(device) for name, tensor in moments.items()}
        restore_optimizer(self._optimizer, self.parameters, moved)

    @contextmanager
    def whole(self) -> Iterator[None]:
        yield

    @contextmanager
    def answering(self) -> Iterator[None]:
        yield
