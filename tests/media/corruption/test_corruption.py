"""What holds for every corruption: pure, seeded, bounded, rising, and honest about time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.media.corruption.pictures import make_frames

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid
from vidtune.media import FrameSet
from vidtune.media.corruption import CorruptionConfig, corrupt_frames, corruptions

ALL = corruptions.names()
FRAMES = make_frames()
PIXELS = [name for name in ALL if corruptions.get(name).family not in ("time", "geometry")]
RANDOM = [name for name in ALL if corruptions.get(name).scope is not None]
TIME = [name for name in ALL if corruptions.get(name).family == "time"]
NOT_RISING = {"saturate", "pixelate", "mirror", "flip_vertical", "crop", *TIME}
"""Saturation goes from pale to strong, flips know no degrees, and for the rest pixel errors say little."""

LARGE = make_frames(6, height=224, width=256)


def damage(kind: str, severity: int = 3, frames: FrameSet = FRAMES, **settings: object) -> FrameSet:
    return corrupt_frames(frames, CorruptionConfig(kind=kind, severity=severity, **settings))


def part_of(frames: FrameSet, positions: list[int]) -> FrameSet:
    return replace(
        frames,
        frames_thwc=frames.frames_thwc[positions],
        indices=tuple(frames.indices[i] for i in positions),
        times_s=tuple(frames.times_s[i] for i in positions),
        num_requested=len(positions),
    )


def error_of(damaged: FrameSet, frames: FrameSet = FRAMES) -> float:
    return float(np.sqrt(((damaged.frames_thwc.astype(float) - frames.frames_thwc) ** 2).mean()))


@pytest.mark.parametrize("kind", ALL)
def test_severity_0_is_the_same_frames_to_the_last_bit(kind: str) -> None:
    assert damage(kind, 0) is FRAMES


@pytest.mark.parametrize("kind", ALL)
def test_a_damaged_clip_has_as_many_frames_of_the_same_size_at_the_same_times(kind: str) -> None:
    before = FRAMES.frames_thwc.copy()

    damaged = damage(kind, 5)

    assert damaged.frames_thwc.shape == FRAMES.frames_thwc.shape
    assert damaged.frames_thwc.dtype == np.uint8
    assert damaged.times_s == FRAMES.times_s
    np.testing.assert_array_equal(FRAMES.frames_thwc, before)


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_damage(kind: str) -> None:
    first, again = damage(kind), damage(kind)

    np.testing.assert_array_equal(first.frames_thwc, again.frames_thwc)
    assert first.indices == again.indices


@pytest.mark.parametrize("kind", RANDOM)
def test_other_seeds_and_other_clips_give_other_damage(kind: str) -> None:
    config = CorruptionConfig(kind=kind, severity=4)
    by_seed = {damage(kind, 4, seed=seed).frames_thwc.tobytes() for seed in range(8)}
    by_clip = {corrupt_frames(FRAMES, config, clip_key=f"clip {n}").frames_thwc.tobytes() for n in range(8)}

    assert len(by_seed) > 1
    assert len(by_clip) > 1


@pytest.mark.parametrize("kind", [name for name in ALL if name not in NOT_RISING])
def test_damage_rises_with_severity(kind: str) -> None:
    # A shutter that is open for a second needs a clip that lasts longer.
    frames = make_frames(24, height=48, width=64) if kind == "temporal_blur" else LARGE
    errors = [error_of(damage(kind, severity, frames), frames) for severity in range(1, 6)]

    assert errors[0] > 0
    assert errors == sorted(errors)
    assert errors[4] > 1.2 * errors[0]


@pytest.mark.parametrize("kind", TIME)
def test_frames_are_shown_further_from_their_place_at_each_severity(kind: str) -> None:
    frames = make_frames(64, height=16, width=32)
    away = [np.abs(np.subtract(damage(kind, severity, frames).indices, range(64))).sum() for severity in range(1, 6)]

    assert away[0] > 0
    assert away == sorted(away)
    assert away[4] > 3 * away[0]


def test_a_crop_shows_less_of_the_scene_at_each_severity() -> None:
    walker = [
        (damage("crop", severity, LARGE).frames_thwc[3] > (235, 225, 45)).all(axis=2).sum() for severity in (0, 1, 3)
    ]

    assert walker == sorted(walker)


@pytest.mark.parametrize(
    "kind", [name for name in PIXELS if not corruptions.get(name).needs_whole_clip] + ["crop", "rotate", "elastic"]
)
def test_a_frame_is_damaged_alike_alone_and_among_others(kind: str) -> None:
    together = damage(kind).frames_thwc

    for position in (0, 5):
        np.testing.assert_array_equal(
            damage(kind, frames=part_of(FRAMES, [position])).frames_thwc[0], together[position]
        )


@pytest.mark.parametrize("kind", ["gaussian_noise", "salt_noise", "occlusion_random", "rotate", "crop"])
def test_randomness_is_per_clip_or_per_frame_as_asked(kind: str) -> None:
    still = replace(FRAMES, frames_thwc=np.repeat(FRAMES.frames_thwc[:1], 8, axis=0))

    per_clip = damage(kind, frames=still, randomness="clip").frames_thwc
    per_frame = damage(kind, frames=still, randomness="frame").frames_thwc

    assert all(np.array_equal(frame, per_clip[0]) for frame in per_clip)
    assert not all(np.array_equal(frame, per_frame[0]) for frame in per_frame)


@pytest.mark.parametrize("kind", TIME)
def test_a_damage_of_time_says_which_frames_are_shown(kind: str) -> None:
    damaged = damage(kind, 5)

    for index, frame in zip(damaged.indices, damaged.frames_thwc, strict=True):
        np.testing.assert_array_equal(frame, FRAMES.frames_thwc[index])
    assert damaged.padded == 8 - len(set(damaged.indices))


def test_orders_are_what_their_names_say() -> None:
    frames = make_frames(12)

    assert damage("frame_reverse", 5, frames).indices == tuple(range(11, -1, -1))
    assert damage("fps_change", 1, frames).indices == (0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10)
    assert damage("fps_change", 2, frames).indices == (0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9)
    assert sorted(damage("frame_shuffle", 5, frames).indices) == list(range(12))
    assert damage("frame_freeze", 5, frames).padded == 7
    duplicated = damage("frame_duplicate", 5, frames).indices
    assert list(duplicated) == sorted(duplicated)
    assert duplicated[-1] < 11


def test_a_lost_frame_is_seen_as_the_one_before_it() -> None:
    indices = damage("frame_drop", 5, make_frames(32)).indices

    pairs = zip(indices, indices[1:], strict=False)
    assert indices[0] == 0
    assert all(shown in (position, before) for position, (before, shown) in enumerate(pairs, 1))
    assert len(set(indices)) < 32


def test_a_mirrored_clip_is_mirrored_and_says_so() -> None:
    np.testing.assert_array_equal(damage("mirror").frames_thwc, FRAMES.frames_thwc[:, :, ::-1])
    assert [name for name in ALL if corruptions.get(name).mirrors] == ["flip_vertical", "mirror"]


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["occlusion_fixed", "occlusion_random", "occlusion_tracked"])
def test_a_box_covers_the_share_that_its_level_names(kind: str, severity: int) -> None:
    area = corruptions.get(kind).levels[severity - 1]["area"]

    black = (damage(kind, severity).frames_thwc == 0).all(axis=3).mean(axis=(1, 2))

    np.testing.assert_allclose(black, area, atol=0.012)


def test_a_tracking_box_stays_on_what_moves() -> None:
    frames = make_frames(16)

    damaged = damage("occlusion_tracked", 2, frames)

    walker = (frames.frames_thwc == (250, 240, 60)).all(axis=3)
    covered = (damaged.frames_thwc == 0).all(axis=3)
    hidden = (walker & covered).sum(axis=(1, 2)) / walker.sum(axis=(1, 2))
    assert hidden.mean() > 0.75, hidden


def test_of_two_that_move_one_is_hidden_and_not_the_gap_between_them() -> None:
    frames = make_frames(16)
    second = frames.frames_thwc.copy()
    for position in range(16):
        second[position, 4:24, 100 - 4 * position : 120 - 4 * position] = (20, 30, 250)

    damaged = damage("occlusion_tracked", 2, replace(frames, frames_thwc=second)).frames_thwc

    covered = (damaged == 0).all(axis=3)
    hidden = [
        (walker & covered).sum(axis=(1, 2)) / walker.sum(axis=(1, 2))
        for walker in ((second == (250, 240, 60)).all(axis=3), (second == (20, 30, 250)).all(axis=3))
    ]
    assert max(share.mean() for share in hidden) > 0.6, hidden


def test_lengths_are_relative_to_the_picture_unless_pixels_are_meant() -> None:
    small, large = make_frames(1, height=96, width=128), make_frames(1, height=288, width=384)

    def blur(frames: FrameSet, lengths: str) -> float:
        return error_of(damage("gaussian_blur", 2, frames, lengths=lengths), frames)

    assert blur(large, "relative") > 1.02 * blur(large, "pixels")
    assert blur(small, "pixels") > 1.02 * blur(small, "relative")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "gausian_noise", "severity": 1}, "Did you mean 'gaussian_noise'"),
        ({"kind": "jpeg"}, "either a severity or parameters"),
        ({"kind": "jpeg", "severity": 1, "parameters": {"quality": 3}}, "either a severity or parameters"),
        ({"kind": "jpeg", "parameters": {"crf": 3}}, "parameters of 'jpeg' are quality, found crf"),
        ({"kind": "jpeg", "severity": 6}, "less than or equal to 5"),
        ({"kind": "jpeg", "severity": 1, "randomness": "clip"}, "randomness has no effect on 'jpeg'"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        build_config(CorruptionConfig, values, source="a test")


def test_a_shutter_shorter_than_the_gap_between_frames_is_no_silent_nothing() -> None:
    with pytest.raises(ValueError, match="no two of them mix"):
        damage("temporal_blur", 1, make_frames(4, fps=1.0))


def test_smoke_and_highlights_leave_the_black_around_a_round_view_alone() -> None:
    y, x = np.mgrid[:96, :128]
    is_outside = np.hypot((y - 48) / 48, (x - 64) / 64) > 1.02
    frames = replace(FRAMES, frames_thwc=np.where(is_outside[None, ..., None], 0, FRAMES.frames_thwc).astype(np.uint8))

    for kind in ("smoke", "specular"):
        corner = damage(kind, 5, frames).frames_thwc[:, :8, :8]
        assert corner.max() < 30
