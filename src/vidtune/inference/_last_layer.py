"""The last layer of the language tower, computed only where its outcome is read.

The loss reads the last layer at the positions that predict a supervised token, and whoever answers a prompt reads it at
the prompt's last. What the layer does to each position by itself (queries, output of the attention, MLP) is of no use
anywhere else; keys and values are, because other positions attend to them. Of a clip with a short answer most positions
are left out, forward and backward, and neither the loss nor any gradient changes: where nothing is read, nothing flows
back.

Shapes: B samples, T tokens, D numbers of a token, S positions that are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vidtune.adapters import bare_model, needs_every_token

_OF_ONE_POSITION = ("self_attn.q_proj", "self_attn.o_proj", "mlp")
"""Parts of a layer that look at one position at a time."""

_OF_A_PLAIN_MLP = ("gate_proj", "up_proj", "down_proj")
"""What an MLP without experts has, which would count the positions that they are given."""


class LastLayer:
    """Lets the last layer of a model leave out positions, inside ``reading``.

    Args:
        model: With its adapter. A family whose last layer is not found, or is of another make, computes everything.
    """

    def __init__(self, model: Any) -> None:
        self._is_read_bt: torch.Tensor | None = None
        self._places_s: torch.Tensor | None = None
        self._cut: set[Any] = set()
        """Parts that are computing right now and were given less than everything."""

        self._parts = [] if needs_every_token(model) else _parts_of_one_position(model)

    @contextmanager
    def reading(self, is_read_bt: torch.Tensor) -> Iterator[None]:
        """Compute these positions alone, in forward passes and in the backward passes that repeat them.

        Args:
            is_read_bt: (B, T) whether the layer's output at a position is looked at.
        """
        self._is_read_bt = is_read_bt
        self._places_s = is_read_bt.flatten().nonzero().squeeze(1)
        hooks = [part.register_forward_pre_hook(self._take) for part in self._parts]
        hooks += [part.register_forward_hook(self._put_back) for part in self._parts]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            self._is_read_bt = self._places_s = None
            self._cut.clear()

    def _take(self, part: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        # Passes of another shape are not the one that was announced: those of a trained prompt, for one.
        if self._is_read_bt is None or self._places_s is None or args[0].shape[:-1] != self._is_read_bt.shape:
            return None
        self._cut.add(part)
        return (args[0].flatten(0, 1).index_select(0, self._places_s)[None], *args[1:])

    def _put_back(self, part: Any, args: tuple[Any, ...], output_1sd: torch.Tensor) -> torch.Tensor | None:
        if part not in self._cut or self._is_read_bt is None or self._places_s is None:
            return None
        self._cut.remove(part)
        size = output_1sd.shape[-1]
        everywhere = output_1sd.new_zeros(self._is_read_bt.numel(), size)
        return everywhere.index_copy(0, self._places_s, output_1sd[0]).view(*self._is_read_bt.shape, size)


def _parts_of_one_position(model: Any) -> list[Any]:
    inner = bare_model(model)
    decoder = inner.get_decoder() if hasattr(inner, "get_decoder") else None
    layers = getattr(decoder, "layers", None)
    if not isinstance(layers, torch.nn.ModuleList):
        return []
    last = layers[-1]
    is_plain = hasattr(last, "mlp") and all(hasattr(last.mlp, name) for name in _OF_A_PLAIN_MLP)
    wanted = [name for name in _OF_ONE_POSITION if is_plain or name != "mlp"]
    modules = dict(last.named_modules())
    return [modules[name] for name in wanted if name in modules]
