"""How much of the physio pack can a straight line read off the frozen tower? Measured, never trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import clips_of
import fast
import numpy as np
import torch


@torch.no_grad()
def features(visual: Any, frames_nthwc: np.ndarray) -> np.ndarray:
    """Return per clip: each pair's mean token, and the spread of tokens over time."""
    dtype = visual.patch_embed.proj.weight.dtype
    cos, sin = (r.to(dtype) for r in fast.rotary(visual))
    rows = []
    for part in np.array_split(frames_nthwc, max(1, len(frames_nthwc) // 16)):
        tokens = fast.encode_pairs(visual, fast.to_patches(torch.from_numpy(part)).to(dtype), cos, sin).float()
        tokens = tokens.view(len(part), 4, 16, -1)
        rows.append(
            torch.cat(
                [tokens.mean((1, 2)), tokens.mean(2).std(1), tokens.std(1).mean(1), tokens.mean(1).flatten(1)], dim=1
            ).numpy()
        )
    return np.concatenate(rows)


def ridge_accuracy(visual: Any, folder: Path) -> dict[str, float]:
    """Return the share of unseen subjects' clips whose exercise a ridge regression names, by its strength."""
    train, test = clips_of.read_split(folder, "train"), clips_of.read_split(folder, "test")
    x, z = features(visual, train.frames_nthwc), features(visual, test.frames_nthwc)
    mean, spread = x.mean(0), x.std(0) + 1e-6
    x, z = (x - mean) / spread, (z - mean) / spread
    names = sorted(set(train.labels))
    y = np.array([[label == name for name in names] for label in train.labels], np.float64) - 1 / len(names)
    gram = x @ x.T
    found = {}
    for strength in (0.03, 0.3, 3.0):
        weights = x.T @ np.linalg.solve(gram + strength * np.trace(gram) / len(x) * np.eye(len(x)), y)
        guesses = [names[i] for i in (z @ weights).argmax(1)]
        found[str(strength)] = float(np.mean([g == t for g, t in zip(guesses, test.labels, strict=True)]))
    return found
