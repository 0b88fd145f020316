"""Open every video of a data set once, several at a time: what it is, or why it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidtune.core.errors import VidtuneError
from vidtune.core.progress import Progress, silent
from vidtune.data._probe_each import probe_each
from vidtune.data._samples import Sample
from vidtune.data._videos import resolve_video

if TYPE_CHECKING:
    from vidtune.media import VideoInfo


@dataclass(frozen=True)
class ProbedVideo:
    """One video as written in the annotation, and what became of it."""

    video: str
    path: Path | None
    info: VideoInfo | None
    error: VidtuneError | None


def probe_videos(
    samples: Sequence[Sample], videos_root: Path | str, *, timeout_s: float = 10.0, progress: Progress = silent
) -> list[ProbedVideo]:
    """Find and probe each video that ``samples`` name, once.

    Args:
        samples: Whose videos.
        videos_root: Folder of the videos.
        timeout_s: For one file; a file that takes longer is reported, the others go on.
        progress: Called as files are finished.
    """
    # The media room loads PyAV; reading annotations should not.
    from vidtune.media import ReadLimits, probe_video

    limits = ReadLimits(timeout_s=timeout_s)

    def probe(sample: Sample) -> ProbedVideo:
        path: Path | None = None
        try:
            path = resolve_video(sample, videos_root)
            return ProbedVideo(sample.video, path, probe_video(path, limits=limits), None)
        except VidtuneError as exc:
            return ProbedVideo(sample.video, path, None, exc)

    return probe_each(samples, lambda sample: sample.video, probe, progress, "probing videos")
