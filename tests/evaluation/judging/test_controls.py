"""Planted judges behind a real server: a good one passes, and each bad one is caught for what is wrong with it."""

import pytest
from tests.evaluation.judging import judge_server as planted
from tests.evaluation.judging.judge_server import judge_server
from tests.evaluation.writing import make_record, write_run

from vidtune.core.durable import RecordLog
from vidtune.evaluation.judging import JudgeConfig, judge_controls, judge_predictions


def judged(tmp_path, answer, **settings):
    records = [make_record(number) for number in range(12)]
    records[0] = make_record(0, prediction=records[3]["answer"])
    run = write_run(tmp_path / "run", records)
    with judge_server(answer) as server:
        config = JudgeConfig(
            backend="endpoint",
            target=server.address,
            model="planted",
            **({"num_control_items": 6, "max_attempts": 1} | settings),
        )
        return judge_predictions(run.path, config)[0]


def test_a_fair_judge_passes_every_control(tmp_path):
    found = judged(tmp_path, planted.fair)

    assert found.summary["verdict"]["status"] == "passed"
    assert {one["status"] for one in found.summary["controls"]} == {"passed"}
    assert {one["name"] for one in found.summary["controls"]} == set(judge_controls.names())
    assert found.summary["scores"]["overall"]["mean"] == pytest.approx((11 * 5 + 1) / 12)
    assert not any(row.get("judge_failed") for row in RecordLog(found.log_path).read())


@pytest.mark.parametrize(
    ("answer", "caught"),
    [
        (planted.constant, {"constant", "empty", "gold", "shuffled"}),
        (planted.fond_of_length, {"length"}),
        (planted.fond_of_the_first, {"position"}),
        (planted.fond_of_nothing, {"empty"}),
        (planted.obedient, {"orders"}),
        (planted.generous, {"shuffled"}),
        (planted.severe, {"gold"}),
        (planted.rambling, {"readable"}),
    ],
)
def test_a_bad_judge_is_caught_by_name_and_its_scores_are_marked(tmp_path, answer, caught):
    found = judged(tmp_path, answer)

    verdict = found.summary["verdict"]
    assert verdict["status"] == "failed"
    assert set(verdict["failed"]) == caught
    assert all(row["judge_failed"] for row in RecordLog(found.log_path).read() if row["role"] == "sample")
    assert "FAILED" in found.to_text()
    assert found.summary["scores"] == {} or "NOT TO BE TRUSTED" in found.to_text()


def test_a_reply_without_a_score_is_missing_and_never_a_number(tmp_path):
    found = judged(tmp_path, planted.rambling)

    assert found.summary["scores"] == {}
    assert found.summary["missing"] == {"unparsed": 12}
    rows = RecordLog(found.log_path).read()
    assert {row["status"] for row in rows} == {"unparsed"}
    assert {row["scores"] for row in rows} == {None}


def test_too_few_samples_leave_a_judge_unproven(tmp_path):
    run = write_run(tmp_path / "run", [make_record(number) for number in range(3)])

    found = judge_predictions(run.path, JudgeConfig())[0]

    assert found.summary["verdict"]["status"] == "unproven"
    assert "gold" in found.summary["verdict"]["not_run"]


def test_a_control_answer_is_of_another_class_where_there_is_one(tmp_path):
    found = judged(tmp_path, planted.fair)

    wrong = [row for row in RecordLog(found.log_path).read() if row["role"] == "wrong"]
    assert len(wrong) == 6
    assert {row["scores"]["overall"] for row in wrong} == {1.0}
