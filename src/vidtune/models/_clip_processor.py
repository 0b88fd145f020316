"""The processor of a model that we compose ourselves: an image processor and a tokenizer, and clips expanded in ids.

Expansion is done in token ids and not in letters: a line break of ours beside one of the template would melt into a
single token of the two. Import this module only where transformers may be imported.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import transformers

# Half of transformers is typed; as Any its class can be built on without a remark on every line.
ProcessorMixin: Any = transformers.ProcessorMixin


class ClipProcessor(ProcessorMixin):  # type: ignore[misc]
    """What our ports do alike. A subclass has its own ``__init__``, because transformers reads its signature."""

    image_processor: Any
    tokenizer: Any
    video_token: str
    video_token_id: int

    @abstractmethod
    def ids_of_clip(self, num_frames: int) -> list[int]:
        """Return what the placeholder of a clip becomes."""

    @abstractmethod
    def pixels_of_clips(self, clips_tchw: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the model's arguments for uint8 clips."""

    def name_placeholder(self, tokenizer: Any, default: str) -> None:
        """Find the token that stands for a clip; a tokenizer without one gets ``default``."""
        self.video_token = str(getattr(tokenizer, "video_token", None) or default)
        if self.video_token not in tokenizer.get_vocab():
            tokenizer.add_tokens(
                [transformers.AddedToken(self.video_token, special=True, normalized=False)], special_tokens=True
            )
        self.video_token_id = int(tokenizer.convert_tokens_to_ids(self.video_token))

    def __call__(
        self,
        text: str | Sequence[str],
        videos: Sequence[Any] | None = None,
        *,
        text_kwargs: Mapping[str, Any] | None = None,
        videos_kwargs: Mapping[str, Any] | None = None,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> transformers.BatchFeature:
        """Return ids with every clip expanded, and the pixels of all clips.

        Args:
            text: One prompt or several, with one placeholder a clip.
            videos: uint8 clips in the order of their placeholders, (frames, height, width, 3) or lists of such frames.
            text_kwargs: Passed on to the tokenizer.
            videos_kwargs: ``input_data_format="channels_first"`` if the clips are (frames, 3, height, width). Anything
                about sampling is left out: nothing is sampled here.
            return_tensors: ``"pt"`` for tensors.
            kwargs: Passed on to the tokenizer.

        Raises:
            ValueError: If there are more or fewer clips than placeholders.
        """
        texts = [text] if isinstance(text, str) else list(text)
        is_channels_first = (videos_kwargs or {}).get("input_data_format") == "channels_first"
        clips = [_as_tchw(clip, is_channels_first=is_channels_first) for clip in videos or []]
        encoded = dict(self.tokenizer(texts, **{**dict(text_kwargs or {}), **kwargs}))
        num_places = sum(ids.count(self.video_token_id) for ids in encoded["input_ids"])
        if num_places != len(clips):
            raise ValueError(f"the texts have {num_places} {self.video_token}, and {len(clips)} clips were given.")
        lengths = iter([len(clip) for clip in clips])
        encoded["input_ids"] = [self._expand(ids, lengths) for ids in encoded["input_ids"]]
        encoded["attention_mask"] = [[1] * len(ids) for ids in encoded["input_ids"]]
        if clips:
            encoded |= self.pixels_of_clips(clips)
        return transformers.BatchFeature(encoded, tensor_type=return_tensors)

    def _expand(self, ids: Sequence[int], lengths: Iterator[int]) -> list[int]:
        expanded: list[int] = []
        for token in ids:
            expanded += self.ids_of_clip(next(lengths)) if token == self.video_token_id else [token]
        return expanded


def _as_tchw(clip: Any, *, is_channels_first: bool) -> torch.Tensor:
    frames = clip if isinstance(clip, torch.Tensor) else torch.stack([torch.as_tensor(frame) for frame in clip])
    return frames if is_channels_first else frames.permute(0, 3, 1, 2)
