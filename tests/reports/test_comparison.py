import openpyxl
import pytest
from tests.reports.latex import read_table
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_run
from tests.reports.test_page import Structure

from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.reports import write_comparison_reports
from vidtune.reports.comparison._figures import pareto
from vidtune.reports.comparison._pairs import read_pairs, read_rankings
from vidtune.reports.comparison._read import read_compared
from vidtune.reports.comparison._recommend import recommend

CLEAR = (("a", "c"), ("b", "c"))
METRICS = ("exercise_identification", "bert_similarity")


def pair(a, b, difference, interval, metric="exercise_identification"):
    return {
        "a": a,
        "b": b,
        "metric": metric,
        "difference": difference,
        "interval": list(interval),
        "p": 0.01,
        "adjusted_p": 0.03,
        "test": "sign flip",
        "num_pairs": 10,
        "num_better": 6,
        "num_worse": 1,
    }


def record_of(names, clear=()):
    """Every pair without a clear difference but those in ``clear``, in which the second is higher."""
    pairs = []
    for at, a in enumerate(names):
        for b in names[at + 1 :]:
            for metric in METRICS:
                is_clear = (a, b) in clear
                pairs.append(pair(a, b, 0.2, (0.1, 0.3) if is_clear else (-0.1, 0.5), metric))
    ranks = {"statistic": 6.0, "p": 0.04, "average_ranks": {name: 1.0 + at for at, name in enumerate(names)}}
    ranks["critical_difference"] = 1.5
    return {"pairs": pairs, "friedman": ranks, "verdict": {"headline": "b is higher.", "sentences": []}}


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
    from vidtune.core.durable import RecordLog

    scores = RecordLog(runs[1].scores).read()
    runs[1].scores.unlink()
    with RecordLog(runs[1].scores) as log:
        log.append_many(
            [
                {**row, "exercise_correct": False if row["sample_id"] == "s5" else row["exercise_correct"]}
                for row in scores
            ]
        )

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


def test_of_runs_that_are_not_told_apart_the_cheapest_is_recommended(tmp_path):
    runs = write_runs(tmp_path)
    from vidtune.core.durable import RecordLog

    for run, factor in zip(runs, (3.0, 1.0, 2.0), strict=True):
        records = RecordLog(run.predictions).read()
        run.predictions.unlink()
        with RecordLog(run.predictions) as log:
            log.append_many([{**record, "timings_s": {"total": factor}} for record in records])

    chosen = recommend(read_compared(runs, record_of("abc"), tmp_path))

    assert chosen.name == "b"
    assert chosen.reasons[-1] == "Of these, b needs the least time a sample."


def test_a_run_that_fails_a_trust_check_is_set_aside(tmp_path):
    failing = {"trust": [{"check": "leakage", "status": "fail", "message": "leaks"}]}

    chosen = recommend(compared_of(tmp_path, clear=[("a", "c"), ("b", "c"), ("a", "b")], c=failing))

    assert chosen.name == "b"
    assert chosen.reasons[0] == "c is set aside: failed trust checks (training data)."


def test_where_all_fail_the_recommendation_says_that_none_can_be_relied_on(tmp_path):
    failing = {"trust": [{"check": "leakage", "status": "fail", "message": "leaks"}]}

    chosen = recommend(compared_of(tmp_path, clear=[("a", "c"), ("b", "c")], a=failing, b=failing, c=failing))

    assert chosen.headline == "Take c. None of the runs can be relied on yet."


def test_a_pair_is_found_whichever_way_round_it_was_compared(tmp_path):
    compared = compared_of(tmp_path, clear=[("a", "c")])

    there, back = (compared.pair(*names, "bert_similarity") for names in (("a", "c"), ("c", "a")))

    assert (there.difference, there.low, there.high, there.num_better) == (0.2, 0.1, 0.3, 6)
    assert (back.difference, back.low, back.high, back.num_better) == (-0.2, -0.3, -0.1, 1)


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


def test_the_record_that_holds_pairs_and_ranks_under_each_metric_is_understood(tmp_path):
    pair = {"first": "a", "second": "b", "difference": 0.0, "interval": {"low": -0.1, "high": 0.2}}
    pair |= {"p_value": 0.5, "p_value_holm": 0.9}
    systems = [{"name": name} for name in "ab"]
    ranking = {"friedman_statistic": 2.0, "friedman_p": 0.2, "average_ranks": [1.25, 1.75], "critical_difference": 0.9}
    row = {"pairs": [pair], "systems": systems, "ranking": ranking, "omnibus_test": "exchange", "num_samples": 10}

    compared = read_compared(write_runs(tmp_path, "ab"), {"runs": [], "metrics": {"bert_similarity": row}}, tmp_path)

    (found,) = compared.pairs
    assert (found.a, found.b, found.low, found.high, found.adjusted_p) == ("a", "b", -0.1, 0.2, 0.9)
    assert (found.num_better, found.num_worse, found.num_pairs) == (0, 0, 10)  # counted: the two runs are alike
    (ranks,) = compared.rankings
    assert (ranks.metric, ranks.average_ranks, ranks.p) == ("bert_similarity", {"a": 1.25, "b": 1.75}, 0.2)


def test_rankings_are_read_for_one_metric_or_for_several():
    one = {"statistic": 6.0, "p": 0.04, "average_ranks": {"a": 1.5}, "critical_difference": 1.2}

    assert [ranking.metric for ranking in read_rankings({"friedman": one})] == [""]
    assert [ranking.metric for ranking in read_rankings({"friedman": {"meteor": one, "rouge_l": one}})] == [
        "meteor",
        "rouge_l",
    ]
    assert read_rankings({"friedman": None}) == []


def test_a_comparison_without_pairs_is_named(tmp_path):
    with pytest.raises(DataInvalid, match="the comparison holds no pairs"):
        write_comparison_reports(write_runs(tmp_path), {}, tmp_path / "out")


def test_runs_of_one_name_are_refused(tmp_path):
    run = write_run(tmp_path / "a")

    with pytest.raises(BadUsage, match="two runs have the same name: a, a"):
        write_comparison_reports([run, run], record_of("ab"), tmp_path / "out")


def test_pareto_keeps_what_nothing_beats_in_both():
    assert pareto([1.0, 1.0, 2.0, 0.5], [0.5, 0.5, 0.4, 0.1]) == [0, 1, 3]
