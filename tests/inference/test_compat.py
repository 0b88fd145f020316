"""The Python API of the QVED pipeline keeps its names and its shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidtune.core.errors import VideoMissing
from vidtune.inference import get_video_inference, load_model
from vidtune.models import load_model as load_model_below


def test_the_documented_loop_runs_as_it_is(tiny_folder: Path, clips: Path) -> None:
    model, processor = load_model(tiny_folder)

    for name in ("clip_0.mp4", "clip_1.mp4"):
        prediction, metrics = get_video_inference(
            model=model,
            processor=processor,
            video_path=str(clips / name),
            prompt="Evaluate this exercise form",
            max_new_tokens=5,
        )

        assert isinstance(prediction, str)
        assert metrics["generated_tokens"] == 5
        assert metrics["tokens_per_second"] == pytest.approx(5 / metrics["generation_time"])
        assert metrics["num_frames"] == 8
        assert metrics["frame_indices"] == [1, 3, 5, 7, 9, 11, 13, 15]


def test_a_model_that_was_loaded_elsewhere_works_too(tiny_folder: Path, clips: Path) -> None:
    ours, processor = load_model(tiny_folder)
    elsewhere = load_model_below(tiny_folder)
    arguments = {"video_path": clips / "clip_2.mp4", "prompt": "What?", "max_new_tokens": 4}

    expected, _ = get_video_inference(model=ours, processor=processor, **arguments)
    answer, _ = get_video_inference(model=elsewhere.model, processor=elsewhere.processor, **arguments)

    assert answer == expected


def test_documented_sampling_is_an_option(tiny_folder: Path, clips: Path) -> None:
    model, processor = load_model(tiny_folder)

    _, metrics = get_video_inference(
        model=model,
        processor=processor,
        video_path=clips / "clip_0.mp4",
        prompt="What?",
        max_new_tokens=4,
        do_sample=True,
        temperature=0.1,
        top_p=0.9,
    )

    assert metrics["generated_tokens"] == 4


def test_a_missing_video_is_our_error(tiny_folder: Path, tmp_path: Path) -> None:
    model, processor = load_model(tiny_folder)

    with pytest.raises(VideoMissing, match="nowhere.mp4"):
        get_video_inference(model=model, processor=processor, video_path=tmp_path / "nowhere.mp4", prompt="What?")
