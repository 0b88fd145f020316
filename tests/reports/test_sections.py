"""What is shown only where the run holds it: probes, judges, gates, calibration, video quality."""

import numpy as np
import pytest
from PIL import Image
from tests.reports.latex import read_table
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import NUM_FRAMES, write_run

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.reports import write_reports
from vidtune.reports._page import render_page
from vidtune.reports._quality import read_quality
from vidtune.reports._view import read_run
from vidtune.reports.sections import build_sections

PROBE_ROW = {
    "condition": "blank",
    "label": "blank video",
    "metric": "exercise_identification",
    "metric_label": "Exercise Identification",
    "kind": "proportion",
    "n": 10,
    "n_clusters": 4,
    "score": 0.25,
    "real_score": 0.75,
    "gain": 0.5,
    "interval": [0.3, 0.7],
    "p_value": 0.01,
    "p_value_holm": 0.02,
    "verdict": "the picture matters",
}


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def sections(run):
    return {section.name: section for section in build_sections(read_run(run))}


def write_probe(run, **changes):
    record = {
        "predictions_sha256": read_json(run.metrics)["predictions_sha256"],
        "rows": [PROBE_ROW],
        "conditions": [{"condition": "blank", "label": "blank video", "removes": "content", "status": "done", "n": 10}],
        "verdict": {"headline": "It watches.", "sentences": ["Blank loses 50 points."]},
        **changes,
    }
    write_json(run.path / "probes" / "video.json", record)


def write_judge(run, status="passed", name="holistic.rules", text=""):
    scores = {"mean": 3.5, "median": 4.0, "std": 1.0, "min": 1.0, "max": 5.0, "ci_low": 3.0, "ci_high": 4.0}
    scores |= {"num_scored": 10, "num_clusters": 4, "counts": {"green": 6, "yellow": 1, "red": 3}}
    scores |= {"interval_method": "bootstrap"}
    record = {
        "label": f"LLM Accuracy (1-5){text}",
        "predictions_sha256": read_json(run.metrics)["predictions_sha256"],
        "verdict": {"status": status, "sentence": f"The judge {status}.{text}"},
        "controls": [{"label": f"Gold{text}", "status": status, "num_cases": 20, "description": f"4.75{text}"}],
        "scores": {"overall": scores},
        "missing": {"prediction failed": 2},
    }
    write_json(run.path / "judge" / f"{name}.json", record)
    rows = [
        {"role": "sample", "sample_id": record["sample_id"], "scores": {"overall": 4.0}}
        for record in RecordLog(run.predictions).read()
        if record["status"] == "ok"
    ]
    with RecordLog(run.path / "judge" / f"{name}.jsonl") as log:
        log.append_many([*rows, {"role": "gold", "sample_id": "s2", "scores": {"overall": 1.0}}])


def test_a_run_without_any_of_them_shows_none(run):
    assert set(sections(run)) == {"quality"}


def test_a_probe_is_shown_with_its_verdict_gain_and_interval(run):
    write_probe(run)

    section = sections(run)["probes"]

    assert section.notes == ("It watches.", "Blank loses 50 points.")
    assert section.tables[0].rows == (
        ("blank video", "10", "4", "25.0 %", "75.0 %", "+50.0 points", "+30.0 to +70.0 points", "0.020"),
    )


def test_a_probe_of_other_predictions_says_so(run):
    write_probe(run, predictions_sha256="0" * 64)

    assert "of other predictions than those scored here" in sections(run)["probes"].notes[0]


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"rows": 3}', '{"rows": [1, null], "conditions": {"a": 1}}'])
def test_a_damaged_record_is_said_or_left_out_and_stops_nothing(run, content):
    for folder in ("probes", "judge"):
        (run.path / folder).mkdir()
        (run.path / folder / "video.json").write_text(content)

    write_reports(run)

    if content == "{":
        assert "probes/video.json cannot be read" in sections(run)["probes"].notes[0]
        assert "probes/video.json cannot be read" in run.report_html.read_text()


def test_a_judge_is_shown_with_points_controls_and_what_is_missing(run):
    write_judge(run)

    section = sections(run)["judges"]

    assert section.tables[0].rows == (("overall", "3.50", "3.00 to 4.00", "4.00", "1.00", "10", "4"),)
    assert section.tables[1].rows[0][:2] == ("Gold", "passed")
    assert "without points, and in no mean: 2 prediction failed" in section.notes[1]


def test_a_judge_that_failed_its_controls_is_marked_wherever_it_stands(run):
    write_judge(run, status="failed")
    write_reports(run)

    import openpyxl

    assert all("do not use" in grid.title for grid in sections(run)["judges"].tables)
    header = [cell.value for cell in openpyxl.load_workbook(run.report_xlsx)["Test Evaluation Results"][1]]
    assert "LLM Accuracy (1-5): judge failed its controls" in header


def test_the_holistic_judge_has_the_column_and_the_block_of_the_qved_pipeline(run):
    write_judge(run)
    write_reports(run)

    import openpyxl

    book = openpyxl.load_workbook(run.report_xlsx)
    header, failed, answered = (book["Test Evaluation Results"][at] for at in (1, 2, 4))
    column = [cell.value for cell in header].index("LLM Accuracy (1-5)")
    assert header[column - 1].value == "BERT Similarity"
    assert (failed[column].value, answered[column].value) == (None, 4)
    assert answered[column].fill.start_color.rgb == "FFC6EFCE"
    rows = [(row[0].value, row[1].value) for row in book["Summary"].iter_rows()]
    at = rows.index(("LLM Accuracy (1-5)", None))
    assert rows[at + 1] == ("Mean", 3.5)
    assert rows[at + 6 : at + 9] == [("Green (≥4)", 6), ("Yellow (≥3)", 1), ("Red (<3)", 3)]
    assert len(book["Summary"]._charts) == 2


def test_calibration_is_drawn_from_the_curve_of_the_scores(run):
    curve = [
        {"low": 0.0, "high": 0.5, "num": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 1.0, "num": 8, "confidence": 0.75, "accuracy": 0.5},
    ]
    write_json(run.metrics, {**read_json(run.metrics), "curves": {"reliability": curve}})

    section = sections(run)["calibration"]

    assert section.tables[0].rows == (("0.50 to 1.00", "8", "75.0 %", "50.0 %", "21.5 % to 78.5 %", "-25.0 points"),)
    assert "surer than it is right, by 25.0 points on average over 8 answers" in section.notes[0]


def test_gate_maps_of_training_and_prediction_are_shown_and_nothing_from_outside(run, tmp_path):
    for folder in (run.best, run.figures):
        folder.mkdir()
        Image.new("RGB", (4, 4)).save(folder / "gates.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (run.best / "gates-0.png").symlink_to(tmp_path / "secret.png")
    (run.best / "gates-1.png").write_bytes(b"not a picture")

    section = sections(run)["gates"]

    assert len(section.pictures) == 2
    assert render_page(read_run(run), list(sections(run).values())).count("data:image/png;base64,") == 2


def write_strips(run, noise):
    """Give each answered sample a strip whose sharpness is its ``noise``."""
    rng = np.random.default_rng(0)
    for record in RecordLog(run.predictions).read():
        if record["strip"]:
            tiles = rng.normal(128, noise(int(record["sample_id"][1:])), (24, 24 * NUM_FRAMES))
            Image.fromarray(np.clip(tiles, 0, 255).astype(np.uint8)).save(run.path / record["strip"], quality=95)


def test_a_score_that_rises_with_sharpness_is_found_with_n_and_interval(tmp_path):
    run = write_run(tmp_path / "run", num_samples=60, num_errors=0)
    write_strips(run, lambda number: 40 if number % 2 else 4)
    # The people of the sample are all right or all wrong: over them nothing could be told.
    write_json(run.metrics, {**read_json(run.metrics), "cluster": "sample"})

    section = sections(run)["quality"]

    sharp = next(grid for grid in section.tables if grid.name == "quality-sharpness")
    assert [row[2] for row in sharp.rows] == ["20", "20", "20"]
    assert sharp.rows[0][3] == "0.0 %"
    assert sharp.rows[2][3] == "100.0 %"
    (told,) = [note for note in section.notes if note.startswith("Sharpness")]
    assert "the score rises" in told
    assert "n = 60" in told


def test_from_clips_of_a_few_people_no_dependence_on_quality_is_told(tmp_path):
    run = write_run(tmp_path / "run", num_samples=60, num_errors=0)
    write_strips(run, lambda number: 40 if number % 2 else 4)

    (told,) = [note for note in sections(run)["quality"].notes if note.startswith("Sharpness")]

    assert "95 % interval none" in told
    assert told.endswith("not known: 4 groups are too few.")


def test_a_quality_report_of_the_clips_goes_before_the_small_pictures(tmp_path):
    run = write_run(tmp_path / "run", num_samples=30, num_errors=0)
    lines = [f"squats,{number:04}.mp4,640,{360 + number},100,{50 + number},0.5" for number in range(30)]
    header = "exercise,file,width,height,brightness,sharpness,motion_active_frame_pct"
    (run.path / "exercise_analysis_report.csv").write_text("\n".join([header, *lines]))

    quality, section = read_quality(read_run(run)), sections(run)["quality"]

    assert quality.by_row[1] == {"sharpness": 50.0, "brightness": 100.0, "motion": 0.5, "resolution": 0.2304}
    assert [grid.name for grid in section.tables] == ["quality-sharpness", "quality-resolution"]
    assert "Brightness: not told apart (all 30 alike)." in section.notes


def test_quality_that_is_not_known_says_how_to_have_it(tmp_path):
    run = write_run(tmp_path / "run", with_strips=False)

    (note,) = sections(run)["quality"].notes

    assert note.startswith("Not available")
    assert "vidtune doctor" in note


def test_hostile_texts_in_sections_stay_texts_in_every_report(tmp_path):
    hostile, harmless = write_run(tmp_path / "hostile"), write_run(tmp_path / "harmless")
    for run, text in ((hostile, " ".join(PAYLOADS)), (harmless, "harmless")):
        write_probe(run, verdict={"headline": text}, rows=[{**PROBE_ROW, "label": text, "metric_label": text}])
        write_judge(run, text=text)
        write_reports(run)

    from tests.reports.test_page import Structure

    assert Structure(hostile.report_html.read_text()).found == Structure(harmless.report_html.read_text()).found
    for path in sorted((hostile.path / "tables").glob("*.tex")):
        read_table(path.read_text())


def test_every_report_shows_the_same_texts_of_a_section(run):
    write_probe(run)
    write_judge(run)
    write_reports(run)

    import openpyxl

    html = run.report_html.read_text()
    markdown = (run.path / "report.md").read_text().replace("\\", "")
    book = openpyxl.load_workbook(run.report_xlsx)
    cells = {str(cell.value) for sheet in book for row in sheet for cell in row}
    for section in sections(run).values():
        for grid in section.tables:
            for text in {text for row in grid.rows for text in row}:
                assert text in markdown
                assert text in cells
                assert text.replace("'", "&#39;").replace("<", "&lt;") in html


def test_what_a_later_report_no_longer_has_is_removed_and_nothing_else(run):
    write_probe(run)
    write_reports(run)
    Image.new("RGB", (4, 4)).save(run.figures / "gates-clip.png")
    assert (run.path / "tables" / "probe-video-conditions.tex").exists()

    (run.path / "probes" / "video.json").unlink()
    write_reports(run)

    assert not (run.path / "tables" / "probe-video-conditions.tex").exists()
    assert (run.figures / "gates-clip.png").exists()
    assert (run.path / "tables" / "scores.tex").exists()
