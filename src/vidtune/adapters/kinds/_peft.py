"""What the kinds that PEFT implements share: find whole towers, save, load strictly, merge."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._kind import Towers
from vidtune.core.errors import BadUsage, ModelMismatch

_SUBLAYER = re.compile(r"attn|attention|mlp|ffn|feed_forward")


def combine_targets(towers: Towers, modalities: Iterable[str]) -> str:
    """Return one pattern for the linear layers of several towers. PEFT matches it against whole names."""
    return "|".join(f"(?:{towers.linear_targets[modality]})" for modality in modalities)


def rank_patterns(towers: Towers, config: AdapterConfig) -> dict[str, Any]:
    """Return PEFT's ``rank_pattern`` and ``alpha_pattern`` for the towers that have a rank or alpha of their own."""
    own = config.per_modality.items()
    return {
        "rank_pattern": {towers.linear_targets[name]: size.rank for name, size in own if size.rank is not None},
        "alpha_pattern": {towers.linear_targets[name]: size.alpha for name, size in own if size.alpha is not None},
    }


def linear_names(model: Any, towers: Towers, modality: str) -> list[str]:
    """Return the names of the linear layers of one tower, in the order of the model.

    Raises:
        BadUsage: If the tower has none.
    """
    pattern = re.compile(towers.linear_targets[modality])
    names = [name for name, _ in model.named_modules() if pattern.fullmatch(name)]
    if not names:
        raise BadUsage(f"the {modality} tower of this model has no linear layers to tune.", "Change modalities.")
    return names


def sublayers(model: Any, towers: Towers, modality: str) -> dict[str, list[str]]:
    """Return, for every attention and every MLP of one tower, the names of its linear layers in order.

    Raises:
        BadUsage: If the tower has no such part, as a projector.
    """
    found: dict[str, list[str]] = {}
    for name in linear_names(model, towers, modality):
        parent = name.rpartition(".")[0]
        if _SUBLAYER.search(parent.rpartition(".")[2]) and type(model.get_submodule(parent)).__name__ != "Sequential":
            found.setdefault(parent, []).append(name)
    if not found:
        raise BadUsage(
            f"the {modality} tower of this model has no attention or MLP that could be found.", "Change modalities."
        )
    return found


def is_attention(name: str) -> bool:
    """Whether a module that ``sublayers`` named is an attention; it is an MLP otherwise."""
    return bool(re.search(r"att", name.rpartition(".")[2]))


def find_whole_modules(model: Any, towers: Towers, modalities: Iterable[str]) -> list[str]:
    """Return the names of the largest modules that lie entirely in the given towers, and those of ``embeddings``."""
    wanted = set(modalities) - {"embeddings"}
    embeddings = _embedding_names(model) if "embeddings" in modalities else []
    if not wanted:
        return embeddings
    modality_of = towers.modality_of
    if modality_of is None:
        raise BadUsage("modules_to_train needs modality_of.", "Pass family.modality_of to attach_adapter.")
    found: list[str] = []
    for name, module in model.named_modules():
        is_inside_found = any(name.startswith(f"{other}.") for other in found)
        # PEFT cannot wrap a list of layers, only the layers.
        if not name or is_inside_found or type(module).__name__ in ("ModuleList", "ModuleDict"):
            continue
        parameters = [parameter_name for parameter_name, _ in module.named_parameters()]
        if parameters and all(modality_of(f"{name}.{parameter}") in wanted for parameter in parameters):
            found.append(name)
    return [*found, *embeddings]


def has_tied_embeddings(model: Any) -> bool:
    """Whether the head and the token embedding are one matrix."""
    head = model.get_output_embeddings()
    return head is not None and head.weight is model.get_input_embeddings().weight


def _embedding_names(model: Any) -> list[str]:
    """Return the names of the token embedding and of a head of its own; PEFT ties a shared one by itself."""
    parts = [model.get_input_embeddings()]
    if not has_tied_embeddings(model):
        parts.append(model.get_output_embeddings())
    return [name for name, module in model.named_modules() if any(module is part for part in parts)]


def save(model: Any, folder: Path) -> None:
    """Write PEFT's own files, and nothing that asks a hub."""
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)


def load(model: Any, folder: Path, *, trainable: bool) -> Any:
    """Return ``model`` with the adapter in ``folder``, every tensor of it used and none left random.

    Raises:
        ModelMismatch: If a file is missing or damaged, or the tensors are not exactly those of this base.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelMismatch(
            f"the adapter in {folder} has no {weights.name}.",
            "Use another checkpoint; pickled adapters (.bin) are never loaded, because loading them runs code.",
        )
    try:
        with safe_open(weights, framework="pt") as file:
            saved = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        with warnings.catch_warnings():
            # PEFT only warns of missing keys; the comparison below makes them an error.
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            tuned = PeftModel.from_pretrained(
                model, folder, is_trainable=trainable, use_safetensors=True, local_files_only=True
            )
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise ModelMismatch(
            f"the adapter in {folder} does not fit {type(model).__name__}: {' '.join(str(exc).split())[:300]}.",
            "Load it on the base it was trained on.",
        ) from exc
    wanted = {
        name: tuple(tensor.shape)
        for name, tensor in get_peft_model_state_dict(tuned, save_embedding_layers=False).items()
    }
    if saved != wanted:
        wrong = sorted(set(saved.items()) ^ set(wanted.items()))
        raise ModelMismatch(
            f"the adapter in {folder} has {len(saved)} tensors, this base takes {len(wanted)}; they differ in "
            f"{', '.join(sorted({name for name, _ in wrong})[:4])}.",
            "Load it on the base it was trained on.",
        )
    return tuned


def load_plain(model: Any, folder: Path) -> Any:
    """Return ``model`` with an adapter on it as PEFT alone loads it: without vidtune's record and checks."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, folder, use_safetensors=True, local_files_only=True)


def merge(model: Any) -> Any:
    """Return the base with the adapter's product added to its weights."""
    return model.merge_and_unload(safe_merge=True)
