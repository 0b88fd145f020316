"""Greedy log-determinant: the choices of the plain rule, worked out from determinants themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.media.selection.films import unit_rows

from vidtune.media.selection.dpp import greedy_log_det


def greedy_by_determinants(
    features_td: NDArray[np.float32], num: int, quality_t: NDArray[np.float64], ridge: float
) -> list[int]:
    """Try every candidate at every step and take the one of largest determinant."""
    rows = features_td.astype(np.float64) * quality_t[:, None]
    kernel = rows @ rows.T + np.diag(ridge * quality_t**2)
    chosen: list[int] = []
    for _ in range(num):
        others = [index for index in range(len(rows)) if index not in chosen]
        values = [np.linalg.slogdet(kernel[np.ix_([*chosen, index], [*chosen, index])])[1] for index in others]
        chosen.append(others[int(np.argmax(values))])
    return chosen


def greedy_by_inverse(features_td: NDArray[np.float32], num: int, ridge: float) -> list[int]:
    """D-optimal design in double precision: the inverse of the d x d matrix, updated after each choice (Woodbury)."""
    rows = features_td.astype(np.float64)
    inverse = np.eye(rows.shape[1]) / ridge
    chosen: list[int] = []
    for _ in range(num):
        gains = np.einsum("td,td->t", rows @ inverse, rows)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        along = inverse @ rows[chosen[-1]]
        inverse -= np.outer(along, along) / (1 + rows[chosen[-1]] @ along)
    return chosen


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), num_candidates=st.integers(1, 24), dim=st.integers(1, 12), data=st.data())
def test_each_choice_is_the_one_of_largest_determinant(
    seed: int, num_candidates: int, dim: int, data: st.DataObject
) -> None:
    features = np.random.default_rng(seed).normal(size=(num_candidates, dim)).astype(np.float32)
    quality = np.exp(np.random.default_rng(seed + 1).normal(size=num_candidates))
    num = data.draw(st.integers(1, num_candidates))

    chosen = greedy_log_det(features, num, quality_t=quality, ridge=0.1)

    rows = features.astype(np.float64) * quality[:, None]
    kernel = rows @ rows.T + np.diag(0.1 * quality**2)
    for step, index in enumerate(chosen):
        values = {
            other: np.linalg.slogdet(kernel[np.ix_([*chosen[:step], other], [*chosen[:step], other])])[1]
            for other in range(num_candidates)
            if other not in chosen[:step]
        }
        # Where several add the same, rounding decides.
        assert values[index] >= max(values.values()) - 1e-3


def test_blocks_change_nothing_on_many_candidates() -> None:
    features = np.random.default_rng(0).normal(size=(1500, 40)).astype(np.float32)

    assert greedy_log_det(features, 100, ridge=0.05) == greedy_by_inverse(features, 100, 0.05)


def test_blocks_change_nothing_where_some_candidates_are_worth_far_more() -> None:
    features, quality = unit_rows(600, 16), np.exp(np.random.default_rng(3).normal(size=600))

    assert greedy_log_det(features, 40, quality_t=quality) == greedy_by_determinants(features, 40, quality, 0.01)


def test_more_may_be_chosen_than_there_are_features_or_different_frames() -> None:
    features = np.repeat(unit_rows(5, 3), 100, axis=0)

    chosen = greedy_log_det(features, 60)

    assert len(set(chosen)) == 60
    assert len({index // 100 for index in chosen[:3]}) == 3


def test_of_equals_the_earliest_is_taken_first() -> None:
    assert greedy_log_det(unit_rows(900, 64), 1) == [0]


def test_no_better_set_is_far_away() -> None:
    # The greedy set is within (1 - 1/e) of the best one for gains above 0; all subsets of a small problem are tried.
    from itertools import combinations

    rows = unit_rows(10, 6).astype(np.float64)
    kernel = rows @ rows.T / 0.05 + np.eye(10)
    values = {subset: np.linalg.slogdet(kernel[np.ix_(subset, subset)])[1] for subset in combinations(range(10), 4)}

    found = tuple(sorted(greedy_log_det(rows.astype(np.float32), 4, ridge=0.05)))

    assert values[found] >= (1 - 1 / np.e) * max(values.values())


@pytest.mark.parametrize("num_candidates", [80, 900])
def test_each_segment_gets_at_least_one(num_candidates: int) -> None:
    features = unit_rows(num_candidates, 12)
    segments = np.arange(num_candidates) * 20 // num_candidates
    # Only the first segment has anything to offer.
    quality = np.where(segments == 0, 50.0, 1.0)

    chosen = greedy_log_det(features, 30, quality_t=quality, segments_t=segments)

    counts = np.bincount(segments[chosen], minlength=20)
    assert counts.min() == 1
    assert counts[0] == min(11, np.count_nonzero(segments == 0))
    assert counts.sum() == 30


def test_the_constrained_choice_is_that_of_the_plain_rule() -> None:
    features, segments = np.random.default_rng(6).normal(size=(500, 10)).astype(np.float32), np.arange(500) // 50
    rows = features.astype(np.float64)
    kernel = rows @ rows.T + 0.01 * np.eye(500)
    expected: list[int] = []
    for step in range(14):
        closed = set(segments[expected])
        is_bound = 14 - step <= 10 - len(closed)
        others = [i for i in range(500) if i not in expected and not (is_bound and segments[i] in closed)]
        values = [np.linalg.slogdet(kernel[np.ix_([*expected, i], [*expected, i])])[1] for i in others]
        expected.append(others[int(np.argmax(values))])

    assert greedy_log_det(features, 14, segments_t=segments) == expected


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot choose 5 of 4"):
        greedy_log_det(unit_rows(4, 3), 5)
    with pytest.raises(ValueError, match="one of each of 4 segments with 2"):
        greedy_log_det(unit_rows(4, 3), 2, segments_t=np.arange(4))
    with pytest.raises(ValueError, match="above 0"):
        greedy_log_det(unit_rows(4, 3), 2, quality_t=np.zeros(4))
    with pytest.raises(ValueError, match="ridge must be more than 0"):
        greedy_log_det(unit_rows(4, 3), 2, ridge=0.0)
