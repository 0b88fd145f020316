"""Where the body is seen from and in which room: camera, framing, colours, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidtune.packs.figure._subject import Rgb

Array = NDArray[np.float64]

WALL_COLOURS: dict[str, Rgb] = {
    "white": (232, 232, 228),
    "cream": (236, 222, 192),
    "grey": (168, 172, 176),
    "blue": (150, 184, 214),
    "green": (164, 198, 166),
    "pink": (226, 184, 184),
    "brown": (150, 118, 92),
    "dark": (78, 82, 92),
}

FLOOR_COLOURS: dict[str, Rgb] = {
    "oak": (188, 148, 102),
    "walnut": (112, 80, 58),
    "grey": (128, 130, 132),
    "beige": (204, 192, 170),
    "slate": (82, 88, 96),
}

MAT_COLOURS: dict[str, Rgb] = {
    "blue": (52, 92, 170),
    "purple": (120, 78, 158),
    "green": (66, 138, 88),
    "pink": (208, 112, 150),
    "grey": (108, 110, 116),
    "black": (46, 46, 50),
    "orange": (214, 124, 58),
}

ROOMS = ("plain", "window", "poster", "shelf", "gym")
NO_MAT = "none"


@dataclass(frozen=True)
class Scene:
    """One camera in one room. The camera is fitted so that the whole motion fills ``fill`` of the frame."""

    azimuth_deg: float = 0.0
    """Where the camera stands: 0 sees a body with yaw 0 from the front, 90 from its left, 180 from behind."""
    elevation_deg: float = 8.0
    """How far it looks down; 0 is level."""
    distance_m: float = 3.2
    """Near cameras exaggerate depth; the size in the frame does not depend on it."""
    roll_deg: float = 0.0
    fill: float = 0.82
    """Part of the frame that the motion's bounding box fills, in its larger direction."""
    offset_x: float = 0.0
    """How far the motion is off centre, in parts of the frame; positive is right."""
    offset_y: float = 0.0
    """As ``offset_x``; positive is down."""
    room: str = "plain"
    wall: str = "cream"
    floor: str = "oak"
    mat: str = "blue"
    """Colour of the exercise mat, or ``none``."""
    light: float = 1.0
    """Brightness of the whole picture."""
    light_from_left: bool = True
    noise: float = 2.0
    """Standard deviation of the sensor noise in grey levels."""
    details_seed: int = 0
    """Decides what hangs on the wall and where."""

    def view_of(self, yaw_deg: float = 0.0) -> str:
        """Return from where a body turned by ``yaw_deg`` is seen: front, left, back or right (its own side)."""
        relative = (self.azimuth_deg - yaw_deg) % 360.0
        return ("front", "left", "back", "right")[int(((relative + 45.0) % 360.0) // 90.0)]


def sample_scene(
    rng: np.random.Generator, *, azimuth_deg: float | None = None, elevation_deg: float | None = None
) -> Scene:
    """Return a scene drawn from ``rng``; a given azimuth or elevation is kept as it is."""

    def pick(names: tuple[str, ...]) -> str:
        return names[int(rng.integers(len(names)))]

    any_azimuth, any_elevation = float(rng.uniform(-180.0, 180.0)), float(rng.uniform(2.0, 24.0))
    return Scene(
        azimuth_deg=any_azimuth if azimuth_deg is None else azimuth_deg,
        elevation_deg=any_elevation if elevation_deg is None else elevation_deg,
        distance_m=float(rng.uniform(2.6, 5.0)),
        roll_deg=float(np.clip(rng.normal(0.0, 1.5), -4.0, 4.0)),
        fill=float(rng.uniform(0.70, 0.90)),
        offset_x=float(rng.uniform(-0.05, 0.05)),
        offset_y=float(rng.uniform(-0.05, 0.05)),
        room=pick(ROOMS),
        wall=pick(tuple(WALL_COLOURS)),
        floor=pick(tuple(FLOOR_COLOURS)),
        mat=pick((*MAT_COLOURS, NO_MAT)),
        light=float(rng.uniform(0.72, 1.12)),
        light_from_left=bool(rng.random() < 0.5),
        noise=float(rng.uniform(0.0, 4.0)),
        details_seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Camera:
    """A pinhole camera fitted to a motion: floor-frame metres to pixels."""

    position_3: Array
    axes_33: Array
    """Rows: right, down, forward."""
    focal_px: float
    centre_2: Array
    roll_rad: float
    height_px: int
    width_px: int

    def depth(self, points_n3: Array) -> Array:
        """Return how far in front of the camera points are, in metres; any leading axes."""
        return np.asarray((points_n3 - self.position_3) @ self.axes_33[2])

    def project(self, points_n3: Array) -> Array:
        """Return pixel positions (x right, y down); any leading axes. Points must be in front of the camera."""
        return _project(points_n3, self.position_3, self.axes_33, self.roll_rad) * self.focal_px + self.centre_2


def fit_camera(scene: Scene, points_n3: Array, margin_m: float, height_px: int, width_px: int) -> Camera:
    """Return the camera of ``scene`` that frames all ``points_n3`` with a body's thickness around them."""
    target = 0.5 * (points_n3.min(axis=0) + points_n3.max(axis=0))
    azimuth, elevation = np.radians(scene.azimuth_deg), np.radians(scene.elevation_deg)
    toward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    forward = -toward
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    axes = np.stack([right, np.cross(forward, right), forward])
    # A camera inside a lying body would turn it inside out: keep a metre between it and the nearest point.
    reach = float(np.max((points_n3 - target) @ toward))
    position = target + max(scene.distance_m, reach + 1.0) * toward
    roll = float(np.radians(scene.roll_deg))
    flat = _project(points_n3, position, axes, roll)
    margin = margin_m / float(np.linalg.norm(position - target))
    low, high = flat.min(axis=0) - margin, flat.max(axis=0) + margin
    extent = high - low
    focal = scene.fill * min(width_px / extent[0], height_px / extent[1])
    wanted = np.array([(0.5 + scene.offset_x) * width_px, (0.5 + scene.offset_y) * height_px])
    # However it is framed, the motion stays inside the picture.
    slack = 0.5 * (np.array([width_px, height_px]) - focal * extent)
    middle = np.array([0.5 * width_px, 0.5 * height_px])
    wanted = np.clip(wanted, middle - slack, middle + slack)
    centre = wanted - focal * 0.5 * (low + high)
    return Camera(position, axes, float(focal), centre, roll, height_px, width_px)


def _project(points_n3: Array, position_3: Array, axes_33: Array, roll_rad: float) -> Array:
    seen = (points_n3 - position_3) @ axes_33.T
    flat = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    return np.asarray(flat @ np.array([[cos, sin], [-sin, cos]]))
