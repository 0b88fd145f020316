"""What an endoscope sees besides the tissue: smoke from cautery, and light that a wet surface throws back."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidtune.media.corruption._clip import Clip, Pixels, to_uint8
from vidtune.media.corruption._corruption import Corruption, Parameters, levels

Floats = NDArray[np.float32]

_SMOKE_RGB = (206.0, 204.0, 208.0)
_DARK = 24
"""Colour values up to this one belong to the black around a round view, when they reach a corner."""

_DRIFT_A_SECOND = 0.12
"""How far smoke moves in a second, as a share of the picture's side."""


def _smoke(clip: Clip, parameters: Parameters) -> Clip:
    """Lay a veil over the picture that is thick in places, drifts, and hides contrast behind it."""
    height, width = clip.size_hw
    rng = clip.draws.of_clip()
    layers = [fractal(rng, side=256), fractal(rng, side=256)]
    headings = rng.uniform(0, 2 * np.pi, 2)
    colour_c = np.asarray(_SMOKE_RGB, np.float32)
    smoky = []
    for frame_hwc, time_s in zip(clip.frames_thwc, clip.times_s, strict=True):
        # Two layers that drift apart: the veil changes its form and does not just slide.
        drifted = [
            _shifted(layer, heading, (0.6 + 0.8 * number) * _DRIFT_A_SECOND * time_s)
            for number, (layer, heading) in enumerate(zip(layers, headings, strict=True))
        ]
        billows = cv2.resize((drifted[0] + drifted[1]) / 2, (width, height), interpolation=cv2.INTER_CUBIC)
        opacity = 1 - np.exp(-parameters["density"] * (0.35 + 1.3 * np.clip(billows, 0, 1)))
        opacity *= in_view(frame_hwc)
        veiled = frame_hwc * (1 - opacity[..., None]) + colour_c * opacity[..., None]
        smoky.append(to_uint8(veiled))
    return replace(clip, frames_thwc=np.stack(smoky))


def _specular(clip: Clip, parameters: Parameters) -> Clip:
    """Burn out the spots where light is strong already, broken up by a texture that stays with the scene."""
    height, width = clip.size_hw
    wet = fractal(clip.draws.of_clip(), side=512, num_cells=14, num_octaves=3)
    texture = cv2.resize(wet, (width, height), interpolation=cv2.INTER_LINEAR)
    soft_px = max(0.5, 0.7 * clip.unit_px)

    def change(frame_hwc: Pixels, rng: np.random.Generator) -> Pixels:
        grey = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        light = cv2.GaussianBlur(grey, (0, 0), 6 * clip.unit_px)
        # The tip of the scope is never still: how much a spot shines changes a little from frame to frame.
        view = in_view(frame_hwc)
        score = (light * (1 + 0.1 * float(rng.standard_normal())) + 1.1 * texture) * view
        cut = np.quantile(score, 1 - parameters["share"] * float(view.mean()))
        spots = (score > cut).astype(np.float32)
        core = cv2.GaussianBlur(spots, (0, 0), soft_px)
        halo = cv2.GaussianBlur(spots, (0, 0), 4 * soft_px)
        shine = (np.clip(core * 1.5 + halo * 0.4, 0, 1) * view)[..., None]
        return to_uint8(frame_hwc * (1 - shine) + np.float32(255) * shine)

    return clip.each(change)


def in_view(frame_hwc: Pixels) -> Floats:
    """Return 1 where the scope sees, 0 in the black corners around a round view, soft between."""
    dark = (frame_hwc.max(axis=2) <= _DARK).astype(np.uint8)
    _, parts = cv2.connectedComponents(dark)
    corners = {int(parts[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    outside = np.isin(parts, list(corners)) & (dark == 1)
    return np.asarray(cv2.GaussianBlur((~outside).astype(np.float32), (0, 0), 1.0), np.float32)


def fractal(rng: np.random.Generator, *, side: int, num_cells: int = 3, num_octaves: int = 5) -> Floats:
    """Return a cloud of ``side`` by ``side`` between 0 and 1 that continues over its edges.

    Its largest forms are ``1 / num_cells`` of a side; every octave adds forms half as large and half as strong.
    """
    cloud = np.zeros((side, side), np.float32)
    for octave in range(num_octaves):
        cells = num_cells * 2**octave
        # One cell more on every side, taken from the other edge, so that the scaled field wraps.
        coarse = np.pad(rng.random((cells, cells), np.float32), 2, mode="wrap")
        step = side / cells
        at = (np.arange(side, dtype=np.float32) + 0.5) / step + 1.5
        x, y = np.meshgrid(at, at)
        cloud += cv2.remap(coarse, x, y, cv2.INTER_CUBIC) * np.float32(0.5**octave)
    low, high = np.quantile(cloud, (0.02, 0.98))
    return np.asarray(np.clip((cloud - low) / (high - low), 0, 1), np.float32)


def _shifted(layer: Floats, heading: float, distance: float) -> Floats:
    side = layer.shape[0]
    by = (round(distance * side * np.sin(heading)), round(distance * side * np.cos(heading)))
    return np.roll(layer, by, axis=(0, 1))


smoke = Corruption(
    "endoscopy",
    "Smoke that drifts over the scene; density as optical depth.",
    levels(density=(0.3, 0.6, 1.0, 1.5, 2.2)),
    _smoke,
    scope="clip",
)
specular = Corruption(
    "endoscopy",
    "Highlights on wet tissue; share of the picture that is burnt out.",
    levels(share=(0.005, 0.015, 0.03, 0.06, 0.1)),
    _specular,
    scope="frame",
)
