"""Batched answers are the answers of ``transformers``' own ``generate``, one by one."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vidtune.core.errors import OutOfMemory, VideoTooLarge
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, Request, _cache, generate
from vidtune.inference._decode import Decoder, Row, _Chooser
from vidtune.inference._prompts import encode_requests
from vidtune.inference._request import length_key
from vidtune.media import frameset_from_array
from vidtune.models import LoadedModel, load_model

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
    decoder = Decoder(loaded.model, stop_ids=stop_ids, config=GenerationConfig(max_new_tokens=NUM_NEW))
    prompts = encode_requests(loaded, requests, can_share=True)
    rows = decoder.join(prompts, [request.key for request in requests])
    while decoder.num_rows:
        decoder.run()
    return rows


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


def test_a_repetition_penalty_is_that_of_transformers(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    config = GenerationConfig(max_new_tokens=NUM_NEW, repetition_penalty=1.3)
    clip = next(request.frames for request in requests_mixed if request.frames is not None)
    more = [Request((Turn("user", text),), clip, text) for text in ("Which exercise is this?", "Why?")]
    requests = [*requests_mixed, *more]  # of one clip, whose prompts begin with common tokens
    endless = replace(loaded, family=WithStops(loaded.family, (10**6,)))
    expected = []
    for request in requests:
        inputs = encode(loaded, [request])
        output = loaded.model.generate(
            **inputs,
            max_new_tokens=NUM_NEW,
            do_sample=False,
            eos_token_id=[10**6],
            pad_token_id=0,
            repetition_penalty=1.3,
        )
        expected.append(output[0, inputs["input_ids"].shape[1] :].tolist())
    plain = generate(endless, requests, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=4)

    answers = generate(endless, requests, config, batch_size=4)

    assert [list(answer.token_ids) for answer in answers] == expected
    assert [list(answer.token_ids) for answer in plain] != expected


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


def rows_that_draw(count: int) -> list[Row]:
    return [Row(random.Random(index)) for index in range(count)]


def test_draws_follow_the_probabilities_within_top_p() -> None:
    logits_bv = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(4000, -1)
    config = GenerationConfig(do_sample=True, temperature=1.0, top_p=0.75)
    choose = _Chooser(config)

    counts = Counter(choose(logits_bv, rows_that_draw(4000)).tolist())

    assert set(counts) == {0, 1}
    assert counts[0] / 4000 == pytest.approx(0.5 / 0.8, abs=0.03)


def test_a_low_temperature_is_nearly_greedy() -> None:
    logits_bv = torch.tensor([[2.0, 1.0, 0.0]]).expand(500, -1)
    choose = _Chooser(GenerationConfig(do_sample=True))

    assert set(choose(logits_bv, rows_that_draw(500)).tolist()) == {0}


def test_a_model_in_training_is_left_in_training(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    loaded.model.train()

    generate(loaded, requests_mixed[:2], GenerationConfig(max_new_tokens=2))

    assert loaded.model.training


def test_no_requests_give_no_answers(loaded: LoadedModel) -> None:
    assert generate(loaded, [], GenerationConfig()) == []


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(loaded: LoadedModel) -> None:
    request = Request((Turn("user", "what " * 3000),))

    with pytest.raises(VideoTooLarge, match=r"pass the model's context of 2,048 tokens") as caught:
        generate(loaded, [request], GenerationConfig())

    assert caught.value.remedy == "Use fewer words, or a shorter answer (generation.max_new_tokens)."


def test_a_clip_beyond_the_context_is_told_from_too_many_words(loaded: LoadedModel) -> None:
    request = Request((Turn("user", "What?"),), frameset_from_array(np.zeros((64, 112, 112, 3), np.uint8), fps=4.0))

    with pytest.raises(VideoTooLarge, match=r"512 of them of the clip, and an answer of 2,000 pass") as caught:
        generate(loaded, [request], GenerationConfig(max_new_tokens=2000))

    assert "fewer frames (sampling.num_frames)" in caught.value.remedy


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


CUDA_MESSAGE = "CUDA out of memory. Tried to allocate 2.00 GiB"
CPU_MESSAGE = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"


@pytest.mark.parametrize("max_rows", range(1, 17))
def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    loaded: LoadedModel, requests_mixed: list[Request], max_rows: int
) -> None:
    config = GenerationConfig(max_new_tokens=3)
    requests = [*requests_mixed, *ask_thrice(requests_mixed[1:4])[:8]]
    expected = [answer.token_ids for answer in generate(loaded, requests, config, batch_size=1)]
    loaded.model.forward = OutOfMemoryAbove(loaded.model, max_rows, CUDA_MESSAGE if max_rows % 2 else CPU_MESSAGE)

    answers = generate(loaded, requests, config, batch_size=17)

    assert [answer.token_ids for answer in answers] == expected
    assert max(answer.batch_size for answer in answers) <= max_rows
    assert 0 < loaded.model.forward.num_failures <= 6


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


def test_rows_that_join_midway_write_what_they_write_alone(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)
    expected = [generate_one(loaded, request, stop_ids)[0] for request in requests_mixed]
    decoder = Decoder(loaded.model, stop_ids=stop_ids, config=GenerationConfig(max_new_tokens=NUM_NEW))

    rows, had_company = [], []
    for start in range(0, 9, 3):  # long clips join short ones and the other way round
        had_company.append(decoder.num_rows > 0)
        group = requests_mixed[start : start + 3]
        prompts = encode_requests(loaded, group, can_share=True)
        rows += decoder.join(prompts, [request.key for request in group])
        decoder.run()
    while decoder.num_rows:
        decoder.run()

    assert had_company == [False, True, True]
    assert [row.token_ids for row in rows] == expected


def test_answers_longer_than_the_room_that_is_kept_ahead_are_the_same(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    config = GenerationConfig(max_new_tokens=2 * _cache._ROOM + 3)
    request = requests_mixed[1]
    inputs = encode(loaded, [request])
    output = loaded.model.generate(
        **inputs, max_new_tokens=config.max_new_tokens, do_sample=False, eos_token_id=[10**6], pad_token_id=0
    )

    [answer] = generate(replace(loaded, family=WithStops(loaded.family, (10**6,))), [request], config)

    assert list(answer.token_ids) == output[0, inputs["input_ids"].shape[1] :].tolist()


class WithStops:
    """A family whose answers end at other tokens."""

    def __init__(self, family: Any, stop_ids: tuple[int, ...]) -> None:
        self._family = family
        self._stop_ids = stop_ids

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        return self._stop_ids


def ask_thrice(requests: list[Request]) -> list[Request]:
    """Return three questions about each clip, in an order that mixes the clips."""
    return [
        replace(request, turns=(Turn("user", question),), key=f"{request.key} {question}")
        for question in ("What?", "Which exercise is this, and what should be corrected?", "What colour is it?")
        for request in requests
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 16])
def test_several_questions_about_a_clip_are_answered_as_one_by_one(
    loaded: LoadedModel, requests_mixed: list[Request], batch_size: int
) -> None:
    requests = ask_thrice(requests_mixed[:5])
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)
    expected = [generate_one(loaded, request, stop_ids)[0] for request in requests]
    ready = replace(loaded, family=WithStops(loaded.family, tuple(stop_ids)))
    loaded.model.forward = counter = ForwardCounter(loaded.model)

    answers = generate(ready, requests, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=batch_size)

    assert [list(answer.token_ids) for answer in answers] == expected
    if batch_size >= 4:
        assert counter.num_clips == 4, "each clip is read once"


def test_another_system_turn_before_the_same_clip_is_another_beginning(
    loaded: LoadedModel, requests_mixed: list[Request]
) -> None:
    question = requests_mixed[4]
    kind = replace(question, turns=(Turn("system", "Be kind."), *question.turns))
    strict = replace(question, turns=(Turn("system", "Be strict and brief."), *question.turns))
    config = GenerationConfig(max_new_tokens=8)
    expected = [generate(loaded, [request], config)[0].token_ids for request in (question, kind, strict, question)]

    answers = generate(loaded, [question, kind, strict, question], config)

    assert [answer.token_ids for answer in answers] == expected


class ForwardCounter:
    """The real forward, with a note of how many rows each call had and which of them read a prompt."""

    def __init__(self, model: Any) -> None:
        self._forward = model.forward
        self.num_rows: list[int] = []
        self.num_read: list[int] = []
        self.num_clips = 0
        self.num_useless = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        num_rows, num_tokens = kwargs["input_ids"].shape
        (self.num_read if num_tokens > 1 else self.num_rows).append(num_rows)
        self.num_clips += len(kwargs.get("video_grid_thw", ()))
        self.num_useless += int((kwargs["attention_mask"].sum(0) == 0).sum())
        return self._forward(*args, **kwargs)


def test_waiting_requests_take_the_places_of_finished_ones(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)
    expected = [generate_one(loaded, request, stop_ids)[0] for request in requests_mixed]
    ready = replace(loaded, family=WithStops(loaded.family, tuple(stop_ids)))
    loaded.model.forward = counter = ForwardCounter(loaded.model)

    answers = generate(ready, requests_mixed, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=3)

    assert [list(answer.token_ids) for answer in answers] == expected
    assert max(counter.num_rows) == 3
    assert counter.num_useless == 0, "columns that are padding in every row"
    assert sum(counter.num_read) == 9 + 1, "each prompt once, and what all of them begin with once"
    assert len(counter.num_read) > 3, "no one joined while others were at work"
    ordered = sorted(range(9), key=lambda index: length_key(requests_mixed[index]))
    static = sum(max(len(expected[index]) for index in ordered[at : at + 3]) - 1 for at in (0, 3, 6))
    assert len(counter.num_rows) < static


def test_times_of_answers_add_up_to_the_time_of_the_model(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    loaded.model.forward = timed = TimedForward(loaded.model)
    began_s = time.perf_counter()
    answers = generate(loaded, requests_mixed, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=4)
    whole_s = time.perf_counter() - began_s

    assert timed.seconds <= sum(answer.generate_s for answer in answers) <= whole_s
    assert all(answer.preprocess_s > 0 for answer in answers)


class TimedForward:
    """The real forward, with the time that was spent in it."""

    def __init__(self, model: Any) -> None:
        self._forward = model.forward
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began_s = time.perf_counter()
        try:
            return self._forward(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - began_s


@pytest.fixture
def windowed(tiny_folder: Path, tmp_path: Path) -> LoadedModel:
    """A model whose layers see the last 24 tokens only: rows cannot join its cache."""
    shutil.copytree(tiny_folder, tmp_path / "windowed")
    path = tmp_path / "windowed" / "config.json"
    config = json.loads(path.read_text())
    text = config.get("text_config", config)
    kinds = ["sliding_attention"] * text["num_hidden_layers"]
    text |= {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 0, "layer_types": kinds}
    path.write_text(json.dumps(config))
    return load_model(tmp_path / "windowed")


def test_a_model_whose_cache_cannot_take_rows_in_answers_in_batches(
    windowed: LoadedModel, requests_mixed: list[Request]
) -> None:
    stop_ids = stops_that_come_at_different_steps(windowed, requests_mixed)
    expected = [generate_one(windowed, request, stop_ids)[0] for request in requests_mixed]
    assert len({len(tokens) for tokens in expected}) > 2
    ready = replace(windowed, family=WithStops(windowed.family, tuple(stop_ids)))
    windowed.model.forward = counter = ForwardCounter(windowed.model)

    answers = generate(ready, requests_mixed, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=4)

    assert counter.num_read == [4, 4, 1]
    assert [list(answer.token_ids) for answer in answers] == expected


class OutOfMemoryAt:
    """The real forward, with memory that ends once, in the middle of the work."""

    def __init__(self, model: Any, call: int) -> None:
        self._forward = model.forward
        self._num_left = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._num_left -= 1
        if self._num_left == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._forward(*args, **kwargs)


@pytest.mark.parametrize("call", [2, 7, 12, 20])
def test_memory_that_ends_while_answers_are_written_costs_no_answer(
    loaded: LoadedModel, requests_mixed: list[Request], call: int
) -> None:
    stop_ids = stops_that_come_at_different_steps(loaded, requests_mixed)
    expected = [generate_one(loaded, request, stop_ids)[0] for request in requests_mixed]
    ready = replace(loaded, family=WithStops(loaded.family, tuple(stop_ids)))
    loaded.model.forward = OutOfMemoryAt(loaded.model, call)

    answers = generate(ready, requests_mixed, GenerationConfig(max_new_tokens=NUM_NEW), batch_size=4)

    assert [list(answer.token_ids) for answer in answers] == expected
