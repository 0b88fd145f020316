"""What is to be read for a sample: a video file, or some images of a folder."""

from __future__ import annotations

from pathlib import Path

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
