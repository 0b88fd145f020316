"""Frames are the right ones: against ffmpeg's own decoder, in every container and stream structure we claim to read."""

from __future__ import annotations

import hashlib
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.clips_reference import CLIPS, REFERENCE
from tests.media.writing import write_clip

from vidtune.core.errors import VideoTimeout
from vidtune.core.hashing import sha256_file
from vidtune.media import FrameSet, ReadLimits, SamplingConfig, probe_video, read_frames

NAMES = sorted(REFERENCE)


def decode_all(name: str) -> list[av.VideoFrame]:
    with av.open(str(CLIPS / name)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("name", NAMES)
def test_frames_are_those_that_ffmpeg_shows_at_these_places(name: str) -> None:
    frames = decode_all(name)
    sha256 = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()[:12] for frame in frames]
    assert sha256 == REFERENCE[name]["sha256"], "the sequential decode that the next lines rely on is not ffmpeg's"

    frameset = read_frames(CLIPS / name, SamplingConfig(num_frames=7))

    for index, picture in zip(frameset.indices, frameset.frames_thwc, strict=True):
        stored = np.rot90(picture, -frameset.rotation_deg // 90)
        np.testing.assert_array_equal(
            stored, frames[index].reformat(format="rgb24", interpolation="BICUBIC").to_ndarray()
        )


@pytest.mark.parametrize("name", NAMES)
def test_every_single_frame_can_be_had(name: str) -> None:
    num_frames = len(REFERENCE[name]["sha256"])

    frameset = read_frames(CLIPS / name, SamplingConfig(num_frames=4 * num_frames))

    assert sorted(set(frameset.indices)) == list(range(num_frames))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "h264_bframes.avi"])
def test_times_are_those_that_ffmpeg_says(name: str) -> None:
    times_s = REFERENCE[name]["times_s"]

    frameset = read_frames(CLIPS / name, SamplingConfig(num_frames=7))

    expected = [times_s[index] - times_s[0] for index in frameset.indices]
    assert frameset.times_s == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("name", ["rotated.mp4", "h264_bframes.mp4"])
def test_a_clip_stands_as_upright_as_in_a_player(name: str) -> None:
    frameset = read_frames(CLIPS / name, SamplingConfig(num_frames=40))

    _, height, width, _ = frameset.frames_thwc.shape
    quarters = frameset.frames_thwc[0].reshape(2, height // 2, 2, width // 2, 3).mean(axis=(1, 3)).reshape(4, 3)
    assert (height > width) == (name == "rotated.mp4")
    np.testing.assert_allclose(quarters, REFERENCE[name]["upright_quadrants"], atol=8)


def test_uniform_frames_are_the_middles_of_equal_segments_of_presentation_time() -> None:
    frameset = read_frames(CLIPS / "h264_bframes.mp4", SamplingConfig(num_frames=8))

    assert frameset.indices == (2, 7, 12, 17, 22, 27, 32, 37)
    assert frameset.duration_s == pytest.approx(4.0)
    assert frameset.fps == pytest.approx(10.0)
    assert frameset.coverage == pytest.approx(1.0)


def test_a_long_pause_in_a_variable_rate_clip_takes_its_share_of_the_frames() -> None:
    frameset = read_frames(CLIPS / "variable_rate.mkv", SamplingConfig(num_frames=12))

    assert frameset.indices.count(20) >= 3
    assert frameset.padded == frameset.num_delivered - len(set(frameset.indices))


def test_the_last_frame_of_a_clip_is_reachable(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", num_frames=20)

    frameset = read_frames(path, SamplingConfig(num_frames=20))

    assert frameset.indices == tuple(range(20))
    assert frameset.frames_thwc[-1].mean() > 200
    assert frameset.frames_thwc[:-1].mean() < 180


def test_a_clip_that_is_too_short_repeats_its_frames_and_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", num_frames=3)

    frameset = read_frames(path, SamplingConfig(num_frames=8))

    assert frameset.indices == (0, 0, 0, 1, 1, 2, 2, 2)
    assert (frameset.num_requested, frameset.num_delivered, frameset.padded) == (8, 8, 5)
    np.testing.assert_array_equal(frameset.frames_thwc[0], frameset.frames_thwc[2])


def test_a_clip_of_one_frame_is_a_clip(tmp_path: Path) -> None:
    frameset = read_frames(write_clip(tmp_path / "clip.mp4", num_frames=1), SamplingConfig(num_frames=2))

    assert frameset.indices == (0, 0)
    assert frameset.duration_s == pytest.approx(0.1)
    assert frameset.coverage == 1.0


def test_frames_can_be_scaled_down_while_reading() -> None:
    frameset = read_frames(CLIPS / "rotated.mp4", SamplingConfig(num_frames=2), max_side_px=32)

    assert frameset.frames_thwc.shape == (2, 32, 24, 3)


def test_small_frames_are_not_scaled_up() -> None:
    frameset = read_frames(CLIPS / "h264_bframes.mp4", SamplingConfig(num_frames=2), max_side_px=1000)

    assert frameset.frames_thwc.shape == (2, 48, 64, 3)


def test_the_record_of_a_clip_says_what_the_model_saw() -> None:
    frameset = read_frames(CLIPS / "h264_bframes.mp4", SamplingConfig(num_frames=2))

    assert frameset.to_record() == {
        "requested": 2,
        "delivered": 2,
        "padded": 0,
        "damaged": 0,
        "in_clip": 40,
        "lost": 0,
        "corrupt": 0,
        "time_accuracy": "exact",
        "indices": [10, 30],
        "times_s": [1.0, 3.0],
        "coverage": 1.0,
        "duration_s": 4.0,
        "fps": 10.0,
        "rotation_deg": 0,
        "source_sha256": sha256_file(CLIPS / "h264_bframes.mp4"),
    }


def test_reading_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    read_frames(path, SamplingConfig())

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("padding_bytes", [0, 4_000_000])
def test_a_gap_between_frames_coded_out_of_order_is_not_added_to_the_end(tmp_path: Path, padding_bytes: int) -> None:
    path = tmp_path / "gap.mp4"
    times_s = [*(number / 10 for number in range(20)), *(300 + number / 10 for number in range(20))]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "2", "g": "40"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_s in times_s:
            picture = np.full((48, 64, 3), int(time_s * 10) % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = round(time_s * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    # A free box at the end: times of a large file are read from its index, of a small one from its packets.
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8 + padding_bytes, b"free") + bytes(padding_bytes))

    assert probe_video(path).duration_s == pytest.approx(302.0, abs=0.05)


def test_a_slow_file_ends_as_a_timeout() -> None:
    with pytest.raises(VideoTimeout, match=r"not read within 1e-06 s.*limits\.timeout_s"):
        read_frames(CLIPS / "h264_bframes.mp4", SamplingConfig(), limits=ReadLimits(timeout_s=1e-6))


def test_two_reads_give_the_same_bytes() -> None:
    first, second = (read_frames(CLIPS / "vp9.webm", SamplingConfig()) for _ in range(2))

    np.testing.assert_array_equal(first.frames_thwc, second.frames_thwc)
    assert isinstance(first, FrameSet)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "h264_bframes.avi"])
def test_probing_counts_the_frames_without_decoding(name: str) -> None:
    info = probe_video(CLIPS / name)

    assert info.num_frames == len(REFERENCE[name]["sha256"])
    assert (info.width_px, info.height_px, info.has_audio) == (64, 48, False)


def test_probing_says_when_only_decoding_can_count() -> None:
    info = probe_video(CLIPS / "h264_bframes.avi")

    assert info.num_frames is None
    assert info.duration_s == pytest.approx(4.0)
