"""Decoded frames are kept when asked for, under their content and contract, bounded, and never half."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.media.clips_reference import CLIPS

from vidtune.media import FrameCache, ReadLimits, SamplingConfig, read_frames

CLIP = CLIPS / "vp9.webm"
FOUR = SamplingConfig(num_frames=4)
HERE = ReadLimits(is_isolated=False)
ENTRY_BYTES = 4 * 64 * 48 * 3


def test_nothing_is_kept_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    read_frames(CLIP, FOUR)

    assert list(tmp_path.iterdir()) == []


def test_the_second_read_gives_the_same_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FrameCache(tmp_path)
    first = read_frames(CLIP, FOUR, cache=cache)
    monkeypatch.setattr("vidtune.media._read.opened_clip", None)

    second = read_frames(CLIP, FOUR, cache=FrameCache(tmp_path))

    np.testing.assert_array_equal(first.frames_thwc, second.frames_thwc)
    assert (first.to_record(), first.reasons) == (second.to_record(), second.reasons)


def test_a_copy_of_a_clip_is_the_same_clip(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path / "cache")
    for source in (CLIP, Path(shutil.copy(CLIP, tmp_path / "copy.webm")), CLIP.read_bytes()):
        read_frames(source, FOUR, limits=HERE, cache=cache)

    assert cache.usage().num_entries == 1


def test_another_contract_is_another_entry(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path)
    read_frames(CLIP, FOUR, limits=HERE, cache=cache)
    read_frames(CLIP, SamplingConfig(num_frames=5), limits=HERE, cache=cache)
    read_frames(CLIP, FOUR, limits=HERE, max_side_px=32, cache=cache)
    read_frames(CLIP, FOUR, limits=HERE, mode="keyframe", cache=cache)
    read_frames(CLIP, FOUR, limits=HERE, start_s=1.0, cache=cache)

    assert cache.usage().num_entries == 5


def test_content_that_changed_is_read_again(tmp_path: Path) -> None:
    cache, path = FrameCache(tmp_path / "cache"), tmp_path / "clip"
    shutil.copy(CLIPS / "h264_bframes.mp4", path)
    read_frames(path, FOUR, limits=HERE, cache=cache)
    shutil.copy(CLIP, path)

    frameset = read_frames(path, FOUR, limits=HERE, cache=cache)

    np.testing.assert_array_equal(frameset.frames_thwc, read_frames(CLIP, FOUR, limits=HERE).frames_thwc)


@pytest.mark.parametrize("position", [0, 12, 60, -1])
def test_a_damaged_entry_is_thrown_away_and_read_anew(position: int, tmp_path: Path) -> None:
    cache = FrameCache(tmp_path)
    first = read_frames(CLIP, FOUR, limits=HERE, cache=cache)
    (entry,) = tmp_path.glob("*.frames")
    data = bytearray(entry.read_bytes())
    data[position] ^= 1
    entry.write_bytes(data)

    second = read_frames(CLIP, FOUR, limits=HERE, cache=cache)

    np.testing.assert_array_equal(first.frames_thwc, second.frames_thwc)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_an_entry_that_was_cut_is_no_entry(share: float, tmp_path: Path) -> None:
    cache = FrameCache(tmp_path)
    read_frames(CLIP, FOUR, limits=HERE, cache=cache)
    (entry,) = tmp_path.glob("*.frames")
    entry.write_bytes(entry.read_bytes()[: int(share * entry.stat().st_size)])

    assert cache.get(entry.stem) is None
    assert not entry.exists()


def test_the_cache_stays_within_its_bytes_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, max_bytes=6 * ENTRY_BYTES)
    for place in range(20):
        read_frames(CLIP, FOUR, limits=HERE, start_s=place * 0.1, cache=cache)
        assert cache.usage().size_bytes <= 6 * ENTRY_BYTES

    assert cache.usage().num_entries >= 3
    before = cache.usage().num_entries
    read_frames(CLIP, FOUR, limits=HERE, start_s=1.9, cache=cache)
    assert cache.usage().num_entries == before


def test_frames_and_their_folder_are_for_their_owner_only(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path / "cache")
    read_frames(CLIP, FOUR, limits=HERE, cache=cache)

    (entry,) = cache.folder.glob("*.frames")
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert entry.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_costs_no_frames(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    frameset = read_frames(CLIP, FOUR, limits=HERE, cache=FrameCache(tmp_path / "file" / "cache"))

    assert frameset.num_delivered == 4


def test_several_processes_may_read_write_and_clear_at_once(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from vidtune.media import *\n"
        f"cache = FrameCache(Path({str(tmp_path)!r}), max_bytes={4 * ENTRY_BYTES})\n"
        f"truth = read_frames({str(CLIP)!r}, SamplingConfig(num_frames=4), limits=ReadLimits(is_isolated=False))\n"
        "for turn in range(40):\n"
        f"    found = read_frames({str(CLIP)!r}, SamplingConfig(num_frames=4), cache=cache, start_s=turn % 5 * 0.1,\n"
        "        limits=ReadLimits(is_isolated=False))\n"
        "    assert turn % 5 or (found.frames_thwc == truth.frames_thwc).all()\n"
        "    if turn % 13 == 7: cache.clear()\n"
    )
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert FrameCache(tmp_path).usage().size_bytes <= 4 * ENTRY_BYTES * 1.1
    assert not list(tmp_path.glob(".*.part"))
