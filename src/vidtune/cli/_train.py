"""``vidtune train``: fine-tune a model as a recipe says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vidtune.cli._processes import run_in_processes
from vidtune.cli._shell import emit, json_option, progress_bar, set_option


@click.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.option(
    "--out", type=click.Path(), help="Run directory. An unfinished run there is resumed. [default: runs/RECIPE]"
)
@click.option(
    "--nproc", default=1, show_default=True, type=click.IntRange(min=1), help="Processes that share the work."
)
@click.option("--dry-run", is_flag=True, help="Check everything, print what would be trained, and stop.")
@set_option
@json_option
def train(recipe: str, out: str | None, nproc: int, dry_run: bool, overrides: tuple[str, ...], as_json: bool) -> None:
    """Fine-tune a model as RECIPE says and write a run directory.

    Everything that can be wrong is checked before weights load. Killed anywhere, the same command
    continues with the same losses. Processes share the forward passes of a step
    (loop.accumulation); their number does not change what is learned.
    """
    if nproc > 1:
        run_in_processes(train_arguments(recipe, out, overrides, dry_run=dry_run, as_json=as_json), nproc)
        return
    from vidtune.cli._evaluator import generated_metrics
    from vidtune.config import load_recipe
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import TrainConfig, is_main_process
    from vidtune.training import train as run_training

    config = load_recipe(TrainConfig, Path(recipe), overrides)
    run = RunDirectory(Path(out) if out else Path("runs") / Path(recipe).stem)
    with progress_bar() as progress:
        summary = run_training(config, run, evaluator=generated_metrics, dry_run=dry_run, progress=progress)
    if is_main_process():
        emit(summary.to_record(), as_json, summary.to_text())


def train_arguments(
    recipe: str | Path,
    out: str | Path | None,
    overrides: Sequence[str],
    *,
    dry_run: bool = False,
    as_json: bool = False,
) -> list[str]:
    """Return the command line of a training, as each of its processes is given it."""
    arguments = ["train", str(recipe)]
    if out is not None:
        arguments += ["--out", str(out)]
    for override in overrides:
        arguments += ["--set", override]
    return arguments + ["--dry-run"] * dry_run + ["--json"] * as_json
