"""A call of a function with a model in it, as a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


class Computation(torch.nn.Module):
    """What hangs on a module's call hangs on the call of any function.

    The loss is no method of the model: it calls the towers, and the output layer on a few positions only.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Return what the function returns."""
        return function(*args, **kwargs)
