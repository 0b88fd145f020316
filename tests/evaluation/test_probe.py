"""What a probe of the video says of answers that are written by hand: gains in pairs, intervals, and plain words."""

import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid
from vidtune.evaluation import EvaluateConfig, score_probe
from vidtune.inference import ConditionRun, ProbedRun, probe_conditions

FAST = EvaluateConfig(with_bert=False, num_resamples=500)
WRONG = "lunges - nothing to say"
EVERYTHING = ("blank", "text_only", "wrong_video", "reversed", "shuffled", "single_frame")


def records(num=72, *, wrong_every=0, **changes):
    """Return answers, right but for every so many of them."""
    return [
        make_record(n, prediction=WRONG if wrong_every and n % wrong_every == 0 else None, **changes)
        for n in range(num)
    ]


def always_wrong(num=72):
    return [make_record(n, prediction=WRONG) for n in range(num)]


def probe(folder, real, conditions, *, reasons=(), notes=(), **config):
    """Score a probe: ``conditions`` are records by name, ``reasons`` why others are not possible."""
    run = write_run(folder / "run", real)
    made = [
        ConditionRun(name, probe_conditions.get(name), write_run(run.probes / "video" / name, answers))
        for name, answers in conditions.items()
    ]
    made += [
        ConditionRun(name, probe_conditions.get(name), run, reason=reason) for name, reason in dict(reasons).items()
    ]
    asked = tuple(record["sample_id"] for record in real)
    result = score_probe(run, ProbedRun(tuple(made), asked, tuple(notes)), FAST.model_copy(update=config))
    assert read_json(run.probe("video")) == result.record
    return result


def row_of(result, condition, metric="exercise_identification"):
    return next(row for row in result.record["rows"] if (row["condition"], row["metric"]) == (condition, metric))


def test_the_gain_is_of_pairs_and_failed_samples_are_in_none_of_them(tmp_path):
    real = [*records(60), *(fail(make_record(n), "video_empty") for n in range(60, 72))]
    blank = [make_record(n, prediction=WRONG if n < 30 else None) for n in range(66)]
    blank += [fail(make_record(n), "video_timeout") for n in range(66, 72)]
    blank[59] = fail(make_record(59), "video_timeout")

    result = probe(tmp_path, real, {"blank": blank})

    row = row_of(result, "blank")
    assert (row["n"], row["n_clusters"]) == (59, 10)
    assert row["real_score"] == 1.0
    assert row["score"] == pytest.approx(29 / 59)
    assert row["gain"] == pytest.approx(30 / 59)
    assert row["interval"][0] < row["gain"] < row["interval"][1]
    [about] = result.record["conditions"]
    assert (about["n"], about["num_errors"], about["same_answers"]) == (59, 1, pytest.approx(29 / 59))
    assert about["predictions"] == "probes/video/blank/predictions.jsonl"
    assert result.record["leading"] == ["exercise_identification", "feedback_error"]


def test_a_loss_of_order_is_told_in_words_with_its_size_and_its_interval(tmp_path):
    result = probe(
        tmp_path,
        records(),
        {
            "blank": always_wrong(),
            "reversed": [make_record(n, prediction=WRONG if n % 5 == 0 else None) for n in range(72)],
            "shuffled": records(),
        },
    )

    verdict = row_of(result, "reversed")["verdict"]
    assert verdict.startswith("order matters: reversed video loses 20.8 points (")
    assert row_of(result, "shuffled")["verdict"] == (
        "the order of frames makes no clear difference: shuffled video loses nothing"
    )
    assert result.record["verdict"]["status"] == "ok"
    assert verdict in result.record["verdict"]["sentences"][0]
    assert "  reversed video" in result.to_text()


@pytest.mark.parametrize("same", ["blank", "text_only", "wrong_video"])
def test_answers_that_stay_the_same_without_the_video_do_not_depend_on_it(tmp_path, same):
    conditions = {name: always_wrong() for name in ("blank", "text_only", "wrong_video")} | {same: records()}

    verdict = probe(tmp_path, records(), conditions).record["verdict"]

    assert verdict["status"] == "fail"
    label = probe_conditions.get(same).label
    assert verdict["headline"] == (
        f"The answers do not depend on the video: 100% are the same with {label}. What is right about them is known "
        "without it."
    )


def test_answers_that_change_and_are_no_better_for_it_show_nothing(tmp_path):
    other = [make_record(n, prediction=f"{make_record(n)['answer']}, well") for n in range(72)]

    verdict = probe(tmp_path, records(), {"blank": other}).record["verdict"]

    assert verdict["status"] == "fail"
    assert verdict["headline"].startswith("Nothing shows that the answers depend on the video: they change with it")


def test_a_gain_over_one_of_two_is_called_a_part(tmp_path):
    nearly = [make_record(n, prediction=WRONG if n % 3 == 0 else None) for n in range(72)]
    real = [make_record(n, prediction=WRONG if n % 3 == 1 else None) for n in range(72)]

    result = probe(tmp_path, real, {"blank": always_wrong(), "wrong_video": nearly})

    assert result.record["verdict"]["status"] == "warn"
    assert "in part" in result.record["verdict"]["headline"]
    assert "wrong video" in result.record["verdict"]["headline"]


def test_one_video_shows_nothing_however_many_samples_there_are(tmp_path):
    real = records(subject=None, video="one.mp4")
    blank = [record | {"prediction": WRONG} for record in real]

    result = probe(tmp_path, real, {"blank": blank})

    assert row_of(result, "blank")["interval"] == [None, None]
    assert row_of(result, "blank")["gain"] == 1.0
    assert result.record["verdict"]["status"] == "fail"
    assert "with one video no interval is possible" in result.record["verdict"]["headline"]


def test_a_second_score_that_takes_nothing_from_the_video_is_not_hidden_by_the_first(tmp_path):
    """The exercise is seen, its form is not: under conditions the exercise is wrong and the error as it was."""
    real = [
        make_record(n, prediction=f"{make_record(n)['label']} - knees are caving inwards, push them out")
        for n in range(72)
    ]
    blank = [make_record(n, prediction="lunges - knees are caving inwards, push them out") for n in range(72)]

    result = probe(tmp_path, real, {"blank": blank})

    assert result.record["verdict"]["status"] == "ok"
    assert any(
        "has no clear gain over blank video: it may come without looking" in text
        for text in result.record["verdict"]["sentences"]
    )


SEEN = {name: always_wrong() for name in ("blank", "text_only", "wrong_video")}


@pytest.mark.parametrize(
    ("silence", "shuffled", "sentence"),
    [
        (always_wrong(), always_wrong(), "The answers depend on the sound: they lose 100.0 points or more without it"),
        (records(), records(), "The answers do not depend on the sound: 100% are the same with silence, 100% are the"),
        (
            always_wrong(),
            records(),
            "The answers depend on the sound in part; there is no clear gain over all that is not it: shuffled sound",
        ),
        (
            [make_record(n, prediction=f"{make_record(n)['answer']}, well") for n in range(72)],
            records(wrong_every=3),
            "The answers depend on the sound in part",
        ),
    ],
)
def test_what_is_heard_is_judged_beside_what_is_seen(tmp_path, silence, shuffled, sentence):
    without_sound = {"silence": silence, "shuffled_sound": shuffled}

    result = probe(tmp_path, records(), SEEN | without_sound)

    verdict = result.record["verdict"]
    assert verdict["sentences"][0].startswith(sentence)
    assert (verdict["status"], verdict["headline"][:35]) == ("ok", "The answers depend on the video: th")
    rows = {
        row["condition"]: row["verdict"]
        for row in result.record["rows"]
        if row["metric"] == result.record["leading"][0]
    }
    if silence == always_wrong():
        assert rows["silence"] == "the sound matters: silence loses 100.0 points"
    if shuffled == records():
        assert rows["shuffled_sound"] == "the sound of something else does as well: shuffled sound loses nothing"
    assert {one["removes"] for one in result.record["conditions"]} == {"content", "sound"}


def test_a_model_that_only_hears_does_not_see(tmp_path):
    seen = {name: records() for name in ("blank", "wrong_video")}

    verdict = probe(tmp_path, records(), seen | {"silence": always_wrong()}).record["verdict"]

    assert verdict["headline"].startswith("The answers do not depend on the video: 100% are the same")
    assert verdict["sentences"][0].startswith("The answers depend on the sound: they lose 100.0 points")


def test_what_was_not_possible_or_not_probed_is_said_and_the_rest_is_judged(tmp_path):
    result = probe(
        tmp_path,
        records(),
        {"blank": always_wrong()},
        reasons={"text_only": "toy does not take a question without a clip (ValueError: no)."},
        notes=["3 of 72 samples have a sound file."],
    )

    sentences = result.record["verdict"]["sentences"]
    assert "Text only was not possible: toy does not take a question without a clip (ValueError: no)." in sentences
    assert sentences[-1] == "3 of 72 samples have a sound file."
    assert result.record["verdict"]["status"] == "ok"


def test_where_nothing_without_the_video_was_possible_nothing_is_claimed(tmp_path):
    verdict = probe(tmp_path, records(), {"reversed": records()}, reasons={"blank": "no"}).record["verdict"]

    assert verdict["status"] == "warn"
    assert verdict["headline"].startswith("Whether the answers depend on the video was not found out")


def test_a_condition_under_which_every_sample_failed_has_its_reason(tmp_path):
    failed = [fail(make_record(n), "out_of_memory") for n in range(72)]

    result = probe(tmp_path, records(), {"blank": always_wrong(), "wrong_video": failed})

    about = next(one for one in result.record["conditions"] if one["condition"] == "wrong_video")
    assert (about["status"], about["reason"], about["num_errors"]) == ("not_possible", "It did not work.", 72)


def test_p_values_are_corrected_for_the_number_of_conditions(tmp_path):
    half = [make_record(n, prediction=WRONG if n % 2 else None) for n in range(72)]

    result = probe(tmp_path, records(), {name: half for name in EVERYTHING})

    row = row_of(result, "blank")
    assert row["p_value_holm"] == pytest.approx(min(1.0, 6 * row["p_value"]))


def test_a_run_that_answered_nothing_of_what_was_asked_is_refused(tmp_path):
    run = write_run(tmp_path / "run", records(12))
    other = ProbedRun((), ("another sample",))

    with pytest.raises(DataInvalid, match="answered none of the 1 samples that were probed"):
        score_probe(run, other, FAST)


def test_a_probe_is_the_same_to_the_byte_when_it_is_scored_again(tmp_path):
    first = probe(tmp_path / "a", records(), {"blank": always_wrong()}).path.read_bytes()
    second = probe(tmp_path / "b", records(), {"blank": always_wrong()}).path.read_bytes()

    assert first == second
