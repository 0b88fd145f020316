"""Questions about parts of a recording: how formats name a part, what is read of it, and what checks say."""

from dataclasses import replace

import pytest
from tests.data.writing import messages, qved, write, write_clip

from vidtune.core.errors import DataInvalid
from vidtune.data import (
    DataConfig,
    SplitConfig,
    check_dataset,
    clip_name,
    clip_source,
    read_dataset,
    sound_source,
    split_dataset,
    suffix_of,
    write_dataset,
)
from vidtune.media import ClipPart

PART = {"video_start_s": 0.5, "video_end_s": 2.0}


def in_parts(**part):
    asked = [{"type": "video", "video": "x.mp4", **part}, {"type": "text", "text": "How?"}]
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "good"}]}


def part_of(path):
    meta = read_dataset(path).samples[0].meta
    return {key: value for key, value in meta.items() if key.startswith("video")}


@pytest.mark.parametrize(
    "record",
    [
        qved("x.mp4", **PART),
        {"conversations": qved("x.mp4")["conversations"], "videos": ["x.mp4"], **PART},
        messages("x.mp4", video_start_s="0.5", video_end_s=2),
        in_parts(video_start=0.5, video_end=2),
    ],
)
def test_the_part_that_is_meant_is_read_from_every_conversation(tmp_path, record):
    assert part_of(write(tmp_path / "in.json", [record])) == PART


@pytest.mark.parametrize("format", ["qved", "messages", "sharegpt", "table"])
def test_what_is_written_names_the_same_part(tmp_path, format):
    samples = read_dataset(write(tmp_path / "in.json", [qved("x.mp4", label="squats", **PART), qved("y.mp4")])).samples

    path = tmp_path / f"out{suffix_of(format)}"
    write_dataset(samples, path, format=format)

    assert part_of(path) == PART
    assert read_dataset(path).samples == samples


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (qved("x.mp4", video_start_s=-1), "video_start_s: found the number -1, expected seconds"),
        (qved("x.mp4", video_start_s=2, video_end_s=1), "video_end_s: found the number 1, expected more than"),
        (in_parts(video_start="soon"), "video_start_s: found the text 'soon', expected seconds"),
    ],
)
def test_a_part_that_cannot_be_meant_is_told_with_its_field(tmp_path, record, told):
    with pytest.raises(DataInvalid) as caught:
        read_dataset(write(tmp_path / "in.json", [record]))

    assert told in caught.value.findings[0]


def test_a_part_is_what_is_shown_and_heard_of_a_sample(tmp_path):
    path = write(tmp_path / "in.json", [qved("x.mp4", **PART), qved("x.mp4", video_end_s=1, question="Why?")])
    clip = write_clip(tmp_path / "x.mp4")
    first, second = read_dataset(path).samples
    config = DataConfig(path=path, videos=tmp_path, sound="clip")

    assert clip_source(first, tmp_path) == ClipPart(clip, 0.5, 2.0)
    assert clip_source(second, tmp_path) == ClipPart(clip, 0.0, 1.0)
    assert (clip_name(first), clip_name(second)) == ("x.mp4 0.5 2.0", "x.mp4 1.0")
    assert clip_name(replace(first, meta={"frames": ["a", "b"]})) == "x.mp4 a b"
    heard = sound_source(first, config)
    assert heard is not None
    assert (heard.path, heard.start_s, heard.end_s) == (clip, 0.5, 2.0)


def test_checks_know_parts_from_clips_and_where_their_recording_ends(tmp_path):
    write_clip(tmp_path / "x.mp4")  # 1 s
    times = [(0, 0.4), (0.5, 0.9), (0.5, 3), (2, 3)]
    path = write(
        tmp_path / "in.json",
        [qved("x.mp4", id=str(n), video_start_s=a, video_end_s=b) for n, (a, b) in enumerate(times)],
    )

    report = check_dataset(read_dataset(path), tmp_path)

    found = {(one.level, one.check): one for one in report.findings if one.check in ("windows", "repeats")}
    assert found["error", "windows"].items == ("3: from 2 s of 1 s",)
    assert found["warn", "windows"].items == ("2: to 3 s of 1 s",)
    assert ("warn", "repeats") not in found, "the same question about different parts"


def test_a_split_by_time_cuts_between_parts(tmp_path):
    records = [qved("x.mp4", id=str(n), video_start_s=10 * n, video_end_s=10 * n + 8) for n in range(10)]
    samples = read_dataset(write(tmp_path / "in.json", records)).samples

    result = split_dataset(samples, SplitConfig(by="time", ratios={"train": 0.5, "test": 0.5}, guard=5.0))

    assert [one.sample_id for one in result.parts["test"]] == ["6", "7", "8", "9"]
    assert [one.sample_id for one in result.left_out] == ["5"]
    assert [leak.kind for leak in result.leaks] == ["recording"]
