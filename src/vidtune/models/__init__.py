"""Video-language models behind one door: a name in, a checked model with its prompts and token counts out."""

from vidtune.models._batch import IGNORED_LABEL, BatchInputs
from vidtune.models._family import Family, Modality, PromptItem
from vidtune.models._identity import ModelIdentity
from vidtune.models._loading import LoadedModel, choose_device, choose_dtype, families, load_model
from vidtune.models._torchvision import ensure_torchvision

__all__ = [
    "IGNORED_LABEL",
    "BatchInputs",
    "Family",
    "LoadedModel",
    "Modality",
    "ModelIdentity",
    "PromptItem",
    "choose_device",
    "choose_dtype",
    "ensure_torchvision",
    "families",
    "load_model",
]
