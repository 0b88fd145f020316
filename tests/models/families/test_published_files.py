"""Checkpoints on the hub keep the settings of their processor in more files than transformers 5 writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.families import (
    tiny_gemma3n,
    tiny_internvl,
    tiny_llava_next_video,
    tiny_perception_lm,
    tiny_smolvlm,
)
from tests.models.families.stored import split_processor_files
from tests.models.prompts import ask, make_frames

from vidtune.models import families


@pytest.mark.parametrize(
    ("name", "make_processor", "has_video_file"),
    [
        ("gemma3n", tiny_gemma3n.make_processor, False),
        ("internvl", tiny_internvl.make_processor, True),
        ("internvl", tiny_internvl.make_processor, False),
        ("llava_next_video", tiny_llava_next_video.make_processor, True),
        ("llava_next_video", tiny_llava_next_video.make_processor, False),
        ("perception_lm", tiny_perception_lm.make_processor, True),
        ("smolvlm", tiny_smolvlm.make_processor, True),
        ("smolvlm", tiny_smolvlm.make_processor, False),
    ],
)
def test_a_processor_in_several_files_makes_the_same_prompts(
    name: str, make_processor: Callable[[], Any], has_video_file: bool, tmp_path: Path
):
    family = families.get(name)
    processor = make_processor()
    processor.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": name}))
    split_processor_files(tmp_path, has_video_file=has_video_file)

    published = family.load_processor(tmp_path)

    frames = make_frames(3, 56, 84)
    batch, expected = (family.encode_prompts(each, [(ask("hi"), frames)]) for each in (published, processor))
    assert set(batch) == set(expected)
    assert all(torch.equal(batch[key], expected[key]) for key in expected)
