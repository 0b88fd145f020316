"""Clips that show the same: a perceptual hash of each, and a search for pairs that are nearly equal.

A fingerprint says what eight moments look like (a hash of low frequencies, after pHash) and what changes from each to
the next. A copy that was encoded again, scaled, brightened, freed of its bars or mirrored keeps most of its bits. Two
clips of one person in one room look alike, but do not change alike, and that tells them apart. A copy that was cut in
time loses bits with every tenth of its length, and one that was cropped by a tenth is near the edge of what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.quality._looked import LookedAt
from vidtune.media.quality.letterbox import bars_of

Words = NDArray[np.uint64]

_NUM_MOMENTS = 8
_SIDE_PX = 32
_KEPT = 8
_BLOCK = 256

# Measured on 100 generated clips and nine kinds of copies of each: 95 of 100 copies that keep frame and length look
# alike to 0.15 and change alike to 0.25; of 4,950 pairs of other clips none is below 0.22 and 0.20 at once.
_LOOK_UP_TO = 0.16
_CHANGE_UP_TO = 0.3
_LENGTHS_UP_TO = 1.3

_CHANGE_SEEN = 0.8
"""Mean change of grey values from which a change is more than noise."""

_FLAT_BELOW = 4.0


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Hashes of one clip, as it is and mirrored."""

    look: Words
    """One word for each moment; 63 bits count."""

    change: Words
    """One word for each pair of neighbouring moments."""

    mirrored_look: Words
    mirrored_change: Words
    energy: NDArray[np.float32]
    """How much changes between moments, as a mean of grey values."""

    duration_s: float

    def to_text(self) -> str:
        """Return the fingerprint for a record."""
        parts = [self.look, self.change, self.mirrored_look, self.mirrored_change]
        words = np.concatenate(parts).astype(">u8").tobytes()
        return (words + self.energy.astype(">f4").tobytes()).hex()

    @classmethod
    def from_text(cls, text: str, duration_s: float) -> Self:
        """Return what ``to_text`` wrote."""
        data = bytes.fromhex(text)
        num_moments = _NUM_MOMENTS
        num_words = 2 * (2 * num_moments - 1)
        words = np.frombuffer(data[: 8 * num_words], ">u8").astype(np.uint64)
        ends = np.cumsum([num_moments, num_moments - 1, num_moments])
        look, change, mirrored_look, mirrored_change = np.split(words, ends)
        energy = np.frombuffer(data[8 * num_words :], ">f4").astype(np.float32)
        return cls(look, change, mirrored_look, mirrored_change, energy, duration_s)


@dataclass(frozen=True)
class NearDuplicate:
    """Two clips that show the same."""

    first: str
    second: str
    distance: float
    """Share of the bits of their look that differ; unrelated clips differ in nearly half."""

    is_mirrored: bool


def fingerprint_of(looked: LookedAt) -> Fingerprint | None:
    """Return the fingerprint of a clip; None when it shows nothing but one grey, of which every clip is a copy."""
    top, bottom, left, right = bars_of(looked.small_thw)
    _, height, width = looked.small_thw.shape
    rows = slice(round(top * height), max(round(top * height) + 1, height - round(bottom * height)))
    columns = slice(round(left * width), max(round(left * width) + 1, width - round(right * width)))
    moments_s = (np.arange(_NUM_MOMENTS) + 0.5) / _NUM_MOMENTS * looked.duration_s
    at = np.clip(np.searchsorted(looked.small_times_s, moments_s, side="right") - 1, 0, looked.num_frames - 1)
    pictures = np.stack(
        [
            cv2.resize(looked.small_thw[position, rows, columns], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
            for position in at
        ]
    ).astype(np.float32)
    if float(pictures.std(axis=(1, 2)).max()) < _FLAT_BELOW:
        return None
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    return Fingerprint(
        look=_look_words(pictures),
        change=_change_words(pictures),
        mirrored_look=_look_words(mirrored),
        mirrored_change=_change_words(mirrored),
        energy=np.abs(np.diff(pictures, axis=0)).mean(axis=(1, 2)),
        duration_s=looked.duration_s,
    )


def find_near_duplicates(fingerprints: Mapping[str, Fingerprint]) -> list[NearDuplicate]:
    """Return every pair of clips that show the same, nearest first.

    Every pair is compared, a block of clips at a time: 6,000 clips take a few seconds.
    """
    names = list(fingerprints)
    prints = [fingerprints[name] for name in names]
    if len(names) < 2:
        return []
    looks = np.stack([item.look for item in prints])
    found: dict[tuple[int, int], NearDuplicate] = {}
    for is_mirrored in (False, True):
        ours = np.stack([item.mirrored_look for item in prints]) if is_mirrored else looks
        for left, right, distance in _alike(ours, looks):
            pair = (min(left, right), max(left, right))
            if left == right or (pair in found and found[pair].distance <= distance):
                continue
            if _is_same(prints[left], prints[right], is_mirrored):
                found[pair] = NearDuplicate(names[pair[0]], names[pair[1]], distance, is_mirrored)
    return sorted(found.values(), key=lambda item: (item.distance, item.first, item.second))


def _alike(ours: Words, theirs: Words) -> Iterator[tuple[int, int, float]]:
    """Yield the positions of clips that look alike."""
    num_bits = 63 * _NUM_MOMENTS
    for start in range(0, len(ours), _BLOCK):
        differing = np.zeros((len(ours[start : start + _BLOCK]), len(theirs)), np.uint16)
        for moment in range(_NUM_MOMENTS):
            differing += np.bitwise_count(ours[start : start + _BLOCK, moment, None] ^ theirs[None, :, moment])
        for row, column in zip(*np.nonzero(differing <= _LOOK_UP_TO * num_bits), strict=True):
            yield start + int(row), int(column), float(differing[row, column] / num_bits)


def _is_same(left: Fingerprint, right: Fingerprint, is_mirrored: bool) -> bool:
    """Whether two clips that look alike are of one length and change alike, where they change at all."""
    longer, shorter = max(left.duration_s, right.duration_s), min(left.duration_s, right.duration_s)
    if longer > _LENGTHS_UP_TO * max(shorter, 1e-6):
        return False
    energy = np.minimum(left.energy, right.energy)
    weights = np.where(energy < _CHANGE_SEEN, 0, energy)
    if weights.sum() == 0:
        # Neither moves enough to tell, or one does and the other does not.
        return bool(np.maximum(left.energy, right.energy).max() < 4 * _CHANGE_SEEN)
    changed = left.mirrored_change if is_mirrored else left.change
    differing = np.bitwise_count(changed ^ right.change) / 64
    return bool((differing * weights).sum() / weights.sum() <= _CHANGE_UP_TO)


def _look_words(pictures: NDArray[np.float32]) -> Words:
    """Hash what pictures look like: which of their low frequencies are above the middle one, the mean left out."""
    low = np.stack([cv2.dct(picture)[:_KEPT, :_KEPT].ravel()[1:] for picture in pictures])
    return _pack(low > np.median(low, axis=1, keepdims=True))


def _change_words(pictures: NDArray[np.float32]) -> Words:
    """Hash what changes between pictures: the signs of the low frequencies of their differences."""
    return _pack(np.stack([cv2.dct(step)[:_KEPT, :_KEPT].ravel() > 0 for step in np.diff(pictures, axis=0)]))


def _pack(bits: NDArray[np.bool_]) -> Words:
    padded = np.pad(bits, ((0, 0), (64 - bits.shape[1], 0)))
    return np.packbits(padded, axis=1).view(">u8").astype(np.uint64).ravel()
