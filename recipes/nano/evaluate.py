"""Does nano look? Held-out generic clips, as arrays and as decoded mp4: against blind prior, blank and wrong clips.

    python recipes/nano/evaluate.py WEIGHTS SHARDS OUT.json [PHYSIO_PACK]

Every question of every kind is asked of every clip; an answer counts when greedy decoding gives exactly the
truth. Intervals are 95 %, by bootstrap over answers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import clips_of
import numpy as np
import probe
import render
import teach
import torch

from vidtune.core.durable import write_json
from vidtune.core.hashing import sha256_file
from vidtune.models import ensure_torchvision
from vidtune.packs.generic import PACK, ask

MAIN_KINDS = {
    "colours": ("top", "trousers", "wall", "floor"),
    "posture": ("posture", "posture_check", "trunk"),
    "view": ("view", "facing"),
    "motion": ("still", "moving_part", "movement_check", "action", "pattern"),
    "joints": (
        "left_knee",
        "right_knee",
        "left_elbow",
        "right_elbow",
        "more_bent_knee",
        "more_bent_elbow",
        "higher_hand",
    ),
    "manner": ("tempo", "extent", "count"),
}


def evaluate(weights: Path, shards: Path, num_clips: int, physio: Path | None) -> dict[str, Any]:
    """Return all figures of the model card."""
    ensure_torchvision()
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

    model = Qwen2VLForConditionalGeneration.from_pretrained(weights, dtype=torch.float32).eval()
    packer = teach.Packer(AutoTokenizer.from_pretrained(weights))
    held_out = render.open_shard(shards / "held_out")
    clips = np.arange(num_clips)
    found = {seen: teach.grounded_accuracy(model, packer, held_out, clips, seen) for seen in ("clip", "blank", "other")}
    found["blind_prior"] = _blind_prior(shards, held_out, clips)
    result: dict[str, Any] = {
        "weights_sha256": sha256_file(weights / "model.safetensors"),
        "num_clips": num_clips,
        "held_out": _table(found),
    }
    with tempfile.TemporaryDirectory() as folder:
        decoded = _decoded_shard(Path(folder), held_out, num_clips=60)
        part = np.arange(len(decoded.truths))
        found = {
            seen: teach.grounded_accuracy(model, packer, decoded, part, seen) for seen in ("clip", "blank", "other")
        }
        found["blind_prior"] = _blind_prior(shards, decoded, part)
        result["decoded_mp4"] = {"num_clips": len(decoded.truths), **_table(found)}
    if physio is not None:
        result["physio_probe"] = {
            "note": "ridge regression on frozen vision features, tested on unseen people",
            "accuracy_by_strength": probe.ridge_accuracy(model.model.visual, physio),
        }
    return result


def _decoded_shard(folder: Path, like: render.Shard, num_clips: int) -> render.Shard:
    """Write clips as users' files are, read them back, and keep the truth."""
    PACK.synthesize(folder, PACK.config_class(num_clips=num_clips, clips_per_subject=1, seed=4242))
    samples = [
        s for split in ("train", "val", "test") for s in json.loads((folder / f"generic_{split}.json").read_text())
    ]
    unique = {sample["video"]: sample["truth"] for sample in samples}
    frames = np.stack([clips_of._seen(folder / video) for video in unique])
    return replace(like, frames=frames, truths=[render._truth_of(truth) for truth in unique.values()])


def _blind_prior(shards: Path, held_out: render.Shard, clips: np.ndarray) -> dict[str, list[bool]]:
    """Answer every question with what is most often true of it in the training clips."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for shard in sorted(shards.glob("train_*/done"))[:5]:
        for index, truth in enumerate(render.open_shard(shard.parent).truths):
            for pair in ask(truth, np.random.default_rng([3, index]), 40):
                counts[_key(pair)][pair.answer] += 1
    guesses = {key: counter.most_common(1)[0][0] for key, counter in counts.items()}
    found: dict[str, list[bool]] = {}
    for c in clips:
        for pair in ask(held_out.truths[c], np.random.default_rng([7, int(c)]), 40):
            found.setdefault(pair.kind, []).append(guesses.get(_key(pair)) == pair.answer)
    return found


def _key(pair: Any) -> str:
    # Only yes/no questions and "what does ... do" carry facts that change the prior.
    return pair.question if pair.kind in ("posture_check", "movement_check", "action") else pair.kind


def _table(found: dict[str, dict[str, list[bool]]]) -> dict[str, Any]:
    groups = {**MAIN_KINDS, "all": tuple(found["clip"])}
    kinds = {name: {seen: _interval(found[seen], (name,)) for seen in found} for name in sorted(found["clip"])}
    return {
        "groups": {name: {seen: _interval(found[seen], members) for seen in found} for name, members in groups.items()},
        "kinds": kinds,
    }


def _interval(found: dict[str, list[bool]], kinds: tuple[str, ...]) -> dict[str, float]:
    values = np.array([value for kind in kinds for value in found.get(kind, [])], float)
    rng = np.random.default_rng(0)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(500)]
    low, high = np.quantile(means, (0.025, 0.975))
    return {
        "mean": round(float(values.mean()), 4),
        "ci_low": round(float(low), 4),
        "ci_high": round(float(high), 4),
        "n": len(values),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    weights, shards, out = (Path(argument) for argument in sys.argv[1:4])
    write_json(out, evaluate(weights, shards, 200, Path(sys.argv[4]) if len(sys.argv) > 4 else None))
