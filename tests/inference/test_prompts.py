"""What prompts have in common is found, and every prompt is still what it is alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vidtune.data import Turn
from vidtune.inference import Request
from vidtune.inference._prompts import Prompts, encode_requests
from vidtune.inference._request import sort_for_reading
from vidtune.models import LoadedModel

RULES = Turn("system", "You look at exercises and say which mistakes are made and how they are corrected, briefly.")


def whole_ids(prompts: Prompts) -> list[list[int]]:
    """Return the ids of each request's whole prompt."""
    rows = [
        ids[mask.bool()][:num_common].tolist()
        for ids, mask, num_common in zip(
            prompts.inputs["input_ids"], prompts.inputs["attention_mask"], prompts.num_common_n, strict=True
        )
    ]
    return [[*rows[row], *rest] for row, rest in zip(prompts.whose_r, prompts.rest_r, strict=True)]


def ids_alone(loaded: LoadedModel, request: Request) -> list[int]:
    ids: list[int] = loaded.family.encode_prompts(loaded.processor, [(request.turns, request.frames)])["input_ids"][
        0
    ].tolist()
    return ids


@pytest.fixture
def questions(requests_mixed: list[Request]) -> list[Request]:
    """Two questions about each of two clips, one about a third, and one without a clip."""
    first, second, third = requests_mixed[1:4]
    return [
        first,
        replace(first, turns=(Turn("user", "What colour?"),)),
        second,
        replace(second, turns=(Turn("user", "Which exercise is it then?"),)),
        third,
        requests_mixed[0],
    ]


def test_every_prompt_is_that_of_its_request_alone(loaded: LoadedModel, questions: list[Request]) -> None:
    prompts = encode_requests(loaded, questions, can_share=True)

    assert whole_ids(prompts) == [ids_alone(loaded, request) for request in questions]
    assert prompts.num_tokens() == [len(ids) for ids in whole_ids(prompts)]
    assert prompts.whose_r == (0, 0, 1, 1, 2, 3)
    assert len(prompts.inputs["video_grid_thw"]) == 3
    counts = [request.frames is not None for request in questions]
    assert [count > 0 for count in prompts.num_visual_tokens()] == counts


def test_nothing_is_shared_with_a_model_that_cannot_go_on_from_a_beginning(
    loaded: LoadedModel, questions: list[Request]
) -> None:
    prompts = encode_requests(loaded, questions, can_share=False)

    assert len(prompts.inputs["video_grid_thw"]) == 5
    assert not any(prompts.rest_r)
    assert prompts.num_opening == 0
    assert whole_ids(prompts) == [ids_alone(loaded, request) for request in questions]


def test_what_all_prompts_begin_with_is_found_in_several_and_known_again_in_one(
    loaded: LoadedModel, questions: list[Request]
) -> None:
    ruled = [replace(request, turns=(RULES, *request.turns)) for request in questions]

    together = encode_requests(loaded, ruled, can_share=True)
    alone = encode_requests(loaded, ruled[:1], can_share=True)
    again = encode_requests(loaded, ruled[:1], can_share=True, opening=together.opening())

    text = loaded.processor.tokenizer.decode(together.opening())
    assert RULES.text in text
    assert "<|video_pad|>" not in text
    assert alone.num_opening == 0, "of one prompt nobody knows what others begin with"
    assert again.opening() == together.opening()


def test_requests_are_sorted_by_cost_with_the_questions_about_a_clip_together(questions: list[Request]) -> None:
    waiting = [(place, questions[place]) for place in (3, 0, 5, 4, 2, 1)]

    sort_for_reading(waiting)

    no_clip, two_frames, five_small_frames, four_larger_frames = [5], [1, 0], [4], [2, 3]
    assert [place for place, _ in waiting] == [*no_clip, *two_frames, *five_small_frames, *four_larger_frames]
