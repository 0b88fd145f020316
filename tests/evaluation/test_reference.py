import json

import pytest
from tests.evaluation.writing import make_record, write_run

from vidtune.core.errors import DataInvalid
from vidtune.evaluation import EvaluateConfig, score_predictions

FAST = EvaluateConfig(with_bert=False, num_resamples=500)


def write_annotations(path, numbers):
    records = [make_record(number) for number in numbers]
    turns = [
        [{"from": "human", "value": record["question"]}, {"from": "gpt", "value": record["answer"]}]
        for record in records
    ]
    samples = [
        {"video": f"train/{record['sample_id']}.mp4", "conversations": turn}
        for record, turn in zip(records, turns, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(samples))


def score_with_recipe(folder, recipe):
    run = write_run(folder, [make_record(n) for n in range(24)])
    run.recipe.write_text(recipe)
    return score_predictions(run.path, FAST).metrics


@pytest.mark.parametrize("named", ["training", "training/best"])
def test_the_training_data_is_found_through_the_run_that_the_model_came_from(tmp_path, named):
    write_annotations(tmp_path / "elsewhere" / "my_lessons.json", range(10))
    (tmp_path / "training" / "best").mkdir(parents=True)
    (tmp_path / "training" / "recipe.yaml").write_text(f"data:\n  path: {tmp_path / 'elsewhere/my_lessons.json'}\n")

    metrics = score_with_recipe(tmp_path / "run", f"model:\n  source: {tmp_path / named}\n")

    assert metrics["reference"] == {"is_training": True, "description": "10 training answers of my_lessons.json"}


@pytest.mark.parametrize(
    "recipe", ["", "model: nano\n", "[1, 2]", "a: [", "data:\n  path: 3\n", "model:\n  source: nano\n"]
)
def test_without_training_data_the_evaluated_answers_serve_and_that_is_said(tmp_path, recipe):
    metrics = score_with_recipe(tmp_path, recipe)

    assert metrics["reference"] == {"is_training": False, "description": "the evaluated answers themselves"}
    assert (
        "the evaluated answers themselves" in metrics["metrics"]["rouge_l"]["baselines"]["blind_prior"]["description"]
    )


def test_a_damaged_neighbour_that_nobody_asked_for_is_passed_over(tmp_path):
    (tmp_path / "qved_train.json").write_text("{")

    metrics = score_with_recipe(tmp_path / "run", f"data:\n  path: {tmp_path / 'qved_test.json'}\n")

    assert not metrics["reference"]["is_training"]


def test_a_damaged_file_that_was_asked_for_is_an_error(tmp_path):
    path = tmp_path / "train.json"
    path.write_text("{")
    run = write_run(tmp_path / "run", [make_record(0)])

    with pytest.raises(DataInvalid, match="train.json"):
        score_predictions(run.path, FAST.model_copy(update={"reference": path}))


def test_a_damaged_pack_file_still_marks_a_pack(tmp_path):
    (tmp_path / "pack.json").write_text("{")

    assert score_with_recipe(tmp_path / "run", f"data:\n  videos: {tmp_path}\n")["pack"] == tmp_path.name
