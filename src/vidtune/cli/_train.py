"""``vidtune train``: fine-tune a model as a recipe says."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar, set_option


@click.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.option(
    "--out", type=click.Path(), help="Run directory. An unfinished run there is resumed. [default: runs/RECIPE]"
)
@click.option("--dry-run", is_flag=True, help="Check everything, print what would be trained, and stop.")
@set_option
@json_option
def train(recipe: str, out: str | None, dry_run: bool, overrides: tuple[str, ...], as_json: bool) -> None:
    """Fine-tune a model as RECIPE says and write a run directory.

    Everything that can be wrong is checked before weights load. Killed anywhere, the same command
    continues with the same losses.
    """
    from vidtune.cli._evaluator import generated_metrics
    from vidtune.config import load_recipe
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import TrainConfig
    from vidtune.training import train as run_training

    config = load_recipe(TrainConfig, Path(recipe), overrides)
    run = RunDirectory(Path(out) if out else Path("runs") / Path(recipe).stem)
    with progress_bar() as progress:
        summary = run_training(config, run, evaluator=generated_metrics, dry_run=dry_run, progress=progress)
    emit(summary.to_record(), as_json, summary.to_text())
