"""Batched answers are the answers of ``transformers``' own ``generate``, one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from vidtune.core.errors import OutOfMemory, VideoTooLarge
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.inference._decode import Row, _Chooser, decode_batch
from vidtune.models import LoadedModel

NUM_NEW = 24


def encode(loaded: LoadedModel, requests: list[Request]) -> Any:
    return loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames) for request in requests])


def generate_one(loaded: LoadedModel, request: Request, stop_ids: list[int]) -> Any:
    """Answer as a loop over ``transformers``' ``generate`` does."""
    inputs = encode(loaded, [request])
    output = loaded.model.generate(
        **inputs,
        max_new_tokens=NUM_NEW,
        do_sample=False,
        eos_token_id=stop_ids,
        pad_token_id=stop_ids[0],
        output_logits=True,
        return_dict_in_generate=True,
    )
    return output.sequences[0, inputs["input_ids"].shape[1] :].tolist(), torch.cat(output.logits)


def decode(loaded: LoadedModel, requests: list[Request], stop_ids: list[int]) -> list[Row]:
    return decode_batch(
        loaded.model,
        encode(loaded, requests),
        stop_ids=stop_ids,
        config=GenerationConfig(max_new_tokens=NUM_NEW),
        keys=[request.key for request in requests],
    )


def stops_that_come_at_different_steps(loaded: LoadedModel, requests: list[Request]) -> list[int]:
    """Return tokens of which each ends some answers early; an untrained model has no end token of its own."""
    free = [generate_one(loaded, request, [0])[0] for request in requests]
    return [free[1][3], free[4][9], free[7][15]]


def test_a_batch_gives_token_for_token_what_transformers_gives_one_by_one(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)
    expected = [generate_one(loaded, request, stop_ids)[0] for request in requests_mixed]
    assert len({len(tokens) for tokens in expected}) > 2, "the answers must end at different steps to prove anything"

    rows = decode(loaded, requests_mixed, stop_ids)

    assert [row.token_ids for row in rows] == expected
    assert [row.is_stopped for row in rows] == [tokens[-1] in stop_ids for tokens in expected]


def test_confidence_is_the_models_own_log_probability_of_its_tokens(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)

    rows = decode(loaded, requests_mixed, stop_ids)

    for row, request in zip(rows, requests_mixed, strict=True):
        tokens, logits = generate_one(loaded, request, stop_ids)
        expected = logits.log_softmax(-1)[torch.arange(len(tokens)), tokens]
        torch.testing.assert_close(torch.tensor(row.logprobs), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_answers_do_not_depend_on_the_batch(
    loaded: LoadedModel, requests_mixed: list[Request], batch_size: int
) -> None:
    config = GenerationConfig(max_new_tokens=8)
    alone = [generate(loaded, [request], config)[0] for request in requests_mixed]

    together = generate(loaded, requests_mixed, config, batch_size=batch_size)

    assert [answer.token_ids for answer in together] == [answer.token_ids for answer in alone]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert max(answer.batch_size for answer in together) <= batch_size


def test_random_answers_do_not_depend_on_the_batch_either(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    config = GenerationConfig(max_new_tokens=8, do_sample=True, temperature=1.5, top_p=1.0, seed=3)
    alone = [generate(loaded, [request], config)[0].token_ids for request in requests_mixed]

    together = [answer.token_ids for answer in generate(loaded, requests_mixed, config)]
    other_seed = generate(loaded, requests_mixed, config.model_copy(update={"seed": 4}))

    assert together == alone
    assert [answer.token_ids for answer in other_seed] != alone


def test_an_answer_says_how_it_ended_and_what_it_took(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    [answer] = generate(loaded, requests_mixed[4:5], GenerationConfig(max_new_tokens=5))

    assert (answer.finish_reason, answer.num_new_tokens, answer.batch_size) == ("length", 5, 1)
    assert answer.num_visual_tokens == 24
    assert answer.num_prompt_tokens > answer.num_visual_tokens
    assert answer.mean_logprob < 0
    assert answer.generate_s > 0


def test_draws_follow_the_probabilities_within_top_p() -> None:
    logits_bv = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(4000, -1)
    config = GenerationConfig(do_sample=True, temperature=1.0, top_p=0.75)
    choose = _Chooser(config, [str(index) for index in range(4000)])

    counts = Counter(choose(logits_bv, range(4000)).tolist())

    assert set(counts) == {0, 1}
    assert counts[0] / 4000 == pytest.approx(0.5 / 0.8, abs=0.03)


def test_a_low_temperature_is_nearly_greedy() -> None:
    logits_bv = torch.tensor([[2.0, 1.0, 0.0]]).expand(500, -1)
    choose = _Chooser(GenerationConfig(do_sample=True), [str(index) for index in range(500)])

    assert set(choose(logits_bv, range(500)).tolist()) == {0}


def test_a_model_in_training_is_left_in_training(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    loaded.model.train()

    generate(loaded, requests_mixed[:2], GenerationConfig(max_new_tokens=2))

    assert loaded.model.training


def test_no_requests_give_no_answers(loaded: LoadedModel) -> None:
    assert generate(loaded, [], GenerationConfig()) == []


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(loaded: LoadedModel) -> None:
    request = Request((Turn("user", "what " * 3000),))

    with pytest.raises(VideoTooLarge, match=r"pass the model's context of 2,048 tokens"):
        generate(loaded, [request], GenerationConfig())


class OutOfMemoryAbove:
    """The real forward, behind an allocator that has room for so many rows only."""

    def __init__(self, model: Any, max_rows: int, message: str) -> None:
        self._forward = model.forward
        self._max_rows = max_rows
        self._message = message
        self.num_failures = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs["input_ids"].shape[0] > self._max_rows:
            self.num_failures += 1
            raise RuntimeError(self._message)
        return self._forward(*args, **kwargs)


@pytest.mark.parametrize("max_rows", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes",
    ],
)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    loaded: LoadedModel, requests_mixed: list[Request], max_rows: int, message: str
) -> None:
    config = GenerationConfig(max_new_tokens=4)
    expected = [generate(loaded, [request], config)[0].token_ids for request in requests_mixed]
    loaded.model.forward = OutOfMemoryAbove(loaded.model, max_rows, message)

    answers = generate(loaded, requests_mixed, config, batch_size=9)

    assert [answer.token_ids for answer in answers] == expected
    assert max(answer.batch_size for answer in answers) <= max_rows
    assert 0 < loaded.model.forward.num_failures <= 5


def test_one_request_that_does_not_fit_alone_is_a_named_error(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    loaded.model.forward = OutOfMemoryAbove(loaded.model, 0, "out of memory")

    with pytest.raises(OutOfMemory, match=r"one sample alone \(frames of shape \(8, 56, 84, 3\)\)"):
        generate(loaded, requests_mixed[4:5], GenerationConfig())


def test_another_runtime_error_is_not_taken_for_memory(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    loaded.model.forward = OutOfMemoryAbove(loaded.model, 0, "shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        generate(loaded, requests_mixed, GenerationConfig())
