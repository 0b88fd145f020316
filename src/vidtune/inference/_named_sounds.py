"""Before a model is loaded: are the sound files there that the data name for it to hear?"""

from __future__ import annotations

from pathlib import Path

from vidtune.adapters import base_of_adapter, is_adapter_folder
from vidtune.core.errors import DataInvalid
from vidtune.data import Dataset, missing_sounds, names_sound
from vidtune.inference._config import PredictConfig
from vidtune.inference._loading import resolve_source
from vidtune.models import family_of

_MAX_NAMED = 3


def check_named_sounds(config: PredictConfig, dataset: Dataset) -> None:
    """Refuse data of whose sound files none is there, for a model that hears; single ones are errors of their samples.

    Raises:
        DataInvalid: If so; nothing was loaded.
        ModelUnavailable, ModelMismatch: If there is no such model.
    """
    if config.data.sound == "none":
        return
    num_named = sum(names_sound(sample) for sample in dataset.samples)
    missing = missing_sounds(dataset.samples, (config.data.videos, config.data.path.parent))
    if not num_named or len(missing) < num_named or not _hears(config.model.source):
        return
    raise DataInvalid(
        f"none of the {num_named} sound files of {config.data.path} is beside it or below {config.data.videos}.",
        "Check data.videos (--videos), or set data.sound=none to ask without them.",
        [f"{sample.sample_id}: {reason}" for sample, reason in missing[:_MAX_NAMED]],
    )


def _hears(source: str) -> bool:
    """Whether a model has an audio tower; False where nothing is known of it yet, as of one that is to be fetched."""
    resolved = resolve_source(source)
    folder = Path(resolved)
    family = family_of(base_of_adapter(folder) if is_adapter_folder(folder) else resolved)
    return family is not None and "audio" in family.modalities
