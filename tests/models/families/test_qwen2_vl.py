"""Qwen2-VL by the shared contract; what is its own is tested in ``tests/models``."""

from __future__ import annotations

import pytest
import torch
from tests.models.families.contract import FamilyContract
from tests.models.prompts import ask, converse, make_frames
from tests.models.tiny import make_tiny_folder

from vidtune.models import LoadedModel, NativeFamily


class TestQwen2VL(FamilyContract):
    name = "qwen2_vl"
    make_folder = staticmethod(make_tiny_folder)

    @pytest.mark.parametrize("for_generation", [True, False])
    def test_all_clips_at_once_give_what_one_by_one_does(self, loaded: LoadedModel, for_generation: bool):
        items = [
            (ask("x") if for_generation else converse("x", "squats"), frames)
            for frames in (make_frames(5, 56, 84, seed=1), None, make_frames(8, 112, 84, seed=2))
        ]

        fast = loaded.family._encode(loaded.processor, items, for_generation=for_generation)
        slow = NativeFamily._encode(loaded.family, loaded.processor, items, for_generation=for_generation)

        assert set(fast) == set(slow)
        assert all(torch.equal(value, slow[name]) for name, value in fast.items())
        assert fast.num_visual_tokens() == slow.num_visual_tokens()
