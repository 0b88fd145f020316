"""What an answer costs at least on this machine, and how far its numbers are from exact ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

from vidtune.inference._grouped_attention import find_shared_heads, grouped_attention
from vidtune.inference._packed_linear import packed_linears

_SIDE = 1024


@register_flop_formula(torch.ops.mkldnn._linear_pointwise)  # torch knows none for products with ordered weights
def _operations_of_linear(inputs: Any, weight: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    return 2 * inputs[-1] * math.prod(out_shape)


def measure_roof(dtype: torch.dtype) -> float:
    """Return how many floating point operations a second a large matrix product does here, best of many."""
    left, right = (torch.randn(_SIDE, _SIDE).to(dtype) for _ in range(2))
    best_s = float("inf")
    for _ in range(20):
        began_s = time.perf_counter()
        left @ right
        best_s = min(best_s, time.perf_counter() - began_s)
    return 2 * _SIDE**3 / best_s


def count_operations(work: Callable[[], Any]) -> int:
    """Return the floating point operations of all matrix products and attentions in ``work``."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def limits_of(dtype: torch.dtype, read: Callable[[], Any], answer: Callable[[], Any]) -> dict[str, Any]:
    """Return what must be computed, and the time it takes where every product is as fast as the fastest.

    Args:
        dtype: Of the model.
        read: Answers everything with one token: towers and prompts, each clip and each common beginning once.
        answer: Answers everything.
    """
    roof, num_read, num_all = measure_roof(dtype), count_operations(read), count_operations(answer)
    return {
        "gflop_clips_and_prompts": round(num_read / 1e9, 1),
        "gflop_answers": round((num_all - num_read) / 1e9, 1),
        "roof_gflop_per_s": round(roof / 1e9, 1),
        "seconds_at_the_roof": round(num_all / roof, 3),
    }


def rounding_of(
    exact: Any, stock: Any, loaded: Any, prompts: Sequence[Any], answers: Sequence[Sequence[int]], *, batch_size: int
) -> dict[str, float]:
    """Return how far logits are from float32's on the same tokens: one by one in ``stock``, and batched in ours.

    Args:
        exact: The model in float32, as transformers computes it.
        stock: The model in the dtype that is tried, as transformers computes it.
        loaded: The same as vidtune loads it.
        prompts: Turns and frames; those of one batch equally long.
        answers: Of each prompt, as many tokens as of the others, which are read one after another.
        batch_size: Of ours.
    """

    def logits(model: Any, size: int, configs: Sequence[Any] = ()) -> torch.Tensor:
        parts = []
        for start in range(0, len(prompts), size):
            inputs = loaded.family.encode_prompts(loaded.processor, prompts[start : start + size])
            forced = torch.tensor(answers[start : start + size])
            parts.append(_forced(model, inputs, forced, configs))
        return torch.cat(parts)

    expected = logits(exact, 1)
    found = {"per_sample": logits(stock, 1)}
    with packed_linears(loaded.model):
        found["vidtune"] = logits(loaded.model, batch_size, find_shared_heads(loaded.model))
    return {f"{name}_mean_difference": round(float((one - expected).abs().mean()), 5) for name, one in found.items()}


def _forced(model: Any, inputs: Any, forced_bt: torch.Tensor, configs: Sequence[Any]) -> torch.Tensor:
    """Return the logits (rows, tokens, vocabulary) of each token of given answers, written one by one."""
    with torch.no_grad():
        positions = model._prepare_position_ids_for_generation(inputs["input_ids"], dict(inputs))
        output = model(**inputs, position_ids=positions, use_cache=True)
        steps, mask = [output.logits[:, -1:].float()], inputs["attention_mask"]
        with grouped_attention(configs) if configs else nullcontext():
            for place in range(forced_bt.shape[1] - 1):
                mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
                output = model(
                    input_ids=forced_bt[:, place : place + 1],
                    attention_mask=mask,
                    position_ids=positions[..., -1:] + 1 + place,
                    past_key_values=output.past_key_values,
                    use_cache=True,
                )
                steps.append(output.logits[:, -1:].float())
    return torch.cat(steps, dim=1)
