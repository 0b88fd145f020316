"""Answering many questions: vidtune's engine against ``generate`` of transformers, one by one and in batches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from steps import Settings, max_pixels_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from inference import EndingAt
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.media import frameset_from_array
from vidtune.models import load_model

_NO_TOKEN = 10**9
"""An end that no vocabulary has: all answers are equally long."""


@dataclass(frozen=True)
class Asking:
    """What is asked."""

    num_samples: int
    num_frames: int
    num_questions: int
    """About each clip."""

    num_new_tokens: int
    batch_size: int


def askings(*, is_tiny: bool) -> list[Asking]:
    """Return what is measured: short and long clips, and several questions about one."""
    if is_tiny:
        return [Asking(4, 2, 1, 4, 2), Asking(4, 2, 2, 4, 2)]
    wide = [Asking(200, num_frames, 1, 32, 16) for num_frames in (8, 64)]
    return wide + [Asking(200, 8, num_questions, 32, 16) for num_questions in (4, 8)]


def measure_answers(folder: Path, settings: Settings, asking: Asking) -> dict[str, Any]:
    """Return seconds of each way, and how many answers agree with one-by-one generation."""
    dtype = "bfloat16" if settings.device.startswith("cuda") else "float32"
    loaded = load_model(folder, device=settings.device, dtype=dtype, max_pixels=max_pixels_of(folder, settings))
    loaded = replace(loaded, family=EndingAt(loaded.family, (_NO_TOKEN,)))
    requests = _make_requests(settings, asking)
    config = GenerationConfig(max_new_tokens=asking.num_new_tokens)

    def stock(batch_size: int) -> list[list[int]]:
        answers: list[list[int]] = []
        for start in range(0, len(requests), batch_size):
            chosen = requests[start : start + batch_size]
            inputs = loaded.family.encode_prompts(
                loaded.processor, [(request.turns, request.frames) for request in chosen]
            ).to(loaded.device)
            with torch.inference_mode():
                output = loaded.model.generate(
                    **inputs,
                    max_new_tokens=asking.num_new_tokens,
                    min_new_tokens=asking.num_new_tokens,
                    do_sample=False,
                    pad_token_id=0,
                )
            answers += output[:, inputs["input_ids"].shape[1] :].tolist()
        return answers

    ways: dict[str, Callable[[], list[list[int]]]] = {
        "transformers, one by one": lambda: stock(1),
        f"transformers, batches of {asking.batch_size}": lambda: stock(asking.batch_size),
        "vidtune": lambda: [list(answer.token_ids) for answer in generate(loaded, requests, config)],
    }
    seconds, answers = {}, {}
    for name, way in ways.items():
        stock(1) if not seconds else None  # the first call warms kernels and caches for all
        began_s = time.perf_counter()
        answers[name] = way()
        seconds[name] = round(time.perf_counter() - began_s, 3)
    alone = answers["transformers, one by one"]
    same = sum(one == other for one, other in zip(answers["vidtune"], alone, strict=True))
    return {
        **vars(asking),
        "seconds": seconds,
        "times_faster_than_one_by_one": round(seconds["transformers, one by one"] / seconds["vidtune"], 2),
        "same_tokens": f"{same} of {len(requests)}",
        "not_measured": "vLLM needs an environment of its own; GPU utilisation is not sampled",
    }


def _make_requests(settings: Settings, asking: Asking) -> list[Request]:
    rng = np.random.default_rng(0)
    shape = (asking.num_frames, settings.side_px, settings.side_px, 3)
    requests = []
    for number in range(asking.num_samples // asking.num_questions):
        frames = frameset_from_array(rng.integers(0, 256, shape, dtype=np.uint8), fps=2.0)
        for question in range(asking.num_questions):
            turns = (Turn("user", f"Question {question}: which exercise is this, and what should be corrected?"),)
            requests.append(Request(turns, frames, f"{number}-{question}"))
    return requests
