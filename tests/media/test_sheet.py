"""The contact sheet: as large as it must be, the chosen frames in it, the marks where they belong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from tests.media.selection.films import FPS, scenes_film, view_of

from vidtune.media import (
    Choice,
    SamplingConfig,
    choices_record,
    clip_curves,
    decode_at,
    draw_sheet,
    frameset_from_array,
    timed_selection,
    write_sheet,
)
from vidtune.media._choice import Choice as SameChoice


def choose(view, frames_thwc: np.ndarray, kind: str, num_frames: int) -> Choice:
    sampling = SamplingConfig(kind=kind, num_frames=num_frames)
    selection, select_s = timed_selection(view, sampling)
    return Choice(
        sampling, selection, decode_at(frameset_from_array(frames_thwc, fps=FPS), selection.times_s), select_s
    )


def test_the_frames_of_every_choice_are_on_the_sheet() -> None:
    assert SameChoice is Choice
    frames = np.zeros((100, 36, 64, 3), np.uint8)
    frames[:] = (np.arange(100) * 2 + 30)[:, None, None, None]
    frames[..., 2] = 200
    view = view_of(frames)
    choices = [choose(view, frames, "uniform", 8)]

    sheet = np.asarray(draw_sheet(view.info, choices, clip_curves(view, 8)))

    for index in choices[0].frames.indices:
        wanted = frames[index, 0, 0].astype(int)
        assert np.count_nonzero(np.abs(sheet.astype(int) - wanted).max(axis=2) < 2) > 5000


def test_marks_stand_under_the_times_of_the_frames() -> None:
    frames = scenes_film(seconds=40)
    view = view_of(frames)
    sheet = np.asarray(draw_sheet(view.info, [choose(view, frames, "uniform", 4)], clip_curves(view, 4))).astype(int)

    accent = np.abs(sheet - np.array([0x25, 0x63, 0xEB])).max(axis=2) < 12
    # The marks are the lowest thing in the accent's colour; the axis reaches from 186 to 1644 px.
    bottom = np.flatnonzero(accent.sum(axis=1) >= 4 * 6)[-1]
    columns = np.flatnonzero(accent[bottom, 186:]) + 186
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1)
    found = [(group.mean() - 186) / (1644 - 186) * 40 for group in groups]
    assert np.allclose(found, [5, 15, 25, 35], atol=0.3)


def test_nothing_is_cut_off_and_little_is_left_empty_whatever_is_drawn() -> None:
    frames = scenes_film(seconds=40)
    view = view_of(frames, query="the red square")
    for kinds, num in ((["hybrid"], 1), (["hybrid"], 16), (["uniform", "dpp", "hybrid"], 30)):
        choices = [choose(view, frames, kind, num) for kind in kinds]
        curves = clip_curves(view, num, [choice.selection for choice in choices])
        assert list(curves) == ["motion", "entropy", "scene change", "relevance"] or "relevance" not in curves

        sheet = np.asarray(draw_sheet(view.info, choices, curves, query=view.query)).astype(int)

        is_drawn = np.abs(sheet - sheet[0, 0]).max(axis=2) > 8
        last_row, last_column = np.flatnonzero(is_drawn.any(axis=1))[-1], np.flatnonzero(is_drawn.any(axis=0))[-1]
        assert 12 <= sheet.shape[0] - last_row <= 90
        assert sheet.shape[1] - last_column >= 10


def test_upright_and_odd_clips_are_drawn() -> None:
    for shape in ((90, 50), (11, 200), (200, 9)):
        frames = np.random.default_rng(0).integers(0, 255, (20, *shape, 3), dtype=np.uint8)
        view = view_of(frames)

        sheet = draw_sheet(view.info, [choose(view, frames, "uniform", 5)], clip_curves(view, 5))

        assert sheet.width == 1680
        assert sheet.height < 4000


def test_the_captions_of_narrow_frames_keep_their_room() -> None:
    frames = np.full((20, 200, 9, 3), 40, np.uint8)
    view = view_of(frames)

    sheet = np.asarray(draw_sheet(view.info, [choose(view, frames, "uniform", 5)], clip_curves(view, 5)).convert("L"))

    tiles = np.flatnonzero((sheet[150:400] == 40).all(axis=0))
    starts = tiles[np.flatnonzero(np.diff(tiles, prepend=-9) > 1)]
    assert len(starts) == 5
    assert np.diff(starts).min() > 100


def test_the_record_says_all_that_is_on_the_sheet(tmp_path: Path) -> None:
    frames = scenes_film(seconds=20)
    view = view_of(frames, query="the red square")
    choices = [choose(view, frames, "dpp", 6)]
    curves = clip_curves(view, 6, [choices[0].selection])

    write_sheet(tmp_path / "sheet.jpg", view.info, choices, curves)
    record = json.loads(json.dumps(choices_record(view, choices, curves), allow_nan=False))

    with Image.open(tmp_path / "sheet.jpg") as picture:
        assert picture.format == "JPEG"
    assert record["query"] == "the red square"
    (chosen,) = record["choices"]
    assert [frame["index"] for frame in chosen["frames"]] == list(choices[0].frames.indices)
    assert all(frame["reason"] for frame in chosen["frames"])
    assert set(record["curves"]) >= {"motion", "entropy", "scene change"}
