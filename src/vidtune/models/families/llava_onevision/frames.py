"""Clips of several lengths in one batch.

transformers 5.23 takes videos as one tensor (clips, frames, ...), so all clips must be equally long. Shorter ones are
filled up here with frames of NaN, and the model's class is changed to leave those out. Batches of equal lengths go
through the stock code.

Axis letters: ``b`` clips, ``f`` frames, ``d`` features.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch


def join_clips(clips: list[torch.Tensor]) -> torch.Tensor:
    """Return clips of shape (1, frames, channels, height, width) as one tensor, shorter ones filled up with NaN."""
    most = max(clip.shape[1] for clip in clips)
    filled = []
    for clip in clips:
        missing = most - clip.shape[1]
        nothing = clip.new_full((1, missing, *clip.shape[2:]), float("nan"))
        filled.append(torch.cat([clip, nothing], dim=1) if missing else clip)
    return torch.cat(filled)


def take_mixed_lengths(model: Any) -> None:
    """Make ``model`` leave out the frames that ``join_clips`` has filled up."""
    model.model.__class__ = _class()


@cache
def _class() -> type[Any]:
    """Return the class, made on first use: importing this module must not import transformers."""
    from transformers import LlavaOnevisionModel

    class TakesMixedLengths(LlavaOnevisionModel):  # type: ignore[no-untyped-call]
        """``LlavaOnevisionModel`` that knows frames which are not there."""

        def get_video_features(self, pixel_values_videos: torch.Tensor, **kwargs: Any) -> Any:
            """Return the stock features of the frames that are there, with the end token after each clip."""
            is_there_bf = ~pixel_values_videos[:, :, 0, 0, 0].isnan()
            if bool(is_there_bf.all()):
                return super().get_video_features(pixel_values_videos, **kwargs)
            found = super().get_video_features(pixel_values_videos[is_there_bf][None], **kwargs)
            tokens_d, end_d = found.pooler_output[0, :-1], found.pooler_output[0, -1:]
            num_frames = is_there_bf.sum(dim=1)
            tokens_a_frame = len(tokens_d) // int(num_frames.sum())
            clips = tokens_d.split([int(count) * tokens_a_frame for count in num_frames])
            found.pooler_output = torch.cat([part for clip in clips for part in (clip, end_d)])
            return found

    TakesMixedLengths.__name__ = LlavaOnevisionModel.__name__
    return TakesMixedLengths
