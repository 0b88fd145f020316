"""The gate of temporal_lora by itself: ordered, open at first, with right gradients; and the signals it is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidtune.adapters.temporal._context import spread
from vidtune.adapters.temporal._gate import OrderedGate
from vidtune.adapters.temporal._signals import SIGNALS, measure_signals


def make_gate(*, rank: int = 6, softness: float = 1.0, is_visual: bool = False, seed: int | None = None) -> OrderedGate:
    gate = OrderedGate(rank=rank, num_signals=4, softness=softness, gain=3.0, is_visual=is_visual).double()
    if seed is not None:
        generator = torch.Generator().manual_seed(seed)
        for parameter in gate.parameters():
            parameter.data = 0.4 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return gate


def make_signals(num_groups: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.randn(num_groups, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("softness", [0.2, 1.0, 3.0])
def test_a_fresh_gate_is_exactly_one_for_every_frame(softness: float, is_training: bool) -> None:
    gate = make_gate(softness=softness).train(is_training)

    gates = gate(make_signals())

    assert torch.equal(gates, torch.ones(6, 6, dtype=torch.float64))


@given(seed=st.integers(0, 10_000), rank=st.integers(1, 32), softness=st.floats(0.1, 4))
def test_a_gate_never_opens_a_rank_further_than_the_one_before(seed: int, rank: int, softness: float) -> None:
    gate = make_gate(rank=rank, softness=softness, seed=seed)

    soft = gate.train()(make_signals(seed=seed))
    hard = gate.eval()(make_signals(seed=seed))

    normal = soft * gate.soften(torch.tensor(gate.open_edge, dtype=torch.float64)) / 1.0
    plain = torch.sigmoid((gate.edges(make_signals(seed=seed))[:, None] - torch.arange(rank) - 0.5) / softness)
    assert (plain.diff(dim=-1) <= 0).all()
    assert (hard.diff(dim=-1) <= 0).all()
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    assert (normal <= 1 / 0.95 + 1e-9).all()
    assert (soft >= 0).all()


def test_what_is_used_at_inference_is_what_is_more_than_half_open_in_training() -> None:
    gate = make_gate(seed=3, softness=0.7)
    edges = gate.edges(make_signals(50))

    plain = torch.sigmoid((edges[:, None] - torch.arange(6) - 0.5) / 0.7)

    assert torch.equal(gate.truncate(edges) > 0, plain > 0.5)


@pytest.mark.parametrize("is_visual", [True, False])
def test_gradients_of_the_gate_are_those_of_finite_differences(is_visual: bool) -> None:
    gate = make_gate(seed=1, is_visual=is_visual).train()
    names, values = zip(*gate.named_parameters(), strict=True)

    def run(signals: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = torch.func.functional_call(gate, dict(zip(names, parameters, strict=True)), (signals,))
        return result

    inputs = [value.detach().clone().requires_grad_() for value in (make_signals(3), *values)]
    assert torch.autograd.gradcheck(run, inputs)


def test_text_has_a_gate_of_its_own_that_no_signal_moves() -> None:
    gate = make_gate(seed=2).eval()

    first, second = gate.edges(make_signals(seed=1)), gate.edges(make_signals(seed=2))

    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1:], second[1:])
    assert len(make_gate(is_visual=True).edges(make_signals())) == 5


def test_signals_of_a_made_clip_are_those_worked_out_by_hand() -> None:
    frames_thwc = np.zeros((4, 8, 8, 3), np.uint8)
    frames_thwc[2, :4] = 255
    frames_thwc[3] = frames_thwc[2]

    motion, entropy, change, position = measure_signals(frames_thwc).T

    assert motion.tolist() == pytest.approx([0, 0, 0.5, 0])
    assert entropy.tolist() == pytest.approx([0, 0, 1, 1])
    assert change.tolist() == pytest.approx([0, 0, float(np.sqrt(1 - np.sqrt(0.5))), 0])
    assert position.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(("num_frames", "per_group", "num_groups"), [(1, 1, 1), (1, 2, 1), (5, 2, 3), (8, 2, 4)])
def test_a_clip_has_one_row_of_signals_for_each_group_of_frames(num_frames: int, per_group: int, num_groups: int):
    frames_thwc = np.random.default_rng(0).integers(0, 256, (num_frames, 6, 6, 3), np.uint8)

    signals_gs = measure_signals(frames_thwc, frames_per_group=per_group)

    assert signals_gs.shape == (num_groups, len(SIGNALS))
    assert signals_gs.dtype == np.float32
    assert np.isfinite(signals_gs).all()


@given(num_tokens=st.integers(1, 300), num_groups=st.integers(1, 40))
def test_tokens_are_spread_over_groups_in_order(num_tokens: int, num_groups: int) -> None:
    groups = spread(num_tokens, num_groups)

    assert len(groups) == num_tokens
    assert (groups.diff() >= 0).all()
    assert 0 <= int(groups.min())
    assert int(groups.max()) < num_groups
    assert num_tokens < num_groups or len(groups.unique()) == num_groups
