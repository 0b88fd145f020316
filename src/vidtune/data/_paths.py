"""Paths as people write them in annotation files: compared part by part, never touched on disk."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Sequence

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".ts", ".mpg", ".mpeg", ".flv", ".wmv"})
"""Of files that are taken for videos where nothing else says so."""


def path_parts(written: str) -> tuple[str, ...]:
    r"""Return the parts of a written path; backslashes separate too, empty parts and ``.`` say nothing.

    Example:
        >>> path_parts("./squats\\1.mp4")
        ('squats', '1.mp4')
    """
    return tuple(part for part in written.replace("\\", "/").split("/") if part not in ("", "."))


def clean_path(written: str) -> str:
    """Return a written path in one spelling, so that two spellings of one clip compare equal."""
    return "/".join(path_parts(written))


def compose(name: str) -> str:
    r"""Return a name with every accent as a part of its letter (NFC): two spellings that look alike compare equal.

    Example:
        >>> compose("U\u0308bung") == "\u00dcbung"
        True
    """
    return unicodedata.normalize("NFC", name)


def without_suffix(path: str) -> str:
    """Return a clean path without its file's suffix; digits after a dot are none: LSMDC's ids end in a time.

    Example:
        >>> without_suffix("squats/1.mp4"), without_suffix("film_00.00.54.129")
        ('squats/1', 'film_00.00.54.129')
    """
    stem, suffix = posixpath.splitext(path)
    return path if suffix[1:].isdigit() else stem


def has_video_suffix(path: str) -> bool:
    """Whether a written path ends as a video file does; many data sets name a clip by its id alone."""
    return posixpath.splitext(path)[1].lower() in VIDEO_SUFFIXES


def parent_name(written: str) -> str:
    """Return the name of the folder a written path ends in, "" when it names none."""
    parts = path_parts(written)
    return parts[-2] if len(parts) > 1 else ""


def num_shared_tail(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many parts two paths have in common, counted from the file name."""
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
