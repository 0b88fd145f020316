"""What a model family must be able to do. A family is one folder of this room, or of a plugin.

A new family is a folder under ``families`` whose ``__init__`` holds ``FAMILY``; being there is enough. A family of
another package is one entry under the entry-point group ``vidtune.family``. Everything but ``load`` works on the
processor alone, so prompts, labels and token counts are testable without weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

from vidtune.models._batch import BatchInputs

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet

Modality = Literal["vision", "projector", "language", "audio"]

NO_MODULES = "(?!)"
"""A pattern that matches nothing: the linear layers of a tower that a family does not have."""

PromptItem = tuple["Sequence[Turn]", "FrameSet | None"]
"""A conversation and the frames of its clip, with their sound; None for a conversation without one."""


@dataclass(frozen=True)
class FramePolicy:
    """Which numbers of frames a family was made for."""

    num_frames: int = 8
    """What its authors use for a short clip; a starting point, not a limit."""

    multiple: int = 1
    """How many neighbours share their tokens. Other numbers work; the last frame is repeated to fill up."""

    max_frames: int | None = None
    """The most that it takes; None where only the context is a limit."""

    frames_as: Literal["video", "images"] = "video"
    """Whether a clip is one video to the processor, or as many images."""

    is_divisible: bool = False
    """Whether a video can be cut into several with words between them in one prompt: its chat template keeps their
    order, says nothing of a clip as a whole, and no blank frames fill up a short one. Images always can."""


@dataclass(frozen=True)
class SoundPolicy:
    """What a family that hears takes of a clip's sound."""

    sample_rate_hz: int

    max_duration_s: float
    """The most that it takes; the sound of a longer clip is heard from its beginning up to there."""


class Family(Protocol):
    """The door to one kind of checkpoint."""

    name: str
    """Its folder's name, or that of its entry point."""

    model_types: tuple[str, ...]
    """The ``model_type`` values, in a checkpoint's config.json, that it opens."""

    frame_policy: FramePolicy
    """Which numbers of frames it was made for."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The towers it has."""

    @property
    def takes_asides(self) -> bool:
        """Whether words can stand between the frames of a clip, as asides of the first user turn."""

    @property
    def takes_max_pixels(self) -> bool:
        """Whether ``max_pixels`` has an effect; where it has none, it is refused."""

    def load(
        self,
        folder: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        quantization_config: Any | None,
        max_pixels: int | None,
        attn_implementation: str = "sdpa",
        device_map: str | Mapping[str, Any] | None = None,
        remote_code: bool = False,
    ) -> tuple[Any, Any]:
        """Return model (in eval mode, on ``device``) and processor of a checkpoint folder.

        Args:
            folder: A folder with config.json, safetensors and the processor's files.
            device: Where the weights go.
            dtype: Of all weights that are not quantized.
            quantization_config: What transformers takes under that name, or None.
            max_pixels: Cap on the pixels of one frame as the model sees it; None keeps the checkpoint's.
            attn_implementation: ``sdpa``, ``eager`` or ``flash_attention_2``.
            device_map: Where each part goes, as transformers takes it; None puts all of it on ``device``.
            remote_code: Let code of the checkpoint run; the caller has made sure of its revision.

        Raises:
            ModelMismatch: If keys, shapes or special tokens do not fit; it lists them.
            ModelUnavailable: If files are missing or damaged.
        """

    def encode_prompts(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return the left-padded inputs of prompts that the model is to answer."""

    def join_prompts(self, processor: Any, rows: Sequence[Mapping[str, torch.Tensor]]) -> BatchInputs:
        """Return one left-padded batch of rows that ``encode_prompts`` made one at a time."""

    def encode_around_clip(
        self, processor: Any, turns: Sequence[Turn], frames: FrameSet
    ) -> tuple[list[int], list[int]]:
        """Return the ids of a prompt before and after what the clip becomes, without processing the clip.

        What lies between them is the same for every prompt about the clip with the same ids before it. So the clip is
        processed and read once for all its questions.
        """

    def visual_token_id(self, processor: Any) -> int:
        """Return the token that stands for pixels in an expanded prompt."""

    def encode_training(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return right-padded inputs with labels on every answer and its end-of-turn token, and nowhere else."""

    def join_training(self, processor: Any, rows: Sequence[Mapping[str, torch.Tensor]]) -> BatchInputs:
        """Return one right-padded batch of rows that ``encode_training`` made one at a time."""

    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt, without processing it."""

    def sound_policy(self, processor: Any) -> SoundPolicy | None:
        """Return what it takes of a clip's sound; None for a family that does not hear.

        The sound of a clip is that of its frames (``FrameSet.sound``); only a family that hears may be given one.
        """

    def count_sound_tokens(self, duration_s: float, processor: Any) -> int:
        """Return how many tokens sound takes in the prompt, without processing it."""

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return the tokens at which generation stops; the first is the one that training teaches."""

    def modality_of(self, name: str) -> Modality:
        """Return the tower that a parameter or module belongs to, also inside an adapter's wrappers.

        Raises:
            ValueError: If the name belongs to none of them.
        """

    def linear_targets(self, modality: Modality) -> str:
        """Return a pattern that matches the whole name of each linear layer of that tower, and nothing else.

        A tower that the family does not have gets a pattern that matches nothing.
        """
