"""What a model family must be able to do. A family is one folder of this room, or of a plugin.

A new family is a folder with these functions and one entry: in the table of ``_loading`` for families that come with
vidtune, or under the entry-point group ``vidtune.family`` of any installed package. Everything but ``load`` works on
the processor alone, so prompts, labels and token counts are testable without weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

from vidtune.models._batch import BatchInputs

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet

Modality = Literal["vision", "projector", "language"]

PromptItem = tuple["Sequence[Turn]", "FrameSet | None"]
"""A conversation and the frames of its clip; None for a conversation without one."""


class Family(Protocol):
    """The door to one kind of checkpoint."""

    name: str
    """The ``model_type`` in the checkpoint's config.json."""

    def load(
        self,
        folder: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        quantization_config: Any | None,
        max_pixels: int | None,
    ) -> tuple[Any, Any]:
        """Return model (in eval mode, on ``device``) and processor of a checkpoint folder.

        Args:
            folder: A folder with config.json, safetensors and the processor's files.
            device: Where the weights go.
            dtype: Of all weights that are not quantized.
            quantization_config: What transformers takes under that name, or None.
            max_pixels: Cap on the pixels of one frame as the model sees it; None keeps the checkpoint's.

        Raises:
            ModelMismatch: If keys, shapes or special tokens do not fit; it lists them.
            ModelUnavailable: If files are missing or damaged.
        """

    def encode_prompts(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return the left-padded inputs of prompts that the model is to answer."""

    def encode_training(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return right-padded inputs with labels on every answer and its end-of-turn token, and nowhere else."""

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt, without processing it."""

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return the tokens at which generation stops; the first is the one that training teaches."""

    def modality_of(self, name: str) -> Modality:
        """Return the tower that a parameter or module belongs to, also inside an adapter's wrappers.

        Raises:
            ValueError: If the name belongs to none of them.
        """

    def linear_targets(self, modality: Modality) -> str:
        """Return a pattern that matches the whole name of each linear layer of that tower, and nothing else."""
