"""Write a whole physio data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vidtune.core.progress import Progress, silent
from vidtune.packs._encode import encode_mp4
from vidtune.packs._writing import Drawn, PackContent, write_pack
from vidtune.packs.physio._annotations import LICENCE, annotation_files, counts_of
from vidtune.packs.physio._clip import draw_take, plan_take
from vidtune.packs.physio._config import SPLITS, PhysioConfig
from vidtune.packs.physio._plan import ClipPlan, plan_clips

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other clips or sentences."""


@dataclass(frozen=True)
class PhysioSummary:
    """What was written."""

    folder: Path
    num_clips: int
    num_drawn: int
    """Clips made now."""
    num_kept: int
    """Clips found finished from an earlier, interrupted call."""
    num_subjects: int
    clips_per_split: dict[str, int]
    files_sha256: str
    """One hash over the hashes of all files: equal for equal data sets."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def synthesize(out_folder: Path, config: PhysioConfig, progress: Progress = silent) -> PhysioSummary:
    """Write the physio data set into ``out_folder``, or continue where an earlier call was stopped.

    The same config gives the same bytes, whatever the number of workers and however often it was interrupted.
    Raises what ``write_pack`` does.
    """
    plans = plan_clips(config)
    content = PackContent(
        name="physio",
        version=GENERATOR_VERSION,
        config=config,
        licence=LICENCE,
        plans={plan.video: plan for plan in plans},
        draw=partial(_draw_clip, config),
        annotate=partial(_annotate, plans),
        facts={"seed": config.seed, "num_clips": len(plans), "counts": counts_of(plans)},
        workers=config.workers,
    )
    written = write_pack(out_folder, content, progress)
    return PhysioSummary(
        folder=out_folder,
        num_clips=len(plans),
        num_drawn=written.num_drawn,
        num_kept=len(plans) - written.num_drawn,
        num_subjects=len({plan.subject_id for plan in plans}),
        clips_per_split={split: sum(plan.split == split for plan in plans) for split in SPLITS},
        files_sha256=written.files_sha256,
    )


def _draw_clip(config: PhysioConfig, plan: ClipPlan) -> Drawn:
    take = plan_take(config, plan)
    span = take.fault_span
    return encode_mp4(draw_take(config, plan, take), config.fps, crf=take.crf), {
        "num_frames": len(take.times_s),
        "start_s": span.start_s if span else None,
        "end_s": span.end_s if span else None,
        "error_frames": list(span.frames) if span else [],
    }


def _annotate(plans: Sequence[ClipPlan], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return annotation_files(plans, {record["video"]: record for record in records})
