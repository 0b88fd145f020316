"""Make nano again, from nothing to weights and figures, with one command.

    python recipes/nano/make.py --out runs/nano

Renders generic clips (20 GB for 60 shards), warms the vision tower up, teaches the whole network, and writes the
model folder, its curves and its held-out figures into ``--out``. Everything continues where it was stopped.
About two hours on two cores; the second core renders while the first trains.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import build
import evaluate
import fast
import plot
import teach
import torch
import warm_vision

from vidtune.core.durable import write_json
from vidtune.models import ensure_torchvision

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_NUM_THREADS": "1",
}
"""Without these glibc hands every large tensor back to the kernel, and half of a step is page faults."""


def make(out: Path, num_shards: int, warm: warm_vision.WarmConfig, teaching: teach.TeachConfig) -> None:
    """Run all stages; finished ones are skipped."""
    torch.set_num_threads(1)
    ensure_torchvision()
    shards = out / "shards"
    renderer = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("render.py")), str(shards), str(num_shards)]
    )
    try:
        tokenizer = build.build_tokenizer(build.tokenizer_text())
        processor = build.build_processor(tokenizer)
        model = build.build_model(tokenizer, build.Shape(), seed=0)
        heads, names = _warm(model, shards, out, warm)
        folder = out / "weights"
        teach.teach(
            model,
            tokenizer,
            shards,
            out,
            teaching,
            heads,
            names,
            lambda step: build.save_folder(model, processor, folder),
        )
    finally:
        renderer.wait() if (out / "teach.pt").exists() else renderer.terminate()
    plot.plot_curves(out, out / "curves.png")


def _warm(model: Any, shards: Path, out: Path, config: warm_vision.WarmConfig) -> tuple[Any, dict[str, list[str]]]:
    """Warm up, or take the finished warm-up from its checkpoint."""
    warm_vision.warm_up(model, shards, out, config)
    saved = torch.load(out / "vision.pt", weights_only=False)
    sizes = [len(saved["names"][field]) for field in warm_vision.CLASS_FIELDS]
    heads = warm_vision.VisionHeads(build.Shape().text_width, sizes)
    load_masters([model.model.visual, heads], saved)
    return heads, saved["names"]


def load_masters(modules: list[torch.nn.Module], saved: dict[str, Any]) -> None:
    """Copy a stage's float32 parameters into modules, in the optimizer's order."""
    order = [p for module in modules for group in fast.parameter_groups(module, 1.0) for p in group["params"]]
    with torch.no_grad():
        for parameter, master in zip(order, saved["optimizer"]["masters"], strict=True):
            parameter.copy_(master)


def main() -> None:
    """Parse, set the allocator, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num-shards", type=int, default=60, help="training shards of 1000 clips")
    parser.add_argument("--warm-steps", type=int, default=warm_vision.WarmConfig.num_steps)
    parser.add_argument("--teach-steps", type=int, default=teach.TeachConfig.num_steps)
    parser.add_argument(
        "--physio", type=Path, help="a written physio pack, to measure probe and zero-shot on; never trained on"
    )
    parser.add_argument("--skip-figures", action="store_true", help="make the weights and curves only")
    arguments = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        os.execve(  # noqa: S606  (the allocator reads its environment only when a process starts)
            sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR}
        )
    warm = warm_vision.WarmConfig(num_steps=arguments.warm_steps)
    make(arguments.out, arguments.num_shards, warm, teach.TeachConfig(num_steps=arguments.teach_steps))
    if not arguments.skip_figures:
        figures = evaluate.evaluate(arguments.out / "weights", arguments.out / "shards", 200, arguments.physio)
        write_json(arguments.out / "results.json", figures)


if __name__ == "__main__":
    main()
