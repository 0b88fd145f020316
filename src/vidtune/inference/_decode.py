"""Write answers for one batch: prefill, then token by token, dropping rows as they finish.

Suffix letters: ``b`` rows, ``l`` tokens, ``v`` vocabulary.

The loop calls ``model(...)`` as ``transformers`` does and leaves positions to the model's own rule, so it serves
any of its decoder-only models. What it leaves out is the per-step bookkeeping of ``generate``, which on small models
costs more than the arithmetic, and the steps of rows that are finished.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from vidtune.inference._config import GenerationConfig

_DEFAULT_TEMPERATURE = 0.1
_DEFAULT_TOP_P = 0.9
_COMPACT_FROM_SHARE = 0.25


@dataclass
class Row:
    """The answer to one prompt while it grows."""

    token_ids: list[int] = field(default_factory=list)
    """New tokens, the end token included when it came."""

    logprobs: list[float] = field(default_factory=list)
    """Of each new token, under the model itself (before temperature and top-p)."""

    is_stopped: bool = False
    """Whether the model ended the answer; otherwise it ran to its longest."""


def decode_batch(
    model: Any,
    inputs: dict[str, torch.Tensor],
    *,
    stop_ids: Sequence[int],
    config: GenerationConfig,
    keys: Sequence[str],
) -> list[Row]:
    """Return the answers to a batch of left-padded prompts.

    Args:
        model: A transformers model on the device of ``inputs``.
        inputs: What ``Family.encode_prompts`` returns.
        stop_ids: Tokens that end an answer.
        config: How answers are written.
        keys: Of each row, what its random draws depend on besides the seed.
    """
    rows = [Row() for _ in keys]
    choose = _Chooser(config, keys)
    stop = torch.tensor(list(stop_ids), device=inputs["input_ids"].device)
    with torch.no_grad(), _in_eval_mode(model):
        # The model's own rule: multimodal rotary positions, or plain ones that skip the padding.
        positions = model._prepare_position_ids_for_generation(inputs["input_ids"], dict(inputs))
        output = model(**inputs, position_ids=positions, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        mask_bl = inputs["attention_mask"]
        position = positions[..., -1:]
        active = list(range(len(rows)))  # of each row of the tensors, which answer it belongs to
        is_running = [True] * len(rows)
        for num_done in range(1, config.max_new_tokens + 1):
            logits_bv = output.logits[:, -1].float()
            token_b = choose(logits_bv, active)
            logprob_b = logits_bv.gather(1, token_b[:, None])[:, 0] - logits_bv.logsumexp(1)
            values = zip(active, token_b.tolist(), logprob_b.tolist(), torch.isin(token_b, stop).tolist(), strict=True)
            for index, token, logprob, is_end in values:
                if is_running[index]:
                    rows[index].token_ids.append(token)
                    rows[index].logprobs.append(logprob)
                    rows[index].is_stopped = is_end
                    is_running[index] = not is_end
            keep = [place for place, index in enumerate(active) if is_running[index]]
            if not keep or num_done == config.max_new_tokens:
                break
            if len(active) - len(keep) >= _COMPACT_FROM_SHARE * len(active):
                select = torch.tensor(keep, device=token_b.device)
                cache.batch_select_indices(select)
                mask_bl, token_b, position = mask_bl[select], token_b[select], position.index_select(-2, select)
                active = [active[place] for place in keep]
            mask_bl = torch.cat([mask_bl, mask_bl.new_ones(len(active), 1)], dim=1)
            position = position + 1
            output = model(
                input_ids=token_b[:, None],
                attention_mask=mask_bl,
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
            )
    return rows


class _Chooser:
    """Picks the next token of each row; random draws belong to the row, so a batch changes nothing."""

    def __init__(self, config: GenerationConfig, keys: Sequence[str]) -> None:
        self._is_greedy = not config.do_sample
        self._temperature = config.temperature or _DEFAULT_TEMPERATURE
        self._top_p = config.top_p or _DEFAULT_TOP_P
        self._draws = [random.Random(f"{config.seed or 0}:{key}") for key in keys]  # noqa: S311  # not a secret

    def __call__(self, logits_bv: torch.Tensor, active: Sequence[int]) -> torch.Tensor:
        if self._is_greedy:
            return logits_bv.argmax(1)
        probability_bv, order_bv = (logits_bv / self._temperature).softmax(1).sort(dim=1, descending=True)
        total_bv = probability_bv.cumsum(1)
        # A token stays while those before it have less than top_p together; the first always stays.
        probability_bv = probability_bv.masked_fill(total_bv - probability_bv >= self._top_p, 0.0)
        total_bv = probability_bv.cumsum(1)
        draw_b = torch.tensor([self._draws[index].random() for index in active], device=logits_bv.device)
        place_b = torch.searchsorted(total_bv, (draw_b * total_bv[:, -1])[:, None], right=True)
        last_kept_b = (probability_bv > 0).sum(1, keepdim=True) - 1
        return order_bv.gather(1, place_b.minimum(last_kept_b))[:, 0]


@contextmanager
def _in_eval_mode(model: Any) -> Iterator[None]:
    """Switch dropout off, and back to what it was: training asks for answers midway."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()
