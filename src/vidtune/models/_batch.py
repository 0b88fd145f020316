"""What a family makes of prompts: one dictionary of tensors, ready for ``model(**batch)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

IGNORED_LABEL = -100
"""The label of a token that is not supervised; the value that torch's cross entropy skips."""

TYPE_IDS = ("mm_token_type_ids", "token_type_ids")
"""What models call the argument that says what each token stands for: 0 text, 1 image, 2 video, 3 audio."""

CLIP_SIGNALS = ("frame_signals", "frame_counts")
"""What some adapters want to know of the frames: one row for each, whatever the layout of the pixels."""

_FILL = {"attention_mask": 0, "labels": IGNORED_LABEL, **dict.fromkeys(TYPE_IDS, 0)}
"""What padding is in each tensor that has one value a token, besides ``input_ids``."""


class BatchInputs(dict[str, torch.Tensor]):
    """Tensors by the name of the model argument they go to; nothing else is in it.

    ``input_ids`` and ``attention_mask`` are (batch, tokens) and always there; ``labels`` only in training
    batches; pixels and what describes them only when a row has a clip.
    """

    visual_tokens: tuple[int, ...] | None = None
    """Of each row, how many tokens stand for pixels; None where ``mm_token_type_ids`` says it."""

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> BatchInputs:
        """Return a copy with every tensor on ``device``."""
        moved = BatchInputs({name: value.to(device, non_blocking=non_blocking) for name, value in self.items()})
        moved.visual_tokens = self.visual_tokens
        return moved

    def num_prompt_tokens(self) -> list[int]:
        """Return, for every row, how many tokens are not padding."""
        return [int(count) for count in self["attention_mask"].sum(dim=1)]

    def num_visual_tokens(self) -> list[int]:
        """Return, for every row, how many tokens stand for pixels."""
        if self.visual_tokens is not None:
            return list(self.visual_tokens)
        return [int(count) for count in (self["mm_token_type_ids"] > 0).sum(dim=1)]


def join_rows(
    rows: Sequence[Mapping[str, torch.Tensor]],
    *,
    pad_token_id: int,
    left: bool,
    join_media: Callable[[str, list[torch.Tensor]], torch.Tensor] | None = None,
) -> BatchInputs:
    """Return one batch of rows that were encoded one by one.

    Args:
        rows: Inputs of one conversation each. Those without a clip have no pixels.
        pad_token_id: Fills ``input_ids``.
        left: Pad on the left, for prompts; otherwise on the right, for training.
        join_media: Joins the tensors of all clips under one name. None: one after another on the first axis, which
            is how most processors of transformers lay out clips.
    """
    longest = max(row["input_ids"].shape[1] for row in rows)
    batch = BatchInputs()
    for name in dict.fromkeys(name for row in rows for name in row):
        tensors = [row[name] for row in rows if name in row]
        if name == "input_ids" or name in _FILL:
            fill = pad_token_id if name == "input_ids" else _FILL[name]
            missing = [longest - tensor.shape[1] for tensor in tensors]
            batch[name] = torch.cat(
                [
                    torch.nn.functional.pad(tensor, (count, 0) if left else (0, count), value=fill)
                    for tensor, count in zip(tensors, missing, strict=True)
                ]
            )
        else:
            batch[name] = (
                torch.cat(tensors) if join_media is None or name in CLIP_SIGNALS else join_media(name, tensors)
            )
    counts = [count for row in rows if isinstance(row, BatchInputs) for count in row.visual_tokens or ()]
    batch.visual_tokens = tuple(counts) if len(counts) == len(rows) else None
    return batch


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
