"""What to do about classes of unequal size: let samples of rare ones count more, or come up more often.

Sources: weights by the effective number of samples, Cui et al. 2019 (arXiv 1901.05555), equation 2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from vidtune.core.errors import DataInvalid
from vidtune.data import Sample
from vidtune.training._config import Grouping
from vidtune.training._learning_config import LossConfig

_USUAL_BETA = 0.999


def group_of(samples: Sequence[Sample], by: Grouping, setting: str) -> list[str]:
    """Return the class or the subject of each sample.

    Raises:
        DataInvalid: If one has none; ``setting`` is what asked for it.
    """
    groups = [sample.label if by == "label" else sample.subject for sample in samples]
    without = [sample.sample_id for sample, group in zip(samples, groups, strict=True) if group is None]
    if without:
        raise DataInvalid(
            f"{setting} needs the {by} of every sample, {len(without)} of {len(samples)} have none: {without[0]}, ...",
            f"Add it to the annotations, or take {setting} out of the recipe.",
        )
    return [group for group in groups if group is not None]


def sample_weights(groups: Sequence[str], config: LossConfig) -> list[float]:
    """Return what the loss of each sample is multiplied by; the mean is 1.

    Example:
        >>> sample_weights(["a", "a", "a", "b"], LossConfig(class_weights="inverse_frequency"))
        [0.6666666666666666, 0.6666666666666666, 0.6666666666666666, 2.0]
    """
    counts = Counter(groups)
    if config.class_weights == "none":
        return [1.0] * len(groups)
    if config.class_weights == "inverse_frequency":
        raw = {group: 1.0 / count for group, count in counts.items()}
    else:
        beta = _USUAL_BETA if config.effective_beta is None else config.effective_beta
        raw = {group: (1.0 - beta) / (1.0 - beta**count) for group, count in counts.items()}
    mean = sum(raw[group] for group in groups) / len(groups)
    return [raw[group] / mean for group in groups]


def draw_balanced(groups: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Return as many indices as there are samples, the same number of every group as far as it goes, shuffled.

    A group is gone through whole before any of it comes up again.
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    quotas = np.full(len(members), len(groups) // len(members))
    # Who gets what is left over changes from epoch to epoch.
    quotas[rng.permutation(len(members))[: len(groups) % len(members)]] += 1
    drawn = [
        index
        for group, quota in zip(members.values(), quotas.tolist(), strict=True)
        for index in _take(group, quota, rng)
    ]
    return [drawn[place] for place in rng.permutation(len(drawn)).tolist()]


def _take(group: Sequence[int], quota: int, rng: np.random.Generator) -> Iterator[int]:
    while quota > 0:
        for place in rng.permutation(len(group))[:quota].tolist():
            yield group[place]
        quota -= len(group)
