"""Moving ranks between matrices during training, at the same budget.

What a rank is worth is read from AdamW's own state: the sum over its row of A and its column of B of |weight| times the
root of the second moment, which is the smoothed sensitivity |w·g| of AdaLoRA (Zhang et al. 2023, arXiv 2303.10512).
Nothing else is kept, so a move is a function of weights, optimizer and step, and a run continues from a checkpoint as
if it had never stopped.

Letters of shapes: ``r`` rank, ``d`` inputs, ``o`` outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vidtune.adapters._bare import bare_model
from vidtune.adapters.rank_budget._allocate import Candidate, water_fill
from vidtune.adapters.rank_budget._options import RankBudgetOptions
from vidtune.adapters.rank_budget._planning import rank_bounds
from vidtune.core.errors import BadUsage, ModelMismatch

if TYPE_CHECKING:
    import torch

_ADAPTER = "default"
_MOMENTS = ("exp_avg", "exp_avg_sq")


def move_ranks(model: Any, optimizer: torch.optim.Optimizer, options: RankBudgetOptions, *, seed: int) -> int:
    """Take ranks from where they are worth least and give them where they are worth most.

    A matrix that loses ranks keeps the most sensitive ones as they are, with their moments. One that gains ranks
    computes the same as before: new rows of A are random, new columns of B zero. A further rank is taken to be worth
    what the least of the present ones is, times r / (r + 1): no more is known of it.

    Args:
        model: A model with an adapter of ``rank_budget`` on it, after some steps.
        optimizer: AdamW over its parameters; its state is cut and grown with them.
        options: Bounds and budget; every matrix that has a rank keeps at least one.
        seed: Of the new rows.

    Returns:
        How many ranks moved.

    Raises:
        BadUsage: If the optimizer has no second moments yet.
    """
    plan = model.vidtune_rank_plan
    by_path = {matrix.path: matrix for matrix in plan.matrices}
    worths: dict[str, torch.Tensor] = {}
    candidates = []
    for path, layer in lora_layers(model):
        matrix = by_path[path]
        worths[path] = worth_r = _worth(layer, optimizer)
        floor, ceiling = rank_bounds(options, matrix.modality, plan.rank)
        largest = min(max(ceiling, 1), matrix.num_in, matrix.num_out)
        gains = sorted(worth_r.tolist(), reverse=True)
        while len(gains) < largest:
            gains.append(gains[-1] * len(gains) / (len(gains) + 1))
        candidates.append(
            Candidate(
                path, matrix.modality, matrix.num_in, matrix.num_out, tuple(gains), max(floor, 1), max(ceiling, 1)
            )
        )
    ranks = water_fill(candidates, plan.budget_parameters).ranks
    num_moved = sum(max(0, rank - len(worths[path])) for path, rank in ranks.items())
    for number, (path, layer) in enumerate(lora_layers(model)):
        _resize(layer, ranks[path], worths[path], optimizer, seed + number)
    _describe(model, ranks)
    return num_moved


def fit_ranks(model: Any, weights: Mapping[str, torch.Tensor]) -> None:
    """Give every matrix the rank that it has in ``weights``, so that these can be copied in.

    Args:
        model: A model with an adapter of ``rank_budget`` on it; no optimizer state is kept for it.
        weights: Trained tensors by the names they have in ``model``.

    Raises:
        ModelMismatch: If a matrix is missing there.
    """
    import torch

    names = {id(parameter): name for name, parameter in model.named_parameters()}
    ranks = {}
    for path, layer in lora_layers(model):
        name = names[id(layer.lora_A[_ADAPTER].weight)]
        if name not in weights:
            raise ModelMismatch(f"the checkpoint has no {name}.", "Use a checkpoint of this run.")
        ranks[path] = len(weights[name])
        _resize(layer, ranks[path], torch.zeros(layer.r[_ADAPTER]), None, 0)
    _describe(model, ranks)


def lora_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield every adapted layer with its name in the plain model."""
    for path, module in bare_model(model).named_modules():
        if _ADAPTER in getattr(module, "lora_A", {}):
            yield path, module


def _worth(layer: Any, optimizer: torch.optim.Optimizer) -> torch.Tensor:
    """Return the sensitivity (r,) of each rank of a layer."""
    a_rd, b_or = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
    states = [optimizer.state.get(weight, {}) for weight in (a_rd, b_or)]
    if not all("exp_avg_sq" in state for state in states):
        raise BadUsage(
            "ranks move by the second moments of AdamW, and the optimizer has none.",
            "Use AdamW, and move ranks only after its first step.",
        )
    of_a, of_b = (
        weight.detach().abs().double() * state["exp_avg_sq"].double().sqrt()
        for weight, state in zip((a_rd, b_or), states, strict=True)
    )
    worth_r: torch.Tensor = (of_a.sum(1) + of_b.sum(0)).cpu()
    return worth_r


def _resize(layer: Any, rank: int, worth_r: torch.Tensor, optimizer: torch.optim.Optimizer | None, seed: int) -> None:
    import torch

    if rank == layer.r[_ADAPTER]:
        return
    a, b = layer.lora_A[_ADAPTER], layer.lora_B[_ADAPTER]
    # The most sensitive ones, in the order in which they stand.
    kept = worth_r.argsort(descending=True, stable=True)[:rank].sort().values.to(a.weight.device)
    num_new = rank - len(kept)
    generator = torch.Generator().manual_seed(seed)
    bound = math.sqrt(1 / a.in_features)  # Kaiming with a = √5, as PEFT draws A
    fresh = (torch.rand(num_new, a.in_features, generator=generator) * 2 - 1) * bound
    for weight, axis, new in ((a.weight, 0, fresh), (b.weight, 1, torch.zeros(b.out_features, num_new))):
        if optimizer is not None:
            state = optimizer.state.get(weight, {})
            for name in _MOMENTS:
                if name in state:
                    state[name] = _taken(state[name], kept, torch.zeros_like(new), axis)
        weight.grad = None
        # The same Parameter with other numbers in it: the optimizer holds on to the object.
        weight.data = _taken(weight.data, kept, new, axis)
    a.out_features = b.in_features = rank
    layer.lora_alpha[_ADAPTER] = layer.scaling[_ADAPTER] * rank
    layer.r[_ADAPTER] = rank


def _taken(values: torch.Tensor, kept: torch.Tensor, new: torch.Tensor, axis: int) -> torch.Tensor:
    import torch

    return torch.cat([values.index_select(axis, kept), new.to(values.device, values.dtype)], dim=axis).contiguous()


def _describe(model: Any, ranks: Mapping[str, int]) -> None:
    """Write the ranks where they are read again: into the plan, and into the config that PEFT saves."""
    model.vidtune_rank_plan = model.vidtune_rank_plan.with_ranks(ranks)
    settings = model.vidtune_rank_plan.peft_settings()
    model.peft_config[_ADAPTER].rank_pattern = settings["rank_pattern"]
    model.peft_config[_ADAPTER].alpha_pattern = settings["alpha_pattern"]
