"""The kind as a whole, on a tiny model of three towers and on nano."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.adapters.tuning import MODALITIES, TARGETS, Bench
from tests.models.prompts import converse, make_frames

from vidtune.adapters import (
    AdapterConfig,
    adapter_config_of,
    adapter_kinds,
    attach_adapter,
    load_adapter,
    merge_adapter,
    quiet_libraries,
    save_adapter,
)
from vidtune.adapters.rank_budget import RankBudgetOptions, draw_plan, make_plan, move_ranks, read_plan, write_plan
from vidtune.config import build_config
from vidtune.core.errors import BadUsage, ConfigInvalid, ModelMismatch
from vidtune.models import load_model
from vidtune.models.families.qwen2_vl import FAMILY

SCORES = ("fisher", "sensitivity", "explained_variance")
ALLOCATIONS = ("uniform", "random")


def make_config(rank: int = 4, **options: Any) -> AdapterConfig:
    return AdapterConfig(kind="rank_budget", rank=rank, alpha=2 * rank, dropout=0.0, options=options)


def samples(processor: Any) -> list[dict[str, torch.Tensor]]:
    items = [
        (converse("Which exercise is this?", "squats - the knees move inwards"), make_frames(4, seed=1)),
        (converse("What colour is the shirt?", "pushups"), make_frames(2, seed=2)),
    ]
    return [dict(FAMILY.encode_training(processor, [item])) for item in items]


def attach(bench: Bench, config: AdapterConfig, *, num_batches: int = 2) -> Any:
    loaded = load_model(bench.folder, quantization_config=quantization_of(config))
    torch.manual_seed(0)
    return attach_adapter(
        loaded.model,
        config,
        TARGETS,
        modality_of=FAMILY.modality_of,
        batches=samples(loaded.processor)[:num_batches],
    )


def quantization_of(config: AdapterConfig) -> Any:
    return adapter_kinds.get("rank_budget").quantization_config(config, "cpu")


def num_trained(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(
    "options",
    [{"score": score} for score in SCORES]
    + [{"allocation": allocation} for allocation in ALLOCATIONS]
    + [{"modality_weights": "frame_entropy"}, {"floor": 0}],
    ids=str,
)
def test_what_is_trained_fills_the_budget_and_never_exceeds_it(bench: Bench, options: dict[str, Any]):
    model = attach(bench, make_config(**options))

    plan = model.vidtune_rank_plan
    smallest = min(matrix.num_in + matrix.num_out for matrix in plan.matrices)
    assert num_trained(model) == plan.num_parameters
    assert plan.budget_parameters - smallest < plan.num_parameters <= plan.budget_parameters
    assert {matrix.modality for matrix in plan.matrices} == set(MODALITIES)


def test_scores_lead_to_other_ranks_than_the_controls(bench: Bench):
    ranks = {
        str(options): tuple(matrix.rank for matrix in attach(bench, make_config(**options)).vidtune_rank_plan.matrices)
        for options in ({"score": "fisher"}, {"score": "explained_variance"}, {"allocation": "uniform"})
    }

    assert len(set(ranks.values())) == 3
    assert set(ranks["{'allocation': 'uniform'}"]) == {4}


def test_floors_ceilings_and_weights_of_single_towers_hold(bench: Bench):
    config = make_config(
        floor=2, ceiling=6, bounds={"vision": {"floor": 3, "ceiling": 3}}, modality_weights={"projector": 1e6}
    )

    ranks: dict[str, set[int]] = {}
    for matrix in attach(bench, config).vidtune_rank_plan.matrices:
        ranks.setdefault(matrix.modality, set()).add(matrix.rank)

    assert ranks["vision"] == {3}
    assert ranks["projector"] == {6}
    assert min(ranks["language"]) >= 2


@pytest.mark.parametrize("storage", ["plain", "nf4"])
def test_it_trains_saves_and_loads_to_the_last_bit(bench: Bench, storage: str, tmp_path: Path):
    config = make_config(base_storage=storage)
    tuned = attach(bench, config)
    losses = bench.train(tuned)
    expected = bench.logits(tuned)
    bench.train(tuned, num_steps=1)  # in 4 bit: training goes on after an answer
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path)

    base = load_model(bench.folder, quantization_config=quantization_of(config)).model
    loaded = load_adapter(base, tmp_path)

    assert losses[1] < losses[0]
    assert torch.equal(bench.logits(loaded), expected)
    assert adapter_config_of(tmp_path) == config
    assert loaded.vidtune_rank_plan.peft_settings() == tuned.vidtune_rank_plan.peft_settings()
    assert (tmp_path / "rank_plan.png").read_bytes().startswith(b"\x89PNG")
    if storage == "plain":
        assert torch.allclose(bench.logits(merge_adapter(loaded)), expected, atol=1e-4)
    else:
        with pytest.raises(BadUsage, match="4-bit"):
            merge_adapter(loaded)


def test_a_saved_adapter_and_a_plan_are_what_peft_takes(bench: Bench, tmp_path: Path):
    from peft import LoraConfig, PeftModel, get_peft_model  # only once torchvision is repaired

    tuned = attach(bench, make_config())
    bench.train(tuned)
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path)
    plan = yaml.safe_load((tmp_path / "rank_plan.yaml").read_text())

    with quiet_libraries():
        loaded = PeftModel.from_pretrained(load_model(bench.folder).model, tmp_path)
        fresh = get_peft_model(load_model(bench.folder).model, LoraConfig(**plan["peft"]))

    assert torch.allclose(bench.logits(loaded), expected, atol=1e-5)
    assert num_trained(fresh) == num_trained(tuned)


@pytest.mark.slow  # a process of its own, which imports transformers again
def test_a_saved_adapter_and_a_plan_work_where_vidtune_adapters_is_not_imported(bench: Bench, tmp_path: Path):
    tuned = attach(bench, make_config())
    bench.train(tuned)
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path)
    torch.save(dict(bench.prompts), tmp_path / "prompts.pt")
    program = """
import sys, torch, yaml
from vidtune.models import ensure_torchvision
ensure_torchvision()  # where torchvision is broken; nothing of the adapters
from transformers import Qwen2VLForConditionalGeneration as Model
from peft import LoraConfig, PeftModel, get_peft_model
base, folder = sys.argv[1:]
model = PeftModel.from_pretrained(Model.from_pretrained(base), folder).eval()
with torch.no_grad():
    torch.save(model(**torch.load(folder + "/prompts.pt"), use_cache=False).logits, folder + "/logits.pt")
plan = yaml.safe_load(open(folder + "/rank_plan.yaml"))
fresh = get_peft_model(Model.from_pretrained(base), LoraConfig(**plan["peft"]))
print("vidtune.adapters" in sys.modules, sum(p.numel() for p in fresh.parameters() if p.requires_grad))
"""

    done = subprocess.run(
        [sys.executable, "-c", program, str(bench.folder), str(tmp_path)], capture_output=True, text=True, timeout=120
    )

    assert done.stdout.split() == ["False", str(num_trained(tuned))], done.stderr
    assert torch.allclose(torch.load(tmp_path / "logits.pt"), expected, atol=1e-5)


def test_a_plan_is_used_again_and_refused_on_another_model(bench: Bench, tmp_path: Path):
    first = attach(bench, make_config(score="explained_variance"))
    path = tmp_path / "plan.yaml"
    write_plan(first.vidtune_rank_plan, path)

    again = attach(bench, make_config(plan=str(path)), num_batches=0)

    assert again.vidtune_rank_plan.matrices == read_plan(path).matrices
    assert [m.rank for m in again.vidtune_rank_plan.matrices] == [m.rank for m in first.vidtune_rank_plan.matrices]
    assert num_trained(again) == num_trained(first)
    with pytest.raises(BadUsage, match="rank=4"):
        attach(bench, make_config(rank=5, plan=str(path)))
    path.write_text(path.read_text().replace("sides: [32, 32]", "sides: [32, 33]"))
    with pytest.raises(ModelMismatch, match="of 32 to 33, the model has 32 to 32"):
        attach(bench, make_config(plan=str(path)))
    path.write_text("schema: 1\nmatrices: 3\n")
    with pytest.raises(ModelMismatch, match="no rank plan"):
        attach(bench, make_config(plan=str(path)))
    with pytest.raises(ModelMismatch, match="does not exist"):
        attach(bench, make_config(plan=str(tmp_path / "none.yaml")))


def test_a_calibration_without_samples_is_named_and_the_controls_need_none(bench: Bench):
    with pytest.raises(BadUsage, match="measures on samples"):
        attach(bench, make_config(), num_batches=0)
    attach(bench, make_config(allocation="uniform"), num_batches=0)


def step(model: Any, optimizer: torch.optim.Optimizer, bench: Bench) -> None:
    model.train()
    model(**bench.training, use_cache=False).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def adamw(model: Any) -> torch.optim.AdamW:
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)


def test_ranks_move_within_the_budget_and_training_goes_on(bench: Bench, tmp_path: Path):
    model = attach(bench, make_config(allocation="uniform", ceiling=12))
    optimizer = adamw(model)
    for _ in range(2):
        step(model, optimizer, bench)
    before = model.vidtune_rank_plan

    num_moved = move_ranks(model, optimizer, RankBudgetOptions(ceiling=12), seed=1)

    after = model.vidtune_rank_plan
    assert num_moved > 0
    assert [m.rank for m in after.matrices] != [m.rank for m in before.matrices]
    assert num_trained(model) == after.num_parameters <= after.budget_parameters
    assert all(1 <= matrix.rank <= 12 for matrix in after.matrices)
    for parameter in model.parameters():
        if parameter.requires_grad:
            assert optimizer.state[parameter]["exp_avg"].shape == parameter.shape
    step(model, optimizer, bench)
    expected = bench.logits(model)
    save_adapter(model, tmp_path)
    assert torch.equal(bench.logits(load_adapter(bench.load_base(AdapterConfig()), tmp_path)), expected)


def test_growing_a_rank_changes_nothing_and_keeps_the_scale(bench: Bench):
    model = attach(bench, make_config(allocation="uniform"))
    optimizer = adamw(model)
    step(model, optimizer, bench)
    expected = bench.logits(model)
    plan = model.vidtune_rank_plan
    # A budget of twice the size: every matrix may only grow.
    model.vidtune_rank_plan = type(plan)(**{**vars(plan), "budget_parameters": 2 * plan.budget_parameters})

    move_ranks(model, optimizer, RankBudgetOptions(floor=4, ceiling=16), seed=1)

    assert num_trained(model) > plan.num_parameters
    assert torch.allclose(bench.logits(model), expected, atol=1e-5)


def test_a_checkpoint_of_moved_ranks_continues_to_the_last_bit(bench: Bench):
    options = {"allocation": "uniform", "reallocate_every_steps": 2, "reallocate_until_step": 2, "ceiling": 12}
    kind = adapter_kinds.get("rank_budget")
    model = attach(bench, make_config(**options))
    optimizer = adamw(model)
    for number in (1, 2):
        step(model, optimizer, bench)
        kind.after_step(model, number, 4, optimizer)
    weights = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}

    fresh = attach(bench, make_config(**options))
    kind.fit_weights(fresh, weights)
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])

    assert fresh.vidtune_rank_plan.peft_settings() == model.vidtune_rank_plan.peft_settings()
    assert torch.equal(bench.logits(fresh), bench.logits(model))
    assert kind.after_step(model, 4, 4) is None
    with pytest.raises(BadUsage, match="without the optimizer"):
        kind.after_step(model, 2, 4)


def test_ranks_cannot_move_before_the_first_step(bench: Bench):
    model = attach(bench, make_config(allocation="uniform"))

    with pytest.raises(BadUsage, match="second moments"):
        move_ranks(model, adamw(model), RankBudgetOptions(), seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allocation": "uniform", "score": "sensitivity"}, "score has no effect with allocation='uniform'"),
        ({"plan": "x.yaml", "floor": 2}, "floor has no effect with plan"),
        ({"seed": 3}, "seed=3 has no effect"),
        ({"floor": 5, "ceiling": 4}, "ceiling=4 is below floor=5"),
        ({"reallocate_every_steps": 5}, "set both or neither"),
        ({"modality_weights": {"taste": 1}}, "modality_weights"),
        ({"modality_weights": {"vision": 0}}, "modality_weights"),
    ],
)
def test_options_that_are_wrong_or_without_effect_are_named(options: dict[str, Any], message: str):
    with pytest.raises(ConfigInvalid, match=message):
        build_config(AdapterConfig, {"kind": "rank_budget", "options": options}, source="test")


def test_a_config_is_checked_without_importing_torch():
    probe = (
        "import sys; from vidtune.adapters import AdapterConfig; AdapterConfig(kind='rank_budget');"
        "print([name for name in ('torch', 'peft', 'transformers', 'matplotlib') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "[]", done.stderr


def test_nano_gets_a_plan_from_a_few_clips(tmp_path: Path):
    loaded = load_model("nano")
    plan = make_plan(
        loaded.model,
        {modality: loaded.family.linear_targets(modality) for modality in loaded.family.modalities},
        RankBudgetOptions(),
        rank=8,
        alpha=16,
        batches=samples(loaded.processor),
    )

    draw_plan(plan, tmp_path / "plan.png")
    write_plan(plan, tmp_path / "plan.yaml")

    assert plan.num_parameters <= plan.budget_parameters
    assert plan.share_of_bound > 0.99
    assert all(matrix.score > 0 for matrix in plan.matrices)
    assert yaml.safe_load((tmp_path / "plan.yaml").read_text())["num_parameters"] == plan.num_parameters
    assert (tmp_path / "plan.yaml").stat().st_size < 40_000
