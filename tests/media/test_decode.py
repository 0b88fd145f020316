"""Only what is needed is decoded, on several threads, and the frames are those of a sequential decode all the same."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.clips_reference import CLIPS, REFERENCE

from vidtune.media import FrameSet, ReadLimits, SamplingConfig, decode_at, read_frames
from vidtune.media import _decode as decoding
from vidtune.media import _timeline as timelines
from vidtune.media._container import ClipFile, Deadline, opened_video
from vidtune.media._skipping import skip_rule_of
from vidtune.media._timeline import Timeline

HERE = ReadLimits(is_isolated=False)
NAMES = sorted(REFERENCE)
WITH_TIMES = [name for name in NAMES if name != "h264_bframes.avi"]


@pytest.fixture
def _like_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no packets, use the file's index, and give every group of pictures a thread."""
    monkeypatch.setattr(timelines, "_KEEP_BYTES", 0)
    monkeypatch.setattr(decoding, "_WORK_A_THREAD_S", 1e-9)
    monkeypatch.setattr(decoding, "num_usable_cores", lambda: 3)


def decode_sequentially(name: str) -> list[np.ndarray]:
    with av.open(str(CLIPS / name)) as container:
        return [
            np.rot90(
                frame.reformat(format="rgb24", interpolation="BICUBIC").to_ndarray(), round(frame.rotation / 90) % 4
            )
            for frame in container.decode(video=0)
        ]


def assert_exact(frameset: FrameSet, name: str) -> None:
    expected = decode_sequentially(name)
    for index, pixels in zip(frameset.indices, frameset.frames_thwc, strict=True):
        np.testing.assert_array_equal(pixels, expected[index])


@pytest.mark.usefixtures("_like_a_large_file")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_any_frames_of_a_large_file_are_those_of_a_sequential_decode(name: str, seed: int) -> None:
    duration_s = read_frames(CLIPS / name, SamplingConfig(num_frames=1), limits=HERE).duration_s
    times_s = np.random.default_rng(seed).uniform(0, duration_s, size=3 + 6 * seed)

    frameset = decode_at(CLIPS / name, times_s.tolist(), limits=HERE)

    assert_exact(frameset, name)


@pytest.mark.usefixtures("_like_a_large_file")
@pytest.mark.parametrize("name", WITH_TIMES)
def test_no_container_makes_a_large_file_be_decoded_from_the_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("frames were counted")

    monkeypatch.setattr("vidtune.media._video_clip.count_frames", fail)

    decode_at(CLIPS / name, [0.3, 2.0, 3.7], limits=HERE)


@pytest.mark.usefixtures("_like_a_large_file")
@pytest.mark.parametrize("name", ["h264_bframes.mp4", "hevc_bframes.mkv", "mpeg4_bframes.mp4", "mpeg2_bframes.ts"])
def test_frames_that_nothing_is_built_from_are_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts: Counter[bool] = Counter()

    def counted(stream: object) -> object:
        rule = skip_rule_of(stream)  # type: ignore[arg-type]
        assert rule is not None

        def say(packet: memoryview) -> bool:
            verdicts[rule(packet)] += 1
            return rule(packet)

        return say

    monkeypatch.setattr(decoding, "skip_rule_of", counted)

    frameset = decode_at(CLIPS / name, [1.1, 2.3, 3.5], limits=HERE)

    assert_exact(frameset, name)
    assert verdicts[True] >= 0.25 * verdicts.total()


@pytest.mark.parametrize("name", ["vp9.webm", "av1.mp4", "vp8_hidden_frames.webm", "mjpeg.mov"])
def test_where_frames_feed_each_other_unseen_nothing_is_left_out(name: str) -> None:
    with opened_video(CLIPS / name, ReadLimits(), Deadline(CLIPS / name, 10)) as (_, stream):
        assert skip_rule_of(stream) is None


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith((".mp4", ".mov"))])
def test_the_index_of_a_file_says_what_its_packets_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, limits = ClipFile.of(CLIPS / name), ReadLimits()
    deadline = Deadline(clip, 10)
    with opened_video(clip, limits, deadline) as (container, stream):
        walk = timelines.walk_clip(clip, container, stream, limits, deadline)
    monkeypatch.setattr(timelines, "_KEEP_BYTES", 0)

    with opened_video(clip, limits, deadline) as (container, stream):
        from_index = timelines._walk_index(clip, container, stream, limits)

    assert (from_index is None) == (name in ("h264_fragmented.mp4", "edit_list.mp4"))
    assert from_index is None or from_index.timeline == walk.timeline
    assert from_index is None or from_index.sizes_by_tick == walk.sizes_by_tick


def test_a_full_range_clip_is_as_bright_as_a_player_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "full.mp4"
    grey = np.full((48, 64, 3), 240, np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.color_range = 2
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(grey).reformat(format="yuvj420p", dst_color_range="JPEG")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())

    frameset = read_frames(path, SamplingConfig(num_frames=2), limits=HERE)

    assert frameset.frames_thwc.mean() == pytest.approx(240, abs=3)


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_is_found_again_by_the_time_it_has(name: str) -> None:
    whole = read_frames(CLIPS / name, SamplingConfig(num_frames=200), limits=HERE)

    again = decode_at(CLIPS / name, whole.times_s, limits=HERE)

    assert again.indices == whole.indices


@pytest.mark.parametrize("rate", [24, 25, 30, Fraction(30000, 1001), 60, 90])
def test_no_time_of_a_frame_is_taken_for_the_frame_before(rate: int | Fraction) -> None:
    ticks = tuple(round(index * 15360 / rate) for index in range(2000))
    timeline = Timeline(ticks, ticks[-1] + 100, Fraction(1, 15360), ticks)

    assert [timeline.index_at(timeline.span_of(index)[0]) for index in range(2000)] == list(range(2000))
