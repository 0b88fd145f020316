"""Every benchmark fixture is scored by its protocol: right answers as right, wrong ones as wrong, and submissions."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.benchmark_runs import FIXTURES, record_of, write_answers

from vidtune.core.durable import RecordLog
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import read_dataset
from vidtune.evaluation import EvaluateConfig, protocols, quick_metrics, score_predictions
from vidtune.metrics import format_events

FAST = EvaluateConfig(with_bert=False, num_resamples=300)

# file, protocol, leading metric, its value for right answers
CASES = [
    ("longvideobench/lvb_val.json", "longvideobench", "choice_accuracy", 1.0),
    ("longvideobench/lvb_table.json", "longvideobench", "choice_accuracy", 1.0),
    ("video_mme/video_mme.json", "video_mme", "choice_accuracy", 1.0),
    ("video_mme/output_test_template.json", "video_mme", "choice_accuracy", 1.0),
    ("mlvu/1_plotQA.json", "mlvu_dev", "choice_accuracy", 1.0),
    ("mlvu/2_needle.json", "mlvu_dev", "choice_accuracy", 1.0),
    ("mlvu/test_mcq.json", "mlvu_test", "choice_accuracy", 1.0),
    ("egoschema/egoschema_hf.json", "egoschema", "choice_accuracy", 1.0),
    ("next_qa/val.csv", "next_qa", "choice_accuracy", 1.0),
    ("table/choices.csv", "multiple_choice", "choice_accuracy", 1.0),
    ("next_qa/open_val.csv", "next_qa_open", "wups_0", 1.0),
    ("msrvtt_qa/test_qa.json", "short_answers", "normalised_match", 1.0),
    ("surgvivqa/in_template.jsonl", "surgvivqa", "answer_named", 1.0),
    ("surgvivqa/out_template.jsonl", "surgvivqa", "answer_named", 1.0),
    ("msr_vtt/MSRVTT_data.json", "captions", "cider_d", None),
    ("vatex/vatex_validation_v1.0.json", "captions", "cider_d", None),
    ("vatex/hgr_test.txt", "retrieval", "cider_d", None),
    ("msr_vtt/MSRVTT_JSFUSION_test.csv", "retrieval", "cider_d", None),
    ("msr_vtt/MSRVTT_train.9k.csv", "retrieval", "cider_d", None),
    ("msr_vtt/MSRVTT_train.7k.csv", "retrieval", "cider_d", None),
    ("lsmdc/LSMDC16_challenge_1000_publictect.csv", "retrieval", "cider_d", None),
    ("activitynet/val_1.json", "dense_captions", "dense_captions", None),
    ("qevd/feedbacks_long_range.json", "qevd_coach", "timed_feedback", None),
    ("mlvu/9_summary.json", "mlvu_generation", "rouge_l", 1.0),
    ("qved/qved_test.json", "feedback", "exercise_identification", 1.0),
    ("qevd/feedbacks_short_clips.json", "feedback", "rouge_l", 1.0),
    ("qevd/fine_grained_labels.json", "feedback", "exercise_identification", 1.0),
    ("sharegpt/sharegpt.json", "feedback", "rouge_l", 1.0),
    ("messages/messages.jsonl", "feedback", "rouge_l", 1.0),
    ("table/clips.csv", "feedback", "rouge_l", 1.0),
]


@pytest.mark.parametrize(("name", "protocol", "metric", "right"), CASES, ids=lambda value: str(value))
def test_right_answers_are_scored_right_by_the_datas_own_protocol(tmp_path, name, protocol, metric, right):
    metrics = score_predictions(write_answers(tmp_path, name).path, FAST).metrics

    assert metrics["protocol"] == protocol
    assert (
        metrics["metrics"][metric]["mean"] == pytest.approx(right)
        if right
        else metrics["metrics"][metric]["mean"] > 0.2
    )
    assert metrics["verdict"]["headline"]


@pytest.mark.parametrize(("name", "protocol", "metric", "right"), CASES, ids=lambda value: str(value))
def test_empty_answers_are_wrong_everywhere(tmp_path, name, protocol, metric, right):
    metrics = score_predictions(write_answers(tmp_path, name, lambda sample: "").path, FAST).metrics

    for key, row in metrics["metrics"].items():
        if key != "baseline_match_compat":
            assert row["max"] < 1e-3, key
    assert any(finding["check"] == "empty" and finding["status"] == "fail" for finding in metrics["trust"])


def test_paragraphs_of_activitynet_are_scored_as_retrieval(tmp_path):
    run = write_answers(tmp_path, "activitynet/val_1.json", format="activitynet_paragraphs")
    num_samples = len(read_dataset(FIXTURES / "activitynet/val_1.json", format="activitynet_paragraphs").samples)
    np.save(run.path / "similarity.npy", np.eye(num_samples))

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["protocol"] == "retrieval"
    assert metrics["corpus"]["text_to_video_recall_at_1"]["value"] == 1.0


def test_every_protocol_has_a_fixture():
    assert {protocol for _, protocol, _, _ in CASES} == set(protocols.names())


def test_unparsed_choices_are_wrong_and_counted(tmp_path):
    said = iter(["A man sits there.", "B", "no idea", "D"])
    metrics = score_predictions(
        write_answers(tmp_path, "longvideobench/lvb_val.json", lambda s: next(said)).path, FAST
    ).metrics

    finding = next(one for one in metrics["trust"] if one["check"] == "unparsed")
    assert metrics["metrics"]["choice_accuracy"]["mean"] == 0.5
    assert finding["status"] == "fail"
    assert "2 of 4 answers" in finding["message"]


def test_mlvu_averages_over_tasks_and_not_over_questions(tmp_path):
    run = RunDirectory(tmp_path)
    plot = read_dataset(FIXTURES / "mlvu/1_plotQA.json").samples
    needle = read_dataset(FIXTURES / "mlvu/2_needle.json").samples
    with RecordLog(run.predictions) as log:
        log.append_many(
            [record_of(sample, "D") for sample in plot] + [record_of(sample, sample.answer) for sample in needle]
        )

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["metrics"]["choice_accuracy"]["mean"] == 0.25
    assert metrics["corpus"]["macro_accuracy"]["value"] == 0.5
    assert [(row["group"], row["mean"]) for row in metrics["groups"]] == [("needle", 1.0), ("plotQA", 0.0)]


def test_the_official_submission_of_video_mme_is_written_in_its_form(tmp_path):
    run = write_answers(tmp_path, "video_mme/video_mme.json", lambda sample: f"The answer is {sample.answer}.")
    score_predictions(run.path, FAST)

    written = json.loads((run.path / "video_mme_submission.json").read_text(encoding="utf-8"))
    template = json.loads((FIXTURES / "video_mme/output_test_template.json").read_text(encoding="utf-8"))

    assert [video["video_id"] for video in written] == [video["video_id"] for video in template]
    assert written[0].keys() == template[0].keys()
    assert written[0]["questions"][0] == {**template[0]["questions"][0], "response": "The answer is A."}


def test_what_mlvu_and_egoschema_want_handed_in(tmp_path):
    six = write_answers(tmp_path / "a", "mlvu/test_mcq.json")
    ego = write_answers(tmp_path / "b", "egoschema/egoschema_hf.json", lambda sample: "hm")
    score_predictions(six.path, FAST)
    score_predictions(ego.path, FAST)

    assert json.loads((six.path / "mlvu_submission.json").read_text(encoding="utf-8"))[0] == {
        "question_id": "t0",
        "question_type": "sportsQA",
        "option": "F",
    }
    assert (ego.path / "egoschema_submission.csv").read_text(encoding="utf-8") == "q_uid,answer\nuid-0,-1\nuid-1,-1\n"


def test_answers_that_are_kept_back_still_give_a_submission(tmp_path):
    run = write_answers(tmp_path, "longvideobench/lvb_test_wo_gt.json", lambda sample: "(C)")

    with pytest.raises(DataInvalid, match="no reference answer"):
        score_predictions(run.path, FAST)

    assert set(json.loads((run.path / "longvideobench_submission.json").read_text(encoding="utf-8")).values()) == {2}


def test_dense_captions_see_place_and_words(tmp_path):
    def shifted(sample):
        return format_events(
            [{**e, "start_s": e["start_s"] + 15, "end_s": e["end_s"] + 15} for e in sample.meta["events"]]
        )

    right = score_predictions(write_answers(tmp_path / "a", "activitynet/val_1.json").path, FAST).metrics
    wrong = score_predictions(write_answers(tmp_path / "b", "activitynet/val_1.json", shifted).path, FAST).metrics

    assert right["corpus"]["dense_recall_0.9"]["value"] == 1.0
    assert wrong["corpus"]["dense_recall_0.9"]["value"] == 0.0
    assert wrong["metrics"]["dense_captions"]["mean"] < 0.5 * right["metrics"]["dense_captions"]["mean"]


def test_feedback_out_of_time_is_no_feedback(tmp_path):
    def late(sample):
        return format_events(
            [{**e, "start_s": e["start_s"] + 5} for e in sample.meta["events"] if not e["is_transition"]]
        )

    right = score_predictions(write_answers(tmp_path / "a", "qevd/feedbacks_long_range.json").path, FAST).metrics
    wrong = score_predictions(write_answers(tmp_path / "b", "qevd/feedbacks_long_range.json", late).path, FAST).metrics

    assert right["corpus"]["temporal_f_score"]["value"] == 1.0
    assert wrong["corpus"]["temporal_f_score"]["value"] == 0.0
    assert "timed_feedback" not in wrong["metrics"]


def test_retrieval_takes_the_models_own_similarities(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_JSFUSION_test.csv")
    np.save(
        run.path / "similarity.npy", np.array([[9, 1, 0, 0], [1, 9, 0, 0], [0, 0, 9, 1], [9, 0, 0, 5]], dtype=float)
    )

    corpus = score_predictions(run.path, FAST).metrics["corpus"]

    assert corpus["text_to_video_recall_at_1"]["value"] == 0.75
    assert corpus["text_to_video_mean_rank"]["value"] == 1.25
    assert corpus["text_to_video_median_rank"]["value"] == 1.0
    # The last video is asked for by no other caption more than by its own; the first ties with the last caption.
    assert corpus["video_to_text_recall_at_1"]["value"] == pytest.approx(0.75)
    assert corpus["video_to_text_recall_at_5"]["value"] == 1.0


def test_similarities_of_another_shape_are_refused(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_JSFUSION_test.csv")
    np.save(run.path / "similarity.npy", np.ones((3, 4)))

    with pytest.raises(DataInvalid, match=r"\(3, 4\), expected \(4, 4\)"):
        score_predictions(run.path, FAST)


def test_without_a_table_videos_are_found_through_what_was_said_of_them(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_JSFUSION_test.csv")

    corpus = score_predictions(run.path, EvaluateConfig(num_resamples=300)).metrics["corpus"]

    assert corpus["through_captions_text_to_video_recall_at_1"]["value"] == 1.0
    assert "text_to_video_recall_at_1" not in corpus


def test_bleu_of_the_corpus_is_not_the_mean_of_its_sentences(tmp_path):
    said = iter(["a man slices bread", "two dogs", "a woman sings on a stage", "red"])
    metrics = score_predictions(
        write_answers(tmp_path, "msr_vtt/MSRVTT_data.json", lambda s: next(said)).path, FAST
    ).metrics

    row = metrics["corpus"]["bleu_1"]
    assert row["ci_low"] is None
    assert "4 samples are too few" in row["interval_method"]
    assert metrics["corpus"]["bleu_4"]["value"] != pytest.approx(metrics["metrics"]["sentence_bleu"]["mean"])


def test_confidence_is_judged_where_answers_are_right_or_wrong(tmp_path):
    said = iter("ABCA")
    corpus = score_predictions(
        write_answers(tmp_path, "longvideobench/lvb_val.json", lambda s: next(said)).path, FAST
    ).metrics["corpus"]

    sure = math.exp(-0.2)
    assert corpus["mean_confidence"]["value"] == pytest.approx(sure)
    assert corpus["calibration_error"]["value"] == pytest.approx(abs(sure - 0.75))
    assert corpus["brier"]["value"] == pytest.approx(0.75 * (1 - sure) ** 2 + 0.25 * sure**2)


def test_metrics_and_protocols_may_be_named(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_data.json")

    named = score_predictions(run.path, EvaluateConfig(metrics=("token_f1", "rouge_2"), num_resamples=300)).metrics
    other = score_predictions(run.path, EvaluateConfig(protocol="short_answers", num_resamples=300)).metrics

    assert list(named["metrics"]) == ["token_f1", "rouge_2"]
    assert list(other["metrics"])[0] == "normalised_match"
    with pytest.raises(BadUsage, match="Did you mean 'captions'"):
        score_predictions(run.path, EvaluateConfig(protocol="caption"))
    with pytest.raises(BadUsage, match="rouge_l"):
        score_predictions(run.path, EvaluateConfig(metrics=("rouge",)))


def test_samples_of_two_protocols_are_not_thrown_together(tmp_path):
    run = RunDirectory(tmp_path)
    with RecordLog(run.predictions) as log:
        for name in ("msr_vtt/MSRVTT_data.json", "mlvu/1_plotQA.json"):
            log.append_many([record_of(sample, sample.answer) for sample in read_dataset(FIXTURES / name).samples])

    with pytest.raises(DataInvalid, match="2 protocols: captions, mlvu_dev"):
        score_predictions(run.path, FAST)


def test_types_that_always_have_one_answer_can_be_left_out(tmp_path):
    run = RunDirectory(tmp_path)
    samples = list(read_dataset(FIXTURES / "surgvivqa/in_template.jsonl").samples)
    dye = [
        replace(
            sample,
            sample_id=f"dye{number}",
            meta={**sample.meta, "question_type": "blue_dye_presence", "short_answer": "no"},
        )
        for number, sample in enumerate(samples)
    ]
    with RecordLog(run.predictions) as log:
        log.append_many([record_of(sample, "no") for sample in [*samples, *dye]])

    metrics = score_predictions(run.path, FAST).metrics

    assert metrics["metrics"]["answer_named"]["mean"] == 10 / 16
    assert metrics["corpus"]["accuracy_without_single_answer_types"]["value"] == 2 / 8
    assert {row["group"]: row["is_single_answer"] for row in metrics["groups"] if row["by"] == "question_type"} == {
        "blue_dye_presence": True,
        "scope_motion": False,
        "scope_motion_type": False,
    }
    # Knowing the type and nothing of the video is as good: the blind prior goes by type.
    assert metrics["metrics"]["answer_named"]["baselines"]["blind_prior"]["mean"] >= 10 / 16


def test_several_rules_on_the_same_answers_are_shown_with_their_disagreement(tmp_path):
    run = write_answers(tmp_path, "surgvivqa/in_template.jsonl", lambda sample: "The view is normal.")

    finding = next(one for one in score_predictions(run.path, FAST).metrics["trust"] if one["check"] == "scorers")

    assert finding["status"] == "warn"
    assert "Answer accuracy 0.0 %" in finding["message"]
    assert "They agree on 6 of 8" in finding["message"]


def test_training_is_followed_by_the_leading_metric_of_the_data():
    samples = read_dataset(FIXTURES / "mlvu/1_plotQA.json").samples

    assert quick_metrics(["A", "A", "x"], samples) == {"choice_accuracy": pytest.approx(1 / 3)}
