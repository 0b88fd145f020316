"""A step as Unsloth takes it, in a process of its own: importing it changes transformers for everybody.

    python benchmarks/gpu/unsloth_peer.py CHECKPOINT BATCH.safetensors '{"rank": 64, "in_4_bit": true, ...}'

Prints one line of JSON. What it is asked for is what its documentation shows: ``FastVisionModel``, its own
checkpointing of activations, LoRA on the language tower. It was not run where it was written, for want of a GPU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

NAME = "Unsloth"
_MAX_TOKENS = 16_384
_PATIENCE_S = 3600


def measure_unsloth(folder: Path, batch: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Measure in a child process; what goes wrong there is a sentence and not an error.

    Args:
        folder: The checkpoint.
        batch: Tensors, as every other way is given them.
        settings: ``rank``, ``alpha``, ``in_4_bit``, ``num_steps`` and ``num_warmup``.
    """
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "batch.safetensors"
        save_file({name: tensor.contiguous().cpu() for name, tensor in batch.items()}, path)
        command = [sys.executable, __file__, str(folder), str(path), json.dumps(settings)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        except subprocess.TimeoutExpired:
            return {"not_measured": f"no answer within {_PATIENCE_S} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        row: dict[str, Any] = json.loads(lines[-1])
        return row
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return {"not_measured": f"it ended with status {done.returncode}: {last[:200]}"}


def main(folder: str, batch_path: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Take the steps; runs in the child."""
    try:
        from unsloth import FastVisionModel  # before transformers, which it changes
    except Exception as exc:  # a peer that does not load is a fact, not our failure
        return {"not_measured": " ".join(f"it cannot be imported: {type(exc).__name__}: {exc}".split())[:300]}
    import torch
    from safetensors.torch import load_file
    from timing import time_steps

    model, _ = FastVisionModel.from_pretrained(
        folder,
        max_seq_length=_MAX_TOKENS,
        dtype=torch.bfloat16,
        load_in_4bit=settings["in_4_bit"],
        use_gradient_checkpointing="unsloth",
    )
    model = FastVisionModel.get_peft_model(
        model,
        finetune_vision_layers=False,
        finetune_language_layers=True,
        finetune_attention_modules=True,
        finetune_mlp_modules=True,
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=0,
        bias="none",
        random_state=0,
    )
    FastVisionModel.for_training(model)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    batch = {name: tensor.to("cuda") for name, tensor in load_file(batch_path).items()}
    return time_steps(
        model,
        batch,
        lambda tuned, inputs: tuned(**inputs, use_cache=False).loss,
        device="cuda",
        num_steps=settings["num_steps"],
        num_warmup=settings["num_warmup"],
        computing=lambda: torch.autocast("cuda", dtype=torch.bfloat16),
    )


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
