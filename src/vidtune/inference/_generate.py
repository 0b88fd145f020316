"""``generate``: many requests in, as many answers out, in batches that fit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from vidtune.core.errors import OutOfMemory, VideoTooLarge
from vidtune.inference._config import GenerationConfig
from vidtune.inference._decode import Row, decode_batch
from vidtune.inference._memory import BatchSize, free_memory, is_out_of_memory

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.media import FrameSet
    from vidtune.models import LoadedModel


@dataclass(frozen=True)
class Request:
    """One question to a model."""

    turns: Sequence[Turn]
    """The conversation so far; it ends before the answer."""

    frames: FrameSet | None = None
    """The clip, or None for a question without one."""

    key: str = ""
    """With sampling, what the random draws depend on besides the seed; a sample id, say."""


@dataclass(frozen=True)
class Generation:
    """One answer, with what it took."""

    text: str
    """Without special tokens and outer white space. May be empty: then the model had nothing to say."""

    token_ids: tuple[int, ...]
    """New tokens, the end token included when it came."""

    mean_logprob: float
    """Mean natural-log probability of the new tokens under the model: its confidence."""

    finish_reason: Literal["stop", "length"]
    """`stop`: the model ended the answer. `length`: it was cut at ``max_new_tokens``."""

    num_prompt_tokens: int
    num_visual_tokens: int
    preprocess_s: float
    """This request's share of its batch's time from frames to tensors."""

    generate_s: float
    """This request's share of its batch's time in the model."""

    batch_size: int
    """With how many requests it was answered, itself included."""

    @property
    def num_new_tokens(self) -> int:
        """How many tokens were generated, the end token included."""
        return len(self.token_ids)


def generate(
    loaded: LoadedModel, requests: Sequence[Request], config: GenerationConfig, *, batch_size: int = 16
) -> list[Generation]:
    """Answer ``requests`` in their order.

    Requests of similar length are answered together. A batch for which memory does not suffice is halved and
    tried again. In float32 the tokens are those of answering one by one.

    Raises:
        OutOfMemory: If one request alone does not fit.
        VideoTooLarge: If a prompt is longer than the model's context.
    """
    answers: dict[int, Generation] = {}
    size = BatchSize(batch_size)
    waiting = sorted(range(len(requests)), key=lambda index: length_key(requests[index]))
    while waiting:
        batch = waiting[: size.current]
        if generated := try_batch(loaded, [requests[index] for index in batch], config):
            answers.update(zip(batch, generated, strict=True))
            del waiting[: len(batch)]
            size.fits()
        elif len(batch) > 1:
            size.failed(len(batch))
        else:
            raise too_big_alone(requests[batch[0]])
    return [answers[index] for index in range(len(requests))]


def try_batch(loaded: LoadedModel, requests: Sequence[Request], config: GenerationConfig) -> list[Generation] | None:
    """Answer one batch as it is; None when memory did not suffice for it."""
    try:
        return _generate_batch(loaded, requests, config)
    except (RuntimeError, MemoryError) as exc:
        if not is_out_of_memory(exc):
            raise
    # Outside the handler: the exception's traceback held the tensors of the failed batch.
    free_memory()
    return None


def too_big_alone(request: Request) -> OutOfMemory:
    """Return the error for a request that does not fit even by itself."""
    shape = "no clip" if request.frames is None else f"frames of shape {request.frames.frames_thwc.shape}"
    return OutOfMemory(
        f"memory does not suffice for one sample alone ({shape}).",
        "Use fewer frames (sampling.num_frames), smaller ones (model.max_pixels), or quantization=nf4.",
    )


def length_key(request: Request) -> tuple[int, int]:
    """Return what requests are sorted by, so that those of similar cost meet in a batch."""
    num_values = 0 if request.frames is None else request.frames.frames_thwc.size
    return num_values, sum(len(turn.text) for turn in request.turns)


def _generate_batch(loaded: LoadedModel, requests: Sequence[Request], config: GenerationConfig) -> list[Generation]:
    began_s = time.perf_counter()
    inputs = loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames) for request in requests])
    num_prompt, num_visual = inputs.num_prompt_tokens(), inputs.num_visual_tokens()
    _check_context(loaded, max(num_prompt), config)
    inputs = inputs.to(loaded.device)
    _finish(loaded.device)
    encoded_s = time.perf_counter()
    stop_ids = loaded.family.end_of_turn_ids(loaded.processor)
    rows = decode_batch(
        loaded.model, inputs, stop_ids=stop_ids, config=config, keys=[request.key for request in requests]
    )
    _finish(loaded.device)
    preprocess_s = (encoded_s - began_s) / len(requests)
    generate_s = (time.perf_counter() - encoded_s) / len(requests)
    texts = [_text(loaded, row) for row in rows]
    return [
        Generation(
            text=text,
            token_ids=tuple(row.token_ids),
            mean_logprob=sum(row.logprobs) / len(row.logprobs),
            finish_reason="stop" if row.is_stopped else "length",
            num_prompt_tokens=prompt,
            num_visual_tokens=visual,
            preprocess_s=preprocess_s,
            generate_s=generate_s,
            batch_size=len(requests),
        )
        for text, row, prompt, visual in zip(texts, rows, num_prompt, num_visual, strict=True)
    ]


def _text(loaded: LoadedModel, row: Row) -> str:
    token_ids = row.token_ids[:-1] if row.is_stopped else row.token_ids
    return str(loaded.processor.tokenizer.decode(token_ids, skip_special_tokens=True)).strip()


def _check_context(loaded: LoadedModel, num_prompt_tokens: int, config: GenerationConfig) -> None:
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None)
    if limit is not None and num_prompt_tokens + config.max_new_tokens > limit:
        raise VideoTooLarge(
            f"a prompt of {num_prompt_tokens:,} tokens and an answer of {config.max_new_tokens:,} pass the model's "
            f"context of {limit:,} tokens.",
            "Use fewer frames (sampling.num_frames) or smaller ones (model.max_pixels).",
        )


def _finish(device: torch.device) -> None:
    """Wait for the device, so that a time is the time of the work and not of its launch."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
