"""Frames that survive quantization are preferred, by measured distance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cosine
from tests.media.selection.films import scenes_film, unit_rows, view_of

from vidtune.media import ClipView, SamplingConfig, Selection, embedders, selectors
from vidtune.media.embedding.descriptor import DescriptorEmbedder
from vidtune.media.embedding.distance import feature_loss
from vidtune.media.selection._candidates import Candidates, FirstPassOptions, select_from_candidates


class DimmedEmbedder(DescriptorEmbedder):
    """Distorts bright frames and leaves dark ones alone."""

    def embed_frames(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        features = super().embed_frames(frames_thwc)
        is_bright = frames_thwc.mean(axis=(1, 2, 3)) > 100
        features[is_bright] += 0.2 * unit_rows(1, features.shape[1])
        return features


@pytest.fixture
def dimmed() -> Iterator[str]:
    if "dimmed" not in embedders.names():
        embedders.register("dimmed", lambda argument: DimmedEmbedder())
    return "dimmed"


def test_the_loss_is_the_cosine_distance() -> None:
    full, quantized = unit_rows(5, 8), unit_rows(5, 8, seed=1) * 3

    assert feature_loss(full, quantized) == pytest.approx(
        [cosine(a, b) for a, b in zip(full, quantized, strict=True)], abs=1e-6
    )
    with pytest.raises(ValueError, match="must be of one shape"):
        feature_loss(full, quantized[:, :4])


def test_frames_that_lose_much_are_left_out(dimmed: str) -> None:
    frames = scenes_film(seconds=40)
    frames[:100] = np.clip(frames[:100].astype(int) + 70, 0, 255)
    frames[100:] = np.clip(frames[100:].astype(int) - 40, 0, 255)
    options = {"embedder": "descriptor", "quantized_embedder": dimmed}

    selection = selectors.get("quantization").select(
        view_of(frames), SamplingConfig(kind="quantization", num_frames=6, options={**options, "strength": 10.0})
    )

    assert min(selection.times_s) >= 20.0
    assert max(selection.curves["quantization loss"].values) > 0.001
    assert all("loses 0.00%" in reason for reason in selection.reasons)


def test_every_selector_may_ask_what_a_frame_loses(dimmed: str) -> None:
    """As a plugin would: one that knows nothing of quantization but what the view measures."""

    class LeastLoss:
        needs_fps = False
        options_class = FirstPassOptions

        def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
            def choose(candidates: Candidates) -> Selection:
                loss_t = view.feature_loss("descriptor", dimmed, candidates.rate_hz)
                return candidates.selection({int(index): "" for index in loss_t.argsort()[: sampling.num_frames]})

            return select_from_candidates(view, sampling, FirstPassOptions(), choose)

    frames = scenes_film(seconds=40)
    frames[:100] = np.clip(frames[:100].astype(int) - 40, 0, 90)
    frames[100:] = np.clip(frames[100:].astype(int) + 90, 110, 255)

    selection = LeastLoss().select(view_of(frames), SamplingConfig(num_frames=4))

    assert max(selection.times_s) < 20.0
