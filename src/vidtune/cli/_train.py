"""``vidtune train``: fine-tune a model as a recipe says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from vidtune.cli._processes import run_in_processes
from vidtune.cli._shell import emit, json_option, progress_bar, set_option
from vidtune.core.errors import BadUsage
from vidtune.core.wording import counted

_BAD_DATA = 65


@click.command()
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.option(
    "--out", type=click.Path(), help="Run directory. An unfinished run there is resumed. [default: runs/RECIPE]"
)
@click.option(
    "--nproc", default=1, show_default=True, type=click.IntRange(min=1), help="Processes that share the work."
)
@click.option(
    "--launcher",
    type=click.Choice(["torch", "ray"]),
    default="torch",
    show_default=True,
    help="What starts them: torch's elastic launcher on this machine, or Ray Train on a cluster.",
)
@click.option(
    "--min-nproc", type=click.IntRange(min=1), help="With --launcher ray: go on with as few. [default: as --nproc]"
)
@click.option(
    "--slurm", type=click.Path(dir_okay=False), metavar="SCRIPT", help="Write a script for sbatch instead, and stop."
)
@click.option("--nodes", type=click.IntRange(min=1), help="With --slurm: machines of --nproc processes. [default: 1]")
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
    launcher: str,
    min_nproc: int | None,
    slurm: str | None,
    nodes: int | None,
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
    _check_options(launcher, min_nproc, nproc, slurm, nodes, is_plain=not (dry_run or overfit or as_json))
    if launcher == "ray":
        from vidtune.cli._ray import run_on_ray

        run_on_ray(Path(recipe), overrides, run_path, workers=nproc, least=min_nproc or nproc)
        _print_finished(run_path)
        return
    arguments = train_arguments(recipe, run_path, overrides, dry_run=dry_run, overfit=overfit, as_json=as_json)
    if slurm:
        _write_slurm_script(Path(slurm), recipe, overrides, arguments, nodes=nodes or 1, per_node=nproc)
        return
    if nproc > 1:
        run_in_processes(arguments, nproc)
        return
    from vidtune.cli._evaluator import GeneratedMetrics, generated_metrics
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import has_learned, is_main_process, load_train_recipe, overfit_config, overfit_verdict
    from vidtune.training import train as run_training

    run = RunDirectory(run_path)
    config = load_train_recipe(Path(recipe), overrides, run, evaluator=generated_metrics)
    if overfit:
        config = overfit_config(config, overfit)
    with progress_bar() as progress:
        evaluator = GeneratedMetrics(progress)
        summary = run_training(config, run, evaluator=evaluator, dry_run=dry_run, progress=progress)
    verdict = [overfit_verdict(summary)] if overfit and not dry_run else []
    if is_main_process():
        emit(summary.to_record(), as_json, "\n".join([summary.to_text(), *verdict]))
    if verdict and not has_learned(summary):
        sys.exit(_BAD_DATA)


def _check_options(
    launcher: str, min_nproc: int | None, nproc: int, slurm: str | None, nodes: int | None, *, is_plain: bool
) -> None:
    """Refuse options that would have no effect together."""
    if nodes is not None and slurm is None:
        raise BadUsage(f"--nodes {nodes} has no effect without --slurm.", "Start torchrun on each machine, or add it.")
    if slurm is not None and launcher == "ray":
        raise BadUsage("--slurm and --launcher ray are both given.", "A script starts torch's launcher; leave one out.")
    if min_nproc is not None and (launcher != "ray" or min_nproc > nproc):
        raise BadUsage(
            f"--min-nproc {min_nproc} has no effect with --launcher {launcher} and --nproc {nproc}.",
            "It is for --launcher ray, and at most --nproc.",
        )
    if launcher == "ray" and not is_plain:
        raise BadUsage(
            "--dry-run, --overfit and --json are for processes on this machine.", "Leave --launcher ray out for them."
        )


def _write_slurm_script(
    path: Path, recipe: str, overrides: Sequence[str], arguments: Sequence[str], *, nodes: int, per_node: int
) -> None:
    """Write the script, if the recipe is one and has work for so many processes."""
    from vidtune.cli._slurm import slurm_script
    from vidtune.config import load_recipe
    from vidtune.core.durable import write_atomic
    from vidtune.training import TrainConfig, World, require_work_for_all

    config = load_recipe(TrainConfig, Path(recipe), overrides)
    require_work_for_all(config.loop.accumulation, World(0, nodes * per_node))
    write_atomic(path, slurm_script(f"vidtune-{Path(recipe).stem}", arguments, nodes=nodes, per_node=per_node))
    click.echo(
        f"{path}: {counted(nodes, 'node')} of {counted(per_node, 'process', 'processes')}. "
        f"Submit it with: sbatch {path}"
    )


def _print_finished(run_path: Path) -> None:
    """Print what the workers, whose words stay on their machines, have made."""
    from vidtune.core.rundir import RunDirectory
    from vidtune.training import read_finished

    summary = read_finished(RunDirectory(run_path))
    if summary is not None:
        click.echo(summary.to_text())


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
