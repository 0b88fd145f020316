"""The last layer without the positions that nothing reads: the same loss, the same gradients, less work."""

import importlib

import numpy as np
import pytest
import torch

from vidtune.adapters import AdapterConfig, attach_adapter, bare_model
from vidtune.core.rundir import RunDirectory
from vidtune.data import Turn
from vidtune.inference import LastLayer
from vidtune.media import frameset_from_array
from vidtune.models import families
from vidtune.training import read_history, train
from vidtune.training._loss import positions_read, supervised_loss_sum

ANSWERS = ("squats", "pushups - the hips sag, keep the back straight", "the knees move inwards")
FAMILIES = {
    "qwen2_vl": "tests.models.tiny",
    "qwen3_vl": "tests.models.families.tiny_qwen3_vl",
    "smolvlm": "tests.models.families.tiny_smolvlm",
    "gemma3n": "tests.models.families.tiny_gemma3n",
}
KINDS = {
    "lora": {"kind": "lora", "rank": 4, "dropout": 0.0, "modalities": ("language",)},
    "full": {"kind": "full", "modalities": ("language",)},
    "bottleneck": {"kind": "bottleneck", "rank": 4, "modalities": ("language",)},
    "prefix": {"kind": "prefix", "modalities": ("language",)},
    "prompt": {"kind": "prompt", "modalities": ("language",)},
    "ia3": {"kind": "ia3", "modalities": ("language",)},
    "modality_lora": {"kind": "modality_lora", "rank": 4, "dropout": 0.0, "modalities": ("language",)},
}


def make_batch(family, processor):
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, (4, 56, 56, 3), dtype=np.uint8) for _ in ANSWERS]
    rows = [
        family.encode_training(
            processor,
            [((Turn("user", "Which?"), Turn("assistant", answer)), frameset_from_array(clip, fps=4.0))],
        )
        for answer, clip in zip(ANSWERS, clips, strict=True)
    ]
    return family.join_training(processor, rows)


def make_case(family_name, adapter):
    tiny = importlib.import_module(FAMILIES[family_name])
    family, processor = families.get(family_name), tiny.make_processor()
    model = tiny.make_model(processor)
    torch.manual_seed(0)
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    tuned = attach_adapter(model, AdapterConfig(**KINDS[adapter]), targets, modality_of=family.modality_of)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)  # what begins as zero teaches nothing
    return tuned.train(), make_batch(family, processor)


def loss_and_gradients(model, batch):
    model.zero_grad()
    loss = supervised_loss_sum(model, batch)
    loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return loss.item(), {name: gradient.clone() for name, gradient in found.items()}


@pytest.mark.parametrize(
    ("family", "adapter"), [(name, "lora") for name in FAMILIES] + [("qwen2_vl", kind) for kind in KINDS]
)
def test_what_is_left_out_changes_neither_loss_nor_gradients(family, adapter):
    model, batch = make_case(family, adapter)
    loss, gradients = loss_and_gradients(model, batch)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        less, fewer = loss_and_gradients(model, batch)

    assert less == pytest.approx(loss, rel=1e-6)
    assert fewer.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, atol=2e-5, rtol=1e-4)


def count_mlp_positions(model):
    seen = []
    last = bare_model(model).get_decoder().layers[-1]
    last.mlp.down_proj.register_forward_hook(lambda part, args, output: seen.append(output.shape[:-1].numel()))
    return seen


def test_only_what_is_read_goes_through_the_last_mlp_and_everything_does_outside():
    model, batch = make_case("qwen2_vl", "lora")
    is_read = positions_read(batch["labels"])
    seen = count_mlp_positions(model)
    last_layer = LastLayer(model)
    with last_layer.reading(is_read):
        supervised_loss_sum(model, batch)
    supervised_loss_sum(model, batch)

    assert seen == [int(is_read.sum()), is_read.numel()]
    assert seen[0] < seen[1] / 2


def test_layers_that_are_run_again_in_the_backward_pass_leave_out_the_same():
    model, batch = make_case("qwen2_vl", "lora")
    _, gradients = loss_and_gradients(model, batch)
    seen = count_mlp_positions(model)
    bare_model(model).activation_checkpointing_enable({"use_reentrant": False})
    is_read = positions_read(batch["labels"])
    last_layer = LastLayer(model)
    with last_layer.reading(is_read):
        _, fewer = loss_and_gradients(model, batch)

    assert seen == [int(is_read.sum())] * 2
    for name, gradient in gradients.items():
        torch.testing.assert_close(fewer[name], gradient, atol=2e-5, rtol=1e-4)


def test_a_batch_in_which_nothing_is_learned_gives_no_loss_and_no_gradient():
    model, batch = make_case("qwen2_vl", "lora")
    batch["labels"] = torch.full_like(batch["labels"], -100)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        loss, gradients = loss_and_gradients(model, batch)

    assert loss == 0.0
    assert all(not gradient.any() for gradient in gradients.values())


def test_a_layer_that_must_know_every_token_is_left_alone():
    model, batch = make_case("qwen2_vl", "modality_lora")
    seen = count_mlp_positions(model)
    last_layer = LastLayer(model)
    with last_layer.reading(positions_read(batch["labels"])):
        supervised_loss_sum(model, batch)

    assert seen == [batch["labels"].numel()]


def test_a_run_learns_what_it_learned_with_the_whole_last_layer(recipe, tmp_path, monkeypatch):
    losses = {}
    for name in ("part", "whole"):
        run = RunDirectory(tmp_path / name)
        train(recipe(adapter={"dropout": 0.0}), run)
        losses[name] = [record["loss"] for record in read_history(run.training_log).steps]
        monkeypatch.setattr("vidtune.inference._last_layer._parts_of_one_position", lambda model: [])

    assert losses["part"] == pytest.approx(losses["whole"], abs=1e-5)
