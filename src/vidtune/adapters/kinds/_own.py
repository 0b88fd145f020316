"""What the kinds that we implement ourselves share: a plan that can be saved, modules put into the model, tensors.

Such a kind adds modules beside the model's own and never renames or replaces those, so every name of the base stays
what it was. What is saved is the plan, from which the same modules are made again, and their tensors. PEFT does not
know these adapters.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._kind import Modality
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import BadUsage, DataInvalid, ModelMismatch

PLAN_FILE = "adapter_plan.json"
WEIGHTS_FILE = "adapter_model.safetensors"

Install = Callable[[Any, dict[str, Any]], None]
"""Puts the modules of a plan into a model. Every parameter that it adds must be new and trainable."""


def check_language(config: AdapterConfig) -> None:
    """Check that a kind that is for the language tower is asked for nothing else.

    Raises:
        BadUsage: If it is.
    """
    if tuple(config.modalities) != ("language",):
        raise BadUsage(
            f"{config.kind} tunes the language tower, where text and video meet, not {', '.join(config.modalities)}.",
            "Leave modalities out.",
        )


def attach(model: Any, plan: dict[str, Any], install: Install) -> Any:
    """Return ``model`` with the modules of ``plan`` in it; they are trained, the rest is not."""
    model.requires_grad_(False)
    install(model, plan)
    model.vidtune_plan = plan
    return model


def save(model: Any, folder: Path) -> None:
    """Write the plan and the tensors of the modules that it put in."""
    from safetensors.torch import save_file

    write_json(folder / PLAN_FILE, model.vidtune_plan)
    save_file(
        {name: parameter.detach().contiguous() for name, parameter in _added(model).items()},
        folder / WEIGHTS_FILE,
        metadata={"format": "pt"},
    )


def load(model: Any, folder: Path, install: Install, *, trainable: bool) -> Any:
    """Return ``model`` with what ``save`` wrote: every tensor of it used and none left random.

    Raises:
        ModelMismatch: If a file is missing or damaged, or does not fit this base.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        plan, tensors = read_json(folder / PLAN_FILE), load_file(folder / WEIGHTS_FILE)
        attach(model, plan, install)
    except (DataInvalid, OSError, KeyError, TypeError, AttributeError, json.JSONDecodeError, SafetensorError) as exc:
        raise ModelMismatch(
            f"the adapter in {folder} does not fit {type(model).__name__}: {' '.join(str(exc).split())[:300]}.",
            "Load it on the base it was trained on, or use another checkpoint.",
        ) from exc
    parameters = _added(model)
    wanted = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    saved = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if saved != wanted:
        wrong = sorted({name for name, _ in set(saved.items()) ^ set(wanted.items())})
        raise ModelMismatch(
            f"the adapter in {folder} has {len(saved)} tensors, this base takes {len(wanted)}; they differ in "
            f"{', '.join(wrong[:4])}.",
            "Load it on the base it was trained on.",
        )
    for name, parameter in parameters.items():
        parameter.data = tensors[name].to(parameter.device)
        parameter.requires_grad_(trainable)
    return model


class OwnKind(ABC):
    """What these kinds do alike. A kind adds ``uses``, ``options_class``, ``attach`` and the two below."""

    default_modalities: tuple[Modality, ...] = ("language",)

    no_merge: str
    """Why it cannot be worked into the weights."""

    @abstractmethod
    def install(self, model: Any, plan: dict[str, Any]) -> None:
        """See ``Install``."""

    def quantization_config(self, config: AdapterConfig, device: str) -> None:
        return None

    def save(self, model: Any, folder: Path) -> None:
        save(model, folder)

    def load(self, model: Any, folder: Path, *, trainable: bool) -> Any:
        return load(model, folder, self.install, trainable=trainable)

    def merge(self, model: Any) -> Any:
        raise BadUsage(self.no_merge, "Serve base and adapter.")


def put_in(parent: Any, name: str, module: Any) -> None:
    """Put ``module`` under ``parent`` on the device of its weights, in float32 as everything that is trained.

    Raises:
        KeyError: If the name is taken, as on a model that has such an adapter already.
    """
    if hasattr(parent, name):
        raise KeyError(f"{type(parent).__name__} has a part named {name} already")
    device = next(parent.parameters()).device
    parent.add_module(name, module.to(device=device))


def _added(model: Any) -> dict[str, Any]:
    """Return the parameters that the plan put in: those of the modules marked as ours."""
    return {
        f"{path}.{name}": parameter
        for path, module in model.named_modules()
        if getattr(module, "is_vidtune_adapter", False)
        for name, parameter in module.named_parameters()
    }
