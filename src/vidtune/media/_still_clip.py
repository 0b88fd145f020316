"""Clips that are stills already: a folder of image files, or frames in memory. Every frame can be had by itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vidtune.core.errors import VideoMissing, VideoTooLarge, VideoUnreadable
from vidtune.media._clip import (
    PacketSizes,
    Scan,
    SourceFacts,
    Wanted,
    WantedScan,
    assemble,
    assemble_scan,
    chosen_indices,
    scanned_indices,
)
from vidtune.media._container import Deadline, check_file
from vidtune.media._frameset import FrameSet
from vidtune.media._limits import ReadLimits
from vidtune.media._picture import Picture, scaled_size
from vidtune.media._probe import VideoInfo
from vidtune.media._timeline import Timeline

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_NUMBERED = re.compile(r"(?:(?P<video>.*)[_-])?(?P<number>\d+)")
DEFAULT_FPS = 25.0
_TICKS_A_SECOND = 90_000


@dataclass(frozen=True)
class FrameFolder:
    """A folder of image files named ``<video>_<n>.jpg`` or ``<n>.jpg``, ``n`` counting frames of the source video."""

    path: Path
    fps: float = DEFAULT_FPS
    """Frames a second of the source video, which the files cannot tell: ``n`` over this is a time."""

    names: tuple[str, ...] = ()
    """Of the frames that make up the clip, with or without suffix; empty for all files of the folder."""


class Stills(Protocol):
    """Pictures by place."""

    def picture(self, index: int, max_side_px: int | None) -> Picture:
        """Return one picture, scaled down to ``max_side_px``."""

    def size_bytes(self, index: int) -> int:
        """Return how much room it takes where it lies."""

    def sha256(self) -> str:
        """Return the hash of all of them."""


class StillClip:
    """A clip of which every frame can be had by itself."""

    def __init__(self, info: VideoInfo, timeline: Timeline, stills: Stills, timeout_s: float) -> None:
        self.info = info
        self._timeline = timeline
        self._stills = stills
        self._timeout_s = timeout_s

    def decode(self, wanted: Wanted) -> FrameSet:
        """Return the frames on screen at the wanted times; there is no other mode than exact."""
        wanted = Wanted(wanted.times_s, wanted.max_side_px, "exact", wanted.start_s, wanted.end_s)
        indices = chosen_indices(self._timeline, wanted)
        pictures = self._pictures(indices, wanted.max_side_px)
        return assemble(self._timeline, indices, pictures, wanted, SourceFacts(self._stills.sha256()))

    def scan(self, wanted: WantedScan) -> Scan:
        """Return small frames at about the wanted rate."""
        indices = scanned_indices(self._timeline, wanted)
        pictures = self._pictures(indices, wanted.max_side_px)
        if wanted.is_grey:
            pictures = {index: _greyed(picture) for index, picture in pictures.items()}
        return assemble_scan(self._timeline, indices, pictures, self.info)

    def packet_sizes(self) -> PacketSizes:
        """Return the room that each frame takes; each is a key frame."""
        num_frames = self._timeline.num_frames
        return PacketSizes(
            np.array([self._timeline.span_of(index)[0] for index in range(num_frames)], dtype=np.float64),
            np.array([self._stills.size_bytes(index) for index in range(num_frames)], dtype=np.int64),
            np.ones(num_frames, dtype=np.bool_),
        )

    def _pictures(self, indices: Sequence[int], max_side_px: int | None) -> dict[int, Picture]:
        deadline = Deadline(self.info.path, self._timeout_s)
        pictures = {}
        for index in sorted(set(indices)):
            deadline.check()
            pictures[index] = self._stills.picture(index, max_side_px)
        return pictures


def open_folder(folder: FrameFolder, limits: ReadLimits) -> StillClip:
    """Open a folder of frames.

    Raises:
        VideoMissing: If the folder or a named frame is not there.
        VideoUnreadable: If it holds no image, or its files are not numbered, or belong to several videos.
        VideoTooLarge: If it passes ``limits``.
    """
    files, numbers = _find_frames(folder)
    if len(files) > limits.max_frames:
        raise VideoTooLarge(
            f"{folder.path} has {len(files):,} frames, the limit is {limits.max_frames:,}.", "Name fewer frames."
        )
    stills = _FileStills(files, limits)
    first = stills.picture(0, None).pixels_hwc
    stills.size_hw = (first.shape[0], first.shape[1])
    timeline = _evenly(numbers, folder.fps)
    if timeline.duration_s > limits.max_duration_s:
        raise VideoTooLarge(
            f"{folder.path} lasts {timeline.duration_s:,.1f} s at {folder.fps:g} frames a second, the limit is "
            f"{limits.max_duration_s:,} s.",
            "Check the rate, or raise limits.max_duration_s.",
        )
    size_bytes = sum(stills.size_bytes(index) for index in range(len(files)))
    return StillClip(_info(folder.path, "folder", first, timeline, size_bytes), timeline, stills, limits.timeout_s)


def open_frames(source: FrameSet, limits: ReadLimits) -> StillClip:
    """Open frames that are in memory."""
    first_s = source.times_s[0]
    ticks = [round((time_s - first_s) * _TICKS_A_SECOND) for time_s in source.times_s]
    if any(later <= earlier for earlier, later in zip(ticks, ticks[1:], strict=False)):
        raise ValueError("frames in memory must be at ascending times; read the clip without padding first.")
    end_tick = ticks[-1] + max(1, round(_TICKS_A_SECOND / source.fps))
    timeline = Timeline(tuple(ticks), end_tick, Fraction(1, _TICKS_A_SECOND), tuple(ticks))
    frames_thwc = source.frames_thwc
    info = _info(Path("(frames in memory)"), "memory", frames_thwc[0], timeline, frames_thwc.nbytes)
    return StillClip(info, timeline, _MemoryStills(frames_thwc), limits.timeout_s)


class _FileStills:
    """Image files."""

    def __init__(self, files: Sequence[Path], limits: ReadLimits) -> None:
        self._files = files
        self._limits = limits
        self.size_hw: tuple[int, int] | None = None
        """Of the first; the others must have it too."""

    def picture(self, index: int, max_side_px: int | None) -> Picture:
        from PIL import Image

        path = self._files[index]
        check_file(path, self._limits)
        try:
            with Image.open(path, formats=_FORMATS) as image:
                return self._upright(path, image, max_side_px)
        except (OSError, ValueError, SyntaxError) as exc:
            reason = str(exc).rstrip(".")
            raise VideoUnreadable(f"{path} is not a readable image: {reason}.", "Export the frame again.") from exc

    def _upright(self, path: Path, image: Image.Image, max_side_px: int | None) -> Picture:
        from PIL import ImageOps

        if image.width * image.height > self._limits.max_pixels:
            raise VideoTooLarge(
                f"{path} has {image.width * image.height:,} pixels, the limit is {self._limits.max_pixels:,}.",
                "Scale it down, or raise limits.max_pixels.",
            )
        upright = _eight_bit(path, ImageOps.exif_transpose(image)).convert("RGB")
        if self.size_hw not in (None, (upright.height, upright.width)):
            raise VideoUnreadable(
                f"{path} is {upright.width} x {upright.height}, the first frame is "
                f"{self.size_hw[1]} x {self.size_hw[0]}.",
                "Frames of one clip have one size: export them again.",
            )
        return Picture(_scaled(np.asarray(upright, dtype=np.uint8), max_side_px), 0, False)

    def size_bytes(self, index: int) -> int:
        return self._files[index].stat().st_size

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for path in self._files:
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


class _MemoryStills:
    """An array."""

    def __init__(self, frames_thwc: NDArray[np.uint8]) -> None:
        self._frames_thwc = frames_thwc

    def picture(self, index: int, max_side_px: int | None) -> Picture:
        return Picture(_scaled(self._frames_thwc[index], max_side_px), 0, False)

    def size_bytes(self, index: int) -> int:
        return int(self._frames_thwc[index].nbytes)

    def sha256(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self._frames_thwc).data).hexdigest()


def _eight_bit(path: Path, image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits a channel; Pillow itself would cut every value above 255.

    Raises:
        VideoUnreadable: If nothing says which of its values is white.
    """
    from PIL import Image

    if image.mode in ("I", "F"):
        raise VideoUnreadable(
            f"{path} holds {'32-bit whole' if image.mode == 'I' else 'real'} numbers, of which nothing says what is "
            "white.",
            "Export the frames with 8 or 16 bits a channel.",
        )
    if not image.mode.startswith("I;16"):
        return image
    grey = np.asarray(image).astype(np.uint32)
    return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))


def _find_frames(folder: FrameFolder) -> tuple[list[Path], list[int]]:
    """Return the files of a clip and their numbers, ascending."""
    if not folder.path.is_dir():
        raise VideoMissing(f"{folder.path} is not a folder, expected frames named <video>_<n>.jpg.", "Check the path.")
    images = [path for path in folder.path.iterdir() if path.suffix.lower() in _SUFFIXES]
    if folder.names:
        by_name = {path.name: path for path in images} | {path.stem: path for path in images}
        absent = [name for name in folder.names if name not in by_name]
        if absent:
            raise VideoMissing(
                f"{folder.path} lacks {len(absent)} of {len(folder.names)} named frames, the first is {absent[0]!r}.",
                "Check the names, or extract the frames again.",
            )
        images = [by_name[name] for name in folder.names]
    if not images:
        raise VideoUnreadable(
            f"{folder.path} is a folder, expected a video file, or frames named <video>_<n>.jpg in the folder.",
            "Check the path.",
        )
    found = sorted((_number_of(path), path) for path in images)
    videos = sorted({video for (video, _), _ in found})
    if len(videos) > 1:
        raise VideoUnreadable(
            f"{folder.path} holds frames of {len(videos)} videos ({', '.join(map(repr, videos[:3]))} ...).",
            "Give a folder with one, or name the frames.",
        )
    numbers = [number for (_, number), _ in found]
    if len(set(numbers)) < len(numbers):
        raise VideoUnreadable(f"{folder.path} holds two files of one frame number.", "Remove one of each pair.")
    return [path for _, path in found], numbers


def _number_of(path: Path) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(path.stem)
    if match is None:
        raise VideoUnreadable(
            f"{path} has no frame number, expected a name such as <video>_<n>.jpg.", "Rename the frames."
        )
    return match["video"] or "", int(match["number"])


def _evenly(numbers: Sequence[int], fps: float) -> Timeline:
    """Return the timeline of frames with these numbers; the last one stays as long as the usual gap."""
    tick_s = Fraction(1) / Fraction(fps).limit_denominator(_TICKS_A_SECOND)
    gaps = sorted(later - earlier for earlier, later in zip(numbers, numbers[1:], strict=False))
    last = gaps[len(gaps) // 2] if gaps else 1
    ticks = tuple(number - numbers[0] for number in numbers)
    return Timeline(ticks, ticks[-1] + last, tick_s, ticks)


def _info(path: Path, container: str, first_hwc: NDArray[np.uint8], timeline: Timeline, size_bytes: int) -> VideoInfo:
    return VideoInfo(
        path=path,
        container=container,
        codec="stills",
        width_px=first_hwc.shape[1],
        height_px=first_hwc.shape[0],
        fps=timeline.fps,
        duration_s=timeline.duration_s,
        num_frames=timeline.num_frames,
        size_bytes=size_bytes,
        has_audio=False,
    )


def _scaled(pixels_hwc: NDArray[np.uint8], max_side_px: int | None) -> NDArray[np.uint8]:
    from PIL import Image

    height_px, width_px, _ = pixels_hwc.shape
    size = scaled_size(width_px, height_px, max_side_px)
    if size == (width_px, height_px):
        return pixels_hwc
    return np.asarray(Image.fromarray(pixels_hwc).resize(size, Image.Resampling.BOX), dtype=np.uint8)


def _greyed(picture: Picture) -> Picture:
    from PIL import Image

    grey = np.asarray(Image.fromarray(picture.pixels_hwc).convert("L"), dtype=np.uint8)
    return Picture(grey[:, :, None], picture.rotation_deg, picture.is_damaged)
