"""Media that lie beside a report: the clip and the sound of a sample, where they are in the run directory itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from vidtune.reports._view import RunView

_CLIP_FOLDERS = (".", "clips", "videos")
_SOUND_FOLDERS = (*_CLIP_FOLDERS, "sounds")
_CLIP_SUFFIXES = frozenset({".mp4", ".m4v", ".webm", ".mov", ".mkv", ".ogv"})
_SOUND_SUFFIXES = frozenset({".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".oga", ".opus"}) | _CLIP_SUFFIXES


def find_clips(view: RunView) -> dict[str, str]:
    """Return where the clips lie that are beside the report, by video, as addresses within the run directory."""
    return _find(view, (row.shown_video for row in view.rows), _CLIP_FOLDERS, _CLIP_SUFFIXES)


def find_sounds(view: RunView) -> dict[str, str]:
    """Return where the sound files lie that are beside the report, by the name that the data give them."""
    return _find(view, (row.sound_file for row in view.rows), _SOUND_FOLDERS, _SOUND_SUFFIXES)


def inside(root: Path, path: Path) -> Path | None:
    """Return a file's real place if it is in the run: no record may put another file of the disk on the page."""
    try:
        place = path.resolve()
        return place if place.is_relative_to(root) and place.is_file() else None
    except (OSError, ValueError):
        return None


def _find(view: RunView, names: Iterable[str], folders: Iterable[str], suffixes: frozenset[str]) -> dict[str, str]:
    root = view.run.path.resolve()
    places = [place for place in folders if (root / place).is_dir()]
    found: dict[str, str] = {}
    for name in {name for name in names if name}:
        for place in places:
            path = inside(root, root / place / name)
            if path is not None and path.suffix.lower() in suffixes:
                found[name] = quote(str(path.relative_to(root)))
                break
    return found
