"""Write a whole data set of long videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vidtune.core.progress import Progress, silent
from vidtune.packs._encode import encode_mp4
from vidtune.packs._writing import Drawn, PackContent, write_pack
from vidtune.packs.longvideo._annotations import LICENCE, VIDEO_FOLDER, annotation_files, counts_of, video_name
from vidtune.packs.longvideo._config import LongvideoConfig
from vidtune.packs.longvideo._draw import draw_video
from vidtune.packs.longvideo._plan import VideoPlan, plan_video

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other videos or questions."""

_CRF = 26
_KEYFRAME_EVERY_S = 10


@dataclass(frozen=True)
class LongvideoSummary:
    """What was written."""

    folder: Path
    num_videos: int
    num_drawn: int
    """Videos made now; the others were found finished."""

    num_questions: int
    duration_s: float
    """Of all videos together."""

    files_sha256: str
    """One hash over the hashes of all files: equal for equal data sets."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def synthesize(out_folder: Path, config: LongvideoConfig, progress: Progress = silent) -> LongvideoSummary:
    """Write the data set into ``out_folder``, or continue where an earlier call was stopped.

    The same config gives the same bytes, whatever the number of workers and however often it was interrupted.
    Raises what ``write_pack`` does.
    """
    plans = [plan_video(config, index) for index in range(config.num_videos)]
    content = PackContent(
        name="longvideo",
        version=GENERATOR_VERSION,
        config=config,
        licence=LICENCE,
        plans={f"{VIDEO_FOLDER}/{video_name(plan)}": plan for plan in plans},
        draw=partial(_draw_one, config),
        annotate=partial(_annotate, config, plans),
        facts={"seed": config.seed, "num_videos": len(plans), "counts": counts_of(plans)},
        workers=config.workers,
    )
    written = write_pack(out_folder, content, progress)
    return LongvideoSummary(
        folder=out_folder,
        num_videos=len(plans),
        num_drawn=written.num_drawn,
        num_questions=sum(len(plan.questions) for plan in plans),
        duration_s=round(sum(plan.duration_s for plan in plans), 3),
        files_sha256=written.files_sha256,
    )


def _draw_one(config: LongvideoConfig, plan: VideoPlan) -> Drawn:
    return encode_mp4(draw_video(config, plan), config.fps, crf=_CRF, keyframe_every_s=_KEYFRAME_EVERY_S), {}


def _annotate(
    config: LongvideoConfig, plans: Sequence[VideoPlan], records: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return annotation_files(config, plans)
