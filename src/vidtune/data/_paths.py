"""Paths as people write them in annotation files: compared part by part, never touched on disk."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence


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


def without_suffix(path: str) -> str:
    """Return a clean path without its file's suffix."""
    return posixpath.splitext(path)[0]


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
