"""Random changes of a clip's pixels while training, and of its words where the pixels demand it.

Shapes: T frames, H height, W width, C = 3 colours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidtune.data import Turn
from vidtune.training._config import AugmentationConfig

_SIDES = {"left": "right", "right": "left", "clockwise": "counterclockwise", "counterclockwise": "clockwise"}
_SIDE = re.compile(r"\b(left|right|clockwise|counterclockwise)\b", re.IGNORECASE)
# "right" that is not a side: "right now", "all right", "that's right", "a right angle".
_NOT_A_SIDE_AFTER = re.compile(r"\s+(?:now|away|angles?|after|before|at the)\b", re.IGNORECASE)
_NOT_A_SIDE_BEFORE = re.compile(r"(?:\ball|\bthat's|\bthat is|\bjust|\bquite)\s+$", re.IGNORECASE)


def augment_clip(
    frames_thwc: NDArray[np.uint8], turns: Sequence[Turn], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[Turn, ...]]:
    """Return changed frames of the same shape and the turns that still tell the truth about them.

    One draw holds for the whole clip, so no change can be mistaken for motion.
    """
    # Always the same number of draws: switching one change on does not alter the others.
    shift, gain, is_flipped, edges = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.random() < config.flip, rng.random(4)
    changed = frames_thwc
    if config.crop:
        changed = _crop(changed, edges * config.crop)
    if config.brightness or config.contrast:
        changed = _relight(changed, shift * config.brightness * 255.0, 1.0 + gain * config.contrast)
    if is_flipped:
        changed = np.ascontiguousarray(changed[:, :, ::-1])
        turns = [replace(turn, text=swap_sides(turn.text)) for turn in turns]
    return changed, tuple(turns)


def swap_sides(text: str) -> str:
    """Return ``text`` as it reads for the mirrored clip.

    Example:
        >>> swap_sides("Left knee drifts; rotate the right foot clockwise, right now.")
        'Right knee drifts; rotate the left foot counterclockwise, right now.'
    """
    return _SIDE.sub(_swap_one, text)


def _swap_one(match: re.Match[str]) -> str:
    word = match.group(0)
    is_right = word.lower() == "right"
    if is_right and (
        _NOT_A_SIDE_AFTER.match(match.string, match.end()) or _NOT_A_SIDE_BEFORE.search(match.string[: match.start()])
    ):
        return word
    other = _SIDES[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _crop(frames_thwc: NDArray[np.uint8], edges: NDArray[np.float64]) -> NDArray[np.uint8]:
    height, width = frames_thwc.shape[1:3]
    top, bottom = round(edges[0] * height), height - round(edges[1] * height)
    left, right = round(edges[2] * width), width - round(edges[3] * width)
    cut_tchw = torch.from_numpy(np.ascontiguousarray(frames_thwc[:, top:bottom, left:right])).permute(0, 3, 1, 2)
    scaled = torch.nn.functional.interpolate(cut_tchw.float(), size=(height, width), mode="bilinear", antialias=True)
    return _to_uint8(scaled.permute(0, 2, 3, 1).numpy())


def _relight(frames_thwc: NDArray[np.uint8], shift: float, gain: float) -> NDArray[np.uint8]:
    pixels = frames_thwc.astype(np.float32)
    middle = pixels.mean()
    return _to_uint8((pixels - middle) * gain + middle + shift)


def _to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded
