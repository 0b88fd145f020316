"""Which clips are good enough: thresholds, the verdict on each clip, and the three reports of the QVED pipeline.

cleaning_report.csv            one row for each class and a TOTAL: how many were accepted, and why others were not
exercise_analysis_report.csv   one row for each clip: what was measured, the decision, the reasons
rejected_videos.json           the paths of the rejected clips
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from vidtune.config import Config
from vidtune.core.durable import write_atomic, write_json
from vidtune.core.errors import BadUsage
from vidtune.core.tables import encode_csv

_QVED_COUNTS = ("corrupted_files", "low_resolution", "too_dark", "too_bright", "blurry", "insufficient_motion")
_REASON_OF_COUNT = {"corrupted_files": "corrupted_file"}
_UNCLASSED = "(no class)"


class QualityThresholds(Config):
    """What a clip must have to be accepted. None: not asked for."""

    min_width_px: Annotated[int, Field(ge=1)] | None = 224
    min_height_px: Annotated[int, Field(ge=1)] | None = 224
    """Of the upright picture."""

    min_sharpness: Annotated[float, Field(ge=0)] | None = 20.0
    """Variance of the Laplacian of grey frames as large as they are."""

    min_brightness: Annotated[float, Field(ge=0, le=255)] | None = 35.0
    max_brightness: Annotated[float, Field(ge=0, le=255)] | None = 220.0
    """Mean grey."""

    min_motion_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the pairs of looked-at frames that move; asked of classes that move only."""

    min_class_motion_share: Annotated[float, Field(ge=0, le=1)] = 0.7
    """A class moves when at least this share of its clips does. Has no effect on classes that are known."""

    max_frozen_share: Annotated[float, Field(ge=0, le=1)] | None = 0.5
    max_black_share: Annotated[float, Field(ge=0, le=1)] | None = 0.2
    """Shares of the clip's time."""

    max_bars_share: Annotated[float, Field(ge=0, le=1)] | None = 0.4
    """Share of the picture that is black bars."""

    num_frames: Annotated[int, Field(ge=1, le=256)] = 20
    stride_frames: Annotated[int, Field(ge=1)] | None = None
    """Which frames are looked at as large as they are: so many apart from the first one on, or spread over the clip."""


THRESHOLDS: Mapping[str, QualityThresholds] = {
    "default": QualityThresholds(),
    "qved-1.0": QualityThresholds(
        min_width_px=640,
        min_height_px=360,
        min_sharpness=50,
        min_brightness=35,
        max_brightness=190,
        min_motion_share=0.3,
        max_frozen_share=None,
        max_black_share=None,
        max_bars_share=None,
        num_frames=20,
        stride_frames=15,
    ),
}
"""`qved-1.0` are the numbers by which QVED was cleaned; `default` refuses only what a model can hardly use."""

QVED_MOVES: Mapping[str, bool] = {
    "alternating single leg glutes bridge": True,
    "cat-cow pose": False,
    "elbow plank": False,
    "glute hamstring walkout": True,
    "glutes bridge": True,
    "heel lift": True,
    "high plank": False,
    "lunges leg out in front": True,
    "opposite arm and leg lifts on knees": True,
    "pushups": True,
    "side plank": False,
    "squats": True,
    "toe touch": False,
    "tricep stretch": False,
}
"""Which of QVED's exercises move, as its pipeline lists them."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of one clip."""

    video: str
    label: str
    is_accepted: bool
    reasons: tuple[str, ...]
    row: Mapping[str, Any]
    """The clip's line of the analysis report."""


def thresholds_named(name: str) -> QualityThresholds:
    """Return a preset.

    Raises:
        BadUsage: If there is none of that name.
    """
    if name not in THRESHOLDS:
        raise BadUsage(f"no thresholds {name!r}; known: {', '.join(THRESHOLDS)}.")
    return THRESHOLDS[name]


def judge_clips(
    clips: Sequence[tuple[str, str | None, Mapping[str, Any]]], thresholds: QualityThresholds
) -> list[Verdict]:
    """Return the verdict on each clip.

    Args:
        clips: Path as written, class, and the record of examining it.
        thresholds: What is asked for.
    """
    moves = moving_classes(clips, thresholds)
    return [
        _judge(video, label or _UNCLASSED, record, thresholds, moves=moves.get(label or _UNCLASSED, False))
        for video, label, record in clips
    ]


def moving_classes(
    clips: Sequence[tuple[str, str | None, Mapping[str, Any]]], thresholds: QualityThresholds
) -> dict[str, bool]:
    """Return for each class whether its clips should move: as QVED lists it, or as most of them do."""
    shares: dict[str, list[float]] = {}
    for _, label, record in clips:
        values = shares.setdefault(label or _UNCLASSED, [])
        if record.get("quality"):
            values.append(record["quality"]["class_motion_share"])
    found: dict[str, bool] = {}
    for label, values in shares.items():
        known = QVED_MOVES.get(_plain(label))
        active = sum(value >= (thresholds.min_motion_share or 0.3) for value in values)
        found[label] = (
            known if known is not None else bool(values) and active >= thresholds.min_class_motion_share * len(values)
        )
    return found


def write_quality_reports(verdicts: Sequence[Verdict], folder: Path) -> dict[str, Path]:
    """Write the three reports and return their paths by name.

    Raises:
        DiskFull: If there is no room.
    """
    paths = {
        name: folder / name for name in ("cleaning_report.csv", "exercise_analysis_report.csv", "rejected_videos.json")
    }
    extra = sorted({reason for verdict in verdicts for reason in verdict.reasons} - _published_reasons())
    counts = (*_QVED_COUNTS, *extra)
    rows = [
        _count_row(label, [item for item in verdicts if item.label == label], counts)
        for label in sorted({verdict.label for verdict in verdicts})
    ]
    columns = ("Exercise", "total_videos", "accepted_videos", "rejected_videos", *counts)
    write_atomic(paths["cleaning_report.csv"], encode_csv(columns, [*rows, _count_row("TOTAL", verdicts, counts)]))
    write_atomic(
        paths["exercise_analysis_report.csv"], encode_csv(_ANALYSIS_COLUMNS, [verdict.row for verdict in verdicts])
    )
    write_json(paths["rejected_videos.json"], [verdict.video for verdict in verdicts if not verdict.is_accepted])
    return paths


# Behind the published columns, so that who reads those by position is not disturbed.
_OUR_COLUMNS = (
    "video",
    "status",
    "contrast",
    "crushed_share",
    "burnt_share",
    "frozen_share",
    "longest_freeze_s",
    "black_share",
    "bars_share",
)
_ANALYSIS_COLUMNS = (
    "exercise",
    "file",
    "width",
    "height",
    "brightness",
    "sharpness",
    "motion_flag",
    "motion_detected",
    "motion_pairs",
    "motion_active_pairs",
    "motion_active_frame_pct",
    "motion_mean_change_ratio",
    "motion_max_change_ratio",
    "decision",
    "reasons",
    *_OUR_COLUMNS,
)


def _judge(video: str, label: str, record: Mapping[str, Any], thresholds: QualityThresholds, *, moves: bool) -> Verdict:
    quality = record.get("quality")
    row: dict[str, Any] = {"exercise": label, "file": Path(video).name, "video": video, "status": record["status"]}
    if quality is None or not record["is_usable"]:
        reasons: tuple[str, ...] = ("corrupted_file",)
        return Verdict(video, label, False, reasons, {**row, "decision": "rejected", "reasons": "corrupted_file"})
    needed_motion = thresholds.min_motion_share if moves else None
    is_moving = quality["motion_share"] >= (thresholds.min_motion_share or 0.3)
    checks = {
        "low_resolution": record["width_px"] < (thresholds.min_width_px or 0)
        or record["height_px"] < (thresholds.min_height_px or 0),
        "too_dark": _below(quality["brightness"], thresholds.min_brightness),
        "too_bright": _above(quality["brightness"], thresholds.max_brightness),
        "blurry": _below(quality["sharpness"], thresholds.min_sharpness),
        "insufficient_motion": _below(quality["motion_share"], needed_motion),
        "frozen": _above(quality["frozen_share"], thresholds.max_frozen_share),
        "black": _above(quality["black_share"], thresholds.max_black_share),
        "letterboxed": _above(quality["bars_share"], thresholds.max_bars_share),
    }
    reasons = tuple(name for name, holds in checks.items() if holds)
    row |= {
        "width": record["width_px"],
        "height": record["height_px"],
        "brightness": round(quality["brightness"], 2),
        "sharpness": round(quality["sharpness"], 2),
        "motion_flag": moves,
        "motion_detected": is_moving and moves,
        "motion_pairs": round(quality["motion_pairs"]) if moves else 0,
        "motion_active_pairs": round(quality["motion_active_pairs"]) if moves else 0,
        "motion_active_frame_pct": round(quality["motion_share"], 4) if moves else None,
        "motion_mean_change_ratio": round(quality["motion_mean_change"], 6) if moves else None,
        "motion_max_change_ratio": round(quality["motion_max_change"], 6) if moves else None,
        "decision": "rejected" if reasons else "accepted",
        "reasons": ", ".join(reasons) or "passed_all_checks",
        **{name: quality[name] for name in _OUR_COLUMNS if name in quality},
    }
    return Verdict(video, label, not reasons, reasons, row)


def _below(value: float, limit: float | None) -> bool:
    return limit is not None and value < limit


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and value > limit


def _count_row(label: str, verdicts: Sequence[Verdict], counts: Sequence[str]) -> dict[str, Any]:
    num_accepted = sum(verdict.is_accepted for verdict in verdicts)
    return {
        "Exercise": label,
        "total_videos": len(verdicts),
        "accepted_videos": num_accepted,
        "rejected_videos": len(verdicts) - num_accepted,
        **{name: sum(_REASON_OF_COUNT.get(name, name) in verdict.reasons for verdict in verdicts) for name in counts},
    }


def _published_reasons() -> set[str]:
    return {_REASON_OF_COUNT.get(name, name) for name in _QVED_COUNTS}


def _plain(label: str) -> str:
    """Return a class as the table of exercises spells it: no variant, no underscores."""
    return label.partition("(")[0].replace("_", " ").strip().lower()
