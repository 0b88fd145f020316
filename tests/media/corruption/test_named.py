"""Names from elsewhere mean here what they were meant to mean there."""

from __future__ import annotations

import numpy as np
import pytest
from tests.media.corruption.pictures import make_frames

from vidtune.core.errors import BadUsage
from vidtune.media.corruption import corrupt_frames, corruption_names, corruptions, read_corruptions


def only(spec: str):
    (named,) = read_corruptions(spec)
    return named


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("jpeg:3", ["jpeg_3"]),
        ("jpeg:0-2", ["jpeg_0", "jpeg_1", "jpeg_2"]),
        ("jpeg", ["jpeg_1", "jpeg_2", "jpeg_3", "jpeg_4", "jpeg_5"]),
        ("mirror", ["mirror_1"]),
        ("endoscopy:2", ["smoke_2", "specular_2"]),
        ("qved-1.0/occlusion", [f"qved-1.0_occlusion_{level}" for level in (0.1, 0.2, 0.3)]),
        ("vidaug/6_Add", ["vidaug_6_Add"]),
    ],
)
def test_a_short_text_stands_for_damages(spec: str, labels: list[str]) -> None:
    assert [named.label for named in read_corruptions(spec)] == labels


def test_all_is_every_corruption_once() -> None:
    assert [named.config.kind for named in read_corruptions("all:2")] == corruptions.names()


@pytest.mark.parametrize("spec", ["jpegg", "jpeg:6", "jpeg:", "vidaug/99", "", "noise:1-9"])
def test_a_name_that_nothing_has_is_refused_with_what_there_is(spec: str) -> None:
    with pytest.raises(BadUsage, match="known: all, .*gaussian_noise"):
        read_corruptions(spec)


@pytest.mark.parametrize("name", corruption_names())
def test_every_name_from_elsewhere_works(name: str) -> None:
    frames = make_frames(8)

    damaged = corrupt_frames(frames, only(name).config)

    assert damaged.frames_thwc.shape == frames.frames_thwc.shape
    assert not np.array_equal(damaged.frames_thwc, frames.frames_thwc)


def test_the_menu_of_vidaug_has_all_fourteen() -> None:
    numbers = {int(name.split("/")[1].split("_")[0]) for name in corruption_names() if name.startswith("vidaug/1")}
    numbers |= {int(name[7]) for name in corruption_names() if name.startswith("vidaug/") and name[7] in "23456789"}

    assert numbers == set(range(1, 15))


@pytest.mark.parametrize("kind", ["motion_blur", "compression", "lighting", "occlusion", "salt", "pepper"])
def test_the_levels_of_the_suite_rise(kind: str) -> None:
    frames = make_frames(4)

    errors = [
        np.abs(
            corrupt_frames(frames, only(f"qved-1.0/{kind}@{level}").config).frames_thwc.astype(float)
            - frames.frames_thwc
        ).mean()
        for level in (0.1, 0.2, 0.3)
    ]

    assert errors == sorted(errors)


def test_the_suites_numbers_are_kept() -> None:
    assert [only(f"qved-1.0/compression@{level}").config.parameters["crf"] for level in (0.1, 0.2, 0.3)] == [35, 40, 45]
    assert only("qved-1.0/motion_blur@0.2").config.parameters == {"sigma_px": 2.5}
    assert only("qved-1.0/motion_blur@0.2").config.lengths == "pixels"
    assert only("vidaug/11_Salt").config.parameters["share"] == pytest.approx(0.01)


def test_a_setting_goes_to_those_it_has_an_effect_on() -> None:
    named = read_corruptions("all:1", seed=5, randomness="clip")

    assert {item.config.seed for item in named} == {5}
    assert all(
        (item.config.randomness == "clip") == (corruptions.get(item.config.kind).scope is not None) for item in named
    )
