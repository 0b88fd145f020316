"""The step that every way takes: loss, backward, clipping, AdamW. Nothing is imported here but torch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

LossOf = Callable[[Any, dict[str, Any]], torch.Tensor]


def time_steps(
    model: Any,
    batch: dict[str, Any],
    loss_of: LossOf,
    *,
    device: str,
    num_steps: int,
    num_warmup: int,
    computing: Callable[[], AbstractContextManager[None]],
) -> dict[str, Any]:
    """Return seconds, tokens a second, peak memory and the first and last loss of some steps.

    Args:
        model: With its adapter, in training mode; what is trained is float32.
        batch: Taken in every step.
        loss_of: Makes the mean loss of the model's answer to the batch.
        device: Where it runs.
        num_steps: Which are measured.
        num_warmup: Steps before these.
        computing: The context of a forward pass.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=2e-4, fused=True)
    num_tokens = int(batch["attention_mask"].sum())
    on_gpu = device.startswith("cuda")
    seconds, losses = [], []
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(num_warmup + num_steps):
        if on_gpu:
            torch.cuda.synchronize()
        began_s = time.perf_counter()
        with computing():
            loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began_s)
    step_s = statistics.median(seconds[num_warmup:])
    return {
        "step_s": step_s,
        "tokens": num_tokens,
        "tokens_per_s": round(num_tokens / step_s, 1),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if on_gpu else None,
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }
