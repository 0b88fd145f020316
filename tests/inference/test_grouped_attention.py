"""Attention of one new token is that of transformers, in values and in tokens, wherever it is computed otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.inference.test_generate import decode, generate_one
from tests.models.prompts import ask, make_frames

from vidtune.inference import Request, _grouped_attention
from vidtune.inference._grouped_attention import attend, find_shared_heads, grouped_attention
from vidtune.models import LoadedModel


def states(
    num_groups: int, num_queries: int, num_keys: int = 37, dtype: torch.dtype = torch.float32
) -> tuple[Any, list[torch.Tensor]]:
    """Return an attention of 2 key heads, with queries, keys and values of 3 rows as the cache hands them out."""
    torch.manual_seed(num_groups + num_queries)
    module = SimpleNamespace(num_key_value_groups=num_groups, is_causal=True, training=False)
    query_bhqd = torch.randn(3, 2 * num_groups, num_queries, 16, dtype=dtype)
    roomy_2bknd = torch.randn(2, 3, 2, num_keys + 5, 16, dtype=dtype)
    return module, [query_bhqd, *(part[:, :, :num_keys] for part in roomy_2bknd)]


def plainly(module: Any, parts: list[torch.Tensor], mask: torch.Tensor | None, scaling: float) -> torch.Tensor:
    """Return attention by plain products in float64, written without the library."""
    query, key, value = (part.double() for part in parts)
    key, value = (part.repeat_interleave(module.num_key_value_groups, 1) for part in (key, value))
    products = query @ key.transpose(2, 3) * scaling
    if mask is not None:
        products = products.masked_fill(~mask, -torch.inf)
    return (products.softmax(-1) @ value).transpose(1, 2)


def window(num_keys: int, length: int) -> torch.Tensor:
    return (torch.arange(num_keys) >= num_keys - length).expand(3, 1, 1, num_keys)


def left_padding(num_keys: int, *lengths: int) -> torch.Tensor:
    return torch.stack([torch.arange(num_keys) >= num_keys - length for length in lengths])[:, None, None]


MASKS = {
    "none": None,
    "left padding": left_padding(37, 37, 20, 1),
    "a sliding window": window(37, 8),
    "a window over left padding": window(37, 8) & left_padding(37, 37, 20, 3),
}


@pytest.mark.parametrize("num_groups", [1, 2, 4, 7])
@pytest.mark.parametrize("mask", MASKS)
def test_one_new_token_reads_what_plain_products_read(mask: str, num_groups: int) -> None:
    module, parts = states(num_groups, num_queries=1)

    read, weights = attend(module, *parts, MASKS[mask], scaling=0.3, dropout=0.0)

    assert weights is None
    assert read.is_contiguous()
    torch.testing.assert_close(read.double(), plainly(module, parts, MASKS[mask], 0.3), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("num_queries", [1, 5])
@pytest.mark.parametrize("options", [{}, {"scaling": 0.5}, {"position_bias": True}])
def test_it_reads_what_transformers_reads(num_queries: int, options: dict[str, Any]) -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    module, parts = states(4, num_queries)
    if "position_bias" in options:
        options = {"position_bias": torch.randn(3, 8, num_queries, 37)}

    ours, stock = (function(module, *parts, None, **options)[0] for function in (attend, sdpa_attention_forward))

    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=1e-5)


def test_in_bfloat16_it_is_as_near_to_float64_as_transformers_is() -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    module, parts = states(4, num_queries=1, num_keys=400, dtype=torch.bfloat16)
    exact = plainly(module, parts, None, 0.25)

    ours, stock = (
        float((function(module, *parts, None, scaling=0.25)[0].double() - exact).abs().mean())
        for function in (attend, sdpa_attention_forward)
    )

    assert ours < 1.2 * stock


def test_a_soft_cap_is_refused_as_transformers_refuses_it() -> None:
    module, parts = states(2, num_queries=1)

    with pytest.raises(ValueError, match="softcap"):
        attend(module, *parts, None, softcap=30.0)


def test_models_attend_so_only_meanwhile_and_only_where_torchs_attention_is_asked_for(loaded: LoadedModel) -> None:
    text, vision = loaded.model.config.text_config, loaded.model.config.vision_config
    [shared] = find_shared_heads(loaded.model)
    assert shared is text

    with grouped_attention([shared]):
        inside = text._attn_implementation, vision._attn_implementation
    after = text._attn_implementation
    text._attn_implementation = "eager"
    with grouped_attention([shared]):
        beside_eager = text._attn_implementation

    assert inside == (_grouped_attention._NAME, "sdpa")
    assert after == "sdpa"
    assert beside_eager == text._attn_implementation == "eager"


def test_an_error_midway_leaves_the_model_as_it_was(loaded: LoadedModel) -> None:
    shared = find_shared_heads(loaded.model)

    with pytest.raises(RuntimeError, match="midway"), grouped_attention(shared):
        raise RuntimeError("midway")

    assert loaded.model.config.text_config._attn_implementation == "sdpa"


def test_rows_of_equal_length_write_the_tokens_and_probabilities_of_one_by_one(loaded: LoadedModel) -> None:
    """Without padding there is no mask, and attention is ours from the second token on."""
    requests = [Request(ask("Which exercise?"), make_frames(4, 56, 56, seed=seed)) for seed in range(3)]

    rows = decode(loaded, requests, [-1])

    for row, request in zip(rows, requests, strict=True):
        tokens, logits = generate_one(loaded, request, [0])
        expected = logits.log_softmax(-1)[torch.arange(len(tokens)), tokens]
        assert row.token_ids[: len(tokens)] == tokens
        torch.testing.assert_close(torch.tensor(row.logprobs[: len(tokens)]), expected, atol=1e-5, rtol=1e-5)
