"""Measures see what was done to a clip on purpose, and nothing where nothing was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.media.corruption.pictures import make_frames
from tests.media.phone_clips import turn_by_header, write_scene
from tests.media.writing import cut_file

from vidtune.media import FrameSet, frameset_from_array, probe_video
from vidtune.media.corruption import CorruptionConfig, corrupt_frames, corrupt_video
from vidtune.media.quality import (
    QualityConfig,
    count_decodable_frames,
    look_at,
    look_at_frames,
    measure_quality,
    measures,
)

FRAMES = make_frames(48, height=120, width=160)


def measured(frames: FrameSet = FRAMES, **settings: object) -> dict[str, float]:
    return measure_quality(look_at_frames(frames), QualityConfig(**settings))


def damaged(kind: str, severity: int) -> dict[str, float]:
    return measured(corrupt_frames(FRAMES, CorruptionConfig(kind=kind, severity=severity)))


def test_every_measure_gives_finite_numbers_under_names_of_its_own() -> None:
    found = [measures.get(name)(look_at_frames(FRAMES), QualityConfig()) for name in measures.names()]

    assert len({name for values in found for name in values}) == sum(map(len, found))
    assert all(np.isfinite(value) for values in found for value in values.values())


def test_a_healthy_clip_has_nothing_to_be_told() -> None:
    values = measured()

    assert (values["frozen_share"], values["black_share"], values["bars_share"]) == (0, 0, 0)
    assert values["motion_share"] == 1
    assert values["crushed_share"] < 0.01


def test_sharpness_is_the_variance_of_opencvs_laplacian_and_falls_with_blur() -> None:
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in FRAMES.frames_thwc]
    every = [cv2.Laplacian(frame, cv2.CV_64F).var() for frame in grey]

    assert min(every) <= measured()["sharpness"] <= max(every)
    blurred = [damaged("gaussian_blur", severity)["sharpness"] for severity in (1, 3, 5)]
    assert [measured()["sharpness"], *blurred] == sorted([measured()["sharpness"], *blurred], reverse=True)


def test_light_is_measured_on_the_scale_of_grey_values() -> None:
    grey = np.mean([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).mean() for frame in FRAMES.frames_thwc])

    assert measured()["brightness"] == pytest.approx(grey, abs=1)
    assert damaged("low_light", 5)["brightness"] < 40
    burnt = corrupt_frames(FRAMES, CorruptionConfig(kind="add", parameters={"value": 150}))
    assert measured(burnt)["burnt_share"] > measured()["burnt_share"] + 0.2


def test_a_stuck_picture_is_frozen_for_as_long_as_it_is_stuck() -> None:
    values = damaged("frame_freeze", 4)

    assert values["frozen_share"] == pytest.approx(23 / 48, abs=0.01)
    assert values["longest_freeze_s"] == pytest.approx(23 / 16, abs=0.01)


def test_a_stuck_picture_is_found_in_a_file_and_after_encoding_it_again(tmp_path: Path) -> None:
    clip = write_scene(tmp_path / "a.mp4", num_frames=48, size=(320, 240))
    corrupt_video(clip, tmp_path / "b.mp4", CorruptionConfig(kind="frame_freeze", severity=4))
    corrupt_video(tmp_path / "b.mp4", tmp_path / "c.mp4", CorruptionConfig(kind="h264", severity=1))

    shares = [
        measure_quality(look_at(path, probe_video(path)))["frozen_share"]
        for path in (clip, tmp_path / "b.mp4", tmp_path / "c.mp4")
    ]

    assert shares[0] == 0
    assert shares[1] == pytest.approx(23 / 48, abs=0.05)
    assert shares[2] == pytest.approx(23 / 48, abs=0.15)


def test_black_frames_are_counted_by_their_time() -> None:
    frames = FRAMES.frames_thwc.copy()
    frames[:12] = 3

    assert measured(replace(FRAMES, frames_thwc=frames))["black_share"] == pytest.approx(0.25)


@pytest.mark.parametrize(("bars", "share"), [((15, 15, 0, 0), 0.25), ((0, 0, 40, 40), 0.5), ((12, 0, 0, 16), 0.19)])
def test_bars_are_found_on_each_side(bars: tuple[int, int, int, int], share: float) -> None:
    top, bottom, left, right = bars
    frames = FRAMES.frames_thwc.copy()
    frames[:, :top], frames[:, 120 - bottom :], frames[:, :, :left], frames[:, :, 160 - right :] = 0, 0, 0, 0

    values = measured(replace(FRAMES, frames_thwc=frames))

    assert values["bars_share"] == pytest.approx(share, abs=0.01)
    assert [values[f"bar_{side}"] for side in ("top", "bottom", "left", "right")] == pytest.approx(
        [top / 120, bottom / 120, left / 160, right / 160], abs=0.01
    )


def test_motion_is_counted_by_the_rule_of_the_qved_pipeline() -> None:
    """Written out here in the plainest way, on the frames that the rule looks at."""
    step = [cv2.GaussianBlur(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), (5, 5), 0) for f in FRAMES.frames_thwc]
    looked = look_at_frames(FRAMES, num_full=48)
    ratios = [
        np.count_nonzero(cv2.threshold(cv2.absdiff(b, a), 18, 255, cv2.THRESH_BINARY)[1]) / a.size
        for a, b in zip(step, step[1:], strict=False)
    ]

    values = measure_quality(looked, QualityConfig(num_frames=48))

    assert values["motion_pairs"] == 47
    assert values["motion_active_pairs"] == sum(ratio >= 0.01 for ratio in ratios)
    assert values["motion_mean_change"] == pytest.approx(np.mean(ratios))
    assert values["motion_max_change"] == pytest.approx(np.max(ratios))


def test_a_still_clip_does_not_move() -> None:
    still = frameset_from_array(np.repeat(FRAMES.frames_thwc[:1], 20, axis=0), fps=10)

    assert measured(still)["motion_share"] == 0
    assert measured(still)["frozen_share"] == pytest.approx(0.95)


def test_a_file_is_looked_at_upright_with_its_times(tmp_path: Path) -> None:
    turned = turn_by_header(write_scene(tmp_path / "phone.mp4"))
    uneven = write_scene(tmp_path / "vfr.mkv", gaps=[40, 40, 200])

    upright, variable = (look_at(path, probe_video(path)) for path in (turned, uneven))

    assert (upright.width_px, upright.height_px, upright.rotation_deg % 180) == (72, 96, 90)
    assert upright.is_variable_rate is False
    assert variable.is_variable_rate is True
    assert variable.small_times_s[:4] == pytest.approx([0, 0.04, 0.08, 0.28], abs=1e-3)


def test_frames_spread_over_a_long_clip_stand_for_it(tmp_path: Path) -> None:
    clip = write_scene(tmp_path / "long.mp4", num_frames=200, fps=2)

    looked = look_at(clip, probe_video(clip))

    assert (looked.is_every_frame, looked.is_variable_rate) == (False, None)
    assert (looked.num_frames, len(looked.full_thw)) == (64, 20)
    assert looked.small_times_s[-1] > 95
    assert measure_quality(looked)["frozen_share"] < 0.05


def test_what_is_left_of_a_cut_file_is_counted(tmp_path: Path) -> None:
    whole = write_scene(tmp_path / "whole.mkv", num_frames=60)
    cut = cut_file(whole, tmp_path / "cut.mkv", 0.5)
    (tmp_path / "text.mp4").write_text("no video")

    assert count_decodable_frames(whole) == 60
    assert 10 < count_decodable_frames(cut) < 50
    assert count_decodable_frames(tmp_path / "text.mp4") == 0


def test_frames_are_looked_at_so_far_apart_as_asked(tmp_path: Path) -> None:
    clip = write_scene(tmp_path / "a.mp4", num_frames=50)

    looked = look_at(clip, probe_video(clip), num_full=20, stride_frames=15)

    assert len(looked.full_thw) == 4
    assert looked.full_thw[0].shape == (72, 96)
    assert looked.num_frames == 50
