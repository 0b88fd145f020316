"""Light, contrast and colour. Levels of brightness, contrast and saturation: ImageNet-C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.corruption._clip import Clip, Pixels, to_uint8
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

Floats = NDArray[np.float32]

_FULL_WELL = 400.0
"""Photons at full white of a phone's sensor in good light, for which a dim room leaves few."""

_READ_NOISE = 3.0
"""Standard deviation of what reading the sensor adds, in photons."""

_BLACK_LEVEL = 0.02


def _brightness(clip: Clip, parameters: Parameters) -> Clip:
    def shift(hsv: Floats) -> Floats:
        hsv[..., 2] = np.clip(hsv[..., 2] + parameters["shift"], 0, 1)
        return hsv

    return _in_hsv(clip, shift)


def _saturate(clip: Clip, parameters: Parameters) -> Clip:
    def stretch(hsv: Floats) -> Floats:
        hsv[..., 1] = np.clip(hsv[..., 1] * parameters["factor"] + parameters["shift"], 0, 1)
        return hsv

    return _in_hsv(clip, stretch)


def _contrast(clip: Clip, parameters: Parameters) -> Clip:
    def change(frame_hwc: Pixels, _: np.random.Generator) -> Pixels:
        mean_c = frame_hwc.mean(axis=(0, 1), dtype=np.float32)
        return to_uint8((frame_hwc - mean_c) * parameters["factor"] + mean_c)

    return clip.each(change)


def _low_light(clip: Clip, parameters: Parameters) -> Clip:
    """Take light away before the sensor, count what is left, and brighten only part of the way back."""
    exposure, gain = parameters["exposure"], parameters["gain"]

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        light = (frame_hwc / np.float32(255)) ** np.float32(2.2) * np.float32(exposure)
        # For these counts a normal distribution is near enough to Poisson, and the draws serve all levels.
        photons = light * _FULL_WELL
        noise = rng.standard_normal(frame_hwc.shape, np.float32) * np.sqrt(photons + _READ_NOISE**2)
        seen = np.clip((photons + noise) / _FULL_WELL * gain + _BLACK_LEVEL * exposure, 0, 1)
        return to_uint8(seen ** np.float32(1 / 2.2) * 255)

    return clip.each(change)


def _add(clip: Clip, parameters: Parameters) -> Clip:
    return replace(clip, frames_thwc=shift_values(clip.frames_thwc, parameters["value"]))


def _multiply(clip: Clip, parameters: Parameters) -> Clip:
    return clip.each(lambda frame_hwc, _: to_uint8(frame_hwc * np.float32(parameters["factor"])))


def _invert(clip: Clip, parameters: Parameters) -> Clip:
    share = parameters["share"]
    return clip.each(lambda frame_hwc, _: to_uint8(frame_hwc * np.float32(1 - 2 * share) + np.float32(255 * share)))


def shift_values(frames_thwc: Pixels, value: float) -> Pixels:
    """Return frames with ``value`` added to every colour value, on the scale of 0 to 255."""
    return to_uint8(frames_thwc + np.float32(value))


def relight(frames_thwc: Pixels, *, shift: float, gain: float) -> Pixels:
    """Return frames with their contrast changed by ``gain`` around the clip's mean, then shifted.

    One change for all frames, so that it cannot be mistaken for motion.
    """
    middle = frames_thwc.mean()
    # What becomes of a byte depends on the byte alone, and there are 256 of them.
    table = to_uint8((np.arange(256) - middle) * gain + middle + shift)
    flat = np.ascontiguousarray(frames_thwc).reshape(len(frames_thwc), -1)
    return np.asarray(cv2.LUT(flat, table), np.uint8).reshape(frames_thwc.shape)


def _in_hsv(clip: Clip, change: Callable[[Floats], Floats]) -> Clip:
    """Change hue, saturation and value (0 to 360, 0 to 1, 0 to 1) of every frame."""

    def convert(frame_hwc: Pixels, _: np.random.Generator) -> Pixels:
        hsv = np.asarray(cv2.cvtColor(frame_hwc.astype(np.float32) / 255, cv2.COLOR_RGB2HSV), np.float32)
        rgb = np.asarray(cv2.cvtColor(change(hsv), cv2.COLOR_HSV2RGB), np.float32)
        return to_uint8(rgb * 255)

    return clip.each(convert)


brightness = Corruption(
    "light",
    "Too bright: the same is added to the value of every pixel, as a share of full scale.",
    levels(shift=(0.1, 0.2, 0.3, 0.4, 0.5)),
    _brightness,
    source="ImageNet-C",
)
contrast = Corruption(
    "light",
    "Flat: colours move towards the mean of their frame.",
    levels(factor=(0.4, 0.3, 0.2, 0.1, 0.05)),
    _contrast,
    source="ImageNet-C",
)
low_light = Corruption(
    "light",
    "A dim room: less light, counted by a sensor with noise of its own, brightened part of the way.",
    levels(exposure=(0.4, 0.2, 0.1, 0.05, 0.025), gain=(1.2, 1.5, 1.8, 2.2, 2.6)),
    _low_light,
    scope="frame",
)
add = Corruption(
    "light",
    "Darker: the same is taken from every colour value (0 to 255).",
    levels(value=(-15, -30, -60, -90, -120)),
    _add,
    source="the QVED suite's steps of 30",
)
multiply = Corruption(
    "light",
    "Darker: every colour value is multiplied.",
    levels(factor=(0.85, 0.7, 0.5, 0.35, 0.2)),
    _multiply,
    source="the QVED suite's 0.7 and 0.5",
)
saturate = Corruption(
    "light",
    "Colours too pale, then too strong.",
    levels(factor=(0.3, 0.1, 2, 5, 20), shift=(0, 0, 0, 0.1, 0.2)),
    _saturate,
    source="ImageNet-C",
)
invert = Corruption(
    "light",
    "Towards the negative; 1 is the negative itself.",
    levels(share=(0.2, 0.4, 0.6, 0.8, 1.0)),
    _invert,
)
