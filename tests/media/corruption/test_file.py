"""Damaged files are real files: readable, timed as their source, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.clips_reference import CLIPS
from tests.media.writing import cut_file, write_clip

from vidtune.core.errors import VideoTooLarge, VideoUnreadable
from vidtune.media import SamplingConfig, frameset_from_array, probe_video, read_frames
from vidtune.media._read import walk_frames
from vidtune.media.corruption import CorruptionConfig, corrupt_frames, corrupt_video


def setting(kind: str, severity: int = 3, **more: object) -> CorruptionConfig:
    return CorruptionConfig(kind=kind, severity=severity, **more)


def read_all(path: Path) -> np.ndarray:
    return np.stack([frame.pixels_hwc for frame in walk_frames(path)])


def times_of(path: Path) -> list[float]:
    return [frame.time_s for frame in walk_frames(path)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", num_frames=40, options={"crf": "12", "g": "10"})


def test_severity_0_is_the_file_itself(clip: Path, tmp_path: Path) -> None:
    written = corrupt_video(clip, tmp_path / "out.mp4", setting("jpeg", 0))

    assert written.is_copy
    assert (tmp_path / "out.mp4").read_bytes() == clip.read_bytes()


@pytest.mark.parametrize("kind", ["gaussian_noise", "h264", "frame_shuffle", "smoke"])
def test_the_same_call_gives_the_same_bytes(kind: str, clip: Path, tmp_path: Path) -> None:
    first = corrupt_video(clip, tmp_path / "a.mp4", setting(kind))
    second = corrupt_video(clip, tmp_path / "b.mp4", setting(kind))

    assert first.sha256 == second.sha256
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("kind", ["contrast", "occlusion_random", "frame_reverse"])
def test_a_file_holds_what_the_function_gives(kind: str, clip: Path, tmp_path: Path) -> None:
    written = corrupt_video(clip, tmp_path / "out.mp4", setting(kind))
    frames = frameset_from_array(read_all(clip), fps=10.0)
    expected = corrupt_frames(frames, setting(kind), clip_key=written.source_sha256).frames_thwc

    found = read_all(tmp_path / "out.mp4")

    assert found.shape == expected.shape
    # 40 frames are more than one piece of 32; colour planes of half size are what the writer costs.
    assert np.abs(found.astype(float) - expected).mean() < 2.5


@pytest.mark.parametrize("name", ["variable_rate.mkv", "h264.ts", "edit_list.mp4", "vp9.webm"])
def test_frames_keep_their_times(name: str, tmp_path: Path) -> None:
    corrupt_video(CLIPS / name, tmp_path / "out.mp4", setting("contrast", 1))

    assert times_of(tmp_path / "out.mp4") == pytest.approx(times_of(CLIPS / name), abs=1e-3)


def test_a_rotated_clip_is_written_upright(tmp_path: Path) -> None:
    corrupt_video(CLIPS / "rotated.mp4", tmp_path / "out.mp4", setting("contrast", 1))

    before = read_frames(CLIPS / "rotated.mp4", SamplingConfig(num_frames=2))
    after = read_frames(tmp_path / "out.mp4", SamplingConfig(num_frames=2))
    assert after.rotation_deg == 0
    assert after.frames_thwc.shape == before.frames_thwc.shape


@pytest.mark.parametrize("kind", ["frame_drop", "fps_change"])
def test_lost_frames_are_not_in_the_file_and_the_clip_keeps_its_length(kind: str, clip: Path, tmp_path: Path) -> None:
    written = corrupt_video(clip, tmp_path / "out.mp4", setting(kind, 4))

    info = probe_video(tmp_path / "out.mp4")
    assert info.num_frames == written.num_frames < 40
    assert info.duration_s == pytest.approx(4.0, abs=0.35)
    assert set(np.round(times_of(tmp_path / "out.mp4"), 2)) <= set(np.round(times_of(clip), 2))


def test_a_stuck_picture_is_in_the_file_as_often_as_it_is_shown(clip: Path, tmp_path: Path) -> None:
    corrupt_video(clip, tmp_path / "out.mp4", setting("frame_freeze", 5))

    frames = read_all(tmp_path / "out.mp4").astype(float)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert len(frames) == 40
    assert (steps < 1).sum() >= 26


def test_a_higher_rate_factor_gives_a_smaller_file(clip: Path, tmp_path: Path) -> None:
    sizes = []
    for severity in (1, 3, 5):
        corrupt_video(clip, tmp_path / "out.mp4", setting("h264", severity))
        sizes.append((tmp_path / "out.mp4").stat().st_size)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 0.8 * sizes[0]


def test_a_side_of_odd_length_is_no_obstacle(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "odd.mkv", width=63, height=47, codec="ffv1", options={})

    corrupt_video(clip, tmp_path / "out.mp4", setting("jpeg", 1))

    assert read_all(tmp_path / "out.mp4").shape == (20, 48, 64, 3)


def test_clips_can_be_scaled_to_what_the_model_sees(clip: Path, tmp_path: Path) -> None:
    corrupt_video(clip, tmp_path / "out.mp4", setting("gaussian_noise", 1), max_side_px=32)

    assert read_all(tmp_path / "out.mp4").shape == (40, 24, 32, 3)


def test_sound_stays_with_the_pictures(tmp_path: Path) -> None:
    clip = write_with_sound(tmp_path / "loud.mp4")

    corrupt_video(clip, tmp_path / "out.mp4", setting("frame_freeze", 3))

    with av.open(str(clip)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        samples = [sum(frame.samples for frame in file.decode(audio=0)) for file in (before, after)]
    assert samples[0] == samples[1] > 0
    assert probe_video(tmp_path / "out.mp4").num_frames == 20


def write_with_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono")
        for position in range(20):
            picture = np.full((48, 64, 3), 12 * position, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(video.encode())
        wave = np.sin(np.arange(32000) / 20, dtype=np.float32)
        for start in range(0, 32000, 1000):
            sound = av.AudioFrame.from_ndarray(wave[None, start : start + 1000], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16000, start
            container.mux(audio.encode(sound))
        container.mux(audio.encode())
    return path


def test_a_cut_file_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    cut = cut_file(CLIPS / "h264_open_gop.mkv", tmp_path / "cut.mkv", 0.6)

    with pytest.raises(VideoUnreadable, match="cut off"):
        corrupt_video(cut, tmp_path / "out.mp4", setting("jpeg"))

    assert list(tmp_path.iterdir()) == [cut]


def test_a_clip_too_long_for_memory_is_named_where_it_must_be_damaged_whole(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoTooLarge, match="40 frames take 1,105,920 bytes, the limit is 100,000"):
        corrupt_video(clip, tmp_path / "out.mp4", setting("frame_reverse"), max_memory_bytes=100_000)

    corrupt_video(clip, tmp_path / "out.mp4", setting("gaussian_noise"), max_memory_bytes=100_000)
