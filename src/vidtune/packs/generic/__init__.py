"""The generic pack: drawn people in any posture moving any limb, with captions and questions of known truth.

None of the physio pack's exercises is in it as such, and none of its names or sentences: it is what nano,
the embedded base model, learned to see from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidtune.core.progress import Progress, silent
from vidtune.packs.generic._clips import ClipPlan, frame_times, measure_truth, plan_clip, render_clip
from vidtune.packs.generic._language import (
    ACTIONS,
    CAPTION_REQUESTS,
    QUESTIONS,
    QuestionAnswer,
    ask,
    write_caption,
)
from vidtune.packs.generic._synthesize import GENERATOR_VERSION, GenericConfig, GenericSummary
from vidtune.packs.generic._synthesize import synthesize as _synthesize
from vidtune.packs.generic._truth import POSTURES, ClipTruth, MotionFact


@dataclass(frozen=True)
class GenericPack:
    """The pack as the registry offers it."""

    name: str = "generic"
    config_class: type[GenericConfig] = GenericConfig

    def synthesize(self, out_folder: Path, config: GenericConfig, progress: Progress = silent) -> GenericSummary:
        """Write the data set, or continue an unfinished one, and return what was written."""
        return _synthesize(Path(out_folder), config, progress)


PACK = GenericPack()

__all__ = [
    "ACTIONS",
    "CAPTION_REQUESTS",
    "GENERATOR_VERSION",
    "PACK",
    "POSTURES",
    "QUESTIONS",
    "ClipPlan",
    "ClipTruth",
    "GenericConfig",
    "GenericPack",
    "GenericSummary",
    "MotionFact",
    "QuestionAnswer",
    "ask",
    "frame_times",
    "measure_truth",
    "plan_clip",
    "render_clip",
    "write_caption",
]
