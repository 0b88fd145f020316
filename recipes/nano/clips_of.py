"""A written data set as arrays: the eight frames that nano sees of each clip, decoded as users' clips are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidtune.media import SamplingConfig, read_frames


@dataclass(frozen=True)
class WrittenClips:
    """Clips of one split. Row i of everything is one clip."""

    frames_nthwc: np.ndarray
    labels: list[str]
    questions: list[str]
    answers: list[str]


def read_split(folder: Path, split: str, prefix: str = "qved") -> WrittenClips:
    """Decode a split of a pack, or take it from the cache beside it."""
    samples = json.loads((folder / f"{prefix}_{split}.json").read_text(encoding="utf-8"))
    cache = folder / f"{prefix}_{split}.112.npy"
    if not cache.exists():
        frames = np.stack([_seen(folder / sample["video"]) for sample in samples])
        np.save(cache, frames)
    turns = [sample["conversations"] for sample in samples]
    return WrittenClips(
        np.load(cache),
        [Path(s["video"]).parent.name for s in samples],
        [t[0]["value"] for t in turns],
        [t[1]["value"] for t in turns],
    )  # fmt: skip


def _seen(video: Path) -> np.ndarray:
    frames = read_frames(video, SamplingConfig(num_frames=8)).frames_thwc
    # As the processor does for shrinking: antialiased. OpenCV's area filter stands in for its bicubic one.
    return np.stack([cv2.resize(frame, (112, 112), interpolation=cv2.INTER_AREA) for frame in frames])
