"""Copies are found whatever was done to them, and clips that are not copies are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.media.phone_clips import write_scene

from vidtune.media import FrameSet, SamplingConfig, frameset_from_array, probe_video, read_frames
from vidtune.media.corruption import CorruptionConfig, corrupt_frames
from vidtune.media.quality import Fingerprint, find_near_duplicates, fingerprint_of, look_at, look_at_frames


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[FrameSet]:
    folder = tmp_path_factory.mktemp("clips")
    paths = [write_scene(folder / f"{seed}.mp4", seed=seed, size=(160, 120)) for seed in range(12)]
    return [read_frames(path, SamplingConfig(num_frames=24)) for path in paths]


def print_of(frames: FrameSet) -> Fingerprint:
    found = fingerprint_of(look_at_frames(frames))
    assert found is not None
    return found


def test_clips_that_differ_are_not_taken_for_each_other(clips: list[FrameSet]) -> None:
    assert find_near_duplicates({str(number): print_of(clip) for number, clip in enumerate(clips)}) == []


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("h264", 3),
        ("brightness", 1),
        ("contrast", 1),
        ("rescale", 3),
        ("jpeg", 3),
        ("gaussian_noise", 1),
        ("mirror", 1),
    ],
)
def test_a_copy_is_found_and_nothing_else(kind: str, severity: int, clips: list[FrameSet]) -> None:
    copies = [corrupt_frames(clip, CorruptionConfig(kind=kind, severity=severity)) for clip in clips[:4]]
    prints = {f"clip {number}": print_of(clip) for number, clip in enumerate(clips)}
    prints |= {f"copy {number}": print_of(copy) for number, copy in enumerate(copies)}

    found = find_near_duplicates(prints)

    assert {(pair.first, pair.second) for pair in found} == {(f"clip {n}", f"copy {n}") for n in range(4)}
    assert {pair.is_mirrored for pair in found} == {kind == "mirror"}


def test_bars_around_a_copy_do_not_hide_it(clips: list[FrameSet]) -> None:
    framed = np.pad(clips[0].frames_thwc, ((0, 0), (20, 20), (0, 0), (0, 0)))
    framed_clip = frameset_from_array(framed, fps=clips[0].fps)

    assert len(find_near_duplicates({"a": print_of(clips[0]), "b": print_of(framed_clip)})) == 1


def test_the_same_room_with_another_movement_is_no_copy(clips: list[FrameSet]) -> None:
    """As two exercises of one person before one camera: all but what moves is equal."""
    still = np.median(clips[0].frames_thwc, axis=0)
    moving = np.abs(clips[1].frames_thwc.astype(int) - np.median(clips[1].frames_thwc, axis=0)).max(axis=3) > 30
    other = np.where(moving[..., None], clips[1].frames_thwc, still.astype(np.uint8))
    other_take = frameset_from_array(other.astype(np.uint8), fps=clips[0].fps)

    assert find_near_duplicates({"a": print_of(clips[0]), "b": print_of(other_take)}) == []


def test_a_clip_of_another_length_is_another_clip(clips: list[FrameSet]) -> None:
    half = frameset_from_array(clips[0].frames_thwc[:12], fps=clips[0].fps)

    assert find_near_duplicates({"a": print_of(clips[0]), "b": print_of(half)}) == []


def test_a_clip_of_one_grey_has_no_fingerprint() -> None:
    grey = frameset_from_array(np.full((10, 48, 64, 3), 120, np.uint8), fps=10)

    assert fingerprint_of(look_at_frames(grey)) is None


def test_a_fingerprint_survives_a_record(clips: list[FrameSet]) -> None:
    before = print_of(clips[0])

    after = Fingerprint.from_text(before.to_text(), before.duration_s)

    for name in ("look", "change", "mirrored_look", "mirrored_change", "energy"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_one_clip_in_two_containers_and_qualities_is_one_clip(tmp_path: Path) -> None:
    paths = [write_scene(tmp_path / "a.mp4", seed=3), write_scene(tmp_path / "b.mkv", seed=3, crf=35)]

    prints = {path.name: fingerprint_of(look_at(path, probe_video(path))) for path in paths}

    assert len(find_near_duplicates(prints)) == 1
