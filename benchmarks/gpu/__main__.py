"""Training steps and answers at real size on a CUDA device, against what others run; random weights, no download.

    python benchmarks/gpu                                # all four models; needs a CUDA device and 20 GB of disk
    python benchmarks/gpu --model Qwen2-VL-7B --adapter qlora
    python benchmarks/gpu --tiny --device cpu --dry-run  # try the code on small models

8 frames of 384 px, rank 64, batch 1. Every way starts from the same weights, clip and seed, so the first losses must
agree. Without a CUDA device it says so and ends well. Prints JSON and writes ``benchmarks/results/gpu.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[2]))  # the small models of the tests

import torch
from published import SHAPES, write_model
from steps import measure_steps, sizes

from vidtune.core.durable import write_json

RESULT = Path(__file__).parents[1] / "results" / "gpu.json"
ADAPTERS = ("qlora", "lora")


def main() -> None:
    """Measure and write the result."""
    arguments = parse_arguments()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("benchmarks/gpu: no CUDA device is here, so nothing is measured. --tiny --device cpu tries the code.")
        return
    result = {"device": describe_device(arguments.device), "is_tiny": arguments.tiny, "torch": torch.__version__}
    result["models"] = {shape.name: measure(shape, arguments) for shape in SHAPES if shape.name in arguments.model}
    print(json.dumps(result, indent=2))
    if not arguments.dry_run:
        write_json(arguments.out, result)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [shape.name for shape in SHAPES]
    parser.add_argument("--model", nargs="+", choices=names, default=names)
    parser.add_argument("--adapter", nargs="+", choices=ADAPTERS, default=list(ADAPTERS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small models and clips, to try the code")
    parser.add_argument("--no-answers", action="store_true", help="training steps only")
    parser.add_argument("--out", type=Path, default=RESULT, help="where the result is written")
    parser.add_argument("--dry-run", action="store_true", help="print only")
    return parser.parse_args()


def measure(shape: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one model."""
    from answers import askings, measure_answers  # sets threads for its CPU runs: after the device was looked at

    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_model(shape, Path(scratch) / "model", device=arguments.device, is_tiny=arguments.tiny)
        for settings in sizes(arguments.device, is_tiny=arguments.tiny):
            for adapter in arguments.adapter:
                found[adapter] = measure_steps(folder, adapter, settings)
            if not arguments.no_answers:
                found["answers"] = [
                    measure_answers(folder, settings, asking) for asking in askings(is_tiny=arguments.tiny)
                ]
    return found


def describe_device(device: str) -> dict[str, Any]:
    """Return what the figures were measured on."""
    if not device.startswith("cuda"):
        return {"name": platform.processor() or platform.machine(), "kind": "cpu"}
    properties = torch.cuda.get_device_properties(device)
    return {"name": properties.name, "kind": "cuda", "memory_gib": round(properties.total_memory / 2**30, 1)}


if __name__ == "__main__":
    main()
