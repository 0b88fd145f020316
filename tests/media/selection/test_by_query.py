"""Selectors that go by relevance alone: topk, aks, bolt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.media.selection.films import RED_S, scenes_film, view_of

from vidtune.core.errors import BadUsage
from vidtune.media import SamplingConfig, selectors
from vidtune.media.selection.aks import adaptive_keyframes
from vidtune.media.selection.bolt import inverse_transform

RELEVANCE = st.lists(st.floats(0, 1), min_size=2, max_size=80).map(np.array)


def split_and_judge(scores: list[float], first: int, num: int, depth: int) -> set[int]:
    """The published recursion, written down as in the paper: judge a part, or halve it."""
    best = sorted(scores, reverse=True)[:num]
    if sum(best) / len(best) - sum(scores) / len(scores) > 0.8 or depth == 5 or len(scores) < 2:
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        return {first + index for index in order[: num // 2**depth]}
    half = len(scores) // 2
    left = split_and_judge(scores[:half], first, num, depth + 1)
    return left | split_and_judge(scores[half:], first + half, num, depth + 1)


@given(relevance=RELEVANCE, num=st.integers(1, 64))
def test_aks_takes_what_the_recursion_takes(relevance: NDArray[np.float64], num: int) -> None:
    assert set(adaptive_keyframes(relevance, num)) == split_and_judge(relevance.tolist(), 0, num, 0)


def test_aks_takes_a_peak_whole_and_spreads_over_a_plain() -> None:
    peak = np.zeros(640)
    peak[300:308] = 1.0
    plain = np.linspace(0.5, 0.6, 640)

    assert set(adaptive_keyframes(peak, 8)) == set(range(300, 308))
    assert np.histogram(list(adaptive_keyframes(plain, 64)), 8, (0, 640))[0].tolist() == [8] * 8


@given(relevance=RELEVANCE, num=st.integers(1, 32))
def test_bolt_gives_frames_of_the_clip_and_more_where_relevance_is(relevance: NDArray[np.float64], num: int) -> None:
    found = inverse_transform(relevance, num, 2.0)

    assert found == sorted(set(found))
    assert 1 <= len(found) <= num
    assert 0 <= found[0]
    assert found[-1] < len(relevance)


def test_bolt_spends_its_frames_in_proportion_to_accumulated_relevance() -> None:
    relevance = np.concatenate([np.full(500, 0.0), np.full(500, 1.0)])
    relevance[0] = 0.5

    found = inverse_transform(relevance, 20, 1.0)

    assert sum(index >= 500 for index in found) == 20


def test_bolt_without_any_difference_goes_by_time_instead_of_dividing_by_zero() -> None:
    assert inverse_transform(np.full(100, 0.3), 4, 2.0) == [24, 41, 58, 74]


@pytest.mark.parametrize("kind", ["topk", "aks", "bolt"])
def test_they_find_what_the_query_names_and_say_how_relevant_it_is(kind: str) -> None:
    view = view_of(scenes_film(), query="When does the red square appear?")

    selection = selectors.get(kind).select(view, SamplingConfig(kind=kind, num_frames=4))

    assert sum(RED_S[0] <= time_s < RED_S[1] for time_s in selection.times_s) >= 2
    assert max(selection.curves["relevance"].values) == 1.0
    assert all("relevan" in reason for reason in selection.reasons)


@pytest.mark.parametrize("kind", ["topk", "aks", "bolt"])
def test_without_a_query_or_one_that_can_be_scored_they_refuse_by_name(kind: str) -> None:
    sampling = SamplingConfig(kind=kind, num_frames=4)

    with pytest.raises(BadUsage, match=f"{kind}' goes by a query and was given none"):
        selectors.get(kind).select(view_of(scenes_film()), sampling)
    with pytest.raises(BadUsage, match="cannot tell which frames 'Who wins"):
        selectors.get(kind).select(view_of(scenes_film(), query="Who wins?"), sampling)
