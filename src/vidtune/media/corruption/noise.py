"""Noise of the sensor and of the line. Levels: ImageNet-C (Hendrycks and Dietterich, 2019).

Grain is one pixel of the frames as they are, whatever their size, as on a sensor.
"""

from __future__ import annotations

import numpy as np

from vidtune.media.corruption._clip import Clip, Pixels, to_uint8
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

_IMAGENET_C = "ImageNet-C"
_SHARES = (0.03, 0.06, 0.09, 0.17, 0.27)


def _gaussian(clip: Clip, parameters: Parameters) -> Clip:
    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        return to_uint8(frame_hwc + rng.standard_normal(frame_hwc.shape, np.float32) * (255 * parameters["sigma"]))

    return clip.each(change)


def _shot(clip: Clip, parameters: Parameters) -> Clip:
    photons = parameters["photons"]

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        return to_uint8(rng.poisson(frame_hwc * np.float32(photons / 255)) * (255 / photons))

    return clip.each(change)


def _speckle(clip: Clip, parameters: Parameters) -> Clip:
    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        return to_uint8(frame_hwc * (1 + rng.standard_normal(frame_hwc.shape, np.float32) * parameters["sigma"]))

    return clip.each(change)


def _impulse(clip: Clip, parameters: Parameters) -> Clip:
    """Set single colour values to 0 or 255, half of them each."""

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        where = rng.random(frame_hwc.shape, np.float32)
        half = parameters["share"] / 2
        # Both ends of one draw: what is hit at a low level is hit at every higher one.
        return np.where(where < half, np.uint8(0), np.where(where >= 1 - half, np.uint8(255), frame_hwc))

    return clip.each(change)


def _dots(value: int, clip: Clip, parameters: Parameters) -> Clip:
    """Set whole pixels, or single colour values as vidaug does, to ``value``."""

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        shape = frame_hwc.shape if parameters["per_channel"] else (*frame_hwc.shape[:2], 1)
        return np.where(rng.random(shape, np.float32) < parameters["share"], np.uint8(value), frame_hwc)

    return clip.each(change)


def _salt(clip: Clip, parameters: Parameters) -> Clip:
    return _dots(255, clip, parameters)


def _pepper(clip: Clip, parameters: Parameters) -> Clip:
    return _dots(0, clip, parameters)


gaussian_noise = Corruption(
    "noise",
    "Gaussian noise on every colour value; sigma as a share of full scale.",
    levels(sigma=(0.08, 0.12, 0.18, 0.26, 0.38)),
    _gaussian,
    scope="frame",
    source=_IMAGENET_C,
)
shot_noise = Corruption(
    "noise",
    "Poisson noise of light that is counted; photons at full white, fewer are noisier.",
    levels(photons=(60, 25, 12, 5, 3)),
    _shot,
    scope="frame",
    source=_IMAGENET_C,
)
impulse_noise = Corruption(
    "noise",
    "A share of the colour values is lost: black or full, half of them each.",
    levels(share=_SHARES),
    _impulse,
    scope="frame",
    source=_IMAGENET_C,
)
speckle_noise = Corruption(
    "noise",
    "Noise in proportion to brightness; sigma as a share of each value.",
    levels(sigma=(0.15, 0.2, 0.35, 0.45, 0.6)),
    _speckle,
    scope="frame",
    source=_IMAGENET_C,
)
_DOTS = levels(share=_SHARES, per_channel=(0, 0, 0, 0, 0))
salt_noise = Corruption(
    "noise", "A share of the pixels is white.", _DOTS, _salt, scope="frame", source="shares of ImageNet-C's impulse"
)
pepper_noise = Corruption(
    "noise", "A share of the pixels is black.", _DOTS, _pepper, scope="frame", source="shares of ImageNet-C's impulse"
)
