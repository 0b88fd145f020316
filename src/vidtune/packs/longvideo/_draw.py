"""The frames of a planned video, one after the other: memory does not grow with its length.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.packs.longvideo._config import LongvideoConfig
from vidtune.packs.longvideo._plan import COLOURS, PLACES, REGIONS, Event, SceneSpan, VideoPlan

_PLACE_STREAM, _SCENE_STREAM, _NOISE_STREAM = 41, 42, 43
_CANVAS_SCALE = 1.5
_FADE_S = 0.5
_SHIFT = 4
_NOISE = 2.5


@dataclass(frozen=True)
class _Take:
    """How one scene is filmed: camera, light, who walks through it."""

    scene: SceneSpan
    canvas_hwc: NDArray[np.uint8]
    pan: tuple[float, float, float, float]
    """Offset and speed in shares of the free border, across and down."""

    light: tuple[float, float]
    """Gain, and how much it sways."""

    walkers: tuple[tuple[float, float, float, float, tuple[int, int, int]], ...]
    """Start, speed (widths a second), height of the feet, size, colour."""

    fades_in: bool


def draw_video(config: LongvideoConfig, plan: VideoPlan) -> Iterator[NDArray[np.uint8]]:
    """Yield the RGB frames of a video."""
    canvases = [_paint_place(config, plan.seed, place) for place in range(len(PLACES))]
    takes = [_plan_take(plan, number, scene, canvases[scene.place]) for number, scene in enumerate(plan.scenes)]
    noise = np.random.default_rng([plan.seed, _NOISE_STREAM])
    grain_hwc = noise.normal(0, _NOISE, (config.size_px * 2, config.width_px * 2, 3)).astype(np.int16)
    number = first_open = 0
    for index in range(plan.num_frames):
        time_s = index / config.fps
        while time_s >= takes[number].scene.end_s:
            number += 1
        while first_open < len(plan.events) and plan.events[first_open].end_s <= time_s:
            first_open += 1
        frame = _film(config, takes[number], time_s)
        since_s = time_s - takes[number].scene.start_s
        if takes[number].fades_in and number and since_s < _FADE_S:
            share = since_s / _FADE_S
            mixed = cv2.addWeighted(frame, share, _film(config, takes[number - 1], time_s), 1 - share, 0)
            frame = np.asarray(mixed, dtype=np.uint8)
        if first_open < len(plan.events) and plan.events[first_open].start_s <= time_s:
            draw_event(frame, plan.events[first_open], time_s)
        top, left = noise.integers(0, config.size_px), noise.integers(0, config.width_px)
        grain = grain_hwc[top : top + config.size_px, left : left + config.width_px]
        yield np.clip(frame + grain, 0, 255).astype(np.uint8)


def draw_event(frame_hwc: NDArray[np.uint8], event: Event, time_s: float) -> None:
    """Draw the thing into ``frame_hwc`` where it is at that time."""
    height, width = frame_hwc.shape[:2]
    progress = (time_s - event.start_s) / (event.end_s - event.start_s)
    across, down = REGIONS[event.region]
    centre = np.array(
        [
            across * width + event.drift[0] * height * (progress - 0.5),
            down * height + event.drift[1] * height * (progress - 0.5),
        ]
    )
    radius = event.size * height / 2
    colour = COLOURS[event.colour]
    outline = tuple(int(channel * 0.45) for channel in colour)
    contours = [np.round((centre + points * radius) * 2**_SHIFT).astype(np.int32) for points in outline_of(event.shape)]
    cv2.fillPoly(frame_hwc, contours, colour, lineType=cv2.LINE_AA, shift=_SHIFT)
    thickness = max(1, round(radius / 12))
    cv2.polylines(frame_hwc, contours, True, outline, thickness, lineType=cv2.LINE_AA, shift=_SHIFT)


def outline_of(shape: str) -> list[NDArray[np.float64]]:
    """Return the contours of a shape within the circle of radius 1; a second one is a hole."""
    if shape == "disc":
        return [_circle(0.92)]
    if shape == "ring":
        return [_circle(1.0), _circle(0.55)]
    if shape == "star":
        angles = -np.pi / 2 + np.arange(10) * np.pi / 5
        radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        return [np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]]
    return [np.array(_POLYGONS[shape], dtype=np.float64)]


def _circle(radius: float) -> NDArray[np.float64]:
    angles = np.arange(40) * 2 * np.pi / 40
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius


def _paint_place(config: LongvideoConfig, seed: int, place: int) -> NDArray[np.uint8]:
    """Return the large picture of a place, of which a camera shows a part: dull things, sometimes a vivid one."""
    rng = np.random.default_rng([seed, _PLACE_STREAM, place])
    height, width = round(config.size_px * _CANVAS_SCALE), round(config.width_px * _CANVAS_SCALE)
    above, below = (rng.uniform(60, 200, 3) * 0.5 + float(rng.uniform(30, 90)) for _ in range(2))
    horizon = float(rng.uniform(0.4, 0.7))
    rows = np.clip((np.linspace(0, 1, height) - horizon) * 8 + 0.5, 0, 1)[:, None, None]
    canvas = np.ascontiguousarray(
        np.broadcast_to(above * (1 - rows) + below * rows, (height, width, 3)).astype(np.uint8)
    )
    for _ in range(int(rng.integers(12, 26))):
        grey = float(rng.uniform(40, 200))
        colour = tuple(int(np.clip(grey + shade, 0, 255)) for shade in rng.uniform(-28, 28, 3))
        _paint_thing(canvas, rng, colour, scale=float(rng.uniform(0.05, 0.35)))
    if rng.random() < 0.4:
        # A poster, a car, a coat: vivid, but there as long as the scene is.
        _paint_thing(canvas, rng, COLOURS[str(rng.choice([*COLOURS]))], scale=float(rng.uniform(0.08, 0.2)))
    return canvas


def _paint_thing(canvas: NDArray[np.uint8], rng: np.random.Generator, colour: tuple[int, ...], scale: float) -> None:
    height, width = canvas.shape[:2]
    x, y = int(rng.uniform(0, width)), int(rng.uniform(0.1, 1.0) * height)
    across, down = int(scale * height * rng.uniform(0.4, 1.6)), int(scale * height * rng.uniform(0.4, 1.6))
    if rng.random() < 0.7:
        cv2.rectangle(canvas, (x - across // 2, y - down // 2), (x + across // 2, y + down // 2), colour, -1)
    else:
        cv2.ellipse(canvas, (x, y), (across // 2 + 1, down // 2 + 1), 0, 0, 360, colour, -1, cv2.LINE_AA)


def _plan_take(plan: VideoPlan, number: int, scene: SceneSpan, canvas_hwc: NDArray[np.uint8]) -> _Take:
    rng = np.random.default_rng([plan.seed, _SCENE_STREAM, number])
    walkers = tuple(
        (
            float(rng.uniform(-0.2, 1.2)),
            float(rng.normal(0, 0.06)),
            float(rng.uniform(0.7, 1.0)),
            float(rng.uniform(0.25, 0.5)),
            (int(rng.integers(40, 170)), int(rng.integers(40, 170)), int(rng.integers(40, 170))),
        )
        for _ in range(int(rng.integers(0, 4)))
    )
    return _Take(
        scene=scene,
        canvas_hwc=canvas_hwc,
        pan=(float(rng.random()), float(rng.normal(0, 0.03)), float(rng.random()), float(rng.normal(0, 0.015))),
        light=(float(rng.uniform(0.75, 1.2)), float(rng.uniform(0.0, 0.12))),
        walkers=walkers,
        fades_in=bool(rng.random() < 0.25),
    )


def _film(config: LongvideoConfig, take: _Take, time_s: float) -> NDArray[np.uint8]:
    """Return what the camera of a scene shows at a time: its part of the place, walkers, light."""
    height, width = config.size_px, config.width_px
    since_s = time_s - take.scene.start_s
    free_y, free_x = take.canvas_hwc.shape[0] - height, take.canvas_hwc.shape[1] - width
    x = round(_bounced(take.pan[0] + take.pan[1] * since_s) * free_x)
    y = round(_bounced(take.pan[2] + take.pan[3] * since_s) * free_y)
    frame = take.canvas_hwc[y : y + height, x : x + width].copy()
    for start, speed, feet, size, colour in take.walkers:
        middle = (round((start + speed * since_s) * width), round((feet - size / 2) * height))
        axes = (max(1, round(size * height * 0.16)), max(1, round(size * height / 2)))
        cv2.ellipse(frame, middle, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    gain = take.light[0] * (1 + take.light[1] * math.sin(since_s * 0.7))
    return np.asarray(cv2.convertScaleAbs(frame, alpha=gain), dtype=np.uint8)


def _bounced(share: float) -> float:
    """Return a position that goes to and fro between 0 and 1."""
    folded = share % 2.0
    return folded if folded <= 1 else 2 - folded


_POLYGONS = {
    "triangle": [(0.0, -0.95), (0.9, 0.75), (-0.9, 0.75)],
    "square": [(-0.75, -0.75), (0.75, -0.75), (0.75, 0.75), (-0.75, 0.75)],
    "diamond": [(0.0, -1.0), (0.62, 0.0), (0.0, 1.0), (-0.62, 0.0)],
    "arrow": [(-1.0, -0.28), (0.15, -0.28), (0.15, -0.75), (1.0, 0.0), (0.15, 0.75), (0.15, 0.28), (-1.0, 0.28)],
    "cross": [
        *[(-0.3, -0.95), (0.3, -0.95), (0.3, -0.3), (0.95, -0.3), (0.95, 0.3), (0.3, 0.3)],
        *[(0.3, 0.95), (-0.3, 0.95), (-0.3, 0.3), (-0.95, 0.3), (-0.95, -0.3), (-0.3, -0.3)],
    ],
}
