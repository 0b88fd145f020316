"""A clip is a file, its bytes, a folder of frames or frames in memory; all or a part of it; exact or by key frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.media.clips_reference import CLIPS

from vidtune.core.errors import VideoEmpty, VideoMissing, VideoTooLarge, VideoUnreadable
from vidtune.media import (
    ClipPart,
    FrameFolder,
    ReadLimits,
    SamplingConfig,
    decode_at,
    frameset_from_array,
    packet_sizes,
    probe_video,
    read_frames,
    scan,
)

CLIP = CLIPS / "h264_bframes.mp4"
HERE = ReadLimits(is_isolated=False)
FOUR = SamplingConfig(num_frames=4)


def write_frames(folder: Path, names: list[str], size: tuple[int, int] = (32, 24)) -> Path:
    folder.mkdir(exist_ok=True)
    for place, name in enumerate(names):
        Image.new("RGB", size, (20 * place, 100, 200)).save(folder / name)
    return folder


@pytest.mark.parametrize("limits", [HERE, ReadLimits()])
def test_the_bytes_of_a_clip_give_what_its_file_gives(limits: ReadLimits) -> None:
    of_file, of_bytes = (read_frames(source, FOUR, limits=limits) for source in (CLIP, CLIP.read_bytes()))

    np.testing.assert_array_equal(of_bytes.frames_thwc, of_file.frames_thwc)
    assert of_bytes.to_record() == of_file.to_record()


def test_no_bytes_are_no_clip() -> None:
    with pytest.raises(VideoEmpty, match=r"a clip in memory.* is empty"):
        read_frames(b"", FOUR)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(VideoTooLarge, match="the limit is 100"):
        read_frames(CLIP.read_bytes(), FOUR, limits=ReadLimits(max_bytes=100))


def test_a_folder_of_frames_is_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "002-003", [f"002-003_{number}.jpg" for number in (8, 12, 100, 104)])

    frameset = decode_at(FrameFolder(folder, fps=4.0), [0.0, 1.0, 23.0, 24.0])

    assert frameset.frames_thwc[:, 0, 0, 0].astype(float) == pytest.approx([0, 20, 40, 60], abs=8)
    assert frameset.times_s == (0.0, 1.0, 23.0, 24.0)
    assert (frameset.num_in_clip, frameset.duration_s) == (4, 25.0)


def test_frames_of_a_folder_can_be_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["a_1.jpg", "a_2.jpg", "b_1.jpg", "a_5.jpg"])

    frameset = read_frames(FrameFolder(folder, names=("a_1", "a_5.jpg")), SamplingConfig(num_frames=2))

    assert frameset.frames_thwc[:, 0, 0, 0].astype(float) == pytest.approx([0, 60], abs=8)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is a folder, expected a video file"),
        (["a_1.jpg", "b_2.jpg"], "frames of 2 videos"),
        (["first.jpg"], "has no frame number"),
        (["a_1.jpg", "a_01.png"], "two files of one frame number"),
    ],
)
def test_a_folder_that_is_no_clip_is_named(names: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadable, match=message):
        read_frames(write_frames(tmp_path / "frames", names), FOUR)


def test_a_named_frame_that_is_not_there_is_missing(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["a_1.jpg"])

    with pytest.raises(VideoMissing, match="lacks 1 of 2 named frames, the first is 'a_7'"):
        read_frames(FrameFolder(folder, names=("a_1", "a_7")), FOUR)


def test_a_damaged_frame_file_is_named(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["a_1.jpg", "a_2.jpg"])
    path = folder / "a_2.jpg"
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(VideoUnreadable, match=r"a_2\.jpg is not a readable image"):
        read_frames(folder, FOUR)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_frames_of_16_bits_are_as_bright_as_those_of_8(suffix: str, tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, picture in (("8", grey), ("16", grey * np.uint16(257))):
        (tmp_path / name).mkdir()
        Image.fromarray(picture).save(tmp_path / name / f"0001.{suffix}")

    of_8, of_16 = (read_frames(tmp_path / name, SamplingConfig(num_frames=1)).frames_thwc for name in ("8", "16"))

    np.testing.assert_array_equal(of_16, of_8)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_frames_of_numbers_without_a_white_are_refused(kind: type, tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), dtype=kind)).save(tmp_path / "0001.tif")

    with pytest.raises(VideoUnreadable, match="nothing says what is white"):
        read_frames(tmp_path, FOUR)


def test_frames_without_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found uint8 \(4, 0, 8, 3\)"):
        frameset_from_array(np.zeros((4, 0, 8, 3), dtype=np.uint8), fps=4.0)


def test_frames_of_two_sizes_are_no_clip(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["a_1.jpg"])
    write_frames(folder, ["a_2.jpg"], size=(30, 24))

    with pytest.raises(VideoUnreadable, match="is 30 x 24, the first frame is 32 x 24"):
        read_frames(folder, FOUR)


def test_a_frame_file_beyond_the_limit_is_refused_on_its_header(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "frames", ["a_1.jpg"])

    with pytest.raises(VideoTooLarge, match="has 768 pixels, the limit is 767"):
        read_frames(folder, FOUR, limits=ReadLimits(max_pixels=767))


def test_frames_in_memory_are_a_clip() -> None:
    frames_thwc = np.arange(10, dtype=np.uint8)[:, None, None, None] + np.zeros((10, 8, 8, 3), np.uint8)

    for source in (frames_thwc, list(frames_thwc), frameset_from_array(frames_thwc, fps=25.0)):
        frameset = read_frames(source, SamplingConfig(num_frames=10))
        assert frameset.indices == tuple(range(10))
        np.testing.assert_array_equal(frameset.frames_thwc, frames_thwc)


@pytest.mark.parametrize("source", [CLIP, CLIPS / "rotated.mp4"])
def test_a_part_of_a_clip_has_the_times_of_the_whole(source: Path) -> None:
    frameset = read_frames(source, FOUR, start_s=1.0, end_s=3.0)

    assert frameset.indices == (12, 17, 22, 27)
    assert frameset.times_s == pytest.approx([1.2, 1.7, 2.2, 2.7])
    assert (frameset.start_s, frameset.end_s, frameset.duration_s) == (1.0, 3.0, 4.0)
    assert frameset.coverage == pytest.approx(1.0)
    assert frameset.to_record()["end_s"] == 3.0


@pytest.mark.parametrize("source", [CLIP, CLIP.read_bytes()])
def test_a_part_of_a_recording_is_a_source_of_its_own(source: Path | bytes) -> None:
    part = read_frames(ClipPart(source, 1.0, 3.0), FOUR)

    assert np.array_equal(part.frames_thwc, read_frames(source, FOUR, start_s=1.0, end_s=3.0).frames_thwc)
    assert (part.start_s, part.end_s) == (1.0, 3.0)


def test_a_part_that_begins_where_the_clip_has_ended_has_no_frame() -> None:
    with pytest.raises(VideoEmpty, match="the part from 4 s on is not in a clip of 4 s"):
        read_frames(ClipPart(CLIP, 4.0, 6.0), FOUR)


@pytest.mark.parametrize(("start_s", "end_s"), [(2.0, 2.0), (-1.0, 2.0)])
def test_a_part_that_is_not_in_the_clip_is_refused(start_s: float, end_s: float | None) -> None:
    with pytest.raises(ValueError, match="is not in a clip of 4 s"):
        read_frames(CLIP, FOUR, start_s=start_s, end_s=end_s)


def test_exact_places_are_read_in_the_order_of_their_times() -> None:
    frameset = decode_at(CLIP, [3.95, 0.0, 1.25, 99.0])

    assert frameset.indices == (0, 12, 39, 39)
    assert (frameset.num_requested, frameset.padded, frameset.time_accuracy) == (4, 1, "exact")


def test_no_places_are_refused() -> None:
    with pytest.raises(ValueError, match="times_s is empty"):
        decode_at(CLIP, [])


def test_key_frames_are_called_inexact_and_keep_their_true_times() -> None:
    sizes = packet_sizes(CLIP)
    key_times_s = sizes.times_s[sizes.is_keyframe]

    frameset = read_frames(CLIP, SamplingConfig(num_frames=8), mode="keyframe")

    assert frameset.time_accuracy == "keyframe"
    assert frameset.to_record()["time_accuracy"] == "keyframe"
    wanted_s = [0.2 + 0.5 * place for place in range(8)]
    nearest_s = [min(key_times_s, key=lambda key_s: abs(key_s - time_s)) for time_s in wanted_s]
    assert frameset.times_s == pytest.approx(nearest_s)
    assert frameset.padded == 8 - len(set(frameset.times_s))


def test_a_selector_says_why_it_chose_each_frame() -> None:
    assert read_frames(CLIP, FOUR).reasons[0] == "middle of segment 1 of 4"


def test_packet_sizes_are_those_in_the_file() -> None:
    sizes = packet_sizes(CLIP)

    assert sizes.times_s == pytest.approx(np.arange(40) / 10)
    assert 0.5 * CLIP.stat().st_size < sizes.sizes_bytes.sum() < CLIP.stat().st_size
    assert sizes.is_keyframe[0]


def test_packet_sizes_without_times_come_in_the_order_of_the_file() -> None:
    sizes = packet_sizes(CLIPS / "h264_bframes.avi")

    assert len(sizes.times_s) == len(sizes.sizes_bytes) == 40


@pytest.mark.parametrize(("rate_hz", "indices"), [(10, range(40)), (99, range(40)), (5, range(1, 40, 2))])
def test_a_first_look_takes_even_steps(rate_hz: float, indices: range) -> None:
    found = scan(CLIPS / "mpeg4.avi", rate_hz=rate_hz, max_side_px=32)

    assert found.indices.tolist() == list(indices)
    assert found.times_s == pytest.approx(np.array(indices) / 10)
    assert found.frames_thwc.shape == (len(indices), 24, 32, 3)


def test_a_first_look_shows_about_what_an_exact_one_shows() -> None:
    found = scan(CLIP, rate_hz=2, max_side_px=32)
    exact = decode_at(CLIP, found.times_s + 0.01, max_side_px=32)

    error = np.abs(found.frames_thwc.astype(np.float64) - exact.frames_thwc)
    assert found.indices.tolist() == list(exact.indices)
    assert error.mean() < 4


def test_a_first_look_can_be_grey_and_at_a_part() -> None:
    found = scan(CLIP, rate_hz=5, gray=True, start_s=1.0, end_s=2.0)

    assert found.frames_thwc.shape == (5, 48, 64, 1)
    assert 1.0 <= found.times_s.min() <= found.times_s.max() < 2.0


def test_probing_a_folder_says_what_it_is(tmp_path: Path) -> None:
    info = probe_video(write_frames(tmp_path / "frames", ["1.jpg", "2.jpg"]))

    assert (info.container, info.num_frames, info.width_px, info.height_px) == ("folder", 2, 32, 24)
