"""Blur of the lens, of the moving camera, of the long exposure. Levels of the first three: ImageNet-C."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.corruption._clip import Clip, Pixels, to_uint8
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

Kernel = NDArray[np.float32]


def _gaussian(clip: Clip, parameters: Parameters) -> Clip:
    sigma_px = parameters["sigma_px"] * clip.unit_px
    return clip.each(lambda frame_hwc, _: _as_pixels(cv2.GaussianBlur(frame_hwc, (0, 0), sigma_px)))


def _defocus(clip: Clip, parameters: Parameters) -> Clip:
    kernel = disk_kernel(parameters["radius_px"] * clip.unit_px, parameters["soft_px"] * clip.unit_px)
    return clip.each(lambda frame_hwc, _: _filter(frame_hwc, kernel))


def _motion(clip: Clip, parameters: Parameters) -> Clip:
    reach_px = (2 * parameters["radius_px"] + 1) * clip.unit_px
    sigma_px = parameters["sigma_px"] * clip.unit_px

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        return _filter(frame_hwc, motion_kernel(reach_px, sigma_px, rng.uniform(-45, 45)))

    return clip.each(change)


def _temporal(clip: Clip, parameters: Parameters) -> Clip:
    """Average each frame with those before it for as long as the shutter is open."""
    times_s = np.asarray(clip.times_s)
    shutter_s = parameters["shutter_s"]
    gap_s = float(np.diff(times_s).min()) if len(times_s) > 1 else float("inf")
    if gap_s >= shutter_s:
        raise ValueError(
            f"frames are {gap_s:.3g} s apart and the shutter is open for {shutter_s:.3g} s, so no two of them mix; "
            "damage the whole clip (`vidtune data degrade`) and choose frames afterwards."
        )
    mixed = [
        clip.frames_thwc[(times_s > now_s - shutter_s) & (times_s <= now_s)].mean(axis=0, dtype=np.float32)
        for now_s in times_s
    ]
    return replace(clip, frames_thwc=to_uint8(np.stack(mixed)))


def disk_kernel(radius_px: float, soft_px: float) -> Kernel:
    """Return the picture that a lens out of focus makes of a point: an even disk with a soft edge."""
    half = math.ceil(radius_px + 2 * soft_px)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    # The edge falls over one pixel, so that radii between whole pixels differ.
    disk = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    if soft_px > 0.05:
        disk = cv2.GaussianBlur(disk, (0, 0), soft_px)
    return np.asarray(disk / disk.sum(), np.float32)


def motion_kernel(reach_px: float, sigma_px: float, angle_deg: float) -> Kernel:
    """Return the trail of a point that moves one way: brightest where it is, fading over ``reach_px``."""
    half = math.ceil(reach_px)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    # Four steps a pixel, each shared among the pixels around it: an even line at every angle.
    along = np.arange(0, reach_px + 1e-6, 0.25)
    weights = np.exp(-(along**2) / (2 * sigma_px**2))
    x = half + along * math.cos(math.radians(angle_deg))
    y = half + along * math.sin(math.radians(angle_deg))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
        inside = (left + dx <= 2 * half) & (top + dy <= 2 * half)
        np.add.at(kernel, ((top + dy)[inside], (left + dx)[inside]), (weights * share)[inside])
    return np.asarray(kernel / kernel.sum(), np.float32)


def _filter(frame_hwc: Pixels, kernel: Kernel) -> Pixels:
    return _as_pixels(cv2.filter2D(frame_hwc, -1, kernel, borderType=cv2.BORDER_REFLECT_101))


def _as_pixels(picture: object) -> Pixels:
    return np.asarray(picture, np.uint8)


gaussian_blur = Corruption(
    "blur",
    "Gaussian blur.",
    levels(sigma_px=(1, 2, 3, 4, 6)),
    _gaussian,
    source="ImageNet-C",
)
defocus_blur = Corruption(
    "blur",
    "A lens out of focus: every point becomes a disk.",
    levels(radius_px=(3, 4, 6, 8, 10), soft_px=(0.1, 0.5, 0.5, 0.5, 0.5)),
    _defocus,
    source="ImageNet-C",
)
motion_blur = Corruption(
    "blur",
    "A camera that moves: every point leaves a trail, its angle drawn from -45 to 45 degrees.",
    levels(radius_px=(10, 15, 15, 15, 20), sigma_px=(3, 5, 8, 12, 15)),
    _motion,
    scope="clip",
    source="ImageNet-C",
)
temporal_blur = Corruption(
    "blur",
    "A shutter that stays open: each frame is the mean of what was seen since it opened.",
    levels(shutter_s=(0.1, 0.2, 0.35, 0.6, 1.0)),
    _temporal,
    needs_whole_clip=True,
)
