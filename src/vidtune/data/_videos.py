"""From the path in an annotation to the file on disk, in flat and nested folders, never outside of them."""

from __future__ import annotations

import difflib
import os
import time
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath

from vidtune.core.errors import VideoMissing
from vidtune.data._findings import shorten
from vidtune.data._paths import VIDEO_SUFFIXES, compose, has_video_suffix, num_shared_tail
from vidtune.data._samples import Sample

_MAX_NEAR_POOL = 2000
_MAX_SHOWN = 200
_FRESH_S = 2.0
_IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def resolve_video(sample: Sample, videos_root: Path | str) -> Path:
    """Return the file of a sample's clip, or the folder of its frames.

    Looked at, in this order: an absolute path as written; ``root/video``; ``root/basename``; the one file of that
    name anywhere below root. When several have the name, the one that shares most of the written folders is taken.
    There an accent may be a character of its own or a part of its letter: a disk formatted by macOS has it otherwise
    than a keyboard writes it.
    Many data sets name a clip by its id: a name without a video's suffix stands for the file of that stem, or for a
    folder of frames. A path with ``..`` is refused. An absolute path may lie outside root: whoever wrote the file named
    it in full.

    Raises:
        VideoMissing: Naming what was looked at and the nearest names, or all files that fit equally well.
    """
    return _folder_at(Path(videos_root)).find(sample.video)


@lru_cache(maxsize=8)
def _folder_at(root: Path) -> _VideoFolder:
    return _VideoFolder(root)


class _VideoFolder:
    """A folder of videos; its tree is listed only when a plain look-up fails, and then once for all samples."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths_by_name: dict[str, list[Path]] = {}
        self._listed_at_s = float("-inf")
        self._listing_took_s = 0.0

    def find(self, video: str) -> Path:
        written = PurePosixPath(video.replace("\\", "/"))
        if ".." in written.parts:
            raise VideoMissing(
                f"video {video!r} leaves the video folder with '..', expected a path inside it.",
                "Write the path relative to the video folder.",
            )
        # os.path.isfile and not Path.is_file: a name that is too long or holds a NUL is "no such file", not a crash.
        tried = [Path(video), self.root / video] if written.is_absolute() else [self.root / video]
        tried += [self.root / str(written).lstrip("/"), self.root / written.name]
        for path in tried:
            if written.name and os.path.isfile(path):
                return path
        if written.name and not has_video_suffix(written.name):
            found = _with_suffix(tried)
            if found is not None:
                return found
        return self._find_below(video, written, tried)

    def _find_below(self, video: str, written: PurePosixPath, tried: list[Path]) -> Path:
        if not self.root.is_dir():
            raise VideoMissing(
                f"video folder {self.root} does not exist or is not a folder.", "Give the folder that holds the videos."
            )
        spellings = [written.name]
        if not has_video_suffix(written.name):
            spellings += [written.name + suffix for suffix in sorted(VIDEO_SUFFIXES)]
        listed = self._listed()
        named_alike = [path for name in spellings for path in listed.get(compose(name), []) if os.path.isfile(path)]
        if not named_alike:
            places = ", ".join(dict.fromkeys(str(path) for path in tried))
            near = self._near_names(written.name)
            hint = f"The nearest names are {', '.join(near)}." if near else "Check the path and the video folder."
            raise VideoMissing(
                f"video {video!r} was not found: looked at {places}, and for {written.name!r} below {self.root} "
                f"({sum(map(len, self._paths_by_name.values())):,} files).",
                hint,
            )
        parts = _composed_parts(written)
        shared = [num_shared_tail(_composed_parts(path), parts) for path in named_alike]
        most = max(shared)
        best = [path for path, count in zip(named_alike, shared, strict=True) if count == most]
        if len(best) > 1:
            names = ", ".join(shorten(str(path.relative_to(self.root)), _MAX_SHOWN) for path in best[:5])
            raise VideoMissing(
                f"video {video!r} is ambiguous: {len(best)} files below {self.root} fit it ({names}).",
                "Write the path relative to the video folder.",
            )
        return best[0]

    def _listed(self) -> dict[str, list[Path]]:
        """Return all files by name; listed anew when the last listing is old against what it took."""
        began_s = time.monotonic()
        if began_s - self._listed_at_s > max(_FRESH_S, 10 * self._listing_took_s):
            self._paths_by_name = _list_tree(self.root)
            self._listed_at_s = time.monotonic()
            self._listing_took_s = self._listed_at_s - began_s
        return self._paths_by_name

    def _near_names(self, name: str) -> list[str]:
        names = list(self._paths_by_name)
        if len(names) > _MAX_NEAR_POOL:
            # Comparing with every name of a large folder would take longer than the check itself.
            names = [other for other in names if other[:4].lower() == name[:4].lower()][:_MAX_NEAR_POOL]
        # A name on disk need not be text: undecodable bytes would break the record that the message ends up in.
        return [shorten(near, _MAX_SHOWN) for near in difflib.get_close_matches(name, names, n=3, cutoff=0.7)]


def _composed_parts(path: PurePath) -> tuple[str, ...]:
    return tuple(map(compose, path.parts))


def _with_suffix(tried: list[Path]) -> Path | None:
    """Return the first clip that is written without its suffix, or folder of frames; a file goes before a folder."""
    for path in tried:
        for suffix in sorted(VIDEO_SUFFIXES):
            named = path.with_name(path.name + suffix)
            if os.path.isfile(named):
                return named
    return next((path for path in tried if _holds_images(path)), None)


def _holds_images(path: Path) -> bool:
    """Whether it is a folder with image files; one of videos is no clip."""
    if not os.path.isdir(path):
        return False
    with os.scandir(path) as entries:
        return any(os.path.splitext(entry.name)[1].lower() in _IMAGE_SUFFIXES for entry in entries)


def _list_tree(root: Path) -> dict[str, list[Path]]:
    """Return every file below root by its composed name; links to folders are followed, each folder once."""
    found: dict[str, list[Path]] = {}
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            found.setdefault(compose(name), []).append(Path(folder, name))
    return found
