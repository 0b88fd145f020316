import json
import random
from pathlib import Path

import pytest

from vidtune.core.errors import DataInvalid
from vidtune.data import (
    Aside,
    DataConfig,
    Subtitle,
    SubtitlesShown,
    mirror_turns,
    read_dataset,
    read_subtitles,
    show_subtitles,
    subtitle_file,
    subtitles_before,
    subtitles_between,
    subtitles_seen,
)

FOLDER = Path(__file__).parent / "benchmarks"


def test_subrip_is_read_without_its_markup():
    assert read_subtitles(FOLDER / "video_mme/subtitle/vidA0000000.srt") == [
        Subtitle(1.0, 3.5, "Good morning."),
        Subtitle(10.0, 12.0, "Two lines of speech."),
    ]


def test_both_forms_of_longvideobench_are_read(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(
        '[{"timestamp": [1.0, null], "text": "late"}, {"timestamp": [0, 0.5], "text": "early"}]', encoding="utf-8"
    )

    assert read_subtitles(FOLDER / "longvideobench/subtitles/aa0_en.json")[0] == Subtitle(
        1.0, 3.0, "Welcome to the harbour."
    )
    assert read_subtitles(path) == [Subtitle(0.0, 0.5, "early"), Subtitle(1.0, 1.0, "late")]


def test_lines_that_no_frame_shows_are_left_out_and_short_ones_count_a_second():
    lines = [Subtitle(0.0, 1.0, "a"), Subtitle(5.0, 5.2, "b"), Subtitle(8.0, 9.0, "c")]

    assert [line.text for line in subtitles_seen(lines, [0.5, 5.4, 7.0])] == ["a", "b"]


def test_the_question_gets_the_lines_by_the_frames_they_belong_to():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    path = subtitle_file(sample, FOLDER / "longvideobench/subtitles")

    told, count = subtitles_before(sample, read_subtitles(path), [0.0, 2.0, 11.0])

    assert count == 2
    assert "[frame 2, 2.0 s] Welcome to the harbour.\n[frame 3, 11.2 s] Now we are at the market." in told.question
    assert told.question.endswith(sample.question)
    assert told.answer == sample.answer


def test_without_a_line_in_sight_the_question_stays_as_it_is():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]

    assert subtitles_before(sample, [Subtitle(50.0, 51.0, "x")], [1.0]) == (sample, 0)
    assert subtitles_between(sample, [Subtitle(50.0, 51.0, "x")], [1.0]) == (sample, 0)


def official_order(times_s, lines):
    """Frames and lines as LongVideoBench's own loader puts them in a row, written from its description: each line
    comes behind all frames up to its middle, if some frame lies inside of it (widened to a second)."""
    row, next_frame = [], 0
    for start_s, end_s, text in lines:
        middle_s = (start_s + end_s) / 2
        while next_frame < len(times_s) and times_s[next_frame] <= middle_s:
            row.append(next_frame)
            next_frame += 1
        if end_s - start_s < 1:
            start_s, end_s = middle_s - 0.5, middle_s + 0.5
        if any(start_s < time_s < end_s for time_s in times_s):
            row.append(text)
    return [*row, *range(next_frame, len(times_s))]


def test_lines_stand_between_the_frames_in_the_order_of_the_benchmarks_own_loader():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    rng = random.Random(0)
    for _ in range(200):
        times_s = sorted(rng.uniform(0, 60) for _ in range(rng.randrange(1, 12)))
        starts_s = sorted(rng.uniform(0, 60) for _ in range(rng.randrange(12)))
        # Lines that follow each other, as subtitles do.
        lines = [
            (start_s, start_s + rng.uniform(0, 1) * (stop_s - start_s), f"line {index}")
            for index, (start_s, stop_s) in enumerate(zip(starts_s, [*starts_s[1:], 62.0], strict=False))
        ]

        told, count = subtitles_between(sample, [Subtitle(*line) for line in lines], times_s)

        asides = list(told.turns[0].asides)
        row = []
        for index in range(len(times_s) + 1):
            row += [aside.text for aside in asides if aside.num_frames_before == index]
            row += [index] if index < len(times_s) else []
        assert row == official_order(times_s, lines)
        assert count == len(asides)
        assert told.question == sample.question


@pytest.mark.parametrize(
    ("can_stand_between", "place", "expected"),
    [(True, "auto", "between"), (False, "auto", "before"), (True, "before", "before"), (True, "between", "between")],
)
def test_longvideobench_has_its_lines_between_the_frames_where_the_model_can(can_stand_between, place, expected):
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    folder = FOLDER / "longvideobench/subtitles"
    config = DataConfig(path="x.json", videos=".", subtitles=folder, subtitle_place=place)

    told, shown = show_subtitles(sample, config, [0.0, 2.0, 11.0], can_stand_between=can_stand_between)

    assert shown == SubtitlesShown(expected, 2)
    assert bool(told.turns[0].asides) == (expected == "between")
    assert (told.question == sample.question) == (expected == "between")


def test_video_mme_has_its_lines_before_the_question():
    sample = read_dataset(FOLDER / "video_mme/video_mme.json").samples[0]
    config = DataConfig(path="x.json", videos=".", subtitles=FOLDER / "video_mme/subtitle")

    _, shown = show_subtitles(sample, config, [2.0, 11.0], can_stand_between=True)

    assert shown == SubtitlesShown("before", 2)


def test_lines_of_a_clip_cut_from_a_longer_video_are_told_on_the_clock_of_the_clip(tmp_path):
    records = json.loads((FOLDER / "longvideobench/lvb_val.json").read_text(encoding="utf-8"))
    path = tmp_path / "lvb_val.json"
    path.write_text(json.dumps([{**records[0], "starting_timestamp_for_subtitles": 100.0}]), encoding="utf-8")
    lines = [
        {"start": "00:00:01.000", "end": "00:00:03.000", "line": "before the clip"},
        {"start": "00:01:41.000", "end": "00:01:43.000", "line": "in the clip"},
        {"start": "00:05:00.000", "end": "00:05:03.000", "line": "after the clip"},
    ]
    (tmp_path / "aa0_en.json").write_text(json.dumps(lines), encoding="utf-8")
    sample = read_dataset(path).samples[0]
    config = DataConfig(path=path, videos=tmp_path, subtitles=tmp_path)

    told, shown = show_subtitles(sample, config, [0.0, 2.0, 11.0], can_stand_between=True)

    assert told.turns[0].asides == (Aside(2, "in the clip"),)
    assert shown == SubtitlesShown("between", 1)


def test_lines_that_must_stand_between_and_cannot_are_refused():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    folder = FOLDER / "longvideobench/subtitles"
    config = DataConfig(path="x.json", videos=".", subtitles=folder, subtitle_place="between")

    with pytest.raises(DataInvalid, match="cannot stand between its frames"):
        show_subtitles(sample, config, [2.0], can_stand_between=False)


def test_a_place_without_subtitles_is_refused():
    with pytest.raises(ValueError, match="no effect without subtitles"):
        DataConfig(path="x.json", videos=".", subtitle_place="before")


def test_lines_of_a_mirrored_clip_are_mirrored():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]
    told, _ = subtitles_between(sample, [Subtitle(1.0, 3.0, "To the left.")], [2.0])

    assert mirror_turns(told.turns)[0].asides == (Aside(1, "To the right."),)


def test_a_file_without_subtitles_is_told(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("nothing", encoding="utf-8")

    with pytest.raises(DataInvalid, match="no subtitles"):
        read_subtitles(path)
