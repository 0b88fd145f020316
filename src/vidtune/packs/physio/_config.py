"""What may be chosen about a physio pack."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.packs.physio.exercises import exercises as known_exercises

SPLITS = ("train", "val", "test")


class PhysioConfig(Config):
    """A generated data set in the schema of QVED: people doing exercises, well or with a mistake."""

    num_clips: Annotated[int, Field(ge=3, le=100_000)] = 600
    """Clips in all three splits together."""

    val_share: Annotated[float, Field(gt=0, le=0.4)] = 0.2
    """Part of the clips, and of the people, for choosing between models."""

    test_share: Annotated[float, Field(gt=0, le=0.4)] = 0.2
    """Part of the clips, and of the people, for the last word. The rest is for training."""

    num_subjects: Annotated[int, Field(ge=3, le=10_000)] = 40
    """Different people. Nobody is in two splits."""

    size_px: Annotated[int, Field(ge=32, le=1080, multiple_of=2)] = 224
    """Shorter side of the picture."""

    fps: Annotated[int, Field(ge=5, le=60)] = 15
    """Frames per second of the clips, which last 2 to 4 seconds."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Decides everything. The same seed and config give the same bytes, whatever the number of workers."""

    imbalance: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    """How many times more clips the commonest exercise has than the rarest; 1 is balanced."""

    correct_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.34
    """Part of the clips without a mistake."""

    framing: Literal["square", "mixed"] = "square"
    """`square`: every clip is as wide as high. `mixed`: portrait and landscape clips too, as phones make them."""

    exercises: tuple[str, ...] = Field(default_factory=lambda: tuple(known_exercises.names()))
    """Which exercises, by QVED's class names; all by default."""

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """Processes that draw and encode. Has no effect on the bytes."""

    @model_validator(mode="after")
    def _every_class_fits_in_every_split(self) -> Self:
        unknown = sorted(set(self.exercises) - set(known_exercises.names()))
        if unknown or not self.exercises or len(set(self.exercises)) < len(self.exercises):
            raise ValueError(
                f"exercises={self.exercises} must name each of its exercises once, of: "
                f"{', '.join(known_exercises.names())}."
            )
        smallest = min(self.clips_per_split())
        if smallest < len(self.exercises):
            raise ValueError(
                f"num_clips={self.num_clips} leaves {smallest} clips in the smallest split, fewer than the "
                f"{len(self.exercises)} exercises; every split holds every exercise. "
                "Give more clips, a larger val_share and test_share, or fewer exercises."
            )
        return self

    def clips_per_split(self) -> tuple[int, ...]:
        """Return how many clips train, val and test hold; they add up."""
        return self._shared_out(self.num_clips)

    def subjects_per_split(self) -> tuple[int, ...]:
        """Return how many people train, val and test hold; at least one each, and they add up."""
        return self._shared_out(self.num_subjects)

    def _shared_out(self, total: int) -> tuple[int, ...]:
        val, test = (max(1, round(total * share)) for share in (self.val_share, self.test_share))
        return total - val - test, val, test
