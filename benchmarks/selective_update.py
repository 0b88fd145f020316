"""What it saves that still frames teach ``temporal_lora`` nothing (``adapter.options.skip_still_below``).

Clips of the physio pack, ``nano``, one training step (forward and backward) of batches of four. For every threshold,
in turns and in one process on one thread: CPU seconds of a step (median over rounds), and the bytes that autograd keeps
between forward and backward, each piece of memory counted once. Without a threshold all frames teach. Thresholds are
the quantiles of the motion of these clips, so the share of still frames is about what the key says. With none still,
what is saved is what the written-out backward pass computes again instead of keeping it; with all of them only text
teaches, and less cannot be kept. For scale there is plain LoRA of the same rank.

Run ``python benchmarks/selective_update.py [--clips 20] [--rounds 7]``; the result is written to
``benchmarks/results/selective_update.json``.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidtune.adapters import AdapterConfig, adapter_penalty, attach_adapter, fit_frame_signals, frame_inputs
from vidtune.adapters.temporal._context import context_of
from vidtune.data import Turn
from vidtune.media import FrameSet, SamplingConfig, read_frames
from vidtune.models import LoadedModel, load_model
from vidtune.packs.physio import PACK, PROMPT, PhysioConfig

RESULT = Path(__file__).parent / "results" / "selective_update.json"
TOWERS = {"language": ("language",), "vision and language": ("vision", "language")}
EXERCISES = ("elbow_plank", "pushups", "squats", "tricep_stretch")
STILL_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
BATCH_SIZE = 4
RANK = 32


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="vidtune-still-") as folder:
        clips = draw_clips(Path(folder), arguments.clips)
    record: dict[str, Any] = {
        "machine": machine,
        "num_clips": len(clips),
        "num_frames": len(clips[0].frames_thwc),
        "batch_size": BATCH_SIZE,
        "rank": RANK,
        "rounds": arguments.rounds,
        "towers": {name: measure(towers, clips, arguments.rounds) for name, towers in TOWERS.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


def describe_machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return {
        "cpu": model.partition(":")[2].strip() or platform.processor(),
        "num_cores": os.cpu_count(),
        "torch": torch.__version__,
        "load_before": os.getloadavg()[0],
    }


def draw_clips(folder: Path, num_clips: int) -> list[FrameSet]:
    """Return eight frames of each of some drawn clips, at the size of the recipes."""
    PACK.synthesize(folder, PhysioConfig(num_clips=num_clips, exercises=EXERCISES, size_px=112, workers=1))
    return [read_frames(path, SamplingConfig(num_frames=8)) for path in sorted(folder.rglob("*.mp4"))]


def measure(towers: Sequence[str], clips: Sequence[FrameSet], rounds: int) -> dict[str, Any]:
    """Return CPU seconds and kept bytes of a step for every policy."""
    loaded = load_model("nano", device="cpu", dtype="float32")
    gated = tuned("temporal_lora", towers)
    plain = tuned("lora", towers)
    batches = [encode(loaded, clips[start : start + BATCH_SIZE]) for start in range(0, len(clips), BATCH_SIZE)]
    fit_frame_signals(gated, batches)
    context = context_of(gated)
    assert context is not None
    signals = torch.cat(
        [
            context.prepare(batch["frame_signals"], batch["frame_counts"].tolist(), torch.device("cpu"))
            for batch in batches
        ]
    )
    motion = signals[:, list(context.config.signals).index("motion")].numpy()
    policies: dict[str, tuple[Any, float | None]] = {"plain LoRA": (plain, None), "all frames teach": (gated, None)}
    highest = float(motion.max()) + 1.0
    policies |= {
        f"{share:.0%} still": (gated, highest if share == 1 else float(np.quantile(motion, share)))
        for share in STILL_SHARES
    }
    seconds: dict[str, list[float]] = {name: [] for name in policies}
    kept: dict[str, list[int]] = {name: [] for name in policies}
    for number in range(rounds + 1):
        batch = batches[number % len(batches)]
        for name, (model, threshold) in policies.items():
            context.config.skip_still_below = threshold
            spent_s, num_bytes = step(model, batch, has_signals=model is gated)
            if number:  # the first round warms up
                seconds[name].append(spent_s)
                kept[name].append(num_bytes)
    return {
        name: {
            "motion_threshold": None if threshold is None else round(threshold, 4),
            "still_share": None if threshold is None else round(float((motion < threshold).mean()), 4),
            "cpu_s_median": round(statistics.median(seconds[name]), 5),
            "cpu_s_quartiles": [round(value, 5) for value in np.quantile(seconds[name], [0.25, 0.75]).tolist()],
            "kept_mib": round(statistics.fmean(kept[name]) / 2**20, 3),
            "n": len(seconds[name]),
        }
        for name, (_, threshold) in policies.items()
    }


def tuned(kind: str, towers: Sequence[str]) -> Any:
    """Return nano with an adapter of that kind whose second matrices are not zero."""
    loaded = load_model("nano", device="cpu", dtype="float32")
    torch.manual_seed(0)
    config = AdapterConfig.model_validate(
        {"kind": kind, "rank": RANK, "alpha": 2 * RANK, "dropout": 0.0, "modalities": towers}
    )
    family = loaded.family
    targets: dict[str, str] = {tower: family.linear_targets(tower) for tower in family.modalities}
    model = attach_adapter(loaded.model, config, targets, modality_of=family.modality_of)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    return model.train()


def encode(loaded: LoadedModel, clips: Sequence[FrameSet]) -> dict[str, torch.Tensor]:
    """Return a training batch about these clips, with signals."""
    turns = (Turn("user", PROMPT), Turn("assistant", "squats - Your knees are caving in. Push them out."))
    inputs = loaded.family.encode_training(loaded.processor, [(turns, clip) for clip in clips])
    config = AdapterConfig(kind="temporal_lora")
    per_group = loaded.family.frame_policy.multiple
    return {**inputs, **frame_inputs(config, [clip.frames_thwc for clip in clips], frames_per_group=per_group)}


def step(model: Any, batch: Mapping[str, torch.Tensor], *, has_signals: bool) -> tuple[float, int]:
    """Return CPU seconds of forward and backward, and the bytes that are kept between them."""
    inputs = {name: value for name, value in batch.items() if has_signals or not name.startswith("frame_")}
    num_bytes = kept_bytes(model, inputs)  # in a pass of its own: counting takes time
    began_s = time.process_time()
    loss = model(**inputs, use_cache=False).loss
    penalty = adapter_penalty(model)
    (loss if penalty is None else loss + penalty).backward()
    spent_s = time.process_time() - began_s
    model.zero_grad()
    return spent_s, num_bytes


def kept_bytes(model: Any, inputs: Mapping[str, torch.Tensor]) -> int:
    """Return the bytes that autograd keeps after a forward pass, weights left out."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(**inputs, use_cache=False).loss
    del loss  # until here all of it is in memory, so no two pieces have one address
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    return sum(size for place, size in kept.items() if place not in weights)


if __name__ == "__main__":
    main()
