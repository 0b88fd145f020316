"""Black bars around the picture: pixels that cost tokens and say nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality._measure import QualityConfig

_BAR_UP_TO = 24
_DARK_SCENE = 28.0


def letterbox(looked: LookedAt, config: QualityConfig) -> dict[str, float]:
    """Return the shares of height and width that are bars on each side, and of the picture that is bars at all."""
    top, bottom, left, right = bars_of(looked.small_thw)
    return {
        "bar_top": top,
        "bar_bottom": bottom,
        "bar_left": left,
        "bar_right": right,
        "bars_share": 1 - (1 - top - bottom) * (1 - left - right),
    }


def bars_of(frames_thw: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Return the shares of height above and below and of width left and right that are black in every frame."""
    # The brightest thing that was ever seen in a line; a few bright pixels are noise of the encoder.
    brightest_hw = frames_thw.max(axis=0)
    rows = np.quantile(brightest_hw, 0.98, axis=1)
    columns = np.quantile(brightest_hw, 0.98, axis=0)
    if float(brightest_hw.mean()) < _DARK_SCENE:
        return 0.0, 0.0, 0.0, 0.0  # a black clip has no picture to put bars around
    return (*_edges(rows <= _BAR_UP_TO), *_edges(columns <= _BAR_UP_TO))


def _edges(is_bar: NDArray[np.bool_]) -> tuple[float, float]:
    inside = np.flatnonzero(~is_bar)
    if not len(inside):
        return 0.0, 0.0
    return float(inside[0] / len(is_bar)), float((len(is_bar) - 1 - inside[-1]) / len(is_bar))
