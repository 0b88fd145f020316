"""Files made to harm: they are refused on their header, and open nothing but themselves."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.media.clips_reference import CLIPS
from tests.media.writing import write_clip

from vidtune.core.errors import VideoMissing, VideoTooLarge, VideoUnreadable, VidtuneError
from vidtune.media import SamplingConfig, read_frames
from vidtune.media import _worker_pool as pool

FRAMES = SamplingConfig(num_frames=4)
PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile 'canary.mp4'\n",
    "ffconcat, absolute": "ffconcat version 1.0\nfile '{folder}/canary.mp4'\n",
    "ffconcat, http": "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/canary.mp4'\n",
    "ffconcat in ffconcat": "ffconcat version 1.0\nfile 'nested.txt'\n",
    "ffconcat, subfile": "ffconcat version 1.0\nfile 'subfile,,start,0,end,0,,:{folder}/canary.mp4'\n",
    "ffconcat, data": "ffconcat version 1.0\nfile 'data:text/plain,ffconcat%20version%201.0'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ncanary.mp4\n#EXT-X-ENDLIST\n",
    "hls, file": "#EXTM3U\n#EXTINF:10,\nfile://{folder}/canary.mp4\n#EXT-X-ENDLIST\n",
    "hls, http": "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:{port}/canary.ts\n#EXT-X-ENDLIST\n",
    "hls, key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/k"\n#EXTINF:1,\ncanary.mp4\n',
    "dash": '<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:{port}/</BaseURL></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A loopback server that nobody should call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        yield server


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_playlist_in_disguise_opens_nothing_else(
    kind: str, as_bytes: bool, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "canary.mp4")
    (tmp_path / "nested.txt").write_text(PLAYLISTS["ffconcat"])
    monkeypatch.chdir(tmp_path)
    text = PLAYLISTS[kind].replace("{folder}", str(tmp_path)).replace("{port}", str(listener.getsockname()[1]))
    path = tmp_path / "clip.mp4"
    path.write_text(text)

    with pytest.raises(VideoUnreadable):
        read_frames(path.read_bytes() if as_bytes else path, FRAMES)
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1:{port}/a.mp4",
        "concat:canary.mp4|canary.mp4",
        "subfile,,start,0,end,0,,:canary.mp4",
        "file:canary.mp4",
        "data:video/mp4;base64,AAAA",
        "pipe:0",
        "-",
        "canary%d.mp4",
    ],
)
def test_a_name_is_a_path_and_never_a_protocol(
    name: str, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "canary.mp4")
    write_clip(tmp_path / "canary0.mp4")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(VideoMissing):
        read_frames(name.replace("{port}", str(listener.getsockname()[1])), FRAMES)
    with pytest.raises(TimeoutError):
        listener.accept()


@pytest.mark.parametrize("name", ["-clip.mp4", "http:clip.mp4", "a:b.mp4"])
def test_a_file_with_a_strange_name_is_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / name)
    monkeypatch.chdir(tmp_path)

    assert read_frames(name, FRAMES).num_delivered == 4


def write_endless(path: Path, num_frames: int) -> Path:
    """Write an MP4 whose index lists ``num_frames`` frames of one byte; the tables of a real one are replaced."""
    tables = {
        b"stts": struct.pack(">IIII", 0, 1, num_frames, 1024),
        b"stsz": struct.pack(">III", 0, 1, num_frames),
        b"stsc": struct.pack(">IIIII", 0, 1, 1, num_frames, 1),
        b"ctts": None,
        b"stss": None,
        b"edts": None,
    }
    path.write_bytes(_replaced((CLIPS / "h264_bframes.mp4").read_bytes(), tables))
    return path


def _replaced(data: bytes, tables: dict[bytes, bytes | None]) -> bytes:
    parts, position = [], 0
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + length]
        position += length
        if kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
            body = _replaced(body, tables)
        elif kind in tables:
            if tables[kind] is None:
                continue
            body = tables[kind]
        parts.append(struct.pack(">I4s", len(body) + 8, kind) + body)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("huge", "67,108,864 pixels a frame, the limit is 33,177,600"),
        ("endless", "1,080,000 frames, the limit is 500,000"),
    ],
)
def test_a_bomb_is_refused_on_its_header_at_little_cost(kind: str, message: str, tmp_path: Path) -> None:
    path = CLIPS / "bomb_8192.mp4" if kind == "huge" else write_endless(tmp_path / "endless.mp4", 1_080_000)
    pool._pool.stop_all()
    read_frames(CLIPS / "h264_bframes.mp4", FRAMES)
    (worker,) = pool._pool._all
    before_s = cpu_s(worker.pid)

    with pytest.raises(VideoTooLarge, match=message):
        read_frames(path, FRAMES)

    assert cpu_s(worker.pid) - before_s < 0.5
    assert peak_rss_bytes(worker.pid) < 300e6


@pytest.mark.parametrize("num_frames", [39, 41, 400_000, 2**32 - 1])
def test_an_index_that_lies_ends_in_a_named_error(num_frames: int, tmp_path: Path) -> None:
    with pytest.raises(VidtuneError) as caught:
        read_frames(write_endless(tmp_path / "lies.mp4", num_frames), FRAMES)

    assert caught.value.code.startswith("video_")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_bytes(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
