"""Tiny models of several families with adapters of several kinds, and batches for them."""

import importlib

import numpy as np
import torch

from vidtune.adapters import AdapterConfig, attach_adapter
from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.models import families
from vidtune.training._loss import supervised_loss_sum

ANSWERS = ("squats", "pushups - the hips sag, keep the back straight", "the knees move inwards")
FAMILIES = {
    "qwen2_vl": "tests.models.tiny",
    "qwen3_vl": "tests.models.families.tiny_qwen3_vl",
    "smolvlm": "tests.models.families.tiny_smolvlm",
    "gemma3n": "tests.models.families.tiny_gemma3n",
    "qwen2_5_vl": "tests.models.families.tiny_qwen2_5_vl",
    "internvl": "tests.models.families.tiny_internvl",
    "llava_onevision": "tests.models.families.tiny_llava_onevision",
    "video_llama_3": "tests.models.families.tiny_video_llama_3",
}
KINDS = {
    "lora": {"kind": "lora", "rank": 4, "dropout": 0.0, "modalities": ("language",)},
    "full": {"kind": "full", "modalities": ("language",)},
    "bottleneck": {"kind": "bottleneck", "rank": 4, "modalities": ("language",)},
    "prefix": {"kind": "prefix", "modalities": ("language",)},
    "prompt": {"kind": "prompt", "modalities": ("language",)},
    "ia3": {"kind": "ia3", "modalities": ("language",)},
    "modality_lora": {"kind": "modality_lora", "rank": 4, "dropout": 0.0, "modalities": ("language",)},
}


def make_rows(family, processor, conversations):
    """Encode (number of the clip, question, answer), each alone."""
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, (4, 56, 56, 3), dtype=np.uint8) for _ in range(3)]
    return [
        family.encode_training(
            processor,
            [((Turn("user", question), Turn("assistant", answer)), frameset_from_array(clips[number], fps=4.0))],
        )
        for number, question, answer in conversations
    ]


def make_batch(family, processor):
    rows = make_rows(family, processor, [(number, "Which?", answer) for number, answer in enumerate(ANSWERS)])
    return family.join_training(processor, rows)


def make_model(family_name, adapter):
    """Return a tiny model with an adapter that already does something, its family and its processor."""
    tiny = importlib.import_module(FAMILIES[family_name])
    family, processor = families.get(family_name), tiny.make_processor()
    model = tiny.make_model(processor)
    torch.manual_seed(0)
    targets = {modality: family.linear_targets(modality) for modality in family.modalities}
    tuned = attach_adapter(model, AdapterConfig(**KINDS[adapter]), targets, modality_of=family.modality_of)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)  # what begins as zero teaches nothing
    return tuned.train(), family, processor


def make_case(family_name, adapter):
    """Return such a model and a batch about three clips."""
    model, family, processor = make_model(family_name, adapter)
    return model, make_batch(family, processor)


def loss_and_gradients(model, batch):
    model.zero_grad()
    loss = supervised_loss_sum(model, batch)
    loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    return loss.item(), {name: gradient.clone() for name, gradient in found.items()}
