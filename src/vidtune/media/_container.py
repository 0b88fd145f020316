"""Open a video file safely, and turn whatever goes wrong with it into a named error.

This module is the edge at which PyAV's exceptions stop. It opens regular files of known containers only (playlists
that name other files are not among them), looks at codec and limits before a frame is decoded, and keeps the time.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vidtune.core.errors import (
    VideoEmpty,
    VideoMissing,
    VideoTimeout,
    VideoTooLarge,
    VideoUnreadable,
    VidtuneError,
)
from vidtune.media._limits import ReadLimits
from vidtune.media._starved import Starvation

# FFmpeg opens playlists (ffconcat, m3u8, sdp, ...) under any file name and reads the files they point to.
# Only this option stops it: a protocol whitelist does not.
CONTAINER_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,dv,ivf"

# A codec whitelist has no effect through this binding, so the header's codec is compared before the first decode.
_CODECS = frozenset(
    "h264 hevc vp8 vp9 av1 libdav1d mpeg4 mpeg2video mpeg1video mjpeg prores dnxhd h263 flv theora ffv1 huffyuv "
    "utvideo rawvideo msmpeg4v2 msmpeg4v3 msmpeg4 wmv1 wmv2 wmv3 vc1 dvvideo png libvpx libvpx-vp9".split()
)

_FOREIGN = (
    av.FFmpegError,
    OSError,
    EOFError,
    UnicodeError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    RuntimeError,
)
_REMEDY = "Fetch or export the file again, or leave it out of the data set."


@dataclass(frozen=True)
class ClipFile:
    """A file to read, and what messages call it: bytes in memory are read through a file without a name."""

    path: Path
    label: str

    def __str__(self) -> str:
        return self.label

    @classmethod
    def of(cls, path: Path | ClipFile) -> ClipFile:
        """Return a path under its own name."""
        return path if isinstance(path, ClipFile) else cls(path, str(path))


class Deadline:
    """The wall-clock time that one clip may take, without what this process waited for a core."""

    def __init__(self, path: Path | ClipFile, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s
        self._starvation = Starvation(timeout_s)

    @property
    def remaining_s(self) -> float:
        """Seconds left, never less than a millisecond."""
        return max(1e-3, self._end_s - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Give the clip more time, for what it was not to blame for."""
        self._end_s += seconds

    def check(self) -> None:
        """Raise ``VideoTimeout`` when the time is over."""
        while time.monotonic() > self._end_s:
            given_back_s = self._starvation.give_back_s()
            if not given_back_s:
                raise VideoTimeout(
                    f"{self._path} was not read within {self._timeout_s:g} s.",
                    "Look at the file, or give it more time with limits.timeout_s.",
                )
            self.extend(given_back_s)


@contextmanager
def opened_video(
    path: Path | ClipFile, limits: ReadLimits, deadline: Deadline
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open ``path`` and yield it with its video stream, header checked against ``limits``.

    Inside the block PyAV's exceptions become ``VideoUnreadable``; nothing else should run there.
    """
    with translated(path, deadline):
        container, stream = open_container(path, limits, deadline)
        try:
            yield container, stream
        finally:
            container.close()


@contextmanager
def translated(
    path: Path | ClipFile, deadline: Deadline, unreadable: type[VidtuneError] = VideoUnreadable
) -> Iterator[None]:
    """Turn what PyAV raises inside the block into a named error; nothing else should run there."""
    clip = ClipFile.of(path)
    try:
        yield
    except MemoryError as exc:
        raise VideoTooLarge(
            f"{clip} needs more memory than there is, whatever its header says.",
            "Leave it out, scale it down, or raise limits.max_memory_bytes.",
        ) from exc
    except _FOREIGN as exc:
        deadline.check()
        raise unreadable(f"{clip} cannot be read: {_what_is_wrong(clip.path, exc)}.", _REMEDY) from exc


def open_container(path: Path | ClipFile, limits: ReadLimits, deadline: Deadline) -> tuple[InputContainer, VideoStream]:
    """Open ``path``, header checked; the caller closes it, inside ``translated``."""
    clip = ClipFile.of(path)
    check_file(clip, limits)
    container = av.open(
        os.path.abspath(clip.path),  # a name such as "http:..." or "-" is a file too
        options={"format_whitelist": CONTAINER_FORMATS, "protocol_whitelist": "file"},
        metadata_errors="replace",
        timeout=(deadline.remaining_s,) * 2,
    )
    try:
        stream = _video_stream(clip, container)
        _check_header(clip, container, stream, limits)
    except BaseException:
        container.close()
        raise
    return container, stream


def check_file(path: Path | ClipFile, limits: ReadLimits) -> None:
    """Refuse what is not a readable, non-empty regular file.

    Raises:
        VideoMissing: If nothing is there (a dangling link included).
        VideoUnreadable: If it is a folder, a pipe, a device, or may not be read.
        VideoEmpty: If it has no bytes.
        VideoTooLarge: If it has more bytes than ``limits`` allows.
    """
    clip = ClipFile.of(path)
    try:
        status = clip.path.stat()
    except (FileNotFoundError, NotADirectoryError) as exc:
        found = "a link to nothing" if clip.path.is_symlink() else "nothing"
        raise VideoMissing(f"{clip} does not exist, found {found}.", "Check the video folder and the path.") from exc
    except (OSError, ValueError) as exc:
        raise VideoUnreadable(f"{clip!s:.200} cannot be read: {exc}.", _REMEDY) from exc
    if not stat.S_ISREG(status.st_mode):
        raise VideoUnreadable(f"{clip} is a {_file_kind(status.st_mode)}, expected a video file.", "Check the path.")
    if status.st_size == 0:
        raise VideoEmpty(f"{clip} is empty (0 bytes).", _REMEDY)
    if status.st_size > limits.max_bytes:
        raise VideoTooLarge(
            f"{clip} has {status.st_size:,} bytes, the limit is {limits.max_bytes:,}.",
            "Cut the clip, or raise limits.max_bytes.",
        )
    if not os.access(clip.path, os.R_OK):
        raise VideoUnreadable(f"{clip} may not be read by this user (mode {status.st_mode & 0o777:o}).", "Run chmod.")


def time_base_of(stream: VideoStream) -> Fraction:
    """Return the seconds a tick of the stream takes."""
    if not stream.time_base:
        raise ValueError("the stream has no time base")
    return Fraction(stream.time_base)


def _video_stream(clip: ClipFile, container: InputContainer) -> VideoStream:
    # The cover picture of a sound file is stored as a video stream of one frame.
    streams = [item for item in container.streams.video if not item.disposition & Disposition.attached_pic]
    if not streams:
        if not container.streams:
            raise VideoEmpty(f"{clip} is a {container.format.long_name} file without a stream or frame.", _REMEDY)
        found = ", ".join(f"{item.type} ({_codec_name(item)})" for item in container.streams)
        raise VideoUnreadable(f"{clip} has no video stream, found {found}.", "Give a file with pictures.")
    return streams[0]


def _check_header(clip: ClipFile, container: InputContainer, stream: VideoStream, limits: ReadLimits) -> None:
    codec = _codec_name(stream)
    if codec not in _CODECS:
        raise VideoUnreadable(
            f"{clip} is coded as {codec!r}, which is not among the {len(_CODECS)} codecs that are read.",
            "Convert it to H.264 first.",
        )
    if stream.width < 1 or stream.height < 1:
        raise VideoUnreadable(f"{clip} has frames of {stream.width} x {stream.height} pixels.", _REMEDY)
    duration_s = _header_duration_s(container, stream)
    found = {
        "pixels a frame": (stream.width * stream.height, limits.max_pixels, "max_pixels"),
        "frames": (stream.frames, limits.max_frames, "max_frames"),
        "seconds": (duration_s, limits.max_duration_s, "max_duration_s"),
    }
    for unit, (value, limit, name) in found.items():
        if value > limit:
            raise VideoTooLarge(
                f"{clip} has {value:,} {unit}, the limit is {limit:,}.",
                f"Cut or scale the clip, or raise limits.{name}.",
            )


def _header_duration_s(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def _codec_name(stream: object) -> str:
    context = getattr(stream, "codec_context", None)
    return str(context.name) if context is not None else "unknown codec"


def _file_kind(mode: int) -> str:
    names = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return names.get(stat.S_IFMT(mode), "device")


def _what_is_wrong(path: Path, exc: BaseException) -> str:
    """Say what the file is, as far as its bytes tell; the decoder's own words are often vague."""
    reason = (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).strip().rstrip(".")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return reason
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _what_is_wrong_with_mp4(path) or reason
    if all(byte >= 0x20 or byte in b"\t\r\n" for byte in head):
        return f"it holds text ({head[:24].decode(errors='replace')!r} ...), not a video"
    return f"{reason} (the first bytes are {head[:8].hex(' ')})"


def _what_is_wrong_with_mp4(path: Path) -> str:
    """Walk the top-level boxes of an MP4 file: a cut shows as a box that ends after the file."""
    size_bytes = path.stat().st_size
    names: list[str] = []
    position = 0
    with path.open("rb") as file:
        while position + 8 <= size_bytes and len(names) < 1000:
            file.seek(position)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            names.append(header[4:8].decode("latin-1"))
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            length = length or size_bytes - position
            if length < 8:
                break
            position += length
    cut = f"the file is cut off at {size_bytes:,} of at least {position:,} bytes" if position > size_bytes else ""
    missing = "" if "moov" in names else "its index ('moov') is missing"
    return ", ".join(part for part in (missing, cut) if part)
