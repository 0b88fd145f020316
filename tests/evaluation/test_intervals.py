"""Every figure of an evaluation has an interval, or says why not."""

import numpy as np
import pytest
from tests.evaluation.writing import make_record, write_run

from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, compare_runs, score_predictions
from vidtune.evaluation._classes import classification_block

FAST = EvaluateConfig(with_bert=False, num_resamples=300)


def score(folder, num_subjects=12, num_samples=72):
    """Score a run that is right in two of three answers and slower on some people than on others."""
    records = []
    for n in range(num_samples):
        record = make_record(
            n, num_subjects=num_subjects, prediction=None if n * 37 % 23 % 3 else "pushups - slow down"
        )
        record["timings_s"] = {"generate": 0.1 + 0.01 * (n * 37 % 23)}
        record["meta"] = record["meta"] | {"question_type": "even" if n % 2 else "odd"}
        records.append(record)
    return score_predictions(write_run(folder, records).path, FAST)


def figures(metrics):
    """Each figure of ``metrics.json`` as (name, value, low, high, why there is no interval)."""
    for name, row in metrics["metrics"].items():
        yield name, row["mean"], row["ci_low"], row["ci_high"], row["interval_method"]
        for baseline, one in row["baselines"].items():
            yield (
                f"{name} {baseline}",
                one["mean"],
                one["mean_ci_low"],
                one["mean_ci_high"],
                one["mean_interval_method"],
            )
    for name, row in metrics["corpus"].items():
        yield name, row["value"], row["ci_low"], row["ci_high"], row["interval_method"]
    for row in metrics["groups"]:
        yield row["group"], row["mean"], row["ci_low"], row["ci_high"], row["interval_method"]
    for kind, block in metrics["classification"].items():
        for name, one in block["intervals"].items():
            yield f"{kind} {name}", block[name], one["ci_low"], one["ci_high"], one["interval_method"]
        for row in block["per_class"]:
            yield row["label"], row["accuracy"], row["ci_low"], row["ci_high"], row["interval_method"]
            yield f"F1 {row['label']}", row["f1"], row["f1_ci_low"], row["f1_ci_high"], row["f1_interval_method"]
    for name, row in metrics["timing"].items():
        if row is not None:
            yield name, row["mean"], row["ci_low"], row["ci_high"], row["interval_method"]


def test_every_mean_of_an_evaluation_has_an_interval_around_it_or_a_reason(tmp_path):
    found = list(figures(score(tmp_path).metrics))

    assert len(found) > 30
    for name, value, low, high, reason in found:
        if low is None:
            assert reason.startswith("none: "), name
        else:
            assert low - 1e-9 <= value <= high + 1e-9, name
    assert sum(low is not None for _, _, low, _, _ in found) > 0.5 * len(found)


def test_from_four_people_nothing_gets_an_interval_and_the_terminal_says_why(tmp_path):
    result = score(tmp_path, num_subjects=4)

    assert all(low is None for _, _, low, _, _ in figures(result.metrics))
    assert "No interval: 4 groups are too few; a 95 % interval takes 6" in result.to_text()


def test_classes_get_their_intervals_from_the_people_who_show_them():
    rng = np.random.default_rng(0)
    clusters = [f"s{n % 20}" for n in range(400)]
    truths = ["squat" if n % 5 else "plank" for n in range(400)]
    named = [truth if rng.random() < 0.8 else "plank" for truth in truths]

    block = classification_block(truths, named, clusters, FAST)

    squat = next(row for row in block["per_class"] if row["label"] == "squat")
    plank = next(row for row in block["per_class"] if row["label"] == "plank")
    assert squat["precision_ci_low"] is None
    assert squat["f1_ci_low"] < squat["f1"] < squat["f1_ci_high"]
    assert "4 groups are too few" in plank["interval_method"]
    assert plank["precision_ci_low"] < plank["precision"] < plank["precision_ci_high"]


@pytest.mark.parametrize("num_subjects", [12, 72])
def test_a_comparison_says_which_premises_were_checked_and_what_came_out(tmp_path, num_subjects):
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    for folder, every in ((base, 2), (tuned, 5)):
        records = [
            make_record(n, subject=f"s{n % num_subjects}", prediction=None if n % every else "no idea")
            for n in range(72)
        ]
        score_predictions(write_run(folder, records).path, FAST)
    record = compare_runs(RunDirectory(base), RunDirectory(tuned), FAST).record

    row = record["metrics"]["exercise_identification"]
    names = {premise["name"]: premise["holds"] for premise in row["premises"]}
    mcnemar = next(test for test in row["other_tests"] if test["name"] == "exact McNemar")
    assert names["independent samples"] is (num_subjects == 72)
    assert (mcnemar["p_value"] is None) is (num_subjects == 12)
    assert row["mcnemar_p"] == mcnemar["p_value"]
    assert row["p_value"] <= row["p_value_bh"] <= row["p_value_holm"]
    told = next(one for one in record["verdict"]["sentences"] if one.startswith("What tests take for granted"))
    assert ("independent samples: holds" in told) is (num_subjects == 72)
    assert any("is found in 80% of cases with as many" in one for one in record["verdict"]["sentences"])


def test_a_figure_of_some_answers_says_of_how_many_and_of_whom(tmp_path):
    kinds = [make_record(number) for number in range(6)]
    harm, fine = (next(one for one in kinds if one["meta"]["errors"] == errors) for errors in (["knee_valgus"], []))
    records = [
        (harm if number % 12 < 2 else fine)
        | {"sample_id": f"clip{number}", "subject": f"s{number % 12}"}
        | ({"prediction": "squats - fine"} if number % 3 == 0 else {})
        for number in range(48)
    ]

    corpus = score_predictions(write_run(tmp_path, records).path, FAST).metrics["corpus"]

    of_all, of_some = corpus["slot_exercise"], corpus["unsafe_miss_share"]
    assert (of_all["num_scored"], of_all["num_clusters"]) == (48, 12)
    assert (of_some["num_scored"], of_some["num_clusters"]) == (8, 2)
    assert 0 < of_some["value"] < 1
    assert of_some["interval_method"].startswith("none: 2 groups are too few")
