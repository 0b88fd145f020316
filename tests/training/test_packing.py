"""Rows of a batch, packed so that what they begin with alike stands there once."""

import pytest
import torch

from vidtune.training._packing import pack_rows, plan_packing

WIDTH = 512


def make_row(ids, clip=0):
    return {"input_ids": torch.tensor([ids]), "pixel_values_videos": torch.full((4, 3), float(clip))}


def prompt(*rest):
    return [*range(100, 120), *rest]


def test_a_packed_row_is_the_beginning_and_then_what_is_left_of_each():
    packing = pack_rows([4, 3], [((0, 1), 2)])

    assert packing.source_gl.tolist() == [[0, 1, 2, 3, 6]]
    assert packing.segment_gl.tolist() == [[0, 0, 1, 1, 2]]
    assert packing.place_bt[0].tolist() == [0, 1, 2, 3]
    assert packing.place_bt[1, :3].tolist() == [0, 1, 4]


def test_every_question_sees_the_beginning_and_itself():
    is_seen = pack_rows([4, 3], [((0, 1), 2)]).attention_mask(torch.float32)[0, 0] == 0

    assert is_seen.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]


def test_padding_sees_itself_and_is_seen_by_no_token():
    is_seen = pack_rows([4, 2, 2], [((0,), 4), ((1, 2), 1)]).attention_mask(torch.float32)[1, 0] == 0

    assert is_seen[3, 3]
    assert not is_seen[:3, 3].any()


def test_unpacking_gives_every_token_its_own_and_packing_is_undone():
    rows = [make_row(prompt(1, 2)), make_row(prompt(3, 4, 5)), make_row(prompt(6), clip=1)]
    ids_bt = torch.zeros(3, 23, dtype=torch.long)
    for index, row in enumerate(rows):
        ids_bt[index, : row["input_ids"].shape[1]] = row["input_ids"][0]
    packing = plan_packing(rows, WIDTH)

    assert packing.source_gl.shape == (2, 25)
    returned_bt = packing.unpack(packing.pack(ids_bt))
    for index, row in enumerate(rows):
        assert returned_bt[index, : row["input_ids"].shape[1]].tolist() == row["input_ids"][0].tolist()


def test_what_is_read_of_any_copy_is_read():
    packing = pack_rows([4, 3], [((0, 1), 2)])
    is_read_bt = torch.tensor([[False, False, True, False], [False, True, True, False]])

    assert packing.places_read(is_read_bt).tolist() == [[False, True, True, False, True]]


@pytest.mark.parametrize(
    "rows",
    [
        [make_row(prompt(1)), make_row(prompt(2), clip=1)],
        [make_row([1, *prompt()]), make_row([2, *prompt()])],
        [make_row(prompt(1))],
    ],
    ids=["two clips", "another first word", "one question"],
)
def test_nothing_is_packed_where_nothing_is_gained(rows):
    assert plan_packing(rows, WIDTH) is None


def test_a_question_asked_twice_is_computed_once():
    packing = plan_packing([make_row(prompt(1)), make_row(prompt(1))], WIDTH)

    assert packing.source_gl.shape == (1, 21)


def test_rows_are_packed_no_longer_than_pays():
    """Three questions of one clip beside four clips of one: a row of three would make all five as long."""
    rows = [make_row([*prompt(), *range(30)], clip=number) for number in range(4)]
    rows += [make_row([*prompt(), 90 + number, *range(29)], clip=9) for number in range(3)]
    packing = plan_packing(rows, WIDTH)

    assert packing is None


def test_many_questions_about_a_clip_are_divided_where_their_attention_would_cost_more():
    rows = [make_row([*range(200), 1000 + number, *range(40)]) for number in range(32)]
    packing = plan_packing(rows, width=16)

    assert 1 < len(packing.source_gl) < 32
    assert packing.source_gl.numel() < 32 * 241
