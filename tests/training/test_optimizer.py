import math

import pytest
import torch
from tests.training.stopping import train_with_stops

from vidtune.models import ensure_torchvision
from vidtune.training import OptimConfig
from vidtune.training._optimizer import (
    build_optimizer,
    lr_factor,
    optimizer_tensors,
    restore_optimizer,
    set_learning_rate,
)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup_ratio", [0.0, 0.1, 0.5])
def test_the_rate_rises_to_its_peak_and_never_again(schedule, warmup_ratio):
    config = OptimConfig(schedule=schedule, warmup_ratio=warmup_ratio)
    factors = [lr_factor(step, 40, config) for step in range(1, 41)]
    num_warmup = math.ceil(warmup_ratio * 40)

    assert all(0 < factor <= 1 for factor in factors)
    assert factors[:num_warmup] == pytest.approx([(step + 1) / num_warmup for step in range(num_warmup)])
    assert factors[num_warmup] == 1.0
    assert factors[num_warmup:] == sorted(factors[num_warmup:], reverse=True)


@pytest.mark.parametrize(
    ("name", "reference", "more"),
    [
        ("linear", "get_linear_schedule_with_warmup", {}),
        ("cosine", "get_cosine_schedule_with_warmup", {}),
        ("cosine_with_restarts", "get_cosine_with_hard_restarts_schedule_with_warmup", {"num_cycles": 3}),
    ],
)
def test_schedules_agree_with_those_of_transformers(name, reference, more):
    ensure_torchvision()
    import transformers

    config = OptimConfig(schedule=name, warmup_ratio=0.0, **more)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = getattr(transformers, reference)(optimizer, num_warmup_steps=0, num_training_steps=30, **more)
    for step in range(1, 31):
        assert lr_factor(step, 30, config) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_cycles_without_restarts_are_refused():
    with pytest.raises(ValueError, match="num_cycles=3 has no effect with schedule='cosine'"):
        OptimConfig(num_cycles=3)


def test_each_modality_has_its_own_peak_and_biases_do_not_decay():
    parameters = {
        "visual.weight": torch.nn.Parameter(torch.zeros(2, 2)),
        "audio.weight": torch.nn.Parameter(torch.zeros(2, 2)),
        "language.weight": torch.nn.Parameter(torch.zeros(2, 2)),
        "language.bias": torch.nn.Parameter(torch.zeros(2)),
    }
    config = OptimConfig(learning_rate=1e-3, vision_lr_multiplier=0.5, audio_lr_multiplier=0.25, weight_decay=0.1)
    towers = {"visual": "vision", "audio": "audio", "language": "language"}
    optimizer = build_optimizer(parameters, config, lambda name: towers[name.partition(".")[0]])

    def group_of(name):
        return next(g for g in optimizer.param_groups if any(p is parameters[name] for p in g["params"]))

    assert set_learning_rate(optimizer, 0.5) == pytest.approx(5e-4)
    assert group_of("visual.weight")["lr"] == pytest.approx(2.5e-4)
    assert group_of("audio.weight")["lr"] == pytest.approx(1.25e-4)
    assert group_of("language.weight")["weight_decay"] == 0.1
    assert group_of("language.bias")["weight_decay"] == 0.0


def test_a_restored_optimizer_takes_the_same_next_step():
    def make():
        torch.manual_seed(0)
        parameters = {"a": torch.nn.Parameter(torch.randn(3, 3)), "b": torch.nn.Parameter(torch.randn(3))}
        return parameters, build_optimizer(parameters, OptimConfig(weight_decay=0.1), lambda name: "language")

    def step(parameters, optimizer, number):
        optimizer.zero_grad()
        for parameter in parameters.values():
            parameter.grad = torch.full_like(parameter, 0.1 * number) + parameter.detach()
        optimizer.step()

    whole, whole_optimizer = make()
    for number in (1, 2, 3):
        step(whole, whole_optimizer, number)
    first, first_optimizer = make()
    for number in (1, 2):
        step(first, first_optimizer, number)
    second, second_optimizer = make()
    with torch.no_grad():
        for name, parameter in second.items():
            parameter.copy_(first[name])
    restore_optimizer(second_optimizer, second, optimizer_tensors(first_optimizer, first))
    step(second, second_optimizer, 3)

    assert all(torch.equal(whole[name], second[name]) for name in whole)


KINDS_HERE = ["adamw", "adamw_8bit"]


@pytest.mark.parametrize("kind", KINDS_HERE)
def test_the_state_of_every_optimizer_goes_through_safetensors_and_takes_the_same_steps(kind, tmp_path):
    """Two tensors large enough for 8 bit, which share their table of codes, and one that keeps float32."""
    from safetensors.torch import load_file, save_file

    def make():
        torch.manual_seed(0)
        shapes = {"a": (80, 80), "b": (3,), "c": (70, 90)}
        parameters = {name: torch.nn.Parameter(torch.randn(shape)) for name, shape in shapes.items()}
        return parameters, build_optimizer(parameters, OptimConfig(kind=kind), lambda name: "language")

    def step(parameters, optimizer, number):
        set_learning_rate(optimizer, 1 / number)
        for parameter in parameters.values():
            parameter.grad = torch.sin(number * parameter.detach())
        optimizer.step()

    whole, whole_optimizer = make()
    for number in (1, 2, 3, 4):
        step(whole, whole_optimizer, number)
    first, first_optimizer = make()
    for number in (1, 2):
        step(first, first_optimizer, number)
    save_file(optimizer_tensors(first_optimizer, first), tmp_path / "optimizer.safetensors")
    second, second_optimizer = make()
    with torch.no_grad():
        for name, parameter in second.items():
            parameter.copy_(first[name])
    restore_optimizer(second_optimizer, second, load_file(tmp_path / "optimizer.safetensors"))
    for number in (3, 4):
        step(second, second_optimizer, number)

    assert all(torch.equal(whole[name], second[name]) for name in whole)
    assert not torch.equal(first["a"], second["a"])


def test_eight_bit_moments_take_a_quarter_of_the_memory_and_go_the_same_way():
    found = {}
    for kind in KINDS_HERE:
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(200, 200))
        optimizer = build_optimizer({"a": weight}, OptimConfig(kind=kind, learning_rate=1e-2), lambda name: "language")
        for _ in range(20):
            weight.grad = weight.detach().clone()
            optimizer.step()
        state = optimizer_tensors(optimizer, {"a": weight})
        found[kind] = weight.detach(), sum(tensor.nbytes for tensor in state.values())

    torch.testing.assert_close(found["adamw_8bit"][0], found["adamw"][0], atol=0.03, rtol=0)
    assert found["adamw_8bit"][1] < 0.27 * found["adamw"][1]


@pytest.mark.parametrize(("kind", "instead"), [("paged_adamw", "'adamw'"), ("paged_adamw_8bit", "'adamw_8bit'")])
def test_paged_moments_without_cuda_are_refused_by_name_before_weights_load(
    kind, instead, recipe, tmp_path, monkeypatch
):
    from vidtune.core.errors import DataInvalid
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import train

    monkeypatch.setattr("vidtune.training._prepare.load_model", None)
    with pytest.raises(
        DataInvalid, match=f"optim.kind='{kind}' moves its moments .* on cpu. Set optim.kind to {instead}"
    ):
        train(recipe(optim={"kind": kind}), RunDirectory(tmp_path / "run"))


def test_ranks_that_move_need_moments_that_can_be_cut(recipe, tmp_path, monkeypatch):
    from vidtune.core.errors import DataInvalid
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import train

    monkeypatch.setattr("vidtune.training._prepare.load_model", None)
    options = {"reallocate_every_steps": 2, "reallocate_until_step": 4}
    config = recipe(
        optim={"kind": "adamw_8bit"},
        adapter={"kind": "rank_budget", "alpha": ..., "dropout": ..., "options": options},
    )
    with pytest.raises(DataInvalid, match="rank_budget moves AdamW's moments"):
        train(config, RunDirectory(tmp_path / "run"))


def test_a_run_with_eight_bit_moments_continues_to_the_last_bit(recipe, tmp_path):
    """The tiny model's matrices are below bitsandbytes' limit, so its whole weights are trained."""
    from vidtune.core.hashing import sha256_file
    from vidtune.core.rundir import RunDirectory

    adapter = {"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["language"]}
    config = recipe(adapter=adapter, optim={"kind": "adamw_8bit", "learning_rate": 1e-3})
    results = []
    for name, stops_at in (("whole", ()), ("stopped", (3, 5))):
        run = RunDirectory(tmp_path / name)
        train_with_stops(config, run, stops_at)
        results.append(sha256_file(run.best / "model.safetensors"))

    assert results[0] == results[1]


def test_lora_plus_gives_second_matrices_their_own_rate(tiny_model):
    from vidtune.adapters import AdapterConfig, attach_adapter, learning_rate_multiplier
    from vidtune.models import load_model

    loaded = load_model(tiny_model, device="cpu")
    targets = {"language": loaded.family.linear_targets("language")}
    model = attach_adapter(loaded.model, AdapterConfig(options={"plus_ratio": 16}), targets)
    parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    config = OptimConfig(learning_rate=1e-3)
    optimizer = build_optimizer(
        parameters, config, loaded.family.modality_of, lambda name: learning_rate_multiplier(model, name)
    )
    set_learning_rate(optimizer, 0.5)

    rates = {
        name: group["lr"]
        for group in optimizer.param_groups
        for name, parameter in parameters.items()
        if any(parameter is member for member in group["params"])
    }
    assert len(rates) == len(parameters)
    assert {rate for name, rate in rates.items() if ".lora_A." in name} == {5e-4}
    assert {rate for name, rate in rates.items() if ".lora_B." in name} == {8e-3}
