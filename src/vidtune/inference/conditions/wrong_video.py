"""Another clip of the same data set, for which the right answer is a different one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidtune.data import Sample, clip_name
from vidtune.inference._borrowing import borrow
from vidtune.inference._condition import Condition


def borrow_clips(samples: Sequence[Sample]) -> Mapping[str, Sample]:
    """Return for each sample another one, of another clip and with another answer.

    Of another recording where there is such: windows of one may overlap, or show nearly the same.
    """
    return {**borrow(samples, clip_name), **borrow(samples, lambda sample: sample.video)}


CONDITION = Condition(
    label="wrong video",
    removes="content",
    matters="the right video matters",
    matters_not="a clip of something else does as well",
    borrow=borrow_clips,
)
