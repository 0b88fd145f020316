import pytest

from vidtune.data import Sample, Turn, describe_dataset


def make_sample(number, question, answer, **more):
    return Sample(f"s{number}", f"{number}.mp4", (Turn("user", question), Turn("assistant", answer)), **more)


def test_a_small_data_set_is_counted_by_hand():
    samples = [
        make_sample(0, "A?", "squats - good", label="squats", subject="p1", split="train", meta={"errors": ["lean"]}),
        make_sample(1, "A?", "squats - bad knees", label="squats", subject="p1", split="train"),
        make_sample(2, "A?", "squats - good", label="squats", subject="p2", split="test"),
        make_sample(3, "B?", "lunges - deep", label="lunges", meta={"errors": [{"name": "lean"}, {"name": "fast"}]}),
        make_sample(4, "B?", "none"),
    ]

    stats = describe_dataset(samples, durations_s={"0.mp4": 2.0, "1.mp4": 4.0})

    assert (stats.num_samples, stats.num_videos, stats.num_subjects, stats.num_unlabelled) == (5, 5, 2, 1)
    assert stats.labels == {"squats": 3, "lunges": 1}
    assert stats.imbalance == 3
    assert 1 < stats.effective_classes < 2
    assert stats.splits == {"train": 2, "test": 1}
    assert stats.questions == {"A?": 3, "B?": 2}
    assert (stats.answers_per_question.min, stats.num_answers) == (2, 4)
    assert (stats.answer_words.min, stats.answer_words.max) == (1, 4)
    assert stats.errors == {"lean": 2, "fast": 1}
    assert stats.total_duration_s == 6.0
    assert stats.duration_s.median == 3.0


def test_equal_classes_count_in_full():
    samples = [make_sample(n, "A?", "x", label=f"c{n % 4}") for n in range(8)]

    assert describe_dataset(samples).effective_classes == pytest.approx(4)


def test_no_samples_are_refused_by_name():
    with pytest.raises(ValueError, match="no samples to describe"):
        describe_dataset([])
