"""What the gates of an adapter that knows time did: the maps that training or prediction drew."""

from __future__ import annotations

import base64
from pathlib import Path

from vidtune.reports._grid import Picture, Section
from vidtune.reports._view import RunView

ORDER = 40
_MAX_PICTURES = 8
_MAX_BYTES = 2 * 1024 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def build(view: RunView) -> Section | None:
    """Return the section, or None where no adapter with gates left pictures."""
    paths = [*sorted(view.run.best.glob("gates*.png")), *sorted(view.run.figures.glob("gates*.png"))]
    pictures = [picture for path in paths if (picture := _read(path, view.run.path)) is not None]
    if not pictures:
        return None
    left_out = len(pictures) - _MAX_PICTURES
    notes = (f"{left_out} more lie beside this report.",) if left_out > 0 else ()
    return Section(
        name="gates",
        title="When the adapter acted",
        lead=(
            "Maps of the adapter's gates: which ranks each layer used at which frame. "
            "Bright is open. They show where the adapter acted, not that it was right to."
        ),
        notes=notes,
        pictures=tuple(pictures[:_MAX_PICTURES]),
    )


def _read(path: Path, root: Path) -> Picture | None:
    """Return a picture that lies in the run and is one; a link out of it is not followed."""
    if not path.resolve().is_relative_to(root.resolve()) or path.stat().st_size > _MAX_BYTES:
        return None
    content = path.read_bytes()
    if not content.startswith(_PNG):
        return None
    title = "all clips" if path.stem == "gates" else path.stem.removeprefix("gates-")
    return Picture(f"Gates: {title}", "data:image/png;base64," + base64.b64encode(content).decode())
