"""``vidtune compare``: two or more runs on the same samples, in pairs."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option, progress_bar
from vidtune.core.durable import write_json
from vidtune.core.errors import BadUsage
from vidtune.core.rundir import RunDirectory

_MAX_NAME = 100


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="BASELINE RUN...")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="Folder of the side-by-side report. [default: compare-NAMES beside the last run]",
)
@json_option
def compare(runs: tuple[str, ...], out: str | None, as_json: bool) -> None:
    """Compare runs on the samples that they answered; the first is what the others are compared with.

    Differences are paired by sample, with intervals clustered by subject. Base and tuned is the case
    of two runs: the comparison, and the report with both, are also written into RUN. Several runs are
    compared in every pair, on the samples that all answered, with ranks and corrected for the number
    of pairs. The folder gets the report of all runs: who is better, where, at what cost, and which
    one to take.
    """
    if len(runs) < 2:
        raise click.UsageError("give at least two run directories.")
    from vidtune.evaluation import compare_many_runs, compare_runs
    from vidtune.reports import write_comparison_reports, write_reports

    found = [RunDirectory(Path(run)) for run in runs]
    names = [run.name for run in found]
    if len(set(names)) < len(names):
        # Before the comparison of two is written into the second: it would speak of the run and itself.
        raise BadUsage(
            f"two runs have the same name: {', '.join(names)}.", "Rename a folder, so that reports can tell them apart."
        )
    folder = Path(out) if out else _folder_beside(found)
    with progress_bar() as progress:
        compared = compare_runs(found[0], found[1]) if len(found) == 2 else compare_many_runs(found)
        record = compared.to_record()
        write_json(folder / "comparison.json", record)
        write_comparison_reports(found, record, folder, progress=progress)
        if len(found) == 2:
            write_reports(found[1], baseline=found[0], progress=progress)
    emit(record, as_json, f"{compared.to_text()}\n\nreport    {folder / 'report.html'}")


def _folder_beside(runs: list[RunDirectory]) -> Path:
    """Return a folder for the report of several runs, named after them."""
    return runs[-1].path.resolve().parent / f"compare-{'-'.join(run.name for run in runs)}"[:_MAX_NAME]
