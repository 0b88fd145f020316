"""The sound of another sample of the same data set, for which the right answer is a different one. The frames stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidtune.data import Sample, sound_name
from vidtune.inference._borrowing import borrow
from vidtune.inference._condition import Condition


def borrow_sounds(samples: Sequence[Sample]) -> Mapping[str, Sample]:
    """Return for each sample another one, with another sound and with another answer."""
    return borrow(samples, sound_name)


CONDITION = Condition(
    label="shuffled sound",
    removes="sound",
    matters="the right sound matters",
    matters_not="the sound of something else does as well",
    borrow_sound=borrow_sounds,
)
