"""Prompts are encoded beside the model: the same tensors, no more than allowed, and every error where it belongs."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.models.prompts import ask, make_frames

from vidtune.core.errors import VideoTooLarge
from vidtune.inference import GenerationConfig, Request, generate
from vidtune.inference._encoder import Encoder
from vidtune.inference._engine import Engine
from vidtune.inference._memory import BatchSize
from vidtune.models import LoadedModel


class Watched:
    """A family that notes which thread encodes what, and can be made to wait or to refuse."""

    def __init__(self, family: Any) -> None:
        self._family = family
        self.encoded: list[tuple[str, tuple[Any, ...]]] = []
        self.num_inside = 0
        self.refused: Any = object()
        self.num_rows_that_do_not_fit = 0
        self.gate = threading.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._family, name)

    def encode_prompts(self, processor: Any, items: Any) -> Any:
        thread = threading.current_thread().name
        self.gate.wait(10 if thread.startswith("vidtune-encoder") else 0)
        self.num_inside += 1
        assert self.num_inside == 1, "two threads use the processor at once"
        try:
            self.encoded.append((thread, tuple(frames for _, frames in items)))
            if thread.startswith("vidtune-encoder") and self.num_rows_that_do_not_fit:
                self.num_rows_that_do_not_fit -= 1
                raise MemoryError
            if any(frames is self.refused for _, frames in items):
                raise VideoTooLarge("this clip is too long.")
            return self._family.encode_prompts(processor, items)
        finally:
            self.num_inside -= 1

    def beside(self) -> list[Any]:
        """Return the clips that were encoded in the thread."""
        return [clips[0] for thread, clips in self.encoded if thread.startswith("vidtune-encoder")]


@pytest.fixture
def watched(loaded: LoadedModel) -> tuple[LoadedModel, Watched]:
    family = Watched(loaded.family)
    return replace(loaded, family=family), family


def ask_about(count: int) -> list[Request]:
    shapes = ((4, 56, 56), (2, 84, 56), (8, 56, 84))
    return [
        Request(ask("Which exercise is this?"[: 8 + index]), make_frames(*shapes[index % 3], seed=index), str(index))
        for index in range(count)
    ]


def wait_until_ahead(encoder: Encoder) -> None:
    for ahead in list(encoder._ahead.values()):
        ahead.row.exception(10)


def test_prompts_that_are_ahead_are_those_encoded_together(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    requests = [*ask_about(4), Request(ask("and without a clip?"))]
    items = [(request.turns, request.frames) for request in requests]
    expected = loaded.family.encode_prompts(loaded.processor, items)

    with Encoder(loaded) as encoder:
        encoder.look_ahead(requests[:3], 16)
        wait_until_ahead(encoder)
        batch = encoder.encode(requests)

    assert family.beside() == [request.frames for request in requests[:3]]
    assert batch.keys() == expected.keys()
    assert all(torch.equal(batch[name], expected[name]) for name in expected)
    assert batch.num_visual_tokens() == expected.num_visual_tokens()


def test_no_more_is_encoded_ahead_than_allowed_and_a_clip_only_once(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    requests = ask_about(6)
    again = Request(ask("And what else?"), requests[0].frames)

    with Encoder(loaded) as encoder:
        encoder.look_ahead([requests[0], again, *requests[1:]], 4)
        wait_until_ahead(encoder)
        encoder.look_ahead([requests[0], again, *requests[1:]], 4)
        wait_until_ahead(encoder)

    assert family.beside() == [request.frames for request in requests[:3]]


def test_clips_larger_than_memory_allows_are_left_for_later(
    watched: tuple[LoadedModel, Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, family = watched
    requests = ask_about(3)
    monkeypatch.setattr("vidtune.inference._encoder._MAX_AHEAD_BYTES", 4 * requests[0].frames.frames_thwc.nbytes)

    with Encoder(loaded) as encoder:
        encoder.look_ahead(requests, 16)
        wait_until_ahead(encoder)

    assert family.beside() == [requests[0].frames]


def test_what_nobody_waits_for_any_more_is_forgotten(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, _ = watched
    requests = ask_about(3)

    with Encoder(loaded) as encoder:
        encoder.look_ahead(requests, 16)
        encoder.look_ahead(requests[2:], 16)

        assert list(encoder._ahead) == [id(requests[2])]


def test_clips_are_encoded_while_the_model_answers_and_change_no_answer(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    requests = ask_about(9)
    config = GenerationConfig(max_new_tokens=6)
    expected = [generate(loaded, [request], config)[0].token_ids for request in requests]
    family.encoded.clear()

    together = generate(loaded, requests, config, batch_size=3)

    assert [answer.token_ids for answer in together] == expected
    assert len(family.beside()) >= 3, "what waits behind the first batch was not prepared beside it"
    assert all(answer.preprocess_s > 0 for answer in together)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidtune-encoder")]


def test_an_error_met_ahead_is_that_requests_own(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    requests = ask_about(6)
    family.refused = requests[4].frames
    waiting = list(enumerate(requests))
    outcomes: dict[int, Any] = {}

    engine: Engine[int] = Engine(loaded, GenerationConfig(max_new_tokens=3), BatchSize(3))
    with engine:
        while waiting or engine.is_busy:
            outcomes.update(engine.advance(waiting))

    assert isinstance(outcomes.pop(4), VideoTooLarge)
    assert sorted(outcomes) == [0, 1, 2, 3, 5]
    assert all(len(answer.token_ids) == 3 for answer in outcomes.values())


def test_memory_that_ends_ahead_costs_no_answer(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    requests = ask_about(4)
    config = GenerationConfig(max_new_tokens=4)
    expected = [answer.token_ids for answer in generate(loaded, requests, config, batch_size=3)]
    family.num_rows_that_do_not_fit = 1

    answers = generate(loaded, requests, config, batch_size=3)

    assert family.num_rows_that_do_not_fit == 0
    assert [answer.token_ids for answer in answers] == expected


def test_time_spent_beside_the_model_is_still_that_requests_time(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    [request] = ask_about(1)

    with Encoder(loaded) as encoder:
        encoder.look_ahead([request], 1)
        wait_until_ahead(encoder)
        encoder.encode([request])

    assert encoder.hidden_s > 0


def test_stopping_midway_waits_for_one_clip_at_most(watched: tuple[LoadedModel, Watched]) -> None:
    loaded, family = watched
    family.gate.clear()

    with Encoder(loaded) as encoder:
        encoder.look_ahead(ask_about(5), 5)
        time.sleep(0.05)
        family.gate.set()

    assert len(family.encoded) <= 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidtune-encoder")]
