"""Smaller versions of a data set, each inside the next, with the same mix of classes: for learning curves."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from vidtune.core.errors import BadUsage
from vidtune.data._samples import Sample


def take_subsets(samples: Sequence[Sample], ratios: Sequence[float], *, seed: int = 42) -> dict[float, list[Sample]]:
    """Return, for each ratio, that share of every class, in file order.

    A smaller subset is part of every larger one: what is learned from more data is learned from the same and more.
    Every class keeps at least one sample. The class is ``label``, else the type of question.

    Args:
        samples: At least one.
        ratios: Shares, more than 0 and at most 1, in any order.
        seed: Same samples and seed, same subsets.

    Raises:
        BadUsage: If a ratio is not a share.
    """
    wrong = [ratio for ratio in ratios if not 0 < ratio <= 1]
    if wrong or not ratios:
        raise BadUsage(
            f"ratios {wrong or 'are missing'}: expected shares, more than 0 and at most 1.", "Try 0.25 0.5 1."
        )
    by_class: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        by_class.setdefault(class_of(sample), []).append(index)
    order = random.Random(seed)  # noqa: S311 -- a repeatable shuffle, no secret
    for name in sorted(by_class):
        order.shuffle(by_class[name])
    subsets = {}
    for ratio in sorted(ratios):
        chosen = {index for members in by_class.values() for index in members[: _share(len(members), ratio)]}
        subsets[ratio] = [sample for index, sample in enumerate(samples) if index in chosen]
    return subsets


def class_of(sample: Sample) -> str:
    """Return what a sample is counted under when classes are to be kept: its label, else its type of question."""
    return sample.label or str(sample.meta.get("question_type") or "")


def _share(count: int, ratio: float) -> int:
    """Return how many of ``count`` a ratio takes; never fewer for a larger ratio, so that subsets are nested."""
    return max(1, math.floor(ratio * count + 0.5))
