"""Silence in the place of the sound: as long, and nothing in it. The frames stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vidtune.inference._condition import Condition
from vidtune.media import Sound


def hear_nothing(sound: Sound) -> Sound:
    """Return silence of the same length."""
    return replace(sound, waveform_n=np.zeros_like(sound.waveform_n))


CONDITION = Condition(
    label="silence",
    removes="sound",
    matters="the sound matters",
    matters_not="silence does as well",
    hear=hear_nothing,
)
