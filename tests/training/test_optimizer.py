import math

import pytest
import torch

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
