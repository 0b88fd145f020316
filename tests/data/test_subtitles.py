from pathlib import Path

import pytest

from vidtune.core.errors import DataInvalid
from vidtune.data import Subtitle, read_dataset, read_subtitles, subtitle_file, subtitles_seen, with_subtitles

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

    told, count = with_subtitles(sample, read_subtitles(path), [0.0, 2.0, 11.0])

    assert count == 2
    assert "[frame 2, 2.0 s] Welcome to the harbour.\n[frame 3, 11.2 s] Now we are at the market." in told.question
    assert told.question.endswith(sample.question)
    assert told.answer == sample.answer


def test_without_a_line_in_sight_the_question_stays_as_it_is():
    sample = read_dataset(FOLDER / "longvideobench/lvb_val.json").samples[0]

    assert with_subtitles(sample, [Subtitle(50.0, 51.0, "x")], [1.0]) == (sample, 0)


def test_a_file_without_subtitles_is_told(tmp_path):
    path = tmp_path / "a.srt"
    path.write_text("nothing", encoding="utf-8")

    with pytest.raises(DataInvalid, match="no subtitles"):
        read_subtitles(path)
