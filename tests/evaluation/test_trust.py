import json

import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.evaluation import EvaluateConfig, score_predictions

FAST = EvaluateConfig(with_bert=False, num_resamples=500)


def check(metrics, name):
    return next((finding for finding in metrics["trust"] if finding["check"] == name), None)


def score(folder, records, **config):
    return score_predictions(write_run(folder, records).path, FAST.model_copy(update=config)).metrics


def test_a_model_that_answers_rightly_raises_no_failure(tmp_path):
    metrics = score(tmp_path, [make_record(n) for n in range(72)])

    assert [finding for finding in metrics["trust"] if finding["status"] == "fail"] == []
    assert check(metrics, "blind_prior")["status"] == "ok"
    assert check(metrics, "clusters")["status"] == "ok"


def test_one_answer_for_all_is_called_a_collapse_and_no_better_than_a_constant(tmp_path):
    metrics = score(
        tmp_path, [make_record(n, prediction="squats - good depth and an upright chest") for n in range(60)]
    )

    assert check(metrics, "collapse")["status"] == "fail"
    assert check(metrics, "blind_prior")["status"] == "fail"
    assert metrics["verdict"]["headline"] == (
        "Exercise Identification: 33.3 % of 60 answers from 10 people on this data set, "
        "no better than without looking (33.3 %). Form Error Identification: no better than without looking. "
        "2 trust checks failed."
    )
    assert metrics["verdict"]["sentences"][-1].startswith("These scores should not be relied on yet")


def test_empty_predictions_score_zero_and_are_counted(tmp_path):
    metrics = score(tmp_path, [make_record(n, prediction="" if n < 12 else None) for n in range(48)])

    assert check(metrics, "empty")["message"].startswith("12 of 48")
    assert metrics["metrics"]["exercise_identification"]["mean"] == 36 / 48
    assert metrics["metrics"]["rouge_l"]["min"] == 0.0


def test_answers_cut_off_at_the_token_limit_are_counted(tmp_path):
    metrics = score(tmp_path, [make_record(n, finish_reason="length" if n == 3 else "stop") for n in range(24)])

    assert check(metrics, "truncated")["status"] == "warn"


def test_one_video_has_no_interval_and_that_fails(tmp_path):
    metrics = score(tmp_path, [make_record(n, subject=None, video="one.mp4") for n in range(30)])

    assert check(metrics, "clusters")["status"] == "fail"
    assert metrics["metrics"]["rouge_l"]["ci_low"] is None
    assert "no interval" in " ".join(metrics["verdict"]["sentences"])


@pytest.mark.parametrize(("num_subjects", "status"), [(3, "warn"), (7, "warn"), (12, "ok")])
def test_few_people_are_said_to_be_few(tmp_path, num_subjects, status):
    metrics = score(tmp_path, [make_record(n, num_subjects=num_subjects) for n in range(72)])

    assert check(metrics, "clusters")["status"] == status
    assert f"{num_subjects} people" in check(metrics, "clusters")["message"]
    assert f"of 72 answers from {num_subjects} people on this data set" in metrics["verdict"]["headline"]


def test_failed_samples_are_in_the_headline(tmp_path):
    records = [make_record(n) for n in range(36)]

    headline = score(tmp_path, [*records[:-2], *(fail(record, "video_empty") for record in records[-2:])])["verdict"]

    assert headline["headline"].startswith("Exercise Identification: 100.0 % of 34 answers from 6 people")
    assert headline["headline"].endswith(" 2 of 36 samples failed and are not counted.")


def test_the_verdict_says_whose_interval_it_is_and_what_not_looking_gets(tmp_path):
    records = [make_record(n, prediction=None if n % 5 else "pushups - slow down") for n in range(72)]

    sentences = score(tmp_path, records)["verdict"]["sentences"]

    assert sentences[0].startswith("The model was asked one question about 72 samples from 12 people; 72 answers")
    assert "% interval" in sentences[1]
    assert "the best fixed answer to each question, without looking at the video, scores 33.3 %" in sentences[1]
    [likeness] = [
        text for text in sentences if text.startswith("Likeness to the wording of the reference, not correct")
    ]
    assert "Feedback, slot by slot" not in likeness, "it judges what is said"
    assert any(text.startswith("Feedback, slot by slot is 0.") for text in sentences)


def test_a_question_that_always_has_the_same_answer_is_set_apart(tmp_path):
    records = [make_record(n) for n in range(24)]
    constant = [make_record(n, question="Is there blue dye?", answer="no", prediction="no") for n in range(24, 30)]

    found = check(score(tmp_path, [*records, *constant]), "single_class")

    assert found["status"] == "warn"
    assert "6 of 30" in found["message"]


def test_clips_that_gave_too_few_frames_fail_and_padded_ones_warn(tmp_path):
    short = {"requested": 8, "delivered": 5, "padded": 0, "coverage": 0.6}
    padded = {"requested": 8, "delivered": 8, "padded": 3, "coverage": 1.0}

    assert check(score(tmp_path / "a", [make_record(0, frames=short), make_record(1)]), "frames")["status"] == "fail"
    assert check(score(tmp_path / "b", [make_record(0, frames=padded), make_record(1)]), "frames")["status"] == "warn"


def test_answers_that_read_like_error_messages_are_not_passed_over(tmp_path):
    metrics = score(
        tmp_path, [make_record(n, prediction="Error: could not read video" if n == 2 else None) for n in range(12)]
    )

    assert check(metrics, "error_sentences")["status"] == "fail"


def test_the_published_rule_and_ours_are_shown_to_disagree(tmp_path):
    metrics = score(tmp_path, [make_record(n, prediction="cat-walk - arch" if n % 6 < 2 else None) for n in range(24)])

    found = check(metrics, "exercise_rules")
    assert found["status"] == "warn"
    assert "ours finds 16 right, the published rule (text before the first hyphen) 24" in found["message"]


def test_classes_that_the_answers_call_otherwise_are_told_with_what_mends_it(tmp_path):
    """Folders in one language and answers in another: every answer is wrong then, the reference answers too."""
    names = {"squats": "Kniebeuge", "pushups": "Liegestuetz", "cat-cow pose": "Katze"}
    records = [{**record, "label": names[record["label"]]} for record in map(make_record, range(24))]

    metrics = score(tmp_path / "a", records)

    found = check(metrics, "exercise_rules")
    assert metrics["metrics"]["exercise_identification"]["mean"] == 0.0
    assert found["status"] == "warn"
    assert "24 of the reference answers would be wrong by ours" in found["message"]
    assert "--set aliases.NAME=CLASS" in found["message"]
    metrics = score(tmp_path / "b", records, aliases=names)
    assert metrics["metrics"]["exercise_identification"]["mean"] == 1.0
    assert "would be wrong" not in check(metrics, "exercise_rules")["message"]


def write_training_data(folder, records):
    samples = [
        {
            "video": record["video"],
            "conversations": [
                {"from": "human", "value": record["question"]},
                {"from": "gpt", "value": record["answer"]},
            ],
            "split": "train",
        }
        for record in records
    ]
    path = folder / "qved_train.json"
    path.write_text(json.dumps(samples))
    (folder / "subjects.json").write_text(json.dumps({record["video"]: record["subject"] for record in records}))
    return path


def test_people_seen_in_training_are_a_leak(tmp_path):
    train = [make_record(n, num_subjects=20) for n in range(60)]
    path = write_training_data(tmp_path, train)
    own = [make_record(n, video=f"squats/9{n:07}.mp4") for n in range(24)]
    other = [make_record(n, video=f"squats/9{n:07}.mp4", subject=f"t{n % 12}") for n in range(24)]

    leaking = score(tmp_path / "leaking", own, reference=path)
    clean = score(tmp_path / "clean", other, reference=path)

    assert check(leaking, "leakage")["status"] == "fail"
    assert "subjects are also in the training data" in check(leaking, "leakage")["message"]
    assert check(clean, "leakage")["status"] == "ok"
    assert clean["reference"]["is_training"]


def test_clips_seen_in_training_are_a_leak(tmp_path):
    records = [make_record(n) for n in range(24)]

    metrics = score(tmp_path / "run", records, reference=write_training_data(tmp_path, records))

    assert "24 evaluated clips are also in the training data" in check(metrics, "leakage")["message"]


def test_recordings_seen_in_training_at_other_times_are_a_warning(tmp_path):
    records = [make_record(n, meta={"video_start_s": 60.0}) for n in range(24)]
    path = write_training_data(tmp_path, records)
    earlier = [{**sample, "video_end_s": 20.0} for sample in json.loads(path.read_text())]
    path.write_text(json.dumps(earlier))

    finding = check(score(tmp_path / "run", records, reference=path), "leakage")

    assert finding["status"] == "warn"
    assert "24 evaluated recordings are also in the training data, at other times" in finding["message"]


def test_the_blind_prior_is_chosen_from_training_answers_found_beside_the_evaluated_file(tmp_path):
    write_training_data(tmp_path, [make_record(0)] * 1 + [make_record(n * 6) for n in range(1, 9)])
    run = write_run(tmp_path / "run", [make_record(n) for n in range(36)])
    run.recipe.write_text(f"data:\n  path: {tmp_path / 'qved_test.json'}\n")

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["reference"] == {"is_training": True, "description": "9 training answers of qved_train.json"}
    prior = metrics["metrics"]["exercise_identification"]["baselines"]["blind_prior"]
    assert prior["mean"] == pytest.approx(1 / 3)
    assert "9 training answers" in prior["description"]


def test_a_generated_pack_is_called_one(tmp_path):
    (tmp_path / "pack.json").write_text('{"pack": "physio"}')
    run = write_run(tmp_path / "run", [make_record(n) for n in range(36)])
    run.recipe.write_text(f"data:\n  path: {tmp_path / 'qved_test.json'}\n  videos: {tmp_path}\n")

    verdict = score_predictions(run.path, FAST).metrics["verdict"]

    assert "of 36 answers from 6 people on a generated pack (physio), against" in verdict["headline"]
    assert "36 samples of the pack physio from 6 generated people" in verdict["sentences"][0]
    assert "do not show how real people would fare" in verdict["sentences"][-1]
