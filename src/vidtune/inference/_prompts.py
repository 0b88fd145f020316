"""From requests to prompts that are read together, and what they have in common: pure token work, no model.

Questions about one clip begin alike: template, system turn, clip. Their common part is encoded once, with the pixels
once, and so is what all prompts of a batch begin with before any clip.

Suffix letters: ``r`` requests, ``n`` distinct beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from vidtune.adapters import frame_inputs, takes_frame_signals
from vidtune.inference._encoder import Encoder

if TYPE_CHECKING:
    import torch

    from vidtune.inference._request import Request
    from vidtune.models import BatchInputs, LoadedModel

_SMALLEST_OPENING = 16
"""An opening of fewer tokens is not worth a call of its own."""


@dataclass(frozen=True)
class Prompts:
    """Prompts of several requests, ready to be read."""

    inputs: BatchInputs
    """Left-padded prompts with their pixels: of every clip one, and of every request without a clip one."""

    whose_r: tuple[int, ...]
    """Of each request, the row of ``inputs`` that it begins like."""

    num_common_n: tuple[int, ...]
    """Of each row of ``inputs``, how many tokens its requests have in common; all of them where nothing is shared."""

    rest_r: tuple[tuple[int, ...], ...]
    """Of each request, the tokens after the common ones; all empty where nothing is shared."""

    num_opening: int = 0
    """How many tokens all rows begin with alike, before any clip; 0 where that is too few to gain anything."""

    def opening(self) -> tuple[int, ...]:
        """Return the tokens that all rows begin with, as far as ``num_opening`` goes."""
        start = int(self.inputs["attention_mask"].shape[1] - self.inputs["attention_mask"][0].sum())
        return tuple(self.inputs["input_ids"][0, start : start + self.num_opening].tolist())

    def num_tokens(self) -> list[int]:
        """Return the length of each request's prompt."""
        return [self.num_common_n[row] + len(rest) for row, rest in zip(self.whose_r, self.rest_r, strict=True)]

    def ids_of_requests(self) -> list[tuple[int, ...]]:
        """Return the whole prompt of each request."""
        ids_n = [_unpadded(self.inputs, row)[:num] for row, num in enumerate(self.num_common_n)]
        return [(*ids_n[row], *rest) for row, rest in zip(self.whose_r, self.rest_r, strict=True)]

    def num_visual_tokens(self) -> list[int]:
        """Return, for each request, how many tokens stand for pixels."""
        counts = self.inputs.num_visual_tokens()
        return [counts[row] for row in self.whose_r]

    def to(self, device: torch.device) -> Prompts:
        """Return a copy whose tensors are on ``device``."""
        return Prompts(
            self.inputs.to(device), self.whose_r, self.num_common_n, self.rest_r, num_opening=self.num_opening
        )


def encode_requests(
    loaded: LoadedModel,
    requests: Sequence[Request],
    *,
    can_share: bool,
    opening: Sequence[int] = (),
    encoder: Encoder | None = None,
) -> Prompts:
    """Encode ``requests``, a clip that several ask about once.

    Args:
        loaded: The model; its family encodes.
        requests: Those with the same ``FrameSet`` ask about the same clip.
        can_share: Whether the model can go on from a beginning that was read before.
        opening: What earlier prompts all began with.
        encoder: Has perhaps begun already. None: everything is encoded now.
    """
    encoder = encoder or Encoder(loaded)
    # Gates that weigh frames are told of them by row, and decide while the prompt is read.
    if not can_share or takes_frame_signals(loaded.model):
        return _apart(loaded, requests, encoder)
    groups = _group_by_clip(requests)
    inputs = encoder.encode([requests[group[0]] for group in groups])
    ids_n = [_unpadded(inputs, row) for row in range(len(groups))]
    num_opening = _num_opening(ids_n, opening, loaded.family.visual_token_id(loaded.processor))
    if len(groups) == len(requests):
        places = tuple(range(len(requests)))
        return Prompts(inputs, places, tuple(map(len, ids_n)), ((),) * len(requests), num_opening)
    whose_r = [0] * len(requests)
    rest_r: list[tuple[int, ...]] = [()] * len(requests)
    num_common_n: list[int] = []
    for row, (group, ids) in enumerate(zip(groups, ids_n, strict=True)):
        ids_of_group = [ids, *(_like(encoder, requests[group[0]], requests[other], ids) for other in group[1:])]
        num_common_n.append(_num_alike(ids_of_group))
        for place, its_ids in zip(group, ids_of_group, strict=True):
            whose_r[place], rest_r[place] = row, tuple(its_ids[num_common_n[-1] :])
    return Prompts(inputs, tuple(whose_r), tuple(num_common_n), tuple(rest_r), min(num_opening, *num_common_n))


def _apart(loaded: LoadedModel, requests: Sequence[Request], encoder: Encoder) -> Prompts:
    inputs = encoder.encode(requests)
    clips = [None if request.frames is None else request.frames.frames_thwc for request in requests]
    inputs.update(frame_inputs(loaded.model, clips, frames_per_group=loaded.family.frame_policy.multiple))
    num_rows = len(requests)
    return Prompts(inputs, tuple(range(num_rows)), tuple(inputs.num_prompt_tokens()), ((),) * num_rows)


def _group_by_clip(requests: Sequence[Request]) -> list[list[int]]:
    """Return the places of requests that begin alike, each group in order."""
    groups: dict[Any, list[int]] = {}
    for place, request in enumerate(requests):
        # What comes before a clip in a template may depend on the roles of the turns, and on the texts before it.
        before_clip = tuple(takewhile(lambda turn: turn.role != "user", request.turns))
        roles = tuple(turn.role for turn in request.turns)
        asides = tuple(turn.asides for turn in request.turns)
        key = place if request.frames is None else (request.frames, roles, before_clip, asides)
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def _like(encoder: Encoder, first: Request, other: Request, first_ids: Sequence[int]) -> list[int]:
    """Return the ids of ``other``'s prompt, with the clip as in that of ``first``."""
    (before, after), (own_before, own_after) = (encoder.around_clip(request) for request in (first, other))
    clip = first_ids[len(before) : len(first_ids) - len(after)]
    return [*own_before, *clip, *own_after]


def _unpadded(inputs: BatchInputs, row: int) -> list[int]:
    ids: list[int] = inputs["input_ids"][row][inputs["attention_mask"][row].bool()].tolist()
    return ids


def _num_alike(rows: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all rows begin with alike, of each at least one less than all.

    Example:
        >>> _num_alike([[1, 2, 3], [1, 2, 4, 5]]), _num_alike([[1, 2], [1, 2]])
        (2, 1)
    """
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False))
    return min(sum(1 for _ in columns), min(map(len, rows)) - 1)


def _num_opening(ids_n: Sequence[list[int]], known: Sequence[int], pixels: int) -> int:
    """Return how many tokens all prompts begin with alike, before any clip; 0 for too few to be worth a call.

    Example:
        >>> text = list(range(20))
        >>> _num_opening([[*text, 99, 99, 7], [*text, 99, 8]], [], pixels=99)
        20
        >>> _num_opening([[*text, 99, 99, 7]], [], pixels=99)
        0
    """
    if known and all(ids[: len(known)] == list(known) and len(ids) > len(known) for ids in ids_n):
        return len(known)
    if len(ids_n) == 1:
        return 0  # nothing to compare with: it may be a question
    before_n = [ids[: ids.index(pixels) + 1] if pixels in ids else ids for ids in ids_n]
    length = _num_alike(before_n)
    return length if length >= _SMALLEST_OPENING else 0
