"""The question without any clip."""

from __future__ import annotations

from vidtune.inference._condition import Condition

CONDITION = Condition(
    label="text only",
    removes="content",
    matters="the clip matters",
    matters_not="the question alone does as well",
    has_clip=False,
)
