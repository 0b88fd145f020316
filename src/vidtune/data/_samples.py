"""What travels through vidtune: a clip with what is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Aside:
    """Words that stand between the frames of a clip."""

    num_frames_before: int
    """After how many of its frames."""

    text: str


@dataclass(frozen=True)
class Turn:
    """One thing said, without media tags."""

    role: Role
    text: str
    asides: tuple[Aside, ...] = ()
    """Only of the first user turn, which the clip stands in, and only while a prompt is made: words between its frames,
    in their order."""


@dataclass(frozen=True)
class Sample:
    """One clip and the conversation about it."""

    sample_id: str
    """Unique in its file; written there, or derived from the video's path."""

    video: str
    """As written in the file; ``resolve_video`` finds the file it stands for."""

    turns: tuple[Turn, ...]
    """Optional system turn, then user and assistant in alternation. Where the last turn is the user's, no answer is
    known: the sample can be asked, and neither learned from nor scored."""

    split: str | None = None
    subject: str | None = None
    """Who is seen. Splits and intervals are grouped by it."""

    label: str | None = None
    """The class of the clip, e.g. the exercise."""

    meta: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else is known: JSON values only, e.g. ``errors`` and their times."""

    @property
    def prompt_turns(self) -> tuple[Turn, ...]:
        """All turns before the reference answer: what a model is given."""
        return self.turns[:-1] if self.is_answered else self.turns

    @property
    def is_answered(self) -> bool:
        """Whether the conversation ends in a reference answer."""
        return bool(self.turns) and self.turns[-1].role == "assistant"

    @property
    def question(self) -> str:
        """The last thing the user says; empty when there is none."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def answer(self) -> str:
        """The reference answer, the ground truth; empty when there is none."""
        return self.turns[-1].text if self.is_answered else ""


@dataclass(frozen=True)
class Dataset:
    """The samples of one annotation file, in its order; iterating gives them."""

    samples: tuple[Sample, ...]
    path: Path
    format: str
    """Name of the reader that understood the file."""

    sha256: str
    """Of the annotation file as it was read."""

    notes: tuple[str, ...] = ()
    """What was put up with while reading, in sentences."""

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def __len__(self) -> int:
        return len(self.samples)
