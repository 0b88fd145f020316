"""``vidtune data cache`` shows what is kept and clears it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from tests.media.clips_reference import CLIPS

from vidtune.cli._cache import cache
from vidtune.media import FrameCache, SamplingConfig, read_frames


def test_the_cache_is_shown_and_cleared(tmp_path: Path) -> None:
    read_frames(CLIPS / "vp9.webm", SamplingConfig(), cache=FrameCache(tmp_path))

    shown, cleared = (
        json.loads(CliRunner().invoke(cache, ["--folder", str(tmp_path), "--json", *more]).stdout)["frames"]
        for more in ([], ["--clear"])
    )

    assert (shown["num_entries"], shown["num_removed"]) == (1, 0)
    assert shown["size_bytes"] > 8 * 64 * 48 * 3
    assert (cleared["num_entries"], cleared["num_removed"], cleared["size_bytes"]) == (0, 1, 0)


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    result = CliRunner().invoke(cache, ["--folder", str(tmp_path / "nowhere")])

    assert result.exit_code == 0
    assert result.stdout.count("empty") == 2
    assert not (tmp_path / "nowhere").exists()
