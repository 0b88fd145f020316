"""``generate``: many requests in, as many answers out, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidtune.core.progress import Progress, silent
from vidtune.inference._config import GenerationConfig
from vidtune.inference._engine import Engine
from vidtune.inference._memory import BatchSize
from vidtune.inference._request import Generation, Request, sort_for_reading

if TYPE_CHECKING:
    from vidtune.models import LoadedModel


def generate(
    loaded: LoadedModel,
    requests: Sequence[Request],
    config: GenerationConfig,
    *,
    batch_size: int = 32,
    num_top_logprobs: int = 0,
    progress: Progress = silent,
) -> list[Generation]:
    """Answer ``requests`` in their order.

    Up to ``batch_size`` are in work at a time; as answers are finished, waiting requests take their places, those of
    similar length together. Questions about the same frames (one ``FrameSet`` object) are answered together, and their
    clip is read once. What does not fit into memory is tried again in smaller numbers. In float32 the tokens are
    those of answering one by one. ``num_top_logprobs`` of the likeliest tokens are kept for each place of an answer.
    ``progress`` is told as answers are finished.

    Raises:
        OutOfMemory: If one request alone does not fit.
        VideoTooLarge: If a prompt is longer than the model's context.
    """
    waiting = list(enumerate(requests))
    sort_for_reading(waiting)
    answers: dict[int, Generation] = {}
    engine: Engine[int] = Engine(loaded, config, BatchSize(batch_size), num_top_logprobs=num_top_logprobs)
    with engine:
        while waiting or engine.is_busy:
            for index, outcome in engine.advance(waiting):
                if not isinstance(outcome, Generation):
                    raise outcome
                answers[index] = outcome
            progress("answer", len(answers), len(requests))
    return [answers[index] for index in range(len(requests))]
