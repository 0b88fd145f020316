"""Mutated clips: no decoder dies, no foreign exception, and no clip is delivered short without a word."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.clips_reference import CLIPS
from tests.media.test_bad_files import mutate

from vidtune.core.errors import VidtuneError
from vidtune.media import FrameSet, ReadLimits, SamplingConfig, read_frames
from vidtune.media import _worker_pool as pool
from vidtune.media._read import walk_frames
from vidtune.media._walk import WantedWalk

NAMES = [
    "h264_bframes.mp4",
    "h264.ts",
    "vp9.webm",
    "h264_bframes.avi",
    "hevc_open_gop.mp4",
    "mpeg4.avi",
    "h264_open_gop.mkv",
    "h264_fragmented.mp4",
    "av1.mp4",
    "mjpeg.mov",
]
OUTCOMES = {
    "ok",
    "ok, said to be partial",
    "video_unreadable",
    "video_empty",
    "video_too_large",
    "video_timeout",
}
LIMITS = ReadLimits(timeout_s=20)


@pytest.mark.parametrize("num_clips", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_mutant_is_whole_or_said_to_be_short_or_a_named_error(num_clips: int) -> None:
    rng = np.random.default_rng(num_clips)
    pool._pool.stop_all()
    outcomes: Counter[str] = Counter()
    decoders = set()
    for number in range(num_clips):
        mutant = mutate((CLIPS / NAMES[number % len(NAMES)]).read_bytes(), rng)
        outcomes[outcome_of(mutant)] += 1
        decoders |= {worker.pid for worker in pool._pool._all}

    assert outcomes["silent"] == 0, outcomes
    assert len(decoders) == 1, "a decoder died"
    assert sum(outcomes.values()) == num_clips
    assert {"ok", "video_unreadable"} <= set(outcomes) <= OUTCOMES


@pytest.mark.parametrize("num_clips", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_mutant_can_be_walked_as_far_as_it_goes(num_clips: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(num_clips + 1)
    pool._pool.stop_all()
    num_frames: list[int] = []
    codes: set[str] = set()
    decoders = set()
    for number in range(num_clips):
        path = tmp_path / "mutant"
        path.write_bytes(mutate((CLIPS / NAMES[number % len(NAMES)]).read_bytes(), rng))
        num_frames.append(0)
        try:
            for frame in walk_frames(path, WantedWalk(32), limits=LIMITS):
                assert frame.index == num_frames[-1]
                num_frames[-1] += 1
        except VidtuneError as exc:
            codes.add(exc.code)
        decoders |= {worker.pid for worker in pool._pool._all}

    assert len(decoders) == 1, "a decoder died"
    assert codes <= OUTCOMES
    assert min(num_frames) == 0
    assert max(num_frames) >= 40


def outcome_of(data: bytes) -> str:
    try:
        frameset = read_frames(data, SamplingConfig(num_frames=40), limits=LIMITS)
    except VidtuneError as exc:
        return exc.code
    assert frameset.num_delivered == frameset.num_requested == 40
    assert frameset.padded == 40 - len(set(frameset.indices))
    is_short = frameset.num_in_clip < num_listed(data)
    if not is_short:
        return "ok"
    return "ok, said to be partial" if is_said(frameset) else "silent"


def is_said(frameset: FrameSet) -> bool:
    return bool(frameset.num_lost or frameset.num_damaged or frameset.num_corrupt)


def num_listed(data: bytes) -> int:
    """Return how many frames the container itself has, asked without our reader: in its header or as packets."""
    with av.open(io.BytesIO(data), metadata_errors="replace") as container:
        stream = container.streams.video[0]
        num_in_header = stream.frames if container.format.name == "avi" else 0
        num_there = sum(packet.size > 0 and not packet.is_discard for packet in container.demux(stream))
        return max(num_in_header, num_there)
