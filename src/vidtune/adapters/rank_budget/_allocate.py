"""Spending a budget of parameters on ranks. Pure Python: no torch, no models.

A matrix of ``num_in`` inputs and ``num_out`` outputs pays ``num_in + num_out`` numbers for each rank. What the k-th
rank is worth is its gain; gains of one matrix never rise, so the best next rank of each matrix is always its first
unused one, and taking the largest gain per number again and again is water-filling.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidtune.core.errors import BadUsage


@dataclass(frozen=True)
class Candidate:
    """One matrix that may get ranks."""

    path: str
    modality: str
    num_in: int
    num_out: int
    gains: tuple[float, ...]
    """What the first, second, … rank is worth, never rising; those beyond the end are worth nothing."""

    floor: int
    ceiling: int

    @property
    def cost(self) -> int:
        """Numbers that one rank takes."""
        return self.num_in + self.num_out

    @property
    def largest(self) -> int:
        """The largest rank it can have; more than its smaller side would be wasted."""
        return min(self.ceiling, self.num_in, self.num_out)

    @property
    def smallest(self) -> int:
        """The rank it has in any case."""
        return min(self.floor, self.largest)

    def gain(self, rank: int) -> float:
        """Return what the rank-th rank is worth, counted from 1."""
        return self.gains[rank - 1] if rank <= len(self.gains) else 0.0


@dataclass(frozen=True)
class Allocation:
    """Ranks within a budget."""

    ranks: dict[str, int]
    num_parameters: int
    value: float
    """The gains of all ranks together."""

    bound: float
    """What no allocation within the budget can exceed: the value if the last rank could be bought in part."""


def water_fill(candidates: Sequence[Candidate], budget_parameters: int) -> Allocation:
    """Return ranks that are worth most within a budget.

    All matrices get their floor; then the rank of largest gain for its cost is bought again and again. A rank that no
    longer fits is passed over for cheaper ones, until none fits. Where all ranks cost the same the result is the best
    there is; otherwise it misses the best by less than the gain of the first rank that did not fit (the greedy
    solution of the knapsack, Dantzig 1957). Ranks of no gain go to the matrices of least rank.

    Args:
        candidates: The matrices.
        budget_parameters: Numbers that may be spent.

    Raises:
        BadUsage: If the floors alone cost more than the budget.

    Example:
        >>> wide = Candidate("a", "vision", 4, 4, (9.0, 1.0), floor=0, ceiling=2)
        >>> thin = Candidate("b", "language", 2, 2, (3.0, 2.0), floor=0, ceiling=2)
        >>> water_fill([wide, thin], 16).ranks
        {'a': 1, 'b': 2}
    """
    _check_gains(candidates)
    ranks = {candidate.path: candidate.smallest for candidate in candidates}
    left = budget_parameters - sum(candidate.cost * candidate.smallest for candidate in candidates)
    if left < 0:
        raise BadUsage(
            f"the floors of {len(candidates)} matrices take {budget_parameters - left} numbers, "
            f"the budget is {budget_parameters}.",
            "Raise rank or options.budget_parameters, or lower options.floor.",
        )
    bound_left, bound = left, _value(candidates, ranks)
    queue: list[tuple[float, int, int]] = []

    def offer(index: int) -> None:
        candidate = candidates[index]
        rank = ranks[candidate.path]
        if rank < candidate.largest:
            heapq.heappush(queue, (-candidate.gain(rank + 1) / candidate.cost, rank, index))

    for index in range(len(candidates)):
        offer(index)
    while queue:
        negative_ratio, _, index = heapq.heappop(queue)
        candidate = candidates[index]
        # Ranks come in falling order of gain for cost: up to the first that does not fit, this is the bound.
        bound += -negative_ratio * min(candidate.cost, bound_left)
        bound_left -= min(candidate.cost, bound_left)
        if candidate.cost <= left:
            left -= candidate.cost
            ranks[candidate.path] += 1
            offer(index)
    return Allocation(ranks, budget_parameters - left, _value(candidates, ranks), bound)


def uniform_ranks(candidates: Sequence[Candidate], budget_parameters: int) -> Allocation:
    """Return the control in which every matrix has the same rank, up to 1 and as far as its bounds allow."""
    # A flat worth for every number: the smallest rank is always the next.
    return _by_worth(candidates, budget_parameters, lambda candidate, rank: candidate.cost / rank)


def random_ranks(candidates: Sequence[Candidate], budget_parameters: int, seed: int) -> Allocation:
    """Return the control in which ranks are proportional to weights drawn from an exponential law."""
    source = random.Random(seed)  # noqa: S311 (a control of an experiment, no secret)
    weights = {candidate.path: source.expovariate(1.0) for candidate in candidates}
    return _by_worth(
        candidates, budget_parameters, lambda candidate, rank: weights[candidate.path] * candidate.cost / rank
    )


def _by_worth(
    candidates: Sequence[Candidate], budget_parameters: int, worth: Callable[[Candidate, int], float]
) -> Allocation:
    """Return what a made-up worth leads to, valued by the true gains."""
    made_up = [
        Candidate(
            *(candidate.path, candidate.modality, candidate.num_in, candidate.num_out),
            tuple(worth(candidate, rank) for rank in range(1, candidate.largest + 1)),
            *(candidate.floor, candidate.ceiling),
        )
        for candidate in candidates
    ]
    found = water_fill(made_up, budget_parameters)
    bound = water_fill(candidates, budget_parameters).bound
    return Allocation(found.ranks, found.num_parameters, _value(candidates, found.ranks), bound)


def _value(candidates: Sequence[Candidate], ranks: dict[str, int]) -> float:
    return sum(candidate.gain(rank) for candidate in candidates for rank in range(1, ranks[candidate.path] + 1))


def _check_gains(candidates: Sequence[Candidate]) -> None:
    for candidate in candidates:
        pairs = zip(candidate.gains, candidate.gains[1:], strict=False)
        if any(later > earlier for earlier, later in pairs) or any(not gain >= 0 for gain in candidate.gains):
            raise ValueError(f"the gains of {candidate.path} must be numbers of at least 0 that never rise.")
