import numpy as np
import pytest
import torch
from tests.models.tiny import make_model, make_processor

from vidtune.adapters import AdapterConfig, attach_adapter
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models import families
from vidtune.models._batch import join_rows
from vidtune.training._frozen_output import frozen_losses, takes_gradient_ahead
from vidtune.training._loss import count_supervised, focal_loss, full_loss_sum, supervised_loss_sum

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


@pytest.mark.parametrize("chunk_tokens", [1024, 5])
def test_logits_on_supervised_positions_give_the_loss_and_the_gradients_of_all_logits(
    processor, rows, chunk_tokens, monkeypatch
):
    monkeypatch.setattr("vidtune.training._loss.CHUNK_TOKENS", chunk_tokens)
    batch = join_rows(rows, pad_token_id=0, left=False)
    model = adapted(processor)
    assert count_supervised(batch) > 3 * 5
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


def test_logits_never_exist_for_more_than_a_chunk(processor, rows, monkeypatch):
    monkeypatch.setattr("vidtune.training._loss.CHUNK_TOKENS", 5)
    model, seen = adapted(processor), []
    model.get_output_embeddings().register_forward_hook(lambda _, __, logits: seen.append(len(logits)))

    supervised_loss_sum(model, join_rows(rows, pad_token_id=0, left=False)).backward()

    assert max(seen) == 5
    assert len(seen) >= 2 * 4, "each chunk once forward and once backward"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_gradient_taken_on_the_way_forward_is_that_of_autograd(dtype):
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 300, bias=False, dtype=dtype).requires_grad_(False)
    targets, weights = torch.randint(300, (40,)), torch.rand(40)
    ours, reference = (torch.randn(40, 16, dtype=dtype, generator=torch.manual_seed(1)).requires_grad_() for _ in "12")
    assert takes_gradient_ahead(layer, ours)
    ahead_s = frozen_losses(layer, ours, targets, chunk=17)
    plain_s = torch.nn.functional.cross_entropy(layer(reference).float(), targets, reduction="none")
    for losses_s in (ahead_s, plain_s):
        (focal_loss(losses_s, 2.0) * weights).sum().backward()

    torch.testing.assert_close(ahead_s, plain_s, atol=1e-6, rtol=1e-6)
    precise = {"atol": 1e-6, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 2e-2, "rtol": 2e-2}
    torch.testing.assert_close(ours.grad, reference.grad, **precise)


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: layer.requires_grad_(),
        lambda layer: layer.half(),
        lambda layer: layer.register_forward_hook(lambda *_: None),
        lambda layer: setattr(layer, "weight", torch.nn.Parameter(torch.empty(0), requires_grad=False)),
        lambda layer: setattr(layer, "__class__", type("OfAnotherMake", (torch.nn.Linear,), {})),
    ],
    ids=["trained", "float16", "something attached", "divided over processes", "another make"],
)
def test_an_output_layer_that_is_not_frozen_and_plain_is_left_to_autograd(change):
    layer = torch.nn.Linear(8, 20, bias=False).requires_grad_(False)
    assert takes_gradient_ahead(layer, torch.zeros(3, 8, dtype=layer.weight.dtype))
    change(layer)
    assert not takes_gradient_ahead(layer, torch.zeros(3, 8, dtype=layer.weight.dtype))


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


@torch.no_grad()
def test_focal_loss_is_its_formula_on_the_probabilities_of_the_model(processor, rows):
    model = adapted(processor).eval()
    logits = model(**{name: value for name, value in rows[0].items() if name != "labels"}).logits[:, :-1]
    targets = rows[0]["labels"][:, 1:]
    probability = logits.softmax(-1).gather(-1, targets.clamp_min(0)[..., None])[..., 0][targets != -100]

    expected = ((1 - probability) ** 2 * -probability.log()).sum()

    assert float(supervised_loss_sum(model, rows[0], focal_gamma=2.0)) == pytest.approx(float(expected), rel=1e-4)


@torch.no_grad()
def test_sample_weights_scale_the_tokens_of_their_rows(processor, rows):
    batch = join_rows(rows, pad_token_id=0, left=False)
    model = adapted(processor).eval()
    each = [float(supervised_loss_sum(model, row)) for row in rows]

    weighted = supervised_loss_sum(model, {**batch, "sample_weights": torch.tensor([0.5, 2.0, 0.0])})

    assert float(weighted) == pytest.approx(0.5 * each[0] + 2.0 * each[1], rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_gradient_of_the_focal_loss_holds_against_differences_and_where_a_token_is_certain(gamma):
    loss = torch.tensor([0.0, 1e-9, 0.1, 3.0], dtype=torch.float64, requires_grad=True)
    focal_loss(loss, gamma).sum().backward()

    assert torch.isfinite(loss.grad).all()
    step = 1e-6
    with torch.no_grad():
        slope = (focal_loss(loss + step, gamma) - focal_loss(loss - step, gamma)) / (2 * step)
    torch.testing.assert_close(loss.grad[2:], slope[2:], rtol=1e-6, atol=1e-8)


def test_a_model_that_bends_its_logits_is_trained_on_what_it_hands_out():
    from tests.models.families import tiny_gemma3n

    processor = tiny_gemma3n.make_processor()
    model = tiny_gemma3n.make_model(processor)
    model.config.text_config.final_logit_softcapping = 0.5  # tiny logits would hardly be bent by the real 30
    turns = (Turn("user", "Which exercise is this?"), Turn("assistant", "squats - the hips sag"))
    batch = families.get("gemma3n").encode_training(processor, [(turns, None)])

    with torch.no_grad():
        assert float(supervised_loss_sum(model, batch)) == pytest.approx(float(full_loss_sum(model, batch)), rel=1e-5)
