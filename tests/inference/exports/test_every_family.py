"""An adapter on every tower of every family merges into a folder that answers the same in plain transformers.

So pixels, prompt ids and padding are those of the library too, seen from outside: nothing of vidtune opens the export,
but for the families that only vidtune has.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from vidtune.adapters import AdapterConfig, attach_adapter, save_adapter
from vidtune.inference.exports import CertifyConfig, merge_model
from vidtune.models import families, load_model

CONFIG = CertifyConfig(num_samples=2, sampling={"num_frames": 4}, max_new_tokens=4)
NO_MODULES = "(?!)"
TINY = sorted(path.stem.removeprefix("tiny_") for path in Path(__file__).parents[2].glob("models/families/tiny_*.py"))
NAMES = [name for name in TINY if name in families.names()]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_merge_of_every_family_answers_as_the_adapter(name: str, tmp_path: Path) -> None:
    base = importlib.import_module(f"tests.models.families.tiny_{name}").make_tiny_folder(tmp_path / "base")
    loaded = load_model(base, device="cpu")
    targets = {tower: loaded.family.linear_targets(tower) for tower in loaded.family.modalities}
    towers = tuple(tower for tower in targets if targets[tower] != NO_MODULES and tower != "audio")
    torch.manual_seed(0)
    config = AdapterConfig(rank=4, alpha=8, modalities=towers)
    model = attach_adapter(loaded.model, config, targets, modality_of=loaded.family.modality_of)
    for parameter_name, parameter in model.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.05)
    save_adapter(model, tmp_path / "adapter")

    certificate = merge_model(tmp_path / "adapter", tmp_path / "merged", CONFIG, device="cpu")

    assert certificate.has_passed, certificate.to_text()
    assert certificate.stages[0].name == "pixels"
    assert {row.name.split()[0] for row in certificate.stages} >= {"pixels", "prompt", "language", "logits", "greedy"}
    is_ours = not hasattr(loaded.family, "model_class")
    assert ("which alone opens this family" in certificate.candidate.name) == is_ours
