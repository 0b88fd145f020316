import json

import pytest
from tests.data.writing import qved, write, write_clip

from vidtune.data import check_dataset, read_dataset


@pytest.fixture
def healthy(tmp_path):
    for index, name in enumerate(("squats/1.mp4", "squats/2.mp4", "lunges/3.mp4")):
        write_clip(tmp_path / name, grey=40 * index + 40)
    write(tmp_path / "subjects.json", {"squats/1.mp4": "p1", "squats/2.mp4": "p2", "lunges/3.mp4": "p3"})
    records = [qved("squats/1.mp4"), qved("squats/2.mp4", "squats - knees in"), qved("lunges/3.mp4", "lunges - deep")]
    return write(tmp_path / "qved.json", records)


def find(report, check, level):
    return [finding for finding in report.findings if (finding.check, finding.level) == (check, level)]


def test_a_healthy_data_set_is_fit(healthy):
    report = check_dataset(read_dataset(healthy), healthy.parent)

    assert report.level == "ok", report.findings
    assert report.stats.total_duration_s == pytest.approx(3.0, abs=0.1)
    json.dumps(report.to_record(), allow_nan=False)


def test_missing_and_unreadable_videos_are_errors_with_their_reasons(healthy):
    folder = healthy.parent
    (folder / "squats/2.mp4").write_text("not a video")
    (folder / "empty.mp4").write_bytes(b"")
    records = json.loads(healthy.read_text())
    write(healthy, [*records, qved("squats/9.mp4"), qved("empty.mp4")])

    report = check_dataset(read_dataset(healthy), folder)

    missing, broken = find(report, "videos", "error")
    assert "1 of 5 videos are missing" in missing.message
    assert "squats/9.mp4" in missing.items[0]
    assert "2 of 5 videos cannot be read" in broken.message
    assert {item.split("]")[0] for item in broken.items} == {"[video_unreadable", "[video_empty"}
    assert report.level == "error"


def test_a_missing_video_folder_is_one_finding(healthy):
    (finding,) = find(check_dataset(read_dataset(healthy), healthy.parent / "none"), "videos", "error")

    assert "does not exist" in finding.message


def test_a_clip_in_two_files_is_an_error_and_a_person_in_two_a_warning(healthy):
    folder = healthy.parent
    test = read_dataset(write(folder / "test.json", [qved("squats/1.mp4"), qved("lunges/3.mp4", "lunges - low")]))
    train = read_dataset(write(folder / "train.json", [qved("squats/1.mp4"), qved("squats/2.mp4")]))

    report = check_dataset(test, folder, against={"train.json": train})

    assert find(report, "leakage", "error")[0].items == ("video squats/1.mp4 in test.json and train.json",)
    assert find(report, "leakage", "warn")[0].items == ("subject p1 in test.json and train.json",)
    assert find(report, "classes", "warn")[0].items == ("lunges",)


def test_leakage_between_the_splits_inside_one_file_is_found(healthy):
    write(healthy, [qved("squats/1.mp4", split="train"), qved("squats/1.mp4", split="test", question="Why?")])

    report = check_dataset(read_dataset(healthy), healthy.parent)

    assert len(find(report, "leakage", "error")) == 1


def test_a_recording_that_was_cut_by_time_is_a_warning(healthy):
    parts = [("train", 0.0, 4.0), ("test", 8.0, 12.0)]
    write(
        healthy, [qved("squats/1.mp4", split=name, video_start_s=start, video_end_s=end) for name, start, end in parts]
    )

    report = check_dataset(read_dataset(healthy), healthy.parent)

    assert not find(report, "leakage", "error")
    assert find(report, "leakage", "warn")[0].items == ("other times of recording squats/1.mp4 in test and train",)


def test_doubts_about_content_are_warnings(healthy):
    folder = healthy.parent
    (folder / "squats/copy.mp4").write_bytes((folder / "squats/1.mp4").read_bytes())
    records = [
        qved("squats/1.mp4"),
        qved("squats/1.mp4"),
        qved("squats/2.mp4", "squats - a"),
        qved("squats/2.mp4", "squats - b"),
        qved("squats/copy.mp4", "No feedback available."),
    ]

    report = check_dataset(read_dataset(write(healthy, records)), folder)

    assert "squats/1.mp4 = squats/copy.mp4" in find(report, "copies", "warn")[0].message
    assert [finding.items for finding in find(report, "repeats", "warn")] == [
        ("squats/1, squats/1#2",),
        ("squats/2, squats/2#2",),
    ]
    assert find(report, "answers", "warn")[0].items == ("squats/copy",)
    assert report.level == "warn"


def test_parts_of_a_recording_that_are_not_shown_alone_are_told(healthy):
    parts = [qved("squats/1.mp4", "one", start_s=0, end_s=2), qved("squats/1.mp4", "two", start_s=2, end_s=4)]
    # The stretch in which a clip shows its error is no part that is meant.
    error = qved("squats/2.mp4", "squats - low", errors=["low"], start_s=1.0, end_s=1.5)

    report = check_dataset(read_dataset(write(healthy, [*parts, error])), healthy.parent)

    assert [finding.message.partition(":")[0] for finding in find(report, "windows", "warn")] == [
        "2 samples about 1 recording(s) name parts by start_s and end_s, and are each shown with the whole recording"
    ]
    assert find(check_dataset(read_dataset(write(healthy, [error])), healthy.parent), "windows", "warn") == []


def test_subjects_of_some_samples_alone_are_a_warning(healthy):
    """Intervals are clustered by subject only where every sample names one."""
    (healthy.parent / "subjects.json").unlink()
    write(healthy, [qved("squats/1.mp4", subject="p1"), qved("lunges/3.mp4", "lunges - low")])

    report = check_dataset(read_dataset(healthy), healthy.parent)

    assert [finding.items for finding in find(report, "subjects", "warn")] == [("lunges/3",)]
    assert find(report, "subjects", "ok") == []


def test_a_clip_taken_for_another_by_its_file_name_alone_is_told(healthy):
    folder = healthy.parent
    records = [qved("squats/1.mp4"), qved("planks/3.mp4", "planks - low"), qved("lunges/3.mp4", "lunges - deep")]

    report = check_dataset(read_dataset(write(healthy, records)), folder)

    assert find(report, "videos", "warn")[0].items == ("planks/3.mp4 -> lunges/3.mp4",)
    assert find(report, "videos", "error")[0].items == ("planks/3.mp4 and lunges/3.mp4 -> lunges/3.mp4",)


def test_a_flat_folder_is_no_doubt(healthy):
    write_clip(healthy.parent / "7.mp4")

    report = check_dataset(read_dataset(write(healthy, [qved("squats/7.mp4")])), healthy.parent)

    assert [finding.level for finding in report.findings if finding.check == "videos"] == ["ok"]


def test_progress_reaches_the_number_of_videos(healthy):
    calls = []

    check_dataset(
        read_dataset(healthy), healthy.parent, progress=lambda stage, done, total, note="": calls.append((done, total))
    )

    assert sorted(calls) == [(1, 3), (2, 3), (3, 3)]


def test_samples_without_an_answer_are_a_warning_that_says_what_they_are_fit_for(healthy):
    unanswered = qved("lunges/3.mp4", label="lunges", id="ask me")
    del unanswered["conversations"][1]
    records = [qved("squats/1.mp4"), qved("squats/2.mp4", "squats - knees in"), unanswered]

    report = check_dataset(read_dataset(write(healthy, records)), healthy.parent)

    (finding,) = find(report, "answers", "warn")
    assert finding.message == "1 of 3 samples have no answer: fit for predict, not for train or evaluate: ask me"
    assert report.level == "warn"
    assert report.stats.num_answers == 2


def test_a_file_of_questions_alone_can_be_checked_and_described(healthy):
    records = [qved(video, "") for video in ("squats/1.mp4", "squats/2.mp4", "lunges/3.mp4")]

    report = check_dataset(read_dataset(write(healthy, records)), healthy.parent)

    assert [len(finding.items) for finding in find(report, "answers", "warn")] == [3]
    assert report.stats.num_answers == 0
    assert report.stats.answer_words.max == 0
    json.dumps(report.to_record(), allow_nan=False)
