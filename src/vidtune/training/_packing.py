"""Rows of a batch laid out so that what several of them begin with alike stands there once: pure token work, no model.

Questions about one clip begin alike: template, system turn, clip. A causal model makes the same of that beginning
whatever comes after it, so it is enough to compute it once and to let every question attend to it. A packed row is

    beginning | rest of question 1 | rest of question 2 | ...

where each rest sees the beginning and itself. Shapes: B rows of T tokens, G packed rows of L places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from vidtune.models import FEATURES
from vidtune.training._examples import Row

_SHARED = 0
_PADDING = -1

_PRODUCTS_A_TOKEN = 6
"""For each of its numbers a token costs a layer about so many times the layer's width in products, and one for each
token that it attends to; by this the length of packed rows is chosen."""


@dataclass(frozen=True)
class Packing:
    """Where each token of a batch is computed."""

    source_gl: torch.Tensor
    """Which of the batch's B x T tokens stands at a place; that of padding is any."""

    segment_gl: torch.Tensor
    """0 what the questions of a packed row share, i the rest of its i-th one, -1 padding."""

    place_bt: torch.Tensor
    """At which of the G x L places a token is; padding is anywhere in the packed rows."""

    def to(self, device: torch.device) -> Packing:
        """Return a copy on ``device``."""
        return Packing(self.source_gl.to(device), self.segment_gl.to(device), self.place_bt.to(device))

    def pack(self, values_btx: torch.Tensor) -> torch.Tensor:
        """Return (G, L, ...) of what has a value for each token."""
        return _take(values_btx, self.source_gl)

    def unpack(self, values_glx: torch.Tensor) -> torch.Tensor:
        """Return (B, T, ...) of what has a value for each place; what was shared goes to all that share it."""
        return _take(values_glx, self.place_bt)

    def places_read(self, is_read_bt: torch.Tensor) -> torch.Tensor:
        """Return (G, L): whether a place is read by any of the tokens that are computed there."""
        is_read_gl = torch.zeros_like(self.source_gl, dtype=torch.bool)
        is_read_gl.view(-1)[self.place_bt[is_read_bt]] = True
        return is_read_gl

    def attention_mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Return (G, 1, L, L), which is added to the scores: 0 where a place sees another, else the lowest number."""
        asks, seen = self.segment_gl[:, :, None], self.segment_gl[:, None, :]
        # Padding sees itself: a place that sees nothing would become no number, and spread.
        is_seen = ((seen == asks) | (seen == _SHARED)) & torch.ones_like(asks == seen).tril()
        lowest = torch.finfo(dtype).min
        return torch.zeros(is_seen.shape, dtype=dtype, device=is_seen.device).masked_fill(~is_seen, lowest)[:, None]


def plan_packing(rows: Sequence[Row], width: int) -> Packing | None:
    """Return how the rows of a batch are to be packed; None where nothing is gained.

    Args:
        rows: Inputs of one conversation each, of equal or unequal length, in the order of the batch.
        width: Numbers that the model keeps for a token.
    """
    lengths = [row["input_ids"].shape[1] for row in rows]
    groups = _find_alike(rows)
    plans = [
        [(part, num_shared) for members, num_shared in groups for part in _split(members, most)]
        for most in range(1, max(len(members) for members, _ in groups) + 1)
    ]
    best = min(plans, key=lambda plan: _cost(plan, lengths, width))
    alone = len(rows) * max(lengths) * (_PRODUCTS_A_TOKEN * width + max(lengths))
    return pack_rows(lengths, best) if _cost(best, lengths, width) < alone else None


def pack_rows(lengths: Sequence[int], groups: Sequence[tuple[Sequence[int], int]]) -> Packing:
    """Return the layout in which each of ``groups``, rows with so many tokens in common, is one packed row."""
    longest = max(lengths)
    size = max(_packed_length(members, num_shared, lengths) for members, num_shared in groups)
    source_gl = torch.zeros(len(groups), size, dtype=torch.long)
    segment_gl = torch.full_like(source_gl, _PADDING)
    place_bt = torch.zeros(len(lengths), longest, dtype=torch.long)
    for packed, (members, num_shared) in enumerate(groups):
        source_gl[packed, :num_shared] = members[0] * longest + torch.arange(num_shared)
        segment_gl[packed, :num_shared] = _SHARED
        at = num_shared
        for number, row in enumerate(members, start=1):
            stop = at + lengths[row] - num_shared
            source_gl[packed, at:stop] = row * longest + torch.arange(num_shared, lengths[row])
            segment_gl[packed, at:stop] = number
            place_bt[row, :num_shared] = packed * size + torch.arange(num_shared)
            place_bt[row, num_shared : lengths[row]] = packed * size + torch.arange(at, stop)
            at = stop
    return Packing(source_gl, segment_gl, place_bt)


def _take(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return what stands at each place of ``index``, which counts over the first two axes of ``values``."""
    return values.flatten(0, 1).index_select(0, index.flatten()).view(*index.shape, *values.shape[2:])


def _find_alike(rows: Sequence[Row]) -> list[tuple[list[int], int]]:
    """Return groups of rows about the same clip, and how many tokens all of a group begin with alike."""
    groups: list[list[int]] = []
    for index, row in enumerate(rows):
        mine = next((group for group in groups if _same_media(rows[group[0]], row)), None)
        if mine is None:
            groups.append([index])
        else:
            mine.append(index)
    return [(group, _num_alike([rows[index] for index in group])) for group in groups]


def _num_alike(rows: Sequence[Row]) -> int:
    shortest = min(row["input_ids"].shape[1] for row in rows)
    is_alike = torch.ones(shortest, dtype=torch.bool)
    for row in rows[1:]:
        is_alike &= row["input_ids"][0, :shortest] == rows[0]["input_ids"][0, :shortest]
    return int(is_alike.cumprod(0).sum())


def _same_media(one: Row, other: Row) -> bool:
    """Whether all but the texts is equal: pixels or features, and what describes them."""
    mine, others = (dict(_media(row)) for row in (one, other))
    return mine.keys() == others.keys() and all(torch.equal(value, others[name]) for name, value in mine.items())


def _media(row: Row) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in row.items():
        if name != FEATURES and value.shape != row["input_ids"].shape:
            yield name, value
    for medium, output in row.get(FEATURES, {}).items():
        yield from _flatten(medium, output)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    parts = vars(value).items() if isinstance(value, SimpleNamespace) else enumerate(value)
    for key, part in parts:
        yield from _flatten(f"{name}.{key}", part)


def _split(members: Sequence[int], most: int) -> list[list[int]]:
    """Return the members in as few parts of about equal size as hold at most ``most`` each."""
    return [part.tolist() for part in np.array_split(members, -(-len(members) // most))]


def _packed_length(members: Sequence[int], num_shared: int, lengths: Sequence[int]) -> int:
    return num_shared + sum(lengths[row] - num_shared for row in members)


def _cost(groups: Sequence[tuple[Sequence[int], int]], lengths: Sequence[int], width: int) -> int:
    size = max(_packed_length(members, num_shared, lengths) for members, num_shared in groups)
    return len(groups) * size * (_PRODUCTS_A_TOKEN * width + size)
