"""What is to be read for a sample: a video file, or some images of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vidtune.data._samples import Sample
from vidtune.data._videos import resolve_video
from vidtune.media import FrameFolder


def clip_source(sample: Sample, videos_root: Path | str) -> Path | FrameFolder:
    """Return the file of a sample's clip, or the folder with the frames that make it up.

    Frames are those that the data names (``frames`` in the sample's meta), or all of the folder.

    Raises:
        VideoMissing: If there is neither.
    """
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
        if "start_s" in sample.meta and "frames" not in sample.meta:
            by_video.setdefault(sample.video, []).append((sample.meta["start_s"], sample.meta.get("end_s")))
    parts = [found for found in by_video.values() if any(part != found[0] for part in found)]
    if not parts:
        return []
    return [
        f"{sum(map(len, parts))} samples about {len(parts)} recording(s) name parts by start_s and end_s, and are each "
        "shown with the whole recording: cut the parts into files of their own to have them shown alone."
    ]
