"""How light a clip is, and how much of it is lost in black or white."""

from __future__ import annotations

import numpy as np

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality._measure import QualityConfig

_CRUSHED = 8
_BURNT = 250


def exposure(looked: LookedAt, config: QualityConfig) -> dict[str, float]:
    """Return the mean grey (0 to 255), the contrast, and the shares of pixels that are crushed or burnt out."""
    frames = looked.full_thw
    return {
        "brightness": float(np.mean([frame.mean() for frame in frames])),
        "contrast": float(np.mean([frame.std() for frame in frames])),
        "crushed_share": float(np.mean([(frame <= _CRUSHED).mean() for frame in frames])),
        "burnt_share": float(np.mean([(frame >= _BURNT).mean() for frame in frames])),
    }
