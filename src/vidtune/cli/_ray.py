"""One training in the workers of a Ray cluster, which may come and go."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from vidtune.core.durable import read_json, write_json
from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import NotInstalled, TryAgain, VidtuneError

_OUTCOME = "ray_outcome.json"
"""In the run directory, which all workers see: the error that no new start can mend."""

_MAX_FAILURES = 5
"""How often lost workers are replaced before the run is given up."""

_PATIENCE_S = 24 * 3600


@dataclass(frozen=True)
class RayWork:
    """What every worker is told; plain values, because it is sent to other machines."""

    recipe: str
    overrides: tuple[str, ...]
    run_path: str
    folder: str
    """Where the command was given; paths in recipes are relative to it."""


def run_on_ray(recipe: Path, overrides: Sequence[str], run_path: Path, *, workers: int, least: int) -> None:
    """Train in so many workers, in fewer while some are missing, and return when the run is finished.

    A worker that is lost ends the attempt; the others are started anew and continue from the last checkpoint, with as
    many as there are. What is learned does not depend on their number.

    Args:
        recipe: File of the recipe.
        overrides: ``key=value`` on top of it.
        run_path: Run directory, on a file system that all machines share.
        workers: The most.
        least: The fewest to go on with.

    Raises:
        NotInstalled: If Ray is not.
        TryAgain: If workers were lost more often than they are replaced.
        SystemExit: If the training itself failed; its error is printed.
    """
    if importlib.util.find_spec("ray") is None:
        raise NotInstalled(
            "--launcher ray needs the package ray, and it is not installed.",
            "Install the extra that brings it: pip install 'vidtune[ray]'; or leave --launcher out.",
        )
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import torch
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    run_path = run_path.absolute()
    run_path.mkdir(parents=True, exist_ok=True)
    outcome = run_path / _OUTCOME
    outcome.unlink(missing_ok=True)
    uses_gpu = _connect(ray, torch, workers)
    trainer = TorchTrainer(
        _train_in_worker,
        train_loop_config=vars(RayWork(str(recipe.absolute()), tuple(overrides), str(run_path), str(Path.cwd()))),
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if uses_gpu else "gloo", timeout_s=_PATIENCE_S),
        scaling_config=ScalingConfig(num_workers=workers if least == workers else (least, workers), use_gpu=uses_gpu),
        run_config=RunConfig(
            name=run_path.name,
            storage_path=str(run_path / "ray"),
            failure_config=FailureConfig(max_failures=_MAX_FAILURES),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as exc:
        if not outcome.exists():
            raise TryAgain(
                f"the workers were lost {_MAX_FAILURES + 1} times: {' '.join(str(exc).split())[:300]}.",
                "Run the same command again; it continues from the last checkpoint.",
            ) from exc
    finally:
        ray.shutdown()
    if outcome.exists():
        record = read_json(outcome)
        outcome.unlink()
        click.echo(record["line"], err=True)
        sys.exit(record["exit_status"])


def _connect(ray: Any, torch: Any, workers: int) -> bool:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine; returns whether it has GPUs to give."""
    if "RAY_ADDRESS" in os.environ:
        ray.init()
    else:
        num_cores = max(workers, num_usable_cores())
        ray.init(num_cpus=num_cores, num_gpus=torch.cuda.device_count(), include_dashboard=False)
    return bool(ray.cluster_resources().get("GPU", 0) >= workers)


def _train_in_worker(settings: dict[str, Any]) -> None:
    """Be one process of the run. Started again after a loss, it continues; after an error of the run, it ends."""
    import torch

    from vidtune.cli._evaluator import generated_metrics
    from vidtune.config import load_recipe
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import TrainConfig, train

    work = RayWork(**settings)
    outcome = Path(work.run_path) / _OUTCOME
    if outcome.exists():
        return
    os.chdir(work.folder)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        config = load_recipe(TrainConfig, Path(work.recipe), work.overrides)
        train(config, RunDirectory(Path(work.run_path)), evaluator=generated_metrics)
    except TryAgain:
        raise
    except VidtuneError as exc:
        write_json(outcome, {"line": f"error[{exc.code}]: {exc}", "exit_status": exc.exit_status})
        raise
