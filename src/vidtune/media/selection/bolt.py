"""BOLT: frames at even steps of the accumulated relevance, so that relevant stretches get more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidtune.media.selection._candidates import Candidates, FeatureOptions, select_from_candidates, stretched
from vidtune.media.selection.topk import filled_up

if TYPE_CHECKING:
    from vidtune.media import SamplingConfig
    from vidtune.media._clip_view import ClipView
    from vidtune.media._sampling import Selection


class BoltOptions(FeatureOptions):
    """Settings of ``bolt``."""

    power: Annotated[float, Field(gt=0, le=32)] = 2.0
    """Relevance is raised to this before it is accumulated; more is sharper."""


def inverse_transform(relevance_t: NDArray[np.float64], num: int, power: float) -> list[int]:
    """Return the indices at which the accumulated ``relevance ** power`` passes ``num`` even steps.

    Source: Liu et al., "BOLT: Boost large vision-language model without training for long-form video understanding"
    (CVPR 2025), its inverse transform sampling, with the steps of its code: from ``1/num`` to ``1 - 1/num``. Steps
    that meet in one frame are taken once, so fewer than ``num`` may come; where all frames are equally relevant, so
    that the rule divides by 0, the steps are taken over time.

    Args:
        relevance_t: One a candidate, any scale.
        num: How many steps.
        power: What makes peaks sharper.
    """
    weights_t = stretched(relevance_t) ** power
    if not weights_t.sum() > 0:
        weights_t = np.ones_like(weights_t)
    accumulated_t = np.cumsum(weights_t) / weights_t.sum()
    steps = np.linspace(1 / num, 1 - 1 / num, num) if num > 1 else np.array([0.5])
    found = np.searchsorted(accumulated_t, steps, side="left")
    return sorted({int(index) for index in np.minimum(found, len(weights_t) - 1)})


class BoltSelector:
    """Frames at even steps of accumulated relevance."""

    needs_fps = False
    takes_query = True
    options_class = BoltOptions

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return the frames of the published rule, filled up with the most relevant others where steps met."""
        options = BoltOptions(**sampling.options)

        def choose(candidates: Candidates) -> Selection:
            relevance_t = candidates.needed_relevance_t(options.embedder, "bolt")
            found = inverse_transform(relevance_t, sampling.num_frames, options.power)
            reasons = {index: f"a step of accumulated relevance, here {relevance_t[index]:.2f}" for index in found}
            return candidates.selection(
                filled_up(reasons, relevance_t, sampling.num_frames), {"relevance": relevance_t}
            )

        return select_from_candidates(view, sampling, options, choose)


bolt = BoltSelector()
