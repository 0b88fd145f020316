"""The traps that other tools fell into (see docs/scores.md): each is set here, and none closes."""

import pytest
from tests.evaluation.benchmark_runs import FIXTURES, write_answers
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.durable import RecordLog
from vidtune.evaluation import EvaluateConfig, metrics, score_predictions
from vidtune.metrics import chrf, chrf_counts, rouge_l
from vidtune.metrics.slots import lexicons, read_feedback, score_feedback

ONE_ANSWER = {"question_type": "blue_dye_presence", "short_answer": "no"}
FAST = EvaluateConfig(with_bert=False, num_resamples=300)
PHYSIO = lexicons.get("physio")


def scored(path):
    return score_predictions(path, FAST).metrics


def test_the_opposite_instruction_scores_nothing_on_direction():
    said, right = "squats - Knees caving outwards", "squats - Knees caving inwards"
    found = score_feedback(read_feedback(said, PHYSIO), read_feedback(right, PHYSIO), PHYSIO)

    assert found.by_slot["direction"] == 0.0
    assert found.is_contradiction
    assert found.is_unsafe_miss
    # What likeness of words says of the same two sentences.
    assert rouge_l(said, right) == 0.75
    assert chrf(chrf_counts(said, [right])) > 0.75


def test_the_opposite_instruction_is_counted_in_a_run(tmp_path):
    said = lambda record: record["answer"].replace("inwards, push them out", "outwards, push them in")  # noqa: E731
    records = [make_record(n) for n in range(48)]
    run = write_run(tmp_path, [record | {"prediction": said(record)} for record in records])

    corpus = scored(run.path)["corpus"]

    assert corpus["contradiction_share"]["value"] == pytest.approx(8 / 48)
    assert corpus["unsafe_miss_share"]["value"] > 0


def test_an_empty_prediction_is_right_by_no_rule_of_ours(tmp_path):
    metrics = scored(write_answers(tmp_path, "surgvivqa/in_template.jsonl", lambda sample: "").path)["metrics"]

    assert metrics["baseline_match_compat"]["mean"] == 1.0
    assert metrics["answer_named"]["mean"] == metrics["keyword_match"]["mean"] == 0.0


def test_a_piece_of_the_answer_is_not_the_answer(tmp_path):
    metrics = scored(
        write_answers(tmp_path, "surgvivqa/in_template.jsonl", lambda sample: sample.meta["short_answer"][:-1]).path
    )

    assert metrics["metrics"]["baseline_match_compat"]["mean"] == 1.0
    assert metrics["metrics"]["answer_named"]["mean"] == 0.0


def test_no_inside_normal_is_no_answer(tmp_path):
    metrics = scored(write_answers(tmp_path, "surgvivqa/in_template.jsonl", lambda sample: "The view is normal.").path)

    assert metrics["metrics"]["substring_match_compat"]["mean"] == 2 / 8
    assert metrics["metrics"]["answer_named"]["mean"] == metrics["metrics"]["keyword_match"]["mean"] == 0.0


def test_hyphenated_exercise_names_are_not_cut(tmp_path):
    cats = [n for n in range(36) if make_record(n)["label"] == "cat-cow pose"]
    records = [make_record(n, prediction="cat-stretch - well done" if n in cats else None) for n in range(36)]
    metrics = scored(write_run(tmp_path, records).path)

    assert metrics["metrics"]["exercise_identification_compat"]["mean"] == 1.0
    assert metrics["metrics"]["exercise_identification"]["mean"] == pytest.approx(1 - len(cats) / 36)
    assert any(one["check"] == "exercise_rules" and one["status"] == "warn" for one in metrics["trust"])


def test_a_failed_sample_is_in_no_mean(tmp_path):
    records = [make_record(n) if n % 2 else fail(make_record(n), "video_unreadable") for n in range(24)]
    metrics = scored(write_run(tmp_path, records).path)

    assert metrics["metrics"]["rouge_l"]["mean"] == 1.0
    assert metrics["metrics"]["rouge_l"]["num_scored"] == 12
    assert metrics["errors_by_code"] == {"video_unreadable": 12}


def test_an_empty_prediction_counts_beside_a_perfect_one(tmp_path):
    """Left out, one empty and one perfect answer would have a ROUGE-L of 1."""
    metrics = scored(write_run(tmp_path, [make_record(0), make_record(1, prediction="")]).path)

    assert metrics["metrics"]["rouge_l"]["mean"] == 0.5
    assert metrics["metrics"]["rouge_l"]["num_scored"] == 2
    assert any(one["check"] == "empty" and one["message"].startswith("1 of 2") for one in metrics["trust"])


def test_every_metric_there_is_gives_an_empty_prediction_nothing_but_the_published_rule_that_says_so(tmp_path):
    run = write_answers(tmp_path, "surgvivqa/in_template.jsonl", lambda sample: "")
    every = tuple(name for name in metrics.names() if name not in ("bert_score", "bert_similarity", "meteor_coco"))

    rows = score_predictions(run.path, FAST.model_copy(update={"metrics": every})).metrics["metrics"]

    lifted = {name for name, row in rows.items() if row["mean"] > 0}
    assert lifted == {"baseline_match_compat"}


def test_an_answer_that_was_given_without_a_frame_of_its_video_is_told(tmp_path):
    metrics = scored(write_run(tmp_path, [make_record(n, **{"frames": None} if n < 3 else {}) for n in range(24)]).path)

    told = next(one for one in metrics["trust"] if one["check"] == "frames")
    assert told["status"] == "fail"
    assert told["message"] == "3 of 24 answers were given without one frame of their video."


def test_an_answer_about_a_video_that_could_not_be_read_is_told(tmp_path):
    said = "Error: could not open the video file."
    metrics = scored(write_run(tmp_path, [make_record(n, prediction=said if n < 3 else None) for n in range(24)]).path)

    assert any(one["check"] == "error_sentences" and one["status"] == "fail" for one in metrics["trust"])


def test_types_with_one_answer_are_set_apart(tmp_path):
    run = write_answers(tmp_path / "a", "surgvivqa/in_template.jsonl")
    varied = {row["group"]: row for row in scored(run.path)["groups"] if row["by"] == "question_type"}
    with RecordLog(run.predictions) as log:
        log.append_many(
            {**record, "sample_id": f"dye{number}", "meta": {**record["meta"], **ONE_ANSWER}, "question": "Dye?"}
            for number, record in enumerate(log.read())
        )
    metrics = scored(run.path)

    assert set(varied) == {"scope_motion", "scope_motion_type"}
    assert not any(row["is_single_answer"] for row in varied.values())
    groups = {row["group"]: row["is_single_answer"] for row in metrics["groups"] if row["by"] == "question_type"}
    assert groups == {"scope_motion": False, "scope_motion_type": False, "blue_dye_presence": True}
    row = metrics["metrics"]["answer_named"]
    assert row["where_answers_vary"]["num_scored"] == row["num_scored"] // 2
    assert "are set apart" in metrics["verdict"]["headline"]


def test_the_same_clips_asked_about_in_other_words_are_a_leak_that_memory_answers(tmp_path):
    """An overfit test whose clips and answers are those of training, only reworded, was once called free of leaks."""
    run = write_answers(tmp_path, "surgvivqa/in_template.jsonl")
    config = FAST.model_copy(update={"reference": FIXTURES / "surgvivqa" / "out_template.jsonl"})

    found = score_predictions(run.path, config).metrics

    told = next(one for one in found["trust"] if one["check"] == "leakage")
    assert (told["status"], "evaluated clips are also in the training data" in told["message"]) == ("fail", True)
    assert found["metrics"]["answer_named"]["baselines"]["nearest_training"]["mean"] == 1.0


def test_one_video_has_no_interval(tmp_path):
    records = [
        make_record(n, subject=None, video="only.mp4", prediction="squats - x" if n % 2 else None) for n in range(24)
    ]
    metrics = scored(write_run(tmp_path, records).path)

    assert metrics["metrics"]["rouge_l"]["ci_low"] is None
    assert all(row["ci_low"] is None for row in metrics["corpus"].values())
    assert any(one["check"] == "clusters" and one["status"] == "fail" for one in metrics["trust"])


@pytest.mark.parametrize("said", ["upper right", "Upper-Right", "the upper-right."])
def test_variants_of_punctuation_are_one_answer(tmp_path, said):
    from tests.evaluation.benchmark_runs import record_of

    from vidtune.core.rundir import RunDirectory
    from vidtune.data import Sample, Turn

    run = RunDirectory(tmp_path)
    answers = ["upper-right", "lower-left", "upper-right", "lower-left"]
    meta = {"protocol": "surgvivqa", "question_type": "lesion_screen_position"}
    samples = [
        Sample(
            f"s{n}",
            f"{n}.mp4",
            (Turn("user", "Where?"), Turn("assistant", answer)),
            meta={**meta, "short_answer": answer},
        )
        for n, answer in enumerate(answers)
    ]
    with RecordLog(run.predictions) as log:
        log.append_many([record_of(sample, said) for sample in samples])

    assert scored(run.path)["metrics"]["answer_named"]["mean"] == 0.5


def test_each_form_error_has_its_numbers_and_its_curve(tmp_path):
    wrong = make_record(1)["answer"]
    run = write_run(tmp_path, [make_record(n, prediction=None if n % 4 else wrong) for n in range(48)])
    metrics = scored(run.path)

    assert 0.5 < metrics["corpus"]["error_f1_micro"]["value"] < 1.0
    assert metrics["corpus"]["error_map"]["ci_low"] is None
    curve = metrics["curves"]["error_knee_valgus"]
    assert [point["recall"] for point in curve] == sorted(point["recall"] for point in curve)
    assert curve[-1]["recall"] == 1.0
    block = metrics["classification"]["feedback_error"]
    assert {row["label"] for row in block["per_class"]} >= {"knee_valgus", "hips_sagging", "none"}


def test_an_error_is_found_in_time_or_missed(tmp_path):
    def at(number, said):
        record = make_record(number, prediction=said)
        return record | {"meta": {"errors": ["knee_valgus"], "start_s": 2.0, "end_s": 3.0}}

    said = ["squats - at 2.5 s the knees cave in", "squats - at 4.5 s the knees cave in", "squats - knees cave in"]
    corpus = scored(write_run(tmp_path, [at(n, said[n % 3]) for n in range(12)]).path)["corpus"]

    assert corpus["error_timed_share"]["value"] == pytest.approx(2 / 3)
    assert corpus["error_hit_within_0.5_s"]["value"] == pytest.approx(1 / 3)
    assert corpus["error_hit_within_2_s"]["value"] == pytest.approx(2 / 3)
