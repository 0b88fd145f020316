"""What is the same for every family whose model and processor are classes of transformers.

A clip is expanded by the checkpoint's own processor: the piece of the chat template that holds the clip's placeholder
goes through it together with the frames, and comes back with the ids, pixels and descriptions that the library itself
would make. All other pieces and all texts are tokenized apart from it (see ``_chat``), so answers are known by
construction and no text can claim a clip.

A family sets the attributes and overrides the methods in which it differs.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vidtune.core.errors import BadUsage, VideoTooLarge
from vidtune.models._batch import BatchInputs, join_rows
from vidtune.models._family import NO_MODULES, FramePolicy, Modality, SoundPolicy
from vidtune.models._native_load import check_tokens, keep_whole
from vidtune.models._native_rows import check_sound, describe_clip, encode_around_clip, encode_row, expand_piece
from vidtune.models._weights import load_processor, load_strictly

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet
    from vidtune.models._family import PromptItem

_WRAPPERS = re.compile(r"\.(?:modules_to_save\.[^.]+|original_module|base_layer)(?=\.|$)")
"""What adapters put into names. A tower that is trained whole has them in its middle, before its projector."""


class NativeFamily(ABC):
    """A family over classes of transformers. See ``Family`` for what its public methods do."""

    name: str
    model_types: tuple[str, ...]
    frame_policy: FramePolicy = FramePolicy()

    model_class: str
    """Name of the model's class in transformers."""

    processor_class: str
    """Name of the processor's class in transformers."""

    towers: Mapping[Modality, str]
    """For each tower, a pattern that is searched in the names of its parameters and modules, with or without an
    adapter's wrappers around them. The first that is found decides, so a projector inside a tower comes first."""

    targets: Mapping[Modality, str]
    """For each tower that has linear layers to adapt, a pattern of their whole names, from the model's root."""

    kept_when_quantized: tuple[str, ...]
    """Modules that keep their number format when the model is stored in 4 or 8 bit: vision towers are small and suffer
    most, and a head may share its weights with the embedding."""

    end_tokens: tuple[str, ...]
    """Tokens that end an answer; the first must be there and is the one that training teaches."""

    adds_end_of_turn: bool = False
    """Whether training ends an answer with the first of ``end_tokens`` where the chat template writes none."""

    type_ids_name: str | None = None
    """Model argument that says what each token stands for, if it takes one."""

    max_aspect_ratio: int | None = None
    """How many times longer than wide a frame may be."""

    # What a family says about itself, and what is known from that.

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The towers it has."""
        return tuple(self.towers)

    @property
    def takes_max_pixels(self) -> bool:
        """Whether the pixels of a frame can be capped."""
        return type(self).cap_pixels is not NativeFamily.cap_pixels

    @property
    def takes_asides(self) -> bool:
        """Whether words can stand between the frames of a clip."""
        return self.frame_policy.frames_as == "images" or self.frame_policy.is_divisible

    @abstractmethod
    def count_visual_tokens(self, num_frames: int, height_px: int, width_px: int, processor: Any) -> int:
        """Return how many tokens a clip takes in the prompt, without processing it."""

    def sound_policy(self, processor: Any) -> SoundPolicy | None:
        """Return what it takes of a clip's sound; None for a family that does not hear."""
        return None

    def count_sound_tokens(self, duration_s: float, processor: Any) -> int:
        """Return how many tokens sound takes in the prompt, without processing it."""
        return 0

    def media_content(self, frames: FrameSet) -> list[dict[str, Any]]:
        """Return what stands for a clip in the content of a user turn, as the chat template takes it."""
        if self.frame_policy.frames_as == "images":
            return [{"type": "image"}] * len(frames.frames_thwc)
        return [{"type": "video"}]

    def text_content(self, role: str, text: str) -> Any:
        """Return the content of a turn without a clip, as the chat template takes it."""
        return [{"type": "text", "text": text}]

    def media_inputs(self, frames: FrameSet) -> dict[str, Any]:
        """Return the frames as the processor takes them."""
        frames_tchw = torch.from_numpy(frames.frames_thwc).permute(0, 3, 1, 2)
        return {"images": list(frames_tchw)} if self.frame_policy.frames_as == "images" else {"videos": [frames_tchw]}

    def processor_arguments(self, frames: FrameSet) -> dict[str, Any]:
        """Return what else the processor is told about a clip. Nothing is sampled there: the media room has chosen."""
        if self.frame_policy.frames_as == "images":
            return {"images_kwargs": {"input_data_format": "channels_first"}}
        return {
            "videos_kwargs": {
                "input_data_format": "channels_first",
                "do_sample_frames": False,
                "video_metadata": [describe_clip(frames)],
            }
        }

    def call_arguments(self, processor: Any, frames: FrameSet) -> dict[str, Any]:
        """Return ``processor_arguments``, and what of them depends on the processor's own settings."""
        return self.processor_arguments(frames)

    def placeholder(self, processor: Any) -> str:
        """Return what the chat template writes for a clip or for one of its frames."""
        is_images = self.frame_policy.frames_as == "images"
        return str(processor.image_token if is_images else processor.video_token)

    def visual_token_id(self, processor: Any) -> int:
        """Return the token that stands for pixels in an expanded prompt."""
        is_images = self.frame_policy.frames_as == "images"
        return int(processor.image_token_id if is_images else processor.video_token_id)

    def config_token_id(self, config: Any) -> int | None:
        """Return what config.json says of that token; None where it says nothing."""
        kind = "image" if self.frame_policy.frames_as == "images" else "video"
        return getattr(config, f"{kind}_token_id", None)

    def join_media(self, name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
        """Return the tensors of several clips, under one name, as one."""
        return torch.cat(tensors)

    def cap_pixels(self, processor: Any, max_pixels: int) -> None:
        """Make ``processor`` shrink every frame to at most ``max_pixels``.

        Raises:
            BadUsage: If it cannot.
        """
        raise BadUsage(
            f"{self.name} shows every frame to the model in one fixed size, so max_pixels={max_pixels} cannot be kept.",
            "Leave max_pixels out.",
        )

    def prepare_model(self, model: Any) -> Any:
        """Return a freshly loaded model as it is to be used; as it is by default."""
        return model

    # Family

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
        """Return model and processor of a checkpoint folder."""
        # The processor first: it is read in a moment, and a folder without one fails before weights are loaded.
        processor = self.load_processor(folder)
        if max_pixels is not None:
            self.cap_pixels(processor, max_pixels)
        keep_whole(quantization_config, self)
        model = self.load_weights(
            folder,
            device=device,
            dtype=dtype,
            quantization_config=quantization_config,
            attn_implementation=attn_implementation,
            device_map=device_map,
            remote_code=remote_code,
        )
        check_tokens(self, folder, model.config, processor)
        return self.prepare_model(model), processor

    def load_processor(self, folder: Path) -> Any:
        """Return the processor of a checkpoint folder."""
        import transformers

        return load_processor(getattr(transformers, self.processor_class), folder)

    def load_weights(self, folder: Path, **options: Any) -> Any:
        """Return the model of a checkpoint folder; ``options`` are those of ``load_strictly``."""
        import transformers

        return load_strictly(getattr(transformers, self.model_class), folder, **options)

    def encode_prompts(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return the left-padded inputs of prompts that the model is to answer."""
        return self._encode(processor, items, for_generation=True)

    def join_prompts(self, processor: Any, rows: Sequence[Mapping[str, torch.Tensor]]) -> BatchInputs:
        """Return one left-padded batch of rows that ``encode_prompts`` made one at a time."""
        return self._join(processor, rows, left=True)

    def encode_around_clip(
        self, processor: Any, turns: Sequence[Turn], frames: FrameSet
    ) -> tuple[list[int], list[int]]:
        """Return the ids of a prompt before and after what the clip becomes, without processing the clip."""
        return encode_around_clip(self, processor, turns, frames)

    def encode_training(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return right-padded inputs with labels on every answer and its end-of-turn token, and nowhere else."""
        return self._encode(processor, items, for_generation=False)

    def join_training(self, processor: Any, rows: Sequence[Mapping[str, torch.Tensor]]) -> BatchInputs:
        """Return one right-padded batch of rows that ``encode_training`` made one at a time."""
        return self._join(processor, rows, left=False)

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return the tokens at which generation stops; the first is the one that training teaches."""
        # One by one: listing a large vocabulary takes a tenth of a second, and this is asked for every prompt.
        tokenizer = processor.tokenizer
        ids = [(token, tokenizer.convert_tokens_to_ids(token)) for token in self.end_tokens]
        # A token that is not in the vocabulary is given the id of the unknown one, or none.
        return tuple(i for token, i in ids if i is not None and tokenizer.convert_ids_to_tokens(i) == token)

    def modality_of(self, name: str) -> Modality:
        """Return the tower that a parameter or module belongs to, also inside an adapter's wrappers."""
        bare = _WRAPPERS.sub("", name)
        for modality, pattern in self.towers.items():
            if re.search(pattern, bare):
                return modality
        raise ValueError(f"{name!r} belongs to no tower of {self.name}: expected one of {', '.join(self.towers)}.")

    def linear_targets(self, modality: Modality) -> str:
        """Return a pattern that matches the whole name of each linear layer of that tower, and nothing else."""
        return self.targets.get(modality, NO_MODULES)

    # How a conversation becomes tensors

    def _encode(self, processor: Any, items: Sequence[PromptItem], *, for_generation: bool) -> BatchInputs:
        if not items:
            raise ValueError("a batch needs at least one conversation.")
        rows = []
        for turns, frames in items:
            self._check_clip(turns, frames)
            if frames is not None:
                check_sound(self, processor, frames.sound)
            rows.append(encode_row(self, processor, turns, frames, for_generation=for_generation))
        return self._join(processor, rows, left=for_generation)

    def _expand(
        self, processor: Any, piece: str, frames: FrameSet, *, is_first: bool
    ) -> tuple[list[int], list[int], dict[str, torch.Tensor]]:
        """Return the ids of a piece with a clip, what each of them stands for, and the clip's tensors."""
        return expand_piece(self, processor, piece, frames, is_first=is_first)

    def _join(self, processor: Any, rows: Sequence[Mapping[str, torch.Tensor]], *, left: bool) -> BatchInputs:
        pad_id = processor.tokenizer.pad_token_id
        fill = self.end_of_turn_ids(processor)[0] if pad_id is None else int(pad_id)
        return join_rows(rows, pad_token_id=fill, left=left, join_media=self.join_media)

    def _check_clip(self, turns: Sequence[Turn], frames: FrameSet | None) -> None:
        if any(turn.asides for turn in turns) and not self.takes_asides:
            raise ValueError(f"{self.name} is shown a clip in one block: no words can stand between its frames.")
        if frames is not None:
            self._check_frames(frames)

    def _check_frames(self, frames: FrameSet) -> None:
        num_frames, height_px, width_px = frames.frames_thwc.shape[:3]
        most = self.frame_policy.max_frames
        if most is not None and num_frames > most:
            raise VideoTooLarge(
                f"a clip of {num_frames} frames is more than the {most} that {self.name} takes.",
                "Use fewer frames (sampling.num_frames).",
            )
        self.check_size(height_px, width_px)

    def check_size(self, height_px: int, width_px: int) -> None:
        """Refuse frames that the processor would.

        Raises:
            VideoTooLarge: If they are too long and thin.
        """
        longer, shorter = max(height_px, width_px), min(height_px, width_px)
        if self.max_aspect_ratio is not None and (shorter < 1 or longer / shorter > self.max_aspect_ratio):
            raise VideoTooLarge(
                f"frames of {width_px}x{height_px} are too long and thin: {self.name} takes at most "
                f"{self.max_aspect_ratio} to 1.",
                "Crop or pad the video.",
            )
