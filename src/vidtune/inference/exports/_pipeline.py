"""Ways from a question and a clip to an answer: vidtune's own, and the one of plain transformers.

A certificate compares two of them. ``Ours`` is how vidtune predicts. ``Plain`` is what somebody does who has the
exported folder and has never heard of vidtune: Auto classes, the folder's own processor, ``model.generate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from vidtune.adapters import bare_model, frame_inputs
from vidtune.inference._config import GenerationConfig
from vidtune.inference._generate import generate
from vidtune.inference._request import Request
from vidtune.inference.exports._probes import Probe

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet
    from vidtune.models import Family, LoadedModel

Tensors = dict[str, torch.Tensor]


class Pipeline(Protocol):
    """One way to put questions to a model."""

    @property
    def name(self) -> str:
        """For people: what it is and where it came from."""

    @property
    def model(self) -> Any:
        """The model of transformers, perhaps with an adapter."""

    @property
    def processor(self) -> Any:
        """Its processor."""

    @property
    def modality_of(self) -> Callable[[str], str]:
        """Return the tower of a parameter, by its name."""

    def encode(self, probes: Sequence[Probe]) -> Tensors:
        """Return the model's inputs for several questions as one batch, on the model's device."""

    def answer(self, probes: Sequence[Probe], max_new_tokens: int) -> list[list[int]]:
        """Return the greedy answers of one batch as token ids, up to the end token."""


@dataclass(frozen=True)
class Ours:
    """Questions put as vidtune puts them."""

    loaded: LoadedModel
    name: str

    @property
    def model(self) -> Any:
        """The model."""
        return self.loaded.model

    @property
    def processor(self) -> Any:
        """Its processor."""
        return self.loaded.processor

    @property
    def modality_of(self) -> Callable[[str], str]:
        """See ``Pipeline``."""
        return self.loaded.family.modality_of

    def encode(self, probes: Sequence[Probe]) -> Tensors:
        """See ``Pipeline``."""
        family = self.loaded.family
        inputs = family.encode_prompts(self.loaded.processor, [(probe.turns, probe.frames) for probe in probes])
        clips = [None if probe.frames is None else probe.frames.frames_thwc for probe in probes]
        inputs.update(frame_inputs(self.loaded.model, clips, frames_per_group=family.frame_policy.multiple))
        return inputs.to(self.loaded.device)

    def answer(self, probes: Sequence[Probe], max_new_tokens: int) -> list[list[int]]:
        """See ``Pipeline``."""
        requests = [Request(probe.turns, probe.frames, probe.name) for probe in probes]
        config = GenerationConfig(max_new_tokens=max_new_tokens)
        return [
            _without_end(answer.token_ids, self.loaded.family.end_of_turn_ids(self.loaded.processor))
            for answer in generate(self.loaded, requests, config, batch_size=len(requests))
        ]


@dataclass(frozen=True)
class Plain:
    """Questions put with transformers alone. ``family`` only names towers and says how clips go into its template."""

    model: Any
    processor: Any
    family: Family
    name: str

    @property
    def modality_of(self) -> Callable[[str], str]:
        """See ``Pipeline``."""
        return self.family.modality_of

    def encode(self, probes: Sequence[Probe]) -> Tensors:
        """See ``Pipeline``."""
        texts = [
            self.processor.apply_chat_template(
                self._messages(probe.turns, probe.frames), tokenize=False, add_generation_prompt=True
            )
            for probe in probes
        ]
        media = self._media([probe.frames for probe in probes if probe.frames is not None])
        begin = self.processor.tokenizer.bos_token
        # As apply_chat_template does when it tokenizes: a template that writes the first token is not given another.
        is_begun = begin is not None and texts[0].startswith(begin)
        text_kwargs = {"padding": True, **({"add_special_tokens": False} if is_begun else {})}
        inputs = self.processor(text=texts, text_kwargs=text_kwargs, return_tensors="pt", **media)
        device = next(self.model.parameters()).device
        return {name: value.to(device) for name, value in inputs.items() if isinstance(value, torch.Tensor)}

    def answer(self, probes: Sequence[Probe], max_new_tokens: int) -> list[list[int]]:
        """See ``Pipeline``."""
        inputs = self.encode(probes)
        ends = self.family.end_of_turn_ids(self.processor)
        with torch.no_grad(), _likeliest_tokens(self.model):
            written = self.model.generate(
                **_in_model_format(inputs, self.model),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=list(ends),
                pad_token_id=self.processor.tokenizer.pad_token_id or ends[0],
            )
        return [_without_end(row, ends) for row in written[:, inputs["input_ids"].shape[1] :].tolist()]

    def _messages(self, turns: Sequence[Turn], frames: FrameSet | None) -> list[dict[str, Any]]:
        messages = []
        is_first_user = True
        for turn in turns:
            content: list[dict[str, Any]] = [{"type": "text", "text": turn.text}]
            if turn.role == "user" and is_first_user:
                content = [*(self._content(frames) if frames is not None else []), *content]
                is_first_user = False
            messages.append({"role": turn.role, "content": content})
        return messages

    def _content(self, frames: FrameSet) -> list[dict[str, Any]]:
        write = getattr(self.family, "media_content", None)
        return [{"type": "video"}] if write is None else list(write(frames))

    def _media(self, clips: Sequence[FrameSet]) -> dict[str, Any]:
        """Return the clips and what the processor must be told of them: their frames are chosen already."""
        if not clips:
            return {}
        if self.family.frame_policy.frames_as == "images":
            return {"images": [list(clip.frames_thwc) for clip in clips]}
        say = getattr(self.family, "processor_arguments", None)
        told: dict[str, Any] = {"videos_kwargs": {"do_sample_frames": False}}
        if say is not None:
            for clip in clips:
                told = _join(told, say(clip))
        told["videos_kwargs"].pop("input_data_format", None)
        return {"videos": [clip.frames_thwc for clip in clips], **told}


@contextmanager
def _likeliest_tokens(model: Any) -> Iterator[None]:
    """Let ``generate`` go by its arguments alone, and not by the settings that come with the checkpoint."""
    bare = bare_model(model)
    before = bare.generation_config
    bare.generation_config = type(before)()
    try:
        yield
    finally:
        bare.generation_config = before


def in_model_format(inputs: Tensors, model: Any) -> Tensors:
    """Return ``inputs`` with real numbers in the number format of the model, as callers of transformers do."""
    return _in_model_format(inputs, model)


def _in_model_format(inputs: Tensors, model: Any) -> Tensors:
    return {name: value.to(model.dtype) if value.is_floating_point() else value for name, value in inputs.items()}


def _without_end(token_ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    for place, token in enumerate(token_ids):
        if token in ends:
            return list(token_ids[:place])
    return list(token_ids)


def _join(one: Any, other: Any) -> Any:
    """Return the arguments of several clips as those of one call: lists one after another, the rest as they are."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = {**one, **other}
        return {key: _join(one[key], other[key]) if key in one and key in other else both[key] for key in both}
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else other
