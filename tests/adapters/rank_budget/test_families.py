"""``rank_budget`` on tiny models of several families."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.adapters.test_kinds import FAMILIES, make_family_bench

from vidtune.adapters import AdapterConfig, load_adapter, load_plain_adapter, merge_adapter, save_adapter


@pytest.mark.parametrize("name", FAMILIES)
def test_it_trains_saves_reloads_to_the_last_bit_and_merges(name: str, tmp_path: Path):
    bench = make_family_bench(name, tmp_path / "base")
    towers = tuple(tower for tower in ("vision", "projector", "language") if tower in bench.family.modalities)
    config = AdapterConfig(kind="rank_budget", rank=3, dropout=0.0, modalities=towers)
    before = bench.logits(bench.load_base(config))
    tuned = bench.attach(config)
    assert torch.equal(bench.logits(tuned), before)
    plan = tuned.vidtune_rank_plan
    assert plan.num_parameters == sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert plan.num_parameters <= plan.budget_parameters

    losses = bench.train(tuned)
    expected = bench.logits(tuned)
    save_adapter(tuned, tmp_path / "adapter")

    loaded = load_adapter(bench.load_base(config), tmp_path / "adapter")
    assert losses[1] < losses[0]
    state = loaded.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in tuned.state_dict().items())
    # Same numbers at other places in memory: a vision tower may round its sums differently in the last bit.
    assert torch.allclose(bench.logits(loaded), expected, atol=1e-5)
    alone = load_plain_adapter(bench.load_base(config), tmp_path / "adapter")
    assert torch.allclose(bench.logits(alone), expected, atol=1e-5)
    assert bench.generate(loaded, bench.prompts).sequences.shape[0] == 2
    assert torch.allclose(bench.logits(merge_adapter(loaded)), expected, atol=1e-3)
