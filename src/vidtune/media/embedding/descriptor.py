"""A frame as its colours, edges and layout: no weights, no download.

Colours: how much of each quarter of the picture has each of 13 named colours, by hue, saturation and brightness.
Edges: histograms of gradient direction in the same quarters. Layout: the picture shrunk to 6 x 6 grey cells.
It can also tell how much a question has to do with a frame as far as the question names colours.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import BadUsage
from vidtune.media.embedding import Embedder

_SIDE_PX = 48
_NUM_CELLS = 2
_NUM_DIRECTIONS = 8
_LAYOUT_PX = 6

# From where on the hue circle (OpenCV: 0 to 180) a colour begins; red is at both ends.
_HUES = (("red", 0), ("orange", 9), ("yellow", 22), ("green", 36), ("cyan", 83), ("blue", 98), ("purple", 128))
_MORE_HUES = (("magenta", 146), ("red", 172))
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "magenta", "pink", "brown")
SHADES = ("black", "grey", "white")
_NAMES = COLOURS + SHADES
_WORDS = {
    **{name: name for name in _NAMES},
    **{"gray": "grey", "violet": "purple", "turquoise": "cyan", "teal": "cyan", "bright": "white", "dark": "black"},
}
_VIVID_FROM = 70
_DARK_BELOW = 50
_WHITE_FROM = 205
# A named colour that fills so much of the picture, above what is usual, counts half as much as one that fills it all.
_LASTING_SHARE = 0.01
_PASSING_SHARE = 0.003
# Frames on both sides that say what is usual at a time: 10 s at the lowest rate of a first pass.
_REACH = 20


class DescriptorEmbedder:
    """The descriptor as the registry offers it."""

    max_side_px = 96

    def embed_frames(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return 13 x 4 colours, 8 x 4 edge directions and 36 grey cells of each frame, each part at length 1."""
        return np.stack([_describe(frame) for frame in frames_thwc])

    def score_frames(
        self, frames_thwc: NDArray[np.uint8], features_td: NDArray[np.float32], query: str
    ) -> NDArray[np.float64] | None:
        """Return how much of each frame has the colours that ``query`` names, above what is usual; None without any."""
        wanted = sorted({_NAMES.index(_WORDS[word]) for word in re.findall(r"[a-z]+", query.lower()) if word in _WORDS})
        if not wanted:
            return None
        shares_tn = np.stack([_colour_shares(_names_of(frame)) for frame in frames_thwc])[:, wanted]
        # What is nearly always there says little. What is there for a moment is mostly what a question is about; a red
        # coat that stays for a whole scene is found as well, behind it.
        lasting = _noticed(shares_tn - np.median(shares_tn, axis=0), _LASTING_SHARE)
        passing = _noticed(shares_tn - _running_median(shares_tn), _PASSING_SHARE)
        return np.asarray(0.3 * lasting + 0.7 * passing, dtype=np.float64)


def make_embedder(argument: str | None) -> Embedder:
    """Return the descriptor; it has no argument."""
    if argument is not None:
        raise BadUsage(f"the embedder 'descriptor' takes no argument, found {argument!r}.", "Leave it out.")
    return DescriptorEmbedder()


def _noticed(above_tn: NDArray[np.float64], half_share: float) -> NDArray[np.float64]:
    above_tn = np.clip(above_tn, 0.0, None)
    return np.asarray((above_tn / (above_tn + half_share)).mean(axis=1), dtype=np.float64)


def _running_median(values_tn: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values_tn, size=(2 * _REACH + 1, 1), mode="nearest"), dtype=np.float64)


def _describe(frame_hwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = np.asarray(cv2.resize(frame_hwc, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    names = _names_of(small)
    half = _SIDE_PX // _NUM_CELLS
    cells = [
        (slice(top, top + half), slice(left, left + half))
        for top in range(0, _SIDE_PX, half)
        for left in range(0, _SIDE_PX, half)
    ]
    # The root makes the small areas of objects count beside the large one of the background (Hellinger).
    colours = np.sqrt(np.concatenate([_colour_shares(names[cell]) for cell in cells]))
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return np.concatenate([_unit(colours), _unit(_edges(grey, cells)), _unit(_layout(grey))]).astype(np.float32)


def _names_of(frame_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return for each pixel which named colour it has."""
    hue, saturation, value = cv2.split(cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2HSV))
    names = _HUE_TABLE[hue]
    names[(names == _NAMES.index("orange")) & (value < 150)] = _NAMES.index("brown")
    is_pale_red = ((names == _NAMES.index("red")) | (names == _NAMES.index("magenta"))) & (saturation < 140)
    names[is_pale_red & (value >= 170)] = _NAMES.index("pink")
    dull = saturation < _VIVID_FROM
    names[dull] = _NAMES.index("grey")
    names[dull & (value >= _WHITE_FROM)] = _NAMES.index("white")
    names[value < _DARK_BELOW] = _NAMES.index("black")
    return np.asarray(names, dtype=np.uint8)


def _hue_table() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for name, begin in _HUES + _MORE_HUES:
        table[begin:] = _NAMES.index(name)
    return table


def _colour_shares(names_hw: NDArray[np.uint8]) -> NDArray[np.float64]:
    counts = np.bincount(names_hw.ravel(), minlength=len(_NAMES))
    return np.asarray(counts / names_hw.size, dtype=np.float64)


def _edges(grey_hw: NDArray[np.uint8], cells: list[tuple[slice, slice]]) -> NDArray[np.float64]:
    across = cv2.Sobel(grey_hw, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(grey_hw, cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    # A direction and its opposite are the same edge.
    direction = ((np.arctan2(down, across) % np.pi) / np.pi * _NUM_DIRECTIONS).astype(np.int64) % _NUM_DIRECTIONS
    histograms = [
        np.bincount(direction[cell].ravel(), weights=strength[cell].ravel(), minlength=_NUM_DIRECTIONS)
        for cell in cells
    ]
    return np.sqrt(np.concatenate(histograms))


def _layout(grey_hw: NDArray[np.uint8]) -> NDArray[np.float64]:
    cells = cv2.resize(grey_hw, (_LAYOUT_PX, _LAYOUT_PX), interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    return np.asarray(cells / 255.0, dtype=np.float64)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values


_HUE_TABLE = _hue_table()
