"""What an adapter would do to a model, told from the names and shapes of its layers alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._kind import adapter_kinds
from vidtune.core.errors import BadUsage


def choose_targets(model: Any, config: AdapterConfig, targets: Mapping[str, str]) -> dict[str, str]:
    """Return the pattern of the layers of each tower, narrowed to those that the config names.

    Args:
        model: Or its outline on the meta device.
        config: Of the adapter.
        targets: For every modality, ``family.linear_targets(modality)``.

    Raises:
        BadUsage: If the config names a tower, or layers of one, that the model does not have.
    """
    missing = sorted({*config.modalities, *config.modules_to_train} - {*targets, "embeddings"})
    if missing:
        raise BadUsage(
            f"the model has no {' or '.join(missing)} tower; it has {', '.join(targets)}.", "Change modalities."
        )
    chosen = dict(targets)
    for modality, settings in config.per_modality.items():
        if settings.targets is None:
            continue
        # Both must hold of the whole name: that it is of this tower, and that it ends as asked for.
        chosen[modality] = rf"(?=(?:{targets[modality]})$)(?:.*\.)?(?:{settings.targets})"
        names = [name for name, _ in model.named_modules() if re.fullmatch(targets[modality], name)]
        if not any(re.fullmatch(chosen[modality], name) for name in names):
            known = sorted({name.rpartition(".")[2] for name in names})
            raise BadUsage(
                f"per_modality.{modality}.targets={settings.targets!r} is the end of no linear layer of the {modality} "
                f"tower; they end with {', '.join(known) or 'nothing, there is none'}.",
                "Name some of these, or leave targets out.",
            )
    return chosen


def estimate_trained(
    model: Any, config: AdapterConfig, targets: Mapping[str, str], modality_of: Callable[[str], str]
) -> int:
    """Return about how many numbers would be trained; exact for ``lora`` and ``full``.

    Args:
        model: Or its outline on the meta device.
        config: Of the adapter.
        targets: As ``choose_targets`` returns them.
        modality_of: ``family.modality_of``.
    """
    trained: set[str] = set(config.modules_to_train)
    if config.kind == "full":
        trained |= set(config.modalities)
    num: int = sum(p.numel() for name, p in model.named_parameters() if modality_of(name) in trained)
    if "embeddings" in trained:
        heads = {id(layer.weight): layer.weight for layer in (model.get_input_embeddings(), _head(model)) if layer}
        num += sum(weight.numel() for weight in heads.values())
    if "rank" in adapter_kinds.get(config.kind).uses:
        for modality in config.modalities:
            settings = config.per_modality.get(modality)
            rank = (settings.rank if settings is not None else None) or config.rank
            layers = (layer for name, layer in model.named_modules() if re.fullmatch(targets[modality], name))
            num += rank * sum(sum(layer.weight.shape[:2]) for layer in layers)
    return num


def _head(model: Any) -> Any:
    # A tied head is the embedding again; its weight is only joined when weights are loaded.
    is_tied = getattr(model.config.get_text_config(), "tie_word_embeddings", False) or getattr(
        model.config, "tie_word_embeddings", False
    )
    return None if is_tied else model.get_output_embeddings()
