"""LoftQ (Li et al. 2023, arXiv 2310.08659): matrices that begin with what rounding the weights to 4 bit has lost.

The base stays as it was stored, so one step of the paper's alternation is taken: the best product of the given rank for
what is missing, by a singular value decomposition.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidtune.adapters._deltas import plain_weight
from vidtune.core.errors import BadUsage


def start_from_rounding(tuned: Any, source: str) -> None:
    """Set the matrices beside every 4-bit layer so that layer and product together are near the whole weight.

    Args:
        tuned: A PEFT model on a 4-bit base.
        source: The checkpoint folder that the base was loaded from.

    Raises:
        BadUsage: If the whole weights cannot be read there.
    """
    import torch

    read = _reader(Path(source))
    for name, module in tuned.get_base_model().named_modules():
        if type(module).__name__ != "Linear4bit" or not hasattr(module, "lora_A"):
            continue
        rounded: Any = plain_weight(module.get_base_layer())
        a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
        lost = (read(f"{name}.weight").float() - rounded) / module.scaling["default"]
        u, s, vh = torch.linalg.svd(lost, full_matrices=False)
        rank = min(a.shape[0], len(s))
        with torch.no_grad():
            a.zero_()
            b.zero_()
            a[:rank] = (s[:rank].sqrt()[:, None] * vh[:rank]).to(a)
            b[:, :rank] = (u[:, :rank] * s[:rank].sqrt()).to(b)


def _reader(folder: Path) -> Callable[[str], Any]:
    """Return a function that reads one tensor of a checkpoint folder by its name in the model."""
    from safetensors import safe_open

    where = {}
    for file in sorted(folder.glob("*.safetensors")) if folder.is_dir() else []:
        with safe_open(file, framework="pt") as tensors:
            where.update(dict.fromkeys(tensors.keys(), file))
    shortened = {name.removeprefix("model."): name for name in where}

    def read(name: str) -> Any:
        stored = name if name in where else shortened.get(name.removeprefix("model.").removeprefix("language_model."))
        if stored is None:
            raise BadUsage(
                f"init: loftq needs the whole weights of the base, but {folder} has no {name}.",
                "Give the base as a checkpoint folder of the library's own layout, or take another init.",
            )
        with safe_open(where[stored], framework="pt") as tensors:
            return tensors.get_tensor(stored)

    return read
