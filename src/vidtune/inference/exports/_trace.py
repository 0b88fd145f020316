"""What one pipeline makes of one question, stage by stage; kept on disk, because all layers of a large model are large.

Suffix letters: ``l`` tokens, ``v`` vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch

from vidtune.adapters import find_stages, recording
from vidtune.inference.exports._pipeline import Pipeline, Tensors, in_model_format
from vidtune.inference.exports._probes import Probe
from vidtune.models import CLIP_SIGNALS

_BATCH_SIZE = 8
_MEDIA_TOKENS = ("image_token_id", "video_token_id", "audio_token_id", "image_token_index", "video_token_index")
"""Names under which the configs of transformers keep the tokens that stand for pixels and sound."""

_MORE_WORDS = "Answer in one short sentence, and say how sure you are."


@dataclass(frozen=True)
class Trace:
    """One question on its way through one model."""

    prompt_ids: tuple[int, ...]
    """Without padding."""

    folder: Path
    """Where ``pixels``, ``stages`` and ``logits`` lie."""

    def pixels(self) -> Tensors:
        """Return what the model gets of the clip, by the name of its argument."""
        return _read(self.folder / "pixels.safetensors")

    def stages(self) -> Tensors:
        """Return the outputs of the stages by their path; those of several calls are one after another."""
        return _read(self.folder / "stages.safetensors")

    def logits_lv(self) -> torch.Tensor:
        """Return the logits from the last token of the prompt on: those that decide the answer."""
        return _read(self.folder / "logits.safetensors")["logits"]


@dataclass(frozen=True)
class BatchTrace:
    """Questions asked several at once."""

    input_ids: list[list[int]]
    attention_mask: list[list[int]]
    answers: list[list[int]]
    """Greedy answers, without the end token."""


def trace_batch(pipeline: Pipeline, probes: Sequence[Probe], max_new_tokens: int) -> BatchTrace:
    """Ask all questions in batches, each with a longer question among them, so that the others have to be padded."""
    whole = BatchTrace([], [], [])
    for start in range(0, len(probes), _BATCH_SIZE):
        group = probes[start : start + _BATCH_SIZE]
        asked = [*group, _longer(group[0])]
        inputs = pipeline.encode(asked)
        whole.input_ids.extend(inputs["input_ids"].tolist())
        whole.attention_mask.extend(inputs["attention_mask"].tolist())
        whole.answers.extend(pipeline.answer(asked, max_new_tokens)[: len(group)])
    return whole


def trace_one(pipeline: Pipeline, probe: Probe, answer_ids: Sequence[int], folder: Path) -> Trace:
    """Ask one question, let the model read the given answer, and keep what every stage made of both.

    Args:
        pipeline: Who is asked.
        probe: The question.
        answer_ids: Tokens that follow the prompt; the same ones for both sides of a comparison. They are read up to the
            first that stands for pixels or sound, of which there is none to read.
        folder: Made, and filled.
    """
    prompt = pipeline.encode([probe])
    inputs = in_model_format(_append(prompt, _text_only(answer_ids, pipeline.model.config)), pipeline.model)
    stages = find_stages(pipeline.model, pipeline.modality_of)
    was_training = pipeline.model.training
    pipeline.model.eval()
    with torch.no_grad(), recording(pipeline.model, stages) as outputs:
        logits = pipeline.model(**inputs, use_cache=False).logits[0]
    pipeline.model.train(was_training)
    num_prompt = prompt["input_ids"].shape[1]
    folder.mkdir(parents=True)
    _write(folder / "pixels.safetensors", _media(prompt))
    _write(
        folder / "stages.safetensors",
        {path: torch.cat([part.flatten() for part in parts]) for path, parts in outputs.items() if parts},
    )
    _write(folder / "logits.safetensors", {"logits": logits[num_prompt - 1 :]})
    mask = prompt["attention_mask"][0].bool()
    return Trace(tuple(prompt["input_ids"][0][mask].tolist()), folder)


def _longer(probe: Probe) -> Probe:
    *before, last = probe.turns
    return replace(probe, turns=(*before, replace(last, text=f"{last.text} {_MORE_WORDS}")))


def _media(inputs: Tensors) -> Tensors:
    """Return what is not one value a token: pixels, and what describes them. Signals for an adapter's gates do not."""
    shape = inputs["input_ids"].shape
    return {name: value for name, value in inputs.items() if value.shape != shape and name not in CLIP_SIGNALS}


def _text_only(answer_ids: Sequence[int], config: Any) -> list[int]:
    media_ids = {getattr(config, name, None) for name in _MEDIA_TOKENS}
    return list(takewhile(lambda token: token not in media_ids, answer_ids))


def _append(inputs: Tensors, answer_ids: Sequence[int]) -> Tensors:
    """Return the inputs with an answer behind the prompt: plain text, seen by all."""
    if not answer_ids:
        return dict(inputs)
    shape = inputs["input_ids"].shape
    longer = {}
    for name, value in inputs.items():
        if value.shape != shape:
            longer[name] = value
            continue
        if name == "input_ids":
            tail = torch.tensor([list(answer_ids)], dtype=value.dtype, device=value.device)
        else:
            fill = 1 if name == "attention_mask" else 0
            tail = torch.full((1, len(answer_ids)), fill, dtype=value.dtype, device=value.device)
        longer[name] = torch.cat([value, tail], dim=1)
    return longer


def _write(path: Path, tensors: Tensors) -> None:
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, path)


def _read(path: Path) -> Tensors:
    from safetensors.torch import load_file

    tensors: Tensors = load_file(path)
    return tensors
