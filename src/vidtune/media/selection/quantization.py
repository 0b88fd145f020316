"""Frames whose features survive a quantized vision tower, and that still differ from each other.

A model in 4 or 8 bit sees some frames nearly as the full one does and others distorted. How far is measured, not
guessed: both towers embed every candidate, and the cosine distance between the two vectors is what a frame loses.

Axis letter: ``t`` candidates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FirstPassOptions, select_from_candidates, stretched
from vidtune.media.selection.dpp import greedy_log_det

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


class QuantizationOptions(FirstPassOptions):
    """Settings of ``quantization``."""

    embedder: str = "vision_tower:nano"
    """The vision tower in full precision."""

    quantized_embedder: str = "vision_tower_nf4:nano"
    """The same tower as it will run: `vision_tower_nf4:MODEL` or `vision_tower_int8:MODEL`."""

    strength: Annotated[float, Field(ge=0, le=20)] = 3.0
    """How much surviving counts beside being different; 0 is `dpp`."""

    ridge: Annotated[float, Field(gt=0, le=10)] = 0.01
    """As of `dpp`."""


class QuantizationSelector:
    """A DPP on the quantized features, weighed by how little each frame loses."""

    needs_fps = False
    takes_query = False
    options_class = QuantizationOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return frames that survive the quantization and differ from each other."""
        options = QuantizationOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            loss_t = view.feature_loss(options.embedder, options.quantized_embedder, candidates.rate_hz)
            chosen = greedy_log_det(
                candidates.features_td(options.quantized_embedder),
                sampling.num_frames,
                quality_t=np.exp(-options.strength * stretched(loss_t) / 2),
                ridge=options.ridge,
            )
            reasons = {index: f"loses {loss_t[index]:.2%} (cosine) to quantization" for index in chosen}
            return candidates.selection(reasons, {"quantization loss": loss_t})

        return select_from_candidates(view, sampling, options, choose)


quantization = QuantizationSelector()
