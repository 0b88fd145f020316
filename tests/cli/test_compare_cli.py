import json
import shutil

import pytest
from click.testing import CliRunner
from tests.reports.sample import write_run

from vidtune.cli import cli
from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage
from vidtune.evaluation import compare_runs


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


def test_a_run_is_not_compared_with_itself_and_stays_as_it_was(runs):
    base, tuned, _ = runs
    run_cli("compare", base.path, tuned.path)
    before = tuned.comparison.read_bytes()

    with pytest.raises(BadUsage, match="two runs have the same name: tuned, tuned"):
        run_cli("compare", tuned.path, tuned.path)
    with pytest.raises(BadUsage, match="compared with itself"):
        compare_runs(tuned, tuned)

    assert tuned.comparison.read_bytes() == before


def test_reports_are_made_again_at_any_time_with_the_same_bytes(runs):
    base, tuned, _ = runs
    run_cli("compare", base.path, tuned.path)
    first = files_of(tuned.path)
    for name in ("report.html", "report.md", "report.xlsx", "test_evaluation_report.xlsx"):
        (tuned.path / name).unlink()
    (tuned.path / "tables" / "scores.tex").write_text("changed by hand")

    result = run_cli("report", tuned.path, "--json")

    assert json.loads(result.stdout)[str(tuned.path)][0] == str(tuned.report_xlsx)
    assert files_of(tuned.path) == first


def test_reports_of_several_runs_are_made_at_once_and_a_file_stands_for_its_run(runs):
    base, tuned, _ = runs

    result = run_cli("report", base.path, tuned.predictions)

    assert result.exit_code == 0
    for run in (base, tuned):
        for path in (run.report_xlsx, run.report_html, run.path / "report.md", run.path / "tables"):
            assert str(path) in result.stdout.splitlines()


@pytest.mark.parametrize("num_runs", [2, 3])
def test_a_comparison_is_reported_again_from_the_runs_beside_it(runs, num_runs):
    compared = [run.path for run in runs[:num_runs]]
    run_cli("compare", *compared)
    folder = compared[0].parent / f"compare-{'-'.join(path.name for path in compared)}"
    first = files_of(folder)
    (folder / "report.html").unlink()

    result = run_cli("report", folder)

    assert str(folder / "report.html") in result.stdout.splitlines()
    assert files_of(folder) == first
    shutil.rmtree(compared[0])
    with pytest.raises(BadUsage, match="of these, base does not lie beside it"):
        run_cli("report", folder)


def test_a_run_that_is_not_there_is_bad_usage(tmp_path):
    assert run_cli("report", tmp_path / "none").exit_code == 2
    assert run_cli("report").exit_code == 2


def test_a_folder_that_is_no_run_is_told_to_be_scored_first(tmp_path):
    from vidtune.reports import NotScored

    with pytest.raises(NotScored, match="Run `vidtune evaluate"):
        run_cli("report", tmp_path)
