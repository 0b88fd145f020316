"""EgoSchema's own files to its score: the public answers are scored, the others are handed in and never missing."""

import csv
import io
import json

import pytest
from tests.evaluation.benchmark_runs import record_of

from vidtune.core.durable import RecordLog
from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import read_dataset
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.metrics import wilson_interval

NUM_PUBLIC, NUM_ASKED = 20, 30
UNSURE = 3


def write_questions(folder):
    """Write ``questions.json`` and ``subset_answers.json`` with the official keys; the right option goes round."""
    questions = [
        {
            "q_uid": f"{number:08}-aaaa-bbbb-cccc-000000000000",
            "google_drive_id": "1abc",
            "question": f"What does c aim at ({number})?",
            **{f"option {option}": f"C does the thing {option}." for option in range(5)},
        }
        for number in range(NUM_ASKED)
    ]
    answers = {one["q_uid"]: number % 5 for number, one in enumerate(questions[:NUM_PUBLIC])}
    (folder / "questions.json").write_text(json.dumps(questions))
    (folder / "subset_answers.json").write_text(json.dumps(answers))
    return folder / "questions.json"


def answer_all(run, samples, said):
    with RecordLog(run.predictions) as log:
        log.append_many([record_of(sample, said(number)) for number, sample in enumerate(samples)])
    return run


def say(number):
    """Say the right letter to every second question, the next letter to the others, and nothing readable to three."""
    if number < UNSURE:
        return "Either a man or a dog."
    return f"The answer is {'ABCDE'[(number + number % 2) % 5]}."


def test_public_answers_are_scored_and_the_others_are_only_handed_in(tmp_path):
    samples = read_dataset(write_questions(tmp_path)).samples
    run = answer_all(RunDirectory(tmp_path / "run"), samples, say)

    result = score_predictions(run.path, EvaluateConfig(with_bert=False))

    metrics, row = result.metrics, result.metrics["metrics"]["choice_accuracy"]
    num_right = sum(number % 2 == 0 for number in range(UNSURE, NUM_PUBLIC))
    expected = wilson_interval(num_right, NUM_PUBLIC)
    assert metrics["protocol"] == "egoschema"
    assert (metrics["num_samples"], metrics["num_kept_back"]) == (NUM_PUBLIC, NUM_ASKED - NUM_PUBLIC)
    assert (row["num_scored"], metrics["num_unparsed"]) == (NUM_PUBLIC, UNSURE)
    assert row["mean"] == pytest.approx(num_right / NUM_PUBLIC)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((expected.low, expected.high))
    assert "10 more have answers that are kept back" in result.to_text()
    assert {finding["check"]: finding["status"] for finding in metrics["trust"]}["unparsed"] == "fail"


def test_the_submission_has_every_question_once_with_the_number_of_its_option(tmp_path):
    samples = read_dataset(write_questions(tmp_path)).samples
    run = answer_all(RunDirectory(tmp_path / "run"), samples, say)
    score_predictions(run.path, EvaluateConfig(with_bert=False))

    rows = list(csv.reader(io.StringIO((run.path / "egoschema_submission.csv").read_text(encoding="utf-8"))))

    assert rows[0] == ["q_uid", "answer"]
    handed_in = {uid: int(answer) for uid, answer in rows[1:]}
    assert len(rows) - 1 == len(handed_in) == NUM_ASKED
    assert handed_in == {
        sample.video: -1 if number < UNSURE else (number + number % 2) % 5 for number, sample in enumerate(samples)
    }


def test_a_split_is_named_after_whether_its_answers_are_public(tmp_path):
    samples = read_dataset(write_questions(tmp_path)).samples

    public = [sample for sample in samples if sample.split == "subset"]

    assert [sample.answer for sample in public] == ["ABCDE"[number % 5] for number in range(NUM_PUBLIC)]
    assert all(sample.meta["answer_kept_back"] and not sample.is_answered for sample in samples[NUM_PUBLIC:])
    assert all("answer_kept_back" not in sample.meta for sample in public)


def test_without_the_public_answers_there_is_a_submission_and_the_reason_for_no_score(tmp_path):
    path = write_questions(tmp_path)
    (tmp_path / "subset_answers.json").unlink()
    run = answer_all(RunDirectory(tmp_path / "run"), read_dataset(path).samples, say)

    with pytest.raises(DataInvalid, match="30 of 30 samples have no reference answer"):
        score_predictions(run.path, EvaluateConfig(with_bert=False))

    assert (run.path / "egoschema_submission.csv").read_text(encoding="utf-8").count("\n") == NUM_ASKED + 1


def test_an_answer_that_is_missing_for_another_reason_still_refuses_the_score(tmp_path):
    samples = read_dataset(write_questions(tmp_path)).samples
    run = RunDirectory(tmp_path / "run")
    with RecordLog(run.predictions) as log:
        log.append_many(
            [record_of(sample, "A", **({"answer": None} if n == 1 else {})) for n, sample in enumerate(samples)]
        )

    with pytest.raises(DataInvalid, match="1 of 20 samples have no reference answer"):
        score_predictions(run.path, EvaluateConfig(with_bert=False))
