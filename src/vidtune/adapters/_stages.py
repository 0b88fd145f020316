"""What a model computes on its way from pixels to logits, stage by stage, seen through hooks.

A stage is a layer of a tower, or a part of one that has no layers (a patch embedding, a projector). Stages are found
from the model itself: the children of its lists of layers, and the largest parts that belong to one modality. Their
names leave an adapter's wrappers out, so the stages of a tuned model and of its merged export carry the same names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidtune.adapters._bare import bare_model

if TYPE_CHECKING:
    import torch

_WRAPPER = re.compile(r"\.(?:modules_to_save\.[^.]+|original_module|base_layer)(?=\.|$)")
_ORIGINAL = ".original_module"


@dataclass(frozen=True)
class Stage:
    """One place on the way through a model."""

    name: str
    """For people: ``vision layer 2 of 5``, ``projector merger``."""

    modality: str
    path: str
    """Its module, from the root of the plain model."""


def find_stages(model: Any, modality_of: Callable[[str], str]) -> list[Stage]:
    """Return the stages of ``model`` in the order of its modules.

    Args:
        model: A transformers model, with or without an adapter.
        modality_of: ``family.modality_of``.
    """
    import torch

    root = bare_model(model)
    head = root.get_output_embeddings()
    found: list[Stage] = []

    def visit(path: str, module: Any) -> None:
        names = [name for name, _ in module.named_parameters(prefix=path)]
        if not names or module is head or path.endswith(_ORIGINAL):
            return
        modality = _shared_modality(names, modality_of)
        if isinstance(module, torch.nn.ModuleList):
            for index, child in enumerate(module):
                found.append(_layer(f"{path}.{index}", index, len(module), child, modality_of))
        elif modality is not None and not _has_layers(module):
            found.append(Stage(_part_name(path, modality), modality, plain_path(path)))
        else:
            for name, child in module.named_children():
                visit(f"{path}.{name}" if path else name, child)

    visit("", root)
    return found


@contextmanager
def recording(model: Any, stages: Sequence[Stage]) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Yield a dictionary that fills with the outputs of each stage, by its path, while ``model`` runs.

    A stage that runs several times has several outputs, in order. They are copies: a model may go on in place.
    """
    outputs: dict[str, list[torch.Tensor]] = {stage.path: [] for stage in stages}
    modules = {plain_path(path): module for path, module in bare_model(model).named_modules() if _ORIGINAL not in path}
    handles = []

    def listen(path: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            tensor = _first_tensor(output)
            if tensor is not None:
                outputs[path].append(tensor.detach().to("cpu", copy=True))

        return hook

    try:
        for stage in stages:
            handles.append(modules[stage.path].register_forward_hook(listen(stage.path)))
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def plain_path(path: str) -> str:
    """Return the name that a module or parameter has in the plain model.

    Example:
        >>> plain_path("model.visual.merger.modules_to_save.default.mlp.0")
        'model.visual.merger.mlp.0'
        >>> plain_path("model.layers.0.q_proj.base_layer.weight")
        'model.layers.0.q_proj.weight'
    """
    return _WRAPPER.sub("", path)


def _layer(path: str, index: int, total: int, module: Any, modality_of: Callable[[str], str]) -> Stage:
    names = [name for name, _ in module.named_parameters(prefix=path)]
    modality = _shared_modality(names[:1], modality_of) or "other"
    return Stage(f"{modality} layer {index + 1} of {total}", modality, plain_path(path))


def _part_name(path: str, modality: str) -> str:
    last = plain_path(path).rpartition(".")[2]
    return modality if last == modality else f"{modality} {last}"


def _shared_modality(names: Sequence[str], modality_of: Callable[[str], str]) -> str | None:
    """Return the tower that all of these parameters belong to; None if there are several, or none at all."""
    found = set()
    for name in names:
        try:
            found.add(modality_of(plain_path(name)))
        except ValueError:
            found.add("other")
    return found.pop() if len(found) == 1 else None


def _has_layers(module: Any) -> bool:
    import torch

    return any(isinstance(part, torch.nn.ModuleList) for part in module.modules())


def _first_tensor(output: Any) -> torch.Tensor | None:
    import torch

    if isinstance(output, torch.Tensor):
        return output
    values = output.values() if hasattr(output, "values") else output
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        return None
    return next((value for value in values if isinstance(value, torch.Tensor)), None)
