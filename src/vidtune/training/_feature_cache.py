"""Features of frozen vision towers, kept on disk for other runs and studies.

An entry stands under everything it depends on: the bytes of the pixels that went in, the bytes of the weights they went
through, the number format, and the versions and kind of hardware that computed. Whoever finds it would have computed
the same; nothing needs to be remembered about clips, frames or augmentation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers
from safetensors.torch import load, save

from vidtune.core.file_cache import FileCache
from vidtune.core.hashing import hash_json
from vidtune.models import LoadedModel, features_from_tensors, features_to_tensors, pixel_inputs
from vidtune.training._precision import Precision

_CONTRACT = 1
"""Raised when the meaning of an entry changes: older ones are then not found."""


class FeatureCache(FileCache[Mapping[str, Any]]):
    """A folder of features; see ``FileCache`` for its arguments."""

    name = "features"

    def _dump(self, value: Mapping[str, Any]) -> Sequence[bytes | memoryview]:
        return [save({name: tensor.contiguous() for name, tensor in features_to_tensors(value).items()})]

    def _parse(self, payload: memoryview) -> Mapping[str, Any]:
        return features_from_tensors(load(bytes(payload)))


class FeatureKeys:
    """Names the entries of one model.

    Args:
        loaded: The model, before an adapter is attached: its vision tower and projector are hashed once.
        precision: What the tower computes in.
    """

    def __init__(self, loaded: LoadedModel, precision: Precision) -> None:
        self._model = loaded.model
        device = loaded.device
        self._computed_by = {
            "contract": _CONTRACT,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "hardware": torch.cuda.get_device_name(device)
            if device.type == "cuda"
            else f"{device.type} {torch.backends.cpu.get_cpu_capability()}",
            "precision": precision,
            "quantization": repr(getattr(loaded.model.config, "quantization_config", None)),
            "tower": _hash_of_tower(loaded),
        }

    def key_of(self, inputs: Mapping[str, torch.Tensor]) -> str:
        """Return the key of the features of the pixels in ``inputs``."""
        return hash_json({**self._computed_by, "pixels": _hash_of(pixel_inputs(self._model, inputs))})


def _hash_of_tower(loaded: LoadedModel) -> str:
    """Return a hash of all weights between pixels and language tower."""
    family = loaded.family
    tensors = [*loaded.model.named_parameters(), *loaded.model.named_buffers()]
    return _hash_of({name: tensor for name, tensor in tensors if family.modality_of(name) in ("vision", "projector")})


def _hash_of(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
