from itertools import combinations

import openpyxl
import pytest
from tests.reports.latex import read_table
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_run
from tests.reports.test_page import Structure

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.reports import write_comparison_reports
from vidtune.reports.comparison._figures import pareto
from vidtune.reports.comparison._pairs import read_pairs
from vidtune.reports.comparison._read import read_compared
from vidtune.reports.comparison._recommend import recommend
from vidtune.reports.comparison._sections import build_sections

CLEAR = (("a", "c"), ("b", "c"))
METRICS = ("exercise_identification", "bert_similarity")


def record_of(names, clear=()):
    """What ``vidtune compare`` writes of many runs; in the pairs of ``clear`` the second is clearly higher."""
    pairs = [
        {
            "first": a,
            "second": b,
            "difference": 0.2,
            "interval": {"low": 0.1, "high": 0.3} if (a, b) in clear else {"low": -0.1, "high": 0.5},
            "p_value": 0.01,
            "p_value_holm": 0.03,
        }
        for a, b in combinations(names, 2)
    ]
    ranking = {"friedman_statistic": 6.0, "friedman_p": 0.04, "critical_difference": 1.5}
    ranking["average_ranks"] = [1.0 + at for at in range(len(names))]
    row = {"systems": [{"name": name} for name in names], "pairs": pairs, "ranking": ranking}
    row |= {"omnibus_test": "exchange", "num_samples": 10}
    return {"metrics": dict.fromkeys(METRICS, row), "verdict": {"headline": "b is higher.", "sentences": []}}


def set_correct(run, **changes):
    """Change whether samples were answered correctly: ``s5=False``."""
    scores = RecordLog(run.scores).read()
    run.scores.unlink()
    with RecordLog(run.scores) as log:
        for row in scores:
            log.append({**row, "exercise_correct": changes.get(row["sample_id"], row["exercise_correct"])})


def write_runs(folder, names="abc", text="", **changes):
    runs = []
    for at, name in enumerate(names):
        run = write_run(folder / name, texts=(text,))
        metrics = read_json(run.metrics)
        metrics["metrics"]["exercise_identification"]["mean"] = 0.5 + at / 10
        write_json(run.metrics, {**metrics, **changes.get(name, {})})
        write_json(run.environment, {**read_json(run.environment), "num_parameters": 1_000_000 * (3 - at)})
        runs.append(run)
    return runs


@pytest.fixture(scope="module")
def compared_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    runs = write_runs(folder)
    write_comparison_reports(runs, record_of("abc", CLEAR), folder / "out")
    return runs, folder / "out"


def test_every_report_is_written(compared_runs):
    _, out = compared_runs
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}

    assert {"report.html", "report.md", "report.xlsx"} <= names
    for name in ("scores", "pairs", "wins", "classes", "cost", "ranks"):
        assert f"tables/{name}.tex" in names
    for name in ("scores", "pairs", "wins", "classes", "cost"):
        assert {f"figures/{name}.png", f"figures/{name}.pdf"} <= names


def test_the_same_runs_give_the_same_bytes(compared_runs, tmp_path):
    runs, out = compared_runs

    write_comparison_reports(runs, record_of("abc", CLEAR), tmp_path)

    for path in out.rglob("*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(out)).read_bytes() == path.read_bytes(), path.name


def test_all_reports_say_the_same_verdict_and_numbers(compared_runs):
    _, out = compared_runs
    html, markdown = (out / "report.html").read_text(), (out / "report.md").read_text()
    book = openpyxl.load_workbook(out / "report.xlsx")
    cells = {str(cell.value) for sheet in book for row in sheet for cell in row}

    verdict = "Take c."
    assert f'<h1 id="verdict-title">{verdict}</h1>' in html
    assert f"**{verdict}**" in markdown
    assert verdict in cells
    for text in ("+20.0 points", "+10.0 to +30.0 points", "-10.0 to +50.0 points", "0.030", "60.0 %"):
        assert text in html
        assert text in markdown
        assert text in cells
    for metric in ("Exercise Identification", "BERT Similarity"):
        written = [row for row in book["Dimensions"].iter_rows(values_only=True) if row[0] == metric]
        means = [row[2] for row in book["Scores"].iter_rows(values_only=True) if row[0] == metric]
        assert [list(row[1:4]) for row in written] == [means], "a mean reads the same wherever it stands"
    for table in (out / "tables").glob("*.tex"):
        read_table(table.read_text())


def test_the_page_is_one_offline_file_whose_first_screen_is_the_verdict(compared_runs):
    _, out = compared_runs
    html = (out / "report.html").read_text()
    page = Structure(html)

    assert page.open == []
    assert "default-src 'none'" in html
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert all(value.startswith(("data:image/", "#")) for value in sources)
    assert html.index("Take c.") < html.index('id="scores"')
    assert "The rule" in html
    assert html.count("<table") == html.count("<caption")


def test_samples_that_set_the_runs_apart_come_with_frames_and_all_answers(tmp_path):
    runs = write_runs(tmp_path)
    set_correct(runs[1], s5=False)

    write_comparison_reports(runs, record_of("abc"), tmp_path / "out")

    html = (tmp_path / "out" / "report.html").read_text()
    section = html[html.index('id="differences"') :]
    assert section.count("<article") == 1
    assert "squats/0005.mp4" in section
    assert section.count("data:image/jpeg;base64,") == 1
    assert "Exercise Identification wrong" in section


def test_hostile_texts_stay_texts(tmp_path):
    texts = " ".join(text for text in PAYLOADS if len(text) < 1000)
    found = []
    for name, text in (("hostile", texts), ("harmless", "harmless")):
        runs = write_runs(tmp_path / name, text=text)
        record = record_of("abc")
        record["verdict"] = {"headline": text, "sentences": [text]}
        write_comparison_reports(runs, record, tmp_path / name / "out")
        found.append(Structure((tmp_path / name / "out" / "report.html").read_text()))

    assert found[0].found == found[1].found
    book = openpyxl.load_workbook(tmp_path / "hostile" / "out" / "report.xlsx")
    assert all(cell.data_type != "f" for sheet in book for row in sheet for cell in row)


def compared_of(tmp_path, clear=(), **changes):
    return read_compared(write_runs(tmp_path, **changes), record_of("abc", clear), tmp_path)


def test_the_clearly_best_is_recommended(tmp_path):
    chosen = recommend(compared_of(tmp_path, clear=[("a", "c"), ("b", "c")]))

    assert chosen.headline == "Take c."
    assert chosen.reasons == ("c has the highest Exercise Identification, and the others are clearly below it.",)


def test_a_run_that_answered_easier_samples_does_not_lead(tmp_path):
    pairs = [("c", "b"), ("c", "a"), ("b", "a")]
    runs = write_runs(tmp_path, b={"num_scored": 9})  # c has the highest mean of its own

    chosen = recommend(read_compared(runs, record_of("cba", pairs), tmp_path))

    assert chosen.headline == "Take a."
    told = "a has the highest Exercise Identification on the 10 samples that all runs answered"
    assert chosen.reasons == (f"{told}, and the others are clearly below it.",)


def test_of_runs_that_are_not_told_apart_the_cheapest_is_recommended(tmp_path):
    runs = write_runs(tmp_path)
    for run, factor in zip(runs, (3.0, 1.0, 2.0), strict=True):
        records = RecordLog(run.predictions).read()
        run.predictions.unlink()
        with RecordLog(run.predictions) as log:
            log.append_many([{**record, "timings_s": {"total": factor}} for record in records])

    chosen = recommend(read_compared(runs, record_of("abc"), tmp_path))

    assert chosen.name == "b"
    assert chosen.reasons[-1] == "Of these, b needs the least time a sample."


def test_where_all_people_gain_the_same_the_test_says_that_the_difference_is_clear(tmp_path):
    record = record_of("abc", CLEAR)
    for pair in record["metrics"]["exercise_identification"]["pairs"]:
        pair |= {"interval": {"low": None, "high": None}, "p_value": 0.0005}
    compared = read_compared(write_runs(tmp_path), record, tmp_path)

    write_comparison_reports([view.run for view in compared.views], record, tmp_path / "out")

    assert recommend(compared).headline == "Take c."
    markdown = (tmp_path / "out" / "report.md").read_text()
    assert "| Exercise Identification | a | c | +20.0 points | none | \\< 0.001 | 0.030 | 10 | higher |" in markdown


def test_a_run_that_fails_a_trust_check_is_set_aside(tmp_path):
    failing = {"trust": [{"check": "leakage", "status": "fail", "message": "leaks"}]}

    chosen = recommend(compared_of(tmp_path, clear=[("a", "c"), ("b", "c"), ("a", "b")], c=failing))

    assert chosen.name == "b"
    assert chosen.reasons[0] == "c is set aside: failed trust checks (training data)."


def test_where_all_fail_the_recommendation_says_that_none_can_be_relied_on(tmp_path):
    failing = {"trust": [{"check": "leakage", "status": "fail", "message": "leaks"}]}

    chosen = recommend(compared_of(tmp_path, clear=[("a", "c"), ("b", "c")], a=failing, b=failing, c=failing))

    assert chosen.headline == "None of the runs can be relied on yet. If it must be one: c."


def test_a_pair_is_found_whichever_way_round_it_was_compared(tmp_path):
    runs = write_runs(tmp_path)
    set_correct(runs[2], s2=True, s4=True, s5=False)
    compared = read_compared(runs, record_of("abc", [("a", "c")]), tmp_path)

    there, back = (compared.pair(*names, "exercise_identification") for names in (("a", "c"), ("c", "a")))

    assert (there.difference, there.low, there.high) == (0.2, 0.1, 0.3)
    assert (there.num_better, there.num_worse, there.num_pairs) == (2, 1, 10)  # counted: the record does not say
    assert (back.difference, back.low, back.high) == (-0.2, -0.3, -0.1)
    assert (back.num_better, back.num_worse) == (1, 2)


def test_the_record_of_two_runs_is_understood():
    row = {"difference": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.04, "p_value_holm": 0.08, "test": "sign flip"}

    (found,) = read_pairs({"a": "base", "b": "tuned", "metrics": {"meteor": row}})

    assert (found.a, found.b, found.metric, found.adjusted_p, found.is_clear) == (
        "base",
        "tuned",
        "meteor",
        0.08,
        False,
    )


def test_ranks_and_corrected_pairs_of_many_runs_are_read_metric_by_metric(tmp_path):
    compared = compared_of(tmp_path, clear=CLEAR)

    assert {(one.a, one.b) for one in compared.pairs} == {("a", "b"), ("a", "c"), ("b", "c")}
    assert {(one.p, one.adjusted_p, one.test) for one in compared.pairs} == {
        (0.01, 0.03, "sign-flip test of each pair over its groups")
    }
    assert [ranks.metric for ranks in compared.rankings] == list(METRICS)
    notes = next(section.notes for section in build_sections(compared) if section.name == "pairs")
    assert notes[0] == "Test: sign-flip test of each pair over its groups."
    assert notes[1].startswith("Adjusted p: Holm's, for the number of pairs of runs.")
    assert compared.rankings[0].average_ranks == {"a": 1.0, "b": 2.0, "c": 3.0}
    assert (compared.rankings[0].p, compared.rankings[0].critical_difference) == (0.04, 1.5)


def test_a_comparison_without_pairs_is_named(tmp_path):
    with pytest.raises(DataInvalid, match="the comparison holds no pairs"):
        write_comparison_reports(write_runs(tmp_path), {}, tmp_path / "out")


def test_runs_of_one_name_are_refused(tmp_path):
    run = write_run(tmp_path / "a")

    with pytest.raises(BadUsage, match="two runs have the same name: a, a"):
        write_comparison_reports([run, run], record_of("ab"), tmp_path / "out")


def test_pareto_keeps_what_nothing_beats_in_both():
    assert pareto([1.0, 1.0, 2.0, 0.5], [0.5, 0.5, 0.4, 0.1]) == [0, 1, 3]
