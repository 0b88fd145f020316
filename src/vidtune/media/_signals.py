"""What can be measured on a run of small frames without any weights: motion, entropy, how much the picture changes.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_FLOW_SIDE_PX = 64


def grey_thw(frames_thwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the frames in grey (ITU-R BT.601), as OpenCV weighs the channels."""
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames_thwc])


def grey_entropy(frames_thwc: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the Shannon entropy of each frame's 256 grey levels in bits: 0 for one shade, at most 8."""
    entropies = np.empty(len(frames_thwc))
    for index, grey in enumerate(grey_thw(frames_thwc)):
        shares = np.bincount(grey.ravel(), minlength=256) / grey.size
        shares = shares[shares > 0]
        entropies[index] = max(0.0, -float(shares @ np.log2(shares)))
    return entropies


def mean_abs_difference(frames_thwc: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how far each frame's grey levels are from those of the frame before, in levels; 0 for the first."""
    greys = grey_thw(frames_thwc)
    differences = [0.0]
    differences += [float(cv2.absdiff(before, after).mean()) for before, after in zip(greys, greys[1:], strict=False)]
    return np.array(differences)


def flow_magnitude(frames_thwc: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean length of the optical flow from the frame before, in shares of the longer side; 0 for the first.

    Source: Farnebäck, "Two-frame motion estimation based on polynomial expansion" (2003), as OpenCV has it, on frames
    of at most 64 pixels: a first pass wants to know where something moves, not where each pixel goes.
    """
    greys = [_shrunk(grey) for grey in grey_thw(frames_thwc)]
    lengths = [0.0]
    for before, after in zip(greys, greys[1:], strict=False):
        flow_hw2 = np.zeros((*before.shape, 2), np.float32)
        cv2.calcOpticalFlowFarneback(
            before,
            after,
            flow_hw2,
            pyr_scale=0.5,
            levels=3,
            winsize=11,
            iterations=2,
            poly_n=5,
            poly_sigma=1.1,
            flags=0,
        )
        lengths.append(float(np.hypot(flow_hw2[..., 0], flow_hw2[..., 1]).mean()) / max(before.shape))
    return np.array(lengths)


def content_change(frames_thwc: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return how much hue, saturation and brightness change from the frame before, 0 to 255; 0 for the first.

    The mean absolute difference of the three channels: the score that PySceneDetect's content detector compares
    with its threshold of 27 (scenedetect 0.7, default weights).
    """
    hsv = [cv2.cvtColor(frame, cv2.COLOR_RGB2HSV) for frame in frames_thwc]
    changes = [0.0]
    changes += [float(cv2.absdiff(before, after).mean()) for before, after in zip(hsv, hsv[1:], strict=False)]
    return np.array(changes)


def packet_motion(sizes_bytes: NDArray[np.int64], is_keyframe: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a guess at motion from the sizes of coded frames: what the encoder had to spend on each.

    A key frame is large however still the picture is, so it gets the median of its neighbours. Sizes follow motion
    only loosely (correlations of 0.3 to 0.4 were measured): good for finding busy stretches, not single frames.
    """
    sizes = sizes_bytes.astype(np.float64)
    between = np.flatnonzero(~is_keyframe)
    if not len(between):
        return sizes
    for index in np.flatnonzero(is_keyframe):
        place = int(np.searchsorted(between, index))
        sizes[index] = np.median(sizes[between[max(0, place - 2) : place + 2]])
    return sizes


def _shrunk(grey_hw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = grey_hw.shape
    scale = _FLOW_SIDE_PX / max(height, width)
    if scale >= 1:
        return grey_hw
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(grey_hw, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
