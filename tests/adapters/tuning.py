"""What the tests of adapters do again and again: load a base, tune it two steps, ask for its logits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tests.models.prompts import converse, make_frames

from vidtune.adapters import AdapterConfig, attach_adapter, quantization_config
from vidtune.models import BatchInputs, load_model
from vidtune.models.families.qwen2_vl import FAMILY

MODALITIES = ("vision", "projector", "language")
TARGETS = {modality: FAMILY.linear_targets(modality) for modality in MODALITIES}


@dataclass(frozen=True)
class Bench:
    folder: Path
    training: BatchInputs
    prompts: BatchInputs

    def load_base(self, config: AdapterConfig) -> Any:
        return load_model(self.folder, quantization_config=quantization_config(config)).model

    def attach(self, config: AdapterConfig, *, seed: int = 0) -> Any:
        model = self.load_base(config)
        torch.manual_seed(seed)
        return attach_adapter(model, config, TARGETS, modality_of=FAMILY.modality_of)

    def tune(self, config: AdapterConfig) -> Any:
        model = self.attach(config)
        self.train(model)
        return model

    def train(self, model: Any, *, num_steps: int = 2) -> list[float]:
        """Return the losses of a few steps large enough to change every logit."""
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        model.train()
        losses = []
        for _ in range(num_steps):
            loss = model(**self.training, use_cache=False).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    def logits(self, model: Any) -> torch.Tensor:
        model.eval()
        with torch.no_grad():
            logits: torch.Tensor = model(**self.prompts, use_cache=False).logits
        return logits


def make_bench(folder: Path) -> Bench:
    processor = load_model(folder).processor
    items = [
        (converse("Which exercise is this?", "squats - the knees move inwards"), make_frames(4, seed=1)),
        (converse("What colour is the shirt?", "pushups"), make_frames(2, seed=2)),
    ]
    return Bench(
        folder,
        FAMILY.encode_training(processor, items),
        FAMILY.encode_prompts(processor, [(turns[:1], frames) for turns, frames in items]),
    )
