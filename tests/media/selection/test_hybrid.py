"""The hybrid: covers the clip and finds what is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from tests.media.selection.films import RED_S, scenes_film, view_of

from vidtune.media import SamplingConfig, Selection, selectors


def choose(query: str | None, num_frames: int = 8, **options: float) -> Selection:
    sampling = SamplingConfig(kind="hybrid", num_frames=num_frames, options=options)
    return selectors.get("hybrid").select(view_of(scenes_film(seconds=80), query), sampling)


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_every_segment_has_a_frame(share: float) -> None:
    selection = choose("the red square", num_frames=16, coverage_share=share)

    counts = np.histogram(selection.times_s, round(share * 16), (0, 80))[0]
    assert counts.min() >= 1
    assert len(selection.times_s) == 16


def test_a_moment_that_the_query_names_is_found_though_spacing_misses_it() -> None:
    uniform = selectors.get("uniform").select(view_of(scenes_film(seconds=80)), SamplingConfig(num_frames=8)).times_s

    found = choose("When is the red square there?").times_s

    assert not any(RED_S[0] <= time_s < RED_S[1] for time_s in uniform)
    assert any(RED_S[0] <= time_s < RED_S[1] for time_s in found)


def test_without_any_share_for_coverage_it_is_dpp() -> None:
    view = view_of(scenes_film(), "the red square")
    dpp = selectors.get("dpp").select(view, SamplingConfig(kind="dpp", num_frames=8))

    hybrid = selectors.get("hybrid").select(
        view, SamplingConfig(kind="hybrid", num_frames=8, options={"coverage_share": 0.0})
    )

    assert hybrid.times_s == dpp.times_s


def test_with_an_overwhelming_pull_it_is_uniform() -> None:
    found = choose(None, centre_pull=20.0).times_s

    assert found == pytest.approx([5, 15, 25, 35, 45, 55, 65, 75], abs=1.3)


def test_a_query_that_cannot_be_scored_is_said_so_and_does_not_stop_it() -> None:
    selection = choose("Who wins?")

    assert all("cannot score the query" in reason for reason in selection.reasons)
    assert "relevance" not in selection.curves
