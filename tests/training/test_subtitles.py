"""Training on questions that come with subtitles: they stand where prediction puts them."""

from __future__ import annotations

import json

import pytest

from vidtune.core.progress import silent
from vidtune.core.rundir import RunDirectory
from vidtune.training._prepare import prepare


@pytest.fixture
def benchmark(clips, tmp_path):
    """Two questions in LongVideoBench's layout about clips with subtitles."""
    records = [
        {
            "id": f"q{index}",
            "video_path": f"clip_{index:02d}.mp4",
            "subtitle_path": "a.json",
            "question": "What moves?",
            "candidates": ["a square", "a ball"],
            "correct_choice": 0,
            "duration_group": 15,
            "starting_timestamp_for_subtitles": 10.0,
        }
        for index in range(2)
    ]
    path = tmp_path / "lvb_val.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    lines = [
        {"start": "00:00:10.0", "end": "00:00:10.5", "line": "squats"},
        {"start": "00:00:30.0", "end": "00:00:31.0", "line": "later"},
    ]
    (tmp_path / "a.json").write_text(json.dumps(lines), encoding="utf-8")
    return {"path": str(path), "videos": str(clips), "subtitles": str(tmp_path)}


@pytest.mark.parametrize("adapter", ["lora", "temporal_lora"])
def test_subtitles_are_trained_with_where_prediction_would_put_them(recipe, benchmark, adapter, tmp_path):
    config = recipe(data=benchmark, adapter={"kind": adapter}, loop={"batch_size": 1})

    prepared = prepare(config, RunDirectory(tmp_path / "run"), evaluator=None, progress=silent)

    example = prepared.train.examples[0]
    tokens = prepared.loaded.processor.tokenizer.decode(example.input_ids)
    assert "squats" in tokens
    assert "later" not in tokens
    # Gates that weigh frames know a clip in one block only.
    assert ("What is said" in tokens) == (adapter == "temporal_lora")
    assert [aside.text for turn in example.sample.turns for aside in turn.asides] == (
        ["squats"] if adapter == "lora" else []
    )
    assert example.untold is not None
    assert example.untold.question.startswith("What moves?")
