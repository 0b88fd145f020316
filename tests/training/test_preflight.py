"""Mistakes of every layer, named at once and before any weight is read."""

import io
import json

import pytest

from vidtune.config import dump_config
from vidtune.core.errors import ConfigInvalid, DataInvalid, DiskFull
from vidtune.core.rundir import RunDirectory
from vidtune.training import TrainConfig, _preflight_model, load_train_recipe, train

MEASURES = ("rouge_l", "exercise_identification")


class Evaluator:
    """Measures, and says beforehand what."""

    def __call__(self, loaded, samples, framesets, max_new_tokens):
        return dict.fromkeys(MEASURES, 0.5)

    def metric_names(self, samples):
        return MEASURES


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def no_weights(monkeypatch):
    """Fail when a weight file is opened, by whatever library."""
    import safetensors
    import safetensors.torch

    def refuse(*args, **kwargs):
        raise AssertionError(f"weights were read: {args}")

    monkeypatch.setattr("vidtune.training._prepare.load_model", refuse)
    monkeypatch.setattr(safetensors, "safe_open", refuse)
    monkeypatch.setattr(safetensors.torch, "load_file", refuse)
    real = io.open

    def look(file, *args, **kwargs):
        assert not str(file).endswith(".safetensors"), f"weights were opened: {file}"
        return real(file, *args, **kwargs)

    monkeypatch.setattr("builtins.open", look)


def write_recipe(path, config, **changes):
    values = json.loads(config.model_dump_json(exclude_unset=True))
    for key, value in changes.items():
        *parents, leaf = key.split("__")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
        target[leaf] = value
    path.write_text(json.dumps(values))  # JSON is YAML
    return path


@pytest.fixture
def held_out(clips):
    return {"path": str(clips / "val.json"), "videos": str(clips)}


def test_five_mistakes_of_five_layers_are_named_in_one_screen(recipe, run, held_out, tmp_path, no_weights):
    path = write_recipe(
        tmp_path / "recipe.yaml",
        recipe(eval_data=held_out, evaluation={"every_steps": 2}),
        optim__learning_rat=1e-3,
        data__path=str(tmp_path / "nothing.json"),
        eval_data__videos=str(tmp_path / "nowhere"),
        evaluation__metric="acuracy",
        adapter__per_modality={"language": {"targets": "qkv"}},
    )

    with pytest.raises(ConfigInvalid) as caught:
        load_train_recipe(path, [], run, evaluator=Evaluator())

    findings = caught.value.findings
    assert len(findings) == 5, findings
    for part in (
        "optim.learning_rat: no such setting",
        "nothing.json",
        "4 of 4 videos are not below",
        "evaluation.metric='acuracy' is not measured on such data; measured are exercise_identification, loss, rouge_l",
        "per_modality.language.targets='qkv' is the end of no linear layer",
    ):
        assert any(part in finding for finding in findings), part
    assert str(caught.value).count("\n") == 5
    assert not run.path.exists()


def test_five_more_are_named_as_well(recipe, run, tmp_path, no_weights, monkeypatch):
    path = write_recipe(
        tmp_path / "recipe.yaml",
        recipe(),
        sampling__kind="unifrom",
        model__device="cuda:7",
        optim__vision_lr_multiplier=0.5,
        adapter__modalities=["language", "audio"],
        loop__tracking={"trackers": ["wandbb"]},
    )
    monkeypatch.setattr(_preflight_model, "_SMALLEST_FREE_BYTES", 2**60)

    with pytest.raises(ConfigInvalid) as caught:
        load_train_recipe(path, [], run, evaluator=None)

    findings = caught.value.findings
    assert len(findings) == 6, findings
    for part in ("unifrom", "cuda:7", "has no effect", "no audio tower", "Did you mean 'wandb'", "bytes are free at"):
        assert any(part in finding for finding in findings), part


def test_the_command_says_them_all_and_exits_2(recipe, held_out, tmp_path, vidtune):
    """A model folder whose weights cannot be read: it would be said if anyone tried."""
    config = recipe(eval_data=held_out, evaluation={"every_steps": 2})
    path = write_recipe(
        tmp_path / "recipe.yaml",
        config,
        optim__learning_rate=7,
        loop__batch_size=0,
        data__videos=str(tmp_path / "nowhere"),
        evaluation__metric="acuracy",
        adapter__per_modality={"language": {"targets": "qkv"}},
    )
    status, _, error = vidtune("train", path, "--out", tmp_path / "run")

    assert status == 2
    assert error.startswith("error[config_invalid]: ")
    for part in ("optim.learning_rate", "loop.batch_size", "10 of 10 videos", "'acuracy'", "'qkv'"):
        assert part in error
    assert not (tmp_path / "run").exists()


def test_what_only_follows_from_another_mistake_is_not_named(recipe, run, tmp_path, held_out):
    """Without its kind the adapter would be lora, and 'full' of the others would look wrong."""
    config = recipe(adapter={"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["vision"]})
    path = write_recipe(tmp_path / "recipe.yaml", config, adapter__kind="fulll", optim__vision_lr_multiplier=0.5)

    with pytest.raises(ConfigInvalid) as caught:
        load_train_recipe(path, [], run, evaluator=None)

    [finding] = caught.value.findings
    assert "Did you mean 'full'" in finding


def test_a_recipe_without_what_it_needs_is_refused_as_before(tmp_path, run):
    path = tmp_path / "recipe.yaml"
    path.write_text("optim: {learning_rate: 7}\n")

    with pytest.raises(ConfigInvalid, match="data.*Field required"):
        load_train_recipe(path, [], run, evaluator=None)


def test_a_recipe_that_holds_is_read_as_it_is(recipe, run, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(dump_config(recipe()))

    config = load_train_recipe(path, ["seed=3"], run, evaluator=None)

    assert isinstance(config, TrainConfig)
    assert config == recipe(seed=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adapter": {"modalities": ["audio"]}}, "no audio tower; it has"),
        ({"model": {"device": "cuda:7"}}, "model.device: device 'cuda:7' is not here"),
        ({"model": {"source": "./nowhere"}}, "'./nowhere' is no folder here and no hub id"),
    ],
)
def test_what_the_model_does_not_have_is_found_before_its_weights_load(changes, message, recipe, run, no_weights):
    with pytest.raises(DataInvalid, match=message):
        train(recipe(**changes), run)


def test_a_hub_model_that_is_not_here_is_not_fetched_to_check_a_recipe(recipe, run, tmp_path, no_weights):
    path = write_recipe(tmp_path / "recipe.yaml", recipe(), model__source="nobody/nothing", optim__learning_rate=7)

    with pytest.raises(ConfigInvalid) as caught:
        load_train_recipe(path, [], run, evaluator=None)

    assert len(caught.value.findings) == 1


@pytest.mark.parametrize(
    "adapter",
    [
        {"modalities": ["vision", "language"], "modules_to_train": ["projector"]},
        {"per_modality": {"language": {"rank": 2, "targets": "q_proj|v_proj"}}},
        {"modules_to_train": ["embeddings"]},
        {"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["language", "projector"]},
    ],
)
def test_what_will_be_trained_is_known_before_weights_load(adapter, recipe):
    """The estimate of the disk begins with it; it may be off by a fifth."""
    from vidtune.adapters import attach_adapter
    from vidtune.models import load_model
    from vidtune.training._preflight_model import _trained_bytes

    config = recipe(adapter=adapter)
    estimated = _trained_bytes(config)
    loaded = load_model(config.model.source, device="cpu")
    targets = {modality: loaded.family.linear_targets(modality) for modality in loaded.family.modalities}
    model = attach_adapter(loaded.model, config.adapter, targets, modality_of=loaded.family.modality_of)
    actual = sum(parameter.numel() * 4 for parameter in model.parameters() if parameter.requires_grad)

    assert estimated == pytest.approx(actual, rel=0.2)


def test_a_disk_that_is_too_small_is_said_before_weights_load(recipe, run, no_weights, monkeypatch):
    monkeypatch.setattr(_preflight_model, "_SMALLEST_FREE_BYTES", 2**60)

    with pytest.raises(DiskFull, match="its checkpoints and result need about 1,152,921,504,606,846,976"):
        train(recipe(), run)
