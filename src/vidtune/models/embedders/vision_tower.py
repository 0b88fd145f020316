"""What a video-language model itself sees in each frame: its vision tower, one frame at a time.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels, ``d`` features, ``p`` visual tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidtune.core.errors import ModelMismatch
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models._discovery import find_family
from vidtune.models._loading import LoadedModel, load_model
from vidtune.models._source import find_checkpoint

if TYPE_CHECKING:
    from vidtune.media import Embedder

_FRAMES_AT_ONCE = 32
_MAX_SIDE_PX = 224
_MAX_PIXELS = 224 * 224


class VisionTowerEmbedder:
    """The mean of a frame's visual tokens, as the model's language side would get them."""

    max_side_px = _MAX_SIDE_PX

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        _features_call(loaded)

    def embed_frames(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one vector (t, d) a frame."""
        parts = [
            self._embed(frames_thwc[start : start + _FRAMES_AT_ONCE])
            for start in range(0, len(frames_thwc), _FRAMES_AT_ONCE)
        ]
        return np.concatenate(parts)

    def score_frames(
        self, frames_thwc: NDArray[np.uint8], features_td: NDArray[np.float32], query: str
    ) -> NDArray[np.float64] | None:
        """Return None: visual tokens are not made to be compared with words."""
        return None

    def _embed(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        loaded = self._loaded
        # Each frame as a clip of its own: a tower that looks at several frames together must not mix them.
        items = [([Turn("user", "")], frameset_from_array(frame[None], fps=1.0)) for frame in frames_thwc]
        batch = loaded.family.encode_prompts(loaded.processor, items)
        call = _features_call(loaded)
        parameters = list(inspect.signature(call).parameters)
        inputs = {}
        for name, value in batch.items():
            # A class that has one way for images and videos calls both pixel_values.
            wanted = name if name in parameters else name.removesuffix("_videos")
            if wanted in parameters:
                dtype = loaded.dtype if value.is_floating_point() else value.dtype
                inputs[wanted] = value.to(loaded.device, dtype)
        with torch.inference_mode():
            found = call(**inputs)
        return _pooled(found, len(frames_thwc))


def make_embedder(argument: str | None) -> Embedder:
    """Return the vision tower of the model that ``argument`` names, as ``load_model`` takes it; nano by default.

    Raises:
        ModelUnavailable, ModelMismatch: If it cannot be loaded, or gives no features of clips.
    """
    return VisionTowerEmbedder(load_vision_model(argument))


def load_vision_model(argument: str | None) -> LoadedModel:
    """Return the model of that name, with frames capped at 224 x 224 pixels where it can be."""
    source = argument or "nano"
    checkpoint = find_checkpoint(source)
    family = find_family(checkpoint.model_type, checkpoint.source)
    return load_model(source, max_pixels=_MAX_PIXELS if family.takes_max_pixels else None)


def _features_call(loaded: LoadedModel) -> Callable[..., Any]:
    """Return what makes features of pixels: the model's way for videos, else for images."""
    # The inner model, where there is one: it names all of its arguments.
    model = getattr(loaded.model, "model", loaded.model)
    for name in ("get_video_features", "get_image_features"):
        if hasattr(model, name):
            call: Callable[..., Any] = getattr(model, name)
            return call
    raise ModelMismatch(
        f"{loaded.source} ({loaded.family.name}) has no way to make features of clips or images alone, "
        "so it cannot embed frames.",
        "Use another embedder, e.g. descriptor or contrastive:<model>.",
    )


def _pooled(found: Any, num_frames: int) -> NDArray[np.float32]:
    """Return the mean token of each frame, from whichever form the model gives them in."""
    tokens = getattr(found, "pooler_output", found)
    if not isinstance(tokens, torch.Tensor) and len(tokens) != num_frames:
        # Some classes give the tokens of all frames of a clip as one; frames of one size have as many each.
        tokens = torch.cat([part.reshape(-1, part.shape[-1]) for part in tokens])
    if isinstance(tokens, torch.Tensor):
        rows = tokens.reshape(num_frames, -1, tokens.shape[-1]).float().mean(dim=1)
    else:
        rows = torch.stack([part.reshape(-1, part.shape[-1]).float().mean(dim=0) for part in tokens])
    return np.asarray(rows.cpu().numpy(), dtype=np.float32)
