"""Three or more runs on the same samples."""

import json

import pytest
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, compare_many_runs, compare_runs, score_predictions

FAST = EvaluateConfig(with_bert=False, num_resamples=300)


def scored(folder, is_right, num_subjects=12, **changes):
    """Write and score a run whose answer to sample ``n`` is right where ``is_right(n)``."""
    records = [
        make_record(n, num_subjects=num_subjects, prediction=None if is_right(n) else "no idea", **changes)
        for n in range(72)
    ]
    run = write_run(folder, records)
    score_predictions(run.path, FAST)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [
        scored(folder / "base", lambda n: n % 4 == 0),
        scored(folder / "again", lambda n: (n + 1) % 4 == 0),
        scored(folder / "tuned", lambda n: n % 8 != 0),
    ]


def test_who_is_better_is_said_and_who_is_not_told_apart(runs):
    found = compare_many_runs(runs, FAST)

    row = found.record["metrics"]["rouge_l"]
    assert [system["name"] for system in row["systems"]] == ["base", "again", "tuned"]
    by_names = {(pair["first"], pair["second"]): pair for pair in row["pairs"]}
    assert by_names["base", "tuned"]["p_value_holm"] < 0.05 < by_names["base", "again"]["p_value_holm"]
    assert 0 < by_names["base", "tuned"]["interval"]["low"] < by_names["base", "tuned"]["difference"]
    assert row["systems"][2]["average_rank"] == 1.0
    assert row["ranking"]["cliques"] in ([[0, 1]], [[1, 0]])
    headline = found.record["verdict"]["headline"]
    assert "tuned than base" in headline
    assert "base than again" not in headline


def test_the_record_is_json_and_the_text_shows_means_pairs_and_ranks(runs):
    found = compare_many_runs(runs, FAST)

    assert json.loads(json.dumps(found.to_record(), allow_nan=False))["num_paired"] == 72
    text = found.to_text()
    assert "tuned - base" in text
    assert "critical difference of ranks" in text
    assert "What tests take for granted" in text
    assert "72 samples were answered by all 3 runs, from 12 people." in text


def test_a_pair_is_what_the_comparison_of_two_runs_says(runs):
    many = compare_many_runs(runs, FAST).record["metrics"]["rouge_l"]["pairs"][1]
    two = compare_runs(runs[0], runs[2], FAST).record["metrics"]["rouge_l"]

    assert (many["first"], many["second"]) == ("base", "tuned")
    assert (many["difference"], many["p_value"]) == (two["difference"], two["p_value"])
    assert (many["interval"]["low"], many["interval"]["high"]) == (two["ci_low"], two["ci_high"])


def test_only_samples_that_all_answered_count(tmp_path, runs):
    records = [fail(make_record(0), "video_missing"), *[make_record(n) for n in range(1, 80)]]
    partial = write_run(tmp_path / "partial", records)
    score_predictions(partial.path, FAST)

    record = compare_many_runs([*runs, partial], FAST).record

    assert (record["num_shared"], record["num_paired"]) == (72, 71)
    assert record["runs"][3]["num_errors"] == 1
    assert record["runs"][3]["num_not_shared"] == 8


def test_few_people_get_no_ranking_and_no_interval_and_the_reason(tmp_path):
    few = [
        scored(tmp_path / name, lambda n, m=m: n % m == 0, num_subjects=4) for m, name in ((2, "a"), (3, "b"), (5, "c"))
    ]

    found = compare_many_runs(few, FAST)

    row = found.record["metrics"]["rouge_l"]
    assert row["ranking"] is None
    assert all(pair["interval"]["low"] is None for pair in row["pairs"])
    assert "With 4 people no interval is given and no test can go below p = 0.125" in found.to_text()
    assert "Ranking refused, no enough clusters: 4 independent units" in found.to_text()


def test_runs_of_one_name_are_told_apart_by_their_paths_and_none_counts_twice(tmp_path, runs):
    other = scored(tmp_path / "base", lambda n: n % 2 == 0)

    named = compare_many_runs([*runs, other], FAST).record["runs"]

    assert [run["name"] for run in named] == [str(runs[0].path), "again", "tuned", str(other.path)]
    with pytest.raises(BadUsage, match="given twice"):
        compare_many_runs([*runs, RunDirectory(runs[0].path)], FAST)


def test_two_runs_and_runs_over_other_data_are_refused(tmp_path, runs):
    other = write_run(tmp_path / "other", [make_record(900)])
    score_predictions(other.path, FAST)

    with pytest.raises(BadUsage, match="2 runs were given"):
        compare_many_runs(runs[:2], FAST)
    with pytest.raises(DataInvalid, match="no sample that all answered"):
        compare_many_runs([*runs, other], FAST)
