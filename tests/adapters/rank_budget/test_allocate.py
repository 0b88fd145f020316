from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidtune.adapters.rank_budget import Candidate, random_ranks, uniform_ranks, water_fill
from vidtune.core.errors import BadUsage

GAINS = st.lists(st.integers(0, 50), max_size=4).map(lambda values: tuple(map(float, sorted(values, reverse=True))))


@st.composite
def candidates(draw: st.DrawFn, *, same_cost: bool = False) -> list[Candidate]:
    found = []
    for index in range(draw(st.integers(1, 4))):
        num_in, num_out = (5, 7) if same_cost else (draw(st.integers(2, 9)), draw(st.integers(2, 9)))
        floor, ceiling = sorted((draw(st.integers(0, 2)), draw(st.integers(1, 4))))
        found.append(Candidate(f"m{index}", "vision", num_in, num_out, draw(GAINS), floor, max(ceiling, 1)))
    return found


def best_by_brute_force(choices: list[Candidate], budget: int) -> float:
    values = []
    for ranks in product(*(range(one.smallest, one.largest + 1) for one in choices)):
        if sum(rank * one.cost for rank, one in zip(ranks, choices, strict=True)) <= budget:
            values.append(
                sum(one.gain(k) for rank, one in zip(ranks, choices, strict=True) for k in range(1, rank + 1))
            )
    return max(values)


def affordable(choices: list[Candidate], extra: int) -> int:
    return sum(one.cost * one.smallest for one in choices) + extra


@settings(deadline=None)
@given(choices=candidates(same_cost=True), extra=st.integers(0, 200))
def test_with_equal_costs_nothing_is_better_than_water_filling(choices: list[Candidate], extra: int):
    budget = affordable(choices, extra)

    found = water_fill(choices, budget)

    assert found.value == pytest.approx(best_by_brute_force(choices, budget))


@settings(deadline=None)
@given(choices=candidates(), extra=st.integers(0, 200))
def test_with_other_costs_it_misses_the_best_by_less_than_one_gain(choices: list[Candidate], extra: int):
    budget = affordable(choices, extra)

    found = water_fill(choices, budget)

    best = best_by_brute_force(choices, budget)
    largest = max((gain for one in choices for gain in one.gains), default=0.0)
    assert best - largest <= found.value <= best + 1e-9
    assert best <= found.bound + 1e-9


@pytest.mark.parametrize("allocate", [water_fill, uniform_ranks, lambda *given: random_ranks(*given, seed=3)])
@settings(deadline=None)
@given(choices=candidates(), extra=st.integers(0, 200))
def test_the_budget_is_never_exceeded_and_bounds_hold(allocate, choices: list[Candidate], extra: int):
    budget = affordable(choices, extra)

    found = allocate(choices, budget)

    assert found.num_parameters == sum(found.ranks[one.path] * one.cost for one in choices) <= budget
    assert all(one.smallest <= found.ranks[one.path] <= one.largest for one in choices)
    left = budget - found.num_parameters
    assert all(one.cost > left for one in choices if found.ranks[one.path] < one.largest), "something was left unspent"


def test_the_uniform_control_of_a_uniform_budget_is_uniform():
    choices = [Candidate(str(size), "vision", size, 2 * size, (), 1, 16) for size in (8, 32, 64)]

    found = uniform_ranks(choices, 4 * sum(one.cost for one in choices))

    assert found.ranks == {"8": 4, "32": 4, "64": 4}


def test_random_controls_differ_by_seed_and_repeat():
    choices = [Candidate(str(index), "vision", 64, 64, (), 1, 64) for index in range(12)]
    first, again, other = (random_ranks(choices, 12 * 8 * 128, seed).ranks for seed in (0, 0, 1))

    assert first == again != other
    assert sum(first.values()) == sum(other.values()) == 12 * 8
    assert max(first.values()) > 12


def test_a_budget_below_the_floors_is_refused_with_both_numbers():
    choices = [Candidate("a", "vision", 10, 10, (), 2, 4)]

    with pytest.raises(BadUsage, match="take 40 numbers, the budget is 39"):
        water_fill(choices, 39)


@pytest.mark.parametrize("gains", [(1.0, 2.0), (float("nan"),), (-1.0,)])
def test_gains_that_rise_or_are_no_numbers_are_refused(gains: tuple[float, ...]):
    with pytest.raises(ValueError, match="gains of a"):
        water_fill([Candidate("a", "vision", 2, 2, gains, 0, 2)], 100)
