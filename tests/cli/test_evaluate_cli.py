"""``vidtune evaluate`` with settings, and of what others wrote, from a user's seat."""

import json

import pytest
from tests.evaluation.writing import WORDINGS, make_record, write_run


def _run_of_press_ups(folder):
    said = {record["sample_id"]: record for record in (make_record(number) for number in range(24))}
    for record in said.values():
        record["prediction"] = record["prediction"].replace("pushups", "floor press")
    return write_run(folder, list(said.values()))


def test_another_name_of_an_exercise_is_given_on_the_command_line(vidtune, tmp_path):
    run = _run_of_press_ups(tmp_path / "run")
    share_of_pushups = sum(exercise == "pushups" for exercise, _ in WORDINGS) / len(WORDINGS)
    found = {}
    for name, extra in {"plain": [], "aliased": ["--set", "aliases.floor press=pushups"]}.items():
        status, out, _ = vidtune("evaluate", run.path, "--no-bert", "--json", "--set", "num_resamples=200", *extra)
        assert status == 0
        found[name] = json.loads(out)[str(run.path)]["metrics"]["exercise_identification"]["mean"]

    assert found == {"plain": pytest.approx(1 - share_of_pushups), "aliased": 1.0}


def test_settings_that_do_not_exist_are_all_named_before_anything_is_scored(vidtune, tmp_path):
    run = _run_of_press_ups(tmp_path / "run")

    status, _, error = vidtune("evaluate", run.path, "--set", "lexikon=surgical", "--set", "confidence=2")

    assert status != 0
    assert "lexikon: no such setting" in error
    assert "confidence = 2" in error
    assert not run.metrics.exists()


@pytest.mark.parametrize("frames", [["002-003_39453", "002-003_39457"], {"requested": 8, "delivered": 8}, 8, None])
def test_frames_told_in_another_way_do_not_stop_scores_and_reports(vidtune, tmp_path, frames):
    run = write_run(tmp_path / "run", [make_record(number, frames=frames) for number in range(6)])

    status, _, error = vidtune("evaluate", run.path, "--no-bert", "--set", "num_resamples=200")

    assert (status, run.report_html.exists()) == (0, True), error
