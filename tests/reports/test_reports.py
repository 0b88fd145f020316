import dataclasses
import re
import shutil
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import openpyxl
import pytest
from tests.reports.latex import read_row, read_table, read_text
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import EXERCISES, write_comparison, write_run

import vidtune.evaluation
from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import DataInvalid, RunCorrupt
from vidtune.core.hashing import sha256_file
from vidtune.reports import NotScored, write_reports
from vidtune.reports._markdown import render_latex, render_markdown, write_summaries
from vidtune.reports._page import render_page
from vidtune.reports._trust import _CHECK_NAMES
from vidtune.reports._view import read_run
from vidtune.reports._workbook import write_workbook


def test_every_report_is_written_and_named(reported):
    for name in (
        "report.xlsx",
        "report.html",
        "report.md",
        "tables/scores.tex",
        "tables/comparison.tex",
        "tables/exercises.tex",
        "figures/scores.png",
        "figures/exercises.pdf",
    ):
        assert (reported.path / name).stat().st_size > 0


def test_progress_is_told_after_each_report(tmp_path):
    heard = []
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)

    paths = write_reports(run, progress=lambda stage, done, total, note="": heard.append((stage, done, total)))

    assert heard == [("reports", done, 4) for done in (1, 2, 3, 4)]
    assert all(path.exists() for path in paths)


def test_the_same_run_gives_the_same_bytes(tmp_path):
    run = write_run(tmp_path / "run", num_samples=4)

    def written():
        write_reports(run)
        return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}

    first = written()
    assert written() == first


def test_page_workbook_markdown_and_latex_agree_to_the_last_digit_shown(reported):
    summaries = read_json(reported.metrics)["metrics"]
    mean, share = summaries["bert_similarity"]["mean"], summaries["exercise_identification"]["mean"]

    html = reported.report_html.read_text()
    markdown = (reported.path / "report.md").read_text()
    latex = (reported.path / "tables" / "scores.tex").read_text()
    assert f'<p class="value">{mean:.3f}</p>' in html
    assert f'<p class="value">{share * 100:.1f} %</p>' in html
    assert f"| BERT Similarity | {mean:.3f} |" in markdown
    assert f"| Exercise Identification | {share * 100:.1f} % |" in markdown
    assert f"BERT Similarity & {mean:.3f} &" in latex
    assert f"Exercise Identification & {share * 100:.1f} \\% &" in latex
    groups = (reported.path / "tables" / "groups.tex").read_text()
    assert "50.0 \\% & 25.0 \\% to 75.0 \\%" in groups  # of the leading score, which is a share


def test_all_reports_say_the_same_verdict(reported):
    headline = read_json(reported.metrics)["verdict"]["headline"]

    assert headline in reported.report_html.read_text()
    assert f"# {headline}" in (reported.path / "report.md").read_text()


def test_predictions_that_changed_after_scoring_are_said_on_the_first_screen(tmp_path):
    run = write_run(tmp_path / "run")
    with RecordLog(run.predictions) as log:
        log.append({**RecordLog(run.predictions).read()[-1], "sample_id": "new"})

    html = render_page(read_run(run))

    assert "The predictions changed after they were scored (12 then, 13 now)" in html
    assert "1 of 13 predictions have no scores yet." in html


def test_a_run_that_was_killed_while_predicting_says_that_it_is_a_part(tmp_path):
    run = write_run(tmp_path / "run")
    run.predictions_compat.unlink()

    view = read_run(run)

    assert "Prediction was stopped after 12 samples" in view.missing[0]
    assert "Prediction was stopped after 12 samples" in render_page(view)
    assert "Prediction was stopped after 12 samples" in render_markdown(view)


@pytest.fixture
def unfinished(tmp_path):
    """A run that was asked for 40 samples and has 12."""
    run = write_run(tmp_path / "run")
    write_json(run.environment, {**read_json(run.environment), "num_expected": 40})
    return run


def test_an_unfinished_run_says_so_in_every_report(unfinished):
    write_reports(unfinished)

    told = "12 of 40 samples predicted"
    html = unfinished.report_html.read_text()
    assert f"<b>Incomplete.</b> {told}: what is here is a part" in html
    assert "<b>12</b> of 40 predicted" in html
    assert f"**Incomplete.** {told}: " in (unfinished.path / "report.md").read_text()
    for name in ("scores", "exercises"):
        *_, note, end = (unfinished.path / "tables" / f"{name}.tex").read_text().splitlines()
        assert note == f"\\multicolumn{{{6 if name == 'scores' else 5}}}{{l}}{{{told}}} \\\\"
        assert end == "\\end{tabular}"
    book = openpyxl.load_workbook(unfinished.report_xlsx)
    cells = [str(cell.value) for sheet in ("Summary", "Trust") for row in book[sheet] for cell in row]
    assert sum(cell.startswith(told) for cell in cells) == 2


def test_a_finished_run_says_nothing_of_the_kind(tmp_path):
    run = write_run(tmp_path / "run")
    write_json(run.environment, {**read_json(run.environment), "num_expected": 12})
    run.predictions_compat.unlink()

    assert read_run(run).missing == ()


def test_of_several_tries_of_a_sample_the_last_is_shown_once(tmp_path):
    run = write_run(tmp_path / "run")
    records = RecordLog(run.predictions).read()
    with RecordLog(run.predictions) as log:
        log.append({**records[0], "status": "ok", "prediction": "squats - Second try.", "error": None})

    view = read_run(run)

    assert len(view.rows) == 12
    assert view.rows[0].record["prediction"] == "squats - Second try."
    assert len(view.failures[0].rows) == 1


def test_a_run_without_scores_and_predictions_is_told_what_to_do(tmp_path):
    run = write_run(tmp_path / "run")
    for path in (run.metrics, run.scores, run.predictions):
        path.unlink()

    with pytest.raises(NotScored, match=r"has no metrics.json. Run `vidtune evaluate"):
        write_reports(run)


def test_a_run_whose_scoring_was_stopped_gets_reports_that_say_so(tmp_path):
    run = write_run(tmp_path / "run")
    run.metrics.unlink()

    write_reports(run)

    told = "Scoring was stopped before its end: no mean, interval or trust check is known."
    html = run.report_html.read_text()
    assert "Not scored: scoring was stopped before its end." in html
    assert told in html
    assert "Not known: nothing was checked." in html
    assert told in (run.path / "report.md").read_text()
    assert "2 of 12 samples have no answer" in html
    assert openpyxl.load_workbook(run.report_xlsx)["Summary"]["B2"].value == 12


KILLED = """
import os, sys
from pathlib import Path
from vidtune.evaluation import EvaluateConfig, _score, score_predictions

def die(*_, **__):
    os.kill(os.getpid(), 9)

if sys.argv[2] == "before scores":
    score_predictions(Path(sys.argv[1]), EvaluateConfig(with_bert=False), progress=die)
_score.write_json = die
score_predictions(Path(sys.argv[1]), EvaluateConfig(with_bert=False))
"""


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("before scores", "Scoring never ended, or was never begun: no mean, interval or trust check is known."),
        ("before means", "Scoring was stopped before its end: no mean, interval or trust check is known."),
    ],
)
def test_a_killed_evaluation_leaves_a_run_whose_reports_say_what_is_missing(tmp_path, point, told):
    run = write_run(tmp_path / "run")
    run.metrics.unlink()
    run.scores.unlink()

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(run.path), point], capture_output=True, timeout=120, check=False
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert run.scores.exists() == (point == "before means")
    write_reports(run)
    html = run.report_html.read_text()
    assert told in html
    assert told in (run.path / "report.md").read_text()
    assert html.count('<tr class="head">') == 12, "every answer is shown"
    assert "2 of 12 samples have no answer" in html
    trust = [cell.value for row in openpyxl.load_workbook(run.report_xlsx)["Trust"] for cell in row]
    assert any(str(cell).startswith(told) for cell in trust)


def test_scores_that_are_newer_than_their_means_are_said(tmp_path):
    run = write_run(tmp_path / "run")
    rows = RecordLog(run.scores).read()
    run.scores.unlink()
    with RecordLog(run.scores) as log:
        log.append_many([{**row, "bert_similarity": None if row["bert_similarity"] is None else 0.9} for row in rows])

    assert "The scores of the samples are newer than their means" in read_run(run).missing[0]


def test_metrics_of_another_schema_are_refused(tmp_path):
    run = write_run(tmp_path / "run")
    write_json(run.metrics, {**read_json(run.metrics), "schema": 99})

    with pytest.raises(DataInvalid, match="has schema 99, expected 1"):
        write_reports(run)


def test_predictions_that_are_gone_are_named(tmp_path):
    run = write_run(tmp_path / "run")
    run.predictions.unlink()

    with pytest.raises(DataInvalid, match=r"is about predictions.jsonl, which is not beside it"):
        write_reports(run)


def test_a_damaged_record_is_named(tmp_path):
    run = write_run(tmp_path / "run")
    run.predictions.write_bytes(run.predictions.read_bytes().replace(b"Knees", b"Knaes", 1))

    with pytest.raises(RunCorrupt, match="line 1 of 12"):
        write_reports(run)


def test_a_run_in_which_everything_failed_still_gives_its_reports(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    error = {"code": "video_missing", "problem": "gone", "remedy": ""}
    with RecordLog(run.predictions) as log:
        log.append_many([{**record, "status": "error", "prediction": None, "error": error} for record in records])
    metrics = {**read_json(run.metrics), "metrics": {}, "per_class": [], "confusion": None, "classification": {}}
    metrics |= {"num_scored": 0, "num_errors": 3, "timing": {}, "predictions_sha256": sha256_file(run.predictions)}
    write_json(run.metrics, metrics)

    write_reports(run)

    html = run.report_html.read_text()
    assert "No answer could be scored." in html
    assert "3 of 3 samples have no answer" in html
    assert not (run.path / "figures").exists()


def test_a_comparison_made_from_other_scores_is_left_out_and_said(tmp_path):
    run, base = write_run(tmp_path / "tuned"), write_run(tmp_path / "base")
    write_comparison(run, base)
    record = read_json(run.comparison)
    record["metrics"]["bert_similarity"]["a_mean"] += 0.01
    write_json(run.comparison, record)

    view = read_run(run, base)

    assert view.comparison is None
    assert "was made from other scores and is left out" in view.missing[-1]


def test_a_comparison_in_the_run_is_shown_without_naming_the_baseline_again(tmp_path):
    run, base = write_run(tmp_path / "tuned"), write_run(tmp_path / "base")
    write_comparison(run, base)
    shutil.rmtree(base.path)

    html = render_page(read_run(run))

    assert "Before and after" in html
    assert "+50.0 points" in html


def test_a_baseline_that_is_not_a_run_is_named(tmp_path):
    run = write_run(tmp_path / "run")

    with pytest.raises(DataInvalid, match=r"the baseline .* has no predictions.jsonl"):
        write_reports(run, baseline=dataclasses.replace(run, path=tmp_path / "nowhere"))


def _as_qved(run, entries):
    """Turn a run into one about a predictions file of the QVED pipeline, scored by its ids."""
    run.predictions.unlink()
    path = run.predictions_compat
    write_json(path, entries)
    metrics = {**read_json(run.metrics), "predictions": path.name, "predictions_sha256": sha256_file(path)}
    write_json(run.metrics, metrics)
    return run


def test_predictions_in_the_qved_layout_find_their_scores(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)
    scores = RecordLog(run.scores).read()
    run.scores.unlink()
    # Scoring names a sample by its video, and numbers several questions about one video.
    names = ["squats.mp4", "pushups.mp4#1", "pushups.mp4#2"]
    with RecordLog(run.scores) as log:
        log.append_many([{**score, "sample_id": name} for score, name in zip(scores, names, strict=True)])
    videos = [name.partition("#")[0] for name in names]
    _as_qved(run, [{"video_path": video, "question": "q", "ground_truth": "g", "prediction": "p"} for video in videos])

    view = read_run(run)

    assert [row.scores["bert_similarity"] for row in view.rows] == [score["bert_similarity"] for score in scores]
    assert view.missing == ()


def test_a_failed_entry_in_the_qved_layout_keeps_its_error(tmp_path):
    entry = {"video_path": "a.mp4", "prompt": "q", "ground_truth": "g", "prediction": ""}
    run = write_run(tmp_path / "run", num_samples=2, num_errors=0)
    coded = {**entry, "status": "error", "error": "video_missing: a.mp4 is not there."}
    plain = {**entry, "video_path": "b.mp4", "status": "error", "error": "CUDA error"}
    _as_qved(run, [coded, plain])

    assert [row.error_text for row in read_run(run).rows] == [
        "video_missing: a.mp4 is not there.",
        "unknown: CUDA error",
    ]


def test_a_text_with_half_a_character_does_not_stop_the_reports(tmp_path):
    run = write_run(tmp_path / "run", num_samples=1, num_errors=0)
    path = run.predictions_compat
    _as_qved(run, [])
    path.write_text('[{"video_path": "a.mp4", "ground_truth": "\\ud83d", "prediction": "\\u0000x"}]')
    write_json(run.metrics, {**read_json(run.metrics), "predictions_sha256": sha256_file(path)})
    view = read_run(run)

    write_workbook(view)
    write_summaries(view)

    assert "\ufffdx" in render_page(view)


def as_printed(text):
    """Return a text as a table can show it: one line, composed, without what is invisible."""
    replaced = "".join("?" if character in "\x00\x07\x1b\ufffd\ufffe\uffff" else character for character in text)
    line = " ".join(unicodedata.normalize("NFC", replaced).split())
    return "".join(character for character in line if unicodedata.category(character)[0] != "C")


@pytest.mark.parametrize(
    "text",
    [
        "100 % & A_B #1 {x} ~y ^z \\input{a} $m$ <b>",
        "\\\\[2em]",
        "[3] begins a row",
        "* begins a row",
        "say \"a\" or `b` or ''c''",
        "a -- b --- c ,, d",
        "zażółć gęślą jaźń",
        "e\u0301 composed",
        "left\u202eright",
        "日本語 🤸",
    ],
)
def test_a_text_is_set_by_latex_as_it_is_written(text):
    latex = render_latex((("Name", "n"), [[text, "1"], ["next", "2"]]))

    assert read_table(latex) == [["Name", "n"], [as_printed(text), "1"], ["next", "2"]]


@pytest.mark.parametrize("text", PAYLOADS)
def test_no_hostile_name_escapes_its_cell_in_latex(text):
    [_, cells] = read_table(render_latex((("Name", "n"), [[text, "1"]])))

    assert cells == [as_printed(text), "1"]


def test_the_tables_of_a_run_with_hostile_names_can_be_read_back(tmp_path):
    name = "100 % & A_B #1 {x} ~y ^z \\input{a} $m$ <b> [i]"
    run, base = write_run(tmp_path / "tuned", texts=[name]), write_run(tmp_path / "base", texts=[name])
    write_comparison(run, base, name)

    write_summaries(read_run(run, base))

    for table in ("scores", "comparison", "exercises"):
        rows = read_table((run.path / "tables" / f"{table}.tex").read_text())
        assert {len(row) for row in rows} == {len(rows[0])}
    assert read_table((run.path / "tables" / "comparison.tex").read_text())[0][1] == as_printed(f"base{name}")


def test_the_reader_of_these_tests_finds_what_is_not_escaped():
    for raw in ("5 %", "a_b", "$x$", "\\input{a}", "a#", "{x}", "a~", "^", "<", "|", "[1]", "*", "--"):
        with pytest.raises(AssertionError):
            read_text(raw)
    assert read_row(r"a \& b & c \\") == ["a & b", "c"]


def test_a_table_says_what_it_needs_to_be_set():
    def first_line(text):
        return render_latex((("Name",), [[text]])).splitlines()[0]

    assert first_line("zażółć – „gęślą“").endswith(r"with pdfLaTeX also \usepackage[T1]{fontenc}.")
    for beyond in ("日本語", "ħ", "a − b"):
        assert "that pdfLaTeX does not know: use LuaLaTeX or XeLaTeX" in first_line(beyond)


def test_markdown_holds_hostile_text_as_text(tmp_path):
    run = write_run(tmp_path / "run", texts=["[a](http://evil.example) | <b> # `x`"], with_strips=False)

    markdown = render_markdown(read_run(run))

    assert "[a](" not in markdown
    assert "<b>" not in markdown
    for line in markdown.splitlines():
        if line.startswith("| BERT"):
            assert line.replace("\\|", "").count("|") == 7


def test_figures_are_written_for_print(reported):
    for name in ("scores", "exercises"):
        assert (reported.path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (reported.path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_ten_thousand_samples_make_all_reports(tmp_path):
    run = write_run(tmp_path / "run", num_samples=10_000, num_errors=300, with_strips=False)

    write_reports(run)

    html = run.report_html.read_text()
    assert html.count('<tr class="head">') + html.count('"number":') == 10_000


def test_classes_of_the_sample_are_those_of_the_metrics(reported):
    assert [row["label"] for row in read_json(reported.metrics)["per_class"]] == list(EXERCISES)


def test_every_trust_check_has_a_name_for_people():
    found = {
        name
        for path in Path(vidtune.evaluation.__file__).parent.glob("_trust*.py")
        for name in re.findall(r'Finding\(\s*"(\w+)"', path.read_text())
    }

    assert len(found) > 10
    assert found <= set(_CHECK_NAMES)


def test_intervals_are_called_by_the_confidence_that_they_have(tmp_path):
    run, base = write_run(tmp_path / "run"), write_run(tmp_path / "base")
    write_comparison(run, base)
    metrics = read_json(run.metrics)
    for row in metrics["metrics"].values():
        row["confidence"] = 0.99
    write_json(run.metrics, metrics)

    write_reports(run)

    told = [run.report_html.read_text(), (run.path / "report.md").read_text()]
    told += [(run.path / "tables" / f"{name}.tex").read_text() for name in ("scores", "corpus", "groups", "exercises")]
    book = openpyxl.load_workbook(run.report_xlsx)
    told += [" ".join(str(cell.value) for row in book[name] for cell in row) for name in ("Summary", "Trust")]
    assert all("99 % interval" in one.replace("\\", "") for one in told)
    of_scores = told[0][: told[0].index('id="quality"')].replace("\u00a0", " ")
    of_comparison = of_scores[of_scores.index('id="comparison"') : of_scores.index('id="scores"')]
    assert "95 % interval" in of_comparison
    assert "95 % interval" not in of_scores.replace(of_comparison, "")
