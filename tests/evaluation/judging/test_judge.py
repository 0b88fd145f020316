"""A judging as a whole: what is kept, what is asked again, pairs, experts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.evaluation.judging.judge_server import fair, judge_server
from tests.evaluation.writing import fail, make_record, write_run

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage, DataInvalid, RunCorrupt
from vidtune.evaluation.judging import JudgeConfig, JudgeUnavailable, judge_predictions, read_experts

NUM = 12


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", [make_record(number) for number in range(NUM)])


def endpoint(server, **settings):
    return JudgeConfig(backend="endpoint", target=server.address, model="m", num_control_items=5, **settings)


def test_nothing_is_asked_twice(run):
    with judge_server(fair) as server:
        first = judge_predictions(run.path, endpoint(server))[0]
        num_asked = len(server.requests)
        log = first.log_path.read_bytes()

        second = judge_predictions(run.path, endpoint(server))[0]

        assert len(server.requests) == num_asked
        assert second.summary == first.summary
        assert second.log_path.read_bytes() == log
    # Equal questions are put once: the wordings repeat, the rows do not.
    bodies = [json.dumps(body) for body in server.requests]
    assert len(bodies) == len(set(bodies)) < len(RecordLog(first.log_path).read())


def test_a_changed_answer_is_asked_and_its_old_reply_goes(run):
    with judge_server(fair) as server:
        before = judge_predictions(run.path, endpoint(server))[0]
        num_asked, num_rows = len(server.requests), len(RecordLog(before.log_path).read())
        records = RecordLog(run.predictions).read()
        run.predictions.unlink()
        write_run(run.path, [{**records[0], "prediction": "I do not know."}, *records[1:]])

        after = judge_predictions(run.path, endpoint(server))[0]

    assert len(server.requests) == num_asked + 1
    rows = RecordLog(after.log_path).read()
    assert len(rows) == num_rows
    assert [row["scores"]["overall"] for row in rows if row["role"] == "sample"].count(1.0) == 1


def test_a_killed_judging_goes_on_where_it_was(run):
    child = Path(__file__).with_name("judge_child.py")
    with judge_server(fair) as server:
        killed = subprocess.run(
            [sys.executable, str(child), str(run.path), server.address, "4"], timeout=120, capture_output=True
        )
        assert killed.returncode == -9, killed.stderr.decode()
        num_before = len(server.requests)
        assert 0 < num_before

        found = judge_predictions(run.path, endpoint(server, num_parallel=2))[0]

        bodies = [json.dumps(body) for body in server.requests]
        # Replies that were on disk are not asked again: at most the two in work are.
        assert len(bodies) <= len(set(bodies)) + 2
    assert found.summary["scores"]["overall"]["num_scored"] == NUM


def test_a_server_that_goes_away_costs_no_reply(run, monkeypatch):
    monkeypatch.setattr("vidtune.evaluation.judging.backends.endpoint._PAUSE_S", 0.001)
    told = []

    def gives_up(body):
        if len(told) == 7:
            return 503, "closed"
        told.append(json.dumps(body))
        return fair(body)

    with judge_server(gives_up) as server:
        with pytest.raises(JudgeUnavailable):
            judge_predictions(run.path, endpoint(server, num_parallel=3))
        num_kept = len({row["key"] for path in (run.path / "judge").glob("*.jsonl") for row in RecordLog(path).read()})
        assert num_kept == 7


def test_a_damaged_reply_is_not_passed_over(run):
    found = judge_predictions(run.path, JudgeConfig())[0]
    text = found.log_path.read_text()
    found.log_path.write_text(text.replace("5.0", "4.0", 1))

    with pytest.raises(RunCorrupt, match="checksum"):
        judge_predictions(run.path, JudgeConfig())


def test_failed_predictions_and_missing_truths_are_counted_and_not_scored(tmp_path):
    records = [make_record(number) for number in range(NUM)]
    records[1], records[2] = fail(records[1], "video_missing"), make_record(2, answer=None, prediction="squats - fine")
    run = write_run(tmp_path / "run", records)

    found = judge_predictions(run.path, JudgeConfig())[0]

    assert found.summary["missing"] == {"prediction failed": 1, "no ground truth": 1}
    assert found.summary["scores"]["overall"]["num_scored"] == NUM - 2


def test_the_rules_know_that_inwards_is_not_outwards(tmp_path):
    truth = "squats - your knees are caving inwards, push them out"
    said = {
        "same": truth,
        "opposite": "squats - your knees are bowing outwards, bring them in",
        "praise": "squats - good depth and an upright chest",
        "other": "pushups - your hips are sagging, lift them",
        "part": "squats - your knees are caving inwards",
    }
    records = [make_record(0, answer=truth, prediction=text, sample_id=name) for name, text in said.items()]
    run = write_run(tmp_path / "run", [*records, *(make_record(number) for number in range(10, 20))])

    found = judge_predictions(run.path, JudgeConfig())[0]

    rows = {row["sample_id"]: row["scores"] for row in RecordLog(found.log_path).read() if row["role"] == "sample"}
    assert rows["same"]["overall"] == 5
    assert rows["opposite"]["overall"] == rows["other"]["overall"] == 1
    assert 1 < rows["part"]["overall"] < 5
    assert rows["praise"]["overall"] < rows["part"]["overall"]


def test_pairs_are_asked_in_both_orders_and_only_wins_in_both_count(tmp_path, run):
    other = write_run(
        tmp_path / "other", [make_record(n, prediction="cat-cow pose - no idea" if n < 4 else None) for n in range(NUM)]
    )
    with judge_server(fair) as server:
        found = judge_predictions(run.path, endpoint(server, rubrics=("pairwise",)), against=other.path)[0]

    assert found.summary["preference"] == {"num_wins": 4, "num_ties": 8, "num_losses": 0, "num_by_position": 0}
    assert found.summary["verdict"]["status"] == "passed"
    orders = [row["order"] for row in RecordLog(found.log_path).read() if row["role"] == "sample"]
    assert orders.count("as is") == orders.count("swapped") == NUM


def test_a_judge_that_always_prefers_the_first_ties_everything(tmp_path, run):
    other = write_run(tmp_path / "other", [make_record(n, prediction="squats - no idea") for n in range(NUM)])
    with judge_server(lambda body: '{"winner": "A"}') as server:
        found = judge_predictions(run.path, endpoint(server, rubrics=("pairwise",)), against=other.path)[0]

    assert found.summary["preference"] == {"num_wins": 0, "num_ties": 12, "num_losses": 0, "num_by_position": 12}
    assert {"position", "shuffled", "empty"} <= set(found.summary["verdict"]["failed"])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"rubrics": ("pairwise",)}, "compares two runs"),
        ({"rubrics": ("holistik",)}, "holistic"),
        ({"backend": "gpt"}, "Unknown judge_backend"),
        ({"backend": "endpoint"}, "told which"),
        ({"backend": "local"}, "told which"),
    ],
)
def test_what_cannot_be_judged_is_told_before_anything_is_asked(run, settings, problem):
    with pytest.raises(BadUsage, match=problem):
        judge_predictions(run.path, JudgeConfig(**settings))


def write_ratings(path, rate):
    lines = ["sample_id,rater,overall,clinical_accuracy,comment"]
    lines += [
        f"clip{number:03},{rater},{rate(number, rater)},," for number in range(NUM) for rater in ("ann", "bob", "eva")
    ]
    path.write_text("\n".join(lines))
    return read_experts(path)


def test_agreement_with_experts_stands_in_the_summary(tmp_path):
    wrong = {0, 3, 5, 8}
    run = write_run(
        tmp_path / "run",
        [make_record(n, prediction="heel lift - no idea" if n in wrong else None) for n in range(NUM)],
    )
    experts = write_ratings(
        tmp_path / "ratings.csv", lambda n, rater: (1 if n in wrong else 5) - (rater == "bob" and n == 1)
    )

    found = judge_predictions(run.path, JudgeConfig(), experts=experts)[0]

    block = found.summary["agreement"]["fields"]["overall"]
    assert block["num_items"] == NUM
    assert block["judge"]["weighted_kappa"]["value"] == pytest.approx(1.0)
    assert block["judge"]["krippendorff_alpha"]["value"] > 0.9
    assert block["judge"]["icc_2_1"]["value"] > 0.95
    assert block["judge"]["spearman"]["ci_low"] is not None
    assert block["experts"]["num_rated_by_all"] == NUM
    assert block["experts"]["krippendorff_alpha"]["value"] > 0.9
    assert found.summary["agreement"]["raters"] == ["ann", "bob", "eva"]
    assert "agreement on overall" in found.to_text()


def test_a_judge_of_chance_agrees_with_nobody(tmp_path, run):
    experts = write_ratings(tmp_path / "ratings.csv", lambda n, rater: 1 + n % 5)

    found = judge_predictions(run.path, JudgeConfig(), experts=experts)[0]

    block = found.summary["agreement"]["fields"]["overall"]["judge"]
    assert block["weighted_kappa"]["value"] <= 0.05
    # The judge says 5 of all: there is no order to compare.
    assert block["spearman"]["value"] is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sample_id,rater,overall\na,x,9\n", "expected a number from 1 to 5"),
        ("sample_id,rater,overall\na,x,good\n", "expected a number from 1 to 5"),
        ("sample_id,rater,overall\na,x,3\na,x,4\n", "has rated a before"),
        ("id,overall\na,3\n", "no column sample_id; the columns are id, overall"),
        ("sample_id,overall\na,4,5\n", "row 1: more cells than the header has columns: 5"),
        ("sample_id,rater,overall\n", "holds no ratings"),
    ],
)
def test_ratings_that_cannot_be_understood_are_named(tmp_path, text, problem):
    path = tmp_path / "ratings.csv"
    path.write_text(text)

    with pytest.raises(DataInvalid, match=problem):
        read_experts(path)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_ratings_are_read_as_spreadsheets_of_many_countries_write_them(tmp_path, delimiter):
    path = tmp_path / "ratings.csv"
    path.write_text(
        delimiter.join(("sample_id", "rater", "overall")) + "\n" + delimiter.join(("a", "ann", "4,5")) + "\n"
    )

    assert read_experts(path).ratings == {"overall": {"ann": {"a": 4.5}}}


def test_ratings_of_another_run_are_refused_and_of_some_other_samples_are_told(tmp_path, run):
    path = tmp_path / "ratings.csv"
    path.write_text("sample_id,overall\nelsewhere,3\n")
    with pytest.raises(DataInvalid, match=r"rates 1 sample such as 'elsewhere', and the run has none of them"):
        judge_predictions(run.path, JudgeConfig(), experts=read_experts(path))
    assert not list(run.judge.glob("*.jsonl"))

    path.write_text("sample_id,overall,beauty\nelsewhere,3,2\nclip000,5,4\n")
    text = judge_predictions(run.path, JudgeConfig(), experts=read_experts(path))[0].to_text()

    assert "agreement on overall: 1 sample rated by both: too few" in text
    assert "rated by people and by no judge: beauty" in text
    assert "left out: ratings of 1 sample that the run does not have" in text


def test_the_summary_is_that_of_the_file(run):
    found = judge_predictions(run.path, JudgeConfig(rubrics=("holistic", "prometheus")))

    assert [one.summary_path.name for one in found] == ["holistic.rules.json", "prometheus.rules.json"]
    for one in found:
        assert read_json(one.summary_path) == one.summary
