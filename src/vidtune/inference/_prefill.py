"""Read prompts into a cache, in up to three steps: what all begin with, what questions of a clip share, and the rest.

Of the last layer only keys, values and what the next token is made of are computed: nothing else of it is read.

Each step reads tokens of several rows behind what was read before. Rows of unequal length are padded on the left, which
leaves gaps in the middle; they are closed after every step, so the cache always looks as if the prompts had been read
at once. The model's own rule gives the positions of the whole prompts, and the steps take theirs from it.

Suffix letters: ``b`` rows, ``l`` tokens, ``v`` vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from vidtune.inference._cache import add_rows, close_gaps, copy_rows, give_room, keep_rows, pad_left
from vidtune.inference._last_layer import LastLayer

if TYPE_CHECKING:
    from vidtune.inference._prompts import Prompts

_TOKENS_WORTH_A_CALL = 64
"""So much padding costs more than reading prompts in one more call."""


@dataclass(frozen=True)
class Beginning:
    """Rows as far as they have been read."""

    cache: Any
    mask_bl: torch.Tensor
    last_position: torch.Tensor
    """(..., b, 1): of the last token of each row; several kinds of position in front."""

    logits_bv: torch.Tensor
    """Of the next token."""


class PromptReader:
    """Reads prompts with one model, and remembers what they all begin with.

    Args:
        model: A transformers model.
        only_last: Arguments by which it computes the logits of the last token alone.
    """

    def __init__(self, model: Any, only_last: dict[str, Any]) -> None:
        self._model = model
        self._only_last = only_last
        self._last_layer = LastLayer(model)
        self._opening_ids: tuple[int, ...] = ()
        self._opening: Beginning | None = None

    def read(self, prompts: Prompts) -> Beginning:
        """Return one row for each request."""
        inputs = prompts.inputs
        # The model's own rule: multimodal rotary positions, or plain ones that skip the padding.
        positions = self._model._prepare_position_ids_for_generation(inputs["input_ids"], dict(inputs))
        if not prompts.num_opening and not any(prompts.rest_r):
            return self._step(inputs, positions, None)
        num_tokens = inputs["input_ids"].shape[1]
        starts = [num_tokens - int(length) for length in inputs["attention_mask"].sum(1)]
        after = self._read_opening(inputs, positions, starts[0], prompts.num_opening) if prompts.num_opening else None
        spans = [
            (start + prompts.num_opening, start + num_common)
            for start, num_common in zip(starts, prompts.num_common_n, strict=True)
        ]
        if after is not None:
            after = _repeat(after, [0] * len(spans), num_more=num_tokens)
        common = self._step(_cut(inputs, spans), _cut_rows(positions, spans), after)
        if not any(prompts.rest_r):
            return common
        return self._read_rest(prompts, positions, [stop for _, stop in spans], common)

    def _read_opening(self, inputs: Any, positions: torch.Tensor, start: int, length: int) -> Beginning:
        span = [(start, start + length)]
        ids = tuple(inputs["input_ids"][0, start : start + length].tolist())
        if self._opening is None or ids != self._opening_ids:
            texts = {name: value[:1] for name, value in inputs.items() if value.shape == inputs["input_ids"].shape}
            self._opening = self._step(_cut(texts, span), _cut_rows(positions[..., :1, :], span), None)
            self._opening_ids = ids
        return self._opening

    def _read_rest(
        self, prompts: Prompts, positions: torch.Tensor, stops: Sequence[int], common: Beginning
    ) -> Beginning:
        groups = _of_similar_length([len(tokens) for tokens in prompts.rest_r])
        parts = [self._read_rest_of(prompts, group, positions, stops, common) for group in groups]
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor([request for group in groups for request in group]).argsort()
        return _in_order(parts, order.to(positions.device))

    def _read_rest_of(
        self,
        prompts: Prompts,
        requests: Sequence[int],
        positions: torch.Tensor,
        stops: Sequence[int],
        common: Beginning,
    ) -> Beginning:
        ids = prompts.inputs["input_ids"]
        rest_r = [prompts.rest_r[request] for request in requests]
        whose_r = [prompts.whose_r[request] for request in requests]
        longest = max(map(len, rest_r))
        rest = [pad_left(ids.new_tensor(tokens)[None], longest, 1) for tokens in rest_r]
        mask = [pad_left(ids.new_ones(1, len(tokens)), longest, 1) for tokens in rest_r]
        # Behind the clip there is text alone, whose positions of all kinds go up by one.
        first = torch.cat([positions[..., row : row + 1, stops[row] : stops[row] + 1] for row in whose_r], dim=-2)
        mask_bl = torch.cat(mask)
        shift_bl = (mask_bl.cumsum(1) - 1).clamp_min(0)
        inputs = {"input_ids": torch.cat(rest), "attention_mask": mask_bl}
        return self._step(inputs, first + shift_bl, _repeat(common, whose_r, num_more=longest))

    def _step(self, inputs: Any, positions: torch.Tensor, after: Beginning | None) -> Beginning:
        """Read ``inputs`` behind ``after``, whose cache is used up."""
        given = dict(inputs)
        mask_bl = given["attention_mask"]
        if after is not None:
            mask_bl = torch.cat([after.mask_bl, mask_bl], dim=1)
            given |= {"attention_mask": mask_bl, "past_key_values": after.cache}
        is_read_bl = torch.zeros_like(given["input_ids"], dtype=torch.bool)
        is_read_bl[:, -1] = True
        with self._last_layer.reading(is_read_bl):
            output = self._model(**given, position_ids=positions, use_cache=True, **self._only_last)
        cache = give_room(output.past_key_values)
        if after is not None:
            mask_bl = close_gaps(cache, mask_bl)
        return Beginning(cache, mask_bl, positions[..., -1:].clone(), output.logits[:, -1].float())


def _repeat(beginning: Beginning, rows: Sequence[int], *, num_more: int) -> Beginning:
    """Return a copy with these rows, some of them several times, and room to read on."""
    select = torch.tensor(rows, device=beginning.mask_bl.device)
    return Beginning(
        copy_rows(beginning.cache, select, num_more),
        beginning.mask_bl[select],
        beginning.last_position.index_select(-2, select),
        beginning.logits_bv[select],
    )


def _of_similar_length(lengths: Sequence[int]) -> list[list[int]]:
    """Return the places of ``lengths`` in groups, the shortest first, that leave little padding for their number.

    Example:
        >>> _of_similar_length([90, 12, 90, 10])
        [[1, 3], [0, 2]]
        >>> _of_similar_length([12, 11, 12, 10])
        [[0, 1, 2, 3]]
    """
    return _cut_where_worth_it(sorted(range(len(lengths)), key=lengths.__getitem__), lengths)


def _cut_where_worth_it(places: list[int], lengths: Sequence[int]) -> list[list[int]]:
    padding_saved = [num * (lengths[places[-1]] - lengths[shorter]) for num, shorter in enumerate(places[:-1], start=1)]
    if max(padding_saved, default=0) < _TOKENS_WORTH_A_CALL:
        return [sorted(places)]
    at = 1 + padding_saved.index(max(padding_saved))
    return [*_cut_where_worth_it(places[:at], lengths), *_cut_where_worth_it(places[at:], lengths)]


def _in_order(parts: Sequence[Beginning], order: torch.Tensor) -> Beginning:
    """Return the rows of all parts, one below the other, in another order; the first part's cache is used up."""
    cache = parts[0].cache
    for part in parts[1:]:
        add_rows(cache, part.cache)
    length = max(part.mask_bl.shape[1] for part in parts)
    keep_rows(cache, order, length)
    return Beginning(
        cache,
        torch.cat([pad_left(part.mask_bl, length, 1) for part in parts])[order],
        torch.cat([part.last_position for part in parts], dim=-2).index_select(-2, order),
        torch.cat([part.logits_bv for part in parts])[order],
    )


def _cut(inputs: Any, spans: Sequence[tuple[int, int]]) -> dict[str, torch.Tensor]:
    """Return the columns of each row's span of what has one value a token, left-padded; the rest as it is."""
    shape = inputs["input_ids"].shape
    return {name: _cut_rows(value, spans) if value.shape == shape else value for name, value in inputs.items()}


def _cut_rows(tensor: torch.Tensor, spans: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Return (..., b, l) with the columns of each row's span, left-padded with zeros."""
    longest = max(stop - start for start, stop in spans)
    rows = [
        pad_left(tensor[..., row : row + 1, start:stop], longest, tensor.ndim - 1)
        for row, (start, stop) in enumerate(spans)
    ]
    return torch.cat(rows, dim=-2)
