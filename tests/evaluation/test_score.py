import json

import pytest
from tests.evaluation.writing import QUESTION, fail, make_record, write_run

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import DataInvalid
from vidtune.evaluation import EvaluateConfig, score_predictions

FAST = EvaluateConfig(with_bert=False, num_resamples=500)
CODES = ["video_missing", "video_unreadable", "video_empty", "video_timeout", "out_of_memory", "frames_short"]


def mixed_answers(number):
    """Return a prediction that is right, of another error, of another exercise, or prose, in turn."""
    return (None, "squats - knees are caving inwards", "pushups - slow down", "A person stands in a room")[number % 4]


def test_metrics_json_holds_what_the_contract_promises(tmp_path):
    run = write_run(tmp_path, [make_record(n, prediction=mixed_answers(n)) for n in range(48)])

    result = score_predictions(run.path, FAST)

    metrics = read_json(run.metrics)
    assert metrics == json.loads(json.dumps(result.to_record()))
    assert metrics["schema"] == 1
    assert (metrics["num_samples"], metrics["num_scored"], metrics["num_errors"]) == (48, 48, 0)
    assert (metrics["cluster"], metrics["num_clusters"]) == ("subject", 8)
    assert list(metrics["metrics"]) == [
        "exercise_identification",
        "feedback_error",
        "feedback_slots",
        "meteor",
        "rouge_l",
        "exercise_identification_compat",
    ]
    row = metrics["metrics"]["rouge_l"]
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    assert sum(row["counts"].values()) == row["num_scored"] == 48
    assert row["thresholds"] == {"green": 0.5, "yellow": 0.2}
    assert row["baselines"]["blind_prior"]["mean"] < 1
    assert metrics["verdict"]["headline"].startswith("Exercise Identification: ")


def test_scores_jsonl_has_one_checksummed_record_a_sample(tmp_path):
    run = write_run(tmp_path, [make_record(0), make_record(2, prediction="cat-cow pose - arch further")])

    score_predictions(run.path, FAST)

    right, wrong = RecordLog(run.scores).read()
    assert right["sample_id"] == "clip000"
    assert right["rouge_l"] == right["meteor"] / right["meteor"] == 1.0
    assert (right["exercise_correct"], right["exercise_correct_compat"], right["feedback_error_correct"]) == (True,) * 3
    assert (wrong["exercise_true"], wrong["exercise_predicted"]) == ("pushups", "cat-cow pose")


@pytest.mark.parametrize("code", CODES)
def test_a_tenth_of_failures_leaves_every_mean_unchanged_to_the_last_bit(tmp_path, code):
    kept = [make_record(n, prediction=mixed_answers(n)) for n in range(54)]
    failed = [fail(make_record(n), code) for n in range(54, 60)]
    alone, mixed = write_run(tmp_path / "alone", kept), write_run(tmp_path / "mixed", [*failed[:3], *kept, *failed[3:]])

    expected, found = score_predictions(alone.path, FAST).metrics, score_predictions(mixed.path, FAST).metrics

    assert found["metrics"] == expected["metrics"]
    assert found["errors_by_code"] == {code: 6}
    assert (found["num_samples"], found["num_scored"], found["num_errors"]) == (60, 54, 6)
    assert any(check["check"] == "errors" and check["status"] == "warn" for check in found["trust"])
    assert "6 failed and are in no mean" in found["verdict"]["sentences"][0]


def test_when_all_failed_nothing_is_scored_and_that_is_said(tmp_path):
    run = write_run(tmp_path, [fail(make_record(n), "video_missing") for n in range(3)])

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["metrics"] == {}
    assert metrics["verdict"]["headline"] == "All 3 samples failed: there is nothing to judge."
    assert "scored / 3 errors" in score_predictions(run.path, FAST).to_text()


def test_a_sample_that_failed_and_was_answered_later_counts_once(tmp_path):
    run = write_run(tmp_path, [fail(make_record(0), "out_of_memory"), make_record(1), make_record(0)])

    metrics = score_predictions(run.path, FAST).metrics

    assert (metrics["num_samples"], metrics["num_errors"]) == (2, 0)


def test_scoring_twice_writes_the_same_bytes(tmp_path):
    run = write_run(tmp_path, [make_record(n, prediction=mixed_answers(n)) for n in range(30)])

    score_predictions(run.path, FAST)
    first = run.metrics.read_bytes(), run.scores.read_bytes()
    score_predictions(run.path, FAST)

    assert (run.metrics.read_bytes(), run.scores.read_bytes()) == first


def test_the_new_file_of_the_old_pipeline_is_read(tmp_path):
    path = tmp_path / "test_predictions.json"
    common = {"prompt": QUESTION, "generated_tokens": 20, "generation_time": 0.5, "tokens_per_second": 40.0}
    path.write_text(
        json.dumps(
            [
                {
                    "video_path": "squats/1.mp4",
                    "ground_truth": "squats - a b",
                    "prediction": "squats - a b",
                    "status": "success",
                }
                | common,
                {"video_path": "squats/2.mp4", "ground_truth": "squats - a b", "prediction": "", "status": "error"}
                | {"error": "video_missing: squats/2.mp4 is nowhere."},
            ]
        )
    )

    metrics = score_predictions(path, FAST).metrics

    assert metrics["errors_by_code"] == {"video_missing": 1}
    assert metrics["metrics"]["rouge_l"]["mean"] == 1.0
    assert metrics["timing"]["tokens_per_s"]["mean"] == 40.0
    assert metrics["cluster"] == "video"


def test_the_older_file_without_a_status_counts_its_answers_as_answered(tmp_path):
    path = tmp_path / "test_predictions.json"
    entry = {
        "video_path": "videos/1.mp4",
        "question": QUESTION,
        "ground_truth": "squats - a",
        "prediction": "squats - b",
    }
    path.write_text(json.dumps([entry, entry | {"prediction": "pushups - a"}, entry | {"prediction": None}]))

    metrics = score_predictions(path, FAST).metrics

    assert (metrics["num_scored"], metrics["num_errors"]) == (2, 1)
    ids = [record["sample_id"] for record in RecordLog(tmp_path / "scores.jsonl").read()]
    assert ids == ["videos/1.mp4#1", "videos/1.mp4#2", "videos/1.mp4#3"]


def test_predictions_written_by_hand_need_no_checksums(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text("\n".join(json.dumps(make_record(n)) for n in range(4)) + "\n", encoding="utf-8-sig")

    assert score_predictions(path, FAST).metrics["num_scored"] == 4


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "holds no predictions"),
        ("{}\n", "neither a sample_id"),
        ("[1]\n", "expected an object, found list"),
        ('{"sample_id": "a", "answer": "b", "prediction": 3}\n', "prediction is a int"),
        ('{"sample_id": "a", "answer": "b", "prediction": "c", "status": "done"}\n', "status is 'done'"),
        ('{"sample_id": "a", "answer": NaN}\n', "line 1: not JSON"),
        ("not json\n\nnor this\n", "line 3: not JSON"),
    ],
)
def test_a_file_that_holds_no_predictions_is_refused_by_line(tmp_path, content, found):
    path = tmp_path / "predictions.jsonl"
    path.write_text(content)

    with pytest.raises(DataInvalid) as caught:
        score_predictions(path, FAST)

    assert found in str(caught.value)
    assert not (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize("name", ["nowhere", "nowhere.jsonl"])
def test_a_path_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(DataInvalid, match=name):
        score_predictions(tmp_path / name, FAST)


def test_a_folder_without_predictions_says_what_it_looked_for(tmp_path):
    with pytest.raises(DataInvalid, match="no predictions.jsonl and no test_predictions.json"):
        score_predictions(tmp_path, FAST)


def test_data_without_errors_or_exercises_gets_text_scores_only(tmp_path):
    records = [
        make_record(n, prediction="yes it is", answer="yes it is", label=None, meta={}, subject=None) for n in range(6)
    ]
    run = write_run(tmp_path, records)

    assert list(score_predictions(run.path, FAST).metrics["metrics"]) == ["meteor", "rouge_l"]


def test_progress_names_each_metric(tmp_path):
    run = write_run(tmp_path, [make_record(n) for n in range(6)])
    seen = []

    score_predictions(run.path, FAST, progress=lambda stage, done, total, note="": seen.append((stage, done, total)))

    assert seen == [("score", n, 6) for n in range(1, 7)]


def test_bad_records_are_all_named_at_once(tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text("\n".join(json.dumps({"sample_id": f"a{n}", "prediction": n}) for n in range(30)))

    with pytest.raises(DataInvalid, match="has 60 problems") as caught:
        score_predictions(path, FAST)

    assert str(caught.value).count("\n") == 21
    assert "and 40 more" in str(caught.value)


@pytest.mark.parametrize("answer", [None, "", "  "])
def test_samples_without_a_reference_answer_are_refused_by_name(tmp_path, answer):
    run = write_run(tmp_path, [make_record(n, answer=answer if n in (3, 5) else "squats - fine") for n in range(30)])

    with pytest.raises(DataInvalid, match="2 of 30 samples have no reference answer.*: clip003, clip005"):
        score_predictions(run.path, FAST)

    assert not run.metrics.exists()


def test_an_old_file_without_ground_truths_is_refused_by_name(tmp_path):
    path = tmp_path / "test_predictions.json"
    path.write_text(json.dumps([{"video_path": "a.mp4", "ground_truth": "", "prediction": "x", "status": "success"}]))

    with pytest.raises(DataInvalid, match="1 of 1 samples have no reference answer.*: a.mp4"):
        score_predictions(path, FAST)


def test_an_unfinished_run_is_never_scored_as_if_whole(tmp_path):
    run = write_run(tmp_path, [make_record(n) for n in range(60)])
    write_json(run.environment, {"num_expected": 96})

    result = score_predictions(run.path, FAST)

    told = "60 of 96 samples predicted"
    assert result.metrics["num_expected"] == 96
    assert result.metrics["verdict"]["headline"].startswith(f"{told}. Exercise Identification: ")
    assert result.metrics["trust"][0]["check"] == "finished"
    assert result.metrics["trust"][0]["status"] == "fail"
    assert result.metrics["trust"][0]["message"].startswith(told)
    assert told in result.metrics["verdict"]["sentences"][-1]
    assert f"of 60 samples; {told}" in result.to_text()


def test_an_unfinished_run_in_which_all_failed_says_both(tmp_path):
    run = write_run(tmp_path, [fail(make_record(n), "video_missing") for n in range(3)])
    write_json(run.environment, {"num_expected": 4})

    headline = score_predictions(run.path, FAST).metrics["verdict"]["headline"]

    assert headline == "3 of 4 samples predicted. All 3 samples failed: there is nothing to judge."


@pytest.mark.parametrize("environment", [{"num_expected": 60}, {}, {"num_expected": None}])
def test_a_finished_run_or_one_that_does_not_say_is_not_called_unfinished(tmp_path, environment):
    run = write_run(tmp_path, [make_record(n) for n in range(60)])
    write_json(run.environment, environment)

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["num_expected"] == environment.get("num_expected")
    assert metrics["verdict"]["headline"].startswith("Exercise Identification: ")
    assert all(finding["status"] == "ok" for finding in metrics["trust"] if finding["check"] == "finished")
