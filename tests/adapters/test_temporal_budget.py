"""A budget of temporal_lora that is reached gradually: it waits, and it leaves to the task how frames differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.test_temporal_lora import Stage, assert_gradients_of_penalty, bare_stage, make_config, make_stage
from tests.adapters.tuning import MODALITIES

from vidtune.adapters import adapter_penalty, before_step
from vidtune.adapters.temporal._budget import budget_after, rank_share
from vidtune.adapters.temporal._gate import gated_layers


@given(
    budget=st.floats(0.01, 1),
    reached_at=st.floats(0.2, 1),
    steps=st.lists(st.floats(0, 1), min_size=2, max_size=8).map(sorted),
)
def test_a_gradual_budget_never_rises_and_begins_and_ends_where_it_should(
    budget: float, reached_at: float, steps: list[float]
) -> None:
    course = [budget_after(progress, budget, reached_at) for progress in steps]

    assert course == sorted(course, reverse=True)
    assert budget_after(0.1, budget, reached_at) == pytest.approx(1)
    assert budget_after(reached_at, budget, reached_at) == budget_after(1, budget, reached_at) == budget


def shown(folder: Path, **changes: object) -> Stage:
    stage = make_stage(folder, modalities=MODALITIES, budget=0.4, **changes)
    stage.model.train().double()
    inputs = stage.training(0, 1)
    stage.model(**{name: each.double() if each.is_floating_point() else each for name, each in inputs.items()})
    return stage


def test_its_penalty_has_the_gradient_of_finite_differences_in_offsets_and_none_in_the_weights_of_signals(
    base_folder: Path,
) -> None:
    stage = shown(base_folder, budget_reached_at=0.6, budget_weight=3.0)
    before_step(stage.model, step=3, num_steps=10)

    assert_gradients_of_penalty(stage.model, without=("gate_slope",))


def test_the_number_of_the_step_alone_says_what_is_drawn_to(base_folder: Path) -> None:
    gradual, at_once = shown(base_folder, budget_reached_at=0.6), shown(base_folder)
    share = rank_share(gradual.model).item()

    found = []
    for step in (6, 1, 3):  # in any order, as after a kill
        before_step(gradual.model, step=step, num_steps=6)
        found.append(adapter_penalty(gradual.model).item())
    before_step(at_once.model, step=1, num_steps=6)

    assert rank_share(at_once.model).item() == share
    assert found == [pytest.approx((share - budget_after(step / 6, 0.4, 0.6)) ** 2) for step in (6, 1, 3)]
    assert adapter_penalty(at_once.model).item() == pytest.approx((share - 0.4) ** 2)


def test_a_fresh_adapter_is_not_drawn_anywhere_at_first(base_folder: Path) -> None:
    stage = bare_stage(base_folder, make_config(budget=0.4, budget_reached_at=0.5))
    stage.model.train()
    before_step(stage.model, step=1, num_steps=10)

    stage.model(**stage.training(0, 1))
    adapter_penalty(stage.model).backward()

    assert adapter_penalty(stage.model).item() == 0
    assert all(torch.equal(gate.gate_offset.grad, torch.zeros(1)) for _, gate in gated_layers(stage.model).values())
