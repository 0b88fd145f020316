import numpy as np
import pytest
import torch
from tests.models.tiny import make_model, make_processor

from vidtune.adapters import AdapterConfig, attach_adapter
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models import families
from vidtune.models._batch import join_rows
from vidtune.training._loss import count_supervised, full_loss_sum, supervised_loss_sum

FAMILY = families.get("qwen2_vl")


@pytest.fixture(scope="module")
def processor():
    return make_processor()


@pytest.fixture(scope="module")
def rows(processor):
    rng = np.random.default_rng(0)
    answers = ("squats", "pushups - the hips sag, keep the back straight", "the knees move inwards")
    return [
        FAMILY.encode_training(
            processor,
            [
                (
                    (Turn("user", "Which exercise is this?"), Turn("assistant", answer)),
                    frameset_from_array(rng.integers(0, 256, (4, 56, 56, 3), dtype=np.uint8), fps=4.0),
                )
            ],
        )
        for answer in answers
    ]


def adapted(processor):
    model = make_model(processor)
    torch.manual_seed(0)
    targets = {modality: FAMILY.linear_targets(modality) for modality in ("vision", "projector", "language")}
    config = AdapterConfig(rank=4, alpha=8, dropout=0.0, modalities=("vision", "language"))
    model = attach_adapter(model, config, targets, modality_of=FAMILY.modality_of)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model


def test_logits_on_supervised_positions_give_the_loss_and_the_gradients_of_all_logits(processor, rows):
    batch = join_rows(rows, pad_token_id=0, left=False)
    model = adapted(processor)
    ours = supervised_loss_sum(model, batch) / count_supervised(batch)
    ours.backward()
    gradients = {
        name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    model.zero_grad()
    reference = full_loss_sum(model, batch) / count_supervised(batch)
    reference.backward()

    assert ours.item() == pytest.approx(reference.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-6, rtol=1e-4)


def test_the_loss_is_that_of_transformers(processor, rows):
    batch = join_rows(rows, pad_token_id=0, left=False)
    model = make_model(processor)
    theirs = model(**batch).loss
    ours = supervised_loss_sum(model, batch) / count_supervised(batch)

    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_padding_changes_no_loss(processor, rows):
    model = make_model(processor)
    together = supervised_loss_sum(model, join_rows(rows, pad_token_id=0, left=False)).item()
    alone = sum(supervised_loss_sum(model, row).item() for row in rows)

    assert together == pytest.approx(alone, abs=1e-3)


def test_collated_rows_equal_the_family_s_own_batch(processor):
    rng = np.random.default_rng(1)
    items = [
        (
            (Turn("user", "What?"), Turn("assistant", text)),
            frameset_from_array(rng.integers(0, 256, (4, size, size, 3), dtype=np.uint8), fps=4.0),
        )
        for text, size in (("squats", 56), ("the knees move inwards over the toes", 84))
    ]
    whole = FAMILY.encode_training(processor, items)
    joined = FAMILY.join_training(processor, [FAMILY.encode_training(processor, [item]) for item in items])

    assert whole.keys() == joined.keys()
    for name in whole:
        assert torch.equal(whole[name], joined[name]), name
