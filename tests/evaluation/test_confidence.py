"""Confidence learnt on a validation run, applied to another."""

import math
import random

import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage
from vidtune.evaluation import EvaluateConfig, NotCalibrated, calibrate_confidence

FAST = EvaluateConfig(with_bert=False, num_resamples=200)
WRONG = "heel lift - nothing of the sort"


def write_sure(folder, *, count=120, seed=0, prefix="t", signals=True):
    """Write a run whose model says twice the confidence it should: margin tells right from wrong, the rest is noise."""
    rng = random.Random(seed)
    records = []
    for number in range(count):
        right = rng.random()
        text = None if rng.random() < right else WRONG
        told = {
            "mean_logprob": math.log(0.5 + rng.random() / 2),
            "mean_entropy": rng.random(),
            "mean_margin": right**0.3,
        }
        name = f"{prefix}{number}"
        records.append(make_record(number, prediction=text, **(told if signals else {})) | {"sample_id": name})
    records[0] = fail(records[0], "video_missing")
    return write_run(folder, records)


def test_the_signal_that_tells_right_from_wrong_is_found_and_made_to_mean_it(tmp_path):
    validation, run = write_sure(tmp_path / "val", seed=1, prefix="v"), write_sure(tmp_path / "run")

    found = calibrate_confidence(run.path, validation.path, FAST, max_risk=0.2)

    assert found["signal"] == "margin"
    assert found["calibrator"]["method"] == "platt"
    assert found["here"]["after"]["expected_error"] < 0.6 * found["here"]["before"]["expected_error"]
    assert found["here"]["after"]["brier"] < found["here"]["before"]["brier"]
    assert 0 < found["here"]["selective"]["coverage"] < 1
    assert found["here"]["selective"]["risk"] < 0.35
    assert found == read_json(run.path / "confidence.json")
    rows = RecordLog(run.path / "confidence.jsonl").read()
    assert len(rows) == 120
    assert rows[0]["confidence"] is None
    answered = [row for row in rows if row["is_answered"]]
    assert len(answered) == pytest.approx(found["here"]["selective"]["coverage"] * 119)
    assert min(row["confidence"] for row in answered) >= found["selective"]["threshold"]


def test_many_samples_get_the_isotonic_fit(tmp_path):
    validation, run = write_sure(tmp_path / "val", seed=1, prefix="v", count=260), write_sure(tmp_path / "run")

    assert calibrate_confidence(run.path, validation.path, FAST)["calibrator"]["method"] == "isotonic"


def test_a_run_is_not_calibrated_on_itself_nor_on_shared_samples(tmp_path):
    run, same = write_sure(tmp_path / "run"), write_sure(tmp_path / "same", seed=4)

    for validation in (run, same):
        with pytest.raises(BadUsage, match="looks better than it is"):
            calibrate_confidence(run.path, validation.path, FAST)


def test_runs_that_say_nothing_are_refused_by_name(tmp_path):
    silent = write_sure(tmp_path / "silent", signals=False, prefix="v")
    run = write_sure(tmp_path / "run")
    few = write_sure(tmp_path / "few", count=8, prefix="f")

    with pytest.raises(NotCalibrated, match="how sure the model was"):
        calibrate_confidence(run.path, silent.path, FAST)
    with pytest.raises(NotCalibrated, match="10 are needed"):
        calibrate_confidence(run.path, few.path, FAST)
