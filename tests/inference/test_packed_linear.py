"""Weights in order: the values of plain products, only meanwhile, and only where a layer is plain."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from tests.inference.test_generate import OutOfMemoryAt

from vidtune.adapters import AdapterConfig, attach_adapter
from vidtune.inference import GenerationConfig, Request, _packed_linear, generate
from vidtune.inference._packed_linear import Packing, packed_linears
from vidtune.models import LoadedModel


@pytest.fixture(autouse=True)
def _small_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packed_linear, "_SMALLEST", 1)


def make_layer(dtype: torch.dtype = torch.float32, *, bias: bool = True) -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(48, 80, bias=bias).to(dtype)


def linears_of(model: Any) -> list[torch.nn.Linear]:
    return [module for module in model.modules() if type(module) is torch.nn.Linear]


def are_packed(model: Any) -> set[bool]:
    return {"forward" in vars(layer) for layer in linears_of(model)}


INPUTS = {
    "one row": torch.randn(1, 48),
    "rows and tokens": torch.randn(3, 5, 48),
    "many rows": torch.randn(300, 48),
    "no row": torch.randn(0, 48),
    "every other number": torch.randn(7, 96)[:, ::2],
    "columns as rows": torch.randn(48, 7).t(),
    "the last token of each": torch.randn(4, 9, 48)[:, -1:],
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("inputs", INPUTS)
def test_a_product_is_the_plain_one(inputs: str, bias: bool) -> None:
    layer = make_layer(bias=bias)
    expected = layer(INPUTS[inputs]).detach()

    with torch.no_grad(), packed_linears(layer) as num_layers:
        found = layer(INPUTS[inputs])

    assert num_layers == 1
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_in_bfloat16_it_is_as_near_to_float64_as_the_plain_one_is() -> None:
    layer = make_layer(torch.bfloat16)
    inputs = torch.randn(64, 48, dtype=torch.bfloat16)
    exact = inputs.double() @ layer.weight.double().t() + layer.bias.double()

    with torch.no_grad():
        plain = layer(inputs)
        with packed_linears(layer):
            ordered = layer(inputs)

    assert (ordered - exact).abs().mean() < 1.1 * (plain - exact).abs().mean()


def test_afterwards_a_layer_is_as_before_also_after_an_error() -> None:
    layer = make_layer()
    before = dict(vars(layer))

    with pytest.raises(RuntimeError), packed_linears(layer):
        layer(torch.randn(3, 47))  # of no fitting size

    assert vars(layer) == before


def test_gradients_are_those_of_the_layers_own_weights() -> None:
    layer = make_layer()
    inputs = torch.randn(3, 48)
    layer(inputs).sum().backward()
    expected = layer.weight.grad
    layer.zero_grad()

    with packed_linears(layer):
        layer(inputs).sum().backward()

    assert torch.equal(layer.weight.grad, expected)


@pytest.mark.parametrize("surroundings", [nullcontext(), torch.autocast("cpu", torch.bfloat16)])
def test_inputs_of_another_format_are_treated_as_ever(surroundings: Any) -> None:
    layer = make_layer()
    inputs = torch.randn(3, 48)

    with torch.no_grad(), surroundings, packed_linears(layer):
        if isinstance(surroundings, nullcontext):
            with pytest.raises(RuntimeError, match="dtype"):
                layer(inputs.half())
        else:
            assert layer(inputs).dtype == torch.bfloat16


class Subclass(torch.nn.Linear):
    """As quantized layers are."""


def taken_over() -> torch.nn.Linear:
    """Return a layer whose forward is somebody's, as with accelerate's hooks."""
    layer = make_layer()
    layer.forward = lambda inputs: inputs  # type: ignore[method-assign]
    return layer


@pytest.mark.parametrize(
    "layer", [Subclass(48, 80), taken_over(), make_layer(torch.float16), make_layer(torch.float64)]
)
def test_other_layers_are_left_alone(layer: torch.nn.Linear) -> None:
    before = dict(vars(layer))

    with packed_linears(layer) as num_layers:
        assert num_layers == 0

    assert vars(layer) == before


def test_small_layers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_packed_linear, "_SMALLEST", 48 * 80)

    with packed_linears(torch.nn.Sequential(make_layer(), torch.nn.Linear(48, 79))) as num_layers:
        assert num_layers == 1


def test_where_memory_is_short_everything_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = make_layer()
    monkeypatch.setattr(_packed_linear, "_free_bytes", lambda: 4 * layer.weight.nbytes - 1)

    with packed_linears(layer) as num_layers:
        assert num_layers == 0


def test_this_machine_says_how_much_memory_it_has() -> None:
    assert 2**20 < _packed_linear._free_bytes() < 2**50


def test_an_adapter_stays_beside_its_layer(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    family = loaded.family
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    config = AdapterConfig(kind="lora", rank=4, alpha=8, modalities=("vision", "language"))
    model = attach_adapter(loaded.model, config, targets, modality_of=family.modality_of).eval()
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    inputs = family.encode_prompts(loaded.processor, [(one.turns, one.frames) for one in requests_mixed[:3]])
    is_text = inputs["attention_mask"].bool()

    with torch.no_grad():
        expected = model(**inputs, use_cache=False).logits[is_text]
        with packed_linears(model) as num_layers:
            found = model(**inputs, use_cache=False).logits[is_text]

    assert num_layers == len(linears_of(model)) > 20
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


class Watch:
    """The real forward, with a note of whether layers had their weights in order."""

    def __init__(self, model: Any) -> None:
        self._model, self._forward = model, model.forward
        self.seen: list[set[bool]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(are_packed(self._model))
        return self._forward(*args, **kwargs)


@pytest.mark.parametrize(("num_requests", "is_worth_it"), [(7, False), (8, True), (9, True)])
def test_answers_to_many_are_written_so_and_the_model_is_given_back(
    loaded: LoadedModel, requests_mixed: list[Request], num_requests: int, is_worth_it: bool
) -> None:
    config = GenerationConfig(max_new_tokens=4)
    expected = [generate(loaded, [request], config)[0].token_ids for request in requests_mixed[:num_requests]]
    loaded.model.forward = watch = Watch(loaded.model)

    answers = generate(loaded, requests_mixed[:num_requests], config, batch_size=3)

    assert [answer.token_ids for answer in answers] == expected
    assert watch.seen
    assert all(seen == {is_worth_it} for seen in watch.seen)
    assert are_packed(loaded.model) == {False}


def test_the_copy_is_the_first_thing_to_go_when_memory_ends(loaded: LoadedModel, requests_mixed: list[Request]) -> None:
    config = GenerationConfig(max_new_tokens=4)
    expected = [generate(loaded, [request], config)[0].token_ids for request in requests_mixed]
    loaded.model.forward = watch = Watch(loaded.model)
    loaded.model.forward = OutOfMemoryAt(loaded.model, 4)

    answers = generate(loaded, requests_mixed, config)

    assert [answer.token_ids for answer in answers] == expected
    assert watch.seen[:3] == [{True}] * 3
    assert all(seen == {False} for seen in watch.seen[3:])
    assert len(watch.seen) > 3


def test_what_was_dropped_is_not_made_again() -> None:
    layer = make_layer()
    packing = Packing(layer)

    packing.begin(7)
    too_few = are_packed(layer)
    packing.begin(8)
    enough = are_packed(layer)
    packing.drop()
    packing.begin(100)

    assert (too_few, enough, are_packed(layer)) == ({False}, {True}, {False})
