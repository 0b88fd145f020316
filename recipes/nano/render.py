"""Render generic clips into memory-mapped shards: pixels, joints, angles and truth, no video files between.

A shard is a folder with ``frames.npy`` (clip, 8, 112, 112, 3 uint8), ``joints_xy.npy`` (pixels), ``joints_body.npy``
(metres, seen from the body's own heading, pelvis at 0), ``angles.npy`` (degrees) and ``truth.jsonl``.
A finished shard has ``done``; an unfinished one is rendered again from its seed, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidtune.packs.figure import ANGLES, JOINTS, render_frames
from vidtune.packs.generic._clips import frame_times, measure_truth, plan_clip
from vidtune.packs.generic._truth import ClipTruth, MotionFact

SIZE_PX = 112
NUM_FRAMES = 8
CLIPS_PER_SHARD = 1000
TRAIN_SEED, HELD_OUT_SEED = 11, 97
"""Clips are drawn from (seed, shard, index): no clip or person is in two splits."""


@dataclass(frozen=True)
class Shard:
    """One rendered shard, opened without being read."""

    frames: np.memmap
    joints_xy: np.ndarray
    joints_body: np.ndarray
    angles: np.ndarray
    truths: list[ClipTruth]

    def read_frames(self, clip: int, frames: np.ndarray | slice) -> np.ndarray:
        """Return a copy of some frames of a clip, read in one go: touching a cold map page by page is slower."""
        first, last = (0, NUM_FRAMES - 1) if isinstance(frames, slice) else (int(frames.min()), int(frames.max()))
        size = self.frames[0, 0].nbytes
        with open(str(self.frames.filename), "rb", buffering=0) as file:
            file.seek(self.frames.offset + (clip * NUM_FRAMES + first) * size)
            data = bytearray(file.read((last - first + 1) * size))
        read = np.frombuffer(data, np.uint8).reshape(-1, SIZE_PX, SIZE_PX, 3)
        return read if isinstance(frames, slice) else read[frames - first]


def render_shard(folder: Path, seed: int, shard: int, num_clips: int = CLIPS_PER_SHARD) -> None:
    """Render one shard unless it is there."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    shape = (num_clips, NUM_FRAMES)
    frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, (*shape, SIZE_PX, SIZE_PX, 3))
    joints_xy = np.zeros((*shape, len(JOINTS), 2), np.float16)
    joints_body = np.zeros((*shape, len(JOINTS), 3), np.float16)
    angles = np.zeros((*shape, len(ANGLES)), np.float16)
    with (folder / "truth.jsonl").open("w", encoding="utf-8") as lines:
        for index in range(num_clips):
            rng = np.random.default_rng([seed, shard, index, 1])
            plan = plan_clip((seed, shard, index))
            times = [
                t + plan.duration_s / NUM_FRAMES * 0.25 * rng.uniform(-1, 1)
                for t in frame_times(plan.duration_s, NUM_FRAMES)
            ]
            sharpness = 2 if rng.random() < 0.7 else 1
            drawn = render_frames(plan.motion.pose_at, plan.subject, plan.scene, times, SIZE_PX, supersample=sharpness)
            frames[index] = _as_decoded(drawn.frames_thwc, rng)
            joints_xy[index] = drawn.joints_xy_tj2
            joints_body[index] = _in_body_frame(drawn.joints_xyz_tj3)
            angles[index] = drawn.angles_ta
            lines.write(json.dumps(measure_truth(plan, drawn).to_record()) + "\n")
    frames.flush()
    for name, array in (("joints_xy", joints_xy), ("joints_body", joints_body), ("angles", angles)):
        np.save(folder / f"{name}.npy", array)
    (folder / "done").touch()


def open_shard(folder: Path) -> Shard:
    """Open a finished shard."""
    truths = [_truth_of(json.loads(line)) for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    names = ("joints_xy", "joints_body", "angles")
    return Shard(
        np.load(folder / "frames.npy", mmap_mode="r"), *(np.load(folder / f"{name}.npy") for name in names), truths
    )


def _truth_of(record: dict) -> ClipTruth:
    return ClipTruth(**{**record, "motions": tuple(MotionFact(**fact) for fact in record["motions"])})


def _in_body_frame(joints_tj3: np.ndarray) -> np.ndarray:
    """Turn the clip about the vertical so that the body's mean heading is +x, pelvis at the origin."""
    left = (joints_tj3[:, JOINTS.index("l_hip")] - joints_tj3[:, JOINTS.index("r_hip")]).mean(axis=0)
    up = (joints_tj3[:, JOINTS.index("neck")] - joints_tj3[:, JOINTS.index("pelvis")]).mean(axis=0)
    flat_up = np.hypot(up[0], up[1]) / (np.linalg.norm(up) + 1e-9)
    heading = up if flat_up > 0.87 else np.cross(left, up)
    angle = np.arctan2(heading[1], heading[0])
    cos, sin = np.cos(angle), np.sin(angle)
    centred = joints_tj3 - joints_tj3[:, :1]
    x, y = centred[..., 0] * cos + centred[..., 1] * sin, centred[..., 1] * cos - centred[..., 0] * sin
    return np.stack([x, y, centred[..., 2] + joints_tj3[:, :1, 2]], axis=-1)


def _as_decoded(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give some clips the blocks and softness that a video encoder leaves."""
    frames = frames.copy()
    quality = int(rng.integers(35, 92)) if rng.random() < 0.5 else None
    blur = float(rng.uniform(0.3, 0.8)) if rng.random() < 0.3 else 0.0
    for frame in frames:
        if blur:
            frame[:] = cv2.GaussianBlur(frame, (0, 0), blur)
        if quality is not None:
            frame[:] = cv2.imdecode(
                cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
            )
    return frames


def render_all(root: Path, num_shards: int) -> None:
    """Render the held-out shard, then the training shards."""
    render_shard(root / "held_out", HELD_OUT_SEED, 0)
    for shard in range(num_shards):
        render_shard(root / f"train_{shard:03d}", TRAIN_SEED, shard)


if __name__ == "__main__":
    import sys

    render_all(Path(sys.argv[1]), int(sys.argv[2]))
