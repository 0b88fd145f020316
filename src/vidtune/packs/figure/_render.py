"""From a motion, a person and a scene to frames, with everything a model could be asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._backdrop import draw_backdrop
from vidtune.packs.figure._draw import BodyPainter
from vidtune.packs.figure._measure import measure_angles
from vidtune.packs.figure._pose import Motion
from vidtune.packs.figure._scene import Scene, fit_camera
from vidtune.packs.figure._skeleton import dimensions_of, pose_body
from vidtune.packs.figure._subject import Subject


@dataclass(frozen=True)
class Rendered:
    """A drawn clip and its truth. Letters: t frames, h rows, w columns, c RGB, j JOINTS, a ANGLES."""

    frames_thwc: NDArray[np.uint8]
    joints_xy_tj2: NDArray[np.float32]
    """Pixels: x right, y down."""
    joints_xyz_tj3: NDArray[np.float32]
    """Metres in the floor frame."""
    angles_ta: NDArray[np.float32]
    """Degrees, by ANGLES."""


def render_frames(
    motion: Motion,
    subject: Subject,
    scene: Scene,
    times_s: Sequence[float],
    size_px: int | tuple[int, int],
    *,
    supersample: int = 1,
) -> Rendered:
    """Draw ``motion`` at ``times_s``. The same arguments give the same bytes.

    Args:
        motion: What the body does.
        subject: Who it is.
        scene: Where it is and from where it is seen; the camera is fitted to the whole of ``times_s``.
        times_s: Moments to draw, at least one.
        size_px: Side of a square picture, or (height, width).
        supersample: Draw this many times larger and shrink: smoother edges for its square in time.

    Raises:
        ValueError: If there is no moment to draw.
    """
    if not times_s:
        raise ValueError("times_s is empty; give at least one moment to draw.")
    height, width = (size_px, size_px) if isinstance(size_px, int) else size_px
    dims = dimensions_of(subject.build)
    posed = pose_body([motion(float(time_s)) for time_s in times_s], dims)
    joints = posed.joints_tj3.reshape(-1, 3)
    camera = fit_camera(scene, joints, 5.0 * dims.girth, height * supersample, width * supersample)
    backdrop = draw_backdrop(scene, camera, joints.min(axis=0), joints.max(axis=0))
    painter = BodyPainter(posed, dims, subject, scene, camera)
    noise = _Noise(scene, height, width)
    frames = np.empty((len(times_s), height, width, 3), np.uint8)
    for index, frame in enumerate(frames):
        if supersample == 1:
            frame[:] = backdrop
            painter.paint(frame, index)
        else:
            large = backdrop.copy()
            painter.paint(large, index)
            cv2.resize(large, (width, height), dst=frame, interpolation=cv2.INTER_AREA)
        noise.add_to(frame)
    return Rendered(
        frames_thwc=frames,
        joints_xy_tj2=(camera.project(posed.joints_tj3) / supersample).astype(np.float32),
        joints_xyz_tj3=posed.joints_tj3.astype(np.float32),
        angles_ta=measure_angles(posed).astype(np.float32),
    )


class _Noise:
    """Sensor noise, cut from one larger patch at a new place each frame: drawing it anew would double the time."""

    _SLACK_PX = 32

    def __init__(self, scene: Scene, height_px: int, width_px: int) -> None:
        self._rng = np.random.default_rng(scene.details_seed + 1)
        self._is_on = scene.noise > 0.0
        if self._is_on:
            shape = (height_px + self._SLACK_PX, width_px + self._SLACK_PX, 3)
            patch = _unit_noise(shape) * np.float32(scene.noise)
            self._above = np.maximum(patch, 0).astype(np.uint8)
            self._below = np.maximum(-patch, 0).astype(np.uint8)

    def add_to(self, frame_hwc: NDArray[np.uint8]) -> None:
        """Add noise in place."""
        if not self._is_on:
            return
        height, width = frame_hwc.shape[:2]
        top, left = self._rng.integers(self._SLACK_PX, size=2).tolist()
        window = (slice(top, top + height), slice(left, left + width))
        cv2.add(frame_hwc, self._above[window], dst=frame_hwc)
        cv2.subtract(frame_hwc, self._below[window], dst=frame_hwc)


@lru_cache(maxsize=4)
def _unit_noise(shape_hwc: tuple[int, int, int]) -> NDArray[np.float32]:
    # One patch for all scenes of a size: drawing it is a tenth of the cost of a short clip.
    return np.random.default_rng(7).standard_normal(shape_hwc, dtype=np.float32)
