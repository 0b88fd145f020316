import openpyxl
import pytest
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_run

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.reports._cells import CELL_LIMIT, cell_text
from vidtune.reports._view import read_run
from vidtune.reports._workbook import write_workbook


@pytest.fixture(scope="module")
def book(reported):
    return openpyxl.load_workbook(reported.report_xlsx)


@pytest.fixture(scope="module")
def summary_rows(book):
    return [(row[0].value, row[1].value) for row in book["Summary"].iter_rows()]


def test_the_workbook_also_lies_under_the_name_its_users_know(reported):
    known = reported.path / "test_evaluation_report.xlsx"

    assert reported.report_xlsx.name == "report.xlsx"
    assert known.read_bytes() == reported.report_xlsx.read_bytes()


def test_the_two_sheets_its_users_know_come_first(book):
    assert book.sheetnames == [
        "Test Evaluation Results",
        "Summary",
        "Comparison",
        "Trust",
        "Per class",
        "Confusion",
        "Errors",
        "Frames",
        "Video quality",
    ]


def test_the_results_sheet_has_the_known_layout(book):
    sheet = book["Test Evaluation Results"]

    assert [cell.value for cell in sheet[1]] == [
        "ID",
        "Video Path",
        "Ground Truth",
        "Model Prediction",
        "Base Model Response",
        "BERT Similarity",
        "Exercise Match",
        "Status",
        "Error",
    ]
    assert sheet.freeze_panes == "A2"
    header = sheet["A1"]
    assert (header.font.bold, header.font.size, header.font.color.rgb) == (True, 12, "FFFFFFFF")
    assert header.fill.start_color.rgb == "FF2E86AB"
    # A width of n characters is stored as n + 0.71; openpyxl keeps neighbours of one width together.
    spans = [(span.min, span.max, int(span.width)) for span in sheet.column_dimensions.values()]
    assert spans[:4] == [(1, 1, 8), (2, 2, 40), (3, 5, 50), (6, 7, 15)]


def test_scores_are_coloured_by_the_published_thresholds(book):
    fills = {"green": "FFC6EFCE", "yellow": "FFFFEB9C", "red": "FFFFC7CE"}
    seen = set()

    for row in book["Test Evaluation Results"].iter_rows(min_row=4):
        value, colour = row[5].value, row[5].fill.start_color.rgb
        expected = "green" if value >= 0.7 else "yellow" if value >= 0.4 else "red"
        assert colour == fills[expected]
        assert row[6].value in (True, False)
        assert row[6].fill.start_color.rgb == fills["green" if row[6].value else "red"]
        seen.add(expected)
    assert seen == {"green", "yellow", "red"}


def test_every_score_is_there_to_the_last_digit(book, reported):
    scores = [record["bert_similarity"] for record in RecordLog(reported.scores).read()]

    assert [row[5].value for row in book["Test Evaluation Results"].iter_rows(min_row=2)] == scores


def test_a_failed_sample_is_shown_and_has_no_score(book):
    row = book["Test Evaluation Results"][2]

    assert [cell.value for cell in row[5:]] == [None, None, "Error", "video_missing: gone Fetch it."]


def test_the_summary_says_what_the_metrics_say(summary_rows, reported):
    metrics = read_json(reported.metrics)["metrics"]["bert_similarity"]

    assert summary_rows[0] == ("Metric", "Value")
    assert summary_rows[1:4] == [("Total Samples", 12), ("Successful", 10), ("Failed", 2)]
    at = summary_rows.index(("BERT Similarity", None))
    names = [("Mean", "mean"), ("Median", "median"), ("Std Dev", "std"), ("Min", "min"), ("Max", "max")]
    for offset, (name, key) in enumerate(names, start=1):
        assert summary_rows[at + offset][0] == name
        assert summary_rows[at + offset][1] == pytest.approx(metrics[key], abs=1e-15)
    counts = metrics["counts"]
    assert summary_rows[at + 6 : at + 9] == [
        ("Green (≥0.7)", counts["green"]),
        ("Yellow (≥0.4)", counts["yellow"]),
        ("Red (<0.4)", counts["red"]),
    ]


def test_the_exercise_block_counts_right_and_wrong(summary_rows, reported):
    share = read_json(reported.metrics)["metrics"]["exercise_identification"]["mean"]
    at = summary_rows.index(("Exercise Identification", None))

    assert summary_rows[at + 1 : at + 3] == [("Overall Correct", 5), ("Overall Incorrect", 5)]
    assert summary_rows[at + 3] == ("Accuracy (%)", share * 100)
    breakdown = summary_rows.index(("Per-Exercise Breakdown", None))
    assert summary_rows[breakdown + 1 :][:3] == [("Squats", "2/4"), ("Cat-Cow Pose", "2/4"), ("Pushups", "2/4")]


def test_each_distribution_has_its_chart_in_three_colours_at_its_place(book):
    (chart,) = book["Summary"]._charts
    colours = [str(point.spPr.solidFill.srgbClr) for point in chart.series[0].dPt]

    assert chart.type == "col"
    assert colours == ["00B050", "FFC000", "FF0000"]
    assert (chart.anchor._from.col, chart.anchor._from.row) == (3, 1)


def test_classes_and_what_they_were_taken_for_have_their_sheets(book):
    classes = [cell.value for cell in book["Per class"][2]]
    confusion = [[cell.value for cell in row] for row in book["Confusion"].iter_rows(min_row=2, max_row=5)]

    assert classes[:7] == ["Exercise", "Squats", 2, 4, 0.5, 0.1, 0.9]
    assert confusion[0] == ["By exercise", "Squats", "Cat-Cow Pose", "Pushups"]
    assert confusion[1] == ["Squats", 2, 1, 0]


def test_what_the_model_saw_of_each_sample_has_its_sheet(book):
    header, failed, answered = ([cell.value for cell in book["Frames"][at]] for at in (1, 2, 4))
    row = dict(zip(header, answered, strict=True))

    assert failed[:4] == [1, "squats/0000.mp4", None, None]
    assert (row["Requested"], row["Delivered"], row["Coverage"]) == (8, 8, 1)
    assert row["Indices"] == "0, 1, 2, 3, 4, 5, 6, 7"
    assert row["Times (s)"].startswith("0, 0.25, 0.5")


def test_what_it_heard_and_read_stands_there_too_where_there_was_any(tmp_path):
    run = write_run(tmp_path / "run", num_samples=2, num_errors=1)
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    records[1] |= {
        "sound": {"requested_s": 40.0, "delivered_s": 30.0, "start_s": 0.5, "gap_s": 0.0},
        "subtitles": {"place": "before", "num_lines": 3},
        "meta": {"audio": "a.wav"},
    }
    with RecordLog(run.predictions) as log:
        log.append_many(records)

    write_workbook(read_run(run))

    header, silent, heard = openpyxl.load_workbook(run.report_xlsx)["Frames"].iter_rows(values_only=True)
    assert header[-7:-2] == (
        "Sound Requested (s)",
        "Sound Delivered (s)",
        "Sound From (s)",
        "Sound Lost (s)",
        "Sound File",
    )
    assert heard[-7:] == (40, 30, 0.5, 0, "a.wav", 3, "before")
    assert silent[-7:] == (None,) * 7


def test_a_score_that_the_qved_pipeline_did_not_have_stands_behind_its_columns(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)
    metrics = read_json(run.metrics)
    extra = {**metrics["metrics"]["bert_similarity"], "label": "Slots"}
    write_json(run.metrics, {**metrics, "metrics": {"slots": extra, **metrics["metrics"]}})

    write_workbook(read_run(run))

    header = [cell.value for cell in openpyxl.load_workbook(run.report_xlsx)["Test Evaluation Results"][1]]
    assert header[4:] == ["BERT Similarity", "Exercise Match", "Status", "Error", "Slots"]


def test_failures_are_grouped_with_their_remedy(book):
    row = [cell.value for cell in book["Errors"][2]]

    assert row[:4] == ["video_missing", "2", "gone", "Fetch it."]


def test_no_text_becomes_a_formula_a_link_or_markup(tmp_path):
    run = write_run(tmp_path / "run", num_samples=len(PAYLOADS), num_errors=9, texts=PAYLOADS, with_strips=False)
    write_workbook(read_run(run))
    book = openpyxl.load_workbook(run.report_xlsx)

    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", cell.value
                assert cell.hyperlink is None, cell.value
    cells = [row[2] for row in book["Test Evaluation Results"].iter_rows(min_row=2)]
    assert len(cells) == len(PAYLOADS)
    for cell, payload in zip(cells, PAYLOADS, strict=True):
        assert cell.data_type in ("s", "inlineStr")
        assert str(cell.value).startswith("squats - Knees cave in."), payload


@pytest.mark.parametrize(
    "text", ["=1+1", "007", "1e309", "TRUE", "https://evil.example/?a=b", "日本語 🤸 é", "_x0041_"]
)
def test_a_text_comes_back_as_it_was(tmp_path, text):
    run = write_run(tmp_path / "run", num_samples=1, num_errors=0, texts=[text], with_strips=False)

    write_workbook(read_run(run))

    cell = openpyxl.load_workbook(run.report_xlsx)["Test Evaluation Results"]["D2"]
    assert cell.value.replace("_x005F_", "_") == f"squats - Fine.{text}"


def test_a_text_too_long_for_a_cell_says_that_it_was_cut():
    text = cell_text("a" * 40_000)

    assert len(text) == CELL_LIMIT
    assert text.endswith("… [cut: 40,000 characters]")


def test_control_characters_are_replaced_visibly():
    assert cell_text("a\x00b\x1bc\ud83d\nd\te") == "a\ufffdb\ufffdc\ufffd\nd\te"


def test_text_that_looks_like_ready_markup_is_not_taken_for_it():
    assert cell_text("<r><t>x</t></r>") != "<r><t>x</t></r>"


@pytest.mark.slow
def test_ten_thousand_rows_make_a_workbook(tmp_path):
    run = write_run(tmp_path / "run", num_samples=10_000, num_errors=300, with_strips=False)

    write_workbook(read_run(run))

    assert openpyxl.load_workbook(run.report_xlsx)["Test Evaluation Results"].max_row == 10_001
