"""How sharp a clip is: the variance of the Laplacian of its frames as large as they are, on average."""

from __future__ import annotations

import cv2
import numpy as np

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality._measure import QualityConfig


def sharpness(looked: LookedAt, config: QualityConfig) -> dict[str, float]:
    """Return ``sharpness``. It grows with detail and with noise, and shrinks with size: compare like with like."""
    return {"sharpness": float(np.mean([cv2.Laplacian(frame, cv2.CV_64F).var() for frame in looked.full_thw]))}
