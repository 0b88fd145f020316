"""The first screen of an evaluation: what is set apart, what memory gets, who disagrees, what was seen, what leaks."""

import json
import os
import subprocess
import sys

import pytest
from tests.data.writing import qved, write
from tests.evaluation.writing import make_record, write_run
from tests.media.phone_clips import write_scene

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.evaluation._nearest import nearest_answers
from vidtune.evaluation._predictions import Prediction

FAST = EvaluateConfig(with_bert=False, num_resamples=500)
DIRECTIONS = ("up", "down", "left", "right", "stable")


def check(metrics, name):
    return next((finding for finding in metrics["trust"] if finding["check"] == name), None)


def ask(number, kind, answer, said, *, num_videos=12, question=None):
    """Return the record of a surgical question, answered as ``said``."""
    video = f"v{number % num_videos:02}"
    return {
        "sample_id": f"q{number:04}",
        "video": f"{video}.mp4",
        "subject": video,
        "question": question or f"What of {kind}?",
        "answer": f"It is {answer}.",
        "status": "ok",
        "prediction": said,
        "meta": {"protocol": "surgvivqa", "question_type": kind, "short_answer": answer},
    }


def evaluate(folder, records, **config):
    return score_predictions(write_run(folder, records).path, FAST.model_copy(update=config))


def surgical(num_right):
    """Return 60 samples of a type with one answer, all right, and 60 of one with two, ``num_right`` of them right."""
    single = [ask(n, "blue_dye", "no", "no") for n in range(60)]
    other = {"advancing": "withdrawing", "withdrawing": "advancing"}
    truths = [("advancing", "withdrawing")[n % 2] for n in range(60)]
    varied = [
        ask(60 + n, "scope_motion_type", truth, truth if n < num_right else other[truth])
        for n, truth in enumerate(truths)
    ]
    return [*single, *varied]


def test_questions_with_one_answer_are_set_apart_from_the_headline(tmp_path):
    result = evaluate(tmp_path, surgical(num_right=54))
    metrics = result.metrics
    row = metrics["metrics"]["answer_named"]

    assert row["mean"] == 114 / 120
    assert row["where_answers_vary"]["mean"] == 54 / 60
    assert row["where_answers_vary"]["num_scored"] == 60
    assert row["where_answers_vary"]["baselines"]["blind_prior"]["mean"] == 0.5
    assert metrics["verdict"]["headline"].startswith(
        "Answer accuracy: 90.0 % of 60 answers from 12 people on this data set, against 50.0 % without looking. "
        "60 answers to questions that always have the same answer are set apart (95.0 % with them)."
    )
    assert metrics["single_answer"] == [{"question": "blue_dye", "answer": "no", "n": 60, "mean": 1.0}]
    assert check(metrics, "single_class")["status"] == "warn"
    lines = result.to_text().splitlines()
    assert any(line.startswith("Answer accuracy") and "0.900" in line for line in lines)
    assert any(line.startswith("  with 60 whose answer never varies") and "0.950" in line for line in lines)


def test_a_score_that_only_single_answers_lift_above_the_prior_is_called_below_it_in_words(tmp_path):
    """As a published zero-shot model: 54 % over all, and below the prior where there is something to know."""
    metrics = evaluate(tmp_path, surgical(num_right=20)).metrics

    assert metrics["metrics"]["answer_named"]["mean"] > 0.6
    assert "below the blind prior: worse than without looking (50.0 %)" in metrics["verdict"]["headline"]
    assert check(metrics, "blind_prior")["status"] == "fail"
    assert check(metrics, "blind_prior")["message"].startswith(
        "Below the blind prior, the best fixed answer, which looks at no video: Answer accuracy 33.3 against 50.0 %"
    )


def test_where_every_question_has_one_answer_nothing_can_be_shown(tmp_path):
    metrics = evaluate(tmp_path, [ask(n, "blue_dye", "no", "no") for n in range(24)]).metrics

    assert metrics["metrics"]["answer_named"]["where_answers_vary"] is None
    assert check(metrics, "single_class")["status"] == "fail"


def test_two_answers_for_five_are_told_by_type_though_the_others_are_well_spread(tmp_path):
    collapsed = [ask(n, "lesion_motion_direction", DIRECTIONS[n % 5], ("up", "down")[n % 2]) for n in range(40)]
    spread = [ask(100 + n, "scope_motion", ("yes", "no")[n % 2], ("yes", "no")[n % 2]) for n in range(40)]

    found = check(evaluate(tmp_path, [*collapsed, *spread]).metrics, "few_answers")

    assert found["status"] == "warn"
    assert found["message"] == (
        "Few answers stand for many: 100% of the answers for 'lesion_motion_direction' are 'up' and 'down', "
        "of 5 true ones."
    )


def test_answers_as_varied_as_the_truth_are_no_collapse(tmp_path):
    metrics = evaluate(
        tmp_path, [ask(n, "direction", DIRECTIONS[n % 5], DIRECTIONS[(n + 1) % 5]) for n in range(40)]
    ).metrics

    assert check(metrics, "few_answers")["status"] == "ok"


def test_rules_that_judge_the_same_answers_otherwise_are_listed_with_how_often_they_do(tmp_path):
    records = [
        ask(n, "mucosa", ("yes", "no")[n % 2], "The view is normal." if n % 4 == 1 else "yes") for n in range(40)
    ]

    metrics = evaluate(tmp_path, records).metrics

    pair = next(
        pair
        for pair in metrics["agreement"]
        if {pair["first"], pair["second"]} == {"answer_named", "substring_match_compat"}
    )
    assert (pair["n"], pair["agree"]) == (40, 0.75)
    assert {pair["only_first"], pair["only_second"]} == {0, 10}
    assert (
        metrics["agreement"]
        == sorted(metrics["agreement"], key=lambda pair: pair["agree"])[: len(metrics["agreement"])]
    )
    assert check(metrics, "scorers")["status"] == "warn"


def test_wording_that_is_right_about_the_wrong_error_is_counted(tmp_path):
    opposite = lambda record: record["answer"].replace("inwards, push them out", "outwards, push them in")  # noqa: E731
    records = [record | {"prediction": opposite(record)} for record in (make_record(n) for n in range(48))]

    found = check(evaluate(tmp_path, records).metrics, "likeness")

    assert found["status"] == "warn"
    assert found["message"].startswith(
        "Of 48 answers that METEOR Score calls good, 8 name the wrong form error or give"
    )


def training_sample(video, question, answer, **meta):
    return Prediction("t", answer, None, question=question, video=video, meta=meta)


def asked_sample(video, question, **meta):
    return Prediction("e", "?", None, question=question, video=video, meta=meta)


def test_memory_goes_by_question_then_clip_then_time():
    training = [
        training_sample("a.mp4", "Is there dye?", "no", frame_numbers=[100]),
        training_sample("a.mp4", "Is there dye?", "yes", frame_numbers=[400]),
        training_sample("b.mp4", "Is there dye?", "no", frame_numbers=[100]),
        training_sample("c.mp4", "Which tool is in use?", "snare"),
    ]
    asked = [
        asked_sample("a.mp4", "Is there dye?", frame_numbers=[390]),
        asked_sample("a.mp4", "is  there dye?", frame_numbers=[90]),
        asked_sample("new.mp4", "Is there dye?"),
        asked_sample("new.mp4", "What tool is it?"),
        asked_sample("new.mp4", "xyzzy"),
    ]

    assert nearest_answers(asked, training) == ["yes", "no", "no", "snare", "no"]


def test_memory_knows_the_same_type_in_other_words_and_altered_copies_of_a_clip():
    training = [
        training_sample("squats/00093026.mp4", "Out: how does it move?", "up", question_type="motion"),
        training_sample("squats/2.mp4", "Out: how does it move?", "down", question_type="motion"),
        training_sample("squats/3.mp4", "Out: how does it move?", "down", question_type="motion"),
        training_sample("squats/4.mp4", "In: is it big?", "big", question_type="size"),
    ]

    asked = [
        asked_sample("squats/00093026_3.mp4", "In: is it moving?", question_type="motion"),
        asked_sample("squats/9.mp4", "In: is it moving?", question_type="motion"),
    ]

    assert nearest_answers(asked, training) == ["up", "down"]


def test_a_split_that_memory_can_answer_is_told_with_what_memory_gets(tmp_path):
    """Windows of one recording in training and in the test: the answer of the nearest one is right without looking."""
    answers = [("forceps", "snare", "catheter")[n // 20] for n in range(60)]
    train = [
        {
            "id": f"t{n}",
            "video_id": "v",
            "video": "v.mp4",
            "question": "Which tool?",
            "question_type": "tool",
            "answer": f"It is a {answer}.",
            "short_answer": answer,
            "frame_numbers": [100 * n, 100 * n + 4, 100 * n + 8],
        }
        for n, answer in enumerate(answers)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in train))
    asked = []
    for n, answer in enumerate(answers):
        record = ask(n, "tool", answer, answer if n % 2 else "snare", num_videos=1)
        asked.append(
            record | {"video": "v.mp4", "meta": {**record["meta"], "official": {"frame_numbers": [100 * n + 30]}}}
        )

    result = evaluate(tmp_path / "run", asked, reference=path)

    row = result.metrics["metrics"]["answer_named"]
    assert row["baselines"]["nearest_training"]["mean"] == 1.0
    assert row["baselines"]["blind_prior"]["mean"] == pytest.approx(1 / 3)
    found = check(result.metrics, "nearest_training")
    assert found["status"] == "warn"
    assert (
        "tells much without a look at the video: Answer accuracy 100.0 % from memory, 33.3 % blind" in found["message"]
    )
    assert "from memory" in result.to_text()
    assert check(result.metrics, "leakage")["status"] == "fail"


def test_without_training_data_there_is_no_memory_to_compare_with(tmp_path):
    metrics = evaluate(tmp_path, [make_record(n) for n in range(24)]).metrics

    assert "nearest_training" not in metrics["metrics"]["rouge_l"]["baselines"]
    assert check(metrics, "nearest_training") is None


def write_split(folder, *, copy_seed):
    """Write a training and a test clip of each of three scenes, and a run over the test clips; return the run."""
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        write_scene(folder / "train" / f"{name}.mp4", seed=seed, size=(128, 120), num_frames=24)
        other = {"seed": copy_seed, "crf": 33} if name == "a" else {"seed": 10 + seed}
        write_scene(folder / "test" / f"{name}x.mp4", size=(128, 120), num_frames=24, **other)
    train = write(folder / "qved_train.json", [qved(f"train/{name}.mp4", f"squats - {name}") for name in "abc"])
    run = write_run(
        folder / "run", [make_record(n, video=f"test/{'abc'[n % 3]}x.mp4", subject=f"p{n % 3}") for n in range(12)]
    )
    run.recipe.write_text(f"data:\n  path: {folder / 'qved_test.json'}\n  videos: {folder}\n")
    return run, train


def test_a_split_with_near_duplicates_is_flagged_and_looked_at_once(tmp_path):
    run, _ = write_split(tmp_path, copy_seed=1)

    found = check(score_predictions(run.path, FAST).metrics, "leakage")
    ledger = (run.path / "leakage" / "ledger.jsonl").read_bytes()
    again = check(score_predictions(run.path, FAST).metrics, "leakage")

    assert found["status"] == "fail"
    assert found["message"] == (
        "1 evaluated clips show the same as clips of the training data under another name, e.g. test/ax.mp4 and "
        "train/a.mp4."
    )
    assert again == found
    assert (run.path / "leakage" / "ledger.jsonl").read_bytes() == ledger


def test_a_clean_split_says_that_the_pictures_were_compared_or_why_not(tmp_path):
    run, _ = write_split(tmp_path, copy_seed=20)

    looked = check(score_predictions(run.path, FAST).metrics, "leakage")
    not_wanted = check(score_predictions(run.path, FAST.model_copy(update={"near_copies": False})).metrics, "leakage")

    assert looked["status"] == "ok"
    assert looked["message"].endswith("No near-duplicates among 6 clips that were looked at.")
    assert not_wanted["message"].endswith("Near-duplicates were not looked for: it was not wanted.")


def test_frames_asked_for_and_shown_are_on_the_screen_and_low_coverage_warns(tmp_path):
    seen = {"requested": 8, "delivered": 8, "padded": 0, "coverage": 0.25}
    result = evaluate(tmp_path, [make_record(0, frames=seen), *(make_record(n) for n in range(1, 12))])

    assert result.metrics["frames"] == {
        "num_clips": 12,
        "requested": [8, 8],
        "delivered": [8, 8],
        "num_short": 0,
        "num_padded": 0,
        "coverage": {"min": 0.25, "median": 1.0},
    }
    assert "frames a clip: 8 asked for, 8 shown; coverage 100%, at least 25%" in result.to_text()
    assert check(result.metrics, "frames")["status"] == "warn"
    assert check(result.metrics, "frames")["message"].startswith("1 of 12 clips were seen to less than 75%.")


def write_probe(run: RunDirectory, sha256, status="fail"):
    verdict = {"status": status, "headline": "The answers do not depend on the video.", "sentences": []}
    record = {"schema": 1, "predictions_sha256": sha256, "verdict": verdict}
    run.probes.mkdir()
    run.probe("video").write_text(json.dumps({**record, "leading": [], "rows": [], "conditions": [], "notes": []}))


def test_the_verdict_of_a_probe_is_on_the_screen_until_the_predictions_change(tmp_path):
    run = write_run(tmp_path, [make_record(n) for n in range(24)])
    write_probe(run, score_predictions(run.path, FAST).metrics["predictions_sha256"])
    probed = score_predictions(run.path, FAST).metrics
    with RecordLog(run.predictions) as log:
        log.append(make_record(30))
    changed = score_predictions(run.path, FAST).metrics

    assert check(probed, "video_use") == {
        "check": "video_use",
        "status": "fail",
        "message": "The answers do not depend on the video.",
    }
    assert probed["probe"]["verdict"]["status"] == "fail"
    assert check(changed, "video_use")["status"] == "warn"
    assert "was made of other predictions" in check(changed, "video_use")["message"]
    assert changed["probe"] is None


def test_answers_to_something_else_than_the_clips_are_called_so(tmp_path):
    records = [make_record(n, condition="text_only", frames=None) for n in range(24)]

    metrics = evaluate(tmp_path, records).metrics

    assert check(metrics, "condition") == {
        "check": "condition",
        "status": "fail",
        "message": "The model was not shown the clips: these are answers under the condition text_only.",
    }
    assert check(metrics, "frames") is None, "nobody asked for frames"


def test_more_clips_than_can_be_looked_at_unasked_are_said_not_to_be(tmp_path):
    """Empty files: a look would find nothing to see, and is not begun."""
    for number in range(405):
        for split in ("train", "test"):
            (tmp_path / split).mkdir(exist_ok=True)
            (tmp_path / split / f"{number}.mp4").touch()
    write(tmp_path / "qved_train.json", [qved(f"train/{number}.mp4", "squats - good") for number in range(400)])
    run = write_run(tmp_path / "run", [make_record(n, video=f"test/{n}.mp4") for n in range(12)])
    run.recipe.write_text(f"data:\n  path: {tmp_path / 'qved_test.json'}\n  videos: {tmp_path}\n")

    message = check(score_predictions(run.path, FAST).metrics, "leakage")["message"]

    assert "Near-duplicates were not looked for: there are 412 clips, and more than 400 are looked at with" in message


def test_what_was_shown_asked_and_scored_with_is_said_in_words(tmp_path):
    heard = {"sound": {"requested_s": 4.0, "delivered_s": 2.5}}
    read = {"subtitles": {"place": "between", "num_lines": 1}}
    run = write_run(
        tmp_path, [make_record(0, **heard), make_record(1, **read), *(make_record(n) for n in range(2, 24))]
    )
    run.recipe.write_text("sampling: {kind: uniform, num_frames: 8, fps: null}\nmax_side_px: null\n", encoding="utf-8")

    result = score_predictions(run.path, FAST.model_copy(update={"lexicon": "surgical"}))

    assert result.metrics["setup"]["num_heard"] == 1
    assert result.metrics["setup"]["subtitles"] == {"between": 1}
    assert result.metrics["setup"]["scored_with"]["lexicon"] == "surgical"
    shown, asked, scored = (
        next(told for told in result.metrics["verdict"]["sentences"] if told.startswith(word))
        for word in ("Shown:", "Asked:", "Scored with:")
    )
    assert "8 asked for, 8 shown" in shown
    assert "sound in 1 of 24 answers, 2.5 s in all" in shown
    assert shown.endswith("subtitles between the frames in 1 of 24.")
    assert asked == "Asked: one question, with sampling.kind uniform, sampling.num_frames 8."
    assert scored.startswith("Scored with: protocol feedback, vidtune ")
    assert "lexicon surgical" in scored
    assert all(told in result.to_text() for told in (shown, asked, scored))


def test_what_was_not_shown_or_not_told_is_said_to_be(tmp_path):
    plain = evaluate(tmp_path / "plain", [make_record(n) for n in range(24)])
    foreign = evaluate(tmp_path / "foreign", [make_record(n, frames=["a.jpg"]) for n in range(24)])

    assert "; no sound; no subtitles.\n" in plain.to_text()
    assert "Asked: one question, with settings that no recipe tells." in plain.to_text()
    assert "Shown: frames: not told by the records.\n" in foreign.to_text()


def test_values_of_the_whole_set_tell_what_they_were_scored_with(tmp_path):
    corpus = evaluate(tmp_path, [make_record(n) for n in range(24)]).metrics["corpus"]

    assert corpus["contradiction_share"]["scored_with"]["lexicon"] == "physio"
    assert set(corpus["error_f1_micro"]["scored_with"]) == {"catalogue", "wordings"}
    assert all("scored_with" in row for row in corpus.values())


def test_lists_of_the_same_entries_are_the_same_in_every_process():
    script = (
        "from types import SimpleNamespace as Bag\n"
        "from vidtune.evaluation._settings import scored_with\n"
        "from vidtune.metrics.feedback import FeedbackWordings\n"
        "errors = frozenset(f'error {n}' for n in range(9))\n"
        "wordings = FeedbackWordings({name: ('a', 'b') for name in sorted(errors)}, {'squats': errors})\n"
        "print(scored_with(Bag(settings=('wordings',)), Bag(wordings=wordings)))\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(told) == 1
    assert "of 18 (" in told.pop()


def test_one_sample_is_told_in_the_singular(tmp_path):
    run = write_run(tmp_path / "run", [make_record(0)])

    text = score_predictions(run.path, EvaluateConfig(with_bert=False)).to_text()

    assert "/ 0 cut off, of 1 sample" in text
    assert "The one sample was answered." in text
    assert "in 1 clip." in text
    assert "1 answers" not in text
    assert "1 samples" not in text
