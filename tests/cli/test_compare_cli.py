import json

import pytest
from click.testing import CliRunner
from tests.reports.sample import write_run

from vidtune.cli import cli
from vidtune.core.durable import RecordLog, read_json


def run_cli(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def runs(tmp_path):
    return [write_run(tmp_path / name) for name in ("base", "tuned", "longer")]


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_runs_are_compared_and_reported_in_the_second_and_side_by_side(runs):
    base, tuned, _ = runs

    result = run_cli("compare", base.path, tuned.path, "--json")

    assert result.exit_code == 0
    record = json.loads(result.stdout)
    assert (record["a"], record["b"]) == ("base", "tuned")
    assert "Before and after" in tuned.report_html.read_text()
    folder = base.path.parent / "compare-base-tuned"
    assert (folder / "report.html").exists()
    assert read_json(folder / "comparison.json") == record


def test_three_runs_are_compared_in_every_pair(runs, tmp_path):
    result = run_cli("compare", *(run.path for run in runs), "--out", tmp_path / "out", "--json")

    record = json.loads(result.stdout)
    assert [run["name"] for run in record["runs"]] == ["base", "tuned", "longer"]
    pairs = record["metrics"]["bert_similarity"]["pairs"]
    assert [(pair["first"], pair["second"]) for pair in pairs] == [
        ("base", "tuned"),
        ("base", "longer"),
        ("tuned", "longer"),
    ]
    assert read_json(tmp_path / "out" / "comparison.json") == record
    assert (tmp_path / "out" / "report.xlsx").exists()


def test_the_report_says_what_the_text_says(runs, tmp_path):
    for at, run in enumerate(runs):
        rows = RecordLog(run.scores).read()
        run.scores.unlink()
        with RecordLog(run.scores) as log:
            log.append_many(
                [row if row["status"] == "error" else {**row, "bert_similarity": 0.2 + at / 5} for row in rows]
            )

    text = run_cli("compare", *(run.path for run in runs), "--out", tmp_path / "out").stdout

    assert "longer - base" in text
    assert "+0.400" in text
    assert "+0.400" in (tmp_path / "out" / "report.md").read_text()


def test_one_run_cannot_be_compared(runs):
    assert run_cli("compare", runs[0].path).exit_code == 2


def test_reports_are_made_again_at_any_time_with_the_same_bytes(runs):
    base, tuned, _ = runs
    run_cli("compare", base.path, tuned.path)
    first = files_of(tuned.path)
    for name in ("report.html", "report.md", "test_evaluation_report.xlsx"):
        (tuned.path / name).unlink()
    (tuned.path / "tables" / "scores.tex").write_text("changed by hand")

    result = run_cli("evaluate", tuned.path, "--report-only", "--json")

    assert json.loads(result.stdout)[str(tuned.path)][0].endswith("test_evaluation_report.xlsx")
    assert files_of(tuned.path) == first


def test_a_run_without_scores_is_told_to_be_scored_first(tmp_path):
    run = write_run(tmp_path / "run")
    run.metrics.unlink()
    run.scores.unlink()

    from vidtune.reports import NotScored

    with pytest.raises(NotScored, match="Run `vidtune evaluate"):
        run_cli("evaluate", run.path, "--report-only")
