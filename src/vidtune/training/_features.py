"""What a frozen vision tower makes of a clip, computed once instead of in every epoch."""

from __future__ import annotations

from collections.abc import Iterable

from vidtune.core.errors import ConfigInvalid
from vidtune.models import FEATURES, LoadedModel, move_features, replace_pixels, takes_media_features
from vidtune.training._config import TrainConfig
from vidtune.training._examples import Row, row_bytes
from vidtune.training._precision import Precision, computing


def may_reuse_features(config: TrainConfig, loaded: LoadedModel) -> bool:
    """Whether a clip's features are computed once and kept: the pixels and all that they pass through stay as they are.

    Raises:
        ConfigInvalid: If the recipe demands it and it would be wrong.
    """
    reached = sorted({"vision", "projector"} & {*config.adapter.modalities, *config.adapter.modules_to_train})
    reasons = [f"the adapter trains the {' and the '.join(reached)}"] * bool(reached)
    if config.augmentation.is_active and config.augmentation.versions is None:
        reasons.append("augmentation changes the pixels in every epoch (augmentation.versions limits that)")
    reasons += [f"{loaded.family.name} cannot be given features"] * (not takes_media_features(loaded.model))
    if config.loop.reuse_features and reasons:
        raise ConfigInvalid(
            f"loop.reuse_features is true, but {', and '.join(reasons)}.",
            "Leave it out, or change what stands against.",
        )
    return config.loop.reuse_features is not False and not reasons


def features_fit(rows: Iterable[Row], num_samples: int, budget_bytes: int) -> bool:
    """Whether so many samples fit into memory, judged by the first row.

    It is all or none: a batch is given either pixels or features, and computing features again beside a training step
    would have two threads in one model.
    """
    first = next(iter(rows), None)
    return first is not None and row_bytes(first) * num_samples <= budget_bytes


def with_features(loaded: LoadedModel, inputs: Row, precision: Precision) -> Row:
    """Return the inputs of one conversation with features in place of pixels, on the CPU."""
    moved = {name: tensor.to(loaded.device) for name, tensor in inputs.items()}
    with computing(precision, loaded.device, moved["input_ids"].shape[1]):
        row = replace_pixels(loaded.model, moved)
    return {name: move_features(value, "cpu") if name == FEATURES else value.cpu() for name, value in row.items()}
