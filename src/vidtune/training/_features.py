"""What a frozen vision tower makes of a clip, computed once instead of in every epoch, and kept where there is room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch

from vidtune.core.errors import ConfigInvalid
from vidtune.models import (
    FEATURES,
    LoadedModel,
    encode_pixels,
    move_features,
    pixel_inputs,
    replace_pixels,
    takes_media_features,
)
from vidtune.training._config import TrainConfig
from vidtune.training._examples import Row, row_bytes
from vidtune.training._feature_cache import FeatureCache, FeatureKeys
from vidtune.training._precision import Precision, computing


@dataclass(frozen=True)
class StoredFeatures:
    """Stands in a row for features that lie on disk."""

    key: str


class CachedFeatures(dict[str, Any]):
    """Features of which a cache knows, under ``key``."""

    def __init__(self, features: Mapping[str, Any], key: str) -> None:
        super().__init__(features)
        self.key = key


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
    demanded = [
        *["loop.reuse_features"] * bool(config.loop.reuse_features),
        *["limits.feature_cache.enabled"] * config.limits.feature_cache.enabled,
    ]
    if demanded and reasons:
        raise ConfigInvalid(
            f"{' and '.join(demanded)} is true, but {', and '.join(reasons)}.",
            "Leave it out, or change what stands against.",
        )
    return config.loop.reuse_features is not False and not reasons


class FeatureSource:
    """Gives rows features in place of pixels: those on disk, or else new ones of the model.

    Args:
        loaded: The model before an adapter is attached.
        precision: What it computes in.
        cache: Where features of all runs lie; None to keep none on disk.
    """

    def __init__(self, loaded: LoadedModel, precision: Precision, cache: FeatureCache | None) -> None:
        self._loaded = loaded
        self._precision = precision
        self._cache = cache
        self._keys = None if cache is None else FeatureKeys(loaded, precision)
        self._leaves_on_disk = False
        self._last: tuple[Mapping[str, torch.Tensor], Mapping[str, Any]] = ({}, {})
        """Pixels and features of the last clip: questions about one clip mostly follow each other."""

    def fit(self, inputs: Row, num_rows: int, budget_bytes: int) -> str:
        """Decide where features stay, judged by the inputs of one conversation; return where, in words.

        In memory or on disk it is all or none: a batch is given either pixels or features. Where there is no room the
        text is empty.
        """
        row = self.replace_pixels(inputs)
        needed_bytes = row_bytes(row) * num_rows
        if needed_bytes <= budget_bytes:
            return "kept in memory" if self._cache is None else "kept in memory, and on disk for other runs"
        if self._cache is None or needed_bytes > self._cache.max_bytes:
            return ""
        self._leaves_on_disk = True
        if self.in_memory(self.shelve(row)) is None:
            self._leaves_on_disk = False
            return ""  # a folder that cannot be written, or that others empty at once
        _keep_towers_still(self._loaded)
        return f"read from disk in every step: {needed_bytes / 2**20:,.0f} MiB are more than limits.memory_mib"

    def replace_pixels(self, inputs: Row) -> Row:
        """Return the inputs of one conversation with features in place of pixels, on the CPU."""
        return replace_pixels(self._loaded.model, inputs, self._features(inputs))

    def shelve(self, row: Row) -> Row:
        """Return what of a row stays in memory until it is needed: a key in place of features that lie on disk."""
        features = row.get(FEATURES)
        if not self._leaves_on_disk or not isinstance(features, CachedFeatures):
            return row
        return {**row, FEATURES: StoredFeatures(features.key)}

    def in_memory(self, row: Row) -> Row | None:
        """Return a shelved row with its features; None where they are on disk no more."""
        stored = row.get(FEATURES)
        if not isinstance(stored, StoredFeatures):
            return row
        features = None if self._cache is None else self._cache.get(stored.key)
        return None if features is None else {**row, FEATURES: features}

    def _features(self, inputs: Row) -> Mapping[str, Any]:
        """Return the features of the pixels; empty where there are none."""
        if self._cache is None or self._keys is None:
            return self._compute(inputs)
        key = self._keys.key_of(inputs)
        features = self._cache.get(key)
        if features is None:
            features = self._compute(inputs)
            if features:
                self._cache.put(key, features)
        return CachedFeatures(features, key)

    def _compute(self, inputs: Row) -> Mapping[str, Any]:
        pixels, (known, features) = pixel_inputs(self._loaded.model, inputs), self._last
        if pixels.keys() == known.keys() and all(torch.equal(pixels[name], known[name]) for name in pixels):
            return features
        moved = {name: tensor.to(self._loaded.device) for name, tensor in inputs.items()}
        with computing(self._precision, self._loaded.device, moved["input_ids"].shape[1]):
            features = move_features(encode_pixels(self._loaded.model, moved), "cpu")
        self._last = (pixels, features)
        return features


def _keep_towers_still(loaded: LoadedModel) -> None:
    """Let the frozen towers stay in evaluation mode: features may be computed again while the rest is trained."""
    for name, module in loaded.model.named_modules():
        towers = {loaded.family.modality_of(f"{name}.{parameter}") for parameter, _ in module.named_parameters()}
        if name and towers and towers <= {"vision", "projector"}:
            module.eval()
            module.train = MethodType(lambda self, mode=True: self, module)
