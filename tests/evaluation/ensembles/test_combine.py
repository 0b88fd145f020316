"""Several prediction files become one run directory that says what it is made of."""

import json

import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.config import build_config
from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage, ConfigInvalid, RunMismatch
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.evaluation.ensembles import EnsembleConfig, ensemble_runs

NUM = 24
WRONG = "pushups - something else entirely"


def write_member(folder, is_wrong, *, logprob=-0.2, model=None, **changes):
    records = []
    for number in range(NUM):
        sure = logprob(number) if callable(logprob) else logprob
        text = WRONG if is_wrong(number) else None
        records.append(make_record(number, prediction=text, mean_logprob=sure, **changes))
    run = write_run(folder, records)
    if model:
        run.environment.write_text(json.dumps({"inputs": {"model": model}}))
    return run.path


def combine(out, rule, *members, **settings):
    config = build_config(EnsembleConfig, {"rule": rule, "members": members, **settings}, source="test")
    summary = ensemble_runs(config, RunDirectory(out))
    return summary, RecordLog(RunDirectory(out).predictions).read()


@pytest.fixture
def members(tmp_path):
    """Three runs, each wrong on another third."""
    return [write_member(tmp_path / f"m{third}", lambda n, third=third: n % 3 == third) for third in range(3)]


@pytest.mark.parametrize("rule", ["vote", "probability", "minimum_risk"])
def test_three_that_are_wrong_on_different_thirds_are_right_together(tmp_path, members, rule):
    summary, records = combine(tmp_path / "out", rule, *members)

    assert [record["prediction"] for record in records] == [record["answer"] for record in records]
    assert summary.num_ok == NUM
    assert summary.num_unanimous == 0
    found = score_predictions(tmp_path / "out", EvaluateConfig(with_bert=False, num_resamples=200))
    assert found.metrics["metrics"]["exercise_identification"]["mean"] == 1.0


def test_the_run_says_what_it_is_made_of(tmp_path, members):
    _, records = combine(tmp_path / "out", "vote", *members)

    made_of = read_json(tmp_path / "out" / "environment.json")["inputs"]["members"]
    assert [one["predictions_sha256"] for one in made_of] == [
        sha256_file(path / "predictions.jsonl") for path in members
    ]
    assert [one["run"] for one in made_of] == [str(path) for path in members]
    record = records[0]
    assert record["ensemble"] == "vote"
    assert [one["prediction"] for one in record["candidates"]][0] == WRONG
    assert record["chosen"] in (1, 2)
    assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert record["consistency"] == pytest.approx(2 / 3, abs=1e-6)
    # What the answer cost is what all members took.
    assert record["timings_s"]["generate"] == pytest.approx(0.3)


def test_a_member_that_failed_is_decided_without_and_one_that_all_failed_stays_an_error(tmp_path):
    first = [make_record(0, prediction=WRONG), fail(make_record(1), "video_missing"), make_record(2)]
    second = [fail(make_record(0), "video_timeout"), fail(make_record(1), "video_missing"), make_record(2)]
    paths = [write_run(tmp_path / name, records).path for name, records in (("a", first), ("b", second))]

    summary, records = combine(tmp_path / "out", "vote", *paths)

    assert [record["status"] for record in records] == ["ok", "error", "ok"]
    assert records[0]["prediction"] == WRONG
    assert records[1]["error"]["code"] == "video_missing"
    assert (summary.num_ok, summary.num_errors) == (2, 1)


def test_options_are_votes_however_they_are_worded(tmp_path):
    meta = {"options": ["a red ball", "a blue hat"]}
    said = ["B", "The answer is (B).", "A"]
    paths = [
        write_run(tmp_path / str(i), [make_record(0, prediction=text, meta=meta, answer="B")]).path
        for i, text in enumerate(said)
    ]

    _, records = combine(tmp_path / "out", "vote", *paths)

    assert records[0]["probabilities"] == {
        "option 1": pytest.approx(2 / 3, abs=1e-6),
        "option 0": pytest.approx(1 / 3, abs=1e-6),
    }


def test_runs_that_do_not_belong_together_are_refused_by_name(tmp_path, members):
    shorter = write_run(tmp_path / "short", [make_record(number) for number in range(3)]).path
    other = write_member(tmp_path / "other", lambda n: False, question="Something else?")

    with pytest.raises(RunMismatch, match="21 samples are in one alone"):
        combine(tmp_path / "out", "vote", members[0], shorter)
    with pytest.raises(RunMismatch, match="asked otherwise"):
        combine(tmp_path / "out", "vote", members[0], other)
    with pytest.raises(RunMismatch, match="another run"):
        combine(members[2], "vote", members[0], members[1])
    assert not (tmp_path / "out").exists()


def test_confidences_of_different_models_are_not_compared_uncalibrated(tmp_path):
    paths = [write_member(tmp_path / name, lambda n: False, model={"weights": name}) for name in "ab"]

    with pytest.raises(BadUsage, match="--calibrate-on"):
        combine(tmp_path / "out", "confidence", *paths)
    # Two ways to ask one model mean the same.
    same = [write_member(tmp_path / name, lambda n: False, model={"weights": "x"}) for name in ("c", "d")]
    combine(tmp_path / "out", "confidence", *same)


def test_the_calibrated_member_wins_where_the_boastful_one_is_wrong(tmp_path):
    """One model is always sure and right half the time; the other says 0.6 and is right nine times of ten."""
    boastful = {"logprob": lambda n: -0.01 - 0.001 * (n % 2), "model": {"weights": "boastful"}}
    modest = {"logprob": lambda n: -0.5 - 0.001 * (n % 2), "model": {"weights": "modest"}}
    validation = [
        relabelled(write_member(tmp_path / "vb", lambda n: n % 4 < 2, **boastful)),
        relabelled(write_member(tmp_path / "vm", lambda n: n % 10 == 0, **modest)),
    ]
    tests = [
        write_member(tmp_path / "tb", lambda n: n % 4 < 2, **boastful),
        write_member(tmp_path / "tm", lambda n: n % 10 == 0, **modest),
    ]

    _, records = combine(tmp_path / "out", "confidence", *tests, calibrate_on=validation)

    assert {record["chosen"] for record in records} == {1}
    assert 0.7 < records[0]["confidence"] < 1.0
    with pytest.raises(BadUsage, match="looks better than it is"):
        combine(tmp_path / "self", "confidence", *tests, calibrate_on=tests)


def relabelled(path):
    """Give the samples of a run other names, as those of a validation set have."""
    run = RunDirectory(path)
    records = [{**record, "sample_id": f"val-{record['sample_id']}"} for record in RecordLog(run.predictions).read()]
    run.predictions.unlink()
    write_run(path, records)
    return path


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"rule": "votes"}, "no rule"),
        ({"rule": "vote", "utility": "rouge_l"}, "no effect"),
        ({"rule": "minimum_risk", "utility": "rouge"}, "no metric"),
    ],
)
def test_a_recipe_that_says_nothing_is_refused(tmp_path, settings, problem):
    with pytest.raises(ConfigInvalid, match=problem):
        build_config(EnsembleConfig, {"members": [tmp_path], **settings}, source="test")


def test_the_same_again_gives_the_same_bytes(tmp_path, members):
    combine(tmp_path / "out", "minimum_risk", *members, utility="token_f1")
    before = (tmp_path / "out" / "predictions.jsonl").read_bytes()

    combine(tmp_path / "out", "minimum_risk", *members, utility="token_f1")

    assert (tmp_path / "out" / "predictions.jsonl").read_bytes() == before
