"""A tiny adapter of ``temporal_lora`` whose gates are neither all open nor all alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from vidtune.adapters import AdapterConfig, attach_adapter, fit_frame_signals, frame_inputs, save_adapter
from vidtune.models import load_model

TOWERS = ("vision", "projector", "language")


def make_gated_adapter(base: Path | str, folder: Path, clips_thwc: list[NDArray[Any]]) -> Path:
    """Write one on ``base``, with the statistics of the given clips."""
    loaded = load_model(base)
    torch.manual_seed(0)
    config = AdapterConfig(kind="temporal_lora", rank=4, alpha=8, dropout=0.0, modalities=TOWERS)
    targets = {tower: loaded.family.linear_targets(tower) for tower in TOWERS}
    model = attach_adapter(loaded.model, config, targets, modality_of=loaded.family.modality_of)
    per_group = loaded.family.frame_policy.multiple
    fit_frame_signals(model, [frame_inputs(model, [clip], frames_per_group=per_group) for clip in clips_thwc])
    for name, parameter in model.named_parameters():
        if "lora_temporal_gate" in name:
            torch.nn.init.normal_(parameter, std=0.04)
        elif "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    save_adapter(model, folder)
    return folder
