"""A recipe's switch for decoded frames on disk: off by itself, bounded, shared by processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.media.clips_reference import CLIPS

from vidtune.config import CacheConfig
from vidtune.media import FrameCache

CLIP = CLIPS / "vp9.webm"
ENTRY_BYTES = 4 * 64 * 48 * 3


def test_nothing_is_kept_unless_a_recipe_says_so() -> None:
    assert CacheConfig().open(FrameCache) is None


@pytest.mark.parametrize("setting", [{"folder": "somewhere"}, {"max_bytes": 5}])
def test_a_setting_of_a_cache_that_is_off_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="has no effect while enabled is false"):
        CacheConfig(**setting)


def test_two_processes_of_one_recipe_share_a_cache_that_stays_within_its_bytes(tmp_path: Path) -> None:
    code = (
        "from vidtune.config import CacheConfig\n"
        "from vidtune.media import *\n"
        f"config = CacheConfig(enabled=True, folder={str(tmp_path)!r}, max_bytes={4 * ENTRY_BYTES})\n"
        "cache, here, four = config.open(FrameCache), ReadLimits(is_isolated=False), SamplingConfig(num_frames=4)\n"
        f"read = lambda turn, kept: read_frames({str(CLIP)!r}, four, start_s=turn * 0.1, limits=here, cache=kept)\n"
        "truth = [read(turn, None).frames_thwc for turn in range(7)]\n"
        "for turn in range(70):\n"
        "    assert (read(turn % 7, cache).frames_thwc == truth[turn % 7]).all()\n"
        "    assert cache.usage().size_bytes <= 5 * config.max_bytes / 4\n"
    )
    processes = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(2)]

    assert [process.wait() for process in processes] == [0, 0]
    found = CacheConfig(enabled=True, folder=tmp_path, max_bytes=4 * ENTRY_BYTES).open(FrameCache)
    assert found is not None
    assert 0 < found.usage().size_bytes <= 4 * ENTRY_BYTES
