"""Constants and formulas against what was published, computed here in the plainest way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.media.corruption.pictures import make_frames

from vidtune.media.corruption import CorruptionConfig, corrupt_frames, corruptions
from vidtune.media.corruption.blur import disk_kernel, motion_kernel

IMAGENET_C = {
    "gaussian_noise": {"sigma": (0.08, 0.12, 0.18, 0.26, 0.38)},
    "shot_noise": {"photons": (60, 25, 12, 5, 3)},
    "impulse_noise": {"share": (0.03, 0.06, 0.09, 0.17, 0.27)},
    "speckle_noise": {"sigma": (0.15, 0.2, 0.35, 0.45, 0.6)},
    "gaussian_blur": {"sigma_px": (1, 2, 3, 4, 6)},
    "defocus_blur": {"radius_px": (3, 4, 6, 8, 10)},
    "motion_blur": {"radius_px": (10, 15, 15, 15, 20), "sigma_px": (3, 5, 8, 12, 15)},
    "contrast": {"factor": (0.4, 0.3, 0.2, 0.1, 0.05)},
    "brightness": {"shift": (0.1, 0.2, 0.3, 0.4, 0.5)},
    "jpeg": {"quality": (25, 18, 15, 10, 7)},
    "pixelate": {"share": (0.6, 0.5, 0.4, 0.3, 0.25)},
}
GREY = make_frames(2, height=224, width=224)


@pytest.mark.parametrize("kind", list(IMAGENET_C))
def test_levels_are_those_of_imagenet_c(kind: str) -> None:
    for name, values in IMAGENET_C[kind].items():
        assert tuple(level[name] for level in corruptions.get(kind).levels) == values
    assert corruptions.get(kind).source == "ImageNet-C"


def damaged(kind: str, severity: int) -> np.ndarray:
    return corrupt_frames(GREY, CorruptionConfig(kind=kind, severity=severity)).frames_thwc.astype(float)


def test_gaussian_noise_has_the_sigma_of_its_level() -> None:
    middle = (GREY.frames_thwc > 110) & (GREY.frames_thwc < 145)  # far from the ends, so that nothing is clipped

    noise = (damaged("gaussian_noise", 1) - GREY.frames_thwc)[middle]

    assert noise.std() == pytest.approx(0.08 * 255, rel=0.02)
    assert abs(noise.mean()) < 0.5


def test_shot_noise_has_the_variance_of_counted_light() -> None:
    middle = (GREY.frames_thwc > 120) & (GREY.frames_thwc < 136)

    noise = (damaged("shot_noise", 1) - GREY.frames_thwc)[middle]

    assert noise.var() == pytest.approx(128 * 255 / 60, rel=0.05)


@pytest.mark.parametrize(("kind", "value"), [("salt_noise", 255), ("pepper_noise", 0)])
def test_dots_are_as_many_as_the_level_says_and_more_at_each_level(kind: str, value: int) -> None:
    hit = [(damaged(kind, severity) == value).all(axis=3) for severity in (1, 3, 5)]

    assert [dots.mean() for dots in hit] == pytest.approx([0.03, 0.09, 0.27], abs=0.005)
    assert not (hit[0] & ~hit[1]).any()
    assert not (hit[1] & ~hit[2]).any()


def test_gaussian_blur_is_scipys() -> None:
    expected = ndimage.gaussian_filter(GREY.frames_thwc[0].astype(float), (2, 2, 0), mode="mirror", truncate=5)

    assert np.abs(damaged("gaussian_blur", 2)[0] - expected).max() <= 1.5


def test_contrast_and_brightness_follow_their_formulas() -> None:
    frame = GREY.frames_thwc[0] / 255
    flat = np.clip((frame - frame.mean(axis=(0, 1))) * 0.2 + frame.mean(axis=(0, 1)), 0, 1) * 255
    value = frame.max(axis=2, keepdims=True)
    lit = np.clip(frame / value * np.clip(value + 0.3, 0, 1), 0, 1) * 255

    assert np.abs(damaged("contrast", 3)[0] - flat).max() <= 1
    assert np.abs(damaged("brightness", 3)[0] - lit).max() <= 1


def test_kernels_keep_the_light_and_have_the_form_of_their_names() -> None:
    disk = disk_kernel(6.0, 0.1)
    trail = motion_kernel(31.0, 8.0, 0.0)
    slanted = motion_kernel(31.0, 8.0, 45.0)

    assert disk.sum() == pytest.approx(1, abs=1e-5)
    assert (disk > disk.max() / 2).sum() == pytest.approx(np.pi * 6**2, rel=0.1)
    middle = len(trail) // 2
    assert trail.sum() == pytest.approx(1, abs=1e-5)
    assert trail[middle].sum() == pytest.approx(1, abs=1e-5)
    assert trail[middle, : middle - 1].sum() == pytest.approx(0, abs=1e-6)
    assert trail[middle, middle + 8] / trail[middle, middle + 1] == pytest.approx(np.exp(-63 / 128), rel=0.05)
    rows, columns = np.nonzero(slanted > 1e-6)
    assert np.abs((rows - middle) - (columns - middle)).max() <= 1


def test_pixelate_makes_fewer_and_larger_blocks_at_each_severity() -> None:
    num_colours = [len(np.unique(damaged("pixelate", severity)[0].reshape(-1, 3), axis=0)) for severity in range(1, 6)]

    assert num_colours == sorted(num_colours, reverse=True)
    assert num_colours[4] <= 56 * 56


def test_low_light_is_darker_and_noisier_for_what_is_left() -> None:
    means = [damaged("low_light", severity).mean() for severity in range(1, 6)]
    still = damaged("low_light", 4)

    assert means == sorted(means, reverse=True)
    assert (still[0] - still[1])[:60].std() / still.mean() > 0.2
