"""``vidtune train``: fine-tune a model as a recipe says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from vidtune.cli._processes import run_in_processes
from vidtune.cli._shell import emit, json_option, progress_bar, set_option

_BAD_DATA = 65


@click.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.option(
    "--out", type=click.Path(), help="Run directory. An unfinished run there is resumed. [default: runs/RECIPE]"
)
@click.option(
    "--nproc", default=1, show_default=True, type=click.IntRange(min=1), help="Processes that share the work."
)
@click.option("--dry-run", is_flag=True, help="Check everything, print what would be trained, and stop.")
@click.option(
    "--overfit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Check instead whether the recipe can teach N samples by heart. Exits 65 when it cannot.",
)
@set_option
@json_option
def train(
    recipe: str,
    out: str | None,
    nproc: int,
    dry_run: bool,
    overfit: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Fine-tune a model as RECIPE says and write a run directory.

    Everything that can be wrong is checked before weights load. Killed anywhere, the same command
    continues with the same losses. Processes share the forward passes of a step
    (loop.accumulation); their number does not change what is learned.
    """
    run_path = Path(out) if out else Path("runs") / (Path(recipe).stem + ("-overfit" if overfit else ""))
    if nproc > 1:
        arguments = train_arguments(recipe, run_path, overrides, dry_run=dry_run, overfit=overfit, as_json=as_json)
        run_in_processes(arguments, nproc)
        return
    from vidtune.cli._evaluator import generated_metrics
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import has_learned, is_main_process, load_train_recipe, overfit_config, overfit_verdict
    from vidtune.training import train as run_training

    run = RunDirectory(run_path)
    config = load_train_recipe(Path(recipe), overrides, run, evaluator=generated_metrics)
    if overfit:
        config = overfit_config(config, overfit)
    with progress_bar() as progress:
        summary = run_training(config, run, evaluator=generated_metrics, dry_run=dry_run, progress=progress)
    verdict = [overfit_verdict(summary)] if overfit and not dry_run else []
    if is_main_process():
        emit(summary.to_record(), as_json, "\n".join([summary.to_text(), *verdict]))
    if verdict and not has_learned(summary):
        sys.exit(_BAD_DATA)


def train_arguments(
    recipe: str | Path,
    out: str | Path,
    overrides: Sequence[str],
    *,
    dry_run: bool = False,
    overfit: int | None = None,
    as_json: bool = False,
) -> list[str]:
    """Return the command line of a training, as each of its processes is given it."""
    arguments = ["train", str(recipe), "--out", str(out)]
    for override in overrides:
        arguments += ["--set", override]
    if overfit:
        arguments += ["--overfit", str(overfit)]
    return arguments + ["--dry-run"] * dry_run + ["--json"] * as_json
