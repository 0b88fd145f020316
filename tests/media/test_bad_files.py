"""Whatever a file is, reading it ends in frames that keep the contract or in one of our named errors."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.clips_reference import CLIPS
from tests.media.writing import cut_file, write_audio_only, write_clip, write_without_frames

from vidtune.core.errors import (
    VideoEmpty,
    VideoMissing,
    VideoTimeout,
    VideoTooLarge,
    VideoUnreadable,
    VidtuneError,
)
from vidtune.media import ReadLimits, SamplingConfig, probe_video, read_frames

FRAMES = SamplingConfig(num_frames=4)


def make_bad_file(kind: str, folder: Path) -> Path:
    path = folder / f"{kind.replace(' ', '_')}.mp4"
    good = CLIPS / "h264_bframes.mp4"
    if kind == "nothing":
        return path
    if kind == "dangling link":
        path.symlink_to(folder / "nowhere.mp4")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "no bytes":
        path.touch()
    elif kind == "one byte":
        path.write_bytes(b"\x00")
    elif kind == "text":
        path.write_text("this is not a video\n" * 20)
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif kind == "truncated":
        cut_file(good, path, 0.6)
    elif kind == "audio only":
        write_audio_only(path)
    elif kind == "no frames":
        write_without_frames(path)
    elif kind == "picture":
        import cv2

        cv2.imwrite(str(folder / "picture.png"), np.zeros((32, 32, 3), np.uint8))
        shutil.move(folder / "picture.png", path)
    return path


@pytest.mark.parametrize("read", [lambda path: read_frames(path, FRAMES), probe_video])
@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("nothing", VideoMissing, "does not exist, found nothing"),
        ("dangling link", VideoMissing, "found a link to nothing"),
        ("folder", VideoUnreadable, "is a folder, expected a video file"),
        ("pipe", VideoUnreadable, "is a pipe, expected a video file"),
        ("no bytes", VideoEmpty, r"is empty \(0 bytes\)"),
        ("one byte", VideoUnreadable, "first bytes are 00"),
        ("text", VideoUnreadable, r"it holds text \('this is not a video"),
        ("noise", VideoUnreadable, "first bytes are"),
        ("truncated", VideoUnreadable, r"'moov'\) is missing, the file is cut off at"),
        ("audio only", VideoUnreadable, r"no video stream, found audio \(aac\)"),
        ("no frames", VideoEmpty, "without a stream or frame"),
        ("picture", VideoUnreadable, "first bytes are 89 50 4e 47"),
    ],
)
def test_a_bad_file_is_named_with_what_was_found(
    read: object, kind: str, error: type[VidtuneError], message: str, tmp_path: Path
) -> None:
    path = make_bad_file(kind, tmp_path)

    with pytest.raises(error, match=message) as caught:
        read(path)  # type: ignore[operator]

    assert str(path) in caught.value.problem
    assert caught.value.remedy


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    path = write_clip(tmp_path / "clip.mp4")
    path.chmod(0)

    with pytest.raises(VideoUnreadable, match="may not be read by this user"):
        read_frames(path, FRAMES)


def test_a_streamable_file_that_lost_its_end_is_called_cut_off(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", num_frames=60, options={"crf": "18"})
    import av

    with (
        av.open(str(whole)) as source,
        av.open(str(tmp_path / "fast.mp4"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    path = cut_file(tmp_path / "fast.mp4", tmp_path / "cut.mp4", 0.7)

    with pytest.raises(VideoUnreadable, match=r"cut off|cannot be read"):
        read_frames(path, FRAMES)


@pytest.mark.parametrize("name", ["h264_open_gop.mkv", "vp9.webm", "h264_bframes.avi", "h264_fragmented.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_file_that_lost_its_end_is_not_taken_for_a_shorter_one(name: str, share: float, tmp_path: Path) -> None:
    path = cut_file(CLIPS / name, tmp_path / name, share)

    with pytest.raises(VideoUnreadable, match="cut off|cannot be read"):
        read_frames(path, FRAMES)


def test_a_cut_avi_is_told_with_the_number_of_frames_that_its_header_has(tmp_path: Path) -> None:
    """Where a few may be missing, the least that is asked for is no number of the file's."""
    with av.open(str(CLIPS / "mpeg4.avi")) as container:
        num_frames = container.streams.video[0].frames
    path = cut_file(CLIPS / "mpeg4.avi", tmp_path / "cut.avi", 0.5)

    with pytest.raises(VideoUnreadable, match=rf"cut off: \d+ of {num_frames} frames are there"):
        read_frames(path, FRAMES)


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile 'secret.mp4'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:10,\nfile:///{folder}/secret.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_a_playlist_in_disguise_opens_nothing_else(content: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "secret.mp4")
    path = tmp_path / "clip.mp4"
    path.write_text(content.replace("{folder}", str(tmp_path)))

    with pytest.raises(VideoUnreadable, match="it holds text"):
        read_frames(path, FRAMES)


def test_a_url_is_a_path_that_does_not_exist() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        with pytest.raises(VideoMissing):
            read_frames(f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4", FRAMES)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (ReadLimits(max_pixels=64 * 48 - 1), "3,072 pixels a frame, the limit is 3,071"),
        (ReadLimits(max_frames=39), "40 frames, the limit is 39"),
        (ReadLimits(max_duration_s=3.9), "4.0 seconds, the limit is 3.9"),
        (ReadLimits(max_bytes=100), "bytes, the limit is 100"),
    ],
)
def test_a_clip_beyond_a_limit_is_refused_on_its_header(limits: ReadLimits, message: str) -> None:
    with pytest.raises(VideoTooLarge, match=message):
        read_frames(CLIPS / "h264_bframes.mp4", FRAMES, limits=limits)


def test_a_limit_holds_where_the_header_says_nothing() -> None:
    with pytest.raises(VideoTooLarge, match="more than 20 frames"):
        read_frames(CLIPS / "h264.ts", FRAMES, limits=ReadLimits(max_frames=20))


def test_a_codec_that_is_not_on_the_list_is_refused_before_decoding(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", codec="jpeg2000", options={})

    with pytest.raises(VideoUnreadable, match="coded as 'jpeg2000'"):
        read_frames(path, FRAMES)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of five ways: flip, zero, cut out, repeat, truncate."""
    damaged = bytearray(data)
    start = int(rng.integers(len(data)))
    end = min(len(data), start + int(rng.integers(1, 200)))
    kind = rng.integers(5)
    if kind == 0:
        damaged[start] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        damaged[start:end] = bytes(end - start)
    elif kind == 2:
        del damaged[start:end]
    elif kind == 3:
        damaged[start:start] = damaged[start:end]
    else:
        del damaged[start:]
    return bytes(damaged)


@pytest.mark.parametrize(
    "name", ["h264_bframes.mp4", "h264.ts", "vp9.webm", "h264_bframes.avi", "hevc_open_gop.mp4", "mpeg4.avi"]
)
def test_no_damage_leads_to_a_foreign_exception_or_a_silent_shortfall(name: str, tmp_path: Path) -> None:
    data, rng = (CLIPS / name).read_bytes(), np.random.default_rng(0)
    path = tmp_path / name

    for _ in range(40):
        path.write_bytes(mutate(data, rng))
        try:
            frameset = read_frames(path, FRAMES, limits=ReadLimits(timeout_s=20))
        except (VideoUnreadable, VideoEmpty, VideoTooLarge, VideoTimeout):
            continue
        assert frameset.num_delivered == frameset.num_requested == 4
        assert frameset.padded == 4 - len(set(frameset.indices))
