"""temporal_lora in a model: equal to plain LoRA at first, the same in any batch, saved and loaded by PEFT itself."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.adapters.tuning import MODALITIES
from tests.models.prompts import ask, converse, make_frames

from vidtune.adapters import (
    AdapterConfig,
    ClipGates,
    adapter_penalty,
    attach_adapter,
    clip_gates,
    draw_gate_map,
    draw_gate_summary,
    export_plain_lora,
    fit_frame_signals,
    frame_inputs,
    frame_signals_given,
    gate_rows,
    load_adapter,
    mean_ranks,
    merge_adapter,
    quantization_config,
    quiet_libraries,
    save_adapter,
)
from vidtune.adapters.temporal._budget import rank_share
from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import gated_layers
from vidtune.core.errors import BadUsage
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.media import FrameSet
from vidtune.models import LoadedModel, load_model

FAMILIES = ("smolvlm", "llava_onevision", "internvl", "qwen3_vl", "llava_next_video")


def make_config(**changes: Any) -> AdapterConfig:
    options = {name: changes.pop(name) for name in list(changes) if name not in AdapterConfig.model_fields}
    return AdapterConfig(
        **{"kind": "temporal_lora", "rank": 4, "alpha": 8, "dropout": 0, "options": options, **changes}
    )


def make_clip(num_frames: int, *, seed: int) -> FrameSet:
    """Return frames of which some are still and some are not."""
    frames = make_frames(num_frames, seed=seed)
    frames.frames_thwc[:] = frames.frames_thwc // np.linspace(1, 3 + seed, num_frames).astype(int)[:, None, None, None]
    return frames


CLIPS = (make_clip(6, seed=1), make_clip(2, seed=2), make_clip(8, seed=3))
ANSWERS = ("squats - the knees move inwards", "pushups", "the hips sag, keep the back straight")


@dataclass(frozen=True)
class Stage:
    """A tiny model with temporal_lora on it whose gates are not all open."""

    loaded: LoadedModel
    config: AdapterConfig

    @property
    def model(self) -> Any:
        return self.loaded.model

    def _with_signals(self, inputs: Any, which: Sequence[int]) -> dict[str, torch.Tensor]:
        per_group = self.loaded.family.frame_policy.multiple
        clips = [CLIPS[i].frames_thwc for i in which]
        return {**inputs, **frame_inputs(self.config, clips, frames_per_group=per_group)}

    def prompts(self, *which: int) -> dict[str, torch.Tensor]:
        items = [(ask("Which exercise is this?" * (1 + i)), CLIPS[i]) for i in which]
        return self._with_signals(self.loaded.family.encode_prompts(self.loaded.processor, items), which)

    def training(self, *which: int) -> dict[str, torch.Tensor]:
        items = [(converse("Which exercise is this?", ANSWERS[i]), CLIPS[i]) for i in which]
        return self._with_signals(self.loaded.family.encode_training(self.loaded.processor, items), which)

    def logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        self.model.eval()
        with torch.no_grad():
            logits: torch.Tensor = self.model(**inputs, use_cache=False).logits
        return logits

    def train(self, *which: int, num_steps: int = 2) -> None:
        optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-2)
        self.model.train()
        for _ in range(num_steps):
            loss = self.model(**self.training(*which), use_cache=False).loss
            penalty = adapter_penalty(self.model)
            (loss if penalty is None else loss + penalty).backward()
            optimizer.step()
            optimizer.zero_grad()


def bare_stage(folder: Path, config: AdapterConfig) -> Stage:
    loaded = load_model(folder, quantization_config=quantization_config(config))
    torch.manual_seed(0)
    family = loaded.family
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    model = attach_adapter(loaded.model, config, targets, modality_of=family.modality_of)
    return Stage(LoadedModel(model, *(getattr(loaded, name) for name in list(loaded.__dataclass_fields__)[1:])), config)


def make_stage(folder: Path, **changes: Any) -> Stage:
    stage = bare_stage(folder, make_config(**changes))
    fit_frame_signals(stage.model, [stage.prompts(0, 1, 2)])
    torch.manual_seed(5)
    for layer, gate in gated_layers(stage.model).values():
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.2)
        for parameter in gate.parameters():
            torch.nn.init.normal_(parameter, std=0.04)
    return stage


@pytest.fixture(scope="module")
def stage(base_folder: Path) -> Stage:
    """Shared by tests that change nothing."""
    return make_stage(base_folder, modalities=MODALITIES)


@pytest.mark.parametrize("is_training", [True, False])
def test_a_fresh_adapter_is_plain_lora_to_the_last_bit(base_folder: Path, is_training: bool) -> None:
    fresh = bare_stage(base_folder, make_config(modalities=MODALITIES))
    plain = bare_stage(base_folder, AdapterConfig(rank=4, alpha=8, dropout=0, modalities=MODALITIES))
    inputs = fresh.prompts(0, 1)
    outputs = []
    for stage in (fresh, plain):
        torch.manual_seed(3)
        for name, parameter in stage.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
        stage.model.train(is_training)
        known = inputs if stage is fresh else {k: v for k, v in inputs.items() if not k.startswith("frame_")}
        outputs.append(stage.model(**known, use_cache=False).logits)

    assert torch.equal(*outputs)


def test_gates_of_the_stage_are_neither_all_open_nor_all_alike(stage: Stage) -> None:
    stage.logits(stage.prompts(0, 1))

    rows = gate_rows(stage.model)

    assert {row.is_visual for row in rows} == {True, False}
    assert all(len(row.frame_ranks) == 4 for row in rows)
    assert any(len(set(row.frame_ranks)) > 1 for row in rows)
    assert any(row.text_rank not in (None, row.rank) for row in rows)


def test_the_batch_changes_nothing(stage: Stage) -> None:
    together = stage.logits(stage.prompts(0, 1, 2))

    for row in range(3):
        alone = stage.logits(stage.prompts(row))[0]
        torch.testing.assert_close(together[row, -alone.shape[0] :], alone, atol=2e-5, rtol=1e-4)


def test_the_gates_of_a_clip_are_the_same_to_the_last_bit_in_any_batch(stage: Stage) -> None:
    stage.logits(stage.prompts(1, 2))
    together = [row.frame_ranks[1:] for row in gate_rows(stage.model)]
    signals = context_of(stage.model).signals_gs[1:]

    stage.logits(stage.prompts(2))

    assert [row.frame_ranks for row in gate_rows(stage.model)] == together
    assert torch.equal(context_of(stage.model).signals_gs, signals)


def test_padding_on_the_right_changes_no_logit_of_a_token(stage: Stage) -> None:
    alone = stage.training(1)
    padded = stage.training(1, 2)
    length = alone["input_ids"].shape[1]

    torch.testing.assert_close(stage.logits(padded)[0, :length], stage.logits(alone)[0], atol=2e-5, rtol=1e-4)


def test_answers_are_the_same_with_and_without_a_cache(stage: Stage) -> None:
    inputs = stage.prompts(0, 2)
    answers = []
    for use_cache in (True, False):
        own = {name: value for name, value in inputs.items() if not name.startswith("frame_")}
        with frame_signals_given(stage.model, inputs), torch.no_grad():
            stage.model.eval()
            answers.append(stage.model.generate(**own, max_new_tokens=6, do_sample=False, use_cache=use_cache))

    assert torch.equal(*answers)


def test_answers_in_a_batch_are_those_of_one_by_one(stage: Stage) -> None:
    requests = [Request(ask("Which exercise is this?"), CLIPS[i], key=str(i)) for i in range(3)]
    config = GenerationConfig(max_new_tokens=6)

    together = generate(stage.loaded, requests, config, batch_size=3)

    assert [one.text for one in together] == [generate(stage.loaded, [one], config)[0].text for one in requests]


@pytest.mark.parametrize("skip_still_below", [None, 0.0])
@pytest.mark.parametrize("use_reentrant", [False, True])
def test_gradients_are_the_same_with_gradient_checkpointing(
    base_folder: Path, use_reentrant: bool, skip_still_below: float | None
) -> None:
    gradients = []
    for is_checkpointing in (False, True):
        stage = make_stage(base_folder, skip_still_below=skip_still_below)
        stage.model.train()
        if is_checkpointing:
            stage.model.enable_input_require_grads()
            stage.model.activation_checkpointing_enable({"use_reentrant": use_reentrant})
        loss = stage.model(**stage.training(0, 1), use_cache=False).loss
        (loss + adapter_penalty(stage.model)).backward()
        gradients.append({name: p.grad for name, p in stage.model.named_parameters() if p.requires_grad})

    for name, expected in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], expected, atol=1e-7, rtol=1e-5)


def test_every_gate_gets_a_gradient_from_the_loss(base_folder: Path) -> None:
    stage = make_stage(base_folder, modalities=MODALITIES, budget=None)
    stage.model.train()

    stage.model(**stage.training(0, 1, 2), use_cache=False).loss.backward()

    assert adapter_penalty(stage.model) is None
    for name, parameter in stage.model.named_parameters():
        # Of the last layer, what pixels ask for reaches no answer.
        if "lora_" in name and "gate_text" not in name and "language_model.layers.1." not in name:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def assert_gradients_of_penalty(model: Any, without: Sequence[str] = ()) -> None:
    """Compare the gradients of the penalty on every seventh gate with differences of its values.

    Args:
        model: In double precision, shown something.
        without: Parameters that the penalty must not teach.
    """
    adapter_penalty(model).backward()
    step = 1e-6

    for _, gate in list(gated_layers(model).values())[::7]:
        for name, parameter in gate.named_parameters():
            if name in without:
                assert parameter.grad is None
                continue
            before = parameter.data[0].item()
            sides = []
            for side in (step, -step):
                parameter.data[0] = before + side
                sides.append(adapter_penalty(model).item())
            parameter.data[0] = before
            assert parameter.grad[0].item() == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-9)


def test_the_gradient_of_the_budget_penalty_is_that_of_finite_differences(base_folder: Path) -> None:
    stage = make_stage(base_folder, modalities=MODALITIES, budget=0.4, budget_weight=3.0)
    stage.model.train().double()
    inputs = stage.training(0, 1)
    inputs = {name: value.double() if value.is_floating_point() else value for name, value in inputs.items()}
    stage.model(**inputs, use_cache=False)

    assert_gradients_of_penalty(stage.model)


def test_the_penalty_draws_training_to_the_budget(base_folder: Path) -> None:
    stage = make_stage(base_folder, budget=0.5, budget_weight=20.0)
    stage.model.train()
    optimizer = torch.optim.Adam([p for n, p in stage.model.named_parameters() if "gate_" in n], lr=2e-3)
    inputs = stage.training(0, 1, 2)
    stage.model(**inputs, use_cache=False)
    before = abs(rank_share(stage.model).item() - 0.5)
    for _ in range(150):
        optimizer.zero_grad()
        adapter_penalty(stage.model).backward()
        optimizer.step()

    assert abs(rank_share(stage.model).item() - 0.5) < 0.02 < before


def test_a_smaller_rank_is_a_prefix_of_a_larger_one(base_folder: Path) -> None:
    stage = make_stage(base_folder)
    for _, gate in gated_layers(stage.model).values():
        gate.gate_slope.data.zero_()
        edge = torch.tensor(2.0 / (2 * gate.open_edge))
        for offset in (gate.gate_offset, gate.gate_text):
            offset.data.fill_(torch.logit(edge) / gate.gain)  # both edges at 2
    inputs = stage.prompts(0, 1)
    gated = stage.logits(inputs)
    assert {rank for row in gate_rows(stage.model) for rank in (*row.frame_ranks, row.text_rank)} == {2}

    for layer, gate in gated_layers(stage.model).values():
        layer.lora_B["default"].weight.data[:, 2:] = 0
        for offset in (gate.gate_offset, gate.gate_text):
            offset.data.zero_()

    torch.testing.assert_close(stage.logits(inputs), gated, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("quantizer", [None, "nf4", "int8", "int8-weight-only"])
def test_it_trains_answers_trains_on_and_reloads_exactly_on_every_kind_of_base(
    base_folder: Path, tmp_path: Path, quantizer: str | None
) -> None:
    if quantizer == "int8-weight-only":
        pytest.importorskip("torchao")
    stage = make_stage(base_folder, quantizer=quantizer)
    inputs = stage.prompts(0, 1)
    before = stage.logits(inputs)
    stage.train(0, 1)
    between = stage.logits(inputs)
    stage.train(0, 2)
    expected = stage.logits(inputs)
    save_adapter(stage.model, tmp_path)

    base = load_model(base_folder, quantization_config=quantization_config(stage.config)).model
    loaded = load_adapter(base, tmp_path)

    with torch.no_grad():
        assert torch.equal(loaded(**inputs, use_cache=False).logits, expected)
    assert not torch.allclose(before, between, atol=1e-3)
    assert not torch.allclose(between, expected, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_trains_reloads_and_answers_on_other_families(family: str, tmp_path: Path) -> None:
    tiny = importlib.import_module(f"tests.models.families.tiny_{family}")
    folder = tiny.make_tiny_folder(tmp_path / "base")
    stage = make_stage(folder, modalities=("language",))
    stage.train(0, 1)
    inputs = stage.prompts(0, 1)
    expected = stage.logits(inputs)
    save_adapter(stage.model, tmp_path / "adapter")

    loaded = load_adapter(load_model(folder).model, tmp_path / "adapter")

    with torch.no_grad():
        assert torch.equal(loaded(**inputs, use_cache=False).logits, expected)
    num_groups = sum(len(frame_inputs(stage.config, [c.frames_thwc])["frame_signals"]) for c in CLIPS[:2])
    assert len(gate_rows(loaded)[0].frame_ranks) * stage.loaded.family.frame_policy.multiple == num_groups
    requests = [Request(ask("Which exercise is this?"), CLIPS[i], key=str(i)) for i in range(2)]
    assert len(generate(stage.loaded, requests, GenerationConfig(max_new_tokens=4))) == 2


def test_peft_alone_saves_and_loads_it(stage: Stage, base_folder: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    inputs = stage.prompts(0, 2)
    expected = stage.logits(inputs)
    stage.model.save_pretrained(tmp_path)

    with quiet_libraries():
        loaded = PeftModel.from_pretrained(load_model(base_folder).model, tmp_path).eval()

    with torch.no_grad():
        assert torch.equal(loaded(**inputs, use_cache=False).logits, expected)
    assert loaded.peft_config["default"].signal_mean == pytest.approx(context_of(stage.model).config.signal_mean)


@pytest.mark.slow
def test_peft_knows_it_once_vidtune_adapters_is_imported_and_says_so_before(stage: Stage, tmp_path: Path) -> None:
    """In a new process, and a fork of it that imports them the other way round."""
    stage.model.save_pretrained(tmp_path)
    # The child defines two operators by itself, as the CPU build of torchvision needs; see ``ensure_torchvision``.
    code = f"""
import os, sys
import torch
if torch.version.cuda is None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try:
            library.define(f"{{name}}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:
            pass
import accelerate, transformers.modeling_utils  # what takes long, before the fork
assert "peft" not in sys.modules

def try_it():
    from peft import PeftConfig
    try:
        print(type(PeftConfig.from_pretrained({str(tmp_path)!r})).__name__, flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)

if not (fork := os.fork()):
    import vidtune.adapters, peft
    try_it()
    os._exit(0)
os.waitpid(fork, 0)
import peft
try_it()
import vidtune.adapters
try_it()
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False)

    adapters_first, peft_alone, adapters_then = child.stdout.splitlines() or [child.stderr[-500:]] * 3
    assert adapters_first == adapters_then == "TemporalLoraConfig"
    assert re.search("KeyError.*import vidtune.adapters first", peft_alone)


def test_importing_the_adapters_imports_neither_torch_nor_peft() -> None:
    code = "import sys, vidtune.adapters; print([m for m in ('torch', 'peft', 'numpy') if m in sys.modules])"

    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)

    assert child.stdout.strip() == "[]"


def test_plain_export_runs_with_peft_alone_and_its_certificate_is_what_is_measured(
    stage: Stage, base_folder: Path, tmp_path: Path
) -> None:
    from peft import PeftModel

    inputs = stage.prompts(0, 1, 2)
    certificate = export_plain_lora(stage.model, tmp_path, [inputs])

    with quiet_libraries():
        plain = PeftModel.from_pretrained(load_model(base_folder).model, tmp_path).eval()

    own = {name: value for name, value in inputs.items() if not name.startswith("frame_")}
    with torch.no_grad():
        apart = (plain(**own, use_cache=False).logits - stage.logits(inputs))[inputs["attention_mask"].bool()].abs()
    assert json.loads((tmp_path / "adapter_config.json").read_text())["peft_type"] == "LORA"
    assert certificate.logits_mean_distance == pytest.approx(apart.mean().item(), rel=1e-3)
    assert certificate.logits_max_distance == pytest.approx(apart.max().item(), rel=1e-3)
    assert certificate.logits_max_distance > 1e-3
    assert all(0 <= layer.mean_distance <= layer.max_distance < 1.5 for layer in certificate.layers)
    assert any(layer.mean_distance > 0.05 for layer in certificate.layers)


def test_the_certificate_names_the_distance_of_each_layer_as_computed_from_the_matrices(
    stage: Stage, tmp_path: Path
) -> None:
    inputs = stage.prompts(2)
    certificate = export_plain_lora(stage.model, tmp_path, [inputs])
    stage.logits(inputs)
    name, (layer, gate) = next(iter(gated_layers(stage.model).items()))
    a, b = layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight.detach()
    context = context_of(stage.model)
    gates = gate(context.signals_gs).detach()
    weights = context.weights[int(gate.is_visual) :]
    mean = (gates * weights[:, None]).sum(0) / weights.sum()

    distances = [float((b @ torch.diag(one - mean) @ a).norm() / (b @ a).norm()) for one in gates]

    found = next(one for one in certificate.layers if one.layer == name)
    assert found.max_distance == pytest.approx(max(distances), rel=1e-3)
    assert found.mean_distance == pytest.approx(float(np.average(distances, weights=weights)), rel=1e-3)


def test_an_open_gate_exports_without_loss(base_folder: Path, tmp_path: Path) -> None:
    fresh = bare_stage(base_folder, make_config())
    for layer, _ in gated_layers(fresh.model).values():
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.2)

    certificate = export_plain_lora(fresh.model, tmp_path, [fresh.prompts(0, 1)])

    assert certificate.logits_max_distance == 0
    assert certificate.same_next_token == 1
    assert all(layer.max_distance == 0 for layer in certificate.layers)


def test_controls_have_the_same_parameters_and_see_other_signals(base_folder: Path) -> None:
    stages = {name: make_stage(base_folder, control=name) for name in ("none", "constant", "shuffled", "random")}
    seen, sizes = {}, set()
    for name, stage in stages.items():
        stage.logits(stage.prompts(1, 0))
        seen[name] = context_of(stage.model).signals_gs
        sizes.add(sum(p.numel() for p in stage.model.parameters() if p.requires_grad))

    assert len(sizes) == 1
    assert (seen["constant"] == 0).all()
    assert torch.equal(seen["shuffled"][1:].sort(dim=0).values, seen["none"][1:].sort(dim=0).values)
    assert not torch.allclose(seen["random"], seen["none"])
    stages["random"].logits(stages["random"].prompts(0))
    assert torch.equal(context_of(stages["random"].model).signals_gs, seen["random"][1:])


def test_a_constant_gate_treats_all_frames_alike(base_folder: Path) -> None:
    stage = make_stage(base_folder, control="constant")

    stage.logits(stage.prompts(0, 1, 2))

    assert all(len(set(row.frame_ranks)) == 1 for row in gate_rows(stage.model))


def test_still_frames_teach_nothing_but_are_computed_as_before(base_folder: Path) -> None:
    whole, skipping = make_stage(base_folder), make_stage(base_folder, skip_still_below=1e9)
    losses = [s.model.train()(**s.training(0, 1), use_cache=False).loss for s in (whole, skipping)]
    for loss in losses:
        loss.backward()

    torch.testing.assert_close(*losses)
    (_, first), (_, second) = (list(gated_layers(s.model).values())[0] for s in (whole, skipping))
    assert first.gate_slope.grad.abs().max() > 0
    assert second.gate_slope.grad is None or second.gate_slope.grad.abs().max() == 0


def gradients(stage: Stage) -> dict[str, torch.Tensor]:
    stage.model.train()(**stage.training(0, 1), use_cache=False).loss.backward()
    return {name: p.grad for name, p in stage.model.named_parameters() if p.grad is not None}


def test_where_nothing_is_still_gradients_are_those_of_all_frames(base_folder: Path) -> None:
    whole, watching = (make_stage(base_folder, modalities=MODALITIES, skip_still_below=at) for at in (None, -1e9))
    expected, found = gradients(whole), gradients(watching)

    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-5)


def kept_bytes(stage: Stage) -> int:
    """Return what autograd keeps between forward and backward, each piece of memory once."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = stage.model.train()(**stage.training(0, 1, 2), use_cache=False).loss
    assert loss.requires_grad
    return sum(kept.values())


def test_the_more_frames_are_still_the_less_is_remembered(base_folder: Path) -> None:
    some, none = (kept_bytes(make_stage(base_folder, skip_still_below=at)) for at in (0.0, 1e9))

    assert none < some < kept_bytes(make_stage(base_folder))


def test_text_alone_needs_no_signals(stage: Stage) -> None:
    loaded = stage.loaded
    inputs = loaded.family.encode_prompts(loaded.processor, [(ask("What is a squat?"), None)])

    assert torch.isfinite(stage.logits(dict(inputs))).all()


def test_a_question_without_a_clip_changes_nothing_for_one_with_a_clip_beside_it(stage: Stage) -> None:
    loaded, text, clip = stage.loaded, ask("What is a squat?"), CLIPS[1]
    mixed = loaded.family.encode_prompts(loaded.processor, [(text, None), (ask("Which exercise is this?" * 2), clip)])
    signals = frame_inputs(stage.config, [None, clip.frames_thwc], frames_per_group=loaded.family.frame_policy.multiple)

    together = stage.logits({**mixed, **signals})

    rows = [mixed["attention_mask"][row].bool() for row in range(2)]
    alone = loaded.family.encode_prompts(loaded.processor, [(text, None)])
    torch.testing.assert_close(together[0, rows[0]], stage.logits(dict(alone))[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[1, rows[1]], stage.logits(stage.prompts(1))[0], atol=1e-5, rtol=1e-4)


def test_frames_without_signals_are_refused_by_name(stage: Stage) -> None:
    inputs = {name: value for name, value in stage.prompts(0).items() if not name.startswith("frame_")}

    with pytest.raises(BadUsage, match="given no frame_signals"):
        stage.logits(inputs)
    assert torch.isfinite(stage.logits(stage.prompts(0))).all()


def test_a_tower_that_is_run_by_itself_is_not_shown_the_clips_before(stage: Stage) -> None:
    inputs = stage.prompts(0, 1)
    stage.logits(inputs)

    with torch.no_grad(), pytest.raises(BadUsage, match="outside of a pass of the model"):
        stage.model.get_base_model().model.visual(inputs["pixel_values_videos"], grid_thw=inputs["video_grid_thw"])


def test_signals_of_another_batch_are_refused(stage: Stage) -> None:
    inputs = {**stage.prompts(0, 1), "frame_counts": torch.tensor([4])}

    with pytest.raises(BadUsage, match="do not fit 2 rows"):
        stage.logits(inputs)


def test_merging_is_refused_and_says_what_to_do(base_folder: Path) -> None:
    with pytest.raises(BadUsage, match="differs from frame to frame"):
        merge_adapter(make_stage(base_folder).model)


def test_other_kinds_are_called_with_nothing_more() -> None:
    assert frame_inputs(AdapterConfig(kind="lora"), [CLIPS[0].frames_thwc]) == {}


def gates_of(stage: Stage, which: int) -> ClipGates:
    family = stage.loaded.family
    found = clip_gates(
        stage.model,
        CLIPS[which].frames_thwc,
        frames_per_group=family.frame_policy.multiple,
        modality_of=family.modality_of,
    )
    assert found is not None
    return found


@pytest.mark.parametrize("which", range(3))
def test_the_gates_of_a_clip_are_known_without_running_the_model(stage: Stage, which: int) -> None:
    gates = gates_of(stage, which)

    stage.logits(stage.prompts(which))

    assert list(gates.rows) == gate_rows(stage.model)
    assert set(gates.modalities) == set(MODALITIES)
    assert all(row.is_visual == (name != "language") for row, name in zip(gates.rows, gates.modalities, strict=True))
    assert ClipGates.from_record(json.loads(json.dumps(gates.to_record()))).rows == gates.rows


def test_effective_ranks_are_means_by_tower_and_of_text_apart(stage: Stage) -> None:
    gates = gates_of(stage, 0)

    language = [row for row in gates.rows if not row.is_visual]
    assert set(gates.effective_ranks) == {"vision", "projector", "language frames", "language text"}
    assert gates.effective_ranks["language text"] == pytest.approx(np.mean([r.text_rank for r in language]), abs=1e-3)
    assert gates.effective_ranks["language frames"] == pytest.approx(
        np.mean([r.frame_ranks for r in language]), abs=1e-3
    )
    ranks = mean_ranks([gates, gates_of(stage, 2)])
    first = gates.rows[0]
    both = [*first.frame_ranks, *gates_of(stage, 2).rows[0].frame_ranks]
    assert ranks[first.layer] == {"frames": pytest.approx(np.mean(both), abs=1e-3)}
    assert set(ranks[language[0].layer]) == {"frames", "text"}


def test_other_kinds_have_no_gates_to_tell_of(base_folder: Path) -> None:
    plain = bare_stage(base_folder, AdapterConfig(rank=4))

    assert (
        clip_gates(plain.model, CLIPS[0].frames_thwc, frames_per_group=2, modality_of=plain.loaded.family.modality_of)
        is None
    )


def test_gates_are_drawn_under_the_frames_of_a_clip_and_over_many(stage: Stage, tmp_path: Path) -> None:
    draw_gate_map(gates_of(stage, 0), CLIPS[0].frames_thwc, tmp_path / "clip.png")
    draw_gate_summary([gates_of(stage, which) for which in range(3)], tmp_path / "all.png")

    for name in ("clip.png", "all.png"):
        picture = (tmp_path / name).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) > 15_000
    with pytest.raises(BadUsage, match="no gates to average"):
        draw_gate_summary([], tmp_path / "none.png")
