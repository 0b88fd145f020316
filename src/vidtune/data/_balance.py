"""Classes of the same size: by leaving samples out, or by taking some again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from vidtune.core.errors import DataInvalid
from vidtune.data._samples import Sample
from vidtune.data._subset import class_of

BalanceMethod = Literal["under", "over"]


def balance_classes(
    samples: Sequence[Sample], *, method: BalanceMethod = "under", per_class: int | None = None, seed: int = 42
) -> list[Sample]:
    """Return samples of which every class has as many.

    ``under`` leaves samples out until each class has as many as the smallest; ``over`` takes some again until each has
    as many as the largest, under ids with ``#again2`` and so on. Both for training only: a test set that is balanced
    says nothing of how a model fares where classes are not, and a repeated sample is no new one.

    Args:
        samples: All of them with a class.
        method: Which way.
        per_class: Samples of each class, instead of the smallest's or the largest's number.
        seed: Same samples and seed, same choice.

    Raises:
        DataInvalid: If a sample has no class, or ``under`` is asked for more than a class has.
    """
    missing = [sample.sample_id for sample in samples if not class_of(sample)]
    if missing:
        raise DataInvalid(
            f"{len(missing)} of {len(samples)} samples have no class, e.g. {missing[0]}.",
            "Give `label` (or a manifest.json), or leave them out.",
        )
    counts = Counter(class_of(sample) for sample in samples)
    wanted = per_class or (min(counts.values()) if method == "under" else max(counts.values()))
    short = sorted(name for name, count in counts.items() if count < wanted)
    if short and method == "under":
        raise DataInvalid(
            f"{len(short)} class(es) have fewer than {wanted} samples: {', '.join(short[:5])}.",
            "Ask for fewer, or balance with method=over.",
        )
    times = _times_taken(samples, counts, wanted, random.Random(seed))  # noqa: S311 -- repeatable, no secret
    return [
        sample if turn == 1 else replace(sample, sample_id=f"{sample.sample_id}#again{turn}")
        for index, sample in enumerate(samples)
        for turn in range(1, times[index] + 1)
    ]


def _times_taken(samples: Sequence[Sample], counts: Counter[str], wanted: int, order: random.Random) -> list[int]:
    times = [0] * len(samples)
    for name in sorted(counts):
        members = [index for index, sample in enumerate(samples) if class_of(sample) == name]
        order.shuffle(members)
        for number in range(wanted):
            times[members[number % len(members)]] += 1
    return times
