"""Write answers token by token, in rows that leave as they finish and make room for others.

Suffix letters: ``b`` rows, ``l`` tokens, ``v`` vocabulary.

The loop calls ``model(...)`` as ``transformers`` does and leaves positions to the model's own rule, so it serves
any of its decoder-only models. What it leaves out is the per-step bookkeeping of ``generate``, which on small models
costs more than the arithmetic, and the steps of rows that are finished.
"""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from vidtune.adapters import bare_model
from vidtune.inference._cache import add_rows, can_grow, keep_rows, pad_left
from vidtune.inference._config import GenerationConfig
from vidtune.inference._grouped_attention import find_shared_heads, grouped_attention
from vidtune.inference._prefill import PromptReader

if TYPE_CHECKING:
    from vidtune.inference._prompts import Prompts

_DEFAULT_TEMPERATURE = 0.1
_DEFAULT_TOP_P = 0.9
_LEAVE_FROM_SHARE = 0.25
"""Rows leave together once so many of them are finished: moving the cache for each would cost more than it saves."""


@dataclass
class Row:
    """The answer to one prompt while it grows."""

    draws: random.Random
    """Its own random numbers, so that its neighbours change nothing."""

    token_ids: list[int] = field(default_factory=list)
    """New tokens, the end token included when it came."""

    logprobs: list[float] = field(default_factory=list)
    """Of each new token, under the model itself (before temperature and top-p)."""

    entropies: list[float] = field(default_factory=list)
    """In nats, of what the model could have written in each place."""

    margins: list[float] = field(default_factory=list)
    """In each place, the probability of the likeliest token less that of the second."""

    top_logprobs: list[dict[int, float]] = field(default_factory=list)
    """In each place, the likeliest tokens, the written one among them; empty where they were not asked for."""

    is_stopped: bool = False
    """Whether the model ended the answer; otherwise it ran to its longest."""

    is_done: bool = False
    """Whether nothing more is written."""

    seconds: float = 0.0
    """Its share of the time in the model."""


@dataclass
class _Tensors:
    """What the model needs of all rows for the next step."""

    cache: Any
    mask_bl: torch.Tensor
    position: torch.Tensor
    """(..., b, 1): of the last token of each row; several kinds of position in front."""

    token_b: torch.Tensor
    """What was written last, and goes into the model next."""

    seen_bv: torch.Tensor | None
    """Whether a row has a token already, in its prompt or its answer; None where that changes nothing."""


class Decoder:
    """Answers that are written side by side.

    Args:
        model: A transformers model.
        stop_ids: Tokens that end an answer.
        config: How answers are written.
        num_top_logprobs: How many of the likeliest tokens are kept for each place.
    """

    def __init__(
        self, model: Any, *, stop_ids: Sequence[int], config: GenerationConfig, num_top_logprobs: int = 0
    ) -> None:
        self._model = model
        self._stop_ids = list(stop_ids)
        self._config = config
        self._num_top = num_top_logprobs
        self._choose = _Chooser(config)
        # Logits of a whole prompt are the largest tensor there is: most models are told that only the last matter.
        self._reader = PromptReader(model, {"logits_to_keep": 1} if _takes(model, "logits_to_keep") else {})
        self._shared_heads = find_shared_heads(model)
        self._rows: list[Row] = []
        self._tensors: _Tensors | None = None

    @property
    def num_rows(self) -> int:
        """Answers in work."""
        return len(self._rows)

    @property
    def is_open(self) -> bool:
        """Whether others can join now: not every kind of cache takes new rows."""
        return self._tensors is None or can_grow(self._tensors.cache)

    def join(self, prompts: Prompts, keys: Sequence[str]) -> list[Row]:
        """Read prompts, write their first tokens, and go on with them beside the rows that are there.

        Args:
            prompts: On the model's device.
            keys: Of each request, what its random draws depend on besides the seed.
        """
        began_s = time.perf_counter()
        rows = [Row(random.Random(f"{self._config.seed or 0}:{key}")) for key in keys]  # noqa: S311  # not a secret
        with torch.no_grad(), _in_eval_mode(self._model):
            read = self._reader.read(prompts)
            seen_bv = None
            if self._config.repetition_penalty != 1:
                seen_bv = _seen(prompts, read.logits_bv)
            token_b = self._write(rows, read.logits_bv, seen_bv, began_s)
            joined = _Tensors(read.cache, read.mask_bl, read.last_position, token_b, seen_bv)
            self._tensors = joined if self._tensors is None else _add(self._tensors, joined)
        self._rows += rows
        return rows

    def run(self) -> list[Row]:
        """Write on until a good part of the rows is finished; these leave and are returned."""
        with torch.no_grad(), _in_eval_mode(self._model), grouped_attention(self._shared_heads):
            while self._tensors is not None and not self._is_worth_leaving():
                self._step(self._tensors)
            return self._leave()

    def _is_worth_leaving(self) -> bool:
        return sum(row.is_done for row in self._rows) >= _LEAVE_FROM_SHARE * len(self._rows)

    def _step(self, tensors: _Tensors) -> None:
        """Write one more token in every row; what finished rows get is thrown away."""
        began_s = time.perf_counter()
        tensors.mask_bl = torch.cat([tensors.mask_bl, tensors.mask_bl.new_ones(len(self._rows), 1)], dim=1)
        tensors.position = tensors.position + 1
        output = self._model(
            input_ids=tensors.token_b[:, None],
            attention_mask=tensors.mask_bl,
            position_ids=tensors.position,
            past_key_values=tensors.cache,
            use_cache=True,
        )
        tensors.token_b = self._write(self._rows, output.logits[:, -1].float(), tensors.seen_bv, began_s)

    def _write(
        self, rows: Sequence[Row], logits_bv: torch.Tensor, seen_bv: torch.Tensor | None, began_s: float
    ) -> torch.Tensor:
        """Choose the next token of each row and write it down where the answer goes on."""
        if seen_bv is None:
            token_b = self._choose(logits_bv, rows)
        else:
            penalty = self._config.repetition_penalty
            less_bv = torch.where(logits_bv > 0, logits_bv / penalty, logits_bv * penalty)
            token_b = self._choose(torch.where(seen_bv, less_bv, logits_bv), rows)
            seen_bv.scatter_(1, token_b[:, None], True)
        logprob_bv = logits_bv.log_softmax(1)
        facts = _facts(logprob_bv, token_b)
        top = _likeliest(logprob_bv, token_b, self._num_top) if self._num_top else [{}] * len(rows)
        running = [row for row in rows if not row.is_done]
        for row, token, (logprob, entropy, margin), likeliest in zip(rows, token_b.tolist(), facts, top, strict=True):
            if not row.is_done:
                row.token_ids.append(token)
                row.logprobs.append(logprob)
                row.entropies.append(entropy)
                row.margins.append(margin)
                row.top_logprobs += [likeliest] if likeliest else []
                row.is_stopped = token in self._stop_ids
                row.is_done = row.is_stopped or len(row.token_ids) == self._config.max_new_tokens
        for row in running:
            row.seconds += (time.perf_counter() - began_s) / len(running)
        return token_b

    def _leave(self) -> list[Row]:
        """Take the finished rows out, and the columns that only they needed."""
        finished = [row for row in self._rows if row.is_done]
        keep = [place for place, row in enumerate(self._rows) if not row.is_done]
        self._rows = [self._rows[place] for place in keep]
        if not keep:
            self._tensors = None
        elif (tensors := self._tensors) is not None:
            select = torch.tensor(keep, device=tensors.token_b.device)
            mask_bl = tensors.mask_bl[select]
            num_tokens = int(mask_bl.sum(1).max()) if can_grow(tensors.cache) else mask_bl.shape[1]
            keep_rows(tensors.cache, select, num_tokens)
            tensors.mask_bl, tensors.token_b = mask_bl[:, -num_tokens:], tensors.token_b[select]
            tensors.position = tensors.position.index_select(-2, select)
            tensors.seen_bv = None if tensors.seen_bv is None else tensors.seen_bv[select]
        return finished


def _facts(logprob_bv: torch.Tensor, token_b: torch.Tensor) -> list[list[float]]:
    """Return for each row the log-probability of its token, the entropy, and the margin of first over second."""
    first_and_second_b2 = logprob_bv.topk(min(2, logprob_bv.shape[1]), dim=1).values.exp()
    facts_b3 = torch.stack(
        [
            logprob_bv.gather(1, token_b[:, None])[:, 0],
            # Clamped: a token that cannot come adds nothing, and 0 times minus infinity would be nan.
            -torch.linalg.vecdot(logprob_bv.exp(), logprob_bv.clamp_min(-1e4)),
            first_and_second_b2[:, 0] - first_and_second_b2[:, -1],
        ],
        dim=1,
    )
    facts: list[list[float]] = facts_b3.tolist()
    return facts


def _likeliest(logprob_bv: torch.Tensor, token_b: torch.Tensor, num_top: int) -> list[dict[int, float]]:
    """Return for each row its likeliest tokens with their log-probabilities, and the one that was chosen."""
    top = logprob_bv.topk(min(num_top, logprob_bv.shape[1]), dim=1)
    chosen = logprob_bv.gather(1, token_b[:, None])[:, 0]
    rows = zip(top.indices.tolist(), top.values.tolist(), token_b.tolist(), chosen.tolist(), strict=True)
    return [{**dict(zip(ids, values, strict=True)), token: logprob} for ids, values, token, logprob in rows]


def _add(tensors: _Tensors, more: _Tensors) -> _Tensors:
    add_rows(tensors.cache, more.cache)
    length = max(tensors.mask_bl.shape[1], more.mask_bl.shape[1])
    return _Tensors(
        tensors.cache,
        torch.cat([pad_left(part.mask_bl, length, 1) for part in (tensors, more)]),
        torch.cat([tensors.position, more.position], dim=-2),
        torch.cat([tensors.token_b, more.token_b]),
        None if tensors.seen_bv is None or more.seen_bv is None else torch.cat([tensors.seen_bv, more.seen_bv]),
    )


def _seen(prompts: Prompts, logits_bv: torch.Tensor) -> torch.Tensor:
    """Return which tokens each prompt has."""
    seen_bv = torch.zeros_like(logits_bv, dtype=torch.bool)
    for row, ids in enumerate(prompts.ids_of_requests()):
        seen_bv[row, torch.tensor(ids, device=seen_bv.device)] = True
    return seen_bv


class _Chooser:
    """Picks the next token of each row; random draws belong to the row, so a batch changes nothing."""

    def __init__(self, config: GenerationConfig) -> None:
        self._is_greedy = not config.do_sample
        self._temperature = config.temperature or _DEFAULT_TEMPERATURE
        self._top_p = config.top_p or _DEFAULT_TOP_P

    def __call__(self, logits_bv: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
        if self._is_greedy:
            return logits_bv.argmax(1)
        probability_bv, order_bv = (logits_bv / self._temperature).softmax(1).sort(dim=1, descending=True)
        total_bv = probability_bv.cumsum(1)
        # A token stays while those before it have less than top_p together; the first always stays.
        probability_bv = probability_bv.masked_fill(total_bv - probability_bv >= self._top_p, 0.0)
        total_bv = probability_bv.cumsum(1)
        draw_b = torch.tensor([row.draws.random() for row in rows], device=logits_bv.device)
        place_b = torch.searchsorted(total_bv, (draw_b * total_bv[:, -1])[:, None], right=True)
        last_kept_b = (probability_bv > 0).sum(1, keepdim=True) - 1
        return order_bv.gather(1, place_b.minimum(last_kept_b))[:, 0]


def _takes(model: Any, argument: str) -> bool:
    """Whether the model's forward names ``argument``; an adapter's wrapper takes anything and passes it on."""
    return argument in inspect.signature(type(bare_model(model)).forward).parameters


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
