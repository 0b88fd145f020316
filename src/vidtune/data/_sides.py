"""What is said about a mirrored clip: left and right change places in the words too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vidtune.data._samples import Sample, Turn

_SIDES = {
    "left": "right",
    "right": "left",
    "leftward": "rightward",
    "rightward": "leftward",
    "leftwards": "rightwards",
    "rightwards": "leftwards",
    "clockwise": "counterclockwise",
    "counterclockwise": "clockwise",
    "anticlockwise": "clockwise",
    "counter-clockwise": "clockwise",
    "anti-clockwise": "clockwise",
}
_SIDE = re.compile(
    # An underscore separates words too: names of errors are written `left_knee_valgus`.
    r"(?<![^\W_])(?:(?:counter|anti)-?clockwise|clockwise|(?:left|right)(?:wards?)?)(?![^\W_])",
    re.IGNORECASE,
)
# "right" that is not a side: "right now", "all right", "that's right", "a right angle".
_NOT_A_SIDE_AFTER = re.compile(r"\s+(?:now|away|angles?|after|before|at the)\b", re.IGNORECASE)
_NOT_A_SIDE_BEFORE = re.compile(r"(?:\ball|\bthat's|\bthat is|\bjust|\bquite)\s+$", re.IGNORECASE)


def mirror_sample(sample: Sample) -> Sample:
    """Return a sample as it is true of the mirrored clip: turns, class, and texts among what else is known.

    Numbers stay: a box in ``meta`` would have to be mirrored by whoever knows its layout.
    """
    return replace(
        sample,
        turns=mirror_turns(sample.turns),
        label=swap_sides(sample.label) if sample.label is not None else None,
        meta={key: _mirror_value(value) for key, value in sample.meta.items()},
    )


def mirror_turns(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """Return what is said, as it is true of the mirrored clip."""
    return tuple(
        replace(
            turn,
            text=swap_sides(turn.text),
            asides=tuple(replace(aside, text=swap_sides(aside.text)) for aside in turn.asides),
        )
        for turn in turns
    )


def swap_sides(text: str) -> str:
    """Return ``text`` as it reads for the mirrored clip.

    Example:
        >>> swap_sides("Left knee drifts; rotate the right foot clockwise, right now.")
        'Right knee drifts; rotate the left foot counterclockwise, right now.'
    """
    return _SIDE.sub(_swap_one, text)


def _swap_one(match: re.Match[str]) -> str:
    word = match.group(0)
    is_right = word.lower() == "right"
    if is_right and (
        _NOT_A_SIDE_AFTER.match(match.string, match.end()) or _NOT_A_SIDE_BEFORE.search(match.string[: match.start()])
    ):
        return word
    other = _SIDES[word.lower()]
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _mirror_value(value: Any) -> Any:
    if isinstance(value, str):
        return swap_sides(value)
    if isinstance(value, list):
        return [_mirror_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _mirror_value(item) for key, item in value.items()}
    return value
