"""From a model, a few samples and a config to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.adapters.rank_budget._allocate import Allocation, Candidate, random_ranks, uniform_ranks, water_fill
from vidtune.adapters.rank_budget._options import RankBudgetOptions
from vidtune.adapters.rank_budget._plan import PlannedMatrix, RankPlan
from vidtune.adapters.rank_budget._scores import Batch, MatrixScore, find_matrices, score_matrices
from vidtune.adapters.rank_budget._weights import entropy_weights, pixel_entropy_bits, supervised_ids
from vidtune.core.errors import BadUsage

_CEILING_TIMES = 4


def make_plan(
    model: Any,
    linear_targets: Mapping[str, str],
    options: RankBudgetOptions,
    *,
    rank: int,
    alpha: float,
    batches: Sequence[Batch] | None,
) -> RankPlan:
    """Return a plan for ``model``, which has no adapter yet and is not changed.

    Args:
        model: The base.
        linear_targets: For every tower that is tuned, a pattern of the whole names of its linear layers.
        options: How the budget is spent.
        rank: The uniform rank that the budget stands for, unless the options name one in numbers.
        alpha: Scale of a matrix of that rank.
        batches: Training samples, one in each; only the controls can do without.

    Raises:
        BadUsage: If a calibration is needed and missing, or the floors cost more than the budget.
    """
    if options.allocation == "scored":
        if not batches:
            raise BadUsage(
                "rank_budget measures on samples before it gives out ranks, and has none here.",
                "Give attach_adapter batches, or name a plan made before in options.plan.",
            )
        scores = score_matrices(model, linear_targets, batches, with_gradients=options.score == "sensitivity")
        weights = _weights(options, linear_targets, batches)
    else:
        scores, weights = _unmeasured(model, linear_targets), {}
    candidates = [_candidate(score, options, rank, weights.get(score.modality, 1.0)) for score in scores]
    budget = options.budget_parameters or rank * sum(candidate.cost for candidate in candidates)
    found = _allocate(candidates, budget, options)
    return RankPlan(
        tuple(
            PlannedMatrix(
                *(one.path, one.modality, one.num_in, one.num_out, found.ranks[one.path]),
                score=sum(one.gain(number) for number in range(1, one.largest + 1)),
            )
            for one in candidates
        ),
        rank=rank,
        alpha=alpha,
        budget_parameters=budget,
        allocation=options.allocation,
        score=options.score if options.allocation == "scored" else None,
        modality_weights=tuple(weights.items()),
        share_of_bound=round(found.value / found.bound, 6) if found.bound > 0 else None,
    )


def _allocate(candidates: list[Candidate], budget: int, options: RankBudgetOptions) -> Allocation:
    match options.allocation:
        case "scored":
            return water_fill(candidates, budget)
        case "uniform":
            return uniform_ranks(candidates, budget)
        case "random":
            return random_ranks(candidates, budget, options.seed)


def _candidate(score: MatrixScore, options: RankBudgetOptions, rank: int, weight: float) -> Candidate:
    floor, ceiling = rank_bounds(options, score.modality, rank)
    gains = score.gains(options.score, weight)
    return Candidate(score.path, score.modality, score.num_in, score.num_out, gains, floor, ceiling)


def rank_bounds(options: RankBudgetOptions, modality: str, rank: int) -> tuple[int, int]:
    """Return the floor and the ceiling of a tower's ranks.

    Raises:
        BadUsage: If they contradict each other.
    """
    own = dict(options.bounds).get(modality)  # type: ignore[call-overload]
    floor = options.floor if own is None or own.floor is None else own.floor
    ceiling = options.ceiling if own is None or own.ceiling is None else own.ceiling
    ceiling = _CEILING_TIMES * rank if ceiling is None else ceiling
    if ceiling < floor:
        raise BadUsage(f"the ranks of {modality} have ceiling {ceiling} below floor {floor}.", "Change options.bounds.")
    return floor, ceiling


def _weights(
    options: RankBudgetOptions, linear_targets: Mapping[str, str], batches: Sequence[Batch]
) -> dict[str, float]:
    if options.modality_weights == "frame_entropy":
        return entropy_weights(linear_targets, pixel_entropy_bits(batches), supervised_ids(batches))
    unknown = sorted(set(options.modality_weights) - set(linear_targets))
    if unknown:
        raise BadUsage(f"modality_weights names {', '.join(unknown)}, which is not tuned.", "Change modalities.")
    return {str(name): weight for name, weight in options.modality_weights.items()}


def _unmeasured(model: Any, linear_targets: Mapping[str, str]) -> list[MatrixScore]:
    return [
        MatrixScore(path, modality, int(module.in_features), int(module.out_features), (), 0.0, ())
        for path, (modality, module) in find_matrices(model, linear_targets).items()
    ]
