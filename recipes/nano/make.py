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
from dataclasses import dataclass
from pathlib import Path

import build
import evaluate
import plot
import teach
import torch
import warm_vision
import workers

from vidtune.core.durable import write_json
from vidtune.models import ensure_torchvision

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_NUM_THREADS": "1",
}
"""Without these glibc hands every large tensor back to the kernel, and half of a step is page faults."""


@dataclass(frozen=True)
class MakeConfig:
    """Everything about one run."""

    out: Path
    num_shards: int = 45
    num_workers: int = 2
    warm: warm_vision.WarmConfig = warm_vision.WarmConfig()
    teaching: teach.TeachConfig = teach.TeachConfig()


def make(config: MakeConfig) -> None:
    """Run all stages; finished ones are skipped."""
    renderer = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("render.py")), str(config.out / "shards"), str(config.num_shards)]
    )
    try:
        workers.run(train, config.num_workers, config.out, config)
    finally:
        renderer.terminate()
    plot.plot_curves(config.out, config.out / "curves.png")


def train(config: MakeConfig) -> None:
    """Warm up and teach; what every worker runs."""
    torch.set_num_threads(1)
    ensure_torchvision()
    shards = config.out / "shards"
    tokenizer = build.build_tokenizer(build.tokenizer_text())
    processor = build.build_processor(tokenizer)
    model = build.build_model(tokenizer, build.Shape(), seed=0)
    warm_vision.warm_up(model, shards, config.out, config.warm)
    workers.wait()
    teach.teach(
        model, tokenizer, shards, config.out, config.teaching,
        lambda step: build.save_folder(model, processor, config.out / "weights"),
    )  # fmt: skip


def main() -> None:
    """Parse, set the allocator, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num-shards", type=int, default=MakeConfig.num_shards, help="training shards of 1000 clips")
    parser.add_argument("--workers", type=int, default=MakeConfig.num_workers, help="processes of one core each")
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
    teaching = teach.TeachConfig(num_steps=arguments.teach_steps)
    make(MakeConfig(arguments.out, arguments.num_shards, arguments.workers, warm, teaching))
    if not arguments.skip_figures:
        figures = evaluate.evaluate(arguments.out / "weights", arguments.out / "shards", 200, arguments.physio)
        write_json(arguments.out / "results.json", figures)


if __name__ == "__main__":
    main()
