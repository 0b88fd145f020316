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

import augment
import fast
import numpy as np
import render
import torch
import torch.nn.functional as F
import workers
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
NUM_COLOURS = 5
BODY_UNIT_M, CHANGE_UNIT_M, TURN_UNIT_DEG, FLOW_UNIT_PX = 0.4, 0.05, 7.0, 3.0
"""Units of the regression targets, near the spread of each."""
MOVING_M = 0.04
"""Between two frames a joint that goes further counts as moving."""
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

    num_steps: int = 34000
    clips_per_batch: int = 16
    """Of each worker; of every clip one frame pair."""
    learning_rate: float = 1e-3
    muon_rate: float = 0.02
    warmup_steps: int = 200
    seed: int = 0
    augment: augment.AugmentConfig = augment.AugmentConfig()


@dataclass
class Targets:
    """What the heads must say of frame pairs."""

    joints_xy: torch.Tensor
    joints_body: torch.Tensor
    angles: torch.Tensor
    classes: torch.Tensor
    cell: torch.Tensor

    @property
    def change(self) -> torch.Tensor:
        """(n, joint, 3) how far each joint goes from the first to the second frame, in units of its usual spread."""
        return (self.joints_body[:, 1] - self.joints_body[:, 0]) * BODY_UNIT_M / CHANGE_UNIT_M


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

    def encode_examples(self, examples: list[augment.Example]) -> np.ndarray:
        """Return class indices (example, field); recoloured clips have no colours to name."""
        codes = self.encode([e.truth for e in examples])
        for row, example in zip(codes, examples, strict=True):
            if example.is_recoloured:
                row[:NUM_COLOURS] = -100
        return codes

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
        self.sizes = [2 * NUM_JOINTS * 3, 2 * NUM_ANGLES, NUM_JOINTS * 3, NUM_ANGLES, NUM_JOINTS, *class_sizes]
        self.out = nn.Linear(512, sum(self.sizes))
        self.cells = nn.Linear(width, NUM_JOINTS)
        self.offsets = nn.Linear(width, NUM_JOINTS * 4)
        self.flows = nn.Linear(width, NUM_JOINTS * 2)
        self.map = nn.Linear(width, 2 * 16 * len(PARTS))
        self.plain = nn.Linear(width, sum(self.sizes))

    def forward(self, tokens_nmd: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return joints_xy followed by what ``sizes`` says, and joint-in-cell logits (n, joint, cell)."""
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

    def from_mean(self, tokens_nmd: torch.Tensor) -> list[torch.Tensor]:
        """Return what ``forward`` does but joints_xy, read by one matrix off the mean token.

        What lies there is easy prey for the text model, which knows no absolute places either: the mean over a moment's
        tokens, and the difference of two moments, cost it one head each.
        """
        return list(self.plain(tokens_nmd.mean(1)).float().split(self.sizes, dim=1))

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


def pair_targets(examples: list[augment.Example], classes_nf: np.ndarray) -> Targets:
    """Return targets of frame pairs, of every pair of every example in order; ``classes_nf`` has a row an example."""

    def rows(name: str) -> torch.Tensor:
        stacked = np.stack([getattr(e, name) for e in examples])
        return torch.from_numpy(stacked.reshape(-1, 2, *stacked.shape[2:]))

    xy = rows("joints_xy_tj2") / 56 - 1
    column, row = ((xy[:, 0, :, k] + 1) * 2 for k in (0, 1))
    cell = row.long().clamp(0, 3) * 4 + column.long().clamp(0, 3)
    classes = torch.from_numpy(np.repeat(classes_nf, len(xy) // len(examples), axis=0))
    return Targets(xy, rows("joints_body_tj3") / BODY_UNIT_M, rows("angles_ta") / 45 - 1, classes, cell)


def as_patches(examples: list[augment.Example]) -> torch.Tensor:
    """Return (pairs, 64, 1176) of all pairs of all examples in order."""
    return fast.to_patches(torch.from_numpy(np.stack([e.frames_thwc for e in examples]))).bfloat16()


def heads_loss(heads: VisionHeads, tokens: torch.Tensor, t: Targets) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the summed loss and its parts."""
    outs, cells = heads(tokens)
    parts = {
        "xy": 6 * F.smooth_l1_loss(outs[0], t.joints_xy.flatten(1), beta=0.1),
        **_body_losses(outs[1:], t),
        "plain": 0.6 * sum(_body_losses(heads.from_mean(tokens), t).values()),
        "flow": _flow_loss(heads, tokens, t),
        "cells": 0.4 * F.cross_entropy(cells.flatten(0, 1), t.cell.flatten()),
        "parts": 15
        * F.binary_cross_entropy_with_logits(
            heads.part_map(tokens), draw_parts(t.joints_xy), pos_weight=torch.tensor(4.0)
        ),
    }
    return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}


def _body_losses(outs: list[torch.Tensor], t: Targets) -> dict[str, torch.Tensor]:
    """Return the losses of ``VisionHeads.sizes``. Changes have their own scale: beside a pose they are small."""
    body, angles, change, turn, moving, *classes = outs
    true_change = t.change.flatten(1)
    is_moving = (t.change.norm(dim=-1) > MOVING_M / CHANGE_UNIT_M).float()
    return {
        "body": 3 * F.smooth_l1_loss(body, t.joints_body.flatten(1), beta=0.2),
        "angles": 2 * F.smooth_l1_loss(angles, t.angles.flatten(1), beta=0.2),
        "change": 2 * F.smooth_l1_loss(change, true_change, beta=1.0)
        + F.smooth_l1_loss(turn, (t.angles[:, 1] - t.angles[:, 0]) * 45 / TURN_UNIT_DEG, beta=1.0),
        "moving": F.binary_cross_entropy_with_logits(moving, is_moving, pos_weight=torch.tensor(2.0)),
        "classes": 0.25 * sum(cross_entropy(o, t.classes[:, i]) for i, o in enumerate(classes)),
    }


def _flow_loss(heads: VisionHeads, tokens_nmd: torch.Tensor, t: Targets) -> torch.Tensor:
    """Return how wrongly the token of each joint's cell says where the joint goes in the picture."""
    n = len(tokens_nmd)
    flows = heads.flows(tokens_nmd).float().view(n, -1, NUM_JOINTS, 2)
    at = t.cell[:, None, :, None].expand(n, 1, NUM_JOINTS, 2)
    moved = (t.joints_xy[:, 1] - t.joints_xy[:, 0]) * 56 / FLOW_UNIT_PX
    return 2 * F.smooth_l1_loss(flows.gather(1, at)[:, 0], moved, beta=1.0)


def cross_entropy(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Return the mean over the rows whose class is known (not -100); 0 when none is."""
    known = (classes != -100).sum().clamp_min(1)
    return F.cross_entropy(logits, classes, ignore_index=-100, reduction="sum") / known


@torch.no_grad()
def evaluate_heads(
    visual: nn.Module, heads: VisionHeads, shard: render.Shard, vocabulary: Vocabulary, num_clips: int = 300
) -> dict[str, float]:
    """Return held-out accuracies by field, and errors in pixels, centimetres and degrees."""
    cos, sin = (r.bfloat16() for r in fast.rotary(visual))
    rows: dict[str, list[float]] = {}
    changes: list[tuple[torch.Tensor, torch.Tensor]] = []
    for part in np.array_split(np.arange(num_clips), max(1, num_clips // 50)):
        examples = [augment.load_example(shard, c, np.array([0, 1, 4, 5])) for c in part]
        t = pair_targets(examples, vocabulary.encode_examples(examples))
        tokens = fast.encode_pairs(visual, as_patches(examples), cos, sin)
        outs, _ = heads(tokens)
        n = len(t.joints_xy)
        distances = {
            "joint_px": (outs[0].view_as(t.joints_xy) - t.joints_xy).norm(dim=-1).mean() * 56,
            "joint_cm": (outs[1].view_as(t.joints_body) - t.joints_body).norm(dim=-1).mean() * 40,
            "plain_joint_cm": (heads.from_mean(tokens)[0].view_as(t.joints_body) - t.joints_body).norm(dim=-1).mean()
            * 40,
            "angle_deg": (outs[2].view(n, 2, -1) - t.angles).abs().mean() * 45,
        }
        changes.append((outs[3], t.change.flatten(1)))
        right = {f: (outs[6 + i].argmax(1) == t.classes[:, i]).float().mean() for i, f in enumerate(CLASS_FIELDS)}
        for name, value in (distances | right).items():
            rows.setdefault(name, []).append(float(value))
    said, true = (torch.cat(parts) for parts in zip(*changes, strict=True))
    explained = 1 - float((said - true).pow(2).sum() / (true - true.mean(0)).pow(2).sum())
    return {"change_r2": explained} | {name: float(np.mean(values)) for name, values in rows.items()}


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


class Feed:
    """Endless random examples from all shards that are finished, new ones as they come."""

    def __init__(self, root: Path, seed: tuple[int, ...], config: augment.AugmentConfig) -> None:
        self.root, self.config = root, config
        self.rng = np.random.default_rng([*seed, workers.rank()])
        self.shards: list[render.Shard] = []
        self._draws = 0

    def draw(self, num_clips: int, num_pairs: int) -> list[augment.Example]:
        """Return changed clips of one shard, of each some or all (4) frame pairs."""
        if self._draws % 500 == 0:
            paths = wait_for_shards(self.root, 1)
            self.shards += [render.open_shard(p) for p in paths[len(self.shards) :]]
        self._draws += 1
        shard = self.shards[int(self.rng.integers(len(self.shards)))]
        examples = []
        for clip in np.sort(self.rng.choice(len(shard.truths), num_clips, replace=False)):
            pairs = np.sort(self.rng.choice(4, num_pairs, replace=False))
            frames = np.stack([2 * pairs, 2 * pairs + 1], axis=-1).reshape(-1)
            examples.append(augment.augment(augment.load_example(shard, clip, frames), self.rng, self.config))
        return examples


def warm_up(model: nn.Module, shards_root: Path, out: Path, config: WarmConfig) -> VisionHeads:
    """Train tower, merger and heads; the model is changed in place. Continues from ``out/vision.pt``."""
    torch.manual_seed(config.seed)
    first = wait_for_shards(shards_root, 1)[0]
    held_out = render.open_shard(shards_root / "held_out")
    vocabulary = Vocabulary([held_out, render.open_shard(first)])
    visual = model.model.visual.bfloat16()
    heads = VisionHeads(visual.merger.mlp[2].out_features, vocabulary.sizes).bfloat16()
    optimizer = fast.Optimizers([(visual, config.learning_rate, config.muon_rate), (heads, config.learning_rate, 0.0)])
    cos, sin = (r.bfloat16() for r in fast.rotary(visual))
    encode = torch.compile(lambda x: fast.encode_pairs(visual, x, cos, sin), dynamic=False)
    start, seconds = 0, 0.0
    checkpoint = out / "vision.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False)
        optimizer.load(saved["optimizer"])
        start, seconds = saved["step"], saved["seconds"]
    log = CurveLog(out / "vision.csv")
    feed = Feed(shards_root, (config.seed, start), config.augment)
    tick = time.monotonic()
    for step in range(start, config.num_steps):
        examples = feed.draw(config.clips_per_batch, 1)
        targets = pair_targets(examples, vocabulary.encode_examples(examples))
        loss, parts = heads_loss(heads, encode(as_patches(examples)), targets)
        loss.backward()
        optimizer.step(learning_rate_factor(step, config.warmup_steps, config.num_steps))
        done = step + 1
        is_marked = done % 1000 == 0 or done == config.num_steps
        if is_marked:
            optimizer.agree()
        if workers.rank() == 0 and (is_marked or done % 200 == 0):
            spent = seconds + time.monotonic() - tick
            row = {"step": done, "seconds": round(spent, 1), "loss": float(loss.detach()), **parts}
            if is_marked:
                row |= {f"held_out_{k}": v for k, v in evaluate_heads(visual, heads, held_out, vocabulary).items()}
                state = {"visual": visual.state_dict(), "heads": heads.state_dict(), "names": vocabulary.names}
                state |= {"optimizer": optimizer.state(), "step": done, "seconds": spent}
                torch.save(state, checkpoint.with_suffix(".tmp"))
                checkpoint.with_suffix(".tmp").replace(checkpoint)
            log.write(row)
    return heads


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
