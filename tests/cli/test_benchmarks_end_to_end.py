"""A benchmark's own files to its scores by the commands alone: EgoSchema, ActivityNet's paragraphs."""

import json

import pytest
from click.testing import CliRunner
from tests.data.writing import write, write_clip

from vidtune.cli import cli


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def predict(folder, name, *settings):
    given = ("--data", folder / name, "--videos", folder / "videos", "--out", folder / "run")
    run("predict", *given, "--num-frames", 4, "--max-new-tokens", 4, *settings)
    return folder / "run"


@pytest.mark.slow
def test_egoschema_is_asked_scored_where_its_answers_are_public_and_handed_in(tmp_path):
    options = {f"option {number}": f"C does the thing {number}." for number in range(5)}
    questions = [
        {"q_uid": f"uid-{number}", "google_drive_id": "x", "question": "What does c do?", **options}
        for number in range(10)
    ]
    for number, one in enumerate(questions):
        write_clip(tmp_path / f"videos/{one['q_uid']}.mp4", grey=20 * number + 20)
    write(tmp_path / "questions.json", questions)
    write(tmp_path / "subset_answers.json", {f"uid-{number}": number % 5 for number in range(7)})

    out = predict(tmp_path, "questions.json")
    [record] = json.loads(run("evaluate", out, "--no-bert", "--json")).values()

    row = record["metrics"]["choice_accuracy"]
    assert record["protocol"] == "egoschema"
    assert (record["num_samples"], record["num_kept_back"], record["num_errors"]) == (7, 3, 0)
    assert 0 <= row["ci_low"] <= row["mean"] <= row["ci_high"] <= 1
    assert row["num_scored"] == 7
    assert 0 <= record["num_unparsed"] <= 7
    submission = (out / "egoschema_submission.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in submission] == ["q_uid", *(one["q_uid"] for one in questions)]
    report = (out / "report.md").read_text(encoding="utf-8")
    assert "have no scores yet" not in report
    assert "samples predicted" not in report, "the run is whole"


@pytest.mark.slow
def test_paragraphs_of_activitynet_are_found_by_their_videos(tmp_path):
    told = (("A man slices bread.", " He eats it."), ("Two dogs run.", " They play in the snow."), ("A woman sings.",))
    videos = {
        f"v_fixture{number:04}": {
            "duration": 1.0,
            "timestamps": [[index / 2, index / 2 + 0.5] for index in range(len(sentences))],
            "sentences": list(sentences),
        }
        for number, sentences in enumerate(told)
    }
    for number, name in enumerate(videos):
        write_clip(tmp_path / f"videos/{name}.mp4", grey=60 * number + 40)
    write(tmp_path / "val_1.json", videos)

    out = predict(tmp_path, "val_1.json", "--set", "data.format=activitynet_paragraphs")
    [record] = json.loads(run("evaluate", out, "--json")).values()

    assert record["protocol"] == "retrieval"
    assert (record["num_scored"], record["num_samples"]) == (3, 3)
    for way in ("text_to_video", "video_to_text"):
        recalls = [record["corpus"][f"through_captions_{way}_recall_at_{k}"]["value"] for k in (1, 5, 10, 50)]
        assert recalls == sorted(recalls)
        assert recalls[1:] == [1.0, 1.0, 1.0], "there are three videos"
        assert 1 <= record["corpus"][f"through_captions_{way}_median_rank"]["value"] <= 3
