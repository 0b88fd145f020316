"""CIDEr-D: how much of what is telling in several reference captions a caption says.

Axis letters: ``e`` entries (an n-gram of a caption), ``c`` captions, ``g`` different n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_ORDER = 4
_SIGMA = 6.0

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def cider_d(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> list[float]:
    """Return CIDEr-D of each caption; the score of a corpus is their mean.

    Cosine of n-gram counts weighted by rarity over the clips of this corpus, clipped to the reference's counts and
    damped by difference in length, times 10. Source: Vedantam et al., "CIDEr: Consensus-based Image Description
    Evaluation" (2015), as in coco-caption's ``cider_scorer``, against which it is tested.

    Args:
        predictions: Words of the caption of each clip.
        references: Of each clip, the words of its reference captions.

    Returns:
        0 to 10 for each clip. Rarity is of this corpus: scores of different corpora do not compare, and with one
        clip nothing is rare and everything scores 0.

    Raises:
        ValueError: If the lengths differ or a clip has no reference.
    """
    if len(predictions) != len(references) or any(not captions for captions in references):
        raise ValueError(f"expected references for each of {len(predictions)} captions, found {len(references)}.")
    if not predictions:
        return []
    texts = _Texts.of([*predictions, *(caption for captions in references for caption in captions)])
    clip_of_told = np.repeat(np.arange(len(references)), [len(captions) for captions in references])
    # The published code measures length in pairs of words, where its paper says words.
    lengths = np.maximum(texts.lengths_c - 1, 0)
    gaps = lengths[: len(predictions)][clip_of_told] - lengths[len(predictions) :]
    damping = np.exp(-(gaps**2) / (2 * _SIGMA**2))
    similarity = np.zeros(len(clip_of_told))
    for numbers, owners in texts.ngrams():
        similarity += damping * _cosines(numbers, owners, clip_of_told, len(references))
    sums = np.bincount(clip_of_told, weights=similarity, minlength=len(references))
    counts = np.bincount(clip_of_told, minlength=len(references))
    return [float(value) for value in 10.0 * sums / _MAX_ORDER / counts]


@dataclass(frozen=True)
class _Texts:
    """Captions as numbers of words, one after the other."""

    words: Ints
    lengths_c: Ints
    num_words: int
    """Different ones."""

    @classmethod
    def of(cls, captions: Sequence[Sequence[str]]) -> _Texts:
        """Number the words of all captions."""
        numbers: dict[str, int] = {}
        words = [numbers.setdefault(word, len(numbers)) for caption in captions for word in caption]
        lengths_c = np.array([len(caption) for caption in captions], dtype=np.int64)
        return cls(np.array(words, dtype=np.int64), lengths_c, len(numbers))

    def ngrams(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield, for each order, a number for each n-gram and the caption it is of."""
        owners = np.repeat(np.arange(len(self.lengths_c)), self.lengths_c)
        # The last words of a caption begin no n-gram.
        left = np.repeat(np.cumsum(self.lengths_c), self.lengths_c) - np.arange(len(self.words))
        starts, numbers = np.arange(len(self.words)), self.words
        yield numbers, owners
        for order in range(2, _MAX_ORDER + 1):
            goes_on = left[starts] >= order
            starts, numbers = starts[goes_on], numbers[goes_on]
            # Numbered anew at each step, so that a product never leaves 64 bits.
            _, numbers = np.unique(numbers * self.num_words + self.words[starts + order - 1], return_inverse=True)
            yield numbers, owners[starts]


def _cosines(numbers: Ints, owners: Ints, clip_of_told: Ints, num_clips: int) -> Floats:
    """Return, for each reference, its clipped cosine with the caption of its clip, for n-grams of one order."""
    if not len(numbers):
        return np.zeros(len(clip_of_told))
    num_ngrams = int(numbers.max()) + 1
    keys, counts = np.unique(owners * num_ngrams + numbers, return_counts=True)
    captions_e, ngrams_e = np.divmod(keys, num_ngrams)
    # Captions of the predictions come first: their numbers are those of their clips.
    num_said = int(np.searchsorted(captions_e, num_clips))
    told_e = captions_e[num_said:] - num_clips
    in_clip = clip_of_told[told_e] * num_ngrams + ngrams_e[num_said:]
    # In how many clips, not references, an n-gram occurs.
    clips = in_clip if len(clip_of_told) == num_clips else np.unique(in_clip)
    rarity_g = math.log(num_clips) - np.log(np.maximum(1, np.bincount(clips % num_ngrams, minlength=num_ngrams)))
    weights_e = counts * rarity_g[ngrams_e]
    said, told = weights_e[:num_said], weights_e[num_said:]
    places = np.searchsorted(keys[:num_said], in_clip)
    places[places == num_said] = 0
    found = np.flatnonzero(keys[places] == in_clip) if num_said else np.zeros(0, dtype=np.int64)
    shared = np.minimum(said[places[found]], told[found]) * told[found]
    products = np.bincount(told_e[found], weights=shared, minlength=len(clip_of_told)).astype(np.float64)
    norms = np.sqrt(np.bincount(captions_e, weights=weights_e**2, minlength=num_clips + len(clip_of_told)))
    norm = norms[:num_clips][clip_of_told] * norms[num_clips:]
    cosines: Floats = np.divide(products, norm, out=products.copy(), where=norm > 0)
    return cosines
