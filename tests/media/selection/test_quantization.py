"""Frames that survive quantization are preferred, by measured distance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cosine
from tests.media.selection.films import scenes_film, unit_rows, view_of

from vidtune.media import SamplingConfig, embedders, selectors
from vidtune.media.embedding.descriptor import DescriptorEmbedder
from vidtune.media.selection.quantization import feature_loss


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
