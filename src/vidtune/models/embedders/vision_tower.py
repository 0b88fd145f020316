"""What a video-language model itself sees in each frame: its vision tower, one frame at a time.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels, ``d`` features, ``p`` visual tokens.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidtune.core.errors import ModelMismatch
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models._loading import LoadedModel, load_model

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
        self._needed = _media_inputs(loaded)

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
        inputs = {
            name: value.to(loaded.device, loaded.dtype) if value.is_floating_point() else value.to(loaded.device)
            for name, value in batch.items()
            if name in self._needed and isinstance(value, torch.Tensor)
        }
        with torch.inference_mode():
            found = loaded.model.get_video_features(**inputs)
        return _pooled(found, len(frames_thwc))


def make_embedder(argument: str | None) -> Embedder:
    """Return the vision tower of the model that ``argument`` names, as ``load_model`` takes it; nano by default.

    Raises:
        ModelUnavailable, ModelMismatch: If it cannot be loaded, or gives no features of clips.
    """
    return VisionTowerEmbedder(load_vision_model(argument))


def load_vision_model(argument: str | None) -> LoadedModel:
    """Return the model of that name, with frames capped at 224 x 224 pixels."""
    return load_model(argument or "nano", max_pixels=_MAX_PIXELS)


def _media_inputs(loaded: LoadedModel) -> frozenset[str]:
    get_features = getattr(loaded.model, "get_video_features", None)
    if get_features is None:
        raise ModelMismatch(
            f"{loaded.source} ({loaded.family.name}) has no get_video_features, so it cannot embed frames.",
            "Use another embedder, e.g. descriptor or contrastive:<model>.",
        )
    parameters = inspect.signature(get_features).parameters.values()
    return frozenset(item.name for item in parameters if item.kind is not inspect.Parameter.VAR_KEYWORD)


def _pooled(found: Any, num_frames: int) -> NDArray[np.float32]:
    """Return the mean token of each frame, from whichever form the model gives them in."""
    tokens = getattr(found, "pooler_output", found)
    if isinstance(tokens, torch.Tensor):
        rows = tokens.reshape(num_frames, -1, tokens.shape[-1]).float().mean(dim=1)
    else:
        rows = torch.stack([part.reshape(-1, part.shape[-1]).float().mean(dim=0) for part in tokens])
    return np.asarray(rows.cpu().numpy(), dtype=np.float32)
