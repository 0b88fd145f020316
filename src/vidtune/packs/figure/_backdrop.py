"""The room behind the body: drawn once a clip, since the camera stands still."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._scene import FLOOR_COLOURS, MAT_COLOURS, NO_MAT, WALL_COLOURS, Camera, Scene
from vidtune.packs.figure._subject import CLOTH_COLOURS

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

_SHIFT = 4
_WALL_GAP_M = 1.6
_WALL_HALF_M = 14.0


def draw_backdrop(scene: Scene, camera: Camera, low_3: Array, high_3: Array) -> Image:
    """Return the empty room, hwc. ``low_3`` and ``high_3`` bound the motion, for the place of mat and wall."""
    rng = np.random.default_rng(scene.details_seed)
    middle = 0.5 * (low_3 + high_3)
    image = _floor(scene, camera)
    wall = _Wall(camera, middle, 0.5 * float(np.linalg.norm((high_3 - low_3)[:2])) + _WALL_GAP_M)
    if scene.floor in ("oak", "walnut"):
        _draw_boards(image, scene, camera, middle)
    _draw_wall(image, scene, wall, rng)
    if scene.mat != NO_MAT:
        _draw_mat(image, scene, camera, low_3, high_3)
    gradient = np.linspace(1.04, 0.9, image.shape[1])
    if not scene.light_from_left:
        gradient = gradient[::-1]
    lit = image * (scene.light * gradient)[None, :, None]
    return np.clip(lit, 0, 255).astype(np.uint8)


class _Wall:
    """A vertical plane across the view: metres along it and above the floor to pixels."""

    def __init__(self, camera: Camera, middle_3: Array, gap_m: float) -> None:
        forward = camera.axes_33[2] * np.array([1.0, 1.0, 0.0])
        self._along = camera.axes_33[0]
        self._origin = middle_3 * np.array([1.0, 1.0, 0.0]) + gap_m * forward / np.linalg.norm(forward)
        self._camera = camera

    def quad(self, left_m: float, right_m: float, low_m: float, high_m: float) -> NDArray[np.int32]:
        """Return the corners of a rectangle on the wall as fixed-point pixels."""
        corners = [(left_m, low_m), (right_m, low_m), (right_m, high_m), (left_m, high_m)]
        points = np.array([self._origin + a * self._along + np.array([0.0, 0.0, h]) for a, h in corners])
        return _fixed(self._camera.project(points))


def _floor(scene: Scene, camera: Camera) -> Image:
    image = np.empty((camera.height_px, camera.width_px, 3), np.uint8)
    shade = np.linspace(0.86, 1.06, camera.height_px)[:, None]
    image[:] = np.clip(np.array(FLOOR_COLOURS[scene.floor]) * shade, 0, 255).astype(np.uint8)[:, None, :]
    return image


def _draw_boards(image: Image, scene: Scene, camera: Camera, middle_3: Array) -> None:
    colour = _toned(FLOOR_COLOURS[scene.floor], 0.86)
    for offset in np.arange(-3.0, 3.01, 0.22):
        ends = middle_3 * np.array([1.0, 1.0, 0.0]) + np.array([[-5.0, offset, 0.0], [5.0, offset, 0.0]])
        ends = _in_front(ends, camera)
        if ends is not None:
            points = _fixed(camera.project(ends))
            cv2.line(image, points[0].tolist(), points[1].tolist(), colour, 1, cv2.LINE_AA, _SHIFT)


def _in_front(ends_23: Array, camera: Camera) -> Array | None:
    """Return a line cut off half a metre before the camera, or None if nothing is left."""
    depths = camera.depth(ends_23)
    near = 0.5
    if depths.max() <= near:
        return None
    if depths.min() < near:
        behind = int(depths.argmin())
        share = (near - depths[behind]) / (depths[1 - behind] - depths[behind])
        ends_23 = ends_23.copy()
        ends_23[behind] += share * (ends_23[1 - behind] - ends_23[behind])
    return ends_23


def _draw_wall(image: Image, scene: Scene, wall: _Wall, rng: np.random.Generator) -> None:
    colour = WALL_COLOURS[scene.wall]

    def fill(left: float, right: float, low: float, high: float, rgb: tuple[int, ...]) -> None:
        cv2.fillConvexPoly(image, wall.quad(left, right, low, high), rgb, cv2.LINE_AA, _SHIFT)

    fill(-_WALL_HALF_M, _WALL_HALF_M, 0.0, 8.0, colour)
    start = float(rng.uniform(-2.2, -0.2))
    if scene.room == "window":
        fill(start, start + 1.3, 0.9, 2.1, _toned(colour, 0.62))
        for left in (start + 0.06, start + 0.68):
            fill(left, left + 0.56, 0.96, 2.04, (196, 222, 240))
    elif scene.room == "poster":
        for left in (start, start + 1.1):
            fill(left, left + 0.62, 1.0, 1.85, (244, 244, 240))
            picture = tuple(CLOTH_COLOURS.values())[int(rng.integers(len(CLOTH_COLOURS)))]
            fill(left + 0.05, left + 0.57, 1.06, 1.79, _toned(picture, 0.9))
    elif scene.room == "shelf":
        fill(start, start + 1.0, 0.0, 1.7, _toned((150, 108, 70), 1.0))
        for low in (0.1, 0.62, 1.14):
            fill(start + 0.05, start + 0.95, low, low + 0.46, _toned((150, 108, 70), 0.6))
    elif scene.room == "gym":
        for band in range(12):
            fill(-_WALL_HALF_M, _WALL_HALF_M, 0.25 * band, 0.25 * band + 0.26, _toned(colour, 1.06 - 0.035 * band))
        for left in np.arange(-4.4, 4.5, 1.1) + start:
            fill(left, left + 0.05, 0.0, 2.6, _toned(colour, 0.7))
    fill(-_WALL_HALF_M, _WALL_HALF_M, 0.0, 0.09, _toned(colour, 0.72))


def _draw_mat(image: Image, scene: Scene, camera: Camera, low_3: Array, high_3: Array) -> None:
    extent = (high_3 - low_3)[:2]
    middle = 0.5 * (low_3 + high_3)[:2]
    half = np.array([0.62, 0.62])
    half[int(extent.argmax())] = 0.98
    half = np.maximum(half, 0.5 * extent - 0.15)
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    points = np.array([[*(middle + half * np.array(corner)), 0.0] for corner in corners])
    if camera.depth(points).min() < 0.3:
        return
    colour = MAT_COLOURS[scene.mat]
    outline = _fixed(camera.project(points))
    cv2.fillConvexPoly(image, outline, _toned(colour, 1.0), cv2.LINE_AA, _SHIFT)
    cv2.polylines(image, [outline], True, _toned(colour, 0.7), 1, cv2.LINE_AA, _SHIFT)


def _fixed(points_n2: Array) -> NDArray[np.int32]:
    # OpenCV's fixed point overflows far outside the picture; +-20,000 px is far enough for any wall.
    return np.round(np.clip(points_n2, -2.0e4, 2.0e4) * (1 << _SHIFT)).astype(np.int32)


def _toned(rgb: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    red, green, blue = (int(min(255, max(0, value * factor))) for value in rgb)
    return red, green, blue
