"""What is to be read for a sample: a video file, some images of a folder, or a part of either."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vidtune.data._samples import Sample
from vidtune.data._videos import resolve_video
from vidtune.media import ClipPart, FrameFolder


def clip_source(sample: Sample, videos_root: Path | str) -> Path | FrameFolder | ClipPart:
    """Return the file of a sample's clip, the folder with the frames that make it up, or the part of it that is meant.

    Frames are those that the data names (``frames`` in the sample's meta), or all of the folder; the part is that of
    ``video_start_s`` and ``video_end_s``.

    Raises:
        VideoMissing: If there is neither.
    """
    source = _whole_clip(sample, videos_root)
    start_s, end_s = sample.meta.get("video_start_s", 0.0), sample.meta.get("video_end_s")
    return source if not start_s and end_s is None else ClipPart(source, start_s, end_s)


def clip_name(sample: Sample) -> str:
    """Return what is shown of a sample as one text: its video and, of a window, the part of it or its frames."""
    part = [str(sample.meta[key]) for key in ("video_start_s", "video_end_s") if key in sample.meta]
    frames = sample.meta.get("frames")
    return " ".join([sample.video, *part, *(map(str, frames) if isinstance(frames, list) else ())])


def _whole_clip(sample: Sample, videos_root: Path | str) -> Path | FrameFolder:
    path = resolve_video(sample, videos_root)
    if not path.is_dir():
        return path
    named = sample.meta.get("frames")
    names = tuple(str(name) for name in named) if isinstance(named, list) else ()
    fps = sample.meta.get("fps")
    return (
        FrameFolder(path, fps=float(fps), names=names)
        if isinstance(fps, int | float)
        else FrameFolder(path, names=names)
    )


def note_windows(samples: Iterable[Sample]) -> list[str]:
    """Say in a sentence that samples are meant about parts of a recording and are shown with all of it; else nothing.

    One ``start_s`` for a clip may also be the stretch in which it shows its error: only where samples of one file
    differ in it are parts meant.
    """
    by_video: dict[str, list[tuple[Any, Any]]] = {}
    for sample in samples:
        if "start_s" in sample.meta and not sample.meta.keys() & {"frames", "video_start_s", "video_end_s"}:
            by_video.setdefault(sample.video, []).append((sample.meta["start_s"], sample.meta.get("end_s")))
    parts = [found for found in by_video.values() if any(part != found[0] for part in found)]
    if not parts:
        return []
    return [
        f"{sum(map(len, parts))} samples about {len(parts)} recording(s) name parts by start_s and end_s, and are each "
        "shown with the whole recording: name them video_start_s and video_end_s to have the parts shown alone."
    ]
