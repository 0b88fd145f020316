"""Embedders with weights: the model's own tower, quantized ones, and image-text models by folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.tiny import make_tokenizer

from vidtune.core.errors import BadUsage, ModelMismatch, ModelUnavailable
from vidtune.media import ClipView, SamplingConfig, selectors
from vidtune.media.embedding import get_embedder
from vidtune.media.embedding.distance import feature_loss
from vidtune.models import ensure_torchvision
from vidtune.models.embedders.quantized_tower import round_to_int8, round_to_nf4


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return np.stack([np.full((60, 80, 3), shade, np.uint8) for shade in (20, 90, 160, 230)]) + rng.integers(
        0, 20, (4, 60, 80, 3), dtype=np.uint8
    )


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a CLIP of two tiny layers with random weights, and a processor that fits."""
    ensure_torchvision()
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    folder = tmp_path_factory.mktemp("clip")
    tokenizer = make_tokenizer()
    layers: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={
            **layers,
            "num_attention_heads": 2,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 24,
            "eos_token_id": tokenizer.pad_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**layers, "num_attention_heads": 2, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def test_the_vision_tower_gives_one_vector_a_frame_whatever_is_beside_it(frames: NDArray[np.uint8]) -> None:
    embedder = get_embedder("vision_tower:nano")

    together, alone = embedder.embed_frames(frames), embedder.embed_frames(frames[2:3])

    assert together.shape[0] == 4
    np.testing.assert_allclose(together[2], alone[0], atol=1e-4)
    assert np.abs(together[0] - together[3]).max() > 0.01
    assert embedder.score_frames(frames, together, "a question") is None


def test_nf4_rounds_weights_as_bitsandbytes_does() -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = torch.randn(48, 128, generator=torch.Generator().manual_seed(1)) * 0.05

    packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4")

    torch.testing.assert_close(
        round_to_nf4(weight), functional.dequantize_4bit(packed, state).reshape(48, 128), atol=2e-5, rtol=1e-4
    )


def test_int8_is_within_half_a_step_of_each_output_channel() -> None:
    weight = torch.randn(8, 33, generator=torch.Generator().manual_seed(2))

    rounded = round_to_int8(weight)

    half_step = weight.abs().amax(dim=1, keepdim=True) / 127 / 2
    assert ((weight - rounded).abs() <= half_step * (1 + 1e-5)).all()
    assert len(rounded[0].unique()) <= 255


def test_fewer_bits_lose_more(frames: NDArray[np.uint8]) -> None:
    full = get_embedder("vision_tower:nano").embed_frames(frames)
    losses = {
        name: feature_loss(full, get_embedder(f"vision_tower_{name}:nano").embed_frames(frames))
        for name in ("int8", "nf4")
    }

    assert (losses["int8"] < losses["nf4"]).all()
    assert losses["nf4"].min() > 0
    # The full tower was not changed by making the others.
    np.testing.assert_array_equal(full, get_embedder("vision_tower:nano").embed_frames(frames))


def test_frames_that_survive_the_quantized_tower_are_preferred(frames: NDArray[np.uint8]) -> None:
    film = np.repeat(frames, 6, axis=0)
    sampling = SamplingConfig(kind="quantization", num_frames=6, options={"strength": 20.0})

    selection = selectors.get("quantization").select(ClipView.from_frames(film, fps=2.0), sampling)

    loss = np.array(selection.curves["quantization loss"].values)
    chosen = [round(time_s * 2) for time_s in selection.times_s]
    assert loss[chosen].mean() < loss.mean()


def test_an_image_text_model_scores_frames_as_transformers_does(clip_folder: Path, frames: NDArray[np.uint8]) -> None:
    from transformers import CLIPModel, CLIPProcessor

    embedder = get_embedder(f"contrastive:{clip_folder}")
    model, processor = CLIPModel.from_pretrained(clip_folder).eval(), CLIPProcessor.from_pretrained(clip_folder)
    inputs = processor(text=["the red shirt"], images=list(frames), return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).logits_per_image[:, 0] / model.logit_scale.exp()

    features = embedder.embed_frames(frames)

    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    scores = embedder.score_frames(frames, features, "the red shirt")
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-4)


def test_a_query_selector_goes_by_an_image_text_model(clip_folder: Path, frames: NDArray[np.uint8]) -> None:
    view = ClipView.from_frames(np.repeat(frames, 6, axis=0), fps=2.0, query="Who wins? " * 40)
    sampling = SamplingConfig(kind="topk", num_frames=3, options={"embedder": f"contrastive:{clip_folder}"})

    selection = selectors.get("topk").select(view, sampling)

    assert len(set(selection.times_s)) == 3
    assert max(selection.curves["relevance"].values) == 1.0


def test_models_that_are_not_there_or_not_of_that_kind_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="needs a model"):
        get_embedder("contrastive")
    with pytest.raises(ModelUnavailable, match="owner/none"):
        get_embedder("contrastive:owner/none")
    with pytest.raises(ModelMismatch, match="expected one with an image and a text tower"):
        get_embedder("contrastive:nano")
