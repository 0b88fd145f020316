from pathlib import Path

import pytest

from vidtune.config import dump_config, load_recipe
from vidtune.core.errors import ConfigInvalid
from vidtune.training import TrainConfig, read_history

from . import child, forked

RECIPES = sorted((Path(__file__).parents[2] / "recipes" / "physio").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_comes_with_vidtune_is_valid(path):
    config = load_recipe(TrainConfig, path)

    assert config.eval_data is not None
    assert path.read_text().startswith("#"), "a recipe begins by saying what it is"


def test_there_is_a_recipe_for_each_way_of_tuning():
    kinds = {load_recipe(TrainConfig, path).adapter.kind for path in RECIPES}

    assert {"lora", "qlora", "full"} <= kinds


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loop.max_steps=3", "set exactly one"),
        ("evaluation.every_steps=5", "set one of them"),
        ("eval_data=null", "evaluation is set but eval_data is not"),
        ("evaluation=null", "eval_data is set but evaluation is null"),
        ("optim.vision_lr_multiplier=0.5", "has no effect"),
        ("optim.learning_rate=0", "learning_rate"),
        ("optim.learningrate=1e-3", "optim.learningrate: no such setting"),
        ("seed=-1", "seed"),
    ],
)
def test_settings_that_cannot_be_or_do_nothing_are_refused(override, message):
    path = next(path for path in RECIPES if path.stem == "nano-lora")
    with pytest.raises(ConfigInvalid, match=message):
        load_recipe(TrainConfig, path, [override])


def test_all_wrong_values_of_a_recipe_are_named_at_once():
    path = next(path for path in RECIPES if path.stem == "nano-lora")
    overrides = ["optim.learning_rate=7", "loop.batch_size=0", "save.keep=0", "adapter.kind=loar", "seed=x"]

    with pytest.raises(ConfigInvalid) as caught:
        load_recipe(TrainConfig, path, overrides)
    for part in ("optim.learning_rate", "loop.batch_size", "save.keep", "loar", "seed"):
        assert part in str(caught.value)


def test_no_config_has_more_than_fifteen_fields():
    from vidtune import training

    for name in training.__all__:
        part = getattr(training, name)
        if name.endswith("Config"):
            assert len(part.model_fields) <= 15, name
            assert all(field.description for field in part.model_fields.values()), name


@pytest.fixture(scope="module")
def physio(tmp_path_factory):
    from vidtune.packs.physio import PACK, PhysioConfig

    folder = tmp_path_factory.mktemp("physio")
    exercises = ("squats", "pushups")
    PACK.synthesize(folder, PhysioConfig(num_clips=20, size_px=64, fps=8, exercises=exercises, workers=1))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "overrides", "num_processes"),
    [
        (
            "nano-surgvivqa-qlora",
            ["data.limit=8", "loop.epochs=null", "loop.max_steps=3", "evaluation.every_steps=1"],
            2,
        ),
        ("nano-qved-finetune", ["loop.epochs=null", "loop.max_steps=2", "evaluation.every_steps=1"], 1),
    ],
)
def test_the_seeds_recipes_run_on_the_pack(name, overrides, num_processes, physio, tmp_path):
    """A few steps of each; what they lead to is not what is tested."""
    path = next(path for path in RECIPES if path.stem == name)
    overrides = [
        *overrides,
        *(
            f"{part}.{key}={value}"
            for part, file in (("data", "train"), ("eval_data", "val"))
            for key, value in (("path", physio / f"qved_{file}.json"), ("videos", physio))
        ),
        "evaluation.limit=4",
        "evaluation.max_new_tokens=4",
    ]
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    recipe.write_text(dump_config(load_recipe(TrainConfig, path, overrides)))
    said = tmp_path / "said"
    forked.run_world(child.learn, str(recipe), str(run), num_processes=num_processes, folder=said)

    history = read_history(run / "training.jsonl")
    assert len(history.steps) >= 2
    assert {"loss", "rouge_l"} <= history.evaluations[-1]["metrics"].keys()
    assert (run / "best" / "adapter_model.safetensors").exists()
    assert list((run / "tensorboard").iterdir())
