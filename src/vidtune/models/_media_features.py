"""What the towers make of a clip's pixels, taken out of a forward pass so that it can be used again.

transformers' vision-language models accept it in place of the pixels, as ``mm_encoder_outputs``: by kind of medium, the
output of ``get_image_features`` or ``get_video_features``. A model of another make that takes the same argument and has
the same methods is served as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch

FEATURES = "mm_encoder_outputs"
"""The argument's name, in a batch as well."""

_PIXELS = {"image": "pixel_values", "video": "pixel_values_videos"}

_KEPT = ("pooler_output", "deepstack_features")
"""What a forward pass reads of such an output; hidden states of all layers are dropped."""


def takes_media_features(model: Any) -> bool:
    """Whether ``model`` (without an adapter's wrapper) can be given features in place of pixels."""
    return FEATURES in inspect.signature(model.base_model.forward).parameters


def encode_pixels(model: Any, inputs: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return the features of the pixels in ``inputs``, by kind of medium; empty where there are no pixels.

    Args:
        model: For which ``takes_media_features`` holds.
        inputs: Of one conversation or several.
    """
    features = {}
    for medium, (encode, arguments) in _encoders(model, inputs).items():
        with torch.no_grad():
            output = encode(**arguments, return_dict=True)
        features[medium] = SimpleNamespace(**{name: output[name] for name in _KEPT if output.get(name) is not None})
    return features


def replace_pixels(model: Any, inputs: Mapping[str, torch.Tensor], features: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``inputs`` with the features of their pixels in place of the pixels."""
    # What describes the pixels stays: positions are computed from it.
    gone = {name for name in pixel_inputs(model, inputs) if name.startswith("pixel_")}
    kept = {name: tensor for name, tensor in inputs.items() if name not in gone}
    return {**kept, FEATURES: features} if features else kept


def pixel_inputs(model: Any, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return those of ``inputs`` that the features of their pixels depend on."""
    used = [arguments.values() for _, arguments in _encoders(model, inputs).values()]
    tensors = {id(tensor) for values in used for tensor in values}
    return {name: tensor for name, tensor in inputs.items() if id(tensor) in tensors}


def _encoders(
    model: Any, inputs: Mapping[str, torch.Tensor]
) -> dict[str, tuple[Callable[..., Any], dict[str, torch.Tensor]]]:
    """Return, by medium that there is, the method that encodes it and its arguments."""
    found = {}
    base = model.base_model
    for medium, pixels in _PIXELS.items():
        if pixels not in inputs:
            continue
        # Some models have one method for both.
        encode = getattr(base, f"get_{medium}_features", None) or base.get_image_features
        parameters = inspect.signature(encode).parameters
        arguments = {name: inputs[name] for name in parameters if name in inputs}
        if pixels not in parameters:
            arguments[next(iter(parameters))] = inputs[pixels]
        found[medium] = (encode, arguments)
    return found


def join_features(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the features of several conversations as those of one batch."""
    joined = {}
    for medium in _PIXELS:
        outputs = [vars(row[medium]) for row in rows if medium in row]
        if outputs:
            parts = {name: _join(name, [output[name] for output in outputs]) for name in outputs[0]}
            joined[medium] = SimpleNamespace(**parts)
    return joined


def move_features(features: Mapping[str, Any], device: torch.device | str) -> dict[str, Any]:
    """Return the features on ``device``."""
    return {
        medium: SimpleNamespace(**{name: _move(value, device) for name, value in vars(output).items()})
        for medium, output in features.items()
    }


def count_bytes(features: Mapping[str, Any]) -> int:
    """Return what the features take in memory."""
    return sum(
        tensor.nbytes for output in features.values() for value in vars(output).values() for tensor in _flatten(value)
    )


def features_to_tensors(features: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the features under flat names, as a safetensors file holds them."""
    return {
        f"{medium}.{name}.{kind}.{place}": tensor
        for medium, output in features.items()
        for name, value in vars(output).items()
        for kind, parts in [("tensor", [value]) if isinstance(value, torch.Tensor) else (type(value).__name__, value)]
        for place, tensor in enumerate(parts)
    }


def features_from_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return what ``features_to_tensors`` was given."""
    parts: dict[str, dict[tuple[str, str], list[tuple[int, torch.Tensor]]]] = {}
    for flat, tensor in tensors.items():
        medium, name, kind, place = flat.split(".")
        parts.setdefault(medium, {}).setdefault((name, kind), []).append((int(place), tensor))
    makers: dict[str, Callable[[list[torch.Tensor]], Any]] = {
        "tensor": lambda one: one[0],
        "list": list,
        "tuple": tuple,
    }
    return {
        medium: SimpleNamespace(
            **{
                name: makers[kind]([tensor for _, tensor in sorted(placed, key=lambda pair: pair[0])])
                for (name, kind), placed in values.items()
            }
        )
        for medium, values in parts.items()
    }


def _join(name: str, values: Sequence[Any]) -> Any:
    if name == "deepstack_features":  # one tensor a layer
        return [_join("", layers) for layers in zip(*values, strict=True)]
    if not isinstance(values[0], torch.Tensor):  # one tensor a medium
        return tuple(part for value in values for part in value)
    if values[0].ndim == 3:
        # Clips may differ in length; what follows reads their features one after the other.
        return torch.cat([value.flatten(0, 1) for value in values])[None]
    return torch.cat(list(values))


def _move(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    return type(value)(_move(part, device) for part in value)


def _flatten(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    else:
        for part in value:
            yield from _flatten(part)
