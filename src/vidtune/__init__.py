"""vidtune: adapt a video-language model to your domain, and know whether it really works."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidtune.data import read_dataset
    from vidtune.evaluation import compare_runs, score_predictions
    from vidtune.inference import get_video_inference, load_model, predict_dataset
    from vidtune.media import read_frames
    from vidtune.reports import write_reports
    from vidtune.training import train

__version__ = "0.1.0"

__all__ = [
    "compare_runs",
    "get_video_inference",
    "load_model",
    "predict_dataset",
    "read_dataset",
    "read_frames",
    "score_predictions",
    "train",
    "write_reports",
]

_ROOMS = {
    "compare_runs": "evaluation",
    "get_video_inference": "inference",
    "load_model": "inference",
    "predict_dataset": "inference",
    "read_dataset": "data",
    "read_frames": "media",
    "score_predictions": "evaluation",
    "train": "training",
    "write_reports": "reports",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import vidtune`` loads nothing heavy."""
    if name in _ROOMS:
        return getattr(importlib.import_module(f"vidtune.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'vidtune' has no attribute {name!r}")
