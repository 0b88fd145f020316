"""Keys and values of answers in the making, in rows that come and go.

Axis letters: ``b`` rows, ``h`` heads, ``l`` tokens, ``d`` head dim. Rows are padded on the left, so the last token of
all of them is the last of the tensor.

The cache of transformers is copied whole for every new token, and its rows can leave but not join. Here a new token is
written into room that is there already. Only layers that attend to everything are taken over; a cache with others
(sliding windows, say) stays as it is, and nothing joins it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

_ROOM = 64


def give_room(plain: Any) -> Any:
    """Return a cache with the contents of ``plain`` that new tokens are written into; other kinds as they are."""
    from transformers.cache_utils import Cache, DynamicLayer

    if any(type(layer) is not DynamicLayer for layer in plain.layers):
        return plain
    layers = [_layer_class()() for _ in plain.layers]
    for layer, old in zip(layers, plain.layers, strict=True):
        layer.put(old.keys, old.values)
        old.keys = old.values = None  # free now: all layers at once would take twice the memory
    return Cache(layers=layers)


def can_grow(kept: Any) -> bool:
    """Whether rows can join this cache, and whether it can be cut on its left."""
    return all(isinstance(layer, _layer_class()) for layer in kept.layers)


def keep_rows(kept: Any, rows: torch.Tensor, num_tokens: int) -> None:
    """Keep only ``rows`` and, where that is possible, only the last ``num_tokens`` tokens."""
    if not can_grow(kept):
        kept.batch_select_indices(rows)
        return
    for layer in kept.layers:
        layer.put(layer.keys[rows, :, -num_tokens:], layer.values[rows, :, -num_tokens:])


def add_rows(kept: Any, more: Any) -> None:
    """Put the rows of ``more`` below those of ``kept``, the shorter of the two padded on its left."""
    for layer, other in zip(kept.layers, more.layers, strict=True):
        layer.put(_below(layer.keys, other.keys), _below(layer.values, other.values))
        other.keys = other.values = None


def copy_rows(kept: Any, rows: torch.Tensor, num_more: int) -> Any:
    """Return a new cache with these rows, some of them perhaps several times, and room for ``num_more`` tokens."""
    from transformers.cache_utils import Cache

    layers = [_layer_class()() for _ in kept.layers]
    for layer, old in zip(layers, kept.layers, strict=True):
        layer.put(old.keys[rows], old.values[rows], room=num_more + _ROOM)
    return Cache(layers=layers)


def close_gaps(kept: Any, mask_bl: torch.Tensor) -> torch.Tensor:
    """Move the padding of all rows to their left, cut what is padding in all, and return the mask of what is left."""
    if bool(mask_bl.all()):
        return mask_bl
    num_tokens = int(mask_bl.sum(1).max())
    # Stable: padding first, then the tokens in their order.
    order_bl = mask_bl.sort(dim=1, stable=True).indices[:, -num_tokens:]
    for layer in kept.layers:
        layer.put(*(_take(part, order_bl) for part in (layer.keys, layer.values)))
    return mask_bl.gather(1, order_bl)


def shares_beginnings(model: Any) -> bool:
    """Whether a model can go on from what was read in other rows: only if all its layers attend to everything."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    plain = DynamicCache(config=model.config.get_text_config(decoder=True))
    return all(type(layer) is DynamicLayer for layer in plain.layers)


def pad_left(tensor: torch.Tensor, length: int, axis: int) -> torch.Tensor:
    """Return ``tensor`` with zeros on the left of ``axis``, ``length`` long."""
    missing = length - tensor.shape[axis]
    if missing <= 0:
        return tensor
    shape = list(tensor.shape)
    shape[axis] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=axis)


def _take(held_bhld: torch.Tensor, order_bl: torch.Tensor) -> torch.Tensor:
    """Return the tokens of each row in another order."""
    index = order_bl[:, None, :, None].expand(-1, held_bhld.shape[1], -1, held_bhld.shape[3])
    return held_bhld.gather(2, index)


def _below(first_bhld: torch.Tensor, second_bhld: torch.Tensor) -> torch.Tensor:
    length = max(first_bhld.shape[-2], second_bhld.shape[-2])
    return torch.cat([pad_left(part, length, -2) for part in (first_bhld, second_bhld)])


@cache
def _layer_class() -> type[Any]:
    """Return the class, made on first use: importing this module must not import transformers."""
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """A ``DynamicLayer`` whose keys and values are the front of larger tensors."""

        def put(self, keys_bhld: torch.Tensor, values_bhld: torch.Tensor, room: int = _ROOM) -> None:
            """Hold these, with room for so many more tokens behind them."""
            self.keys: torch.Tensor
            self.values: torch.Tensor
            self.dtype, self.device, self.is_initialized = keys_bhld.dtype, keys_bhld.device, True
            self._all_keys, self.keys = _with_room(keys_bhld, room)
            self._all_values, self.values = _with_room(values_bhld, room)

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Write new tokens and return all."""
            start = self.keys.shape[-2]
            stop = start + key_states.shape[-2]
            if stop > self._all_keys.shape[-2]:
                self.put(self.keys, self.values, room=stop - start + _ROOM)
            self._all_keys[:, :, start:stop] = key_states
            self._all_values[:, :, start:stop] = value_states
            self.keys, self.values = self._all_keys[:, :, :stop], self._all_values[:, :, :stop]
            return self.keys, self.values

    return RoomyLayer


def _with_room(held_bhld: torch.Tensor, room: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a larger tensor, and the part of it that holds ``held_bhld``."""
    num_rows, num_heads, num_tokens, dim = held_bhld.shape
    roomy = held_bhld.new_empty((num_rows, num_heads, num_tokens + room, dim))
    roomy[:, :, :num_tokens] = held_bhld
    return roomy, roomy[:, :, :num_tokens]
