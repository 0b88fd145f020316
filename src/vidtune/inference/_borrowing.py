"""Whose clip or sound a sample is given in the place of its own: another one, for which another answer is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from vidtune.data import Sample

SourceOf = Callable[[Sample], str]
"""Names what would be borrowed: the clip of a sample, or its sound."""


def borrow(samples: Sequence[Sample], source_of: SourceOf) -> Mapping[str, Sample]:
    """Return for each sample another one, with another source and with another answer.

    One that asks the same, so that its source is a likely one, where there is such; else any. Where the data names
    classes, the class differs too: two wordings of one finding are no different answer. Who gets whose follows from
    the ids alone.
    """
    everyone = sorted(samples, key=_draw)
    kinds: dict[str, list[Sample]] = {}
    for sample in everyone:
        kinds.setdefault(_kind(sample), []).append(sample)
    found = _match(everyone, everyone, source_of)
    for members in kinds.values():
        found |= _match(members, members, source_of)
    return found


def _match(samples: Sequence[Sample], ring: Sequence[Sample], source_of: SourceOf) -> dict[str, Sample]:
    """Return for each sample the next one on the ring that differs."""
    if len({source_of(sample) for sample in ring}) < 2 or len({_answer(sample) for sample in ring}) < 2:
        return {}
    found = {}
    for place, sample in enumerate(samples):
        others = (ring[(place + step) % len(ring)] for step in range(1, len(ring)))
        other = next((other for other in others if _differs(sample, other, source_of)), None)
        if other is not None:
            found[sample.sample_id] = other
    return found


def _differs(sample: Sample, other: Sample, source_of: SourceOf) -> bool:
    if source_of(sample) == source_of(other) or _answer(sample) == _answer(other):
        return False
    return sample.label is None or other.label is None or sample.label != other.label


def _kind(sample: Sample) -> str:
    return str(sample.meta.get("question_type") or sample.question)


def _answer(sample: Sample) -> str:
    return str(sample.meta.get("short_answer") or sample.answer).strip().lower()


def _draw(sample: Sample) -> bytes:
    return hashlib.sha256(sample.sample_id.encode()).digest()
