"""Write an export folder: staged beside its place, measured, and moved there in one rename when it is complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from vidtune.core.durable import fsync_folder, raise_if_disk_full
from vidtune.core.errors import BadUsage

FAILED_SUFFIX = ".failed"
"""Where an export goes whose certificate does not hold: nobody should deploy it by mistake."""


def require_free(target: Path) -> None:
    """Check that nothing would be overwritten.

    Raises:
        BadUsage: If ``target`` is there and is not an empty folder.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadUsage(f"{target} exists already.", "Give another --out, or remove it.")


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; it is removed afterwards unless it was moved away.

    Raises:
        DiskFull: If there is no room.
    """
    staged = target.with_name(f"{target.name}.part")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        yield staged
    except (OSError, SafetensorError) as exc:
        shutil.rmtree(staged, ignore_errors=True)  # before what is free is told: its own parts are not in the way
        raise_if_disk_full(exc, target, None)
        raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def publish(staged: Path, target: Path, *, has_passed: bool) -> Path:
    """Move a complete folder to ``target``, or beside it if its certificate does not hold, and return where it is."""
    place = target if has_passed else target.with_name(target.name + FAILED_SUFFIX)
    for file in sorted(path for path in staged.rglob("*") if path.is_file()):
        file.chmod(0o644)  # safetensors writes 0600; results are shared with colleagues
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    shutil.rmtree(place, ignore_errors=True)
    staged.rename(place)
    fsync_folder(place.parent)
    return place


def size_on_disk(folder: Path) -> int:
    """Return the bytes of all files below ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
