"""What a family makes of prompts: one dictionary of tensors, ready for ``model(**batch)``."""

from __future__ import annotations

from collections.abc import Sequence

import torch

IGNORED_LABEL = -100
"""The label of a token that is not supervised; the value that torch's cross entropy skips."""


class BatchInputs(dict[str, torch.Tensor]):
    """Tensors by the name of the model argument they go to; nothing else is in it.

    ``input_ids`` and ``attention_mask`` are (batch, tokens) and always there; ``labels`` only in training
    batches; pixels and their grids only when a row has a clip. ``mm_token_type_ids`` says what a token stands
    for: 0 text, 1 image, 2 video.
    """

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> BatchInputs:
        """Return a copy with every tensor on ``device``."""
        return BatchInputs({name: value.to(device, non_blocking=non_blocking) for name, value in self.items()})

    def num_prompt_tokens(self) -> list[int]:
        """Return, for every row, how many tokens are not padding."""
        return [int(count) for count in self["attention_mask"].sum(dim=1)]

    def num_visual_tokens(self) -> list[int]:
        """Return, for every row, how many tokens stand for pixels."""
        return [int(count) for count in (self["mm_token_type_ids"] > 0).sum(dim=1)]


def pad_rows(rows: Sequence[Sequence[int]], value: int, *, left: bool) -> torch.Tensor:
    """Return rows of unequal length as one (rows, longest) tensor of int64, filled with ``value``.

    Example:
        >>> pad_rows([[1, 2, 3], [4]], 0, left=True).tolist()
        [[1, 2, 3], [0, 0, 4]]
    """
    longest = max(len(row) for row in rows)
    padded = torch.full((len(rows), longest), value, dtype=torch.long)
    for index, row in enumerate(rows):
        start = longest - len(row) if left else 0
        padded[index, start : start + len(row)] = torch.tensor(row, dtype=torch.long)
    return padded
