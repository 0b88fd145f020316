"""Attention of one new token a row, for models in which several query heads share one key and value head.

transformers 5.23 hands such heads to torch's fused attention with ``enable_gqa`` wherever there is no mask, which is so
for rows of equal length. On a CPU its kernel then goes over the same keys once for each query head: for 16 rows of 140
tokens, 8 query heads on 2 key heads, it takes 2.6 ms in bfloat16 and 0.31 ms in float32. Query heads that share their
keys are put side by side here, as if they were so many tokens, which takes 0.23 and 0.18 ms for the same values. (Plain
products were tried too: they are as fast in float32 and half as fast in bfloat16.) With a mask transformers does so by
itself; several new tokens, and other devices, are left to it as well.

Suffix letters: ``b`` rows, ``h`` heads, ``k`` key and value heads, ``g`` query heads on each of these, ``d`` head dim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

_NAME = "vidtune_grouped"
_LEFT_TO_TRANSFORMERS = ("softcap", "position_bias", "cache")


def find_shared_heads(model: Any) -> list[Any]:
    """Return the configs of all attentions of ``model`` in which query heads share their keys and values."""
    configs = {
        id(module.config): module.config
        for module in model.modules()
        if getattr(module, "num_key_value_groups", 1) > 1 and hasattr(module, "config")
    }
    return list(configs.values())


@contextmanager
def grouped_attention(configs: Sequence[Any]) -> Iterator[None]:
    """Attend as above, in the meantime, wherever ``configs`` ask for torch's own attention."""
    changed = [config for config in configs if getattr(config, "_attn_implementation", None) == "sdpa"]
    if changed:
        _register()
    for config in changed:
        config._attn_implementation = {"": _NAME}  # of this config alone: its towers may attend otherwise
    try:
        yield
    finally:
        for config in changed:
            config._attn_implementation = {"": "sdpa"}


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(_NAME, attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)


def attend(
    module: Any,
    query_bhqd: torch.Tensor,
    key_bknd: torch.Tensor,
    value_bknd: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return what each query reads, (rows, queries, heads, head dim), and no weights: the interface of transformers."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    is_ours = query_bhqd.shape[2] == 1 and attention_mask is None and query_bhqd.device.type == "cpu"
    num_groups = getattr(module, "num_key_value_groups", 1)
    asks_for_more = any(options.get(name) is not None for name in _LEFT_TO_TRANSFORMERS) or options.get("dropout")
    if not is_ours or num_groups == 1 or asks_for_more:
        attended: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query_bhqd, key_bknd, value_bknd, attention_mask, **options
        )
        return attended
    num_rows, num_heads, _, dim = query_bhqd.shape
    query_bkgd = query_bhqd.reshape(num_rows, num_heads // num_groups, num_groups, dim)
    read_bkgd = torch.nn.functional.scaled_dot_product_attention(
        query_bkgd, key_bknd, value_bknd, scale=options.get("scaling")
    )
    return read_bkgd.reshape(num_rows, 1, num_heads, -1), None
