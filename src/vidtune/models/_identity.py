"""Which weights a model was made from, cheaply enough to ask at every load.

An adapter only makes sense on the base it was trained on. The identity is recorded beside the adapter and compared
when it is loaded: the architecture by a hash of its configuration, the weights by a hash of samples of the files
(reading all of a 15 GB checkpoint would cost more than loading it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidtune.core.hashing import hash_json
from vidtune.models._source import weight_files

_NOT_ARCHITECTURE = {
    "_name_or_path",
    "architectures",
    "dtype",
    "torch_dtype",
    "transformers_version",
    "quantization_config",
    "use_cache",
}
_WHOLE_FILE_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 14
_NUM_SAMPLES = 32


@dataclass(frozen=True)
class ModelIdentity:
    """Where a model came from and what it is."""

    source: str
    """What the user named: ``nano``, a hub id, or an absolute folder."""

    config_sha256: str
    """Of the architecture: config.json without names, versions and number formats."""

    weights_sample_sha256: str
    """Of the names, sizes and evenly spread samples of the safetensors files."""

    def to_record(self) -> dict[str, str]:
        """Return what an adapter folder or a run keeps."""
        return asdict(self)


def identify(source: str, folder: Path, config: Mapping[str, Any]) -> ModelIdentity:
    """Return the identity of the checkpoint in ``folder``, whose config.json reads ``config``."""
    return ModelIdentity(source, hash_json(_architecture(config)), _hash_samples(folder))


def _architecture(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _architecture(item) for key, item in value.items() if key not in _NOT_ARCHITECTURE}
    if isinstance(value, list):
        return [_architecture(item) for item in value]
    return value


def _hash_samples(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in weight_files(folder):
        size_bytes = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()}:{size_bytes};".encode())
        with path.open("rb") as file:
            if size_bytes <= _WHOLE_FILE_BYTES:
                digest.update(file.read())
                continue
            for index in range(_NUM_SAMPLES):
                file.seek((size_bytes - _SAMPLE_BYTES) * index // (_NUM_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
