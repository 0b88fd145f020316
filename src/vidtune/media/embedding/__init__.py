"""Embedders: what a frame is like, as a vector. One file each; those with weights live in the rooms that load models.

An embedder is named by ``kind`` or ``kind:argument``, e.g. ``descriptor``, ``vision_tower:nano`` or
``contrastive:openai/clip-vit-base-patch32``.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels, ``d`` features.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import BadUsage
from vidtune.core.registry import Registry

DEFAULT_EMBEDDER = "descriptor"
_NUM_KEPT = 4


class Embedder(Protocol):
    """Turns frames into vectors, and perhaps a question into how much each frame has to do with it."""

    max_side_px: int
    """The longer side of the frames it wants; more is wasted, less is taken as it is."""

    def embed_frames(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return a vector (t, d) of each frame; the same frame gives the same vector, whatever is beside it."""

    def score_frames(
        self, frames_thwc: NDArray[np.uint8], features_td: NDArray[np.float32], query: str
    ) -> NDArray[np.float64] | None:
        """Return how relevant each frame is to ``query``, higher is more; None when it cannot tell."""


class EmbedderMaker(Protocol):
    """What the registry holds: makes an embedder of one kind."""

    def __call__(self, argument: str | None) -> Embedder:
        """Return the embedder; ``argument`` is what stands after the colon of its name."""


embedders = Registry[EmbedderMaker](
    "embedder",
    {
        "contrastive": "vidtune.models.embedders.contrastive:make_embedder",
        "descriptor": "vidtune.media.embedding.descriptor:make_embedder",
        "vision_tower": "vidtune.models.embedders.vision_tower:make_embedder",
        "vision_tower_int8": "vidtune.models.embedders.quantized_tower:make_int8_embedder",
        "vision_tower_nf4": "vidtune.models.embedders.quantized_tower:make_nf4_embedder",
    },
)


@lru_cache(maxsize=_NUM_KEPT)
def get_embedder(name: str) -> Embedder:
    """Return the embedder of that name; weights are loaded once and kept for the next clip.

    Raises:
        BadUsage: If there is none of that kind, or its argument is wrong.
        ModelUnavailable, ModelMismatch: If it needs a model that cannot be loaded.
    """
    kind, _, argument = name.partition(":")
    try:
        make = embedders.get(kind)
    except LookupError as exc:
        raise BadUsage(str(exc), "Name an embedder as kind or kind:argument, e.g. vision_tower:nano.") from exc
    return make(argument or None)


__all__ = ["DEFAULT_EMBEDDER", "Embedder", "EmbedderMaker", "embedders", "get_embedder"]
