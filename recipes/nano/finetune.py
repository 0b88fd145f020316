"""What the demo will do, in short: LoRA on a written physio pack, greedy answers for unseen subjects.

This only measures how fast a base takes on a new domain. It uses transformers' own forward pass and PEFT.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import clips_of
import fast
import numpy as np
import torch

from vidtune.models import ensure_torchvision


@dataclass(frozen=True)
class FinetuneConfig:
    """One trial."""

    rank: int = 16
    alpha: float = 32.0
    learning_rate: float = 2e-3
    batch_size: int = 8
    epochs: int = 12
    max_clips: int = 420
    is_autocast: bool = True
    flip_rate: float = 0.0
    shift_px: int = 6
    light: float = 0.15
    projector_full: bool = True
    seed: int = 0


def finetune(
    weights: Path, pack: Path, config: FinetuneConfig, eval_clips: int = 140, eval_every: int = 4
) -> dict[str, Any]:
    """Fine-tune and score; returns times and accuracies."""
    ensure_torchvision()
    from peft import LoraConfig, get_peft_model
    from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    train, test = clips_of.read_split(pack, "train"), clips_of.read_split(pack, "test")
    processor = AutoProcessor.from_pretrained(weights)
    model = Qwen2VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32)
    targets = r"(.*(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)|.*visual\.blocks.*(qkv|proj|fc1|fc2))"
    saved = (
        [n for n, m in model.named_modules() if n.endswith(("merger.mlp.0", "merger.mlp.2"))]
        if config.projector_full
        else None
    )
    model = get_peft_model(
        model, LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=targets, modules_to_save=saved)
    )
    # The stock tower visits 4 chunks a clip one by one; all chunks here are alike, so they go through together.
    visual = model.base_model.model.model.visual
    visual.forward = _batched_tower(visual)
    parameters = [p for p in model.parameters() if p.requires_grad]
    num_trainable = sum(p.numel() for p in parameters)
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    count = min(config.max_clips, len(train.labels))
    steps = config.epochs * (count // config.batch_size)
    done, spent, history = 0, 0.0, []
    encoded = [_encode(processor, q, a) for q, a in zip(train.questions, train.answers, strict=True)]
    for epoch in range(config.epochs):
        start = time.monotonic()
        model.train()
        order = rng.permutation(count)
        losses = []
        for at in range(0, count - config.batch_size + 1, config.batch_size):
            rows = order[at : at + config.batch_size]
            batch = _collate([encoded[i] for i in rows], processor.tokenizer.pad_token_id)
            frames = _augment(train.frames_nthwc[rows], rng, config)
            batch["pixel_values_videos"] = fast.to_patches(torch.from_numpy(frames)).view(-1, 1176)
            batch["video_grid_thw"] = torch.tensor([[4, 8, 8]] * len(rows))
            for group in optimizer.param_groups:
                group["lr"] = (
                    config.learning_rate
                    * min(1.0, (done + 1) / 20)
                    * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done / steps)))
                )
            with torch.autocast("cpu", torch.bfloat16, enabled=config.is_autocast):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            losses.append(float(loss.detach()))
        spent += time.monotonic() - start
        row = {"epoch": epoch + 1, "seconds": round(spent, 1), "loss": float(np.mean(losses))}
        if (epoch + 1) % eval_every == 0 or epoch + 1 == config.epochs:
            row |= score(model, processor, test, eval_clips)
        history.append(row)
        print(row, flush=True)
    return {"config": asdict(config), "num_trainable": num_trainable, "num_train": count, "history": history}


@torch.no_grad()
def score(model: Any, processor: Any, clips: clips_of.WrittenClips, num_clips: int) -> dict[str, Any]:
    """Return the shares of right exercises and of right whole answers, from greedy generation."""
    model.eval()
    tokenizer = processor.tokenizer
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    said: list[str] = []
    for at in range(0, min(num_clips, len(clips.labels)), 20):
        rows = list(range(at, min(at + 20, num_clips, len(clips.labels))))
        encoded = [_encode(processor, clips.questions[i], None) for i in rows]
        batch = _collate(encoded, tokenizer.pad_token_id)
        batch.pop("labels")
        batch["pixel_values_videos"] = fast.to_patches(torch.from_numpy(clips.frames_nthwc[rows])).view(-1, 1176)
        batch["video_grid_thw"] = torch.tensor([[4, 8, 8]] * len(rows))
        with torch.autocast("cpu", torch.bfloat16, enabled=False):
            out = model.generate(**batch, max_new_tokens=40, do_sample=False, eos_token_id=stop)
        said += tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    truth = clips.answers[: len(said)]
    names = [t.split(" - ")[0].lower() for t in truth]
    right = [s.split(" - ")[0].strip().lower() == n for s, n in zip(said, names, strict=True)]
    return {
        "n": len(said),
        "exercise": float(np.mean(right)),
        "whole_answer": float(np.mean([s.strip() == t for s, t in zip(said, truth, strict=True)])),
        "said": said[:6],
    }


def _batched_tower(visual: Any) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    cos, sin = fast.rotary(visual)

    def forward(hidden_states: torch.Tensor, grid_thw: torch.Tensor, **_: Any) -> Any:
        tokens = fast.encode_pairs(visual, hidden_states.view(-1, 64, 1176), cos, sin)
        return BaseModelOutputWithPooling(last_hidden_state=None, pooler_output=tokens.reshape(-1, tokens.shape[-1]))

    return forward


def _encode(processor: Any, question: str, answer: str | None) -> tuple[list[int], list[int]]:
    tokenizer = processor.tokenizer
    prompt = (
        "<|im_start|>user\n<|vision_start|>"
        + "<|video_pad|>" * 64
        + f"<|vision_end|>{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    asked = tokenizer(prompt)["input_ids"]
    said = tokenizer(f"{answer}<|im_end|>")["input_ids"] if answer is not None else []
    return asked + said, [-100] * len(asked) + said


def _collate(rows: list[tuple[list[int], list[int]]], pad: int) -> dict[str, torch.Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row, _ in rows])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for _, row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row, _ in rows])
    video = rows[0][0][rows[0][0].index(max(set(rows[0][0]), key=rows[0][0].count))]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels, "mm_token_type_ids": (ids == video).int() * 2}


def _augment(frames: np.ndarray, rng: np.random.Generator, config: FinetuneConfig) -> np.ndarray:
    out = frames.copy()
    for clip in out:
        if config.shift_px:
            dy, dx = (int(v) for v in rng.integers(-config.shift_px, config.shift_px + 1, size=2))
            clip[:] = np.roll(clip, (dy, dx), axis=(1, 2))
        if config.light:
            clip[:] = np.clip(clip.astype(np.float32) * rng.uniform(1 - config.light, 1 + config.light), 0, 255).astype(
                np.uint8
            )
        if rng.random() < config.flip_rate:
            clip[:] = clip[:, :, ::-1]
    return out


if __name__ == "__main__":
    import sys

    torch.set_num_threads(1)
    overrides = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    print(json.dumps(finetune(Path(sys.argv[1]), Path(sys.argv[2]), FinetuneConfig(**overrides))["history"][-1]))
