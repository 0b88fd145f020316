"""Begin or take up the run directory of a training: its recipe, and the environment it began in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vidtune.config import config_hash, dump_config
from vidtune.core.durable import write_atomic, write_json
from vidtune.core.environment import describe_environment
from vidtune.core.errors import RunMismatch
from vidtune.core.rundir import RunDirectory
from vidtune.training._config import TrainConfig


def claim(config: TrainConfig, run: RunDirectory) -> None:
    """Write the recipe into a new run; refuse a run of another recipe.

    Raises:
        RunMismatch: Naming the first lines that differ.
    """
    if not run.recipe.exists():
        write_json(run.environment, _environment())
        write_atomic(run.recipe, dump_config(config))
        return
    first_line = run.recipe.read_text(encoding="utf-8").partition("\n")[0]
    if first_line != f"# hash: {config_hash(config)}":
        raise RunMismatch(
            f"{run.recipe} is another recipe ({first_line.removeprefix('# hash: ')[:12]}, "
            f"this one is {config_hash(config)[:12]}): {_first_differences(run.recipe, config)}.",
            "Use a new run directory, or the recipe that began this run.",
        )


def _first_differences(path: Path, config: TrainConfig) -> str:
    old = path.read_text(encoding="utf-8").splitlines()[1:]
    new = dump_config(config).splitlines()[1:]
    removed = [line.strip() for line in old if line not in new]
    added = [line.strip() for line in new if line not in old]
    return f"there {', '.join(removed[:3]) or 'nothing more'}; here {', '.join(added[:3]) or 'nothing more'}"


def _environment() -> dict[str, Any]:
    packages = ("vidtune", "torch", "transformers", "peft", "bitsandbytes", "av", "numpy", "safetensors")
    return {
        **describe_environment(packages),
        "num_threads": torch.get_num_threads(),
        "cuda_devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }
