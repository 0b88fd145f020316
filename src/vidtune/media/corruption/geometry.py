"""Where the camera stands and looks: cut, turned, moved, bent, mirrored. Frames keep their size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.corruption._clip import Clip, Pixels, to_uint8
from vidtune.media.corruption._corruption import Corruption, Parameters, levels


def _crop(clip: Clip, parameters: Parameters) -> Clip:
    """Keep a window of the picture and scale it up to the old size: a camera that stands too near."""
    cut = parameters["share"]

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        above, left = rng.random(2) * cut
        (kept,) = crop_edges(frame_hwc[None], (above, cut - above, left, cut - left))
        return np.asarray(kept, np.uint8)

    return clip.each(change)


def _rotate(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        angle_deg = _drawn(rng, parameters["angle_deg"], parameters["is_range"])
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle_deg, 1.0)
        return _warp(frame_hwc, np.asarray(turn, np.float64))

    return clip.each(change)


def _translate(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        across = _drawn(rng, parameters["share"], parameters["is_range"]) * width
        down = _drawn(rng, parameters["share"], parameters["is_range"]) * height
        return _warp(frame_hwc, np.array([[1, 0, across], [0, 1, down]], np.float64))

    return clip.each(change)


def _shear(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        across = _drawn(rng, parameters["slope"], parameters["is_range"])
        down = _drawn(rng, parameters["slope"], parameters["is_range"])
        middle = (-across * (height - 1) / 2, -down * (width - 1) / 2)
        return _warp(frame_hwc, np.array([[1, across, middle[0]], [down, 1, middle[1]]], np.float64))

    return clip.each(change)


def _elastic(clip: Clip, parameters: Parameters) -> Clip:
    """Pull the picture about by a smooth field of drawn shifts."""
    height, width = clip.size_hw
    sigma_px = parameters["smooth_px"] * clip.unit_px
    y, x = np.mgrid[:height, :width].astype(np.float32)

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        shifts = []
        for _ in range(2):
            field = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), sigma_px)
            shifts.append(field / max(float(field.std()), 1e-6) * np.float32(parameters["shift_px"] * clip.unit_px))
        return np.asarray(
            cv2.remap(frame_hwc, x + shifts[0], y + shifts[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101),
            np.uint8,
        )

    return clip.each(change)


def _rescale(clip: Clip, parameters: Parameters) -> Clip:
    """Scale down and smoothly up again: a clip that was enlarged from a smaller one."""
    height, width = clip.size_hw
    small = (max(1, round(width * parameters["share"])), max(1, round(height * parameters["share"])))

    def change(frame_hwc: Pixels, _: np.random.Generator) -> Pixels:
        less = cv2.resize(frame_hwc, small, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(less, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)

    return clip.each(change)


def _mirror(clip: Clip, parameters: Parameters) -> Clip:
    return replace(clip, frames_thwc=mirror_frames(clip.frames_thwc))


def _flip_vertical(clip: Clip, parameters: Parameters) -> Clip:
    return replace(clip, frames_thwc=np.ascontiguousarray(clip.frames_thwc[:, ::-1]))


def mirror_frames(frames_thwc: Pixels) -> Pixels:
    """Return frames with left and right exchanged. What is said about them has to follow."""
    return np.ascontiguousarray(frames_thwc[:, :, ::-1])


def crop_edges(frames_thwc: Pixels, edges: tuple[float, float, float, float]) -> Pixels:
    """Return frames without their edges, scaled back to their size.

    Args:
        frames_thwc: All are cut alike.
        edges: Shares of height cut above and below, of width cut left and right; at least a pixel must stay.
    """
    height, width = frames_thwc.shape[1:3]
    top, bottom = round(edges[0] * height), height - round(edges[1] * height)
    left, right = round(edges[2] * width), width - round(edges[3] * width)
    if bottom <= top or right <= left:
        raise ValueError(f"edges {edges} leave nothing of {height} x {width} pixels.")
    kept = frames_thwc[:, top:bottom, left:right]
    if kept.shape == frames_thwc.shape:
        return frames_thwc
    # In floating point: cv2 scales bytes with weights of 11 bits, which other libraries do not repeat.
    scaled = [
        cv2.resize(frame_hwc.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for frame_hwc in kept
    ]
    return to_uint8(np.stack(scaled))


def _drawn(rng: np.random.Generator, size: float, is_range: float) -> float:
    """Return ``size`` with a drawn sign, so that a level is a level; or, as vidaug, anything up to it."""
    amount = rng.uniform(-1, 1)
    return size * float(amount if is_range else np.sign(amount) or 1)


def _warp(frame_hwc: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """Move every pixel; what comes from outside the picture is black, as vidaug leaves it."""
    height, width = frame_hwc.shape[:2]
    return np.asarray(cv2.warpAffine(frame_hwc, matrix, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


_EXACT = (0.0, 0.0, 0.0, 0.0, 0.0)

crop = Corruption(
    "geometry",
    "Cut at a drawn place and scaled back; share of height and width that is lost.",
    levels(share=(0.1, 0.2, 0.3, 0.4, 0.5)),
    _crop,
    scope="clip",
)
rotate = Corruption(
    "geometry",
    "Turned to a drawn side about the middle; corners are black.",
    levels(angle_deg=(5, 10, 15, 20, 30), is_range=_EXACT),
    _rotate,
    scope="clip",
    source="10 degrees of vidaug at severity 2",
)
translate = Corruption(
    "geometry",
    "Moved to a drawn side; share of height and width.",
    levels(share=(0.05, 0.1, 0.15, 0.2, 0.3), is_range=_EXACT),
    _translate,
    scope="clip",
)
shear = Corruption(
    "geometry",
    "Sheared to a drawn side both ways.",
    levels(slope=(0.05, 0.1, 0.15, 0.2, 0.3), is_range=_EXACT),
    _shear,
    scope="clip",
)
elastic = Corruption(
    "geometry",
    "Pulled about by a smooth field; standard deviation of the shift in pixels.",
    levels(shift_px=(0.8, 1.5, 2.3, 3.2, 4.5), smooth_px=(8, 8, 8, 8, 8)),
    _elastic,
    scope="clip",
)
rescale = Corruption(
    "geometry",
    "Enlarged from a smaller picture; share of its side.",
    levels(share=(0.6, 0.45, 0.33, 0.25, 0.18)),
    _rescale,
)
mirror = Corruption(
    "geometry",
    "Left and right exchanged; the same at every severity.",
    levels(),
    _mirror,
    mirrors=True,
)
flip_vertical = Corruption(
    "geometry",
    "Upside down and mirrored; the same at every severity.",
    levels(),
    _flip_vertical,
    mirrors=True,
)
