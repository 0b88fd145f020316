"""What holds for every selector, whatever its rule."""

from __future__ import annotations

import numpy as np
import pytest
from tests.media.selection.films import FPS, scenes_film, view_of

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid
from vidtune.media import ClipView, SamplingConfig, Selection, selectors

NAMES = [
    *("aks", "bolt", "dpp", "entropy", "equicontour", "farthest", "fps", "hybrid", "keyframe", "maxvol"),
    *("medoids", "motion", "quantization", "representative", "scene", "topk", "uniform"),
]
# The default of `quantization` loads a model; two weightless embedders show the same.
OPTIONS: dict[str, dict[str, str]] = {
    "quantization": {"embedder": "descriptor", "quantized_embedder": "descriptor"},
}


def sampling_of(name: str, num_frames: int) -> SamplingConfig:
    fps = 2.0 if name == "fps" else None
    return SamplingConfig(kind=name, num_frames=num_frames, fps=fps, options=OPTIONS.get(name, {}))


def choose(name: str, view: ClipView, num_frames: int) -> Selection:
    if name == "scene":
        pytest.importorskip("scenedetect")
    return selectors.get(name).select(view, sampling_of(name, num_frames))


def test_the_selectors_are_these() -> None:
    assert selectors.names() == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_frames", [1, 7, 16])
def test_it_delivers_as_many_ordered_times_as_were_asked_for_each_with_a_reason(name: str, num_frames: int) -> None:
    view = view_of(scenes_film(), query="the red square")

    selection = choose(name, view, num_frames)

    assert len(selection.times_s) == num_frames
    assert list(selection.times_s) == sorted(selection.times_s)
    assert selection.times_s[0] >= 0
    assert selection.times_s[-1] < view.info.duration_s
    assert all(reason for reason in selection.reasons)
    for curve in selection.curves.values():
        assert len(curve.times_s) == len(curve.values)
        assert np.isfinite(curve.values).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_clip_gives_the_same_choice_again(name: str) -> None:
    first, again = (choose(name, view_of(scenes_film(), query="the red square"), 9) for _ in range(2))

    assert first == again


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_in_clip", [1, 3])
def test_a_clip_of_fewer_frames_than_asked_for_is_served_whole(name: str, num_in_clip: int) -> None:
    view = view_of(scenes_film()[:num_in_clip], query="the red square")

    selection = choose(name, view, 8)

    expected = 1 if name == "fps" else 8
    assert len(selection.times_s) == expected
    assert selection.times_s[-1] < num_in_clip / FPS
    if name != "fps":
        assert {int(time_s * FPS + 1e-9) for time_s in selection.times_s} == set(range(num_in_clip))


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_in_which_nothing_changes_is_served(name: str) -> None:
    view = view_of(np.full((200, 32, 48, 3), 128, np.uint8), query="the red square")

    assert len(set(choose(name, view, 8).times_s)) == 8


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_that_it_does_not_have_is_refused_by_name(name: str) -> None:
    values = {**sampling_of(name, 4).model_dump(), "options": {"sharpnes": 1}}

    with pytest.raises(ConfigInvalid, match=rf"options of '{name}': sharpnes: .* It has: "):
        build_config(SamplingConfig, values, source="a test")


@pytest.mark.parametrize("name", ["uniform", "fps"])
def test_selectors_that_go_by_time_look_at_nothing(name: str) -> None:
    info = view_of(scenes_film()).info

    class Untouchable:
        def __getattr__(self, attribute: str) -> None:
            raise AssertionError(f"{attribute} was asked for")

    assert choose(name, ClipView(info, Untouchable()), 4).times_s  # type: ignore[arg-type]


def test_one_first_pass_serves_all_selectors() -> None:
    view = view_of(scenes_film(), query="the red square")
    reader, scans = view._reader, []
    original = reader.scan
    reader.scan = lambda wanted: scans.append(wanted) or original(wanted)  # type: ignore[func-returns-value,method-assign]

    for name in NAMES:
        choose(name, view, 8)

    assert len(scans) == 1
