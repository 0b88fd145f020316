"""Conditions: what a model is shown or hears instead of a clip, to learn whether it looks and listens. One file each.

A condition is a file of the folder ``conditions``. The prediction run around it is an ordinary one: its recipe names
the condition, and its records have the answers, the frames that were shown and the errors.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vidtune.core.errors import BadData, BadUsage
from vidtune.core.registry import Registry, parts_in_folder

if TYPE_CHECKING:
    from vidtune.data import Sample
    from vidtune.media import FrameSet, Sound


class ConditionImpossible(BadData):
    """A sample cannot be asked under a condition: there is nothing to change about its clip."""

    code = "condition_impossible"


@dataclass(frozen=True)
class Condition:
    """One way of showing a model something else than the clip that it is asked about."""

    label: str
    """Name for people, such as ``reversed video``."""

    removes: Literal["content", "order", "motion", "sound"]
    """What the model cannot have seen: anything of the clip, in which order its frames come, more than one moment; or
    what it cannot have heard."""

    matters: str
    """What it shows when the real video gets more, in a few words."""

    matters_not: str
    """What it shows when the real video gets no more."""

    show: Callable[[FrameSet], FrameSet] | None = None
    """Returns what is shown of a clip, with as many frames; None shows its frames as they are."""

    borrow: Callable[[Sequence[Sample]], Mapping[str, Sample]] | None = None
    """Returns, by sample id, the sample whose clip is shown instead; a sample that is not in it cannot be asked."""

    has_clip: bool = True
    """Whether anything is shown at all."""

    min_moments: int = 1
    """Different frames that a clip must have for the condition to change anything."""

    hear: Callable[[Sound], Sound] | None = None
    """Returns what is heard of a sound; None leaves it as it is."""

    borrow_sound: Callable[[Sequence[Sample]], Mapping[str, Sample]] | None = None
    """Returns, by sample id, the sample whose sound is heard instead, as ``borrow`` does for clips."""

    @property
    def is_about_sound(self) -> bool:
        """Whether it changes what is heard, and leaves the frames as they are."""
        return self.removes == "sound"

    def shown(self, frames: FrameSet) -> FrameSet:
        """Return what the model is shown of a clip.

        Raises:
            ConditionImpossible: If the condition would change nothing, because the frames are one moment repeated.
        """
        num_moments = len(set(frames.indices))
        if num_moments < self.min_moments:
            raise ConditionImpossible(
                f"the model is shown {num_moments} different frame(s) of the clip, and {self.label} needs "
                f"{self.min_moments}.",
                "Predict with more frames (sampling.num_frames) to probe this.",
            )
        return frames if self.show is None else self.show(frames)

    def heard(self, sound: Sound | None) -> Sound | None:
        """Return what the model hears with a clip.

        Raises:
            ConditionImpossible: If the condition is about sound, and there is none.
        """
        if self.is_about_sound and sound is None:
            raise ConditionImpossible(
                f"the sample has no sound, and {self.label} changes nothing else.", "Probe samples with sound."
            )
        return sound if self.hear is None or sound is None else self.hear(sound)


_folder = importlib.import_module("vidtune.inference.conditions")
probe_conditions: Registry[Condition] = Registry(
    "condition", parts_in_folder(_folder.__name__, _folder.__path__, "CONDITION")
)
"""All conditions by name; packages add theirs through the entry-point group ``vidtune.condition``."""


def find_condition(name: str | None) -> Condition | None:
    """Return the condition of that name, or None for None.

    Raises:
        BadUsage: If there is none of that name.
    """
    if name is None:
        return None
    try:
        return probe_conditions.get(name)
    except LookupError as exc:
        raise BadUsage(str(exc), "Name a condition, or leave it out to show clips as they are.") from exc


def clip_number(frames: FrameSet, purpose: str) -> int:
    """Return a number that depends on the clip's content and ``purpose`` alone: what is drawn for it is repeatable."""
    return int.from_bytes(hashlib.sha256(f"{purpose}/{frames.source_sha256}".encode()).digest()[:8], "big")
