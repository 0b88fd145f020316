"""Video-language models behind one door: a name in, a checked model with its prompts and token counts out."""

from vidtune.models._batch import CLIP_SIGNALS, IGNORED_LABEL, BatchInputs
from vidtune.models._discovery import families, find_family
from vidtune.models._family import Family, FramePolicy, Modality, PromptItem, SoundPolicy
from vidtune.models._identity import ModelIdentity
from vidtune.models._loading import LoadedModel, choose_device, choose_dtype, load_model
from vidtune.models._media_features import (
    FEATURES,
    count_bytes,
    encode_pixels,
    features_from_tensors,
    features_to_tensors,
    join_features,
    move_features,
    pixel_inputs,
    replace_pixels,
    takes_media_features,
)
from vidtune.models._native import NativeFamily
from vidtune.models._outline import ModelOutline, family_of, outline_model
from vidtune.models._source import Checkpoint, find_checkpoint
from vidtune.models._text_model import is_text_model, load_text_model
from vidtune.models._torchvision import ensure_torchvision

__all__ = [
    "CLIP_SIGNALS",
    "FEATURES",
    "IGNORED_LABEL",
    "BatchInputs",
    "Checkpoint",
    "Family",
    "FramePolicy",
    "LoadedModel",
    "Modality",
    "ModelIdentity",
    "ModelOutline",
    "NativeFamily",
    "PromptItem",
    "SoundPolicy",
    "choose_device",
    "choose_dtype",
    "count_bytes",
    "encode_pixels",
    "ensure_torchvision",
    "families",
    "family_of",
    "features_from_tensors",
    "features_to_tensors",
    "find_checkpoint",
    "find_family",
    "is_text_model",
    "join_features",
    "load_model",
    "load_text_model",
    "move_features",
    "outline_model",
    "pixel_inputs",
    "replace_pixels",
    "takes_media_features",
]
