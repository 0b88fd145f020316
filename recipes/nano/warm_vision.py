"""Stage 1: the vision tower learns to see bodies, from what the renderer knows for free.

Heads that are thrown away read each frame pair's merged tokens: where every joint is in the picture and in
the body's own frame, at both moments and their difference, joint angles, clothes, room, posture and view.
"""

from __future__ import annotations

import csv
import math
import time
from dataclasses import dataclass
from pathlib import Path

import fast
import numpy as np
import render
import torch
import torch.nn.functional as F
from torch import nn

CLASS_FIELDS = (
    "top",
    "trousers",
    "hair",
    "wall",
    "floor",
    "posture",
    "view",
    "facing",
    "higher_hand",
    "trunk",
    "feet",
    "hands",
)
NUM_JOINTS, NUM_ANGLES = len(render.JOINTS), len(render.ANGLES)


PARTS = (
    ("neck", "head_top", 7.0), ("pelvis", "neck", 8.0),
    *((f"{side}_{upper}", f"{side}_{lower}", radius) for side in "lr" for upper, lower, radius in (
        ("shoulder", "elbow", 4.5), ("elbow", "hand", 4.0), ("hip", "knee", 5.5), ("knee", "ankle", 4.5),
        ("heel", "toe", 4.0))),
)  # fmt: skip
"""Body parts of the dense map: from joint, to joint, half thickness in pixels."""

PART_ENDS = torch.tensor([[render.JOINTS.index(a), render.JOINTS.index(b)] for a, b, _ in PARTS])
PART_RADII = torch.tensor([radius for _, _, radius in PARTS])


@dataclass(frozen=True)
class WarmConfig:
    """How long and how hard."""

    num_steps: int = 12000
    clips_per_batch: int = 16
    pairs_per_clip: int = 1
    learning_rate: float = 8e-4
    warmup_steps: int = 300
    seed: int = 0


@dataclass
class Targets:
    """What the heads must say of frame pairs."""

    joints_xy: torch.Tensor
    joints_body: torch.Tensor
    angles: torch.Tensor
    classes: torch.Tensor
    cell: torch.Tensor


class Vocabulary:
    """Class names by field, fixed by the data that was seen first."""

    def __init__(self, shards: list[render.Shard]) -> None:
        self.names = {f: sorted({str(getattr(t, f)) for s in shards for t in s.truths}) for f in CLASS_FIELDS}

    def encode(self, truths: list) -> np.ndarray:
        """Return class indices (clip, field)."""
        table = [{name: i for i, name in enumerate(self.names[f])} for f in CLASS_FIELDS]
        return np.array(
            [[row.get(str(getattr(t, f)), -100) for f, row in zip(CLASS_FIELDS, table, strict=True)] for t in truths]
        )

    @property
    def sizes(self) -> list[int]:
        """Return the number of classes of each field."""
        return [len(self.names[f]) for f in CLASS_FIELDS]


class VisionHeads(nn.Module):
    """Answers everything about a pair from its 16 tokens at once.

    The tower knows only relative places (rotary embedding), so places in the picture are read token by
    token: each says which joints lie in its cell, and where in it.
    """

    def __init__(self, width: int, class_sizes: list[int]) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(16, 320) * 0.02)
        self.mix = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 320))
        self.queries = nn.Linear(320, 6)
        self.hidden = nn.Sequential(nn.LayerNorm(7 * 320), nn.Linear(7 * 320, 512), nn.GELU())
        self.sizes = [2 * NUM_JOINTS * 3, 2 * NUM_ANGLES, NUM_JOINTS * 3, *class_sizes]
        self.out = nn.Linear(512, sum(self.sizes))
        self.cells = nn.Linear(width, NUM_JOINTS)
        self.offsets = nn.Linear(width, NUM_JOINTS * 4)
        self.map = nn.Linear(width, 2 * 16 * len(PARTS))

    def forward(self, tokens_nmd: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return ([joints_xy, joints_body, angles, change, *class logits], joint-in-cell logits (n, joint, cell))."""
        cells = self.cells(tokens_nmd).transpose(1, 2).float()
        grid = torch.arange(4) * 0.5 - 0.75
        centres = torch.stack([grid.repeat(4), grid.repeat_interleave(4)], dim=-1)
        offsets = self.offsets(tokens_nmd).float().view(-1, 16, NUM_JOINTS, 2, 2)
        joints_xy = torch.einsum("njm,nmjfx->nfjx", cells.softmax(-1), offsets + centres[None, :, None, None])
        mixed = F.gelu(self.mix(tokens_nmd) + self.places)
        weights = self.queries(mixed).softmax(1)
        pooled = torch.cat([(weights.transpose(1, 2) @ mixed).flatten(1), mixed.mean(1)], dim=1)
        outs = self.out(self.hidden(pooled)).float().split(self.sizes, dim=1)
        return [joints_xy.flatten(1), *outs], cells

    def part_map(self, tokens_nmd: torch.Tensor) -> torch.Tensor:
        """Return logits (n, frame, part, row, column) of where each part is, on a 16 x 16 grid."""
        logits = self.map(tokens_nmd).float().view(-1, 4, 4, 2, len(PARTS), 4, 4)
        return logits.permute(0, 3, 4, 1, 5, 2, 6).reshape(-1, 2, len(PARTS), 16, 16)


@torch.no_grad()
def draw_parts(joints_xy: torch.Tensor) -> torch.Tensor:
    """Return (n, frame, part, 16, 16), 1 where a part covers the middle of a 7 px square; joints in -1 .. 1."""
    pixels = (joints_xy + 1) * 56
    a, b = pixels[:, :, PART_ENDS[:, 0]], pixels[:, :, PART_ENDS[:, 1]]
    grid = torch.arange(16) * 7 + 3.5
    points = torch.stack([grid.repeat(16), grid.repeat_interleave(16)], dim=-1)
    along = b - a
    to_points = points - a[..., None, :]
    share = (to_points * along[..., None, :]).sum(-1) / along.pow(2).sum(-1).clamp_min(1e-3)[..., None]
    away = to_points - share.clamp(0, 1)[..., None] * along[..., None, :]
    return (away.norm(dim=-1) < PART_RADII[:, None]).float().unflatten(-1, (16, 16))


def pair_targets(shard: render.Shard, classes: np.ndarray, clips: np.ndarray, pairs: np.ndarray) -> Targets:
    """Return targets of frame pairs; ``pairs`` (clip, k) counts pairs within a clip."""
    at = (clips[:, None, None], np.stack([2 * pairs, 2 * pairs + 1], axis=-1))
    xy = torch.from_numpy(shard.joints_xy[at].astype(np.float32)).flatten(0, 1) / 56 - 1
    body = torch.from_numpy(shard.joints_body[at].astype(np.float32)).flatten(0, 1) / 0.4
    angles = torch.from_numpy(shard.angles[at].astype(np.float32)).flatten(0, 1) / 45 - 1
    column, row = ((xy[:, 0, :, k] + 1) * 2 for k in (0, 1))
    cell = row.long().clamp(0, 3) * 4 + column.long().clamp(0, 3)
    repeated = torch.from_numpy(np.repeat(classes[clips], pairs.shape[1], axis=0))
    return Targets(xy, body, angles, repeated, cell)


def heads_loss(heads: VisionHeads, tokens: torch.Tensor, t: Targets) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the summed loss and its parts."""
    outs, cells = heads(tokens)
    n = len(tokens)
    change = (t.joints_body[:, 1] - t.joints_body[:, 0]).flatten(1) * 3
    parts = {
        "xy": 6 * F.smooth_l1_loss(outs[0], t.joints_xy.reshape(n, -1), beta=0.1),
        "body": 3 * F.smooth_l1_loss(outs[1], t.joints_body.reshape(n, -1), beta=0.2),
        "angles": 2 * F.smooth_l1_loss(outs[2], t.angles.reshape(n, -1), beta=0.2),
        "change": 2 * F.smooth_l1_loss(outs[3], change, beta=0.2),
        "cells": 0.4 * F.cross_entropy(cells.flatten(0, 1), t.cell.flatten()),
        "parts": 15
        * F.binary_cross_entropy_with_logits(
            heads.part_map(tokens), draw_parts(t.joints_xy), pos_weight=torch.tensor(4.0)
        ),
        "classes": 0.25 * sum(F.cross_entropy(o, t.classes[:, i], ignore_index=-100) for i, o in enumerate(outs[4:])),
    }
    return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}


@torch.no_grad()
def evaluate_heads(
    visual: nn.Module, heads: VisionHeads, shard: render.Shard, classes: np.ndarray, num_clips: int = 300
) -> dict[str, float]:
    """Return held-out accuracies by field, and errors in pixels, centimetres and degrees."""
    cos, sin = (r.bfloat16() for r in fast.rotary(visual))
    clips = np.arange(num_clips)
    pairs = np.repeat([[0, 2]], num_clips, axis=0)
    rows: dict[str, list[float]] = {}
    for part in np.array_split(clips, max(1, num_clips // 50)):
        t = pair_targets(shard, classes, part, pairs[part])
        tokens = fast.encode_pairs(visual, _pixels(shard, part, pairs[part]), cos, sin)
        outs, _ = heads(tokens)
        n = len(tokens)
        rows.setdefault("joint_px", []).append(
            float((outs[0].view_as(t.joints_xy) - t.joints_xy).norm(dim=-1).mean() * 56)
        )
        rows.setdefault("joint_cm", []).append(
            float((outs[1].view_as(t.joints_body) - t.joints_body).norm(dim=-1).mean() * 40)
        )
        rows.setdefault("angle_deg", []).append(float((outs[2].view(n, 2, -1) - t.angles).abs().mean() * 45))
        for i, name in enumerate(CLASS_FIELDS):
            rows.setdefault(name, []).append(float((outs[4 + i].argmax(1) == t.classes[:, i]).float().mean()))
    return {name: float(np.mean(values)) for name, values in rows.items()}


def _pixels(shard: render.Shard, clips: np.ndarray, pairs: np.ndarray) -> torch.Tensor:
    frames = np.stack(
        [shard.frames[c][[i for q in p for i in (2 * q, 2 * q + 1)]] for c, p in zip(clips, pairs, strict=True)]
    )
    return fast.to_patches(torch.from_numpy(frames)).bfloat16()


def learning_rate_factor(step: int, warmup: int, total: int, floor: float = 0.05) -> float:
    """Return linear warm-up, then a cosine down to ``floor``."""
    if step < warmup:
        return (step + 1) / warmup
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup))))


def wait_for_shards(root: Path, minimum: int) -> list[Path]:
    """Return finished training shards, waiting until there are enough to start."""
    while True:
        found = sorted(p.parent for p in root.glob("train_*/done"))
        if len(found) >= minimum:
            return found
        time.sleep(2)


def warm_up(model: nn.Module, shards_root: Path, out: Path, config: WarmConfig) -> VisionHeads:
    """Train tower, merger and heads; the model is changed in place. Continues from ``out/vision.pt``."""
    torch.manual_seed(config.seed)
    opened = {p: render.open_shard(p) for p in wait_for_shards(shards_root, 1)}
    held_out = render.open_shard(shards_root / "held_out")
    vocabulary = Vocabulary([held_out, *opened.values()])
    codes = {p: vocabulary.encode(s.truths) for p, s in opened.items()}
    held_codes = vocabulary.encode(held_out.truths)
    visual = model.model.visual.bfloat16()
    heads = VisionHeads(visual.merger.mlp[2].out_features, vocabulary.sizes).bfloat16()
    optimizer = fast.MasterAdamW(
        [
            *fast.parameter_groups(visual, config.learning_rate),
            *fast.parameter_groups(heads, config.learning_rate),
        ]
    )
    cos, sin = (r.bfloat16() for r in fast.rotary(visual))
    encode = torch.compile(lambda x: fast.encode_pairs(visual, x, cos, sin), dynamic=False)
    start, seconds = 0, 0.0
    checkpoint = out / "vision.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False)
        optimizer.load(saved["optimizer"])
        start, seconds = saved["step"], saved["seconds"]
    log = CurveLog(out / "vision.csv")
    order: list[tuple[Path, np.ndarray]] = []
    rng = np.random.default_rng([config.seed, start])
    tick = time.monotonic()
    for step in range(start, config.num_steps):
        if not order:
            for p in wait_for_shards(shards_root, 1):
                if p not in opened:
                    opened[p] = render.open_shard(p)
                    codes[p] = vocabulary.encode(opened[p].truths)
            order = _shuffled_batches(opened, rng, config.clips_per_batch)
        path, clips = order.pop()
        pairs = np.stack([rng.permutation(4)[: config.pairs_per_clip] for _ in clips])
        loss, parts = heads_loss(
            heads, encode(_pixels(opened[path], clips, pairs)), pair_targets(opened[path], codes[path], clips, pairs)
        )
        loss.backward()
        norm = optimizer.step(learning_rate_factor(step, config.warmup_steps, config.num_steps))
        done = step + 1
        if done % 200 == 0 or done == config.num_steps:
            spent = seconds + time.monotonic() - tick
            row = {"step": done, "seconds": round(spent, 1), "loss": float(loss.detach()), "norm": norm, **parts}
            if done % 1000 == 0 or done == config.num_steps:
                row |= {f"held_out_{k}": v for k, v in evaluate_heads(visual, heads, held_out, held_codes).items()}
            log.write(row)
        if done % 1000 == 0 or done == config.num_steps:
            state = {"optimizer": optimizer.state(), "step": done, "seconds": seconds + time.monotonic() - tick}
            torch.save(state | {"names": vocabulary.names}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    return heads


def _shuffled_batches(
    opened: dict[Path, render.Shard], rng: np.random.Generator, size: int
) -> list[tuple[Path, np.ndarray]]:
    batches = []
    for path, shard in opened.items():
        clips = rng.permutation(len(shard.truths))
        batches += [(path, clips[i : i + size]) for i in range(0, len(clips) - size + 1, size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class CurveLog:
    """A curve in long form: one line for each measured value."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, row: dict) -> None:
        """Append a row (long form: step, seconds, name, value) and print it."""
        is_new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(["step", "seconds", "name", "value"])
            for name, value in row.items():
                if name not in ("step", "seconds"):
                    writer.writerow([row["step"], row["seconds"], name, f"{value:.5g}"])
        print(" ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()), flush=True)
