"""Frames and questions in one space: CLIP, SigLIP and whatever else transformers loads with two towers.

Axis letters: ``t`` frames, ``h`` height, ``w`` width, ``c`` channels, ``d`` features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidtune.core.errors import BadUsage, ModelMismatch, ModelUnavailable
from vidtune.models._loading import choose_device
from vidtune.models._source import find_checkpoint
from vidtune.models._torchvision import ensure_torchvision
from vidtune.models._weights import load_strictly

if TYPE_CHECKING:
    from vidtune.media import Embedder

_FRAMES_AT_ONCE = 32


class ContrastiveEmbedder:
    """Image vectors of length 1; relevance is their cosine with the question's vector."""

    def __init__(self, model: Any, processor: Any, device: torch.device) -> None:
        self._model = model
        self._processor = processor
        self._device = device
        # A text tower with a head (SigLIP) reads the last place of a text of full length and was trained on such; one
        # without (CLIP) reads the end token, wherever it is.
        self._padding = "max_length" if hasattr(getattr(model, "text_model", None), "head") else "longest"
        self.max_side_px = _longer_side_px(model)

    def embed_frames(self, frames_thwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one vector (t, d) a frame."""
        parts = []
        for start in range(0, len(frames_thwc), _FRAMES_AT_ONCE):
            images = list(frames_thwc[start : start + _FRAMES_AT_ONCE])
            pixels = self._processor.image_processor(images, input_data_format="channels_last", return_tensors="pt")
            with torch.inference_mode():
                found = self._model.get_image_features(pixel_values=pixels["pixel_values"].to(self._device))
            parts.append(_unit_rows(found))
        return np.concatenate(parts)

    def score_frames(
        self, frames_thwc: NDArray[np.uint8], features_td: NDArray[np.float32], query: str
    ) -> NDArray[np.float64] | None:
        """Return the cosine of each frame with the question; a long question is cut at the model's limit."""
        longest = self._model.config.text_config.max_position_embeddings
        tokens = self._processor.tokenizer(
            [query], padding=self._padding, max_length=longest, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            found = self._model.get_text_features(**{name: value.to(self._device) for name, value in tokens.items()})
        return np.asarray(features_td @ _unit_rows(found)[0], dtype=np.float64)


def make_embedder(argument: str | None) -> Embedder:
    """Return the model that ``argument`` names: a folder, or a hub id ``owner/name[@revision]``.

    Raises:
        BadUsage: If no model is named.
        ModelUnavailable, ModelMismatch: If it cannot be loaded, or has not both an image and a text tower.
    """
    if argument is None:
        raise BadUsage(
            "the embedder 'contrastive' needs a model.",
            "Write e.g. contrastive:openai/clip-vit-base-patch32 or contrastive:google/siglip-base-patch16-224.",
        )
    checkpoint = find_checkpoint(argument)
    ensure_torchvision()
    from transformers import AutoModel, AutoProcessor

    device = choose_device("auto")
    # Strict loading first: a folder of another kind is found before anything is done with it.
    model = load_strictly(AutoModel, checkpoint.folder, device=device, dtype=torch.float32, quantization_config=None)
    if not (hasattr(model, "get_image_features") and hasattr(model, "get_text_features")):
        raise ModelMismatch(
            f"{argument} is a {checkpoint.model_type!r} model, expected one with an image and a text tower.",
            "Give a CLIP or SigLIP model.",
        )
    try:
        processor = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as exc:
        raise ModelUnavailable(
            f"{argument} has no usable tokenizer and image processor: {' '.join(str(exc).split())[:300]}.",
            "Copy tokenizer.json, tokenizer_config.json and preprocessor_config.json beside the weights.",
        ) from exc
    return ContrastiveEmbedder(model.to(device), processor, device)


def _longer_side_px(model: Any) -> int:
    side_px = getattr(getattr(model.config, "vision_config", None), "image_size", None) or 224
    # Frames are cut to a square by the processor, so the shorter side has to be as large as the model wants it.
    return int(side_px if isinstance(side_px, int) else max(side_px)) * 16 // 9


def _unit_rows(found: Any) -> NDArray[np.float32]:
    rows = getattr(found, "pooler_output", found).float()
    return np.asarray(torch.nn.functional.normalize(rows, dim=1).cpu().numpy(), dtype=np.float32)
