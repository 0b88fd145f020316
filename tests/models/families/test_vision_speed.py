"""The faster vision towers give the values and gradients of the stock ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.models import tiny as qwen2_vl
from tests.models.families import tiny_qwen2_5_vl, tiny_qwen3_vl, tiny_video_llama_3
from tests.models.prompts import ask, make_frames

from vidtune.models import families

TINY: dict[str, Any] = {
    "qwen2_vl": qwen2_vl,
    "qwen2_5_vl": tiny_qwen2_5_vl,
    "qwen3_vl": tiny_qwen3_vl,
    "video_llama_3": tiny_video_llama_3,
}
CLIPS = [make_frames(4, 56, 56, 1), make_frames(2, 112, 84, 2), make_frames(6, 56, 56, 3)]


def features_and_gradients(name: str, prepare: Callable[[Any], Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    processor = TINY[name].make_processor()
    family: Any = families.get(name)
    if hasattr(processor.video_processor, "cap_pixels_per_frame"):
        processor.video_processor.cap_pixels_per_frame = True
    batch = family.encode_prompts(processor, [(ask("x"), clip) for clip in CLIPS])
    model = prepare(TINY[name].make_model(processor))
    media = {key: value for key, value in batch.items() if key.startswith(("pixel", "video_grid", "video_merge"))}
    found = model.model.get_video_features(**media).pooler_output
    features = found if isinstance(found, torch.Tensor) else torch.cat(list(found))
    features.square().sum().backward()
    gradients = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
    return features.detach(), gradients


@pytest.mark.parametrize("name", TINY)
def test_a_faster_tower_gives_the_values_and_gradients_of_the_stock_one(name: str) -> None:
    family: Any = families.get(name)

    stock, stock_gradients = features_and_gradients(name, lambda model: model)
    fast, fast_gradients = features_and_gradients(name, family.prepare_model)

    torch.testing.assert_close(fast, stock, rtol=1e-4, atol=1e-5)
    assert fast_gradients.keys() == stock_gradients.keys()
    for key, value in fast_gradients.items():
        torch.testing.assert_close(value, stock_gradients[key], rtol=1e-3, atol=1e-3, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("name", TINY)
def test_attention_of_a_loaded_model_is_the_faster_one_only_with_sdpa(name: str) -> None:
    family: Any = families.get(name)
    kinds = {}
    for implementation in ("sdpa", "eager"):
        model = TINY[name].make_model(TINY[name].make_processor())
        model.set_attn_implementation(implementation)
        found = {type(module).__name__ for module in family.prepare_model(model).modules()}
        kinds[implementation] = {kind for kind in found if kind.endswith("VisionAttention")}

    assert kinds["sdpa"] == {"BatchedVisionAttention"}
    assert "BatchedVisionAttention" not in kinds["eager"]
