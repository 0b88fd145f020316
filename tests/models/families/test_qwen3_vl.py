from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.families.contract import FamilyContract
from tests.models.families.tiny_qwen3_vl import make_tiny_folder
from tests.models.prompts import ask, make_frames

from vidtune.core.errors import BadUsage, VideoTooLarge
from vidtune.media import FrameSet
from vidtune.models import LoadedModel, load_model


class TestQwen3VL(FamilyContract):
    name = "qwen3_vl"
    make_folder = staticmethod(make_tiny_folder)

    def reference_media(self, frames: FrameSet) -> dict[str, Any]:
        """The library refuses one frame alone; shown twice it takes as many tokens."""
        if len(frames.frames_thwc) == 1:
            frames = replace(
                frames, frames_thwc=np.concatenate([frames.frames_thwc] * 2), indices=(frames.indices[0],) * 2
            )
        return super().reference_media(frames)

    def test_each_pair_of_frames_stands_behind_its_mean_time(self, loaded: LoadedModel):
        frames = make_frames(4, 56, 84)

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), frames)])

        prompt = loaded.processor.tokenizer.decode(batch["input_ids"][0])
        means_s = [(frames.times_s[0] + frames.times_s[1]) / 2, (frames.times_s[2] + frames.times_s[3]) / 2]
        assert [f"<{mean_s:.1f} seconds>" in prompt for mean_s in means_s] == [True, True]

    def test_times_are_the_true_ones_where_frames_are_not_evenly_spaced(self, loaded: LoadedModel):
        frames = replace(make_frames(4, 56, 84), times_s=(0.0, 1.0, 7.0, 9.0))

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), frames)])

        prompt = loaded.processor.tokenizer.decode(batch["input_ids"][0])
        assert "<0.5 seconds>" in prompt
        assert "<8.0 seconds>" in prompt

    @pytest.mark.parametrize(("num_frames", "max_pixels"), [(2, 64 * 64), (4, 5000), (8, 96 * 96)])
    def test_a_cap_holds_for_each_frame(self, folder: Path, num_frames: int, max_pixels: int):
        loaded = load_model(folder, device="cpu", max_pixels=max_pixels)

        batch = loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(num_frames, 128, 96))])

        _, rows, columns = batch["video_grid_thw"][0].tolist()
        assert rows * columns * 16 * 16 <= max_pixels
        assert batch.num_visual_tokens() == [loaded.family.count_visual_tokens(num_frames, 128, 96, loaded.processor)]

    def test_a_cap_below_one_token_is_bad_usage(self, folder: Path):
        with pytest.raises(BadUsage, match="less than one token of pixels, 1024"):
            load_model(folder, device="cpu", max_pixels=1023)

    def test_frames_that_are_too_thin_are_a_named_error(self, loaded: LoadedModel):
        with pytest.raises(VideoTooLarge, match="at most 200 to 1"):
            loaded.family.encode_prompts(loaded.processor, [(ask("x"), make_frames(2, 300, 1))])
