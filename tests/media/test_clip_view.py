"""The view of a clip: lazy, remembered, and at a rate that fits the clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.media.writing import write_clip

from vidtune.media import ClipView, SamplingConfig, probe_video, read_frames


def view_of_length(duration_s: float, fps: float = 25.0) -> ClipView:
    view = ClipView.from_frames(np.zeros((1, 8, 8, 3), np.uint8), fps=1.0)
    from dataclasses import replace

    view.info = replace(view.info, duration_s=duration_s, fps=fps)
    return view


@pytest.mark.parametrize(
    ("duration_s", "num_frames", "expected_hz"),
    [
        (2.0, 8, 25.0),  # a short clip is looked at whole
        (60.0, 8, 128 / 60),
        (600.0, 8, 2.0),  # half a second can be seen
        (1800.0, 8, 2.0),
        (7200.0, 64, 4096 / 7200),  # but no more than 4,096 frames
        (1800.0, 1024, 4096 / 1800),
    ],
)
def test_the_rate_of_the_first_pass_fits_length_and_budget(
    duration_s: float, num_frames: int, expected_hz: float
) -> None:
    assert view_of_length(duration_s).plan_rate_hz(num_frames) == pytest.approx(expected_hz)


def test_a_file_is_seen_at_its_own_times_and_small(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", num_frames=40, fps=10, width=192, height=96)
    view = ClipView.of_source(path, probe_video(path))

    found = view.scan(10.0, 64)

    whole = read_frames(path, SamplingConfig(num_frames=40), max_side_px=64)
    assert found.times_s == pytest.approx(whole.times_s)
    assert found.frames_thwc.shape == (40, 32, 64, 3)
    assert np.abs(found.frames_thwc.astype(int) - whole.frames_thwc).mean() < 3


def test_packets_are_the_frames_in_order_of_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", num_frames=40, fps=10, options={"g": "10", "crf": "20"})

    packets = ClipView.of_source(path, probe_video(path)).packets()

    assert packets.times_s == pytest.approx(np.arange(40) / 10)
    assert packets.is_keyframe[0]
    assert 4 <= packets.is_keyframe.sum() < 40
    assert packets.sizes_bytes.min() > 0


def test_nothing_is_scored_without_a_query() -> None:
    view = ClipView.from_frames(np.zeros((20, 8, 8, 3), np.uint8), fps=10.0)

    assert view.relevance("descriptor", 5.0) is None


def test_reading_with_a_selector_of_content_says_why_each_frame_was_taken(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", num_frames=60, fps=10)

    frames = read_frames(path, SamplingConfig(kind="hybrid", num_frames=6), query="the red one")

    assert frames.num_delivered == 6
    assert len(frames.reasons) == 6
    assert frames.reasons[0].startswith("covers segment 1 of 6")
