"""How good the pictures of each sample were: from a quality report in the run, else from what the model saw."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.reports._view import Row, RunView

TABLES = ("quality.json", "quality.csv", "exercise_analysis_report.csv")
"""Looked for in the run directory and in its folder ``doctor``, in this order."""

_MAX_STRIPS = 2_000
_TILES_A_ROW = 16


@dataclass(frozen=True)
class Quality:
    """Measures by sample."""

    source: str
    """Where they come from, as a sentence."""

    by_row: Mapping[int, Mapping[str, float]]
    """Row number -> measure -> value; a sample without pictures is absent."""


def read_quality(view: RunView) -> Quality | None:
    """Return what is known, or None where nothing is."""
    for folder in (view.run.path, view.run.path / "doctor", *sorted((view.run.path / "doctor").glob("*/"))):
        for name in TABLES:
            if (folder / name).is_file():
                known = _read_table(folder / name)
                found = {row.number: one for row in view.rows if (one := _find(row, known))}
                if found:
                    return Quality(f"Measured on the clips, from {name} in the run.", found)
    return _measure_strips(view)


def _read_table(path: Path) -> Mapping[str, Mapping[str, float]]:
    """Return measures by clip, of a CSV of `vidtune doctor` or JSON of records."""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        rows = json.loads(text) if path.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
    except (ValueError, csv.Error):
        return {}
    if isinstance(rows, Mapping):
        rows = [{"video": name, **one} for name, one in rows.items() if isinstance(one, Mapping)]
    found: dict[str, Mapping[str, float]] = {}
    for row in rows:
        measures = _measures_of(row)
        if measures:
            names = {str(row.get(key) or "").lstrip("'") for key in ("video", "file")} - {""}
            found |= {name: measures for name in names if name not in found}
    return found


def _measures_of(row: Mapping[str, Any]) -> dict[str, float]:
    found = {
        "sharpness": _float(row.get("sharpness")),
        "brightness": _float(row.get("brightness")),
        "motion": _float(row.get("motion_share", row.get("motion_active_frame_pct"))),
    }
    width = _float(row.get("width", row.get("width_px")))
    height = _float(row.get("height", row.get("height_px")))
    if width and height:
        found["resolution"] = width * height / 1e6
    return {name: value for name, value in found.items() if value is not None}


def _float(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _find(row: Row, known: Mapping[str, Mapping[str, float]]) -> Mapping[str, float] | None:
    video = row.record["video"]
    return known.get(video) or known.get(Path(video).name)


def _measure_strips(view: RunView) -> Quality | None:
    """Return measures of the frames the model saw, of at most ``_MAX_STRIPS`` samples evenly among them."""
    rows = [row for row in view.rows if row.is_ok and row.record["strip"] and row.record["frames"]]
    step = max(1, math.ceil(len(rows) / _MAX_STRIPS))
    found = {row.number: one for row in rows[::step] if (one := _measure_strip(view.run.path, row))}
    if not found:
        return None
    part = f" {len(found):,} of {len(rows):,} samples were measured, evenly among them." if step > 1 else ""
    return Quality(f"Measured on the small pictures of the frames the model saw, not on the clips.{part}", found)


def _measure_strip(root: Path, row: Row) -> Mapping[str, float] | None:
    from PIL import Image, UnidentifiedImageError

    path = (root / str(row.record["strip"])).resolve()
    num_frames = int(row.record["frames"]["delivered"])
    if not num_frames or not path.is_relative_to(root.resolve()) or not path.is_file():
        return None
    try:
        with Image.open(path) as picture:
            grey_hw = np.asarray(picture.convert("L"), dtype=np.float32)
    except (OSError, UnidentifiedImageError, ValueError):
        return None
    tiles_thw = _tiles(grey_hw, num_frames)
    measures = {"sharpness": _sharpness(tiles_thw), "brightness": float(tiles_thw.mean())}
    if num_frames > 1:
        measures["motion"] = float(np.abs(np.diff(tiles_thw, axis=0)).mean())
    return measures


def _tiles(grey_hw: NDArray[np.float32], num_frames: int) -> NDArray[np.float32]:
    """Return the frames of a strip (t, h, w): side by side, in rows of sixteen."""
    columns = min(num_frames, _TILES_A_ROW)
    rows = math.ceil(num_frames / columns)
    height, width = grey_hw.shape[0] // rows, grey_hw.shape[1] // columns
    whole = grey_hw[: rows * height, : columns * width].reshape(rows, height, columns, width)
    tiles_thw: NDArray[np.float32] = whole.transpose(0, 2, 1, 3).reshape(-1, height, width)[:num_frames]
    return tiles_thw


def _sharpness(tiles_thw: NDArray[np.float32]) -> float:
    """Return the variance of the Laplacian, the mean over frames."""
    inner = tiles_thw[:, 1:-1, 1:-1]
    around = tiles_thw[:, :-2, 1:-1] + tiles_thw[:, 2:, 1:-1] + tiles_thw[:, 1:-1, :-2] + tiles_thw[:, 1:-1, 2:]
    return float((around - 4 * inner).var(axis=(1, 2)).mean())
