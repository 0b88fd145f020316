"""Prompts are read whole, but for what nothing reads: the last layer at all places but the last."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
import torch
from tests.inference.test_generate import ask_thrice, generate_one

from vidtune.adapters import bare_model
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.inference._prefill import PromptReader
from vidtune.inference._prompts import encode_requests
from vidtune.models import LoadedModel


def count_positions(model: Any, layer: int) -> list[int]:
    """Return a list to which every pass adds how many positions it computes in the MLP of a layer."""
    seen: list[int] = []
    mlp = bare_model(model).get_decoder().layers[layer].mlp
    mlp.down_proj.register_forward_hook(lambda part, args, output: seen.append(output.shape[:-1].numel()))
    return seen


@pytest.mark.parametrize("times", [1, 3])
def test_the_last_layer_is_computed_for_the_next_token_alone(
    loaded: LoadedModel, requests_mixed: list[Request], times: int
) -> None:
    requests = requests_mixed[:5] if times == 1 else ask_thrice(requests_mixed[:5])
    expected = torch.cat([generate_one(loaded, request, [0])[1][:1] for request in requests])
    prompts = encode_requests(loaded, requests, can_share=True)
    first, last = (count_positions(loaded.model, layer) for layer in (0, -1))

    with torch.no_grad():
        read = PromptReader(loaded.model, {"logits_to_keep": 1}).read(prompts)

    torch.testing.assert_close(read.logits_bv, expected, atol=1e-4, rtol=0)
    assert len(requests) in accumulate(reversed(last)), "the last calls compute one place a request"
    assert len(first) == len(last) >= 2
    assert all(less < all_of_them for less, all_of_them in zip(last, first, strict=True))


def test_long_questions_do_not_pad_short_ones(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    clips = requests_mixed[1:4]
    long = "Say what is done well, what is done badly, on which side, in which direction, and how often. " * 4
    requests = [
        replace(request, turns=(Turn("user", text),), key=f"{request.key} {text}")
        for text in (long, "What?", f"{long} Be brief.", "Who?")
        for request in clips
    ]
    expected = torch.cat([generate_one(loaded, request, [0])[1][:1] for request in requests])
    prompts = encode_requests(loaded, requests, can_share=True)
    first = count_positions(loaded.model, 0)
    config = GenerationConfig(max_new_tokens=4)

    with torch.no_grad():
        read = PromptReader(loaded.model, {"logits_to_keep": 1}).read(prompts)
    num_positions = sum(first)

    torch.testing.assert_close(read.logits_bv, expected, atol=1e-4, rtol=0)
    num_needed = sum(prompts.num_common_n) + sum(map(len, prompts.rest_r))
    num_padded = len(requests) * max(map(len, prompts.rest_r))
    assert num_positions < 1.1 * num_needed < 0.8 * num_padded
    together = [answer.token_ids for answer in generate(loaded, requests, config)]
    assert together == [answer.token_ids for answer in generate(loaded, requests, config, batch_size=1)]


def test_reading_leaves_no_hooks_behind(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    reader = PromptReader(loaded.model, {})

    with torch.no_grad():
        reader.read(encode_requests(loaded, requests_mixed[:3], can_share=True))

    assert not any(module._forward_pre_hooks or module._forward_hooks for module in loaded.model.modules())
