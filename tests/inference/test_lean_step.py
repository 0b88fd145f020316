"""When one new token is computed from the parts of a model's layers, and when the model is called.

That logits and cache are the model's own is a test of every family (``tests/models/families/contract.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.inference.test_generate import decode, generate_one
from tests.models.prompts import ask, make_frames

from vidtune.adapters import AdapterConfig, adapter_kinds, attach_adapter, bare_model
from vidtune.inference import Request
from vidtune.inference._lean_step import LeanStep, has_plain_layers
from vidtune.models import LoadedModel, load_model


@pytest.fixture
def loaded(tiny_folder: Path) -> LoadedModel:
    """One of its own: what is tried here is remembered of a model."""
    return load_model(str(tiny_folder), device="cpu", dtype="float32")


@pytest.fixture
def requests() -> list[Request]:
    return [Request(ask("Why? " * number), make_frames(4, seed=number), str(number)) for number in (1, 2, 5)]


@contextmanager
def counted(model: Any) -> Iterator[list[int]]:
    """Count the positions that the layers of a model are called with."""
    layer = bare_model(model).get_decoder().layers[0]
    plain, lengths = type(layer).forward, []

    def forward(self: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if self is layer:
            lengths.append(hidden_states.shape[1])
        return plain(self, hidden_states, *args, **kwargs)

    type(layer).forward = forward
    try:
        yield lengths
    finally:
        type(layer).forward = plain


def test_the_model_is_called_for_prompts_and_once_to_compare(loaded: LoadedModel, requests: list[Request]) -> None:
    expected = [generate_one(loaded, request, [10**6])[0] for request in requests]

    with counted(loaded.model) as lengths:
        first = decode(loaded, requests, [10**6])
        num_first = lengths.count(1)
        second = decode(loaded, requests, [10**6])

    assert [row.token_ids for row in first] == [row.token_ids for row in second] == expected
    assert (num_first, lengths.count(1)) == (1, 1)
    assert LeanStep(loaded.model).agrees is True


def test_layers_that_do_something_else_with_the_same_parts_are_found_out(
    loaded: LoadedModel, requests: list[Request]
) -> None:
    """A model of the future that scales what it adds, say."""
    layer_class = type(loaded.model.get_decoder().layers[0])
    plain = layer_class.forward

    def forward(self: Any, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        found: torch.Tensor = plain(self, hidden_states, *args, **kwargs)
        return hidden_states + 1.01 * (found - hidden_states)

    layer_class.forward = forward
    try:
        expected = [generate_one(loaded, request, [10**6])[0] for request in requests]
        rows = decode(loaded, requests, [10**6])
    finally:
        layer_class.forward = plain

    assert [row.token_ids for row in rows] == expected
    assert LeanStep(loaded.model).agrees is False


def follow(module: Any) -> Any:
    return module.register_forward_hook(lambda *_: None)


PLACES: dict[str, Callable[[Any], Any]] = {
    "the model": lambda model: model,
    "the decoder": lambda model: model.get_decoder(),
    "a layer": lambda model: model.get_decoder().layers[1],
    "an attention": lambda model: model.get_decoder().layers[1].self_attn,
    "a norm": lambda model: model.get_decoder().layers[0].input_layernorm,
    "the last norm": lambda model: model.get_decoder().norm,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_model_that_somebody_listens_to_is_called(place: str, loaded: LoadedModel) -> None:
    hook = follow(PLACES[place](loaded.model))

    assert not has_plain_layers(loaded.model)
    hook.remove()
    assert has_plain_layers(loaded.model)


def test_attention_that_was_asked_for_is_kept(tiny_folder: Path) -> None:
    eager = load_model(str(tiny_folder), device="cpu", dtype="float32", attn_implementation="eager")

    assert not has_plain_layers(eager.model)


def test_projections_and_mlps_are_called_whoever_listens(loaded: LoadedModel, requests: list[Request]) -> None:
    layer = loaded.model.get_decoder().layers[0]
    for module in (layer.mlp, layer.self_attn.q_proj):
        module.register_forward_hook(lambda module, args, output: 0.5 * output)
    expected = [generate_one(loaded, request, [10**6])[0] for request in requests]

    assert has_plain_layers(loaded.model)
    assert [row.token_ids for row in decode(loaded, requests, [10**6])] == expected
    assert LeanStep(loaded.model).agrees is True


def adapt(loaded: LoadedModel, kind: str) -> LoadedModel:
    uses = adapter_kinds.get(kind).uses
    settings: dict[str, Any] = {"rank": 4, "alpha": 8, "dropout": 0.0}
    config = AdapterConfig(
        kind=kind, modalities=("language",), **{name: value for name, value in settings.items() if name in uses}
    )
    targets = {"language": loaded.family.linear_targets("language")}
    return replace(loaded, model=attach_adapter(loaded.model, config, targets, modality_of=loaded.family.modality_of))


@pytest.mark.parametrize("kind", ["lora", "ia3"])
def test_adapters_in_projections_go_along(kind: str, loaded: LoadedModel, requests: list[Request]) -> None:
    adapted = adapt(loaded, kind)
    torch.manual_seed(0)
    for parameter in adapted.model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)  # a new adapter changes nothing, which would prove nothing
    expected = [generate_one(adapted, request, [10**6])[0] for request in requests]

    assert has_plain_layers(adapted.model)
    assert [row.token_ids for row in decode(adapted, requests, [10**6])] == expected
    assert LeanStep(adapted.model).agrees is True


@pytest.mark.parametrize("kind", ["bottleneck", "modality_lora", "temporal_lora", "prefix", "prompt"])
def test_a_model_with_an_adapter_around_its_layers_is_called(kind: str, loaded: LoadedModel) -> None:
    assert not has_plain_layers(adapt(loaded, kind).model)
