"""Clips are decoded ahead, once each, in order, and a bad one is an error of its own."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from vidtune.core.errors import VideoMissing, VideoUnreadable
from vidtune.data import Sample, Turn
from vidtune.inference._reading import Clip, Footage, read_ahead
from vidtune.media import FrameSet, frameset_from_array


def sample_of(video: str, number: int = 0) -> Sample:
    return Sample(f"{video}#{number}", video, (Turn("user", "What?"), Turn("assistant", "That.")))


class Reader:
    """Reads made-up clips and counts."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.num_in_work = 0
        self.max_in_work = 0
        self._lock = threading.Lock()

    def find(self, sample: Sample) -> Footage:
        if "missing" in sample.video:
            raise VideoMissing(f"{sample.video} is nowhere.")
        return Footage(Path(sample.video), sample.question if "asked" in sample.video else None)

    def __call__(self, footage: Footage) -> FrameSet:
        path = footage.source
        with self._lock:
            self.paths.append(path)
            self.num_in_work += 1
            self.max_in_work = max(self.max_in_work, self.num_in_work)
        try:
            if "damaged" in path.name:
                raise VideoUnreadable(f"{path} is damaged.")
            if "foreign" in path.name:
                raise KeyError("from a decoder")
            return frameset_from_array(np.full((2, 8, 8, 3), len(path.name), np.uint8), fps=1.0)
        finally:
            with self._lock:
                self.num_in_work -= 1


def read_all(reader: Reader, samples: list[Sample], *, num_readers: int = 2, num_ahead: int = 4) -> list[Clip]:
    return list(read_ahead(samples, reader.find, reader, num_readers=num_readers, num_ahead=num_ahead))


@pytest.mark.parametrize("num_readers", [1, 3])
def test_every_sample_comes_back_once_and_in_order(num_readers: int) -> None:
    samples = [sample_of(f"{index}.mp4") for index in range(30)]

    clips = read_all(Reader(), samples, num_readers=num_readers)

    assert [clip.sample for clip in clips] == samples
    assert all(clip.frames is not None and clip.error is None for clip in clips)


def test_a_video_with_several_questions_is_decoded_once() -> None:
    samples = [sample_of(f"{index}.mp4", number) for index in range(5) for number in range(4)]
    reader = Reader()

    clips = read_all(reader, samples)

    assert sorted(reader.paths) == [Path(f"{index}.mp4") for index in range(5)]
    assert clips[0].frames is clips[3].frames


def test_frames_that_depend_on_the_question_are_read_for_each_question() -> None:
    samples = [Sample(word, "asked.mp4", (Turn("user", word),)) for word in ("red?", "blue?", "red?")]
    reader = Reader()

    clips = read_all(reader, samples)

    assert len(reader.paths) == 2
    assert clips[0].frames is clips[2].frames


def test_a_bad_clip_is_an_error_of_its_own_and_the_rest_go_on() -> None:
    names = ["a.mp4", "missing.mp4", "damaged.mp4", "foreign.mp4", "b.mp4"]

    clips = read_all(Reader(), [sample_of(name) for name in names])

    codes = [clip.error.code if clip.error else "ok" for clip in clips]
    assert codes == ["ok", "video_missing", "video_unreadable", "video_unreadable", "ok"]


def test_no_more_is_read_ahead_than_allowed() -> None:
    reader = Reader()
    clips = read_ahead(
        [sample_of(f"{index}.mp4") for index in range(50)], reader.find, reader, num_readers=1, num_ahead=3
    )

    next(clips)
    clips.close()  # waits for what is being read

    assert len(reader.paths) <= 4


def test_stopping_midway_leaves_no_thread() -> None:
    clips = read_ahead(
        [sample_of(f"{index}.mp4") for index in range(9)], Reader().find, Reader(), num_readers=2, num_ahead=4
    )
    next(clips)
    clips.close()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidtune-reader")]
