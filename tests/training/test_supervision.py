import os
import pty
from contextlib import redirect_stdout

import pytest
import torch
from tests.models.tiny import make_processor

from vidtune.cli._shell import emit
from vidtune.core.errors import SupervisionInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample, Turn
from vidtune.models import families
from vidtune.training import train
from vidtune.training._examples import Example
from vidtune.training._supervision import (
    Vocabulary,
    audit_supervision,
    find_supervision_problems,
    render_example,
)

FAMILY = families.get("qwen2_vl")


@pytest.fixture(scope="module")
def processor():
    return make_processor()


@pytest.fixture(scope="module")
def vocabulary(processor):
    return Vocabulary.of(processor, FAMILY.end_of_turn_ids(processor))


@pytest.fixture
def example(processor):
    import numpy as np

    from vidtune.media import frameset_from_array

    turns = (
        Turn("user", "Which exercise is this?"),
        Turn("assistant", "squats - the knees move inwards"),
        Turn("user", "What should be corrected?"),
        Turn("assistant", "push them outwards over the toes"),
    )
    sample = Sample(sample_id="s1", video="a.mp4", turns=turns, split=None, subject=None, label=None, meta={})
    frames = frameset_from_array(np.full((4, 56, 56, 3), 90, np.uint8), fps=4.0)
    batch = FAMILY.encode_training(processor, [(turns, frames)])
    return Example(sample, batch["input_ids"][0], batch["labels"][0], "0" * 64)


def relabel(example, labels):
    return Example(example.sample, example.input_ids, labels, example.source_sha256)


def test_labels_on_every_answer_and_its_end_pass(example, vocabulary):
    assert find_supervision_problems(example, vocabulary) == []

    audit = audit_supervision([example], vocabulary)

    assert audit.num_media == 8
    assert audit.num_supervised == int((example.labels != -100).sum())
    assert "«squats - the knees move inwards<|im_end|>»" in audit.text
    assert "«push them outwards over the toes<|im_end|>»" in audit.text
    assert "[8 media tokens]" in audit.text


def test_no_supervised_token_is_refused(example, vocabulary):
    blank = relabel(example, torch.full_like(example.labels, -100))

    with pytest.raises(SupervisionInvalid, match="s1: no token is supervised"):
        audit_supervision([example, blank], vocabulary)


def test_loss_on_media_is_refused(example, vocabulary):
    labels = example.labels.clone()
    is_video = example.input_ids == next(iter(vocabulary.media_ids & set(example.input_ids.tolist())))
    labels[is_video] = example.input_ids[is_video]

    assert "8 media tokens are supervised" in find_supervision_problems(relabel(example, labels), vocabulary)[0]


def test_loss_on_the_prompt_is_refused(example, vocabulary):
    labels = example.labels.clone()
    first = int((labels != -100).nonzero()[0])
    labels[first - 3 : first] = example.input_ids[first - 3 : first]

    [problem] = find_supervision_problems(relabel(example, labels), vocabulary)

    assert "answer 1 would be learned as" in problem
    assert problem.endswith("expected 'squats - the knees move inwards'.")


def test_loss_on_a_question_is_refused(example, vocabulary):
    labels = torch.where(example.input_ids == next(iter(vocabulary.media_ids)), -100, example.input_ids)
    labels[:10] = -100

    assert find_supervision_problems(relabel(example, labels), vocabulary)


def test_a_cut_answer_is_refused(example, vocabulary):
    cut = Example(example.sample, example.input_ids[:-6], example.labels[:-6], example.source_sha256)

    assert "answer 2 is cut" in find_supervision_problems(cut, vocabulary)[0]


def test_an_answer_that_never_ends_is_refused(example, vocabulary):
    labels = example.labels.clone()
    labels[int((labels != -100).nonzero()[-1])] = -100

    assert "does not end its turn" in find_supervision_problems(relabel(example, labels), vocabulary)[0]


def test_shifted_labels_are_refused(example, vocabulary):
    labels = torch.roll(example.labels, -1)

    assert "labels must not be shifted" in find_supervision_problems(relabel(example, labels), vocabulary)[0]


def test_an_unsupervised_first_answer_is_refused(example, vocabulary):
    labels = example.labels.clone()
    supervised = (labels != -100).nonzero().flatten().tolist()
    first_run = [index for position, index in enumerate(supervised) if index - position == supervised[0]]
    labels[first_run] = -100

    assert (
        "1 stretches are supervised, expected one for each of 2 answers"
        in (find_supervision_problems(relabel(example, labels), vocabulary)[0])
    )


def test_colours_mark_what_is_learned(example, vocabulary):
    text = render_example(example, vocabulary, colour=True)

    assert "\x1b[32m«squats - the knees move inwards<|im_end|>»\x1b[0m" in text
    assert "\x1b[34m[8 media tokens]\x1b[0m" in text


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_cut_among_the_tokens_of_a_clip_is_refused(example, vocabulary, side):
    media = [index for index, token in enumerate(example.input_ids.tolist()) if token in vocabulary.media_ids]
    middle = media[len(media) // 2]
    part = slice(None, middle + 1) if side == "right" else slice(middle, None)
    ids, labels = example.input_ids[part], example.labels[part].clone()
    labels[0] = ids[0]  # something is supervised: that alone is no excuse

    problems = find_supervision_problems(Example(example.sample, ids, labels, example.source_sha256), vocabulary)

    assert any("among the tokens of its clip" in problem for problem in problems)


def test_what_would_be_learned_is_coloured_on_a_terminal_and_nowhere_else(recipe, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    summary = train(recipe(), RunDirectory(tmp_path / "run"), dry_run=True)
    text = summary.supervision[:1500]  # as much as a terminal takes before it is read
    terminal, inside = pty.openpty()
    with open(inside, "w") as screen, redirect_stdout(screen):
        emit(summary.to_record(), False, text)
    shown = os.read(terminal, 65536).decode()
    with (tmp_path / "out.txt").open("w+") as file:
        with redirect_stdout(file):
            emit(summary.to_record(), False, text)
            emit(summary.to_record(), True, text)
        file.seek(0)
        to_file = file.read()

    assert "\x1b[32m«squats - the knees" in shown
    assert "«squats - the knees" in to_file
    assert "\x1b" not in to_file
    assert "\\u001b" not in to_file
