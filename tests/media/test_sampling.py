"""Which frames: the setting, the selectors and the coverage figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid
from vidtune.media import SamplingConfig, VideoInfo, frameset_from_array, selectors
from vidtune.media._frameset import measure_coverage
from vidtune.media.selection.uniform import sample_times


def clip_of(duration_s: float) -> VideoInfo:
    return VideoInfo(Path("a.mp4"), "mp4", "h264", 64, 48, 25.0, duration_s, round(duration_s * 25), 1000, False)


@given(duration_s=st.floats(1e-3, 1e6), num_frames=st.integers(1, 512))
def test_times_are_ordered_inside_the_clip_and_symmetric(duration_s: float, num_frames: int) -> None:
    times_s = sample_times(duration_s, num_frames)

    assert len(times_s) == num_frames
    assert times_s == sorted(times_s)
    assert 0 < times_s[0]
    assert times_s[-1] < duration_s
    assert times_s[0] == pytest.approx(duration_s - times_s[-1])


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan")])
def test_a_clip_without_length_is_refused_by_name(duration_s: float) -> None:
    with pytest.raises(ValueError, match="duration_s must be more than 0"):
        sample_times(duration_s, 4)


def test_a_rate_gives_as_many_frames_as_the_clip_is_long() -> None:
    sampling = SamplingConfig(kind="fps", fps=2.0, num_frames=64)

    assert selectors.get("fps").select_times(clip_of(3.0), sampling) == [0.25, 0.75, 1.25, 1.75, 2.25, 2.75]


def test_a_clip_too_long_for_the_rate_is_thinned_over_its_whole_length() -> None:
    sampling = SamplingConfig(kind="fps", fps=2.0, num_frames=4)

    assert selectors.get("fps").select_times(clip_of(100.0), sampling) == [12.5, 37.5, 62.5, 87.5]


def test_a_very_short_clip_still_gives_one_frame() -> None:
    assert len(selectors.get("fps").select_times(clip_of(0.04), SamplingConfig(kind="fps", fps=1.0))) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "fps"}, "fps is required when kind is 'fps'"),
        ({"kind": "uniform", "fps": 2}, "fps has no effect when kind is 'uniform'"),
        ({"kind": "unifrom"}, "Did you mean 'uniform'"),
        ({"num_frames": 0}, "num_frames = 0"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        build_config(SamplingConfig, values, source="a test")


def test_coverage_of_the_first_quarter_is_a_quarter() -> None:
    spans_s = [(0.1 * index, 0.1 * index + 0.1) for index in range(20)]

    assert measure_coverage(spans_s, 8.0) == pytest.approx(0.275)


@given(num_frames=st.integers(1, 64), num_in_clip=st.integers(1, 500))
def test_coverage_of_evenly_spread_frames_is_whole(num_frames: int, num_in_clip: int) -> None:
    indices = [int(time_s) for time_s in sample_times(num_in_clip, num_frames)]

    assert measure_coverage([(index, index + 1) for index in indices], num_in_clip) == pytest.approx(1.0)


def test_frames_in_memory_become_a_frame_set() -> None:
    frameset = frameset_from_array(np.zeros((4, 8, 8, 3), np.uint8), fps=2.0)

    assert frameset.times_s == (0.0, 0.5, 1.0, 1.5)
    assert (frameset.duration_s, frameset.num_requested, frameset.padded) == (2.0, 4, 0)


def test_frames_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found float64 \(4, 8, 8, 3\)"):
        frameset_from_array(np.zeros((4, 8, 8, 3)), fps=2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "query"), [("topk", "What is red?"), ("hybrid", "What is red?"), ("uniform", None)])
def test_a_question_is_told_only_to_selectors_that_can_go_by_it(kind: str, query: str | None) -> None:
    assert SamplingConfig(kind=kind).query_for("What is red?") == query
    assert SamplingConfig(kind=kind).query_for("") is None
