"""Selectors that go by what can be measured: entropy, motion, scene, keyframe."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.media.selection.films import FPS, scenes_film, view_of

from vidtune.media import ClipView, SamplingConfig, selectors
from vidtune.media._clip import PacketSizes, WantedScan
from vidtune.media._signals import (
    content_change,
    flow_magnitude,
    grey_entropy,
    mean_abs_difference,
    packet_motion,
)
from vidtune.media.selection.keyframe import spread_keyframes
from vidtune.media.selection.motion import even_steps
from vidtune.media.selection.scene import find_cuts, share_out


def test_entropy_is_that_of_scipy_and_0_to_8_bits() -> None:
    from scipy.stats import entropy

    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    flat = np.full((128, 128, 3), 77, np.uint8)
    histogram = np.bincount(cv2.cvtColor(noise, cv2.COLOR_RGB2GRAY).ravel(), minlength=256)

    found = grey_entropy(np.stack([noise, flat]))

    assert found[0] == pytest.approx(entropy(histogram, base=2))
    assert found[1] == 0.0
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert grey_entropy(ramp[None])[0] == pytest.approx(8.0)


def test_change_is_the_score_of_pyscenedetect() -> None:
    detectors = pytest.importorskip("scenedetect.detectors")
    from scenedetect import FrameTimecode

    frames = scenes_film(seconds=10)
    detector = detectors.ContentDetector()
    expected = [
        detector._calculate_frame_score(FrameTimecode(index, FPS), np.ascontiguousarray(frame[:, :, ::-1]))
        for index, frame in enumerate(frames)
    ]

    assert content_change(frames) == pytest.approx(expected)


def test_motion_measures_are_0_for_a_still_clip_and_rise_with_speed() -> None:
    texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8), (7, 7), 2)

    def moving(step: int) -> np.ndarray:
        return np.stack([np.roll(texture, index * step, axis=1) for index in range(4)])

    for measure in (mean_abs_difference, flow_magnitude):
        still, slow, fast = (float(measure(moving(step))[1:].mean()) for step in (0, 1, 3))
        assert still == pytest.approx(0.0, abs=1e-3)
        assert still < slow < fast


def test_the_flow_is_as_long_as_the_picture_moves() -> None:
    texture = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8), (9, 9), 3)

    found = flow_magnitude(np.stack([texture, np.roll(texture, 2, axis=1)]))

    assert found[1] * 64 == pytest.approx(2.0, abs=0.7)


def test_key_frames_do_not_look_like_motion_in_packet_sizes() -> None:
    sizes = np.array([5000, 100, 110, 5000, 300, 320, 5000, 90])
    keys = np.array([True, False, False, True, False, False, True, False])

    assert packet_motion(sizes, keys).tolist() == [105, 100, 110, 205, 300, 320, 300, 90]


@given(
    values=st.lists(st.floats(0, 100), min_size=2, max_size=60),
    num=st.integers(1, 40),
    stillness=st.floats(0.05, 1),
)
def test_even_steps_are_ordered_and_inside_the_clip(values: list[float], num: int, stillness: float) -> None:
    times = np.arange(len(values)) / 2.0

    found = even_steps(times, np.array(values), len(values) / 2.0, num, stillness)

    assert len(found) == num
    assert (np.diff(found) >= 0).all()
    assert found[0] >= 0
    assert found[-1] < len(values) / 2.0


def test_motion_puts_frames_where_something_moves() -> None:
    frames = np.full((200, 32, 48, 3), 90, np.uint8)
    for index in range(100, 125):
        frames[index, 8:16, index - 95 : index - 85] = 220

    selection = selectors.get("motion").select(
        view_of(frames), SamplingConfig(kind="motion", num_frames=10, options={"rate_hz": FPS})
    )

    assert sum(19.5 <= time_s <= 25.5 for time_s in selection.times_s) >= 7
    assert "motion" in selection.curves


def test_all_of_motion_by_time_is_uniform() -> None:
    sampling = SamplingConfig(kind="motion", num_frames=6, options={"stillness": 1.0})

    found = selectors.get("motion").select(view_of(scenes_film()), sampling).times_s

    assert found == pytest.approx(
        selectors.get("uniform").select(view_of(scenes_film()), SamplingConfig(num_frames=6)).times_s
    )


def test_motion_by_packets_decodes_nothing() -> None:
    class PacketsOnly:
        def scan(self, wanted: WantedScan) -> None:
            raise AssertionError("no frame may be read")

        def packet_sizes(self) -> PacketSizes:
            sizes = np.where((np.arange(100) >= 60) & (np.arange(100) < 70), 900, 10)
            return PacketSizes(np.arange(100) / 10, sizes, np.arange(100) == 0)

    info = ClipView.from_frames(np.zeros((100, 8, 8, 3), np.uint8), fps=10.0).info
    sampling = SamplingConfig(kind="motion", num_frames=8, options={"measure": "packets"})

    found = selectors.get("motion").select(ClipView(info, PacketsOnly()), sampling).times_s  # type: ignore[arg-type]

    assert sum(5.8 <= time_s <= 7.0 for time_s in found) >= 5


def film_of_colours(frames_a_scene: int) -> np.ndarray:
    colours = [(200, 40, 40), (30, 180, 60), (240, 240, 240), (30, 30, 160), (230, 200, 30)]
    return np.concatenate([np.full((frames_a_scene, 24, 32, 3), colour, np.uint8) for colour in colours])


@pytest.mark.parametrize("detector", ["content", "adaptive"])
def test_cuts_are_found_where_they_are(detector: str) -> None:
    pytest.importorskip("scenedetect")
    frames = film_of_colours(frames_a_scene=20)

    found = find_cuts(frames, 5.0, detector=detector, threshold=None, min_scene_s=0.5)

    assert found == [20, 40, 60, 80]


def test_every_scene_gets_a_frame_and_long_ones_more() -> None:
    pytest.importorskip("scenedetect")
    view = view_of(film_of_colours(frames_a_scene=40))
    sampling = SamplingConfig(kind="scene", num_frames=10, options={"detector": "content"})

    selection = selectors.get("scene").select(view, sampling)

    assert np.histogram(selection.times_s, 5, (0, 40))[0].tolist() == [2, 2, 2, 2, 2]
    assert selection.reasons[0].startswith("scene 1 of 5")


@given(lengths=st.lists(st.floats(0.1, 1000), min_size=1, max_size=30), num=st.integers(1, 64))
def test_a_budget_is_shared_out_whole_and_every_part_is_served_when_it_reaches(lengths: list[float], num: int) -> None:
    counts = share_out(lengths, num)

    assert sum(counts) == num
    assert (min(counts) >= 1) == (num >= len(lengths))


@given(keys=st.lists(st.floats(0, 99.9), min_size=1, max_size=60, unique=True).map(sorted), num=st.integers(1, 40))
def test_key_frames_are_spread_without_repeats(keys: list[float], num: int) -> None:
    chosen = spread_keyframes(np.array(keys), 100.0, num)

    assert len(chosen) == min(num, len(keys))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(keys)


def test_too_few_key_frames_are_filled_up_and_said_to_be() -> None:
    class TwoKeys:
        def packet_sizes(self) -> PacketSizes:
            return PacketSizes(np.arange(100) / 10, np.ones(100, np.int64), np.isin(np.arange(100), [0, 50]))

    info = ClipView.from_frames(np.zeros((100, 8, 8, 3), np.uint8), fps=10.0).info

    selection = selectors.get("keyframe").select(
        ClipView(info, TwoKeys()),  # type: ignore[arg-type]
        SamplingConfig(kind="keyframe", num_frames=4),
    )

    assert selection.times_s == (0.0, 2.5, 5.0, 7.5)
    assert [reason.startswith("a key frame") for reason in selection.reasons] == [True, False, True, False]
