import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import DataInvalid
from vidtune.evaluation import EvaluateConfig, compare_runs, score_predictions

FAST = EvaluateConfig(with_bert=False, num_resamples=500)


def scored(folder, records):
    run = write_run(folder, records)
    score_predictions(run.path, FAST)
    return run


def test_a_better_run_is_called_better_with_its_interval(tmp_path):
    worse = scored(tmp_path / "base", [make_record(n, prediction="pushups - slow down") for n in range(72)])
    better = scored(tmp_path / "tuned", [make_record(n, prediction=None if n % 7 else "no idea") for n in range(72)])

    comparison = compare_runs(worse, better, FAST)

    record = read_json(better.comparison)
    assert comparison.to_record() == record
    assert (record["a"], record["b"], record["num_paired"]) == ("base", "tuned", 72)
    row = record["metrics"]["rouge_l"]
    assert row["difference"] == pytest.approx(row["b_mean"] - row["a_mean"])
    assert 0 < row["ci_low"] < row["difference"] < row["ci_high"]
    assert row["p_value"] == pytest.approx(2 / 2**12)
    assert "tuned is higher by" in record["verdict"]["headline"]


def test_equal_runs_show_no_difference(tmp_path):
    records = [make_record(n, prediction="squats - good" if n % 5 else None) for n in range(48)]

    record = compare_runs(scored(tmp_path / "a", records), scored(tmp_path / "b", records), FAST).record

    assert all(row["difference"] == 0 and row["p_value"] == 1.0 for row in record["metrics"].values())
    assert "higher" not in record["verdict"]["headline"]


def test_only_samples_that_both_answered_count_and_the_rest_is_said(tmp_path):
    base = scored(tmp_path / "a", [fail(make_record(0), "video_missing"), *[make_record(n) for n in range(1, 30)]])
    tuned = scored(tmp_path / "b", [*[make_record(n) for n in range(28)], fail(make_record(28), "video_timeout")])

    record = compare_runs(base, tuned, FAST).record

    assert record["num_paired"] == 27
    assert (record["num_errors_a"], record["num_errors_b"], record["num_only_a"], record["num_only_b"]) == (1, 1, 1, 0)
    assert "1 failed in A and 1 in B; 1 are only in A and 0 only in B" in record["verdict"]["sentences"][0]


def test_runs_over_other_data_are_not_compared(tmp_path):
    base = scored(tmp_path / "a", [make_record(0), make_record(1)])
    other = scored(tmp_path / "b", [make_record(7)])
    relabelled = scored(tmp_path / "c", [make_record(0, answer="squats - another truth"), make_record(1)])

    with pytest.raises(DataInvalid, match="no sample that both answered"):
        compare_runs(base, other, FAST)
    with pytest.raises(DataInvalid, match="same id and different true answers"):
        compare_runs(base, relabelled, FAST)


def test_scores_of_other_predictions_are_not_used(tmp_path):
    base, tuned = scored(tmp_path / "a", [make_record(0)]), scored(tmp_path / "b", [make_record(0)])
    write_run(tuned.path, [make_record(1)])

    with pytest.raises(DataInvalid, match="belong to other predictions"):
        compare_runs(base, tuned, FAST)


def test_a_run_that_is_not_scored_says_how_to_score_it(tmp_path):
    base = scored(tmp_path / "a", [make_record(0)])

    with pytest.raises(DataInvalid, match="vidtune evaluate"):
        compare_runs(base, write_run(tmp_path / "b", [make_record(0)]), FAST)


def test_few_people_limit_what_a_test_can_say_and_the_verdict_says_so(tmp_path):
    base = scored(tmp_path / "a", [make_record(n, num_subjects=3, prediction="x") for n in range(36)])
    tuned = scored(tmp_path / "b", [make_record(n, num_subjects=3) for n in range(36)])

    record = compare_runs(base, tuned, FAST).record

    assert record["metrics"]["rouge_l"]["p_value"] == 0.25
    assert any("no test can go below p = 0.25" in sentence for sentence in record["verdict"]["sentences"])
    assert "p = 0.25" in compare_runs(base, tuned, FAST).to_text()


def test_where_all_people_gain_the_same_there_is_no_interval_but_a_test(tmp_path):
    base = scored(tmp_path / "a", [make_record(n, prediction="x") for n in range(72)])

    row = compare_runs(base, scored(tmp_path / "b", [make_record(n) for n in range(72)]), FAST).record["metrics"][
        "rouge_l"
    ]

    assert row["ci_low"] is None
    assert "same mean" in row["interval_method"]
    assert row["p_value"] < 0.001


def test_a_comparison_with_an_unfinished_run_says_so_first(tmp_path):
    records = [make_record(n, prediction="squats - good" if n % 5 else None) for n in range(48)]
    base, tuned = write_run(tmp_path / "base", records), write_run(tmp_path / "tuned", records[:30])
    write_json(tuned.environment, {"num_expected": 48})
    for run in (base, tuned):
        score_predictions(run.path, FAST)

    record = compare_runs(base, tuned, FAST).record

    assert (record["num_expected_a"], record["num_expected_b"]) == (None, 48)
    told = "tuned is unfinished: 30 of 48 samples predicted."
    assert record["verdict"]["headline"].startswith(told)
    assert record["verdict"]["sentences"][0] == told


def test_runs_that_were_not_scored_or_asked_alike_are_not_compared_without_a_word(tmp_path):
    records = [make_record(number) for number in range(48)]
    runs = [write_run(tmp_path / name, records) for name in ("a", "b")]
    for run, lexicon in zip(runs, ("physio", "surgical"), strict=True):
        score_predictions(run.path, FAST.model_copy(update={"lexicon": lexicon}))
    for run, num_frames in zip(runs, (8, 16), strict=True):
        run.recipe.write_text(f"sampling: {{num_frames: {num_frames}}}\nmax_side_px: null\n", encoding="utf-8")

    comparison = compare_runs(*runs, FAST)

    settings = comparison.record["settings"]
    of_lexicon = [{"name": "lexicon", "values": ["physio", "surgical"]}]
    assert settings["scoring"] == {"feedback_slots": of_lexicon, "Feedback slots": of_lexicon}
    assert settings["prediction"] == [{"name": "sampling.num_frames", "values": [8, 16]}]
    verdict = comparison.record["verdict"]
    assert "Feedback, slot by slot was not scored alike (lexicon physio against surgical)" in verdict["headline"]
    assert "The runs were not asked alike: sampling.num_frames 8 against 16." in verdict["sentences"]
    assert "was not scored alike" in comparison.to_text()


def test_another_precision_of_bert_is_said_of_the_metrics_it_concerns(tmp_path):
    records = [make_record(number) for number in range(24)]
    runs = [scored(tmp_path / name, records) for name in ("a", "b")]
    for run, precision in zip(runs, ("float32", "bfloat16"), strict=True):
        metrics = read_json(run.metrics)
        metrics["metrics"]["rouge_l"]["scored_with"] = {"bert_precision": precision}
        write_json(run.metrics, metrics)

    record = compare_runs(*runs, FAST).record

    assert list(record["settings"]["scoring"]) == ["rouge_l"]
    assert any("bert_precision float32 against bfloat16" in sentence for sentence in record["verdict"]["sentences"])


def test_other_questions_frames_and_places_of_subtitles_are_counted(tmp_path):
    shown = {"frames": {"requested": 4, "delivered": 4, "padded": 0, "coverage": 1.0}}
    plain = scored(tmp_path / "a", [make_record(number) for number in range(24)])
    other = scored(
        tmp_path / "b",
        [
            make_record(0, question="What now?"),
            make_record(1, **shown),
            make_record(2, subtitles={"place": "between", "num_lines": 1}),
            make_record(3, sound={"requested_s": 4.0, "delivered_s": 2.5}),
            *[make_record(number) for number in range(4, 24)],
        ],
    )

    record = compare_runs(plain, other, FAST).record

    others = [record["settings"][f"num_other_{what}"] for what in ("question", "frames", "sound", "subtitles")]
    assert others == [1, 1, 1, 1]
    assert "In 1 shared sample other sound, or none, was played." in record["verdict"]["sentences"]
    assert "In 1 shared sample another question was put." in record["verdict"]["sentences"]


def test_runs_scored_and_asked_alike_are_compared_without_a_word(tmp_path):
    records = [make_record(number) for number in range(24)]

    record = compare_runs(scored(tmp_path / "a", records), scored(tmp_path / "b", records), FAST).record

    assert not any(record["settings"].values())
    assert "alike" not in record["verdict"]["headline"]
