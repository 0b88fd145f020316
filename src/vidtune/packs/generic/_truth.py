"""What is true of one generated clip, as plain words and numbers. Nothing here draws or speaks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

POSTURES = (
    "standing",
    "bent forward",
    "crouching",
    "half kneeling",
    "kneeling",
    "sitting on the heels",
    "sitting on the floor",
    "on hands and knees",
    "on hands and toes",
    "on forearms and toes",
    "propped on one arm",
    "lying face up",
    "lying face down",
    "lying on the side",
)
"""Where the body rests; the words are also the answers."""

VIEWS = ("front", "front corner", "side", "back corner", "back", "head end", "foot end")
"""Of an upright body the first five; of a body that lies or is level: side, head end or foot end."""

BENDS = ("straight", "slightly bent", "half bent", "deeply bent")
TEMPOS = ("slow", "steady", "quick")
EXTENTS = ("small", "medium", "large")
TRUNKS = ("upright", "leaning", "level", "upside down")
SPREADS = ("close together", "a little apart", "wide apart")


@dataclass(frozen=True)
class MotionFact:
    """One movement: which part does what, how far, how fast, in which pattern."""

    part: str
    """Such as "left arm", "both legs" or "trunk"."""

    action: str
    """A key of the action table of the language module."""

    tempo: str
    extent: str

    pattern: str
    """``together``, ``alternating`` or ``single``: how the two sides share it."""

    num_cycles: float
    """How often the movement is made during the clip."""


@dataclass(frozen=True)
class ClipTruth:
    """All that the questions and captions of one clip may speak of. Sides are the person's own."""

    top: str
    trousers: str
    hair: str
    wall: str
    floor: str
    posture: str
    view: str

    facing: str
    """Seen in the picture: ``left``, ``right``, ``towards the camera`` or ``away from the camera``."""

    motions: tuple[MotionFact, ...]

    is_sequence: bool
    """True when the second motion starts where the first ends; else they happen at once."""

    left_knee: str
    right_knee: str
    left_elbow: str
    right_elbow: str
    """The four bends are the deepest of the clip."""

    more_bent_knee: str
    more_bent_elbow: str
    higher_hand: str
    """These three are ``left``, ``right`` or ``neither``, over the whole clip."""

    trunk: str
    feet: str
    hands: str

    def to_record(self) -> dict[str, Any]:
        """Return the truth as JSON values, for ``meta`` in the written pack."""
        return asdict(self)
